"""The graph of each relation, completed: how strongly the catalogue's behaviour suggests a pair.

A held-out pair shows in what stands beside its two items. For each item t and relation r a linear
model predicts from a row x of everything that stands beside some item whether that item is related
to t; it is solved, not trained (:func:`recbole_mmsc.data.local_ridge.local_ridge`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from recbole_mmsc.data.evidence import BEHAVIOURS
from recbole_mmsc.data.local_ridge import local_ridge
from recbole_mmsc.data.observed import Observed
from recbole_mmsc.data.sparse_rows import diagonal, largest_of_rows

ROWS_AT_ONCE = 256
KEPT_AT_MOST = 300  # suggestions of an item and relation; those behind rank below any list


CONTENT, KNOWN, RERANKED = "content", "training pair", "re-ranking"


@dataclass(frozen=True)
class Reason:
    """One of the summands of an entry of a completed graph.

    Args:
        item: the item it was found beside: the query, or the target.
        beside: the node that stands beside it.
        how: ``co_view``, ``co_purchase``, ``content`` (a content neighbour), ``training pair``, or
            ``re-ranking``.
        weight: what it adds; below zero it speaks against the pair.
    """

    item: int
    beside: int
    how: str
    weight: float


@dataclass(frozen=True, eq=False)
class Completion:
    """The training pairs of each relation, and linear models that suggest others.

    The columns of a row are: the co-viewed nodes, the co-purchased nodes, and, where there is
    content, the content neighbours with their cosines.

    Args:
        rows: ``[n_items, n_features]`` what stands beside each item.
        weights: for each relation ``[n_features, n_items]``.
        known: for each relation ``[n_items, n_items]``, what the training pairs count when they
            are lent.
        borrowing: ``[n_items, n_items]``, who stands for whom (:func:`borrowing_of`).
        n_nodes: columns of a behaviour.
        reranked: for each relation ``[n_items, n_items]``, what re-ranking adds to suggestions
            (:func:`recbole_mmsc.data.reranking.rerank`).
    """

    rows: sparse.csr_array
    weights: list[sparse.csc_array]
    known: Sequence[sparse.csr_array]
    borrowing: sparse.csr_array
    n_nodes: int
    reranked: Sequence[sparse.csr_array]

    def suggest(self, relation: int, items: np.ndarray) -> sparse.csr_array:
        """``x_i w_t + x_t w_i`` for some items i and all items t, ``[m, n_items]``."""
        there = self.rows[items] @ self._weights_of_features[relation]
        back = sparse.csr_array(self.weights[relation].T)[items] @ self._beside
        return sparse.csr_array(there + back)

    def candidates(self, relation: int, items: np.ndarray, at_most: int) -> sparse.csr_array:
        """The largest suggestions for some items, none a training pair of any relation.

        Returns:
            ``[m, n_items]``, at most ``at_most`` positive entries in a row.
        """
        suggested = self.suggest(relation, items) - self._never[items]
        return largest_of_rows(_suitable(suggested, items), at_most)

    @cached_property
    def _never(self) -> sparse.csr_array:
        """``[n_items, n_items]``, infinite where a training pair of any relation is."""
        trained = sum(self.known[1:], self.known[0])
        return sparse.csr_array(
            (np.full_like(trained.data, np.inf), trained.indices, trained.indptr), trained.shape
        )

    # Both by feature, so that the suggestions for a few items cost what stands beside these and
    # what speaks for them; else the whole catalogue is gone through for every few.
    @cached_property
    def _beside(self) -> sparse.csr_array:
        """``[n_features, n_items]``, the items that each feature stands beside."""
        return sparse.csr_array(self.rows.T)

    @cached_property
    def _weights_of_features(self) -> list[sparse.csr_array]:
        """For each relation ``[n_features, n_items]``."""
        return [sparse.csr_array(weights) for weights in self.weights]

    def graph(self, relation: int) -> sparse.csr_array:
        """The completed graph of a relation: training pairs and suggestions, cold items included.

        An item without behaviour is given the mean row of its content neighbours, times a weight:
        with B the matrix of ``borrowing`` the completed graph is B (known + suggested), and what
        re-ranking adds. As a target it has what its content neighbours' own models say of it,
        x_t w_i: giving it the columns of its neighbours as well puts it before what is known.

        Returns:
            ``[n_items, n_items]``, positive entries only, at most :data:`KEPT_AT_MOST` in a row,
            none on the diagonal.
        """
        blocks = blocks_of(self.rows.shape[0])
        own, reranked = self.own(relation, np.concatenate(blocks)), self.reranked[relation]
        rows = [_largest(self.borrowing[block] @ own + reranked[block], block) for block in blocks]
        del own  # a gigabyte, of a few hundred thousand items
        return sparse.csr_array(sparse.vstack(rows))

    def own(self, relation: int, items: np.ndarray) -> sparse.csr_array:
        """What some items have to lend, known and suggested, ``[m, n_items]``."""
        blocks = [items[block] for block in blocks_of(len(items))]
        rows = (self.known[relation][block] + self.suggest(relation, block) for block in blocks)
        return sparse.csr_array(sparse.vstack(list(map(_largest, rows, blocks))))

    def reasons(self, relation: int, query: int, target: int) -> list[Reason]:
        """The summands of one entry of a completed graph, the largest first; none if it is zero."""
        lenders, share = self._row(self.borrowing, query)
        own = self.own(relation, lenders)
        row = sparse.csr_array(share[np.newaxis]) @ own + self.reranked[relation][[query]]
        if not _largest(row, np.array([query]))[0, target]:
            return []
        if lenders.tolist() != [query]:
            found = [
                Reason(query, int(lender), CONTENT, float(weight))
                for lender, weight in zip(lenders, share * _column(own, target), strict=True)
            ]
        else:
            found = [*self._found_by(relation, query, target)]
            found += self._found_by(relation, target, query)
            for how, graphs in ((KNOWN, self.known), (RERANKED, self.reranked)):
                found.append(Reason(query, target, how, float(graphs[relation][query, target])))
        return sorted((r for r in found if r.weight), key=lambda r: -abs(r.weight))

    def _found_by(self, relation: int, item: int, other: int) -> Iterator[Reason]:
        """The summands of ``x_item w_other``."""
        features, values = self._row(self.rows, item)
        weights = self.weights[relation][features, [other] * len(features)]
        for feature, weight in zip(features.tolist(), values * weights, strict=True):
            part, node = divmod(feature, self.n_nodes)
            yield Reason(item, node, (*BEHAVIOURS, CONTENT)[part], float(weight))

    @staticmethod
    def _row(matrix: sparse.csr_array, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Columns and values of the entries of one row."""
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        return matrix.indices[entries], matrix.data[entries]


def solve_completion(
    observed: Observed,
    alike: sparse.csr_array | None,
    borrowing: sparse.csr_array,
    at_most: int,
    reg_weight: float,
    progress: bool = False,
) -> Completion:
    """Solve the linear model of every item and relation.

    The samples of a relation are the items and the products outside the catalogue that its
    behaviour names: what stands beside an outsider is as good an example of what belongs together.

    Args:
        observed: behaviours over the same nodes, and training pairs.
        alike: ``[n_items, n_items]`` cosines of content neighbours, or None.
        borrowing: ``[n_items, n_items]``, who stands for whom (:func:`borrowing_of`).
        at_most: features of one linear model.
        reg_weight: lambda of the ridge regressions.
        progress: show progress bars.
    """
    n_items, n_nodes = observed.behaviours[0].shape
    outside = [matrix[:, n_items:].T for matrix in observed.behaviours]
    n_outside = n_nodes - n_items
    blocks = [
        sparse.vstack([matrix, _widened(beside, n_nodes)])
        for matrix, beside in zip(observed.behaviours, outside, strict=True)
    ]
    if alike is not None:
        blocks.append(sparse.vstack([alike, sparse.csr_array((n_outside, n_items))]))
    samples = sparse.csr_array(sparse.hstack(blocks), dtype=np.float32)
    items = np.arange(n_items)
    forbidden = np.stack([items, n_nodes + items], axis=1)
    weights = []
    for relation, beside in enumerate(outside):
        labels = sparse.csr_array(sparse.vstack([observed.sought[relation], beside]))
        named = np.concatenate([items, n_items + np.flatnonzero(np.diff(beside.tocsr().indptr))])
        name = f"relation {relation + 1} of {len(outside)}" if progress else None
        weights.append(
            local_ridge(samples[named], labels[named], forbidden, at_most, reg_weight, name)
        )
    unranked = [sparse.csr_array((n_items, n_items), dtype=np.float32) for _ in weights]
    return Completion(samples[:n_items], weights, observed.known, borrowing, n_nodes, unranked)


def borrowing_of(
    alike: sparse.csr_array | None, warm: np.ndarray, weight: float
) -> sparse.csr_array:
    """Who stands for whom: an item with behaviour for itself, content neighbours for the others.

    Args:
        alike: ``[n_items, n_items]`` weights of content neighbours, or None: nobody borrows.
        warm: ``[n_items]`` bool, items with behaviour; a row of theirs adds up to one.
        weight: what the row of another item adds up to.
    """
    itself = diagonal(warm.astype(np.float32))
    if alike is None:
        return itself
    total = np.asarray(alike.sum(axis=1)).ravel()
    share = np.where(warm | (total == 0), 0, weight / np.maximum(total, 1e-30)).astype(np.float32)
    return sparse.csr_array(itself + diagonal(share) @ alike)


def strongest(suggested: sparse.csr_array) -> sparse.csr_array:
    """The :data:`KEPT_AT_MOST` largest entries of each row."""
    return largest_of_rows(suggested, KEPT_AT_MOST)


def _widened(matrix: sparse.csr_array, n_columns: int) -> sparse.csr_array:
    """With empty columns behind: what outsiders have beside each other is not known."""
    return sparse.csr_array(
        sparse.hstack([matrix, sparse.csr_array((matrix.shape[0], n_columns - matrix.shape[1]))])
    )


def blocks_of(n_rows: int) -> list[np.ndarray]:
    """All rows, :data:`ROWS_AT_ONCE` at a time; of no rows one block, an empty one."""
    return [
        np.arange(start, min(start + ROWS_AT_ONCE, n_rows))
        for start in range(0, max(n_rows, 1), ROWS_AT_ONCE)
    ]


def _column(matrix: sparse.csr_array, column: int) -> np.ndarray:
    return matrix[:, [column]].toarray().ravel()


def _largest(block: sparse.csr_array, items: np.ndarray) -> sparse.csr_array:
    """The largest suitable entries of some items' rows."""
    return strongest(_suitable(block, items))


def _suitable(block: sparse.csr_array, items: np.ndarray) -> sparse.csr_array:
    """The positive entries of some items' rows, none of them an item with itself."""
    found = sparse.coo_array(block)
    row, column = found.coords
    proper = (found.data > 0) & (column != items[row])
    ends = tuple(end[proper].astype(np.int32) for end in (row, column))  # there are many
    return sparse.csr_array((found.data[proper], ends), shape=block.shape)
