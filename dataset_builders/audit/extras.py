"""What the audit checks beside the split: candidates, features, catalogue, checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from ..checksums import split_checksum
from ..keys import contains, pair_keys
from ..splits import PHASES
from .findings import Finding, Severity
from .reading import Folder

_LISTS = 1024  # candidate lists read at a time, each of about a thousand


def candidate_lists(folder: Folder) -> Iterator[Finding]:
    """``candidates/<phase>.parquet``: columns ``query`` (token), ``candidates`` (negative items).

    A negative that is a positive of its query in any phase, or the query item itself, spoils every
    number measured with these lists.
    """
    paths = sorted((folder.path / "candidates").glob("*.parquet"))
    if not paths or not folder.between_items:
        return
    n = len(folder.items)
    positives = np.unique(
        np.concatenate(
            [
                np.empty(0, np.int64),
                *(
                    rows.relation.astype(np.int64) * n * n + pair_keys(rows.query, rows.target, n)
                    for rows in folder.rows.values()
                ),
            ]
        )
    )
    for path in paths:
        counts = np.zeros(4, dtype=np.int64)
        for batch in pq.ParquetFile(path).iter_batches(_LISTS, columns=["query", "candidates"]):
            counts += _count_bad(folder, batch, positives, n)
        for (severity, check, what), count in zip(_CANDIDATE_FAULTS, counts, strict=True):
            if count:
                yield Finding(severity, check, int(count), f"candidate in {path.name} {what}")


_CANDIDATE_FAULTS: tuple[tuple[Severity, str, str], ...] = (
    ("leak", "positive-among-candidates", "is a positive of its query"),
    ("leak", "query-among-candidates", "is the query item itself"),
    ("error", "duplicate-candidate", "is listed twice for one query"),
    ("error", "unknown-candidate", "or its query is not in the catalogue"),
)


def _count_bad(folder: Folder, batch: pa.RecordBatch, positives: np.ndarray, n: int) -> np.ndarray:
    """[4] int64, as in :data:`_CANDIDATE_FAULTS`."""
    query_tokens, lists = batch.column("query").cast(pa.string()), batch.column("candidates")
    relation, query = folder.find_queries(query_tokens)
    owner = pc.list_parent_indices(lists).to_numpy()
    words = pc.dictionary_encode(lists.flatten().cast(pa.string()))
    target = folder.items.find(words.dictionary)[words.indices.to_numpy()]
    known = (target >= 0) & (query[owner] >= 0) & (relation[owner] >= 0)
    target, relation, query, owner = (
        target[known],
        relation[owner][known].astype(np.int64),
        query[owner][known],
        owner[known],
    )
    positive = contains(positives, relation * n * n + pair_keys(query, target, n))
    listed = owner * n + target
    return np.array(
        [
            positive.sum(),
            (query == target).sum(),
            len(listed) - len(np.unique(listed)),
            (~known).sum(),
        ]
    )


def feature_files(folder: Folder) -> Iterator[Finding]:
    """``features/*.safetensors``: a row for each item of ``.item``, in its order."""
    paths = sorted((folder.path / "features").glob("*.safetensors"))
    if not paths or folder.n_listed is None:
        return
    items = folder.items.tokens[: folder.n_listed].to_pylist()
    checksum = hashlib.sha256("\n".join(items).encode()).hexdigest()
    for path in paths:
        yield from _features(path, len(items), checksum)


def _features(path: Path, n_items: int, checksum: str) -> Iterator[Finding]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            masks = [
                file.get_tensor(name) > 0 for name in sorted(file.keys()) if "_available" in name
            ]
    except (SafetensorError, OSError) as error:
        yield Finding("error", "features", 1, f"{path.name} cannot be read: {error}")
        return
    rows = metadata.get("n_items")
    if rows != str(n_items) or any(len(mask) != n_items for mask in masks):
        message = f"{path.name} has rows for {rows} items, the catalogue has {n_items}"
        yield Finding("error", "features", 1, message)
        return
    if metadata.get("items_sha256") != checksum:
        message = f"{path.name} was made for other items, or for another order of them"
        yield Finding("error", "features", 1, message)
    if masks and (without := int((~np.any(masks, axis=0)).sum())):
        message = f"item has no features in {path.name}"
        yield Finding("warning", "without-features", without, message)


def catalogue_file(folder: Folder) -> Iterator[Finding]:
    """``catalogue.parquet``: the same items as ``.item``, in the same order."""
    path = folder.path / "catalogue.parquet"
    if not path.exists():
        if folder.ours:
            yield Finding("error", "missing-file", 1, "catalogue.parquet is missing")
        return
    if folder.n_listed is None:
        return
    start, differ = 0, 0
    for batch in pq.ParquetFile(path).iter_batches(columns=["item_id"]):
        ids = batch.column(0)
        listed = folder.items.tokens[start : min(start + len(ids), folder.n_listed)]
        differ += len(ids) - int(pc.sum(pc.equal(ids[: len(listed)], listed)).as_py() or 0)
        start += len(ids)
    differ += max(0, folder.n_listed - start)
    if differ:
        message = f"row of catalogue.parquet is not the item of that row of {folder.name}.item"
        yield Finding("error", "catalogue", differ, message)


def recorded_figures(folder: Folder) -> Iterator[Finding]:
    """``dataset.json``: present, and about this split."""
    if not folder.ours:
        return
    if folder.document.get("name") != folder.name:
        message = f"dataset.json is about {folder.document.get('name')!r}"
        yield Finding("error", "name", 1, message)
    if all(phase in folder.rows for phase in PHASES) and folder.document.get(
        "split_sha256"
    ) != split_checksum(folder.path, folder.name):
        message = "the .inter files are not those that dataset.json was written for (split_sha256)"
        yield Finding("error", "checksum", 1, message)


ALL = (candidate_lists, feature_files, catalogue_file, recorded_figures)
