"""What is observed of items and pairs, with some pairs taken out if need be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from recbole_mmsc.data.training import undirected


@dataclass(frozen=True, eq=False)
class Observed:
    """What the linear models of a completed graph are solved from.

    Args:
        behaviours: for co-view, which substitutes come from, and co-purchase, which complements
            come from, ``[n_items, n_nodes]``: the strength of every edge.
        known: for each relation ``[n_items, n_items]``, what the training pairs count when they
            are lent.
        sought: for each relation ``[n_items, n_items]``, what the linear models are to predict of
            them.
    """

    behaviours: Sequence[sparse.csr_array]
    known: Sequence[sparse.csr_array]
    sought: Sequence[sparse.csr_array]

    def parts(self, n_parts: int, rng: np.random.Generator) -> list[sparse.csr_array]:
        """All training pairs, in parts at random: symmetric ``[n_items, n_items]`` of ones."""
        pairs = sparse.coo_array(sparse.triu(sum(self.known[1:], self.known[0]), k=1))
        part = rng.integers(n_parts, size=pairs.nnz)
        return [
            undirected(*(end[part == number] for end in pairs.coords), pairs.shape[0])
            for number in range(n_parts)
        ]

    def without(self, pairs: sparse.csr_array) -> Self:
        """As if some pairs, symmetric ``[n_items, n_items]`` of ones, had never been observed."""
        parts = (self.behaviours, self.known, self.sought)
        return type(self)(*([_without(matrix, pairs) for matrix in part] for part in parts))


def _without(matrix: sparse.csr_array, pairs: sparse.csr_array) -> sparse.csr_array:
    gone = pairs.copy()
    gone.resize(matrix.shape)  # nodes beyond the items are no items of a pair
    left = sparse.csr_array(matrix - matrix.multiply(gone))
    left.eliminate_zeros()
    return left
