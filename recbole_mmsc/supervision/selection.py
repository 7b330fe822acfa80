"""Which pairs are worth a label: where behaviour and the model disagree, and a random share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse

from recbole_mmsc.data.completion import Completion
from recbole_mmsc.data.evidence import ends_of
from recbole_mmsc.data.labels import RANDOM
from recbole_mmsc.data.sparse_rows import values_at
from recbole_mmsc.data.supervision import SPARSE
from recbole_mmsc.data.training import keys_of_pairs
from recbole_mmsc.dataset_builders.keys import pair_keys
from recbole_mmsc.nn.behaviour import BehaviourEncoder, BehaviourGraph
from recbole_mmsc.nn.draws import own_draws

SHARES = {"doubtful": 0.4, "suggested": 0.25, "sparse": 0.15}  # of the budget; the rest is random
STEPS, BATCH, RATE = 400, 2048, 0.02
_DRAWN = 4  # random pairs drawn for each that is wanted


@dataclass(frozen=True)
class Material:
    """What pairs are chosen from; all matrices ``[n_items, n_items]``, row 0 is padding.

    Args:
        known: for each relation its training pairs.
        held_out: pairs of validation and test, under either relation: never chosen.
        graphs: the behaviours.
        completion: the completed graphs, or None.
        alike: content neighbours with their cosines, or None.
    """

    known: Sequence[sparse.csr_array]
    held_out: sparse.csr_array
    graphs: Sequence[BehaviourGraph]
    completion: Completion | None
    alike: sparse.csr_array | None


def choose_pairs(material: Material, budget: int, seed: int) -> dict[tuple[int, int], str]:
    """Choose unordered pairs of items.

    - ``doubtful``: training edges of the least reliability, learned without any label;
    - ``suggested``: pairs without an edge that the completed graph scores highest;
    - ``sparse``: content neighbours of items with few training pairs;
    - ``random``: half training pairs, half pairs of any two items. They tell how well a labeller
      judges, and are chosen first, so that a smaller budget is the beginning of none.

    Returns:
        At most ``budget`` pairs, the smaller number first → how it was chosen.
    """
    n_items = material.held_out.shape[0]
    trained = sparse.csr_array(sum(material.known[1:], material.known[0]))
    taken = keys_of_pairs(material.held_out)
    chosen: dict[tuple[int, int], str] = {}

    def take(keys: np.ndarray, wanted: int, how: str) -> None:
        """The first ``wanted`` of these that are neither taken nor held out."""
        nonlocal taken
        _, first = np.unique(keys, return_index=True)
        keys = keys[np.sort(first)]
        fresh = keys[~np.isin(keys, taken)][: max(wanted, 0)]
        taken = np.concatenate([taken, fresh])
        for key in fresh.tolist():
            one, other = divmod(key, n_items)
            chosen[one, other] = how

    rng = np.random.default_rng(seed)
    at_random = budget - sum(round(share * budget) for share in SHARES.values())
    take(rng.permutation(keys_of_pairs(trained)), at_random // 2, RANDOM)
    ends = rng.integers(1, n_items, (2, _DRAWN * at_random + 1))
    strangers = pair_keys(ends[0], ends[1], n_items)[ends[0] != ends[1]]
    strangers = strangers[~np.isin(strangers, keys_of_pairs(trained))]
    take(strangers, at_random - at_random // 2, RANDOM)
    take(_doubtful(material, seed), round(SHARES["doubtful"] * budget), "doubtful")
    take(_suggested(material, trained), round(SHARES["suggested"] * budget), "suggested")
    take(_sparse(material, trained), round(SHARES["sparse"] * budget), "sparse")
    # what one way of choosing lacks goes to training pairs at random
    take(rng.permutation(keys_of_pairs(trained)), budget - len(chosen), RANDOM)
    return chosen


def reliabilities(graph: BehaviourGraph, seed: int) -> np.ndarray:
    """``[n_edges]`` reliability, from the evidence alone: the self-supervised loss of MMSC."""
    with own_draws(seed):
        encoder = BehaviourEncoder(graph, None, size=1)
        optimizer = torch.optim.Adam(encoder.parameters(), lr=RATE)
        for _ in range(STEPS if len(graph.entries) else 0):
            optimizer.zero_grad()
            encoder.reliability_loss(BATCH).backward()
            optimizer.step()
        with torch.no_grad():
            return encoder.weights(torch.arange(len(graph.entries))).numpy()


def _doubtful(material: Material, seed: int) -> np.ndarray:
    """Keys of training pairs, the least reliable first."""
    n_items = material.held_out.shape[0]
    keys, weights = [], []
    for graph, known in zip(material.graphs, material.known, strict=True):
        items = np.repeat(np.arange(n_items), np.diff(graph.offsets.numpy()))
        nodes = graph.entries.numpy()
        inside = np.flatnonzero((nodes < n_items) & (items < nodes))
        items, nodes = items[inside], nodes[inside]
        trained = values_at(known, items, nodes) > 0
        keys.append(pair_keys(items, nodes, n_items)[trained])
        weights.append(reliabilities(graph, seed)[inside][trained])
    order = np.argsort(np.concatenate(weights), kind="stable")
    return np.concatenate(keys)[order]


def _suggested(material: Material, trained: sparse.csr_array) -> np.ndarray:
    """Keys of pairs without an edge, the best scored first."""
    n_items = material.held_out.shape[0]
    if material.completion is None:
        return np.zeros(0, np.int64)
    keys, scores = [], []
    for relation in range(len(material.known)):
        graph = material.completion.graph(relation)
        items, others = ends_of(graph)
        fresh = values_at(trained, items, others) == 0
        keys.append(pair_keys(items, others, n_items)[fresh])
        scores.append(graph.data[fresh])
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.concatenate(keys)[order]


def _sparse(material: Material, trained: sparse.csr_array) -> np.ndarray:
    """Keys of the nearest in content of items with few training pairs, without an edge."""
    if material.alike is None:
        return np.zeros(0, np.int64)
    items, others = ends_of(material.alike)
    few = np.diff(trained.indptr)[items] <= SPARSE
    fresh = few & (values_at(trained, items, others) == 0)
    order = np.argsort(-material.alike.data[fresh], kind="stable")
    return pair_keys(items[fresh], others[fresh], trained.shape[0])[order]
