"""The very words of an item's title and brand, which sentence vectors blur."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import DataDimensionalityWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize
from sklearn.random_projection import SparseRandomProjection

from recbole_mmsc.data.built import catalogue_columns

DIMENSIONS = 1024
SEED = 2026


class Words:
    """TF-IDF of words and word pairs, in a random projection that keeps their cosines.

    A projection to the main components would lose what it is for: the rare words that two
    products of one line share. No relation is looked at: nothing of a held-out pair can reach it.

    Args:
        texts: of the n items of the catalogue; how rare a word is, is counted in them.

    Attributes:
        catalogue: ``[n, 1024]`` float16, the vectors of those items.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        # a word of one item alone likens it to none, and would shorten what it shares
        terms = TfidfVectorizer(
            token_pattern=r"(?u)\b\w+\b",
            ngram_range=(1, 2),
            min_df=2,
            sublinear_tf=True,
            dtype=np.float32,
        )
        projection = SparseRandomProjection(DIMENSIONS, random_state=SEED, dense_output=True)
        self._steps = make_pipeline(terms, projection)
        try:
            with warnings.catch_warnings():  # of few words there are fewer than dimensions
                warnings.simplefilter("ignore", DataDimensionalityWarning)
                self._steps.fit(texts)
        except ValueError:  # sklearn's word for it that no word stands in two texts
            self._steps = None
        self.catalogue = self.vectors(texts)

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """``[m, 1024]`` float16 of length 1, zero for a text without words that the items share."""
        if self._steps is None:
            return np.zeros((len(texts), DIMENSIONS), np.float16)
        return normalize(self._steps.transform(texts)).astype(np.float16)


def read_texts(folder: Path, dataset: Any) -> list[str]:
    """Title and brand of every item, by RecBole's ids; "" for padding and where there is none.

    Args:
        folder: ``dataset/<name>``, with its ``catalogue.parquet``.
        dataset: a RecBole dataset of that folder.

    Raises:
        FileNotFoundError: there is no catalogue.
        ValueError: it is damaged.
    """
    table = catalogue_columns(folder, "item_id", "title", "brand")
    ids = dataset.field2token_id[dataset.iid_field]
    texts = [""] * dataset.item_num
    for item_id, *parts in zip(*(column.to_pylist() for column in table.columns), strict=True):
        texts[ids[item_id]] = " ".join(filter(None, parts))
    return texts
