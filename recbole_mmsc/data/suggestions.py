"""The largest suggestions of the completed graph, and what speaks for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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

Wanted = Callable[[np.ndarray, np.ndarray], np.ndarray]  # ``[n]`` items and targets → ``[n]`` bool


def suggestions(
    completion: Completion,
    graphs: Sequence[sparse.csr_array],
    sources: Mapping[str, np.ndarray],
    relation: int,
    items: np.ndarray,
    at_most: int,
    wanted: Wanted | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The largest suggestions for some items, and the evidence for them, some items at a time.

    Args:
        completion: whose suggestions they are.
        graphs: for each behaviour ``[n_items, n_nodes]`` of ones.
        sources: source of content → ``[n_items, d]`` unit vectors.
        relation: of the suggestions.
        items: ``[m]``, for whom.
        at_most: suggestions for an item.
        wanted: of which of them there is to be evidence; by default of all.

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
        pairs, place = (items[block][row], targets), _place_in_row(found)
        if wanted is not None:
            chosen = np.flatnonzero(wanted(*pairs))
            pairs = pairs[0][chosen], pairs[1][chosen]
            place = [column[chosen] for column in place]
        evidence = [
            *place,
            *_said(completion, relation, pairs),
            *_directions(*_products(completion, 1 - relation, pairs)),
            common_neighbours(pairs, graphs, rarity),
            *(np.log1p(degree[end]) for degree in degrees for end in pairs),
            *(cosines(vectors, pairs) for vectors in sources.values()),
        ]
        yield *pairs, np.column_stack(evidence).astype(np.float32)


def _place_in_row(matrix: sparse.csr_array) -> list[np.ndarray]:
    """Of each entry: the logarithm of its rank in its row, its share of the row's largest, and the
    row's mean."""
    row, _ = ends_of(matrix)
    order = np.lexsort((-matrix.data, row))
    rank = np.empty(len(row))
    rank[order] = np.arange(len(row)) - matrix.indptr[row]
    largest = matrix.data[order][matrix.indptr[row]]
    mean = matrix.sum(axis=1)[row] / np.diff(matrix.indptr)[row]
    return [np.log1p(rank), matrix.data / largest, mean]


def _said(
    completion: Completion, relation: int, pairs: tuple[np.ndarray, np.ndarray]
) -> list[np.ndarray]:
    """What the linear models of a relation say of ``[n]`` pairs, ``[n]`` each.

    Either direction, both together, what each of :data:`PARTS` adds to it, and in how many
    summands above zero; for either direction its largest summand, and the sum of those below zero.
    """
    products = _products(completion, relation, pairs)
    there, back = (_summands(completion, product) for product in products)
    return [
        *_directions(*products),
        *(there.total + back.total).T,
        *(there.positive + back.positive).T,
        *(there.largest, back.largest, there.against, back.against),
    ]


def _products(
    completion: Completion, relation: int, pairs: tuple[np.ndarray, np.ndarray]
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """The summands of ``x_i w_t``, and those of ``x_t w_i``, ``[n, n_features]``."""
    models = sparse.csr_array(completion.weights[relation].T)
    there, back = (
        sparse.csr_array(completion.rows[items].multiply(models[targets]))
        for items, targets in (pairs, pairs[::-1])
    )
    return there, back


def _directions(there: sparse.csr_array, back: sparse.csr_array) -> list[np.ndarray]:
    """What the summands of either direction add up to, and all together, ``[n]`` each."""
    totals = [product.sum(axis=1) for product in (there, back)]
    return [*totals, sum(totals)]


class _Summands(NamedTuple):
    """Of ``[n]`` pairs: by :data:`PARTS` ``[n, n_parts]`` what the summands of one direction add up
    to, and how many are positive; ``[n]`` the largest, or zero, and the sum of those below zero."""

    total: np.ndarray
    positive: np.ndarray
    largest: np.ndarray
    against: np.ndarray


def _summands(completion: Completion, products: sparse.csr_array) -> _Summands:
    n_pairs = products.shape[0]
    pair, feature = ends_of(products)
    behaviour, node = np.divmod(feature, completion.n_nodes)
    outside = (node >= completion.rows.shape[0]) & (behaviour < len(BEHAVIOURS))
    cell = len(PARTS) * pair + 2 * behaviour + outside
    shape, n_cells = (n_pairs, len(PARTS)), len(PARTS) * n_pairs
    total, positive = (
        np.bincount(cell, weights, n_cells).reshape(shape)
        for weights in (products.data, products.data > 0)
    )
    largest = np.zeros(n_pairs, products.dtype)
    np.maximum.at(largest, pair, products.data)
    against = np.bincount(pair, np.minimum(products.data, 0), n_pairs)
    return _Summands(total, positive, largest, against)
