"""What labellers would say of pairs that none has judged, learned from the pairs that were."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier

ENOUGH = 50  # judged pairs; fewer teach nothing about others
TREES, LEAF = 200, 5
SEED = 2026
LEAST = 0.01  # probability that a forest is taken to give any label
POWERS = np.arange(0, 4.05, 0.1)


def generalise(
    judged: np.ndarray, labels: np.ndarray, weights: np.ndarray, others: np.ndarray, n_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """How likely each label is, given the evidence for a pair.

    A random forest (Breiman 2001) learns the labels from the evidence. It speaks of a judged pair
    by the trees that have not seen it, and of the others by all. Its probabilities are divided by
    the labels' shares among the judged pairs, raised to the power under which the judged pairs'
    labels are most likely, and multiplied by the shares, these to at most the same power. So where
    the evidence does not tell the labels, the power is zero, and no label is likelier than others.

    Args:
        judged: ``[m, f]`` evidence for the judged pairs.
        labels: ``[m]`` what is said of them, below ``n_labels``.
        weights: ``[m]`` above zero, how much each counts.
        others: ``[k, f]`` evidence for other pairs.
        n_labels: how many labels there are.

    Returns:
        Logarithms, but for a constant in each row: ``[m, n_labels]`` of the judged pairs and
        ``[k, n_labels]`` of the others; zeros where fewer than :data:`ENOUGH` pairs are judged.
    """
    if len(labels) < ENOUGH:
        return np.zeros((len(judged), n_labels)), np.zeros((len(others), n_labels))
    forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, oob_score=True, random_state=SEED)
    forest.fit(judged, labels, sample_weight=weights)
    share = np.log((np.bincount(labels, weights, n_labels) / weights.sum()).clip(LEAST))
    unseen, by_all = (
        np.log(_all_labels(probability, forest.classes_, n_labels).clip(LEAST))
        for probability in (forest.oob_decision_function_, _predict(forest, others))
    )
    power = _power(unseen - share, share, labels, weights)
    return tuple(power * (of - share) + min(power, 1) * share for of in (unseen, by_all))


def _predict(forest: RandomForestClassifier, evidence: np.ndarray) -> np.ndarray:
    if not len(evidence):
        return np.zeros((0, len(forest.classes_)))
    return forest.predict_proba(evidence)


def _all_labels(probability: np.ndarray, said: np.ndarray, n_labels: int) -> np.ndarray:
    """Probabilities ``[n, n_said]`` → ``[n, n_labels]``; even where no tree had not seen a pair."""
    found = np.zeros((len(probability), n_labels))
    found[:, said] = np.nan_to_num(probability, nan=1 / len(said))
    return found


def _power(surprise: np.ndarray, share: np.ndarray, said: np.ndarray, weights: np.ndarray) -> float:
    """The first of :data:`POWERS` under which what was said is most likely."""

    def likelihood(power: float) -> float:
        total = power * surprise + share
        of_said = total[np.arange(len(said)), said]
        return float((weights * (of_said - np.log(np.exp(total).sum(axis=1)))).sum())

    return float(max(POWERS, key=likelihood))
