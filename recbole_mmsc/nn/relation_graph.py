"""The graph of one relation, and messages along its edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import softmax

from recbole_mmsc.nn.shared import Shared


@dataclass(frozen=True, eq=False)
class RelationGraph(Shared):
    """An undirected graph as compressed rows: every pair is an edge in the rows of both its ends.

    Args:
        offsets: ``[n + 1]``, where the row of each item begins; the last is the number of edges.
        rows: ``[n_edges]``, the item whose row an edge stands in, ascending.
        neighbours: ``[n_edges]``, the item at its other end, ascending within a row.
        reverse: ``[n_edges]``, where the same pair stands in the neighbour's row.
    """

    offsets: Tensor
    rows: Tensor
    neighbours: Tensor
    reverse: Tensor

    @classmethod
    def of(cls, one: Tensor, other: Tensor, n_items: int) -> RelationGraph:
        """The graph of some pairs, each counted once; an item is no neighbour of its own.

        Args:
            one: ``[m]`` item ids, the one end of each pair.
            other: ``[m]``, the other end.
            n_items: number of rows; items without a pair have an empty one.
        """
        proper = one != other
        one, other = one[proper], other[proper]
        keys = torch.cat([one * n_items + other, other * n_items + one]).unique()
        rows, neighbours = keys // n_items, keys % n_items
        return cls(
            offsets=_offsets(rows, n_items),
            rows=rows,
            neighbours=neighbours,
            reverse=torch.searchsorted(keys, neighbours * n_items + rows),
        )

    @property
    def n_items(self) -> int:
        """Number of items, with or without an edge."""
        return len(self.offsets) - 1

    @property
    def degrees(self) -> Tensor:
        """Number of neighbours of each item, ``[n]``."""
        return self.offsets.diff()

    def without(self, one: Tensor, other: Tensor) -> RelationGraph:
        """The graph without some pairs, ``[m]`` and ``[m]`` item ids; pairs it has not are fine."""
        keys = self.rows * self.n_items + self.neighbours
        asked = torch.cat([one * self.n_items + other, other * self.n_items + one])
        place = torch.searchsorted(keys, asked).clamp(max=max(len(keys) - 1, 0))
        kept = torch.ones(len(keys), dtype=torch.bool, device=keys.device)
        if len(keys):
            kept[place[keys[place] == asked]] = False
        rows = self.rows[kept]
        return RelationGraph(
            offsets=_offsets(rows, self.n_items),
            rows=rows,
            neighbours=self.neighbours[kept],
            reverse=(kept.cumsum(0) - 1)[self.reverse[kept]],
        )

    def aggregate(self, weights: Tensor, vectors: Tensor) -> Tensor:
        """Weighted sums of the neighbours' vectors.

        Args:
            weights: ``[n_edges]``.
            vectors: ``[n, d]``.

        Returns:
            ``[n, d]``, zero for items without neighbours.
        """
        return _Aggregate.apply(self, _full(weights), _full(vectors))

    def mean(self, vectors: Tensor) -> Tensor:
        """Mean of the neighbours' vectors, D⁻¹ A X: ``[n, d]`` → ``[n, d]``."""
        shares = self.degrees.clamp(min=1).to(vectors.dtype).reciprocal()
        return self.aggregate(shares[self.rows], vectors)

    def smooth(self, vectors: Tensor) -> Tensor:
        """Symmetrically normalised sum, D^-½ A D^-½ X: ``[n, d]`` → ``[n, d]``."""
        roots = self.degrees.clamp(min=1).to(vectors.dtype).rsqrt()
        return self.aggregate(roots[self.rows] * roots[self.neighbours], vectors)

    def agreement(self, items: Tensor, neighbours: Tensor) -> Tensor:
        """Inner products along the edges.

        Args:
            items: ``[n, d]``, for the item of an edge.
            neighbours: ``[n, d]``, for the neighbour.

        Returns:
            ``[n_edges]``.
        """
        return _Agreement.apply(self, _full(items), _full(neighbours))

    def attention(self, scores: Tensor) -> Tensor:
        """Softmax over the edges of each item, ``[n_edges]`` → ``[n_edges]``."""
        if not len(scores):
            return scores
        return softmax(scores, self.rows, num_nodes=self.n_items)


def _full(values: Tensor) -> Tensor:
    """In full precision: there are no sparse products in half."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _offsets(rows: Tensor, n_items: int) -> Tensor:
    offsets = torch.zeros(n_items + 1, dtype=torch.long, device=rows.device)
    offsets[1:] = torch.bincount(rows, minlength=n_items).cumsum(0)
    return offsets


def _matrix(graph: RelationGraph, weights: Tensor) -> Tensor:
    size = (graph.n_items, graph.n_items)
    return torch.sparse_csr_tensor(
        graph.offsets, graph.neighbours, weights, size, check_invariants=False
    )


# torch differentiates sparse products too, but sorts the transposed matrix anew each time; here
# the transposed weights are one look-up away, and each of the two is the other's gradient.


def _sums(graph: RelationGraph, weights: Tensor, vectors: Tensor) -> Tensor:
    """``[n_edges]`` and ``[n_items, d]`` → ``[n_items, d]``."""
    with torch.autocast(vectors.device.type, enabled=False):
        return _matrix(graph, weights) @ vectors


def _products(graph: RelationGraph, items: Tensor, neighbours: Tensor) -> Tensor:
    """``[n_items, d]``, of both ends → ``[n_edges]``."""
    pattern = _matrix(graph, items.new_zeros(len(graph.rows)))
    with torch.autocast(items.device.type, enabled=False):
        return torch.sparse.sampled_addmm(pattern, items, neighbours.T).values()


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: RelationGraph, weights: Tensor, vectors: Tensor) -> Tensor:
        """``[n_edges]`` and ``[n_items, d]`` → ``[n_items, d]``."""
        ctx.graph = graph
        ctx.save_for_backward(weights, vectors)
        return _sums(graph, weights, vectors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        graph, (weights, vectors) = ctx.graph, ctx.saved_tensors
        gradient = gradient.contiguous()
        _, to_weights, to_vectors = ctx.needs_input_grad
        return (
            None,
            _products(graph, gradient, vectors) if to_weights else None,
            _sums(graph, weights[graph.reverse], gradient) if to_vectors else None,
        )


class _Agreement(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, graph: RelationGraph, items: Tensor, neighbours: Tensor) -> Tensor:
        """``[n_items, d]``, of both ends → ``[n_edges]``."""
        ctx.graph = graph
        ctx.save_for_backward(items, neighbours)
        return _products(graph, items, neighbours)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        graph, (items, neighbours) = ctx.graph, ctx.saved_tensors
        gradient = gradient.contiguous()
        _, to_items, to_neighbours = ctx.needs_input_grad
        return (
            None,
            _sums(graph, gradient, neighbours) if to_items else None,
            _sums(graph, gradient[graph.reverse], items) if to_neighbours else None,
        )
