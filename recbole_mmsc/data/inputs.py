"""Everything MMSC reads besides the pairs: features, behaviour, what cold items borrow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse

from recbole_mmsc.data.completion import borrowing_of, completed_graphs, solve_completion
from recbole_mmsc.data.modalities import item_ids, read_modalities, unit_content
from recbole_mmsc.data.neighbours import borrow_rows, content_neighbours
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.data.relations import Behaviour, read_behaviours
from recbole_mmsc.data.training import training_graphs
from recbole_mmsc.nn.behaviour import BehaviourGraph
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.shared import Rows, WeightedRows
from recbole_mmsc.settings import MMSCSettings


@dataclass(frozen=True)
class Inputs:
    """The frozen inputs of the network, by RecBole's item ids (0 is padding and has nothing)."""

    modalities: dict[str, Modality]
    graphs: list[BehaviourGraph]
    borrowed: list[WeightedRows | None]
    completed: list[WeightedRows] | None
    positives: Rows


def read_inputs(folder: Path, dataset: Any, settings: MMSCSettings, seed: int) -> Inputs:
    """Read what MMSC needs from a dataset folder.

    Args:
        folder: ``dataset/<name>``.
        dataset: RecBole's training dataset.
        settings: MMSC's settings.
        seed: draws the pairs that the reliability is contrasted with.
    """
    modalities = read_modalities(folder, dataset, settings.encoder)
    content = unit_content(modalities) if modalities else None
    behaviours = read_behaviours(
        folder / "behaviour.parquet", item_ids(dataset), dataset.item_num, content, seed
    )
    alike = _alike(behaviours, content, settings)
    borrowed: list[WeightedRows | None] = [None] * len(behaviours)
    if alike is not None:
        lent = alike.power(settings.content_sharpness)
        borrowed = [
            WeightedRows(*map(torch.from_numpy, borrow_rows(behaviour, lent)))
            for behaviour in behaviours
        ]
    completed = None
    if settings.completion_weight:
        completed = _complete(behaviours, dataset, alike, settings)
    graphs = [
        BehaviourGraph(**{name: torch.from_numpy(value) for name, value in vars(behaviour).items()})
        for behaviour in behaviours
    ]
    return Inputs(modalities, graphs, borrowed, completed, _read_positives(dataset))


def _alike(
    behaviours: list[Behaviour], content: np.ndarray | None, settings: MMSCSettings
) -> sparse.csr_array | None:
    """The content neighbours that have behaviour, or None where there is no content."""
    if content is None or not settings.content_neighbours:
        return None
    return content_neighbours(content, _warm(behaviours), settings.content_neighbours)


def _warm(behaviours: list[Behaviour]) -> np.ndarray:
    """``[n_items]`` bool, the items with behaviour."""
    return sum(np.diff(behaviour.offsets) for behaviour in behaviours) > 0


def _complete(
    behaviours: list[Behaviour],
    dataset: Any,
    alike: sparse.csr_array | None,
    settings: MMSCSettings,
) -> list[WeightedRows]:
    known = training_graphs(dataset, read_queries(dataset))
    completion = solve_completion(
        behaviours, known, alike, settings.completion_features, settings.completion_reg
    )
    lent = None if alike is None else alike.power(settings.content_sharpness)
    borrowing = borrowing_of(lent, _warm(behaviours))
    return [
        WeightedRows(
            torch.from_numpy(graph.indptr.astype(np.int64)),
            torch.from_numpy(graph.indices.astype(np.int64)),
            torch.from_numpy(graph.data),
        )
        for graph in completed_graphs(completion, known, borrowing)
    ]


def _read_positives(dataset: Any) -> Rows:
    """The training positives of each user."""
    users = dataset.inter_feat[dataset.uid_field].numpy()
    items = dataset.inter_feat[dataset.iid_field].numpy()
    order = np.lexsort((items, users))
    offsets = np.zeros(dataset.user_num + 1, np.int64)
    offsets[1:] = np.bincount(users, minlength=dataset.user_num).cumsum()
    return Rows(torch.from_numpy(offsets), torch.from_numpy(items[order].astype(np.int64)))
