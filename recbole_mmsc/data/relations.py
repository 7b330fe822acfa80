"""From ``behaviour.parquet`` to the graphs that MMSC's behaviour module reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from recbole_mmsc.dataset_builders.product import CO_PURCHASE, CO_VIEW

BEHAVIOURS = {"co_view": CO_VIEW, "co_purchase": CO_PURCHASE}
PAIRS_AT_ONCE = 200_000
CONTRAST_AT_MOST = 200_000  # pairs that are no edges: enough to learn a dozen numbers from
MINIMAL_CITATIONS = 2  # an outsider that stands beside one item alone connects nothing


@dataclass(frozen=True)
class Behaviour:
    """One behaviour as compressed rows over nodes: items first, then products outside.

    Args:
        offsets: ``[n_items + 1]`` int64, where each item's row begins.
        entries: ``[n_edges]`` int64, node ids, ascending within a row.
        evidence: ``[n_edges, n_evidence]`` float32, standardised; columns in :data:`EVIDENCE`.
        contrast: ``[n_contrast, n_evidence]`` float32, the same of pairs that are no edges.
        popularity: ``[n_nodes]`` int64, in how many rows each node stands.
    """

    offsets: np.ndarray
    entries: np.ndarray
    evidence: np.ndarray
    contrast: np.ndarray
    popularity: np.ndarray

    def matrix(self) -> sparse.csr_array:
        """``[n_items, n_nodes]`` of ones."""
        return sparse.csr_array(
            (np.ones(len(self.entries), np.float32), self.entries, self.offsets),
            shape=(len(self.offsets) - 1, len(self.popularity)),
        )


EVIDENCE = (
    "content agreement",
    "in the catalogue",
    "edge of the other behaviour",
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


def read_behaviours(
    path: Path, ids: dict[str, int], n_items: int, content: np.ndarray | None, seed: int
) -> tuple[list[Behaviour], list[str]]:
    """Read co-view and co-purchase and weigh the evidence for each edge.

    Args:
        path: ``behaviour.parquet``.
        ids: item id → row, below ``n_items``.
        n_items: rows of every graph; those without behaviour stay empty.
        content: ``[n_items, d]`` unit vectors (zero where absent) for content agreement, or None.
        seed: draws the pairs of ``contrast``.

    Returns:
        One :class:`Behaviour` for each of :data:`BEHAVIOURS`, and the names of the products outside
        the catalogue, the nodes from ``n_items`` on.

    Raises:
        FileNotFoundError: there is no such file; the message names the command that makes it.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the behaviour of the catalogue in {path}, found no such file; "
            f"build the dataset again: recbole-mmsc build"
        )
    item, node, source, outsiders = _read_edges(path, ids, n_items)
    graphs = [
        _graph(item[chosen], node[chosen], n_items + len(outsiders))
        for chosen in (np.isin(source, sorted(names)) for names in BEHAVIOURS.values())
    ]
    rng = np.random.default_rng(seed)
    behaviours = [_behaviour(graphs, index, n_items, content, rng) for index in range(len(graphs))]
    return behaviours, outsiders


def _read_edges(
    path: Path, ids: dict[str, int], n_items: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Items, nodes and sources of the directed edges, and the names of the outsiders."""
    table = pq.read_table(path)
    columns = {}
    for name in ("item", "other", "source"):
        column = pc.dictionary_encode(table[name].cast("string")).combine_chunks()
        columns[name] = column.indices.to_numpy(), np.array(column.dictionary.to_pylist())
    codes, names = columns["item"]
    item = np.array([ids[name] for name in names.tolist()], dtype=np.int64)[codes]
    codes, names = columns["other"]
    node = np.array([ids.get(name, -1) for name in names.tolist()], dtype=np.int64)
    outsider = np.flatnonzero(node < 0)
    citations = np.bincount(codes, minlength=len(names))[outsider]
    connecting = outsider[citations >= MINIMAL_CITATIONS]
    node[connecting] = n_items + np.arange(len(connecting))
    outsiders = names[connecting].tolist()
    node = node[codes]
    kept = node >= 0
    codes, names = columns["source"]
    return item[kept], node[kept], names[codes][kept], outsiders


def _graph(items: np.ndarray, nodes: np.ndarray, n_nodes: int) -> sparse.csr_array:
    """``[n_nodes, n_nodes]`` of ones: an edge stands in the rows of both its ends."""
    ends = np.concatenate([items, nodes]), np.concatenate([nodes, items])
    graph = sparse.csr_array((np.ones(len(ends[0]), np.float32), ends), shape=(n_nodes, n_nodes))
    graph.sum_duplicates()
    graph.data[:] = 1
    return graph


def _behaviour(
    graphs: list[sparse.csr_array],
    index: int,
    n_items: int,
    content: np.ndarray | None,
    rng: np.random.Generator,
) -> Behaviour:
    rows = graphs[index][:n_items]
    edges = _ends(rows)
    evidence = _evidence(edges, graphs, index, content)
    contrast = _evidence(_no_edges(graphs, index, n_items, rng), graphs, index, content)
    mean, deviation = 0.0, 1.0
    if len(evidence):
        mean, deviation = evidence.mean(axis=0), evidence.std(axis=0) + 1e-6
    return Behaviour(
        offsets=rows.indptr.astype(np.int64),
        entries=edges[1],
        evidence=(evidence - mean) / deviation,
        contrast=(contrast - mean) / deviation,
        popularity=np.diff(graphs[index].indptr).astype(np.int64),
    )


def _ends(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the entries, in row order."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return rows, matrix.indices.astype(np.int64)


def _no_edges(
    graphs: list[sparse.csr_array], index: int, n_items: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that are no edges: random partners of the same degrees, and the other behaviour's.

    Shuffling the neighbours keeps every degree, so that degrees alone tell nothing; the edges of
    the other behaviour teach in which way a related pair is related.
    """
    items, nodes = _ends(graphs[index][:n_items])
    others = _ends(graphs[1 - index][:n_items])
    n_nodes = graphs[index].shape[0]
    candidates = np.concatenate(
        [items * n_nodes + rng.permutation(nodes), others[0] * n_nodes + others[1]]
    )
    no_edges = np.setdiff1d(candidates, items * n_nodes + nodes)
    pairs = np.divmod(no_edges, n_nodes)
    proper = np.flatnonzero(pairs[0] != pairs[1])
    drawn = rng.permutation(proper)[:CONTRAST_AT_MOST]
    return pairs[0][drawn], pairs[1][drawn]


def _evidence(
    pairs: tuple[np.ndarray, np.ndarray],
    graphs: list[sparse.csr_array],
    index: int,
    content: np.ndarray | None,
) -> np.ndarray:
    """``[n_pairs, len(EVIDENCE)]`` float32. An edge is no evidence for itself: whether the pair is
    an edge of this behaviour shows in no column but, by one, in its degrees."""
    parts = [
        _evidence_of_part(pairs[0][part], pairs[1][part], graphs, index, content)
        for start in range(0, len(pairs[0]), PAIRS_AT_ONCE)
        for part in [slice(start, start + PAIRS_AT_ONCE)]
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(EVIDENCE)), np.float32)


def _evidence_of_part(
    items: np.ndarray,
    nodes: np.ndarray,
    graphs: list[sparse.csr_array],
    index: int,
    content: np.ndarray | None,
) -> np.ndarray:
    degrees = [np.diff(graph.indptr).astype(np.float32) for graph in graphs]
    agreement = np.zeros(len(items), np.float32)
    inside = np.zeros(len(items), bool)
    if content is not None:
        inside = nodes < len(content)
        agreement[inside] = np.einsum(
            "ed,ed->e", content[items[inside]], content[nodes[inside]], dtype=np.float32
        )
    columns = [
        agreement,
        inside,
        np.asarray(graphs[1 - index][items, nodes]).ravel(),
        np.log1p(degrees[index][items]),
        np.log1p(degrees[index][nodes]),
    ]
    for graph, degree in zip(graphs, degrees, strict=True):
        beside = graph[items]
        for other, other_degree in zip(graphs, degrees, strict=True):
            shared = (beside * other[nodes]).sum(axis=1)
            possible = np.sqrt(np.maximum(degree[items] * other_degree[nodes], 1))
            columns += [np.log1p(shared), shared / possible]
    return np.stack(columns, axis=1).astype(np.float32)
