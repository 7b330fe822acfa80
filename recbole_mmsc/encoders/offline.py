"""Texts and pictures without any weights: TF-IDF, and statistics of pictures, half whitened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
import PIL
from PIL.Image import Image
from threadpoolctl import threadpool_limits

from .picture_statistics import picture_statistics
from .tfidf import TfidfEncoder


class OfflineEncoder(TfidfEncoder):
    """TF-IDF of the texts; colours, edges and layout of the pictures.

    All pictures of products are much alike, white paper with something in the middle, and their
    statistics hang together. So these are centred and half whitened (divided by the fourth root of
    the variance along each main direction) by the catalogue's own pictures, those of cold items
    included, without looking at any relation; then cosine means something. Whitened in full,
    noise would weigh as much as what tells products apart.

    Args:
        dim: width of the text's vectors, see :class:`TfidfEncoder`.
        image_dim: width of the picture's vectors; fewer pictures yield fewer.
    """

    name = "offline"
    modalities = ("text", "image")
    batch_size = 256

    def __init__(self, dim: int = 256, image_dim: int = 128) -> None:
        super().__init__(dim)
        self.image_dim = image_dim
        self.has_texts = False
        self.mean: np.ndarray | None = None
        self.projection: np.ndarray | None = None

    def fit(self, texts: Sequence[str]) -> None:
        """See :meth:`TfidfEncoder.fit`."""
        super().fit(texts)
        self.has_texts = True

    def describe(self) -> dict[str, str]:
        """Header entries; the checksum covers what was fitted, of the texts and the pictures."""
        described = (
            super().describe() if self.has_texts else {"weights_sha256": "", "libraries": ""}
        )
        digest = hashlib.sha256(described["weights_sha256"].encode())
        for fitted in (self.mean, self.projection):
            if fitted is not None:
                digest.update(fitted.astype("<f4").tobytes())
        libraries = filter(None, [described["libraries"], f"Pillow {PIL.__version__}"])
        return {
            "weights_sha256": digest.hexdigest(),
            "weights": "fitted on the texts and pictures of this catalogue, without relations",
            "libraries": ", ".join([*libraries, f"numpy {np.__version__}"]),
        }

    def image_transform(self) -> Callable[[Image], np.ndarray]:
        """See :func:`picture_statistics`."""
        return picture_statistics

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """The statistics as they are, [n, d] float32: the workers have done it all."""
        return pixels

    def fit_images(self, vectors: np.ndarray) -> None:
        """Learn the centre and the main directions of the pictures' statistics."""
        # The order of additions, and with it the last bits, depends on the number of threads.
        with threadpool_limits(1):
            self.mean = vectors.mean(0, dtype=np.float64)
            centred = vectors - self.mean
            variances, directions = np.linalg.eigh(centred.T @ centred / len(vectors))
        variances, directions = variances[::-1][: self.image_dim], directions[:, ::-1]
        kept = variances > max(1e-6 * variances[0], 1e-9)
        if not kept.any():  # one picture, or many of the same: nothing to tell them apart by
            self.mean, self.projection = np.zeros_like(self.mean), np.eye(vectors.shape[1])
            return
        self.projection = directions[:, : len(kept)][:, kept] / variances[kept] ** 0.25

    def finish_images(self, vectors: np.ndarray) -> np.ndarray:
        """Centre and half whiten, [n, d] → [n, e] float32 of length 1 (0 for the very centre)."""
        with threadpool_limits(1):
            rows = (vectors - self.mean) @ self.projection
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
