"""ContentKNN: the items most like the query in content, whatever the relation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recbole_mmsc.data.attributes import UNKNOWN, read_attributes
from recbole_mmsc.data.content import read_content
from recbole_mmsc.model.structural import Held, StructuralRecommender
from recbole_mmsc.settings.structural import ContentKNNSettings


class ContentKNN(StructuralRecommender):
    """Cosine of the content features, plus ``category_weight`` for one leaf category.

    Text and image stand side by side, the absent one zero. The model reads no pair at all, and
    gives both relations the same scores: what it cannot tell apart is what behaviour adds.

    Args:
        config: RecBole's configuration.
        dataset: RecBole's training dataset.

    Raises:
        FeatureError: the features of the encoder are missing or belong to another catalogue.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.settings = ContentKNNSettings.from_config(config)
        folder = Path(config["data_path"])
        self.content = Held(read_content(folder, dataset, self.settings.encoder))
        self.categories = Held(read_attributes(folder, dataset)["type"].numpy())

    def score(self, relation: int, items: np.ndarray) -> np.ndarray:
        """``[q]`` query items → ``[q, n_items]``, the same in each relation."""
        content, categories = self.content.value, self.categories.value
        scores = content[items] @ content.T
        if self.settings.category_weight:
            asked = categories[items][:, None]
            scores[(asked == categories) & (asked != UNKNOWN)] += self.settings.category_weight
        return scores
