"""Boosted trees that tell how likely something is, given the evidence for it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

BINS = 255  # of the values of a column
SEED = 2026


class BoostedTrees:
    """Scikit-learn's boosted trees over bins that hold as many examples each.

    Their own bins are quantiles of the examples by weight, and finding these takes up to three
    times as long as the trees do (scikit-learn 1.9). A value that no example had is in the bin of
    the next larger one.

    Args:
        settings: of scikit-learn's ``HistGradientBoostingClassifier``.
    """

    def __init__(self, **settings: Any) -> None:
        self._bounds: list[np.ndarray] = []
        self._trees = HistGradientBoostingClassifier(
            **settings, max_bins=BINS, early_stopping=False, random_state=SEED
        )

    def fit(
        self, evidence: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Learn from examples.

        Args:
            evidence: ``[n, f]``.
            labels: ``[n]``, both of two values among them.
            weights: ``[n]`` what the examples count; None: one each.
        """
        self._bounds = [_bounds(column) for column in evidence.T]
        self._trees.fit(self._binned(evidence), labels, weights)
        return self

    def probability(self, evidence: np.ndarray) -> np.ndarray:
        """``[n, f]`` → ``[n]`` probability of the larger label."""
        if not len(evidence):
            return np.zeros(0)
        return self._trees.predict_proba(self._binned(evidence))[:, 1]

    def _binned(self, evidence: np.ndarray) -> np.ndarray:
        binned = np.empty(evidence.shape)
        for place, (bounds, values) in enumerate(zip(self._bounds, evidence.T, strict=True)):
            binned[:, place] = np.searchsorted(bounds, values)
        return binned


def _bounds(values: np.ndarray) -> np.ndarray:
    """The largest value of each bin but the last; every value has a bin of its own if it can."""
    ordered = np.sort(values)
    distinct = ordered[np.flatnonzero(np.diff(ordered, prepend=np.nan))]
    if len(distinct) <= BINS:
        return distinct[:-1]
    last = np.arange(1, BINS) * len(ordered) // BINS - 1
    return np.unique(ordered[last])
