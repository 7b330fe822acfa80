"""Finished shards on disk: ``features/.<encoder>.parts/00003.safetensors``.

A part carries the fingerprint of all that it was made from and a checksum of its own content, so
that parts of different runs never mix and a damaged one is seen.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from recbole_mmsc.dataset_builders.whole_file import whole_file

_AVAILABLE = "_available"
_PICTURES = "pictures"


class PartError(ValueError):
    """A part is missing, damaged, or of another run."""


class Problem(NamedTuple):
    """Why an item has no picture, or one picture less: ``picture`` is "" if it has none at all."""

    item: str
    picture: str
    reason: str


@dataclass(slots=True)
class Part:
    """What came out of one shard of s items.

    Attributes:
        vectors: modality → [m, d] float32, for those m items that have it; d = 0 if none has.
        available: modality → [s] bool.
        pictures: [s] int32, how many pictures were averaged.
        problems: missing and bad pictures, in the order of the items.
    """

    vectors: dict[str, np.ndarray]
    available: dict[str, np.ndarray]
    pictures: np.ndarray
    problems: list[Problem]


def parts_folder(features: Path) -> Path:
    """Where the parts of a features file lie until it is written."""
    return features.with_name(f".{features.stem}.parts")


def part_path(folder: Path, shard: int) -> Path:
    """The file of one shard, counted from 0."""
    return folder / f"{shard:05d}.safetensors"


def write_part(folder: Path, shard: int, fingerprint: str, part: Part) -> None:
    """Write a part: whole or not at all."""
    tensors = {_PICTURES: part.pictures}
    for modality, rows in part.vectors.items():
        tensors[modality] = np.ascontiguousarray(rows, np.float32)
        tensors[modality + _AVAILABLE] = part.available[modality].astype(np.uint8)
    problems = json.dumps(part.problems)
    metadata = {
        "fingerprint": fingerprint,
        "problems": problems,
        "sha256": _checksum(shard, tensors, problems),
    }
    with whole_file(part_path(folder, shard)) as scratch, scratch.open("wb") as file:
        file.write(save(tensors, metadata))
        file.flush()
        os.fsync(file.fileno())


def read_part(folder: Path, shard: int, fingerprint: str) -> Part:
    """Read a part and verify that it is whole and of this run.

    Raises:
        PartError: it is not; the text names the file and what is wrong with it.
    """
    path = part_path(folder, shard)
    if not path.is_file():
        raise PartError(f"{path} is missing")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise PartError(f"{path} is damaged ({error})") from error
    problems = metadata.get("problems", "")
    if metadata.get("sha256") != _checksum(shard, tensors, problems):
        raise PartError(f"{path} is damaged (its checksum differs)")
    if metadata.get("fingerprint") != fingerprint:
        raise PartError(
            f"{path} is of another run: other items, texts, pictures, weights or options"
        )
    masks = {name: rows for name, rows in tensors.items() if name.endswith(_AVAILABLE)}
    available = {name.removesuffix(_AVAILABLE): mask.astype(bool) for name, mask in masks.items()}
    return Part(
        vectors={modality: tensors[modality] for modality in available},
        available=available,
        pictures=tensors[_PICTURES],
        problems=[Problem(*problem) for problem in json.loads(problems)],
    )


def is_finished(folder: Path, shard: int, fingerprint: str) -> bool:
    """Whether a shard need not be made again."""
    try:
        read_part(folder, shard, fingerprint)
    except PartError:
        return False
    return True


def _checksum(shard: int, tensors: dict[str, np.ndarray], problems: str) -> str:
    digest = hashlib.sha256(json.dumps([shard, problems]).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()
