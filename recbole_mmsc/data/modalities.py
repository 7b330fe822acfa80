"""The features of a catalogue in the order of RecBole's item ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_mmsc.data.built import catalogue_columns, command
from recbole_mmsc.data.features import ADAPTED, FeatureError, features_path, read_features
from recbole_mmsc.data.pairs import training_checksum
from recbole_mmsc.dataset_builders.feature_rows import learned_from_pairs
from recbole_mmsc.nn.content import Modality


def read_modalities(folder: Path, dataset: Any, encoder: str) -> dict[str, Modality]:
    """The features of every item, a :class:`Modality` for each modality of the encoder.

    Args:
        folder: ``dataset/<name>``, with its ``catalogue.parquet`` and ``features/``.
        dataset: a RecBole dataset of that folder; its item ids number the rows.
        encoder: names the file, ``features/<encoder>.safetensors``.

    Returns:
        ``text`` and/or ``image``, whichever the encoder made, each with ``vectors``
        ``[n_items, d]`` of unit length and ``available`` ``[n_items]`` bool. Items without the
        modality, and the padding item 0, have zeros and are not available.

    Raises:
        FeatureError: the file is missing, broken, belongs to another catalogue, or was adapted to
            the training pairs of another split.
    """
    ids = item_ids(dataset)
    order = catalogue_columns(folder, "item_id")["item_id"].to_pylist()
    path = features_path(folder, encoder)
    features = read_features(path, order, encoder)
    learned = features.metadata.get("train_sha256")
    adapted = learned_from_pairs(encoder, features.encoder)
    if (learned or adapted) and learned != training_checksum(folder):
        raise FeatureError(
            f"expected features adapted to the training pairs of {folder}, found those of "
            f"{'another split' if learned else 'no split that is named'} in {path}, to which "
            f"held-out pairs may be known; adapt them here: "
            f"{command('adapt', folder, '--encoder', encoder.removesuffix(ADAPTED))}"
        )
    row = np.array([ids[item_id] for item_id in order])
    modalities = {}
    for name in features.modalities:
        vectors = np.zeros((dataset.item_num, features.dim(name)), np.float32)
        available = np.zeros(dataset.item_num, bool)
        vectors[row], available[row] = features.vectors[name], features.available[name]
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(length, 1e-12)
        modalities[name] = Modality(torch.from_numpy(vectors), torch.from_numpy(available))
    return modalities


def side_by_side(modalities: dict[str, Modality]) -> Modality:
    """All modalities as one: their vectors concatenated; an item has it if it has any of them."""
    return Modality(
        torch.cat([modality.vectors for modality in modalities.values()], dim=1),
        torch.stack([modality.available for modality in modalities.values()]).any(dim=0),
    )


def item_ids(dataset: Any) -> dict[str, int]:
    """Item token → RecBole's id, without the padding."""
    tokens = dataset.field2id_token[dataset.iid_field]
    return {str(token): index for index, token in enumerate(tokens) if index > 0}


def unit_content(modalities: dict[str, Modality]) -> np.ndarray:
    """``[n_items, d]`` unit vectors of all modalities side by side, zero where nothing is known."""
    joined = side_by_side(modalities).vectors.numpy()
    return joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12)
