"""The nodes that stand beside both items of a pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

NODES_AT_ONCE = 8_000_000  # beside the items of pairs


def rarity_of(graphs: Sequence[sparse.csr_array]) -> np.ndarray:
    """``[n_nodes]``, one over the number of items that a node stands beside, in every behaviour."""
    return 1 / np.maximum(sum(graph.sum(axis=0) for graph in graphs), 1)


def common_neighbours(
    pairs: tuple[np.ndarray, np.ndarray], graphs: Sequence[sparse.csr_array], rarity: np.ndarray
) -> np.ndarray:
    """How many nodes the two of each pair have in common, for each two behaviours.

    Args:
        pairs: ``[n]`` items and ``[n]`` others.
        graphs: for each behaviour ``[n_items, n_nodes]`` of ones.
        rarity: ``[n_nodes]``, see :func:`rarity_of`.

    Returns:
        ``[n, 3 * len(graphs) ** 2]`` float32, for each behaviour of the item and each of the other:
        the logarithm of the number of nodes in common, the share of those possible (their cosine),
        and the sum of their rarity (resource allocation: Zhou, Lü, Zhang, "Predicting missing links
        via local information", 2009).
    """
    degrees = [np.diff(graph.indptr) for graph in graphs]
    found = np.empty((len(pairs[0]), 3 * len(graphs) ** 2), np.float32)
    for part in parts_of(pairs, degrees):
        items, others = (end[part] for end in pairs)
        columns = []
        for graph, degree in zip(graphs, degrees, strict=True):
            beside = graph[items]
            for other, other_degree in zip(graphs, degrees, strict=True):
                common = sparse.csr_array(beside * other[others])
                shared = np.diff(common.indptr)
                possible = np.maximum(degree[items].astype(float) * other_degree[others], 1)
                columns += [np.log1p(shared), shared / np.sqrt(possible), common @ rarity]
        found[part] = np.stack(columns, axis=1)
    return found


def parts_of(
    pairs: tuple[np.ndarray, np.ndarray], degrees: Sequence[np.ndarray]
) -> Iterator[slice]:
    """Parts of the pairs with some million neighbours each: a popular item has very many pairs.

    Args:
        pairs: ``[n]`` items and ``[n]`` nodes.
        degrees: for each behaviour, how many neighbours an item, or a node, has.
    """
    items, nodes = pairs
    rows = np.cumsum(sum(degree[items] + degree[nodes] for degree in degrees), dtype=np.int64)
    last = rows[-1] if len(rows) else 0
    ends = np.searchsorted(rows, np.arange(NODES_AT_ONCE, last, NODES_AT_ONCE), side="right")
    bounds = np.unique([0, *ends.tolist(), len(rows)]).tolist()
    yield from (slice(*bound) for bound in pairwise(bounds))
