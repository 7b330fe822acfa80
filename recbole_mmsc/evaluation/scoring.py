"""Scores of the whole catalogue, of any recommender."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

# RecBole's models whose score is the inner product of two tables of vectors, which they keep here
# once they have ranked a batch (general_recommender/bpr.py:92, lightgcn.py:200 and so on).
IN_GRAPHS = ("restore_user_e", "restore_item_e")
VECTORS = {
    "BPR": ("user_embedding.weight", "item_embedding.weight"),
    **dict.fromkeys(("LightGCN", "NGCF", "SGL", "DGCF", "SpectralCF"), IN_GRAPHS),
}
ALIGNED = 16  # scores; where rows begin elsewhere, torch's product takes half as long again


class CatalogueScores:
    """Scores every item for some queries, batch by batch, in one evaluation of one model.

    The model itself ranks the first batch, by ``full_sort_predict`` or, without one, pair by pair,
    as RecBole's trainer does (trainer.py:521). Where it is known to multiply vectors that it keeps,
    the other batches are multiplied here: the catalogue has one item more than products, which is
    padding, so that a model's own rows of scores begin at odd addresses.

    Args:
        model: a RecBole general recommender, in evaluation mode.
        dataset: any part of the dataset.
        pairs_at_once: how many pairs ``predict`` is handed.
    """

    def __init__(self, model: Any, dataset: Any, pairs_at_once: int) -> None:
        self._model, self._dataset, self._pairs_at_once = model, dataset, pairs_at_once
        self._vectors: tuple[Tensor, Tensor] | None = None

    def __call__(self, queries: Any) -> Tensor:
        """Score ``b`` query tokens, an ``Interaction`` on the model's device: ``[b, n_items]``."""
        if self._vectors:
            users, items = self._vectors
            return inner_products(users[queries[self._dataset.uid_field]], items)
        scores = self._by_the_model(queries).view(-1, self._dataset.item_num)
        self._vectors = vectors_of(self._model)
        return scores

    def _by_the_model(self, queries: Any) -> Tensor:
        try:
            return self._model.full_sort_predict(queries)
        except NotImplementedError:
            items = self._dataset.get_item_feature().to(queries[self._dataset.uid_field].device)
            pairs = queries.repeat_interleave(self._dataset.item_num)
            pairs.update(items.repeat(len(queries)))
            parts = [
                self._model.predict(pairs[start : start + self._pairs_at_once]).view(-1)
                for start in range(0, len(pairs), self._pairs_at_once)
            ]
            return torch.cat(parts)


def vectors_of(model: Any) -> tuple[Tensor, Tensor] | None:
    """The vectors that one of RecBole's own models has just ranked by.

    Returns:
        ``[n_users, d]`` and ``[n_items, d]``; None of a model that is not known to rank by such.
    """
    kind = type(model)
    of_recbole = kind.__module__.startswith("recbole.model.")
    changed = "full_sort_predict" in vars(model)
    if kind.__name__ not in VECTORS or not of_recbole or changed:
        return None
    users, items = (attrgetter(name)(model).detach() for name in VECTORS[kind.__name__])
    return users, items


def inner_products(sources: Tensor, items: Tensor) -> Tensor:
    """``[b, d]`` and ``[n_items, d]`` → ``[b, n_items]``, in rows that begin at even addresses."""
    width = -(-len(items) // ALIGNED) * ALIGNED
    rows = sources.new_empty(len(sources), width)
    return torch.mm(sources, items.T, out=rows[:, : len(items)])
