"""Everything MMSC reads besides the pairs: features, behaviour, what cold items borrow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from recbole_mmsc.data.features import features_path, read_features
from recbole_mmsc.data.neighbours import borrow_rows, content_neighbours
from recbole_mmsc.data.relations import Behaviour, read_behaviours
from recbole_mmsc.nn.behaviour import BehaviourGraph, BorrowedRows
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.shared import Rows
from recbole_mmsc.settings import MMSCSettings


@dataclass(frozen=True)
class Inputs:
    """The frozen inputs of the network, by RecBole's item ids (0 is padding and has nothing)."""

    modalities: dict[str, Modality]
    graphs: list[BehaviourGraph]
    borrowed: list[BorrowedRows | None]
    positives: Rows


def read_inputs(folder: Path, dataset: Any, settings: MMSCSettings, seed: int) -> Inputs:
    """Read what MMSC needs from a dataset folder.

    Args:
        folder: ``dataset/<name>``.
        dataset: RecBole's training dataset.
        settings: MMSC's settings.
        seed: draws the pairs that the reliability is contrasted with.
    """
    tokens = dataset.field2id_token[dataset.iid_field]
    ids = {str(token): index for index, token in enumerate(tokens) if index > 0}
    modalities = _read_modalities(folder, ids, len(tokens), settings.encoder)
    content = _agreement_vectors(modalities)
    behaviours = read_behaviours(folder / "behaviour.parquet", ids, len(tokens), content, seed)
    borrowed: list[BorrowedRows | None] = [None] * len(behaviours)
    if content is not None and settings.content_neighbours:
        borrowed = [_borrow(b, content, settings.content_neighbours) for b in behaviours]
    graphs = [
        BehaviourGraph(**{name: torch.from_numpy(value) for name, value in vars(behaviour).items()})
        for behaviour in behaviours
    ]
    return Inputs(modalities, graphs, borrowed, _read_positives(dataset))


def _borrow(behaviour: Behaviour, content: np.ndarray, k: int) -> BorrowedRows:
    lenders = np.diff(behaviour.offsets) > 0
    rows = borrow_rows(behaviour, content_neighbours(content, lenders, k))
    return BorrowedRows(*map(torch.from_numpy, rows))


def _read_modalities(
    folder: Path, ids: dict[str, int], n_items: int, encoder: str
) -> dict[str, Modality]:
    path = features_path(folder, encoder)
    order = _catalogue_order(folder)
    features = read_features(path, order)
    row = np.array([ids[item_id] for item_id in order])
    modalities = {}
    for name in features.modalities:
        vectors = np.zeros((n_items, features.dim(name)), np.float32)
        available = np.zeros(n_items, bool)
        vectors[row], available[row] = features.vectors[name], features.available[name]
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(length, 1e-12)
        modalities[name] = Modality(torch.from_numpy(vectors), torch.from_numpy(available))
    return modalities


def _catalogue_order(folder: Path) -> list[str]:
    """Item ids in ``.item`` order."""
    column = pq.read_table(folder / "catalogue.parquet", columns=["item_id"])["item_id"]
    return column.to_pylist()


def _agreement_vectors(modalities: dict[str, Modality]) -> np.ndarray | None:
    """``[n_items, d]`` unit vectors of all modalities side by side, zero where nothing is known."""
    if not modalities:
        return None
    joined = np.concatenate([m.vectors.numpy() for m in modalities.values()], axis=1)
    return joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12)


def _read_positives(dataset: Any) -> Rows:
    """The training positives of each user."""
    users = dataset.inter_feat[dataset.uid_field].numpy()
    items = dataset.inter_feat[dataset.iid_field].numpy()
    order = np.lexsort((items, users))
    offsets = np.zeros(dataset.user_num + 1, np.int64)
    offsets[1:] = np.bincount(users, minlength=dataset.user_num).cumsum()
    return Rows(torch.from_numpy(offsets), torch.from_numpy(items[order].astype(np.int64)))
