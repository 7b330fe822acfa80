"""Why MMSC gives a pair its score, in names a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recbole_mmsc.data.completion import Reason
from recbole_mmsc.data.queries import relation_index
from recbole_mmsc.data.relations import BEHAVIOURS
from recbole_mmsc.nn.mmsc import MMSCNetwork

if TYPE_CHECKING:
    from recbole_mmsc.model.mmsc import MMSC


SHOWN = 10  # edges, when an explanation is printed


@dataclass(frozen=True)
class Edge:
    """Something beside one of the two items that speaks for the pair, or against it.

    Args:
        item: the query or the target.
        beside: an item, or a product outside the catalogue.
        how: ``co_view``, ``co_purchase``, ``content`` (a content neighbour), ``training pair``, or
            ``re-ranking`` (how likely the pair is a suggestion that comes true).
        weight: what it adds to the score.
        reliability: in [0, 1], of an edge of a behaviour; None of anything else.
    """

    item: str
    beside: str
    how: str
    weight: float
    reliability: float | None


@dataclass(frozen=True)
class Explanation:
    """The score of a pair, taken apart.

    Args:
        query: the item that was asked about.
        target: the item it was given.
        relation: ``substitute`` or ``complement``.
        score: ``vectors`` + ``completed``.
        vectors: of it, the inner product and the target's bias.
        completed: of it, the completed graph.
        attention: for query and target, the share of each source at the semantic level; empty for
            an item that has none.
        gate: for query and target, the mean share of the relation's own meaning at the task level.
        edges: what ``completed`` is made of, the largest first.
    """

    query: str
    target: str
    relation: str
    score: float
    vectors: float
    completed: float
    attention: dict[str, dict[str, float]]
    gate: dict[str, float]
    edges: list[Edge]

    def __str__(self) -> str:
        """For people: the score, what was looked at, and the edges that count most."""
        lines = [
            f"{self.target} as {self.relation} of {self.query}: {self.score:.3f} = "
            f"{self.vectors:.3f} by vectors + {self.completed:.3f} by the completed graph"
        ]
        for item, name in (("query", self.query), ("target", self.target)):
            attention = self.attention[item].items()
            shares = ", ".join(f"{source} {share:.0%}" for source, share in attention)
            own = f"the relation's own meaning {self.gate[item]:.0%}"
            lines.append(f"  {name}: {shares or 'nothing is known of it'}; {own}")
        for edge in self.edges[:SHOWN]:
            reliable = "" if edge.reliability is None else f", reliability {edge.reliability:.2f}"
            lines.append(
                f"  {edge.weight:+.3f} {edge.item} beside {edge.beside}: "
                f"{edge.how.replace('_', '-')}{reliable}"
            )
        if (more := len(self.edges) - SHOWN) > 0:
            lines.append(f"  and {more:,} smaller ones")
        return "\n".join(lines)


def explain(model: MMSC, query: str, target: str, relation: str) -> Explanation:
    """What :meth:`MMSC.explain` answers."""
    index, pair = relation_index(relation), [_item_id(model, item) for item in (query, target)]
    items = torch.tensor(pair, device=model.query_item.device)
    shares, gates = _read_out(model.network, index, items)
    parts = model.score_parts(torch.full_like(items[:1], index), items[:1], items[1:])
    vectors, completed = (part.item() for part in parts)
    reasons = model.completion.reasons(index, *pair) if completed else []
    edges = [_edge(model, reason) for reason in reasons]
    return Explanation(
        query,
        target,
        relation,
        score=vectors + completed,
        vectors=vectors,
        completed=completed,
        attention={"query": shares[0], "target": shares[1]},
        gate={"query": gates[0], "target": gates[1]},
        edges=edges,
    )


def _item_id(model: MMSC, item: str) -> int:
    try:
        return model.names.index(item, 1, model.n_items)
    except ValueError:
        raise ValueError(f"expected an item of the catalogue, found {item!r}") from None


def _read_out(
    network: MMSCNetwork, relation: int, items: Tensor
) -> tuple[list[dict[str, float]], list[float]]:
    """Attention and mean gate of ``[m]`` items."""
    meaning = network.mean(items)
    sources = [*network.content.modalities, *list(BEHAVIOURS)[: len(network.behaviours)]]
    shares = [
        {name: share for name, share in zip(sources, row, strict=True) if share > 0}
        for row in meaning.attention[relation].tolist()
    ]
    if network.gate is None:
        return shares, [1.0] * len(items)
    return shares, network.gate(meaning.fused)[1][relation].mean(dim=-1).tolist()


def _edge(model: MMSC, reason: Reason) -> Edge:
    reliability = None
    if reason.how in BEHAVIOURS:
        behaviour = model.network.behaviours[list(BEHAVIOURS).index(reason.how)]
        device = model.query_item.device
        ends = (torch.tensor([end], device=device) for end in (reason.item, reason.beside))
        _, found = behaviour.graph.find(*ends)
        reliability = behaviour.weights(found).item()
    weight = model.settings.completion_weight * reason.weight
    names = model.names[reason.item], model.names[reason.beside]
    return Edge(*names, reason.how, weight, reliability)
