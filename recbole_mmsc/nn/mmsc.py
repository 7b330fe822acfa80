"""MMSC assembled: content and behaviour, aggregated, scored for each relation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recbole_mmsc.nn.aggregation import SemanticAttention, TaskGate
from recbole_mmsc.nn.behaviour import BehaviourEncoder, BehaviourGraph
from recbole_mmsc.nn.content import ContentEncoder, Modality
from recbole_mmsc.nn.shared import WeightedRows


@dataclass(frozen=True)
class Meaning:
    """What is known of m items after the semantic level.

    Args:
        fused: ``[n_relations, m, d]``.
        attention: ``[n_relations, m, n_sources]``.
        sources: for each source ``[m, d]``.
        available: for each source ``[m]`` bool.
    """

    fused: Tensor
    attention: Tensor
    sources: list[Tensor]
    available: list[Tensor]


class MMSCNetwork(nn.Module):
    """Self-supervised multi-modal relational item representations (MMSC).

    The task and the three parts are those of Wang et al., "Multi-modal Relational Item
    Representation Learning for Inferring Substitutable and Complementary Items" (arXiv 2507.22268);
    its formulas are not public to us, and every formula here is our own.

    The score of relation r between items i and j is ⟨[f_r(i); g_r(i)], [g_r(j); f_r(j)]⟩ + b_r(j),
    with source heads f and target heads g: symmetric but for the bias, and an inner product, so
    that the whole catalogue can be searched without a network call for each pair.

    Args:
        n_items: number of items.
        modalities: name → frozen vectors.
        graphs: the behaviours, over the same nodes; without any, no item has an identity or a bias.
        borrowed: for each behaviour what cold items borrow, or None.
        n_relations: number of relations.
        size: width d.
        reliable: learn the reliability of the edges; False takes their strength for it.
        semantic_level: attend over the sources; False takes their mean.
        task_level: mix the relations' meanings by gates; False keeps each relation's own.
        dropout: share of the fused entries zeroed in training.
    """

    def __init__(
        self,
        n_items: int,
        modalities: dict[str, Modality],
        graphs: list[BehaviourGraph],
        borrowed: list[WeightedRows | None],
        n_relations: int,
        size: int,
        reliable: bool = True,
        semantic_level: bool = True,
        task_level: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        n_nodes = len(graphs[0].popularity) if graphs else 0
        self.content = ContentEncoder(modalities, size)
        self.nodes = nn.Embedding(n_nodes, size)
        self.behaviours = nn.ModuleList(
            BehaviourEncoder(graph, rows, size, reliable)
            for graph, rows in zip(graphs, borrowed, strict=True)
        )
        n_sources = len(modalities) + len(graphs)
        self.semantic = SemanticAttention(n_sources, n_relations, size, semantic_level)
        self.dropout = nn.Dropout(dropout)
        self.gate = TaskGate(n_relations, size) if task_level else None
        self.source_heads = nn.ModuleList(nn.Linear(size, size) for _ in range(n_relations))
        self.target_heads = nn.ModuleList(nn.Linear(size, size) for _ in range(n_relations))
        self.identity = nn.Embedding(n_items, size)
        self.bias = nn.Parameter(torch.zeros(n_relations, n_items))
        self.n_relations = n_relations
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start the item vectors: small neighbours, no identity, no popularity."""
        nn.init.normal_(self.nodes.weight, std=0.3 * self.nodes.embedding_dim**-0.5)
        nn.init.zeros_(self.identity.weight)
        nn.init.zeros_(self.bias)

    def warm(self, items: Tensor) -> Tensor:
        """Which items have behaviour of their own, ``[m]`` → ``[m]`` bool."""
        warm = torch.zeros(len(items), dtype=torch.bool, device=items.device)
        for behaviour in self.behaviours:
            warm |= behaviour.graph.lengths(items) > 0
        return warm

    def mean(
        self,
        items: Tensor,
        hidden: list[Tensor] | None = None,
        forgotten: Tensor | None = None,
        kept: tuple[float, int] | None = None,
    ) -> Meaning:
        """Content and behaviour of some items, fused at the semantic level.

        Args:
            items: ``[m]`` item ids.
            hidden: for each behaviour ``[n_edges]`` bool, edges that pass no message.
            forgotten: ``[m]`` bool, items to be treated as cold.
            kept: share of a row's edges that are drawn, and how many at most; None keeps all.
        """
        sources, available = self.content(items)
        for index, behaviour in enumerate(self.behaviours):
            edges = None if hidden is None else hidden[index]
            vectors, present = behaviour(items, self.nodes, edges, forgotten, kept)
            sources.append(vectors)
            available.append(present)
        fused, attention = self.semantic(sources, available)
        return Meaning(fused, attention, sources, available)

    def heads(
        self, items: Tensor, meaning: Meaning, forgotten: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Task level: what some items are as query and as target of each relation.

        Args:
            items: ``[m]`` item ids.
            meaning: their meaning.
            forgotten: ``[m]`` bool, items whose identity is not to be used.

        Returns:
            Queries ``[n_relations, m, 2d]`` and targets ``[n_relations, m, 2d]``, whose inner
            product, plus the target's bias, is the score.
        """
        warm = self.warm(items)
        if forgotten is not None:
            warm = warm & ~forgotten
        return self._heads(meaning, self.identity(items) * warm.unsqueeze(-1))

    def unseen(
        self, modalities: dict[str, Modality], borrowed: list[WeightedRows]
    ) -> tuple[Tensor, Tensor]:
        """Represent m items that are not in the catalogue.

        Args:
            modalities: for each modality of the catalogue theirs, ``[m, d_m]``.
            borrowed: for each behaviour what stands beside their content neighbours.

        Returns:
            As :meth:`heads`; they have neither identity nor bias.
        """
        sources, available = self.content.adapt(modalities)
        for behaviour, rows in zip(self.behaviours, borrowed, strict=True):
            vectors, present = behaviour.borrow(rows, self.nodes)
            sources.append(vectors)
            available.append(present)
        fused, attention = self.semantic(sources, available)
        return self._heads(
            Meaning(fused, attention, sources, available), torch.zeros_like(sources[0])
        )

    def _heads(self, meaning: Meaning, identity: Tensor) -> tuple[Tensor, Tensor]:
        """The heads of m items with identity vectors ``[m, d]``."""
        mixed = self.dropout(meaning.fused)
        if self.gate is not None:
            mixed, _ = self.gate(mixed)
        queries, targets = [], []
        for relation in range(self.n_relations):
            source = torch.tanh(self.source_heads[relation](mixed[relation]))
            target = self.target_heads[relation](mixed[relation]) + identity
            queries.append(torch.cat([source, target], dim=-1))
            targets.append(torch.cat([target, source], dim=-1))
        return torch.stack(queries), torch.stack(targets)

    def forward(self, items: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Represent some items for search.

        Args:
            items: ``[m]`` item ids.

        Returns:
            Queries ``[n_relations, m, 2d]``, targets ``[n_relations, m, 2d]`` and target biases
            ``[n_relations, m]``.
        """
        queries, targets = self.heads(items, self.mean(items))
        return queries, targets, self.bias[:, items] * self.warm(items)
