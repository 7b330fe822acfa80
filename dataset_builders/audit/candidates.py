"""What the audit checks in fixed candidates, ``candidates/<phase>.parquet``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..keys import contains, pair_keys
from .findings import Finding, Severity
from .noise import is_random_noise
from .reading import Folder, Rows

_LISTS = 1024  # read at a time, each of about a thousand items
_NONE = np.empty(0, dtype=np.int64)
_FAULTS: tuple[tuple[Severity, str, str], ...] = (
    ("leak", "positive-among-candidates", "is a positive of its query"),
    ("leak", "query-among-candidates", "is the query item itself"),
    ("error", "duplicate-candidate", "is listed twice for one query"),
    ("error", "unknown-candidate", "or its query is not in the catalogue"),
)


def candidate_lists(folder: Folder) -> Iterator[Finding]:
    """``candidates/<phase>.parquet``: columns ``query`` (token), ``candidates`` (negative items).

    Numbers measured with these lists are spoilt by the query item itself and by its positives: of
    its own relation in any phase, and of the other relation where they are held out. Pairs
    planted in training as random noise are no positives.
    """
    paths = sorted((folder.path / "candidates").glob("*.parquet"))
    drawn = folder.document.get("candidates")  # a dataset may have been made without
    if drawn and drawn["phase"] not in [path.stem for path in paths]:
        message = f"candidates/{drawn['phase']}.parquet is missing"
        yield Finding("error", "missing-file", 1, message)
    if not paths or not folder.between_items:
        return
    positives = _positives(folder)
    for path in paths:
        recorded = drawn if drawn and drawn["phase"] == path.stem else None
        expected = None
        if recorded and folder.as_recorded:
            expected = _lengths(folder, recorded["negatives"])
        counts, short, asked = np.zeros(len(_FAULTS), dtype=np.int64), 0, []
        for batch in pq.ParquetFile(path).iter_batches(_LISTS, columns=["query", "candidates"]):
            counts += _count_faults(folder, batch, positives)
            relation, query = _queries(folder, batch)
            asked.append(_key(folder, relation, query, 0)[(relation >= 0) & (query >= 0)])
            if expected is not None:
                lengths = pc.fill_null(pc.list_value_length(batch.column("candidates")), 0)
                short += int((lengths.to_numpy() != expected[query]).sum())
        folder.counts[f"lists of {path.stem} candidates"] = lists = sum(map(len, asked))
        if repeated := lists - (distinct := len(np.unique(np.concatenate([_NONE, *asked])))):
            message = f"query has more than one list in {path.name}"
            yield Finding("error", "repeated-query", repeated, message)
        if recorded and distinct != (said := sum(recorded["queries"].values())):
            message = f"dataset.json says {said} queries with lists in {path.name}: {distinct}"
            yield Finding("error", "candidate-lists", 1, message)
        if short:
            message = f"list in {path.name} has another length than dataset.json says"
            yield Finding("error", "candidate-lists", short, message)
        for (severity, check, what), count in zip(_FAULTS, counts, strict=True):
            if count:
                yield Finding(severity, check, int(count), f"candidate in {path.name} {what}")


def _positives(folder: Folder) -> np.ndarray:
    """[p] int64: the keys of all positives, sorted; see :func:`_key`."""
    keys = [_NONE]
    for phase, rows in _related(folder):
        if phase == "train":
            keys += _both_ways(folder, rows, rows.relation)
        else:
            for relation in range(len(folder.relations)):
                keys += _both_ways(folder, rows, np.full(len(rows), relation))
    return np.sort(np.concatenate(keys))


def _related(folder: Folder) -> Iterator[tuple[str, Rows]]:
    """Each phase and its rows, without pairs that were planted at random."""
    for phase, rows in folder.rows.items():
        yield phase, rows.where(~is_random_noise(folder, rows)) if phase == "train" else rows


def _both_ways(folder: Folder, rows: Rows, relation: np.ndarray) -> list[np.ndarray]:
    return [
        _key(folder, relation, rows.query, rows.target),
        _key(folder, relation, rows.target, rows.query),
    ]


def _key(
    folder: Folder, relation: np.ndarray, query: np.ndarray, target: np.ndarray | int
) -> np.ndarray:
    """[r] int64: one number for a query and its target."""
    n = len(folder.items)
    return (relation.astype(np.int64) * n + query) * n + target


def _queries(folder: Folder, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """Relation [q] and item number [q] of the queries; -1 for unknown ones."""
    return folder.find_queries(pc.fill_null(batch.column("query").cast(pa.string()), ""))


def _lengths(folder: Folder, negatives: int) -> np.ndarray:
    """[items] how many candidates an item's lists have, whichever the relation."""
    n = len(folder.items)
    pairs = [pair_keys(rows.query, rows.target, n) for _, rows in _related(folder)]
    ends = np.concatenate(np.divmod(np.unique(np.concatenate([_NONE, *pairs])), n))
    listed = n if folder.n_listed is None else folder.n_listed
    return np.minimum(negatives, listed - 1 - np.bincount(ends, minlength=n))


def _count_faults(folder: Folder, batch: pa.RecordBatch, positives: np.ndarray) -> np.ndarray:
    """[4] int64, as in :data:`_FAULTS`."""
    lists = batch.column("candidates")
    relation, query = _queries(folder, batch)
    owner = pc.list_parent_indices(lists).to_numpy()
    target = _numbers(folder, lists.flatten())
    known = (target >= 0) & ((query >= 0) & (relation >= 0))[owner]
    n_unknown = len(known) - np.count_nonzero(known)
    if n_unknown:
        owner, target = owner[known], target[known]
    first = owner.astype(np.int64) * len(folder.items)
    listed = first + target
    listed.sort()  # within each list: the lists themselves are in order
    target = listed - first
    keys = _key(folder, relation, query, 0)[owner] + target
    return np.array(
        [
            np.count_nonzero(contains(positives, keys)),
            np.count_nonzero(query[owner] == target),
            np.count_nonzero(listed[1:] == listed[:-1]),
            n_unknown,
        ]
    )


def _numbers(folder: Folder, items: pa.Array) -> np.ndarray:
    """[c] int32: numbers of the items, -1 for unknown ones and for nothing."""
    if not pa.types.is_dictionary(items.type):
        items = items.cast(pa.string()).dictionary_encode()
    numbers = np.append(folder.items.find(items.dictionary.cast(pa.string())), np.int32(-1))
    return numbers[pc.fill_null(items.indices, -1).to_numpy()]
