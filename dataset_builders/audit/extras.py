"""What the audit checks beside the split: features, catalogue, checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from ..checksums import file_checksum, split_checksum
from ..splits import PHASES
from .findings import Finding
from .reading import Folder


def feature_files(folder: Folder) -> Iterator[Finding]:
    """``features/*.safetensors``: a row for each item of ``.item``, in its order; learned here."""
    paths = sorted((folder.path / "features").glob("*.safetensors"))
    if not paths or folder.n_listed is None:
        return
    items = folder.items.tokens[: folder.n_listed].to_pylist()
    checksum = hashlib.sha256("\n".join(items).encode()).hexdigest()
    train = folder.path / f"{folder.name}.train.inter"
    learned = file_checksum(train) if train.is_file() else None
    for path in paths:
        yield from _features(path, len(items), checksum, learned)


def _features(path: Path, n_items: int, checksum: str, learned: str | None) -> Iterator[Finding]:
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
    if metadata.get("train_sha256", learned) != learned:
        message = (
            f"{path.name} was adapted to other training pairs, which may be held out here; "
            f"adapt again: recbole-mmsc adapt"
        )
        yield Finding("leak", "adapted-elsewhere", 1, message)
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
    """``dataset.json``: about this split."""
    if not folder.document:
        return
    if folder.document.get("name") != folder.name:
        message = f"dataset.json is about {folder.document.get('name')!r}"
        yield Finding("error", "name", 1, message)
    if all(phase in folder.rows for phase in PHASES) and folder.document.get(
        "split_sha256"
    ) != split_checksum(folder.path, folder.name):
        message = "the .inter files are not those that dataset.json was written for (split_sha256)"
        yield Finding("error", "checksum", 1, message)


ALL = (feature_files, catalogue_file, recorded_figures)
