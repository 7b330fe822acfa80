"""Vectors of query tokens and of items, of which some have no training pair to learn one from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from recbole_mmsc.data.queries import RELATIONS, Queries
from recbole_mmsc.nn.content import Modality


class OwnVectors(nn.Module):
    """A free vector for each of n, zero for those without training pairs.

    Such a one has nothing to learn a vector of its own from, and no random start speaks for it.

    Args:
        trained: ids that stand in the training pairs, each as often as it does.
        n: how many there are.
        size: width d.
    """

    def __init__(self, trained: Tensor, n: int, size: int) -> None:
        super().__init__()
        self.table = nn.Embedding(n, size)
        known = (trained.bincount(minlength=n) > 0).unsqueeze(1)
        self.register_buffer("known", known, persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """``[m]`` → ``[m, d]``."""
        return self.table(ids) * self.known[ids]

    def all(self) -> Tensor:
        """``[n, d]``."""
        return self.table.weight * self.known


class Reading(nn.Module):
    """W_r f_q: what a query token, which asks for relation r of item q, reads in q's content.

    Args:
        queries: what each query token asks.
        content: the features f.
        size: width d.
    """

    def __init__(self, queries: Queries, content: Modality, size: int) -> None:
        super().__init__()
        self.content = content
        self.relations = nn.ModuleList(
            nn.Linear(content.vectors.shape[1], size, bias=False) for _ in RELATIONS
        )
        self.size = size
        self.register_buffer("relation", torch.from_numpy(queries.relation), persistent=False)
        self.register_buffer("item", torch.from_numpy(queries.item), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        """``[m]`` → ``[m, d]``."""
        vectors = self.content.vectors.new_zeros(len(ids), self.size)
        for relation, reading in enumerate(self.relations):
            asking = (self.relation[ids] == relation).nonzero().squeeze(1)
            content = self.content.vectors[self.item[ids[asking]]]
            vectors = vectors.index_add(0, asking, reading(content).float())
        return vectors


class QueryVectors(nn.Module):
    """A vector for each query token: one of its own, and what it reads in its item's content.

    The vector of the query token u is e_u + W_r f_q. The free vector e_u is zero without training
    pairs, so that such a query is answered by what all queries of its relation have taught W_r.

    Args:
        queries: what each query token asks.
        trained: query tokens of the training pairs, each as often as it has any.
        content: the features f.
        size: width d.
    """

    def __init__(self, queries: Queries, trained: Tensor, content: Modality, size: int) -> None:
        super().__init__()
        self.own = OwnVectors(trained, len(queries.item), size)
        self.reading = Reading(queries, content, size)

    def forward(self, ids: Tensor) -> Tensor:
        """``[m]`` → ``[m, d]``."""
        return self.own(ids) + self.reading(ids)

    def all(self) -> Tensor:
        """``[n_users, d]``."""
        return self(torch.arange(len(self.reading.item), device=self.reading.item.device))
