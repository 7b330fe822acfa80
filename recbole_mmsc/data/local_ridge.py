"""Many ridge regressions on one set of samples, each with the few features that matter to it."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from tqdm import tqdm

TARGETS_AT_ONCE = 1024


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
    found: list[tuple[np.ndarray, np.ndarray]] = []
    places = np.empty(samples.shape[0], np.int32)  # scratch of every regression
    hidden = None if progress else True  # None: shown on a terminal
    with tqdm(total=n_targets, desc=progress, unit="item", disable=hidden, leave=False) as bar:
        for start in range(0, n_targets, TARGETS_AT_ONCE):
            targets = range(start, min(start + TARGETS_AT_ONCE, n_targets))
            products = sparse.csr_array(labels[:, targets.start : targets.stop].T @ samples)
            for row, target in enumerate(targets):
                here = slice(products.indptr[row], products.indptr[row + 1])
                features, product = products.indices[here], products.data[here]
                allowed = ~np.isin(features, forbidden[target])
                features, product = features[allowed], product[allowed]
                if len(features) > at_most:
                    best = np.argpartition(-product / length[features], at_most)[:at_most]
                    features, product = features[best], product[best]
                found.append((features, _ridge(columns[:, features], product, reg_weight, places)))
            bar.update(len(targets))
    features, weights = map(list, zip(*found, strict=True))
    indptr = np.cumsum([0, *map(len, features)])
    solved = sparse.csc_array(
        (np.concatenate(weights), np.concatenate(features), indptr),
        shape=(samples.shape[1], n_targets),
    )
    solved.sort_indices()
    return solved


def _ridge(
    features: sparse.csc_array, product: np.ndarray, reg_weight: float, places: np.ndarray
) -> np.ndarray:
    """``(XᵀX + reg_weight I)⁻¹ Xᵀy``: X ``[n_samples, f]`` and Xᵀy ``[f]`` → ``[f]``.

    Samples without any of the features are left out first: their number is that of the catalogue,
    and would be gone through for every target. ``places`` ``[n_samples]`` is scratch.
    """
    entries = np.arange(len(features.indices), dtype=np.int32)
    places[features.indices] = entries  # of a sample one of its entries, whichever
    first = places[features.indices]
    row = np.cumsum(first == entries, dtype=np.int32)[first] - 1
    column = np.repeat(np.arange(len(product), dtype=np.int32), np.diff(features.indptr))
    shown = np.zeros((row.max(initial=-1) + 1, len(product)), features.dtype)
    shown[row, column] = features.data
    gram = shown.T @ shown
    gram[np.diag_indices(len(product))] += reg_weight
    return np.linalg.solve(gram, product).astype(np.float32)
