"""From many dimensions to two: principal components, then t-SNE where there is enough to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

SEED = 2026
DRAWN_AT_MOST = 5000
COMPONENTS = 50
PERPLEXITY = 30
FEW = 50  # different vectors; fewer have no neighbourhoods for t-SNE to keep


@dataclass(frozen=True, slots=True)
class Projection:
    """Places of m items on a plane.

    Attributes:
        points: ``[m, 2]`` float32.
        method: how they were found, for the caption.
    """

    points: np.ndarray
    method: str


def sample_rows(shown: np.ndarray) -> np.ndarray:
    """At most :data:`DRAWN_AT_MOST` of the items that can be shown, the same ones every time.

    Args:
        shown: ``[n]`` bool.

    Returns:
        ``[m]`` rows, ascending.
    """
    rows = np.flatnonzero(shown)
    if len(rows) > DRAWN_AT_MOST:
        rows = np.random.default_rng(SEED).choice(rows, DRAWN_AT_MOST, replace=False)
    return np.sort(rows)


def project(vectors: np.ndarray) -> Projection:
    """Lay vectors out on a plane; the same vectors give the same points on one machine.

    Args:
        vectors: ``[m, d]``, m > 0; only their direction counts.
    """
    vectors = vectors.astype(np.float64)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    # The order of additions, and with it the last bits, depends on the number of threads. A
    # single vector has no variance for sklearn to divide by; it is not needed here.
    with threadpool_limits(1), np.errstate(invalid="ignore", divide="ignore"):
        parts = PCA(min(COMPONENTS, *vectors.shape), svd_solver="full").fit_transform(vectors)
        plane = np.zeros((len(parts), 2))
        plane[:, : parts.shape[1]] = parts[:, :2]
        if len(np.unique(parts.round(6), axis=0)) < FEW:
            return Projection(plane.astype(np.float32), "The first two principal components.")
        tsne = TSNE(
            perplexity=PERPLEXITY if len(parts) > 3 * PERPLEXITY else (len(parts) - 1) // 3,
            # by sklearn's own rule; its "pca" refuses vectors of one dimension
            init=(plane / plane[:, 0].std() * 1e-4).astype(np.float32),
            random_state=SEED,
            n_jobs=1,
        )
        points = tsne.fit_transform(parts.astype(np.float32))
    method = (
        f"t-SNE (perplexity {tsne.perplexity}, seed {SEED}) of {parts.shape[1]} principal "
        "components. Near on the map is alike; far says little."
    )
    return Projection(points, method)
