"""The features file ``features/<encoder>.safetensors``: what a foundation model says of each item.

For each modality two tensors in ``.item`` order: ``<modality>`` [n, d], float16 or float32, and
``<modality>_available`` [n], uint8 of 0 and 1; an item without that modality has 0 and a row of
zeros. The header's metadata says which encoder made them, from which items, in which order.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open

from recbole_mmsc.data.built import command
from recbole_mmsc.dataset_builders.feature_rows import (
    ADAPTED,
    AVAILABLE,
    CODES,
    MODALITIES,
    FeatureError,
    check_rows,
    checked_tensors,
)
from recbole_mmsc.dataset_builders.whole_file import whole_file
from recbole_mmsc.families import filed_as

FORMAT_VERSION = "1"


@dataclass(slots=True)
class Features:
    """Features of a catalogue of n items, row i belonging to the i-th item of ``.item``.

    Attributes:
        vectors: modality → [n, d] float16 or float32; rows of absent items are zero.
        available: modality → [n] bool, whether the item has that modality.
        metadata: the header, text to text: encoder, weights_sha256, text_template, …
    """

    vectors: dict[str, np.ndarray]
    available: dict[str, np.ndarray]
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def encoder(self) -> str:
        """Name of the encoder that made them."""
        return self.metadata.get("encoder", "")

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities present, text before image."""
        return tuple(name for name in MODALITIES if name in self.vectors)

    @property
    def n_items(self) -> int:
        """Number of rows."""
        return len(next(iter(self.vectors.values())))

    def dim(self, modality: str) -> int:
        """Width of one modality's vectors."""
        return int(self.vectors[modality].shape[1])


def item_ids_checksum(item_ids: Iterable[str]) -> str:
    """SHA-256 of the item ids joined by newlines: changes with any id and with the order."""
    return hashlib.sha256("\n".join(item_ids).encode()).hexdigest()


def features_path(dataset_folder: str | os.PathLike[str], encoder: str) -> Path:
    """Where the features of ``encoder`` lie in a dataset folder (``a:b/c`` is filed as a-b-c).

    A plus stays, so that an encoder's own features and its adapted ones never share a file.
    """
    return Path(dataset_folder) / "features" / f"{filed_as(encoder)}.safetensors"


def write_features(
    path: str | os.PathLike[str],
    item_ids: Sequence[str],
    vectors: Mapping[str, np.ndarray],
    available: Mapping[str, np.ndarray],
    *,
    encoder: str,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a features file atomically; the same input gives the same bytes.

    Args:
        path: the file to write, replaced whole or not at all.
        item_ids: the n item ids in ``.item`` order.
        vectors: modality → [n, d] float16 or float32. Rows that are not available are zeroed.
        available: modality → [n] bool, one entry for each entry of ``vectors``.
        encoder: name under which ``recbole-mmsc encode`` makes the file again.
        metadata: further header entries, text to text.

    Raises:
        FeatureError: shapes, types or values break the file's contract.
    """
    path, ids = Path(path), list(item_ids)
    if not vectors or set(vectors) != set(available) or not set(vectors) <= set(MODALITIES):
        raise FeatureError(
            f"Expected vectors and masks for the same modalities out of {MODALITIES}, "
            f"got vectors for {sorted(vectors)} and masks for {sorted(available)}."
        )
    header = {
        **(metadata or {}),
        "format_version": FORMAT_VERSION,
        "encoder": encoder,
        "n_items": str(len(ids)),
        "items_sha256": item_ids_checksum(ids),
        # Tells "the same items in another order" from "other items" in the error.
        "item_set_sha256": item_ids_checksum(sorted(ids)),
    }
    tensors: dict[str, np.ndarray] = {}
    for modality, rows in vectors.items():
        mask = np.asarray(available[modality], dtype=bool)
        check_rows(modality, rows, mask, len(ids))
        tensors[modality] = np.where(mask[:, None], rows, rows.dtype.type(0))
        tensors[modality + AVAILABLE] = mask.astype(np.uint8)
        header[f"{modality}_dim"] = str(rows.shape[1])
    return write_tensors(path, tensors, header)


def write_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: Mapping[str, str]) -> Path:
    """Write a safetensors file atomically; the same input gives the same bytes.

    Args:
        path: the file to write, replaced whole or not at all.
        tensors: name → float16, float32 or uint8 array.
        metadata: the header's entries.
    """
    with whole_file(path) as scratch, scratch.open("wb") as file:
        _serialise(file, tensors, metadata)
        file.flush()
        os.fsync(file.fileno())
    return path


def read_features(
    path: str | os.PathLike[str], item_ids: Sequence[str], encoder: str | None = None
) -> Features:
    """Read a features file and verify that it belongs to these items.

    Args:
        path: a ``features/<encoder>.safetensors`` of a dataset folder.
        item_ids: the n item ids in ``.item`` order, without RecBole's padding token.
        encoder: whose features are wanted, by its name or by that of the file; by default
            whosever they are.

    Raises:
        FeatureError: the file is missing, truncated or not a features file; it was made from
            other items or from another order, or by another encoder; a shape, type or value
            breaks the contract.
    """
    path, ids = Path(path), list(item_ids)
    with _opened(path, encoder) as file:
        metadata = _metadata(file)
        found = metadata.get("encoder", encoder)
        if encoder not in (None, path.stem, found):
            raise FeatureError(
                f"expected those of {encoder!r}, found those of {found!r}, which are filed under "
                "the same name, so that only one of them can be kept"
            )
        _check_items(metadata, ids)
        features = Features({}, {}, metadata)
        for modality, rows, mask in checked_tensors(file, len(ids)):
            features.vectors[modality], features.available[modality] = rows, mask
    return features


@contextmanager
def _opened(path: Path, wanted: str | None) -> Iterator[safe_open]:
    """The open file; whatever goes wrong inside names the file and the command that mends it."""
    encoder = wanted or path.stem
    try:
        if not path.is_file():
            there = sorted(file.stem for file in path.parent.glob("[!.]*.safetensors"))
            others = f"; there are those of {', '.join(there)}, for the setting encoder"
            raise FeatureError(f"there is no such file{others if there else ''}")
        with safe_open(path, framework="numpy") as file:
            if wanted in (None, path.stem):  # an encoder's own name says more than its file's
                encoder = (file.metadata() or {}).get("encoder", encoder)
            yield file
    except (FeatureError, SafetensorError, OSError, UnicodeError) as error:
        problem = str(error)
        if not isinstance(error, FeatureError):
            problem = f"damaged, or not a safetensors file ({error})"
        verb = "adapt" if encoder.endswith(ADAPTED) else "encode"
        made_by = command(verb, path.parent.parent, "--encoder", encoder.removesuffix(ADAPTED))
        raise FeatureError(f"Features {path}: {problem}. Make them with `{made_by}`.") from error


def _metadata(file: safe_open) -> dict[str, str]:
    metadata = dict(file.metadata() or {})
    if (version := metadata.get("format_version")) != FORMAT_VERSION:
        raise FeatureError(f"expected format_version {FORMAT_VERSION}, found {version}")
    return metadata


def _check_items(metadata: Mapping[str, str], ids: list[str]) -> None:
    if metadata.get("items_sha256") == item_ids_checksum(ids):
        return
    if (count := metadata.get("n_items")) != str(len(ids)):
        raise FeatureError(f"made for {count} items, but the dataset has {len(ids)} items")
    if metadata.get("item_set_sha256") == item_ids_checksum(sorted(ids)):
        raise FeatureError("made for the dataset's items in another order (items_sha256 differs)")
    raise FeatureError("made for other items than the dataset's (items_sha256 differs)")


def _serialise(file: BinaryIO, tensors: dict[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """The safetensors format by hand: its own writer orders the metadata at random."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))}
    # Widest first, so that every tensor starts aligned.
    order = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    offset = 0
    for name in order:
        tensor = tensors[name] = np.ascontiguousarray(tensors[name])
        header[name] = {
            "dtype": CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    file.write(struct.pack("<Q", len(encoded)) + encoded)
    for name in order:
        file.write(tensors[name].data)
