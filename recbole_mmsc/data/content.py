"""What the catalogue says of each item, as one content vector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recbole_mmsc.data.modalities import read_modalities, unit_content


def read_content(folder: Path, dataset: Any, encoder: str) -> np.ndarray:
    """Read the features of all modalities, side by side.

    Args:
        folder: ``dataset/<name>``.
        dataset: a RecBole dataset of that folder.
        encoder: names the file, ``features/<encoder>.safetensors``.

    Returns:
        ``[n_items, d]`` float32 of unit length; an absent modality is zero, and so is the whole
        row of an item that has none.

    Raises:
        FeatureError: the file is missing, broken, of another catalogue, or adapted to another
            split.
    """
    return unit_content(read_modalities(folder, dataset, encoder))
