import numpy as np
from scipy import sparse

from recbole_mmsc.data.sparse_rows import diagonal, largest_of_rows, values_at


def test_the_largest_of_each_row_and_of_equal_ones_the_first():
    matrix = sparse.csr_array(np.array([[0.0, 3, 1, 2], [0, 0, 0, 0], [5, 5, 5, 0], [0, -1, 0, 4]]))
    expected = [[0, 3, 0, 2], [0, 0, 0, 0], [5, 5, 0, 0], [0, -1, 0, 4]]
    found = largest_of_rows(matrix, 2)
    assert found.toarray().tolist() == expected
    assert found.indices.dtype == found.indptr.dtype == matrix.indices.dtype  # no wider than given


def test_values_of_some_entries_and_of_none():
    matrix = sparse.csr_array(np.array([[0.0, 3], [2, 0]], np.float32))
    assert values_at(matrix, np.array([0, 1, 1]), np.array([1, 0, 1])).tolist() == [3, 2, 0]
    nobody = np.zeros(0, np.int64)
    found = values_at(matrix, nobody, nobody)
    assert isinstance(found, np.ndarray)
    assert found.tolist() == []
    assert found.dtype == np.float32


def test_a_diagonal_without_zeros():
    assert diagonal(np.array([2.0, 0, 1])).toarray().tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert diagonal(np.array([2.0, 0, 1])).nnz == 2
