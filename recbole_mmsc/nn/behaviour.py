"""Behaviour: what stands beside an item in co-view and co-purchase, denoised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recbole_mmsc.nn.shared import Rows, WeightedRows


@dataclass(frozen=True, eq=False)
class BehaviourGraph(Rows):
    """One behaviour: for each item a row of nodes that stand beside it.

    Nodes are the catalogue's items and, from ``n_items`` on, products outside the catalogue.

    Args:
        offsets: ``[n_items + 1]``, where each item's row begins.
        entries: ``[n_edges]`` node ids, ascending within a row. An entry is an edge.
        evidence: ``[n_edges, n_evidence]``, what speaks for each edge, standardised.
        contrast: ``[n_contrast, n_evidence]``, the same of pairs that are no edges.
        popularity: ``[n_nodes]``, in how many rows each node stands.
        target: ``[n_edges]`` in [0, 1], what is believed of each edge.
        trust: ``[n_edges]`` in [0, 1], how much that counts; 0 where nothing is said.
        strength: ``[n_edges]`` in [0, 1], of each edge by itself: its place in the lists, and
            less where belief is against it.
    """

    evidence: Tensor
    contrast: Tensor
    popularity: Tensor
    target: Tensor
    trust: Tensor
    strength: Tensor

    @cached_property
    def judged(self) -> Tensor:
        """``[j]``, the edges of which a belief is trusted at all."""
        return self.trust.nonzero().squeeze(1)


class EdgeReliability(nn.Module):
    """The learned weight in [0, 1] of a behaviour edge, from the evidence for it.

    Args:
        n_evidence: columns of evidence.
        hidden_size: width of the one hidden layer.
    """

    def __init__(self, n_evidence: int, hidden_size: int = 16) -> None:
        super().__init__()
        self.judge = nn.Sequential(
            nn.Linear(n_evidence, hidden_size), nn.Tanh(), nn.Linear(hidden_size, 1)
        )

    def forward(self, evidence: Tensor) -> Tensor:
        """``[e, n_evidence]`` → ``[e]`` logits; the reliability is their sigmoid."""
        return self.judge(evidence).squeeze(-1)


class BehaviourEncoder(nn.Module):
    """Represents an item by the reliability-weighted sum of what stands beside it.

    The neighbours' vectors are shared by all behaviours; each behaviour has its own reliability
    and its own view of the sum. Popular neighbours count less, by the root of their popularity,
    and the sum has unit variance whatever the number of neighbours. An item without neighbours
    borrows those of its content neighbours, where there are any.

    Args:
        graph: the behaviour.
        borrowed: for each item what stands beside its content neighbours, its row when it has
            none; weights in [0, 1], how much they agree on each. None if nothing is borrowed.
        size: width d of the vectors.
        reliable: False learns nothing of the edges: each counts by its strength.
    """

    def __init__(
        self, graph: BehaviourGraph, borrowed: WeightedRows | None, size: int, reliable: bool = True
    ) -> None:
        super().__init__()
        self.graph = graph
        self.borrowed = borrowed
        self.reliability = EdgeReliability(graph.evidence.shape[1]) if reliable else None
        self.view = nn.Linear(size, size, bias=False)
        self.norm = nn.LayerNorm(size)
        self.borrowed_mark = nn.Parameter(torch.zeros(size))

    def weights(self, edges: Tensor) -> Tensor:
        """Reliability of some edges, ``[e]`` → ``[e]`` in [0, 1].

        What is believed of an edge takes the place of what is learned, as far as it is trusted.
        """
        if self.reliability is None:
            return self.graph.strength[edges]
        learned = torch.sigmoid(self.reliability(self.graph.evidence[edges])).float()
        return torch.lerp(learned, self.graph.target[edges], self.graph.trust[edges])

    def forward(
        self,
        items: Tensor,
        nodes: nn.Embedding,
        hidden: Tensor | None = None,
        forgotten: Tensor | None = None,
        kept: tuple[float, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Aggregate the rows of some items.

        Args:
            items: ``[m]`` item ids.
            nodes: the node vectors, ``[n_nodes, d]``.
            hidden: ``[n_edges]`` bool, edges that pass no message: those about to be predicted.
            forgotten: ``[m]`` bool, items to be treated as if they had no neighbours.
            kept: which share of a row's edges are drawn, and about how many at most, so that the
                more neighbours an item has, the more of them it loses; None keeps all.

        Returns:
            ``[m, d]`` vectors, zero for items with neither own nor borrowed neighbours, and
            ``[m]`` bool, which have any.
        """
        edges, row = self.graph.of(items)
        shown = torch.ones(len(edges), dtype=torch.bool, device=items.device)
        if hidden is not None:
            shown &= ~hidden[edges]
        if forgotten is not None:
            shown &= ~forgotten[row]
        if kept is not None:
            share, most = kept
            chance = (most / self.graph.lengths(items)).clamp(max=1) * share
            shown &= torch.rand(len(edges), device=items.device) < chance[row]
        edges, row = edges[shown], row[shown]
        neighbours, weight = self.graph.entries[edges], self.weights(edges)
        alone = torch.bincount(row, minlength=len(items)) == 0
        if self.borrowed is not None:
            lacking = alone.nonzero().squeeze(1)
            borrowed, borrower = self.borrowed.of(items[lacking])
            neighbours = torch.cat([neighbours, self.borrowed.entries[borrowed]])
            weight = torch.cat([weight, self.borrowed.weights[borrowed]])
            row, order = torch.cat([row, lacking[borrower]]).sort(stable=True)
            neighbours, weight = neighbours[order], weight[order]
        return self._aggregate(neighbours, weight, row, alone, nodes)

    def borrow(self, rows: WeightedRows, nodes: nn.Embedding) -> tuple[Tensor, Tensor]:
        """Represent items that are not in the graph by what they borrow.

        Args:
            rows: for each of m items what stands beside its content neighbours.
            nodes: the node vectors, ``[n_nodes, d]``.

        Returns:
            As :meth:`forward`.
        """
        _, row = rows.of(torch.arange(len(rows.offsets) - 1, device=rows.offsets.device))
        alone = torch.ones(len(rows.offsets) - 1, dtype=torch.bool, device=row.device)
        return self._aggregate(rows.entries, rows.weights, row, alone, nodes)

    def _aggregate(
        self, neighbours: Tensor, weight: Tensor, row: Tensor, alone: Tensor, nodes: nn.Embedding
    ) -> tuple[Tensor, Tensor]:
        """Weighted neighbours ``[e]``, ascending by row, of ``[m]`` items → as :meth:`forward`."""
        weight = weight * self.graph.popularity[neighbours].rsqrt()
        lengths = torch.bincount(row, minlength=len(alone))
        met, at = neighbours.unique(return_inverse=True)  # the gradient has their rows alone
        total = F.embedding_bag(
            at,
            nodes(met),
            lengths.cumsum(0) - lengths,
            mode="sum",
            per_sample_weights=weight,
        )
        variance = torch.zeros_like(total[:, 0]).index_add(0, row, weight.square())
        scale = variance.add(1e-6).rsqrt()
        vectors = self.norm(self.view(total * scale.unsqueeze(-1)))
        vectors = vectors + alone.unsqueeze(-1) * self.borrowed_mark
        present = lengths > 0
        return vectors * present.unsqueeze(-1), present

    def reliability_loss(self, n_samples: int) -> Tensor:
        """Self-supervised: tell edges from pairs that are none, by their evidence alone.

        A noisy edge has the evidence of a pair that is no edge, so it cannot be told apart, and its
        reliability falls. Binary cross-entropy over ``n_samples`` of either kind; a scalar.
        """
        if self.reliability is None or not len(self.graph.entries):
            return torch.zeros((), device=self.view.weight.device)
        loss = torch.zeros((), device=self.view.weight.device)
        for evidence, label in ((self.graph.evidence, 1.0), (self.graph.contrast, 0.0)):
            if len(evidence):
                drawn = torch.randint(len(evidence), (n_samples,), device=evidence.device)
                logits = self.reliability(evidence[drawn])
                loss = loss + F.binary_cross_entropy_with_logits(
                    logits, torch.full_like(logits, label)
                )
        return loss / 2

    def belief_loss(self, n_samples: int) -> Tensor:
        """What is believed of edges, as soft targets of the reliability.

        Binary cross-entropy over ``n_samples`` of the judged edges, each as far as it is trusted;
        a scalar, 0 where nothing is judged.
        """
        judged = self.graph.judged
        if self.reliability is None or not len(judged):
            return torch.zeros((), device=self.view.weight.device)
        drawn = judged[torch.randint(len(judged), (n_samples,), device=judged.device)]
        logits = self.reliability(self.graph.evidence[drawn])
        target, trust = self.graph.target[drawn], self.graph.trust[drawn]
        loss = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (trust * loss).mean()
