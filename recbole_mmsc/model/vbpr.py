"""VBPR: matrix factorisation with content, of query tokens and items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from recbole.model.init import xavier_normal_initialization
from torch import Tensor, nn

from recbole_mmsc.data.modalities import read_modalities, side_by_side
from recbole_mmsc.data.queries import read_queries
from recbole_mmsc.model.factors import FactorRecommender, pairwise_loss, read_edges
from recbole_mmsc.model.query_vectors import OwnVectors, Reading
from recbole_mmsc.settings.multimodal import VBPRSettings


class VBPR(FactorRecommender):
    """Visual Bayesian Personalized Ranking from Implicit Feedback (He and McAuley, AAAI 2016).

    Equation 4, without the terms that are the same for every item:

        score(u, i) = b_i + ⟨p_u, q_i⟩ + ⟨t_u, E f_i⟩ + ⟨c, f_i⟩

    It is trained with BPR and ``reg_weight`` times the squares of the batch's factors and biases
    and of c. The features f_i are all modalities side by side, each of unit length, zeros where
    absent.

    Adapted: a user u is a query token, one (relation r, query item q), and the paper's users have
    no content. A cold query, one without training pairs, has no factors [p_u; t_u] of its own; in
    their place stands W_r f_q, read in the query item's content (:class:`Reading`). W_r learns from
    all queries by a BPR of its own, to which the items' factors are given, so that queries with
    factors of their own are ranked as in the paper. Of a cold item E f_i and ⟨c, f_i⟩ are left.
    Ours: the squares are those of the free factors, and E and W_r go without a penalty.

    Args:
        config: RecBole's configuration, with the keys of :class:`VBPRSettings`.
        dataset: RecBole's training dataset, of a folder that ``recbole-mmsc build`` made.

    Raises:
        FeatureError: the features of the encoder are missing or belong to another catalogue.
    """

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.settings = VBPRSettings.from_config(config)
        size, content_size = self.settings.embedding_size, self.settings.content_size
        modalities = read_modalities(Path(config["data_path"]), dataset, self.settings.encoder)
        self.features = side_by_side(modalities).to(config["device"])
        queries, edges = read_queries(dataset), read_edges(dataset)
        self.user_factors = OwnVectors(edges.users, self.n_users, size + content_size)
        self.reading = Reading(queries, self.features, size + content_size)
        self.item_factors = OwnVectors(edges.items, self.n_items, size)
        self.item_bias = OwnVectors(edges.items, self.n_items, 1)
        n_features = self.features.vectors.shape[1]
        self.content_factors = nn.Linear(n_features, content_size, bias=False)
        self.content_bias = nn.Linear(n_features, 1, bias=False)
        self.apply(xavier_normal_initialization)
        nn.init.zeros_(self.item_bias.table.weight)
        nn.init.zeros_(self.content_bias.weight)

    def represent(self) -> tuple[Tensor, Tensor]:
        """All vectors, d = embedding_size + content_size + 1 wide."""
        device = self.content_bias.weight.device
        return (
            self.users(torch.arange(self.n_users, device=device)),
            self.items(torch.arange(self.n_items, device=device)),
        )

    def users(self, ids: Tensor) -> Tensor:
        """Factors p_u and t_u and a 1 of some query tokens: ``[b]`` → ``[b, d]``."""
        warm = self.user_factors.known[ids]
        return _with_one(torch.where(warm, self.user_factors(ids), self.reading(ids)))

    def items(self, ids: Tensor) -> Tensor:
        """Factors q_i and E f_i and the bias of some items: ``[b]`` → ``[b, d]``."""
        features = self.features.vectors[ids]
        bias = self.item_bias(ids) + self.content_bias(features)
        return torch.cat([self.item_factors(ids), self.content_factors(features), bias], dim=1)

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """BPR of the free factors and of the reading, and the weighted squares."""
        one, other = self.items(positives), self.items(negatives)
        factors = self.user_factors(users)
        ranking = pairwise_loss(_with_one(factors), one, other)
        reading = pairwise_loss(_with_one(self.reading(users)), one.detach(), other.detach())
        items = torch.cat([positives, negatives])
        squares = (
            factors.square().sum() / len(users)
            + self.item_factors(items).square().sum() / len(users)
            + self.item_bias(items).square().sum() / len(users)
            + self.content_bias.weight.square().sum()
        )
        return ranking + reading + self.settings.reg_weight * squares


def _with_one(factors: Tensor) -> Tensor:
    """The 1 that an item's bias is multiplied by: ``[b, d]`` → ``[b, d + 1]``."""
    return torch.cat([factors, factors.new_ones(len(factors), 1)], dim=1)
