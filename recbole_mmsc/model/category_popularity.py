"""Category popularity: what is popular in the categories that go with the query's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from recbole_mmsc.data.attributes import UNKNOWN, read_attributes
from recbole_mmsc.data.training import training_graphs
from recbole_mmsc.model.structural import Held, StructuralRecommender
from recbole_mmsc.settings.structural import CategoryPopularitySettings


class CategoryPopularity(StructuralRecommender):
    """The most popular items of the categories that the query's category is paired with.

    Score of target j for query i in relation r, with c the leaf category:

    ``P_r(c(j) | c(i)) * P_r(j | c(j))``

    The second factor is j's share of its category's training pairs. The first is learnt from the
    pairs of the two categories, smoothed by ``smoothing`` pairs of the relation's average; a query
    without a category, or of one never seen, is left with that average, which makes the score
    global popularity. No pair of the query itself is needed: cold queries are answered too.

    The idea is a baseline of Bibas, Sar Shalom, Jannach, "Semi-supervised Adversarial Learning for
    Complementary Item Recommendation" (ALCIR), WWW 2023; the formula is ours.

    Args:
        config: RecBole's configuration.
        dataset: RecBole's training dataset.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.settings = CategoryPopularitySettings.from_config(config)
        categories = read_attributes(Path(config["data_path"]), dataset)["type"].numpy()
        graphs = training_graphs(dataset, self.queries.value)
        self.categories = Held(categories)
        self.statistics = Held([count(graph, categories) for graph in graphs])

    def score(self, relation: int, items: np.ndarray) -> np.ndarray:
        """``[q]`` query items → ``[q, n_items]``."""
        categories, statistics = self.categories.value, self.statistics.value[relation]
        pairs = statistics.pairs[categories[items]].toarray()
        smoothing = self.settings.smoothing
        chance = pairs + smoothing * statistics.average
        chance /= pairs.sum(axis=1, keepdims=True) + smoothing
        return chance[:, categories] * statistics.share


@dataclass(frozen=True)
class Statistics:
    """What the training pairs of one relation say of c categories.

    Args:
        pairs: ``[c, c]`` pairs of two categories; none of :data:`UNKNOWN` as a query.
        average: ``[c]`` float32, share of each category in all pairs.
        share: ``[n_items]`` float32, share of each item in the pairs of its category.
    """

    pairs: sparse.csr_array
    average: np.ndarray
    share: np.ndarray


def count(graph: sparse.csr_array, categories: np.ndarray) -> Statistics:
    """Count the pairs of a relation by category.

    Args:
        graph: ``[n_items, n_items]``, one where two items are a pair.
        categories: ``[n_items]`` of each item.
    """
    degree = np.diff(graph.indptr).astype(np.float32)
    member = sparse.csr_array(
        (np.ones(len(categories), np.float32), (np.arange(len(categories)), categories))
    )
    pairs = (member.T @ graph @ member).tocsr()
    pairs.data[pairs.indptr[UNKNOWN] : pairs.indptr[UNKNOWN + 1]] = 0
    total = member.T @ degree
    return Statistics(
        pairs=pairs,
        average=total / max(total.sum(), 1),
        share=degree / np.maximum(total, 1)[categories],
    )
