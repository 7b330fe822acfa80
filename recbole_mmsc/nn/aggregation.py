"""Hierarchical aggregation: sources into meaning (semantic level), meaning into tasks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SemanticAttention(nn.Module):
    """Semantic level: how each relation reads what an item has of {text, …, co-purchase}.

    A relation has a view of its own of every source, and an attention of its own over them.

    Args:
        n_sources: number of sources.
        n_relations: number of relations.
        size: width d.
        attentive: False takes the mean of what an item has, seen alike by all relations.
    """

    def __init__(self, n_sources: int, n_relations: int, size: int, attentive: bool = True) -> None:
        super().__init__()
        self.views = nn.ModuleList(
            nn.ModuleList(nn.Linear(size, size) for _ in range(n_sources))
            for _ in range(n_relations if attentive else 1)
        )
        self.questions = nn.Parameter(torch.zeros(n_relations, n_sources, size), attentive)
        self.preference = nn.Parameter(torch.zeros(n_relations, n_sources), attentive)

    def forward(self, sources: list[Tensor], available: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Fuse the sources of each item.

        Args:
            sources: for each source ``[m, d]``.
            available: for each source ``[m]`` bool.

        Returns:
            ``[n_relations, m, d]`` fused vectors, and ``[n_relations, m, n_sources]`` attention,
            which sums to one over the sources an item has and is zero for those it lacks.
        """
        stacked = torch.stack(sources, dim=1)
        present = torch.stack(available, dim=1)
        logits = torch.einsum("msd,rsd->rms", stacked, self.questions) / stacked.shape[-1] ** 0.5
        logits = logits + self.preference.unsqueeze(1)
        attention = logits.masked_fill(~present, -1e9).softmax(dim=-1) * present
        fused = []
        for views, share in zip(self.views, attention, strict=False):  # without attention but one
            viewed = torch.stack([view(x) for view, x in zip(views, sources, strict=True)], dim=1)
            fused.append(torch.einsum("ms,msd->md", share * len(sources), viewed))
        return torch.stack(fused).expand(len(attention), -1, -1), attention


class TaskGate(nn.Module):
    """Task level: how much each relation keeps of its own meaning, and takes of the others'.

    Args:
        n_relations: number of relations.
        size: width d.
    """

    def __init__(self, n_relations: int, size: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(2 * size, size) for _ in range(n_relations))
        for gate in self.gates:
            nn.init.zeros_(gate.weight)
            nn.init.constant_(gate.bias, 2.0)

    def forward(self, meaning: Tensor) -> tuple[Tensor, Tensor]:
        """Mix the relations' meanings.

        Args:
            meaning: ``[n_relations, m, d]``.

        Returns:
            ``[n_relations, m, d]`` mixed, and ``[n_relations, m, d]`` gates: 1 keeps one's own.
        """
        total = meaning.sum(dim=0)
        mixed, gates = [], []
        for own, gate in zip(meaning, self.gates, strict=True):
            others = (total - own) / max(len(meaning) - 1, 1)
            kept = torch.sigmoid(gate(torch.cat([own, others], dim=-1)))
            mixed.append(kept * own + (1 - kept) * others)
            gates.append(kept)
        return torch.stack(mixed), torch.stack(gates)
