"""Nearest neighbours, literally."""

import numpy as np
import pytest

from recbole_mmsc.feature_view import neighbours
from recbole_mmsc.feature_view.neighbours import nearest

# lengths differ, directions count; row 3 is absent
TEXT = np.array([[1, 0], [3, 4], [0, 2], [0, 0], [-1, 0], [6, 8]], np.float32)


@pytest.mark.parametrize("rows_at_once", [1, 2, 4, 100])
def test_literal_neighbours_whatever_the_size_of_a_block(rows_at_once, monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", rows_at_once)
    first, second = nearest([TEXT], [0, 5], 3)
    assert [row for row, _ in first] == [1, 5, 2], "of equals, the first in the catalogue"
    assert [cosine for _, cosine in first] == pytest.approx([0.6, 0.6, 0.0], abs=1e-6)
    assert [row for row, _ in second] == [1, 2, 0], "never itself, but its twin"
    assert [cosine for _, cosine in second] == pytest.approx([1.0, 0.8, 0.6], abs=1e-6)


def test_absent_items_neither_have_nor_are_neighbours():
    assert nearest([TEXT], [3], 3) == [[]]
    (found,) = nearest([TEXT], [0], 99)
    assert [row for row, _ in found] == [1, 5, 2, 4]
    assert found[-1][1] == pytest.approx(-1)


def test_one_item_alone():
    assert nearest([TEXT[:1]], [0], 5) == [[]]


def test_side_by_side_every_modality_counts_the_same():
    text = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], np.float32)
    image = np.array([[900, 0, 0], [0, 7, 0], [5, 0, 0], [0, 0, 0]], np.float16)
    (found,) = nearest([text, image], [0], 3)
    # item 3 has no image: its text alone is half of what item 0 is
    assert found == [(3, pytest.approx(0.5**0.5, abs=1e-6)), (1, 0.5), (2, 0.5)]


def test_very_small_and_large_vectors_have_a_direction_too():
    rows = np.array([[6e-8, 0], [6e-8, 0], [0, 3e38], [3e38, 3e38]], np.float32)
    (found,) = nearest([rows], [0], 3)
    assert found == [(1, 1.0), (3, pytest.approx(0.5**0.5, abs=1e-6)), (2, 0.0)]


def test_the_same_as_the_whole_matrix(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", 7)
    rows = np.random.default_rng(0).normal(size=(100, 5)).astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = unit @ unit.T - 2 * np.eye(100)
    found = nearest([rows], range(100), 4)
    expected = np.argsort(-cosines, axis=1)[:, :4]
    assert [[row for row, _ in one] for one in found] == expected.tolist()
