"""What the audit checks in labels, ``supervision/<labeller>.parquet``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq

from ..checksums import file_checksum
from ..keys import contains, pair_keys
from .findings import Finding
from .reading import Folder


def labelled_pairs(folder: Folder) -> Iterator[Finding]:
    """No pair that is held out, under either relation, has a label: labels are for training."""
    paths = sorted((folder.path / "supervision").glob("[!.]*.parquet"))
    if not paths or not folder.between_items:
        return
    train = folder.file("train.inter")
    learned = file_checksum(train).encode() if train.is_file() else None
    n = len(folder.items)
    held_out = [np.empty(0, dtype=np.int64)]
    held_out += [
        pair_keys(rows.query, rows.target, n)
        for phase, rows in folder.rows.items()
        if phase != "train"
    ]
    known = np.sort(np.concatenate(held_out))
    for path in paths:
        table = pq.read_table(path, columns=["query", "target"])
        if folder.ours and (table.schema.metadata or {}).get(b"train_sha256") != learned:
            message = (
                f"{path.name} was made for other training pairs, or does not say for which; judge "
                "again: recbole-mmsc label"
            )
            yield Finding("error", "labelled-elsewhere", 1, message)
        ends = [
            folder.items.find(table[name].combine_chunks().cast("string"))
            for name in ("query", "target")
        ]
        folder.counts[f"pairs labelled by {path.stem}"] = len(table)
        unknown = (ends[0] < 0) | (ends[1] < 0)
        if count := int(unknown.sum()):
            message = f"pair in {path.name} has an item that is not in the catalogue"
            yield Finding("error", "unknown-label", count, message)
        keys = pair_keys(ends[0][~unknown], ends[1][~unknown], n)
        if count := int(contains(known, keys).sum()):
            message = f"pair labelled in {path.name} is held out"
            yield Finding("leak", "held-out-labelled", count, message)
