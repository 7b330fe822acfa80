"""What a picture looks like in numbers, without any weights: colours, edges, layout."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image

SIDE = 96  # pixels; a picture is fitted into a square of this side, on white
_HUES, _GREYS, _COLOUR_CELLS = 10, 5, 3
_ORIENTATIONS, _EDGE_CELLS = 8, 6
_LAYOUT_CELLS = 12


def picture_statistics(image: Image.Image) -> np.ndarray:
    """Three blocks of equal weight, side by side.

    1. Colour: per cell of 3 x 3, how much of it has which hue or, where it is pale, which grey.
    2. Edges: per cell of 6 x 6, how strong they are in which direction.
    3. Layout: per cell of 12 x 12, how much of it differs from the background.

    Args:
        image: RGB, of any size.

    Returns:
        [d] float32 of length 1. Each block is the square root of a distribution, so that the
        product of two blocks tells how much the distributions overlap.
    """
    rgb, hsv = _on_white(image)
    blocks = _colours(hsv), _edges(rgb), _layout(rgb)
    return np.concatenate([_root(block) for block in blocks]) / np.float32(np.sqrt(len(blocks)))


def _on_white(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    scale = SIDE / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BOX)
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(small, ((SIDE - width) // 2, (SIDE - height) // 2))
    return np.asarray(square, np.float64) / 255, np.asarray(square.convert("HSV"), np.float64) / 255


def _colours(hsv: np.ndarray) -> np.ndarray:
    hue, saturation, value = np.moveaxis(hsv, -1, 0)
    vivid = saturation * value
    hues = _histograms(hue * _HUES, _HUES, vivid, _COLOUR_CELLS, wrap=True)
    greys = _histograms(value * (_GREYS - 1), _GREYS, 1 - vivid, _COLOUR_CELLS)
    return np.concatenate([hues, greys])


def _edges(rgb: np.ndarray) -> np.ndarray:
    down, right = np.gradient(rgb.mean(-1))
    turn = np.arctan2(down, right) % np.pi / np.pi  # an edge has no sign
    strength = np.hypot(down, right)
    return _histograms(turn * _ORIENTATIONS, _ORIENTATIONS, strength, _EDGE_CELLS, wrap=True)


def _layout(rgb: np.ndarray) -> np.ndarray:
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    differs = np.abs(rgb - np.median(border, axis=0)).max(-1) > 0.1
    return np.bincount(_cells(_LAYOUT_CELLS).ravel(), differs.ravel(), _LAYOUT_CELLS**2)


def _histograms(
    place: np.ndarray, n: int, weight: np.ndarray, cells: int, wrap: bool = False
) -> np.ndarray:
    """Histograms of n bins, one per cell: each pixel is shared by the two bins next to its place.

    Args:
        place: [SIDE, SIDE] in [0, n], or in [0, n - 1] without ``wrap``.
        n: bins.
        weight: [SIDE, SIDE], what a pixel counts.
        cells: per side.
        wrap: whether the last bin is next to the first.

    Returns:
        [cells * cells * n].
    """
    low = place.astype(int)
    share = place - low
    high = low + 1
    low, high = (low % n, high % n) if wrap else (low, high.clip(max=n - 1))
    bins = _cells(cells) * n + np.stack([low, high])
    weights = np.stack([weight * (1 - share), weight * share])
    return np.bincount(bins.ravel(), weights.ravel(), cells * cells * n)


@functools.cache
def _cells(cells: int) -> np.ndarray:
    """[SIDE, SIDE], the number of each pixel's cell."""
    along = np.arange(SIDE) * cells // SIDE
    return along[:, None] * cells + along


def _root(block: np.ndarray) -> np.ndarray:
    """The square root of the block's shares, of length 1; all alike where it is empty."""
    total = block.sum()
    shares = block / total if total > 1e-9 else np.full(len(block), 1 / len(block))
    return np.sqrt(shares).astype(np.float32)
