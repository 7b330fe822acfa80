"""What the audit checks beside the split: features and the catalogue."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from safetensors import SafetensorError, safe_open

from ..checksums import file_checksum
from ..feature_rows import FeatureError, checked_tensors, learned_from_pairs
from ..spill import SCHEMA
from .findings import Finding
from .reading import Folder


def feature_files(folder: Folder) -> Iterator[Finding]:
    """``features/*.safetensors``: a row for each item of ``.item``, in its order; learned here."""
    paths = sorted((folder.path / "features").glob("*.safetensors"))
    if not paths or folder.n_listed is None:
        return
    items = folder.items.tokens[: folder.n_listed].to_pylist()
    checksum = hashlib.sha256("\n".join(items).encode()).hexdigest()
    train = folder.file("train.inter")
    learned = file_checksum(train) if train.is_file() else None
    for path in paths:
        yield from _features(path, len(items), checksum, learned)


def _features(path: Path, n_items: int, checksum: str, learned: str | None) -> Iterator[Finding]:
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            masks = [mask for _, _, mask in checked_tensors(file, n_items)]
    except (FeatureError, SafetensorError, OSError) as error:
        yield Finding("error", "features", 1, f"{path.name} cannot be used: {error}")
        return
    if metadata.get("items_sha256") != checksum:
        message = f"{path.name} was made for other items, or for another order of them"
        yield Finding("error", "features", 1, message)
    adapted = learned_from_pairs(path.stem, metadata.get("encoder", ""))
    if metadata.get("train_sha256", None if adapted else learned) != learned:
        message = (
            f"{path.name} was adapted to other training pairs, or does not say to which, and some "
            f"may be held out here; adapt again: recbole-mmsc adapt"
        )
        yield Finding("leak", "adapted-elsewhere", 1, message)
    if without := int((~np.any(masks, axis=0)).sum()):
        message = f"item has no features in {path.name}"
        yield Finding("warning", "without-features", without, message)


def catalogue_file(folder: Folder) -> Iterator[Finding]:
    """``catalogue.parquet``: the same items as ``.item``, in the same order."""
    path = folder.path / "catalogue.parquet"
    if not path.exists():
        if folder.ours:
            yield Finding("error", "missing-file", 1, "catalogue.parquet is missing")
        return
    file = pq.ParquetFile(path)
    if lacking := [name for name in SCHEMA.names if name not in file.schema_arrow.names]:
        message = f"column is missing in catalogue.parquet: {', '.join(lacking)}"
        yield Finding("error", "catalogue", len(lacking), message)
    if folder.n_listed is None or "item_id" in lacking:
        return
    start, differ = 0, 0
    for batch in file.iter_batches(columns=["item_id"]):
        ids = batch.column(0)
        listed = folder.items.tokens[start : min(start + len(ids), folder.n_listed)]
        differ += len(ids) - int(pc.sum(pc.equal(ids[: len(listed)], listed)).as_py() or 0)
        start += len(ids)
    differ += max(0, folder.n_listed - start)
    if differ:
        message = f"row of catalogue.parquet is not the item of that row of {folder.name}.item"
        yield Finding("error", "catalogue", differ, message)


ALL = (feature_files, catalogue_file)
