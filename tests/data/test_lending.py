"""How much content neighbours lend."""

import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data.lending import lending


def test_the_weights_are_those_of_kernel_ridge_regression():
    content = np.array([[1, 0], [0.6, 0.8], [0, 1], [0.8, 0.6]], np.float32)
    alike = sparse.csr_array(np.array([[0, 0, 0.6, 0.96]], np.float32))
    # kernel of items 2 and 3: [[1, .36], [.36, 1]] + .5; solved for [.36, .9216]
    first = (1.5 * 0.36 - 0.36 * 0.9216) / (1.5**2 - 0.36**2)
    second = (1.5 * 0.9216 - 0.36 * 0.36) / (1.5**2 - 0.36**2)
    found = lending(alike, content, sharpness=2, reg_weight=0.5).toarray()
    expected = np.array([[0, 0, first, second]]) / (first + second)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_copies_of_one_neighbour_share_its_say():
    content = np.array([[0, 0], [1, 0], [0, 1], [0, 1], [0, 1]], np.float32)
    alike = sparse.csr_array(np.array([[0, 0.7, 0.7, 0.7, 0.7]], np.float32))
    found = lending(alike, content, sharpness=1, reg_weight=1e-6).toarray()[0]
    np.testing.assert_allclose(found, [0, 1 / 2, 1 / 6, 1 / 6, 1 / 6], rtol=1e-4)


def test_what_another_neighbour_says_better_is_not_lent_at_all():
    content = np.array([[1, 0], [0.8, 0.6], [0.28, 0.96]], np.float32)
    # the borrower is item 0; item 2 is like item 1, and less like the borrower
    alike = sparse.csr_array(np.array([[0, 0.8, 0.28]], np.float32))
    found = lending(alike, content, sharpness=1, reg_weight=1e-6)
    assert found.nnz == 1
    assert found[0, 1] == pytest.approx(1)


def test_who_has_no_neighbour_borrows_nothing_and_the_cosines_stay():
    content = np.array([[1, 0], [0, 0]], np.float32)
    alike = sparse.csr_array(np.array([[0, 0], [0, 0]], np.float32))
    assert lending(alike, content, 4, 0.2).nnz == 0
    alike = sparse.csr_array(np.array([[0.5, 0.0]], np.float32))
    lending(alike, content, 4, 0.2)
    assert alike.toarray().tolist() == [[0.5, 0]]
