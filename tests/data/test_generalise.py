"""What judged pairs teach of others, on planted evidence."""

import numpy as np
import pytest

from recbole_mmsc.data.generalise import ENOUGH, generalise

RNG = np.random.default_rng(1)
TRUTH = RNG.integers(0, 3, 600)
EVIDENCE = np.column_stack([TRUTH + 0.2 * RNG.standard_normal(600), RNG.standard_normal(600)])
JUDGED = 300


def learn(labels, weights=None, n_labels=3):
    weights = np.ones(len(labels)) if weights is None else weights
    judged, others = EVIDENCE[: len(labels)], EVIDENCE[JUDGED:]
    return generalise(judged, np.array(labels), weights, others, n_labels)


def right(found, truth):
    return (found.argmax(axis=1) == truth).mean()


def noisy(accuracy):
    wrong = (TRUTH[:JUDGED] + RNG.integers(1, 3, JUDGED)) % 3
    return np.where(RNG.random(JUDGED) < accuracy, TRUTH[:JUDGED], wrong)


def test_others_are_told_better_than_the_labeller_told_the_judged():
    labels = noisy(0.75)
    of_judged, of_others = learn(labels)
    assert (labels == TRUTH[:JUDGED]).mean() < 0.8
    assert right(of_others, TRUTH[JUDGED:]) > 0.9
    # a judged pair is not told by its own label: its wrong ones are told right
    assert right(of_judged, TRUTH[:JUDGED]) > 0.85


def test_a_labeller_that_guesses_says_nothing_of_others():
    _, of_others = learn(RNG.integers(0, 3, JUDGED))
    assert np.ptp(of_others, axis=1).mean() < 0.5  # against the one above
    assert np.ptp(learn(noisy(0.75))[1], axis=1).mean() > 1.2


@pytest.mark.parametrize("label", [0, 2])
def test_a_labeller_that_says_the_same_of_everything_says_nothing(label):
    of_judged, of_others = learn(np.full(JUDGED, label))
    assert not of_judged.any()
    assert not of_others.any()


def test_a_label_that_was_never_said_is_not_expected():
    _, of_others = learn(np.minimum(TRUTH[:JUDGED], 1))
    assert {*of_others.argmax(axis=1)} == {0, 1}


def test_too_few_teach_nothing():
    found = learn(TRUTH[: ENOUGH - 1])
    assert [part.shape for part in found] == [(ENOUGH - 1, 3), (300, 3)]
    assert not any(part.any() for part in found)


def test_the_same_every_time():
    labels = noisy(0.75)
    np.testing.assert_array_equal(learn(labels)[1], learn(labels)[1])


def test_no_others():
    _, of_others = generalise(
        EVIDENCE[:JUDGED], TRUTH[:JUDGED], np.ones(JUDGED), EVIDENCE[:0], n_labels=3
    )
    assert of_others.shape == (0, 3)
