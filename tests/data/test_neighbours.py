import numpy as np

from recbole_mmsc.data.neighbours import borrow_rows, content_neighbours
from recbole_mmsc.data.relations import Behaviour

CONTENT = np.array([[0, 0], [1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1]], np.float32)


def test_the_nearest_lenders_and_never_oneself():
    lenders = np.array([False, True, False, True, True])
    found = content_neighbours(CONTENT, lenders, k=1).toarray()
    expected = np.zeros((5, 5), np.float32)
    expected[1, 3] = 0.6
    expected[2, 3] = 0.96
    expected[3, 4] = 0.8
    expected[4, 3] = 0.8
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_no_content_or_no_lender_borrows_nothing():
    assert content_neighbours(CONTENT, np.zeros(5, bool), k=3).nnz == 0
    assert content_neighbours(np.zeros_like(CONTENT), np.ones(5, bool), k=3).nnz == 0


def test_borrowed_rows_are_what_the_neighbours_agree_on():
    behaviour = Behaviour(
        offsets=np.array([0, 0, 2, 2, 3, 3]),
        entries=np.array([2, 4, 4]),
        evidence=np.zeros((3, 1)),
        contrast=np.zeros((0, 1)),
        popularity=np.array([0, 0, 1, 0, 2]),
        target=np.zeros(3, np.float32),
        trust=np.zeros(3, np.float32),
        strength=np.ones(3, np.float32),
    )
    neighbours = content_neighbours(CONTENT, np.array([False, True, False, True, False]), k=1)
    neighbours = neighbours + content_neighbours(CONTENT, np.arange(5) == 1, k=1)
    dense = np.zeros((5, 5), np.float32)
    dense[2, 1], dense[2, 3] = 0.75, 0.25
    offsets, nodes, weights = borrow_rows(behaviour.matrix(), type(neighbours)(dense))
    # item 2 would borrow nodes 2 (itself: never), and 4 from both lenders
    assert offsets.tolist() == [0, 0, 0, 1, 1, 1]
    assert nodes.tolist() == [4]
    assert weights.tolist() == [1.0]
