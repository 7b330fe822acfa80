"""The largest suggestions of the completed graph, and what speaks for each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from recbole_mmsc.data.common_neighbours import common_neighbours, rarity_of
from recbole_mmsc.data.completion import Completion, blocks_of
from recbole_mmsc.data.evidence import BEHAVIOURS, cosines, ends_of

# Where the nodes are found that the summands of a suggestion come from.
PARTS = (
    *(f"{name}, {where}" for name in BEHAVIOURS for where in ("in the catalogue", "outside")),
    "content neighbours",
)


def suggestions(
    completion: Completion,
    graphs: Sequence[sparse.csr_array],
    sources: Mapping[str, np.ndarray],
    relation: int,
    items: np.ndarray,
    at_most: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The largest suggestions for some items, and the evidence for them, some items at a time.

    Args:
        completion: whose suggestions they are.
        graphs: for each behaviour ``[n_items, n_nodes]`` of ones.
        sources: source of content → ``[n_items, d]`` unit vectors.
        relation: of the suggestions.
        items: ``[m]``, for whom.
        at_most: suggestions for an item.

    Yields:
        ``[n]`` items, ``[n]`` targets, and ``[n, f]`` float32 evidence. Of the suggestion: its
        rank among the item's, its share of the largest, and the mean of all; its two directions
        and its size; for each of :data:`PARTS` what its summands add up to, and how many speak for
        it; in either direction the summand that speaks for it most, and all together that speak
        against it. Of the other relation's suggestion: its two directions and its size. Of the
        pair: neighbours in common, degrees, and the cosine of each source.
    """
    degrees, rarity = [np.diff(graph.indptr) for graph in graphs], rarity_of(graphs)
    for block in blocks_of(len(items)):
        found = completion.candidates(relation, items[block], at_most)
        row, targets = ends_of(found)
        pairs = items[block][row], targets
        evidence = [
            *_place_in_row(found),
            *_said(completion, relation, pairs),
            *_said(completion, 1 - relation, pairs)[:3],
            common_neighbours(pairs, graphs, rarity),
            *(np.log1p(degree[end]) for degree in degrees for end in pairs),
            *(cosines(vectors, pairs) for vectors in sources.values()),
        ]
        yield *pairs, np.column_stack(evidence).astype(np.float32)


def _place_in_row(matrix: sparse.csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each entry: the logarithm of its rank in its row, its share of the row's largest, and the
    row's mean."""
    row, _ = ends_of(matrix)
    order = np.lexsort((-matrix.data, row))
    rank = np.empty(len(row))
    rank[order] = np.arange(len(row)) - matrix.indptr[row]
    largest = matrix.data[order][matrix.indptr[row]]
    mean = matrix.sum(axis=1)[row] / np.diff(matrix.indptr)[row]
    return np.log1p(rank), matrix.data / largest, mean


def _said(
    completion: Completion, relation: int, pairs: tuple[np.ndarray, np.ndarray]
) -> list[np.ndarray]:
    """What the linear models of a relation say of ``[n]`` pairs, ``[n]`` each.

    Either direction, both together, what each of :data:`PARTS` adds to it, and in how many
    summands above zero; for either direction its largest summand, and the sum of those below zero.
    """
    there, back = (_summands(completion, relation, *ends) for ends in (pairs, pairs[::-1]))
    directions = there.total.sum(axis=1), back.total.sum(axis=1)
    return [
        *directions,
        sum(directions),
        *(there.total + back.total).T,
        *(there.positive + back.positive).T,
        *(there.largest, back.largest, there.against, back.against),
    ]


class _Summands(NamedTuple):
    """Of ``x_i w_t`` for ``[n]`` pairs: by :data:`PARTS` ``[n, n_parts]`` what the summands add up
    to, and how many are positive; ``[n]`` the largest, or zero, and the sum of those below zero."""

    total: np.ndarray
    positive: np.ndarray
    largest: np.ndarray
    against: np.ndarray


def _summands(
    completion: Completion, relation: int, items: np.ndarray, targets: np.ndarray
) -> _Summands:
    models = sparse.csr_array(completion.weights[relation].T)
    summands = sparse.csr_array(completion.rows[items].multiply(models[targets]))
    pair, feature = ends_of(summands)
    behaviour, node = np.divmod(feature, completion.n_nodes)
    outside = (node >= completion.rows.shape[0]) & (behaviour < len(BEHAVIOURS))
    cell = len(PARTS) * pair + 2 * behaviour + outside
    shape, n_cells = (len(items), len(PARTS)), len(PARTS) * len(items)
    total, positive = (
        np.bincount(cell, weights, n_cells).reshape(shape)
        for weights in (summands.data, summands.data > 0)
    )
    largest = np.zeros(len(items), summands.dtype)
    np.maximum.at(largest, pair, summands.data)
    against = np.bincount(pair, np.minimum(summands.data, 0), len(items))
    return _Summands(total, positive, largest, against)
