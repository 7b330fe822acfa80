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


def test_it_solves_what_a_dense_solver_solves():
    """Samples with one of the features, with several and with none; more targets than at once."""
    rng = np.random.default_rng(0)
    dense = rng.random((300, 150)) * (rng.random((300, 150)) < 0.02)
    wanted = rng.random((300, 130)) * (rng.random((300, 130)) < 0.05)
    forbidden = rng.integers(150, size=(130, 2))
    samples, labels = (sparse.csr_array(each.astype(np.float32)) for each in (dense, wanted))
    weights = local_ridge(samples, labels, forbidden, at_most=150, reg_weight=0.5)
    for target, (own, found) in enumerate(zip(forbidden, weights.toarray().T, strict=True)):
        product = dense.T @ wanted[:, target]
        seen = np.setdiff1d(np.flatnonzero(product), own)
        shown = dense[:, seen]
        gram = shown.T @ shown + 0.5 * np.eye(len(seen))
        np.testing.assert_allclose(found[seen], np.linalg.solve(gram, product[seen]), atol=1e-5)
        assert np.count_nonzero(found) == len(seen)


def test_two_features_that_hardly_differ_are_told_apart():
    rng = np.random.default_rng(0)
    beside = rng.uniform(0.2, 1, 20_000).astype(np.float32)
    columns = np.stack([beside, beside], axis=1)
    columns[:3, 1] = 0
    wanted = np.zeros((20_000, 1), np.float32)
    wanted[:4] = 1
    weights = local_ridge(*map(sparse.csr_array, (columns, wanted)), np.zeros((1, 0), int), 2, 1.0)
    exact = columns.astype(float)
    exact = np.linalg.solve(exact.T @ exact + np.eye(2), exact.T @ wanted.ravel())
    np.testing.assert_allclose(weights.toarray().ravel(), exact, rtol=1e-3)
