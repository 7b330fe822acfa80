"""Small graphs whose right answers are known by construction."""

import torch

from recbole_mmsc.nn.behaviour import BehaviourGraph
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.mmsc import MMSCNetwork
from recbole_mmsc.nn.shared import WeightedRows


def graph(rows: list[list[int]], n_nodes: int, evidence=None, contrast=None) -> BehaviourGraph:
    """A behaviour whose rows are given; popularity is counted, evidence is random by default."""
    entries = torch.tensor([node for row in rows for node in row], dtype=torch.long)
    offsets = torch.tensor([0, *(len(row) for row in rows)]).cumsum(0)
    return BehaviourGraph(
        offsets=offsets,
        entries=entries,
        evidence=torch.randn(len(entries), 2) if evidence is None else evidence,
        contrast=torch.randn(4, 2) if contrast is None else contrast,
        popularity=torch.bincount(entries, minlength=n_nodes),
        target=torch.zeros(len(entries)),
        trust=torch.zeros(len(entries)),
        strength=torch.ones(len(entries)),
    )


def network(seed: int = 0, **options) -> MMSCNetwork:
    """Five items and one outsider (node 5); item 4 has no behaviour; item 0 no text."""
    torch.manual_seed(seed)
    vectors = torch.nn.functional.normalize(torch.randn(5, 8), dim=1)
    available = torch.tensor([False, True, True, True, True])
    return MMSCNetwork(
        5,
        {"text": Modality(vectors * available.unsqueeze(1), available)},
        [
            graph([[1, 5], [0, 2], [1], [], []], 6),
            graph([[3], [2], [1, 3], [0, 2], []], 6),
        ],
        [
            WeightedRows(
                torch.tensor([0, 0, 0, 0, 0, 2]), torch.tensor([1, 2]), torch.tensor([0.9, 0.5])
            ),
            None,
        ],
        n_relations=2,
        size=4,
        **options,
    )
