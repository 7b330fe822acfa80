"""The contract of the tensors in a features file, which its readers and the audit check."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from safetensors import safe_open

MODALITIES = ("text", "image")
ADAPTED = "+adapted"  # ends the name of features that an adapter made of an encoder's
AVAILABLE = "_available"
CODES = {np.dtype("<f2"): "F16", np.dtype("<f4"): "F32", np.dtype("u1"): "U8"}
_CHUNK = 1 << 16


class FeatureError(ValueError):
    """A features file is missing, damaged, or belongs to other items."""


def checked_tensors(file: safe_open, n_items: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Each modality of an open features file: its name, ``[n, d]`` vectors, ``[n]`` mask.

    Raises:
        FeatureError: names, shapes, types or values break the contract.
    """
    names = sorted(file.keys())
    modalities = [name for name in MODALITIES if name in names]
    if names != sorted(name + end for name in modalities for end in ("", AVAILABLE)):
        raise FeatureError(f"expected a vector and a mask tensor each, found {names}")
    if not modalities:
        raise FeatureError(f"expected at least one modality of {MODALITIES}, found none")
    stored = {name: file.get_slice(name).get_dtype() for name in names}
    if not set(stored.values()) <= set(CODES.values()):
        raise FeatureError(f"expected tensors in {sorted(CODES.values())}, found {stored}")
    metadata = file.metadata() or {}
    for modality in modalities:
        rows, mask = file.get_tensor(modality), file.get_tensor(modality + AVAILABLE)
        check_rows(modality, rows, mask, n_items)
        if rows[mask == 0].any():
            raise FeatureError(f"expected zeros where {modality}{AVAILABLE} is 0")
        if (dim := metadata.get(f"{modality}_dim")) != str(rows.shape[1]):
            raise FeatureError(
                f"expected {modality} vectors of {dim} dimensions as the header says, "
                f"found {rows.shape[1]}"
            )
        yield modality, rows, mask.astype(bool)


def learned_from_pairs(*names: str) -> bool:
    """Whether features of one of these names, an encoder's or a file's, are an adapter's."""
    return any(name.endswith(ADAPTED) for name in names)


def check_rows(modality: str, rows: np.ndarray, mask: np.ndarray, n: int) -> None:
    """Make sure that these can be the vectors and the mask of n items.

    Raises:
        FeatureError: a shape, a type or a value cannot be.
    """
    if rows.ndim != 2 or len(rows) != n or not rows.shape[1]:
        raise FeatureError(f"expected {modality} of shape ({n}, d), found {rows.shape}")
    if rows.dtype not in (np.float16, np.float32):
        raise FeatureError(f"expected {modality} in float16 or float32, found {rows.dtype}")
    if mask.shape != (n,) or mask.dtype not in (np.uint8, np.bool_) or np.any(mask > 1):
        raise FeatureError(
            f"expected {modality}{AVAILABLE} to be {n} values 0 or 1, "
            f"found {mask.dtype} of shape {mask.shape} up to {mask.max(initial=0)}"
        )
    for start in range(0, n, _CHUNK):
        finite = np.isfinite(rows[start : start + _CHUNK]).all(axis=1)
        if not finite.all():
            row = start + int(finite.argmin())
            raise FeatureError(f"expected finite {modality} vectors, found NaN or inf in row {row}")
