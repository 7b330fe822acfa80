import math

import pytest
import torch
from torch import nn

from recbole_mmsc.nn.aggregation import SemanticAttention, TaskGate


def test_attention_is_over_what_an_item_has_and_starts_even():
    attention = SemanticAttention(n_sources=3, n_relations=2, size=2)
    for views in attention.views:
        for view in views:
            nn.init.eye_(view.weight)
            nn.init.zeros_(view.bias)
    sources = [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.zeros(1, 2)]
    available = [torch.tensor([True]), torch.tensor([True]), torch.tensor([False])]
    fused, weights = attention(sources, available)
    assert weights[:, 0].tolist() == [[0.5, 0.5, 0.0]] * 2
    # the weights times the number of sources, so that a source counts one in an even mean
    assert fused[:, 0].tolist() == [[1.5, 1.5]] * 2


def test_each_relation_attends_for_itself():
    attention = SemanticAttention(n_sources=2, n_relations=2, size=2)
    with torch.no_grad():
        attention.preference[0, 1] = 100.0
    sources = [torch.randn(1, 2), torch.randn(1, 2)]
    _, weights = attention(sources, [torch.tensor([True])] * 2)
    torch.testing.assert_close(weights[0, 0], torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(weights[1, 0], torch.tensor([0.5, 0.5]))


def test_each_relation_sees_the_sources_in_its_own_way():
    attention = SemanticAttention(n_sources=1, n_relations=2, size=1)
    for factor, (view,) in zip((2.0, -3.0), attention.views, strict=True):
        nn.init.constant_(view.weight, factor)
        nn.init.zeros_(view.bias)
    fused, _ = attention([torch.tensor([[5.0]])], [torch.tensor([True])])
    assert fused.flatten().tolist() == [10, -15]


def test_without_attention_all_relations_see_the_mean():
    mean = SemanticAttention(n_sources=2, n_relations=2, size=1, attentive=False)
    for view in (view for views in mean.views for view in views):
        nn.init.ones_(view.weight)
        nn.init.zeros_(view.bias)
    sources = [torch.tensor([[1.0], [4.0]]), torch.tensor([[2.0], [0.0]])]
    fused, weights = mean(sources, [torch.tensor([True, True]), torch.tensor([True, False])])
    assert fused.flatten().tolist() == [3, 8, 3, 8]  # the mean times the number of sources
    assert weights.tolist() == [[[0.5, 0.5], [1, 0]]] * 2
    assert not mean.questions.requires_grad
    assert sum(p.numel() for p in mean.views.parameters()) == 4


def test_a_question_counts_by_the_root_of_the_width():
    attention = SemanticAttention(n_sources=2, n_relations=1, size=4)
    with torch.no_grad():
        attention.questions[0, 0, 0] = 2 * math.log(3)
    sources = [torch.tensor([[1.0, 5.0, 0.0, 0.0]]), torch.ones(1, 4)]
    _, weights = attention(sources, [torch.tensor([True])] * 2)
    # logits 2 log 3 / sqrt(4) = log 3, and 0
    assert weights[0, 0].tolist() == pytest.approx([0.75, 0.25])


def test_an_item_with_nothing_means_nothing():
    attention = SemanticAttention(n_sources=2, n_relations=1, size=2)
    fused, weights = attention([torch.zeros(1, 2)] * 2, [torch.tensor([False])] * 2)
    assert weights.abs().sum() == 0
    assert fused.abs().sum() == 0


def test_an_open_gate_keeps_its_own_and_a_shut_one_takes_the_others():
    gate = TaskGate(n_relations=2, size=1)
    meaning = torch.tensor([[[1.0]], [[5.0]]])
    nn.init.constant_(gate.gates[0].bias, 100.0)
    nn.init.constant_(gate.gates[1].bias, -100.0)
    mixed, gates = gate(meaning)
    assert mixed.flatten().tolist() == [1.0, 1.0]
    assert gates.flatten().tolist() == [1.0, 0.0]


def test_a_gate_looks_at_its_own_meaning_and_at_the_others():
    gate = TaskGate(n_relations=2, size=1)
    with torch.no_grad():
        gate.gates[0].weight.copy_(torch.tensor([[0.0, math.log(3)]]))  # the other's
        gate.gates[1].weight.copy_(torch.tensor([[math.log(3), 0.0]]))  # its own
    for each in gate.gates:
        nn.init.zeros_(each.bias)
    # the second relation means 1, so that both gates are 3 / 4 open
    mixed, gates = gate(torch.tensor([[[5.0]], [[1.0]]]))
    assert gates.flatten().tolist() == pytest.approx([0.75, 0.75])
    assert mixed.flatten().tolist() == pytest.approx([4, 2])


def test_of_three_relations_the_others_are_a_mean():
    gate = TaskGate(n_relations=3, size=1)
    for each in gate.gates:
        nn.init.constant_(each.bias, -100.0)
    mixed, _ = gate(torch.tensor([[[1.0]], [[2.0]], [[6.0]]]))
    assert mixed.flatten().tolist() == [4, 3.5, 1.5]


def test_a_gate_starts_mostly_open_whatever_it_sees():
    _, gates = TaskGate(n_relations=2, size=3)(torch.randn(2, 5, 3))
    torch.testing.assert_close(gates, torch.full((2, 5, 3), 1 / (1 + math.exp(-2))))
