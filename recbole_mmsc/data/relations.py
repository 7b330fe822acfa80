"""From ``behaviour.parquet`` to the graphs that MMSC's behaviour module reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from recbole_mmsc.data.beliefs import Beliefs, strength
from recbole_mmsc.data.evidence import BEHAVIOURS, contrasted, ends_of, evidence_for
from recbole_mmsc.data.standing import (
    ROOT,
    part_of_list,
    standing_by_part,
    standing_of,
    symmetric_standing,
)
from recbole_mmsc.data.training import undirected

COLUMNS = ("item", "other", "source", "place")  # of behaviour.parquet
OTHERWISE = 0.3  # what an edge counts whose pair training calls the other relation
MINIMAL_CITATIONS = 2  # an outsider that stands beside one item alone connects nothing


@dataclass(frozen=True)
class Behaviour:
    """One behaviour as compressed rows over nodes: items first, then products outside.

    Args:
        offsets: ``[n_items + 1]`` int64, where each item's row begins.
        entries: ``[n_edges]`` int64, node ids, ascending within a row.
        evidence: ``[n_edges, n_evidence]`` float32, standardised; columns in
            :data:`~recbole_mmsc.data.evidence.EVIDENCE`.
        contrast: ``[n_contrast, n_evidence]`` float32, the same of pairs that are no edges.
        popularity: ``[n_nodes]`` int64, in how many rows each node stands.
        target: ``[n_edges]`` float32 in [0, 1], what is believed of the edge.
        trust: ``[n_edges]`` float32 in [0, 1], how much that counts; 0 where nothing is said.
        strength: ``[n_edges]`` float32 in [0, 1], the root of the edge's standing, less where
            belief is against the edge, or training calls the pair the other relation.
    """

    offsets: np.ndarray
    entries: np.ndarray
    evidence: np.ndarray
    contrast: np.ndarray
    popularity: np.ndarray
    target: np.ndarray
    trust: np.ndarray
    strength: np.ndarray

    def matrix(self) -> sparse.csr_array:
        """``[n_items, n_nodes]``, the strength of every edge."""
        return sparse.csr_array(
            (self.strength, self.entries, self.offsets),
            shape=(len(self.offsets) - 1, len(self.popularity)),
        )


def read_standings(
    path: Path, ids: dict[str, int], n_items: int
) -> tuple[list[sparse.csr_array], list[str]]:
    """Read co-view and co-purchase.

    Args:
        path: ``behaviour.parquet``.
        ids: item id → row, below ``n_items``.
        n_items: rows of items; those without behaviour stay empty.

    Returns:
        For each of :data:`~recbole_mmsc.data.evidence.BEHAVIOURS` ``[n_nodes, n_nodes]`` float32:
        the best standing in (0, 1] that either end of an edge gives the other, see
        :mod:`~recbole_mmsc.data.standing`; and the names of the products outside the catalogue,
        the nodes from ``n_items`` on.

    Raises:
        FileNotFoundError: there is no such file; the message names the command that makes it.
        ValueError: the file is damaged, lacks values, is of other items, or of an earlier build
            without places.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"expected the behaviour of the catalogue in {path}, found no such file; "
            f"build the dataset again: recbole-mmsc build"
        )
    item, node, source, part, names, outsiders = _read_references(path, ids, n_items)
    n_nodes = n_items + len(outsiders)
    standings = []
    for sources in BEHAVIOURS.values():
        of = np.isin(names, sorted(sources))[source]
        ends = item[of], node[of], source[of]
        standing = standing_by_part(*ends, part[of], n_nodes)
        standings.append(symmetric_standing(*ends, standing, n_nodes))
    return standings, outsiders


def edges_of(matrix: sparse.csr_array) -> sparse.csr_array:
    """One wherever the matrix has an entry."""
    ones = np.ones_like(matrix.data)
    return sparse.csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape)


def weigh_behaviours(
    standings: Sequence[sparse.csr_array],
    related: Sequence[sparse.csr_array],
    content: np.ndarray | None,
    seed: int,
    beliefs: Beliefs | None = None,
) -> list[Behaviour]:
    """Weigh the evidence for each edge of each behaviour.

    Pairs of items that are believed to be of a relation are edges of its behaviour as well.

    Args:
        standings: of the edges of co-view and co-purchase, see :func:`read_standings`.
        related: for co-view the training pairs of substitutes, for co-purchase those of
            complements, ``[n_items, n_items]``.
        content: ``[n_items, d]`` unit vectors (zero where absent) for content agreement, or None.
        seed: draws the pairs of ``contrast``.
        beliefs: what is believed of pairs, where anything is.
    """
    graphs = [edges_of(matrix) for matrix in standings]
    if beliefs is not None:
        graphs = [
            _with_edges(graph, beliefs.approved(relation)) for relation, graph in enumerate(graphs)
        ]
    rng = np.random.default_rng(seed)
    return [
        _behaviour(graphs, index, standings, related, content, beliefs, rng)
        for index in range(len(related))
    ]


def _not_usable(path: Path, expected: str) -> str:
    return f"expected {expected} in {path}; build the dataset again: recbole-mmsc build"


def _read_references(
    path: Path, ids: dict[str, int], n_items: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Items, nodes, sources and parts of the lists; names of the sources, and of the outsiders.

    Left out are references to outsiders that connect nothing.
    """
    try:
        table = pq.read_table(path, columns=list(COLUMNS)).select(COLUMNS)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise ValueError(
            _not_usable(path, f"the columns {', '.join(COLUMNS)} ({error})")
        ) from error
    place = table["place"]
    if any(column.null_count for column in table.columns):
        raise ValueError(_not_usable(path, "a value in every row"))
    if not pa.types.is_integer(place.type) or (len(place) and pc.min(place).as_py() < 0):
        raise ValueError(_not_usable(path, "places in lists, counted from 0,"))
    columns = {}
    for name in ("item", "other", "source"):
        column = pc.dictionary_encode(table[name].cast("string")).combine_chunks()
        columns[name] = column.indices.to_numpy(), np.array(column.dictionary.to_pylist())
    codes, names = columns["item"]
    if unknown := sorted({*names.tolist()} - ids.keys()):
        raise ValueError(_not_usable(path, f"items of the catalogue, found {unknown[0]!r}"))
    item = np.array([ids[name] for name in names.tolist()], dtype=np.int64)[codes]
    codes, names = columns["other"]
    node = np.array([ids.get(name, -1) for name in names.tolist()], dtype=np.int64)
    outsider = np.flatnonzero(node < 0)
    by_item = np.unique(np.stack([item, codes]), axis=1)[1]  # whatever the number of sources
    citations = np.bincount(by_item, minlength=len(names))[outsider]
    connecting = outsider[citations >= MINIMAL_CITATIONS]
    node[connecting] = n_items + np.arange(len(connecting))
    outsiders = names[connecting].tolist()
    node = node[codes]
    kept = node >= 0
    codes, names = columns["source"]
    part = part_of_list(item, codes, place.to_numpy().astype(np.int64))
    return item[kept], node[kept], codes[kept], part[kept], names, outsiders


def _as_labelled(
    rows: sparse.csr_array, index: int, related: Sequence[sparse.csr_array]
) -> np.ndarray:
    """``[n_edges]`` float32: one, but :data:`OTHERWISE` for edges that are not of the relation.

    Under an exclusive label policy a pair that is both co-viewed and co-purchased is a substitute,
    and its co-purchase says little about what complements the two.
    """
    n_nodes = rows.shape[1]

    def keys(matrix: sparse.csr_array) -> np.ndarray:
        items, nodes = ends_of(matrix)
        return items * n_nodes + nodes

    own, other = (np.isin(keys(rows), keys(related[r])) for r in (index, 1 - index))
    return np.where(other & ~own, OTHERWISE, 1).astype(np.float32)


def _with_edges(graph: sparse.csr_array, approved: sparse.csr_array) -> sparse.csr_array:
    items, nodes = (
        np.concatenate(ends) for ends in zip(ends_of(graph), ends_of(approved), strict=True)
    )
    return undirected(items, nodes, graph.shape[0])


def _behaviour(
    graphs: Sequence[sparse.csr_array],
    index: int,
    standings: Sequence[sparse.csr_array],
    related: Sequence[sparse.csr_array],
    content: np.ndarray | None,
    beliefs: Beliefs | None,
    rng: np.random.Generator,
) -> Behaviour:
    rows = graphs[index][: related[index].shape[0]]
    items, nodes = ends_of(rows)
    evidence = evidence_for((items, nodes), graphs, index, content)
    contrast = contrasted(graphs, index, related[index], content, rng)
    if len(evidence):
        edges = StandardScaler().fit(evidence)  # divides by one what is alike for all of them
        evidence, contrast = (
            ((values - edges.mean_) / edges.scale_).astype(np.float32)
            for values in (evidence, contrast)
        )
    target = trust = np.zeros(len(nodes), np.float32)
    counts = _as_labelled(rows, index, related)
    if beliefs is not None:
        target, trust = beliefs.of(index, items, nodes)
        otherwise, _ = beliefs.of(1 - index, items, nodes)
        counts = np.where(trust > 0, strength(target + OTHERWISE * otherwise, trust), counts)
    return Behaviour(
        offsets=rows.indptr.astype(np.int64),
        entries=nodes,
        evidence=evidence,
        contrast=contrast,
        popularity=np.diff(graphs[index].indptr).astype(np.int64),
        target=target,
        trust=trust,
        strength=counts * standing_of(standings, index, items, nodes) ** np.float32(1 / ROOT),
    )
