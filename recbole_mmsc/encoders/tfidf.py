"""An encoder that needs no weights: TF-IDF of words and word pairs, reduced by SVD."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import sklearn
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from . import Encoder


class TfidfEncoder(Encoder):
    """Latent semantic analysis of the catalogue's own texts.

    It is fitted on the texts of all items, cold ones included, without looking at any relation:
    nothing of a held-out pair can reach it.

    Args:
        dim: width of the vectors; a small catalogue with a lower rank yields fewer.
        max_terms: the most frequent words and word pairs that are kept.
        seed: of the randomised SVD.
    """

    name = "tfidf"
    batch_size = 4096

    def __init__(self, dim: int = 256, max_terms: int = 50_000, seed: int = 2026) -> None:
        self.dim = dim
        self.seed = seed
        self.vectorizer = TfidfVectorizer(
            token_pattern=r"(?u)\b\w+\b",
            ngram_range=(1, 2),
            max_features=max_terms,
            sublinear_tf=True,
            dtype=np.float32,
        )

    def fit(self, texts: Sequence[str]) -> None:
        """Learn vocabulary, weights and components from all texts of the catalogue."""
        analyse, seen = self.vectorizer.build_analyzer(), set()
        for text in texts:
            seen.update(analyse(text))
            if len(seen) > 1:
                break
        else:
            raise ValueError(
                f"Expected two different words in {len(texts)} texts, found {sorted(seen)}."
            )
        terms = self.vectorizer.fit_transform(texts)
        self.svd = TruncatedSVD(min(self.dim, *terms.shape), random_state=self.seed)
        # The order of additions, and with it the last bits, depends on the number of threads.
        # A single text has no variance for sklearn to divide by; it is not needed here.
        with threadpool_limits(1), np.errstate(invalid="ignore"):
            self.svd.fit(terms)

    def describe(self) -> dict[str, str]:
        """Header entries; the checksum covers vocabulary, term weights and components."""
        digest = hashlib.sha256()
        terms = sorted((term, int(i)) for term, i in self.vectorizer.vocabulary_.items())
        digest.update(json.dumps(terms).encode())
        digest.update(self.vectorizer.idf_.astype("<f4").tobytes())
        digest.update(self.svd.components_.astype("<f4").tobytes())
        return {
            "weights_sha256": digest.hexdigest(),
            "weights": "fitted on the texts of this catalogue, without relations",
            "libraries": f"scikit-learn {sklearn.__version__}",
        }

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Encode texts into [n, d] float32; a text without any known word gets zeros."""
        with threadpool_limits(1):
            rows = self.svd.transform(self.vectorizer.transform(texts))
        return normalize(rows).astype(np.float32)
