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
    chosen: list[np.ndarray] = []
    weights: list[np.ndarray] = []
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
                block = columns[:, features]
                gram = (block.T @ block).toarray()
                gram[np.diag_indices(len(features))] += reg_weight
                chosen.append(features)
                weights.append(np.linalg.solve(gram, product))
            bar.update(len(targets))
    indptr = np.concatenate([[0], np.cumsum([len(features) for features in chosen])])
    found = sparse.csc_array(
        (np.concatenate(weights).astype(np.float32), np.concatenate(chosen), indptr),
        shape=(samples.shape[1], n_targets),
    )
    found.sort_indices()
    return found
