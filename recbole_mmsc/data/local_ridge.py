"""Many ridge regressions on one set of samples, each with the few features that matter to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy import sparse
from tqdm import tqdm

CHOSEN_AT_ONCE = 1024  # targets whose features are chosen together
SOLVED_AT_ONCE = 64  # targets whose samples are looked up together


def local_ridge(
    samples: sparse.csr_array,
    labels: sparse.csr_array,
    forbidden: np.ndarray,
    at_most: int,
    reg_weight: float,
    progress: str | None = None,
) -> sparse.csc_array:
    """Solve one ridge regression for each target.

    With every feature allowed this is EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse
    Data", WWW 2019): its weights are those of a ridge regression of each item on all others. Here a
    target sees the features that stand beside it most often, of which some hundred are enough, so
    that the cost is linear in the number of targets. Steck, "Markov Random Fields for
    Collaborative Filtering" (NeurIPS 2019), thins EASE out in the same spirit.

    Args:
        samples: ``[n_samples, n_features]``.
        labels: ``[n_samples, n_targets]``.
        forbidden: ``[n_targets, m]`` feature ids that tell a target its own label.
        at_most: features of a target: those with the largest product with its labels, over the
            root of their own square sum plus ``reg_weight``.
        reg_weight: lambda, positive.
        progress: name of a progress bar; None shows none.

    Returns:
        ``[n_features, n_targets]`` float32 weights.
    """
    columns = sparse.csc_array(samples)
    labels = sparse.csc_array(labels)
    length = np.sqrt(np.asarray(samples.power(2).sum(axis=0)).ravel() + reg_weight)
    n_targets = labels.shape[1]
    chosen: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    places = np.empty(samples.shape[0], np.int32)  # scratch of every regression
    hidden = None if progress else True  # None: shown on a terminal
    with tqdm(total=n_targets, desc=progress, unit="item", disable=hidden, leave=False) as bar:
        for start in range(0, n_targets, CHOSEN_AT_ONCE):
            targets = slice(start, min(start + CHOSEN_AT_ONCE, n_targets))
            products = sparse.csr_array(labels[:, targets].T @ samples)
            found = list(_features(products, forbidden[targets], length, at_most))
            chosen += [features for features, _ in found]
            for first in range(0, len(found), SOLVED_AT_ONCE):
                some = found[first : first + SOLVED_AT_ONCE]
                weights += _solve(columns, some, reg_weight, places)
                bar.update(len(some))
    indptr = np.cumsum([0, *map(len, chosen)])
    solved = sparse.csc_array(
        (np.concatenate(weights), np.concatenate(chosen), indptr),
        shape=(samples.shape[1], n_targets),
    )
    solved.sort_indices()
    return solved


def _features(
    products: sparse.csr_array, forbidden: np.ndarray, length: np.ndarray, at_most: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each row ``[n_features]`` the ``[f]`` features that matter most, and their products."""
    for (first, last), own in zip(pairwise(products.indptr), forbidden, strict=True):
        features, product = products.indices[first:last], products.data[first:last]
        allowed = (features != own[:, None]).all(axis=0)
        features, product = features[allowed], product[allowed]
        if len(features) > at_most:
            best = np.argpartition(-product / length[features], at_most)[:at_most]
            features, product = features[best], product[best]
        yield features, product


def _solve(
    columns: sparse.csc_array,
    found: list[tuple[np.ndarray, np.ndarray]],
    reg_weight: float,
    places: np.ndarray,
) -> Iterator[np.ndarray]:
    """``(XᵀX + λI)⁻¹ Xᵀy``, ``[f]``, of some targets, whose features and ``Xᵀy`` are given."""
    beside = columns[:, np.concatenate([features for features, _ in found])]
    end = 0
    for features, product in found:
        start, end = end, end + len(features)
        gram = _gram(beside, slice(start, end), places)
        gram[np.diag_indices(len(features))] += reg_weight
        yield np.linalg.solve(gram, product).astype(np.float32)


def _gram(columns: sparse.csc_array, some: slice, places: np.ndarray) -> np.ndarray:
    """``XᵀX``, ``[f, f]``, of some of the columns X ``[n_samples, f]``.

    A sample with one of these features alone adds to the diagonal and to nothing else. That is more
    than half of those that have any, and to multiply them would take most of the time. ``places``
    ``[n_samples]`` is scratch.
    """
    indptr = columns.indptr[some.start : some.stop + 1]
    entries = slice(indptr[0], indptr[-1])
    samples, values = columns.indices[entries], columns.data[entries]
    numbers = np.arange(len(samples), dtype=np.int32)
    places[samples] = numbers  # of a sample one of its entries, whichever
    sample = places[samples]
    several = np.bincount(sample, minlength=len(sample)) > 1
    row = (np.cumsum(several) - 1)[sample]
    column = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    shared = several[sample]
    shown = np.zeros((np.count_nonzero(several), len(indptr) - 1), columns.dtype)
    shown.ravel()[(row * shown.shape[1] + column)[shared]] = values[shared]
    gram = shown.T @ shown
    alone = np.bincount(column[~shared], values[~shared] ** 2, shown.shape[1])
    gram[np.diag_indices(len(gram))] += alone.astype(gram.dtype)
    return gram
