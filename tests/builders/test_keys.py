"""Pairs as single integers."""

import numpy as np
import pytest

from recbole_mmsc.dataset_builders.keys import contains, pair_keys, sorted_unique


def test_a_pair_has_one_key_whichever_way_round():
    one, other = np.array([1, 4, 2], np.int32), np.array([4, 1, 2], np.int32)
    assert pair_keys(one, other, 10).tolist() == [14, 14, 22]
    assert pair_keys(np.array([0], np.int32), np.array([2**31 - 1], np.int32), 2**31).item() > 0


def test_sorted_unique():
    assert sorted_unique(np.array([3, 1, 3, 2, 1])).tolist() == [1, 2, 3]
    assert sorted_unique(np.array([0])).tolist() == [0]
    assert sorted_unique(np.zeros(0, dtype=np.int64)).tolist() == []


@pytest.mark.parametrize(
    ("known", "there"), [([1, 5, 9], [1, 0, 1, 0]), ([], [0, 0, 0, 0]), ([1, 2, 5, 7], [1] * 4)]
)
def test_contains(known, there):
    known = np.array(known, dtype=np.int64)
    assert contains(known, np.array([1, 2, 5, 7])).tolist() == there
