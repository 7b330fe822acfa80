import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from recbole_mmsc.data.boosted_trees import BINS, BoostedTrees, _bounds

RNG = np.random.default_rng(0)
EVIDENCE = np.column_stack([RNG.integers(200, size=4000) / 100 - 1, RNG.integers(3, size=4000)])
LABELS = (EVIDENCE[:, 0] + EVIDENCE[:, 1] + RNG.normal(size=4000) > 1).astype(int)


def test_a_value_has_a_bin_of_its_own_while_there_are_enough():
    assert _bounds(np.array([3.0, 1, 1, 2, 3])).tolist() == [1, 2]
    assert _bounds(np.array([7.0, 7])).tolist() == []
    assert _bounds(np.arange(float(BINS))).tolist() == list(range(BINS - 1))


def test_of_more_values_a_bin_holds_as_many_examples_as_another():
    values = RNG.permutation(10 * BINS).astype(float)
    assert _bounds(values).tolist() == [10 * k + 9 for k in range(BINS - 1)]


def test_a_bin_that_one_value_fills_is_there_once():
    values = np.concatenate([np.zeros(1000), np.arange(1.0, 1001)])
    bounds = _bounds(values)
    assert bounds[0] == 0
    assert (np.diff(bounds) > 0).all()


@pytest.mark.parametrize("weights", [None, np.where(LABELS, 3.0, 1.0)])
def test_of_few_values_it_tells_what_scikit_learn_tells(weights):
    told = BoostedTrees(max_iter=50).fit(EVIDENCE, LABELS, weights).probability(EVIDENCE)
    reference = HistGradientBoostingClassifier(max_iter=50, early_stopping=False)
    expected = reference.fit(EVIDENCE, LABELS, weights).predict_proba(EVIDENCE)[:, 1]
    np.testing.assert_array_equal(told, expected)


def test_of_many_values_it_tells_nearly_the_same():
    evidence = EVIDENCE + 0.001 * RNG.normal(size=EVIDENCE.shape)
    told = BoostedTrees(max_iter=20).fit(evidence, LABELS).probability(evidence)
    reference = HistGradientBoostingClassifier(max_iter=20, early_stopping=False)
    expected = reference.fit(evidence, LABELS).predict_proba(evidence)[:, 1]
    assert np.corrcoef(told, expected)[0, 1] > 0.99


def test_of_nobody_nothing_is_told():
    trees = BoostedTrees(max_iter=5).fit(EVIDENCE, LABELS)
    assert trees.probability(EVIDENCE[:0]).shape == (0,)
