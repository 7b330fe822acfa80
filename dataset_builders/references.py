"""Who lists whom: references as they are read, and cleaned."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .product import SOURCES, BuildError, id_problem
from .vocabulary import Vocabulary

_PACKED = 1 << 18  # ids, when they are packed as text
_NUMBERED = 8  # packed chunks that are numbered in one go
#: Places in a list that are told apart, a power of two; what stands further down shares the last.
PLACES = 1 << 10


@dataclass(frozen=True, slots=True)
class References:
    """Directed references r of items to other ids, sorted by item, other, source; none twice.

    Attributes:
        item: [r] int32, who lists.
        other: [r] int32, who is listed; from ``n_items`` on an outsider. Never the item itself.
        source: [r] int8, index into :data:`~.product.SOURCES`.
        place: [r] int16, where in the item's list of that source, from 0; below :data:`PLACES`.
    """

    item: np.ndarray
    other: np.ndarray
    source: np.ndarray
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.item)

    def keep(self, mask: np.ndarray) -> References:
        """The references where ``mask`` [r] bool holds."""
        return References(self.item[mask], self.other[mask], self.source[mask], self.place[mask])

    @classmethod
    def clean(cls, columns: Iterable[np.ndarray], n_ids: int) -> References:
        """References in any order, some perhaps more than once: the first place counts.

        Args:
            columns: item, other, source and place, [r] each, as above. They are taken one by one,
                so that not all of them need be in memory.
            n_ids: how many ids there are, items and outsiders.

        Raises:
            BuildError: there are too many ids for one integer a reference.
        """
        # One integer for a reference, sorted in place, costs a third of sorted columns.
        if n_ids**2 * len(SOURCES) * PLACES > np.iinfo(np.int64).max:
            raise BuildError(
                f"Expected at most some 35 million products, listed ones outside the catalogue "
                f"among them, found {n_ids:,}; build from fewer files."
            )
        columns = iter(columns)
        key = next(columns).astype(np.int64)
        for size in (n_ids, len(SOURCES), PLACES):
            key *= size
            key += next(columns)
        key.sort()
        first = np.ones(len(key), dtype=bool)
        first[1:] = (key[1:] ^ key[:-1]) >= PLACES  # they differ in more than the place
        key = key[first]
        place = (key % PLACES).astype(np.int16)
        key //= PLACES
        source = (key % len(SOURCES)).astype(np.int8)
        key //= len(SOURCES)
        other = (key % n_ids).astype(np.int32)
        key //= n_ids
        return cls(key.astype(np.int32), other, source, place)


@dataclass(frozen=True, slots=True)
class Dropped:
    """References that were dropped, by reason.

    Attributes:
        self_relations: of an item to itself.
        duplicates: said before by the same item and source.
        unusable_ids: to what cannot be an id.
        sources_without_ids: those that list something, but not one usable id.
    """

    self_relations: int
    duplicates: int
    unusable_ids: int
    sources_without_ids: tuple[str, ...]


class ReferenceLog:
    """Takes references as they are read: the ids as packed text, the rest run by run."""

    def __init__(self) -> None:
        self._pending: list[object] = []
        self._chunks: deque[pa.StringArray] = deque()
        # A run is what one line lists under one source.
        self._item, self._source, self._length = array("i"), array("b"), array("i")

    def add(self, item: int, others: Iterable[object], source: str) -> None:
        """Item number ``item`` lists ``others`` under ``source``."""
        before = len(self._pending)
        self._pending.extend(others)
        self._item.append(item)
        self._source.append(SOURCES.index(source))
        self._length.append(len(self._pending) - before)
        if len(self._pending) >= _PACKED:
            self._pack()

    def finish(self, ids: Vocabulary) -> tuple[References, Dropped]:
        """Number what is listed and clean up.

        Args:
            ids: the items; gains the usable ids that are none of them.
        """
        self._pack()
        length = np.asarray(self._length)
        other = np.empty(length.sum(), np.int32)
        end = 0
        while self._chunks:
            some = [self._chunks.popleft() for _ in range(min(_NUMBERED, len(self._chunks)))]
            chunk = pa.concat_arrays(some)
            other[end : end + len(chunk)] = _numbers(chunk, ids)
            end += len(chunk)
        pa.default_memory_pool().release_unused()  # numpy cannot use what Arrow keeps in reserve
        item = np.repeat(np.asarray(self._item), length)
        usable, own = other >= 0, other == item
        n_own, n_unusable = int(own.sum()), int((~usable).sum())
        without_ids = _without_ids(np.repeat(np.asarray(self._source), length), usable)
        keep = usable & ~own
        item, other = item[keep], other[keep]

        def columns() -> Iterator[np.ndarray]:
            yield item
            yield other
            yield np.repeat(np.asarray(self._source), length)[keep]
            place = np.arange(len(keep), dtype=np.int32)
            place -= np.repeat((length.cumsum() - length).astype(np.int32), length)
            yield np.minimum(place[keep], PLACES - 1)

        references = References.clean(columns(), len(ids))
        return references, Dropped(n_own, len(item) - len(references), n_unusable, without_ids)

    def _pack(self) -> None:
        try:
            packed = pa.array(self._pending, pa.string())
        except (pa.ArrowException, UnicodeEncodeError):  # not all are text, or well-formed
            packed = pa.array("" if id_problem(other) else other for other in self._pending)
        self._chunks.append(pc.fill_null(packed, ""))
        self._pending.clear()


def _without_ids(source: np.ndarray, usable: np.ndarray) -> tuple[str, ...]:
    """The sources that list something, but nothing usable.

    Args:
        source: [r] int8, index into :data:`~.product.SOURCES`.
        usable: [r] bool, whether what is listed can be an id.
    """
    return tuple(
        name
        for code, name in enumerate(SOURCES)
        if (listed := source == code).any() and not (listed & usable).any()
    )


def _numbers(chunk: pa.StringArray, ids: Vocabulary) -> np.ndarray:
    """[chunk] int32: numbers of the ids, -1 for what cannot be one."""
    words = pc.dictionary_encode(chunk)
    numbers = ids.find(words.dictionary)
    unknown = np.flatnonzero(numbers < 0)
    texts = words.dictionary.take(pa.array(unknown)).to_pylist()
    usable = np.array([id_problem(text) is None for text in texts], dtype=bool)
    numbers[unknown[usable]] = ids.append(words.dictionary.take(pa.array(unknown[usable])))
    return numbers[words.indices.to_numpy()]
