"""The catalogue: every product once, in little memory.

:class:`CatalogueBuilder` takes products as they are read and :meth:`~CatalogueBuilder.finish`
turns them into a :class:`Catalogue`. Only the items' own ids stay in memory as Python objects:
texts go to disk (:mod:`.spill`), references into packed arrays (:mod:`.references`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from .product import Product, UnusableRecord, id_problem
from .references import Dropped, ReferenceLog, References
from .spill import FIELDS, Spill
from .vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A finished catalogue of n items, numbered 0 … n-1 in the order of their first line.

    Attributes:
        ids: every id as Arrow strings: the n items, then the outsiders that items refer to.
        n_items: n.
        references: who lists whom.
        dropped: references that were no use.
        with_field: field (one of :data:`~.spill.FIELDS`) → number of items that have it.
        lines: products added, before duplicates were merged.
    """

    ids: pa.StringArray
    n_items: int
    references: References
    dropped: Dropped
    with_field: dict[str, int]
    lines: int
    _spill: Spill

    @property
    def item_ids(self) -> pa.StringArray:
        """[n] the items' ids."""
        return self.ids[: self.n_items]

    @property
    def outsider_ids(self) -> pa.StringArray:
        """The ids outside the catalogue: the numbers from n on."""
        return self.ids[self.n_items :]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The items' rows in order, some thousand at a time (:data:`~.spill.SCHEMA`)."""
        return self._spill.batches()

    @property
    def table(self) -> pa.Table:
        """All rows in one table; for catalogues that fit in memory."""
        return self._spill.table()


class CatalogueBuilder:
    """Collects products.

    Args:
        scratch: folder for the anonymous temporary file that holds the texts meanwhile; by
            default the system's.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self._number: dict[str, int] = {}
        self._lines = 0
        self._spill = Spill(scratch)
        self._references = ReferenceLog()

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._number

    def item_ids(self) -> list[str]:
        """The distinct products so far, in the order of their first line."""
        return list(self._number)

    def add(self, product: Product) -> None:
        """Add a product; one already known gains fields that were empty and references.

        Raises:
            UnusableRecord: its id cannot name an item.
        """
        number = self._number.get(product.item_id)
        if number is None:
            if problem := id_problem(product.item_id):
                raise UnusableRecord(problem)
            number = self._number[product.item_id] = self._spill.append(product)
        else:
            self._spill.fill(number, product)
        self._lines += 1
        for source, others in product.references.items():
            self._references.add(number, others, source)

    def add_references(self, item_id: str, others: Iterable[str], source: str) -> None:
        """Add references of a product that is in the catalogue already (co-reviews).

        Raises:
            KeyError: the item is not in the catalogue.
        """
        if item_id not in self._number:
            raise KeyError(f"Expected an item of the catalogue, got {item_id!r}: add it first.")
        self._references.add(self._number[item_id], others, source)

    def finish(self) -> Catalogue:
        """Number the outsiders after the items and clean the references."""
        n_items = len(self._number)
        ids = Vocabulary(pa.array(self._number, pa.string(), size=n_items))
        self._number.clear()
        references, dropped = self._references.finish(ids)
        return Catalogue(
            ids=ids.tokens,
            n_items=n_items,
            references=references,
            dropped=dropped,
            with_field=dict(zip(FIELDS, self._spill.filled_counts(), strict=True)),
            lines=self._lines,
            _spill=self._spill,
        )
