"""What a look at features needs of the catalogue: ids, titles, categories, in ``.item`` order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from recbole_mmsc.data.built import catalogue_columns


class UnknownItem(ValueError):
    """The catalogue has no item of that id; the message names the nearest one, or an example."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The n items of a dataset; texts stay in Arrow, where a million of them are small.

    Attributes:
        name: of the dataset.
        ids: ``[n]`` item ids.
        titles: ``[n]`` titles, null or empty where there is none.
        categories: ``[n]`` category paths joined by " > ", null or empty where there is none.
    """

    name: str
    ids: list[str]
    titles: pa.ChunkedArray
    categories: pa.ChunkedArray

    def title(self, row: int) -> str:
        """Title of an item, "" if it has none; anything may stand in it."""
        return self.titles[row].as_py() or ""

    def category(self, row: int) -> str:
        """Category path of an item, "" if it has none."""
        return self.categories[row].as_py() or ""

    def rows(self, item_ids: Iterable[str]) -> list[int]:
        """The rows of these items, each once.

        Raises:
            UnknownItem: one of them is not in the catalogue.
        """
        wanted = dict.fromkeys(item_ids)
        found = {item_id: row for row, item_id in enumerate(self.ids) if item_id in wanted}
        for item_id in wanted:
            if item_id not in found:
                raise UnknownItem(self._unknown(item_id))
        return [found[item_id] for item_id in wanted]

    def _unknown(self, item_id: str) -> str:
        said = f"Expected ids of items in {self.name}, got {item_id!r}."
        if not self.ids:
            return f"{said} The catalogue is empty."
        # One slip of the finger leaves one half of an id as it was; the exact measure of likeness
        # would take minutes over a whole catalogue.
        folded, half = item_id.casefold(), max(len(item_id) // 2, 1)
        beginning, end = folded[:half], folded[-half:]
        alike = {
            known.casefold(): known
            for known in self.ids
            if known.casefold().startswith(beginning) or known.casefold().endswith(end)
        }
        if near := difflib.get_close_matches(folded, alike, n=1):
            return f"{said} Did you mean {alike[near[0]]!r}?"
        return f"{said} An id looks like {self.ids[0]!r}."


def read_catalogue(folder: Path) -> Catalogue:
    """The catalogue of a dataset folder.

    Raises:
        FileNotFoundError: the folder has none.
        ValueError: it is damaged, or has other columns.
    """
    table = catalogue_columns(folder, "item_id", "title", "category")
    titles, categories = table["title"], table["category"]
    return Catalogue(folder.resolve().name, table["item_id"].to_pylist(), titles, categories)
