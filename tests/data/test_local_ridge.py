import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data.local_ridge import local_ridge
from recbole_mmsc.model.ease import fit


def ring(n: int) -> sparse.csr_array:
    """Everybody beside the three before and the three behind."""
    steps = (np.arange(n)[:, None] - np.arange(n)) % n
    return sparse.csr_array((np.isin(steps, [1, 2, 3, n - 1, n - 2, n - 3])).astype(np.float32))


def test_with_every_feature_it_is_ease():
    graph = ring(12)
    own = np.arange(12)[:, None]
    weights = local_ridge(graph, graph, own, at_most=12, reg_weight=2.0)
    np.testing.assert_allclose(weights.toarray(), fit(graph, 2.0).weights, atol=1e-5)


def test_one_feature_by_hand():
    # feature 0 stands in samples 0 and 1, of which 0 is labelled: w = 1 / (2 + 2)
    samples = sparse.csr_array(np.array([[1.0, 0], [1, 1], [0, 1]], np.float32))
    labels = sparse.csr_array(np.array([[1.0], [0], [0]], np.float32))
    weights = local_ridge(samples, labels, np.array([[1]]), at_most=5, reg_weight=2.0)
    assert weights.toarray().tolist() == [[0.25], [0]]


def test_the_features_that_stand_beside_the_label_most_are_kept():
    samples = sparse.csr_array(np.array([[1.0, 1, 0], [1, 0, 1], [1, 0, 0]], np.float32))
    labels = sparse.csr_array(np.array([[1.0], [1], [1]], np.float32))
    weights = local_ridge(samples, labels, np.zeros((1, 0), int), at_most=1, reg_weight=1.0)
    assert weights.toarray().ravel() == pytest.approx([0.75, 0, 0])


def test_a_target_without_labels_or_features_has_no_weights():
    graph = sparse.csr_array((4, 4), dtype=np.float32)
    assert local_ridge(graph, graph, np.arange(4)[:, None], 3, 1.0).nnz == 0
