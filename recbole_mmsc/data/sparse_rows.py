"""Sparse matrices as lists of rows, and as look-up tables of their entries."""

from __future__ import annotations

import numpy as np
from scipy import sparse


def largest_of_rows(matrix: sparse.csr_array, k: int) -> sparse.csr_array:
    """The ``k`` largest entries of each row; of equal ones those that stand first.

    Columns ascend within a row of the result.
    """
    kept = np.ones(len(matrix.data), bool)
    for row in np.flatnonzero(np.diff(matrix.indptr) > k):
        start, stop = matrix.indptr[row], matrix.indptr[row + 1]
        values = matrix.data[start:stop]
        least = np.partition(values, len(values) - k)[len(values) - k]
        equal = np.flatnonzero(values == least)
        beyond = equal[k - np.count_nonzero(values > least) :]
        kept[start:stop] = values >= least
        kept[start + beyond] = False
    indptr = np.concatenate([[0], kept.cumsum()])[matrix.indptr].astype(matrix.indices.dtype)
    found = sparse.csr_array((matrix.data[kept], matrix.indices[kept], indptr), shape=matrix.shape)
    found.sort_indices()
    return found


def values_at(matrix: sparse.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """``[m]`` values of entries at ``[m]`` rows and columns, 0 where none is stored."""
    if not len(rows):  # of which scipy makes a sparse array
        return np.zeros(0, matrix.dtype)
    return np.asarray(matrix[rows, columns]).ravel()


def diagonal(values: np.ndarray) -> sparse.csr_array:
    """``[n]`` → ``[n, n]``; zeros are not stored."""
    matrix = sparse.csr_array(sparse.diags_array(values))
    matrix.eliminate_zeros()
    return matrix
