"""The graph of each relation, completed: how strongly the catalogue's behaviour suggests a pair.

A held-out pair shows in what stands beside its two items. For each item t and relation r a linear
model predicts from a row x of everything that stands beside some item whether that item is related
to t; it is solved, not trained (:func:`recbole_mmsc.data.local_ridge.local_ridge`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recbole_mmsc.data.local_ridge import local_ridge
from recbole_mmsc.data.relations import Behaviour
from recbole_mmsc.data.sparse_rows import diagonal, largest_of_rows

ROWS_AT_ONCE = 1024
KEPT_AT_MOST = 300  # suggestions of an item and relation; those behind rank below any list


@dataclass(frozen=True)
class Completion:
    """The linear models of all items.

    The columns of a row are: the co-viewed nodes, the co-purchased nodes, and, where there is
    content, the content neighbours with their cosines.

    Args:
        rows: ``[n_items, n_features]`` what stands beside each item.
        weights: for each relation ``[n_features, n_items]``.
    """

    rows: sparse.csr_array
    weights: list[sparse.csc_array]

    def suggest(self, relation: int, items: np.ndarray) -> sparse.csr_array:
        """``x_i w_t + x_t w_i`` for some items i and all items t, ``[m, n_items]``."""
        there = self.rows[items] @ self.weights[relation]
        back = self.rows @ self.weights[relation][:, items]
        return sparse.csr_array(there + back.T)


def solve_completion(
    behaviours: Sequence[Behaviour],
    known: Sequence[sparse.csr_array],
    alike: sparse.csr_array | None,
    at_most: int,
    reg_weight: float,
    progress: bool = False,
) -> Completion:
    """Solve the linear model of every item and relation.

    The samples of a relation are the items and the products outside the catalogue that its
    behaviour names: what stands beside an outsider is as good an example of what belongs together.

    Args:
        behaviours: co-view, which substitutes come from, and co-purchase, which complements come
            from, over the same nodes.
        known: for each relation the ``[n_items, n_items]`` training pairs.
        alike: ``[n_items, n_items]`` cosines of content neighbours, or None.
        at_most: features of one linear model.
        reg_weight: lambda of the ridge regressions.
        progress: show progress bars.
    """
    n_items = known[0].shape[0]
    rows = [_matrix(behaviour) for behaviour in behaviours]
    outside = [matrix[:, n_items:].T for matrix in rows]
    n_outside, n_nodes = outside[0].shape[0], rows[0].shape[1]
    blocks = [
        sparse.vstack([matrix, _widened(beside, n_nodes)])
        for matrix, beside in zip(rows, outside, strict=True)
    ]
    if alike is not None:
        blocks.append(sparse.vstack([alike, sparse.csr_array((n_outside, n_items))]))
    samples = sparse.csr_array(sparse.hstack(blocks), dtype=np.float32)
    items = np.arange(n_items)
    forbidden = np.stack([items, n_nodes + items], axis=1)
    weights = []
    for relation, beside in enumerate(outside):
        labels = sparse.csr_array(sparse.vstack([known[relation], beside]))
        named = np.concatenate([items, n_items + np.flatnonzero(np.diff(beside.tocsr().indptr))])
        name = f"relation {relation + 1} of {len(outside)}" if progress else None
        weights.append(
            local_ridge(samples[named], labels[named], forbidden, at_most, reg_weight, name)
        )
    return Completion(samples[:n_items], weights)


def completed_graphs(
    completion: Completion, known: Sequence[sparse.csr_array], borrowing: sparse.csr_array
) -> list[sparse.csr_array]:
    """The training pairs and the suggestions of each relation, cold items included.

    An item without behaviour is given the mean row of its content neighbours: with B the matrix of
    ``borrowing`` the completed graph is B (known + suggested). As a target it is suggested to
    nobody: giving it the columns of its neighbours as well puts it before what is known.

    Args:
        completion: the linear models.
        known: for each relation the ``[n_items, n_items]`` training pairs.
        borrowing: ``[n_items, n_items]``, rows of sum one, or of nothing; one on the diagonal of
            an item with behaviour.

    Returns:
        For each relation ``[n_items, n_items]``, positive entries only, at most
        :data:`KEPT_AT_MOST` in a row, none on the diagonal.
    """
    graphs = []
    for relation, pairs in enumerate(known):
        blocks = [
            _largest(pairs[block] + completion.suggest(relation, block), block)
            for block in _blocks(pairs.shape[0])
        ]
        own = sparse.csr_array(sparse.vstack(blocks))
        blocks = [_largest(borrowing[block] @ own, block) for block in _blocks(pairs.shape[0])]
        graphs.append(sparse.csr_array(sparse.vstack(blocks)))
    return graphs


def borrowing_of(alike: sparse.csr_array | None, warm: np.ndarray) -> sparse.csr_array:
    """Who stands for whom: an item with behaviour for itself, content neighbours for the others.

    Args:
        alike: ``[n_items, n_items]`` weights of content neighbours, or None: nobody borrows.
        warm: ``[n_items]`` bool, items with behaviour.
    """
    itself = diagonal(warm.astype(np.float32))
    if alike is None:
        return itself
    total = np.asarray(alike.sum(axis=1)).ravel()
    share = np.where(warm | (total == 0), 0, 1 / np.maximum(total, 1e-30)).astype(np.float32)
    return sparse.csr_array(itself + diagonal(share) @ alike)


def _matrix(behaviour: Behaviour) -> sparse.csr_array:
    """``[n_items, n_nodes]`` of ones."""
    return sparse.csr_array(
        (np.ones(len(behaviour.entries), np.float32), behaviour.entries, behaviour.offsets),
        shape=(len(behaviour.offsets) - 1, len(behaviour.popularity)),
    )


def _widened(matrix: sparse.csr_array, n_columns: int) -> sparse.csr_array:
    """With empty columns behind: what outsiders have beside each other is not known."""
    return sparse.csr_array(
        sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], n_columns - matrix.shape[1]))])
    )


def _blocks(n_rows: int) -> list[np.ndarray]:
    return [
        np.arange(start, min(start + ROWS_AT_ONCE, n_rows))
        for start in range(0, n_rows, ROWS_AT_ONCE)
    ]


def _largest(block: sparse.csr_array, items: np.ndarray) -> sparse.csr_array:
    """The largest positive entries of some items' rows, none of them an item with itself."""
    found = sparse.coo_array(block)
    row, column = found.coords
    proper = (found.data > 0) & (column != items[row])
    ends = row[proper], column[proper]
    kept = sparse.csr_array((found.data[proper], ends), shape=block.shape)
    return largest_of_rows(kept, KEPT_AT_MOST)
