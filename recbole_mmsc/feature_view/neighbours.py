"""The nearest neighbours of a few items, exactly, a block of the catalogue at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ROWS_AT_ONCE = 1 << 14


def nearest(
    vectors: Sequence[np.ndarray], rows: Sequence[int], k: int
) -> list[list[tuple[int, float]]]:
    """Find the items with the greatest cosine to each of a few items.

    Args:
        vectors: one or more ``[n, d]``, of any float type; several are taken side by side, each
            with length 1, so that every modality counts the same. Zero rows are absent.
        rows: the q items asked for.
        k: neighbours of each, the item itself not counted.

    Returns:
        For each of the q items at most ``k`` pairs (row, cosine in [-1, 1]), nearest first and
        of equals the first in the catalogue; none for an item that is absent.
    """
    queries = np.asarray(rows, dtype=np.int64)
    asking = _unit([part[queries] for part in vectors])
    n, none = len(vectors[0]), (len(queries), 0)
    best, cosines = np.zeros(none, np.int64), np.zeros(none, np.float32)
    for start in range(0, n, ROWS_AT_ONCE):
        block = _unit([part[start : start + ROWS_AT_ONCE] for part in vectors])
        numbers = np.arange(start, start + len(block))
        # Rounded, so that equal vectors are equally near whatever the order of additions.
        found = np.round(asking @ block.T, 6)
        found[:, ~block.any(axis=1)] = -np.inf
        found[numbers == queries[:, None]] = -np.inf
        best = np.hstack([best, np.broadcast_to(numbers, found.shape)])
        cosines = np.hstack([cosines, found])
        order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(best, order, axis=1)
        cosines = np.take_along_axis(cosines, order, axis=1)
    cosines[~asking.any(axis=1)] = -np.inf
    return [
        [(row, cosine) for row, cosine in zip(*found, strict=True) if cosine > -np.inf]
        for found in zip(best.tolist(), cosines.tolist(), strict=True)
    ]


def _unit(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The parts side by side, each row of each part and of the whole of length 1, or 0."""
    whole = np.hstack([_normalised(part.astype(np.float32)) for part in parts])
    return whole if len(parts) == 1 else _normalised(whole)


def _normalised(rows: np.ndarray) -> np.ndarray:
    # First by the greatest value: the square of a very small or large one is no float32.
    rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
