"""What speaks for an edge of a behaviour, and pairs that are no edges to compare it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement

import numpy as np
import torch
from scipy import sparse

from recbole_mmsc.data.common_neighbours import parts_of
from recbole_mmsc.data.sparse_rows import values_at
from recbole_mmsc.dataset_builders.product import CO_PURCHASE, CO_VIEW

BEHAVIOURS = {"co_view": CO_VIEW, "co_purchase": CO_PURCHASE}
VECTORS_AT_ONCE = 500  # pairs: these stay in the cache
CONTRAST_AT_MOST = 200_000  # pairs that are no edges: enough to learn a dozen numbers from

OTHER_BEHAVIOUR = "edge of the other behaviour"
EVIDENCE = (
    "content agreement",
    "in the catalogue",
    OTHER_BEHAVIOUR,
    "degree of the item",
    "degree of the neighbour",
    # Beside both: nodes co-viewed with the item and co-purchased with the neighbour, and so on.
    # A complement of a substitute is a complement, so the mixed ones count as well.
    *(
        f"{name} with the item, {other} with the neighbour{suffix}"
        for name in BEHAVIOURS
        for other in BEHAVIOURS
        for suffix in ("", ", of those possible")
    ),
)
# What tells in which way two items are related, whichever is named first: for each column the one
# that has its place when the other is. That two are a pair of either behaviour is not to be told.
EITHER_WAY = {
    "content agreement": "content agreement",
    "degree of the item": "degree of the neighbour",
    **{
        f"{name} with the item, {other} with the neighbour{suffix}": (
            f"{other} with the item, {name} with the neighbour{suffix}"
        )
        for name, other in combinations_with_replacement(BEHAVIOURS, 2)
        for suffix in ("", ", of those possible")
    },
}


def ends_of(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the entries, in row order."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return rows, matrix.indices.astype(np.int64)


def contrasted(
    graphs: Sequence[sparse.csr_array],
    index: int,
    related: sparse.csr_array,
    content: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Evidence of pairs that are no edges of a behaviour, as of edges that should not be there.

    Some are random partners of the same degrees, so that degrees alone tell nothing. As many,
    where there are as many, are pairs of the other relation as they would look if they had been
    written down as this one: with the evidence that they have, but not marked as an edge of the
    other behaviour. They teach in which way a related pair is related; were they marked, the mark
    alone would tell.

    Args:
        graphs: for each behaviour ``[n_nodes, n_nodes]`` of ones.
        index: of the behaviour.
        related: ``[n_items, n_items]``, the training pairs of the relation it makes.
        content: ``[n_items, d]`` unit vectors, or None.
        rng: draws.

    Returns:
        ``[n_contrast, len(EVIDENCE)]`` float32.
    """
    n_items, n_nodes = related.shape[0], graphs[index].shape[0]
    items, nodes = ends_of(graphs[index][:n_items])
    edges = items * n_nodes + nodes
    shuffled = np.setdiff1d(items * n_nodes + rng.permutation(nodes), edges)
    others = ends_of(graphs[1 - index][:n_items])
    pairs = ends_of(related)
    taken = np.concatenate([pairs[0] * n_nodes + pairs[1], edges[nodes >= n_items]])
    swapped = np.setdiff1d(others[0] * n_nodes + others[1], taken)
    drawn = [rng.permutation(keys)[: CONTRAST_AT_MOST // 2] for keys in (shuffled, swapped)]
    ends = np.divmod(np.concatenate(drawn), n_nodes)
    proper = ends[0] != ends[1]
    found = evidence_for((ends[0][proper], ends[1][proper]), graphs, index, content)
    found[:, EVIDENCE.index(OTHER_BEHAVIOUR)] = 0
    return found


def evidence_for(
    pairs: tuple[np.ndarray, np.ndarray],
    graphs: Sequence[sparse.csr_array],
    index: int,
    content: np.ndarray | None,
    unmarked: bool = False,
) -> np.ndarray:
    """What speaks for some pairs, ``[n_pairs, len(EVIDENCE)]`` float32.

    An edge is no evidence for itself: whether the pair is an edge of this behaviour shows in no
    column but, by one, in its degrees.

    Args:
        pairs: ``[n_pairs]`` items and ``[n_pairs]`` nodes.
        graphs: for each behaviour ``[n_nodes, n_nodes]`` of ones.
        index: of the behaviour.
        content: ``[n_items, d]`` unit vectors, or None.
        unmarked: the pair itself counts in no degree, whichever behaviour it is an edge of.
    """
    found = np.empty((len(pairs[0]), len(EVIDENCE)), np.float32)
    for part in parts_of(pairs, [np.diff(graph.indptr) for graph in graphs]):
        found[part] = _of_part(pairs[0][part], pairs[1][part], graphs, index, content, unmarked)
    return found


def evidence_of_pairs(
    pairs: tuple[np.ndarray, np.ndarray],
    graphs: Sequence[sparse.csr_array],
    content: np.ndarray | None,
    sources: Mapping[str, np.ndarray],
) -> np.ndarray:
    """What tells in which way two items are related, whichever is named first.

    Whether the two are an edge of either behaviour is not among it.

    Args:
        pairs: ``[n_pairs]`` items and ``[n_pairs]`` others.
        graphs: for each behaviour ``[n_nodes, n_nodes]`` of ones.
        content: ``[n_items, d]`` unit vectors, or None.
        sources: source of content → ``[n_items, d]`` unit vectors.

    Returns:
        ``[n_pairs, f]`` float32: content agreement, mean degree, and neighbours shared, of
        :data:`EVIDENCE`; the cosine of each source; the mean degree in the other behaviour.
    """
    found = evidence_for(pairs, graphs, 0, content, unmarked=True)
    told, turned = (
        found[:, [EVIDENCE.index(name) for name in names]]
        for names in (EITHER_WAY, EITHER_WAY.values())
    )
    purchased = [np.log1p(degree) for degree in _degrees(graphs[1], *pairs, unmarked=True)]
    return np.column_stack(
        [
            (told + turned) / 2,
            *(cosines(vectors, pairs) for vectors in sources.values()),
            sum(purchased) / 2,
        ]
    )


def cosines(vectors: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """``[n_pairs]`` float32, cosines of unit vectors ``[n_items, d]``."""
    found = np.empty(len(pairs[0]), np.float32)
    rows = torch.from_numpy(vectors)  # some are of 16 bits, which numpy is slow with
    for start in range(0, len(found), VECTORS_AT_ONCE):
        part = slice(start, start + VECTORS_AT_ONCE)
        one, other = (rows[torch.from_numpy(end[part])].float() for end in pairs)
        found[part] = (one * other).sum(dim=1).numpy()
    return found


def _of_part(
    items: np.ndarray,
    nodes: np.ndarray,
    graphs: Sequence[sparse.csr_array],
    index: int,
    content: np.ndarray | None,
    unmarked: bool,
) -> np.ndarray:
    degrees = [_degrees(graph, items, nodes, unmarked) for graph in graphs]
    agreement = np.zeros(len(items), np.float32)
    inside = np.zeros(len(items), bool)
    if content is not None:
        inside = nodes < len(content)
        agreement[inside] = cosines(content, (items[inside], nodes[inside]))
    other_mark = values_at(graphs[1 - index], items, nodes)
    columns = [agreement, inside, other_mark, *map(np.log1p, degrees[index])]
    for graph, (degree, _) in zip(graphs, degrees, strict=True):
        beside = graph[items]
        for other, (_, other_degree) in zip(graphs, degrees, strict=True):
            shared = (beside * other[nodes]).sum(axis=1)
            possible = np.sqrt(np.maximum(degree * other_degree, 1))
            columns += [np.log1p(shared), shared / possible]
    return np.stack(columns, axis=1).astype(np.float32)


def _degrees(
    graph: sparse.csr_array, items: np.ndarray, nodes: np.ndarray, unmarked: bool
) -> tuple[np.ndarray, np.ndarray]:
    """``[m]`` degrees of the items and of the nodes, without the pair's own edge if unmarked."""
    degree = np.diff(graph.indptr).astype(np.float32)
    own = values_at(graph, items, nodes) if unmarked else 0
    return degree[items] - own, degree[nodes] - own
