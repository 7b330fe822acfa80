"""What the audit checks in the ``.inter`` files and ``behaviour.parquet``.

Every check takes the folder and yields findings; a check that does not apply yields none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..keys import contains, pair_keys
from ..product import SOURCES
from ..vocabulary import Vocabulary
from .findings import Finding, Severity
from .reading import Folder, Rows

_EXAMPLES = 3
_ROW_GROUPS = 4  # of behaviour.parquet, read at a time
_HELD_OUT = ("valid", "test")


def pairs_in_two_phases(folder: Folder) -> Iterator[Finding]:
    """A pair in two of train, valid and test: in either direction, under either relation."""
    keys = {phase: np.sort(_pairs(folder, rows)) for phase, rows in folder.rows.items()}
    for one, other in combinations(keys, 2):
        if len(common := np.unique(keys[other][contains(keys[one], keys[other])])):
            both = contains(common, _pairs(folder, folder.rows[other]))
            yield Finding(
                "leak",
                f"{other}-in-{one}",
                len(common),
                f"pair of {other} is in {one} as well, in this or the other direction or relation",
                _examples(folder, folder.rows[other], both),
            )


def held_out_in_behaviour(folder: Folder) -> Iterator[Finding]:
    """A held-out pair, or under a cold split a cold item, in ``behaviour.parquet``."""
    path = folder.path / "behaviour.parquet"
    if not path.exists():
        if folder.ours:
            yield Finding("error", "missing-file", 1, "behaviour.parquet is missing")
        return
    if not folder.between_items:
        return
    held_out = (_pairs(folder, rows) for rows in _held_out(folder))
    secret = np.sort(np.concatenate([np.empty(0, np.int64), *held_out]))
    cold, n = _cold(folder), len(folder.items)
    rows = leaks = cold_rows = foreign = own = wrong = 0
    leak_examples: list[str] = []
    file = pq.ParquetFile(path)
    for table in _tables(file, ["item", "other", "in_catalogue"]):
        item, other = (_find(folder, table.column(name)) for name in ("item", "other"))
        inside = pc.fill_null(table.column("in_catalogue").cast(pa.bool_()), False).to_numpy()
        between = (item >= 0) & (other >= 0)
        known = np.zeros(len(item), dtype=bool)
        known[between] = contains(secret, pair_keys(item[between], other[between], n))
        rows += len(item)
        leaks += int(known.sum())
        for row in np.flatnonzero(known)[: _EXAMPLES - len(leak_examples)]:
            leak_examples.append(" ~ ".join(_tokens(folder, item[row], other[row])))
        cold_rows += int((cold[item] & (item >= 0) | cold[other] & (other >= 0)).sum())
        foreign += int((item < 0).sum())
        own += int((between & (item == other)).sum())
        wrong += int((inside != (other >= 0)).sum())
    folder.counts["behaviour rows"] = rows
    if leaks:
        yield Finding(
            "leak",
            "held-out-in-behaviour",
            leaks,
            "row of behaviour.parquet is a held-out pair, in this or the other direction",
            tuple(leak_examples),
        )
    if cold_rows:
        message = "row of behaviour.parquet has a cold item"
        yield Finding("leak", "cold-in-behaviour", cold_rows, message)
    if foreign:
        message = "row of behaviour.parquet is by an item that is not in the catalogue"
        yield Finding("error", "unknown-in-behaviour", foreign, message)
    if own:
        message = "row of behaviour.parquet is of an item with itself"
        yield Finding("error", "self-in-behaviour", own, message)
    if wrong:
        message = "row of behaviour.parquet says wrongly whether the other is in the catalogue"
        yield Finding("error", "in-catalogue", wrong, message)


def lists_of_behaviour(folder: Folder) -> Iterator[Finding]:
    """The lists of ``behaviour.parquet``: from known sources, whole, and without gaps.

    A place left free in a list tells where a held-out item stood.
    """
    path = folder.path / "behaviour.parquet"
    if not (path.exists() and folder.ours):
        return
    file = pq.ParquetFile(path)
    if "place" not in file.schema_arrow.names:
        message = "behaviour.parquet has no column place; build the dataset again"
        yield Finding("error", "no-places", 1, message)
        return
    sources = Vocabulary(pa.array(SOURCES))
    length, last = (np.zeros(len(folder.items) * len(SOURCES), np.int32) for _ in range(2))
    of_source, misplaced = np.zeros(1 + len(SOURCES), np.int64), 0  # the first: of none of them
    for table in _tables(file, ["item", "source", "place"]):
        item, source = _find(folder, table.column("item")), _coded(table.column("source"), sources)
        place = pc.fill_null(table.column("place").cast(pa.int64()), -1).to_numpy()
        of_source += np.bincount(source + 1, minlength=len(of_source))
        misplaced += int((place < 0).sum())
        rows = (item >= 0) & (source >= 0)
        list_of = item[rows].astype(np.int64) * len(SOURCES) + source[rows]
        length += np.bincount(list_of, minlength=len(length)).astype(np.int32)
        np.maximum.at(last, list_of, place[rows])
    if gaps := int((last > np.maximum(length - 1, 0)).sum()):
        message = "list of behaviour.parquet has a gap, where something held out may have stood"
        yield Finding("leak", "gap-in-list", gaps, message)
    if misplaced:
        message = "row of behaviour.parquet has no place in its list, from 0"
        yield Finding("error", "no-place", misplaced, message)
    if of_source[0]:
        message = f"row of behaviour.parquet is of none of the sources {', '.join(SOURCES)}"
        yield Finding("error", "unknown-source", int(of_source[0]), message)
    said = folder.document.get("behaviour_rows", {})
    for source, count in zip(SOURCES, of_source[1:].tolist(), strict=True):
        if said and count != said.get(source, 0):
            message = f"dataset.json says {said.get(source, 0)} rows of {source}: {count}"
            yield Finding("error", "behaviour-rows", 1, message)


def cold_items_in_training(folder: Folder) -> Iterator[Finding]:
    """Under a cold split, an item asked about in valid or test that has a training row."""
    if "train" not in folder.rows:
        return
    cold, train = _cold(folder), folder.rows["train"]
    seen = cold[train.query] | cold[train.target] if cold.any() else np.zeros(len(train), bool)
    if seen.any():
        yield Finding(
            "leak",
            "cold-in-train",
            int(seen.sum()),
            "row of train has a cold item",
            _examples(folder, train, seen),
        )


def warm_items_without_training(folder: Folder) -> Iterator[Finding]:
    """Under a warm split, an item of a held-out pair that has no training row."""
    if not (folder.split == "warm" and folder.between_items and "train" in folder.rows):
        return
    trained = _mask(folder, [folder.rows["train"]])
    lost = _mask(folder, _held_out(folder)) & ~trained
    if lost.any():
        message = "item of a held-out pair has no training row, though the split is warm"
        yield Finding("error", "untrained", int(lost.sum()), message, _item_examples(folder, lost))


def self_pairs(folder: Folder) -> Iterator[Finding]:
    """An item recommended for itself."""
    if not folder.between_items:
        return
    for phase, rows in folder.rows.items():
        own = rows.query == rows.target
        if own.any():
            message = f"row of {phase} pairs an item with itself"
            examples = _examples(folder, rows, own)
            yield Finding("error", "self-pair", int(own.sum()), message, examples)


def duplicate_rows(folder: Folder) -> Iterator[Finding]:
    """The same question and answer twice in one file."""
    for phase, rows in folder.rows.items():
        keys = _directed(folder, rows)
        in_order = np.sort(keys)
        if (in_order[1:] != in_order[:-1]).all():
            continue
        order = np.argsort(keys, kind="stable")
        again = np.zeros(len(keys), dtype=bool)
        again[order[1:]] = in_order[1:] == in_order[:-1]
        message = f"row of {phase} is there already"
        examples = _examples(folder, rows, again)
        yield Finding("error", "duplicate", int(again.sum()), message, examples)


def one_way_rows(folder: Folder) -> Iterator[Finding]:
    """A pair written in one direction only, where both ends are to be asked."""
    if not folder.between_items:
        return
    for phase, rows in folder.rows.items():
        if phase != "train" and folder.split != "warm":
            continue
        turned = _directed(folder, Rows(rows.relation, rows.target, rows.query))
        there = np.sort(_directed(folder, rows))
        if np.array_equal(there, np.sort(turned)):  # far quicker than looking up each
            continue
        alone = ~contains(there, turned)
        if alone.any():
            message = f"row of {phase} lacks the other direction"
            severity: Severity = "error" if folder.ours else "warning"
            examples = _examples(folder, rows, alone)
            yield Finding(severity, "one-way", int(alone.sum()), message, examples)


def unknown_tokens(folder: Folder) -> Iterator[Finding]:
    """Items that are not in ``.item``, queries that are not in ``.user``."""
    for phase, rows in folder.rows.items():
        if folder.n_listed is not None:
            strange = rows.target >= folder.n_listed
            if strange.any():
                message = f"row of {phase} has an item that is not in {folder.name}.item"
                examples = _examples(folder, rows, strange)
                yield Finding("error", "unknown-item", int(strange.sum()), message, examples)
        if folder.listed_queries is not None:
            listed = _queries(folder, *folder.listed_queries.T)
            strange = ~contains(np.sort(listed), _queries(folder, rows.relation, rows.query))
            if strange.any():
                message = f"row of {phase} has a query that is not in {folder.name}.user"
                examples = _examples(folder, rows, strange)
                yield Finding("error", "unknown-query", int(strange.sum()), message, examples)


ALL = (
    pairs_in_two_phases,
    held_out_in_behaviour,
    lists_of_behaviour,
    cold_items_in_training,
    warm_items_without_training,
    self_pairs,
    duplicate_rows,
    one_way_rows,
    unknown_tokens,
)


def _held_out(folder: Folder) -> list[Rows]:
    return [folder.rows[phase] for phase in _HELD_OUT if phase in folder.rows]


def _pairs(folder: Folder, rows: Rows) -> np.ndarray:
    """[r] int64: the pair of each row; unordered when queries are items."""
    if folder.between_items:
        return pair_keys(rows.query, rows.target, len(folder.items))
    return rows.query.astype(np.int64) * len(folder.items) + rows.target


def _queries(folder: Folder, relation: np.ndarray, query: np.ndarray) -> np.ndarray:
    """[r] int64: one number for a query."""
    n = len(folder.items) if folder.between_items else len(folder.users)
    return relation.astype(np.int64) * n + query


def _directed(folder: Folder, rows: Rows) -> np.ndarray:
    """[r] int64: one number for a query and its target."""
    return _queries(folder, rows.relation, rows.query) * len(folder.items) + rows.target


def _mask(folder: Folder, all_rows: list[Rows], targets: bool = True) -> np.ndarray:
    """[items] bool: the item is in one of the rows."""
    mask = np.zeros(len(folder.items), dtype=bool)
    for rows in all_rows:
        mask[rows.query] = True
        if targets:
            mask[rows.target] = True
    return mask


def _cold(folder: Folder) -> np.ndarray:
    """[items] bool: the item is asked about in valid or test of a cold split."""
    rows = _held_out(folder) if folder.split == "cold" and folder.between_items else []
    return _mask(folder, rows, targets=False)


def _tables(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.Table]:
    """Columns of the file, some row groups at a time."""
    for start in range(0, file.num_row_groups, _ROW_GROUPS):
        groups = range(start, min(start + _ROW_GROUPS, file.num_row_groups))
        yield file.read_row_groups(groups, columns=columns)
    pa.default_memory_pool().release_unused()  # numpy cannot use what Arrow keeps in reserve


def _find(folder: Folder, column: pa.ChunkedArray) -> np.ndarray:
    """Numbers of a Parquet column of item ids, -1 for those not in ``.item``."""
    numbers = _coded(column, folder.items)
    if folder.n_listed is not None:
        numbers[numbers >= folder.n_listed] = -1
    return numbers


def _coded(column: pa.ChunkedArray, known: Vocabulary) -> np.ndarray:
    """Numbers of a Parquet column of words, -1 for those that are not known."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    words = column.unify_dictionaries().combine_chunks()
    numbers = np.append(known.find(words.dictionary), np.int32(-1))
    return numbers[pc.fill_null(words.indices.cast(pa.int32()), -1).to_numpy()]


def _tokens(folder: Folder, *numbers: int) -> list[str]:
    return [folder.items.tokens[int(number)].as_py() for number in numbers]


def _examples(folder: Folder, rows: Rows, mask: np.ndarray) -> tuple[str, ...]:
    return tuple(
        f"{folder.query_token(int(rows.relation[row]), int(rows.query[row]))} → "
        f"{folder.items.tokens[int(rows.target[row])].as_py()}"
        for row in np.flatnonzero(mask)[:_EXAMPLES]
    )


def _item_examples(folder: Folder, mask: np.ndarray) -> tuple[str, ...]:
    return tuple(_tokens(folder, *np.flatnonzero(mask)[:_EXAMPLES]))
