"""The training pairs of a dataset as one graph of items per relation."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from recbole_mmsc.data.queries import RELATIONS, Queries
from recbole_mmsc.dataset_builders.keys import pair_keys


def training_graphs(dataset: Any, queries: Queries) -> tuple[sparse.csr_array, ...]:
    """The training pairs of each relation, as undirected graphs.

    Args:
        dataset: RecBole's training dataset.
        queries: what each of its users asks.

    Returns:
        For each of :data:`RELATIONS` a symmetric ``[n_items, n_items]`` float32 matrix: one where
        two items are a training pair, in whichever direction it is written.
    """
    users = dataset.inter_feat[dataset.uid_field].numpy()
    targets = dataset.inter_feat[dataset.iid_field].numpy()
    relations, items = queries.relation[users], queries.item[users]
    graphs = []
    for relation in range(len(RELATIONS)):
        pairs = relations == relation
        graphs.append(undirected(items[pairs], targets[pairs], dataset.item_num))
    return tuple(graphs)


def undirected(items: np.ndarray, others: np.ndarray, n_items: int) -> sparse.csr_array:
    """``[n_items, n_items]`` float32, one where ``items[n]`` and ``others[n]`` are a pair."""
    ends = np.concatenate([items, others]), np.concatenate([others, items])
    graph = sparse.csr_array((np.ones(len(ends[0]), np.float32), ends), shape=(n_items, n_items))
    graph.sum_duplicates()
    graph.data[:] = 1
    return graph


def keys_of_pairs(graph: sparse.csr_array) -> np.ndarray:
    """Ascending keys (:func:`pair_keys`) of all pairs of an undirected graph."""
    upper = sparse.coo_array(sparse.triu(graph, k=1))
    return np.sort(pair_keys(*upper.coords, graph.shape[0]))
