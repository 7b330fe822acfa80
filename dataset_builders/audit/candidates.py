"""What the audit checks in fixed candidates, ``candidates/<phase>.parquet``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..keys import contains
from .findings import Finding, Severity
from .noise import is_random_noise
from .reading import Folder, Rows

_LISTS = 1024  # read at a time, each of about a thousand items
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
        counts, lists = np.zeros(len(_FAULTS), dtype=np.int64), 0
        for batch in pq.ParquetFile(path).iter_batches(_LISTS, columns=["query", "candidates"]):
            counts += _count_faults(folder, batch, positives)
            lists += len(batch)
        folder.counts[f"lists of {path.stem} candidates"] = lists
        for (severity, check, what), count in zip(_FAULTS, counts, strict=True):
            if count:
                yield Finding(severity, check, int(count), f"candidate in {path.name} {what}")


def _positives(folder: Folder) -> np.ndarray:
    """[p] int64: the keys of all positives, sorted; see :func:`_key`."""
    keys = [np.empty(0, dtype=np.int64)]
    for phase, rows in folder.rows.items():
        if phase == "train":
            rows = rows.where(~is_random_noise(folder, rows))
            keys += _both_ways(folder, rows, rows.relation)
        else:
            for relation in range(len(folder.relations)):
                keys += _both_ways(folder, rows, np.full(len(rows), relation))
    return np.sort(np.concatenate(keys))


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


def _count_faults(folder: Folder, batch: pa.RecordBatch, positives: np.ndarray) -> np.ndarray:
    """[4] int64, as in :data:`_FAULTS`."""
    tokens, lists = batch.column("query").cast(pa.string()), batch.column("candidates")
    relation, query = folder.find_queries(pc.fill_null(tokens, ""))
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
