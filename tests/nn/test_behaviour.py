import copy
import math

import pytest
import torch
from torch import nn

from recbole_mmsc.nn.behaviour import BehaviourEncoder, EdgeReliability
from recbole_mmsc.nn.shared import Rows, WeightedRows
from tests.nn.worlds import graph


def test_rows_gives_the_entries_of_rows_and_their_owners():
    rows = Rows(torch.tensor([0, 2, 2, 5]), torch.tensor([7, 8, 1, 2, 3]))
    entries, owner = rows.of(torch.tensor([2, 1, 0]))
    assert rows.entries[entries].tolist() == [1, 2, 3, 7, 8]
    assert owner.tolist() == [0, 0, 0, 2, 2]
    assert rows.lengths(torch.tensor([2, 1, 0])).tolist() == [3, 0, 2]


def test_rows_of_nothing():
    rows = Rows(torch.tensor([0, 2]), torch.tensor([7, 8]))
    entries, owner = rows.of(torch.tensor([], dtype=torch.long))
    assert entries.tolist() == owner.tolist() == []


def test_find_gives_only_pairs_that_are_edges():
    rows = graph([[1, 2], [0], [0]], 3)
    found, edges = rows.find(torch.tensor([0, 1, 2, 0]), torch.tensor([2, 2, 0, 3]))
    assert found.tolist() == [True, False, True, False]
    assert edges.tolist() == [1, 3]


def test_shared_tensors_are_not_copied_with_a_model():
    encoder = BehaviourEncoder(graph([[1], [0]], 2), None, 4)
    twin = copy.deepcopy(encoder)
    assert twin.graph is encoder.graph
    assert twin.view.weight is not encoder.view.weight


def encoder_and_nodes(rows, n_nodes, borrowed=None, reliable=False):
    torch.manual_seed(0)
    encoder = BehaviourEncoder(graph(rows, n_nodes), borrowed, 3, reliable)
    nn.init.eye_(encoder.view.weight)
    encoder.norm = nn.Identity()
    return encoder, nn.Embedding.from_pretrained(torch.eye(n_nodes, 3))


def test_a_sum_of_neighbours_has_unit_scale_and_popular_ones_count_less():
    # node 0 stands in one row, node 1 in four: weights 1 and 1/2, scale 1/sqrt(1 + 1/4)
    encoder, nodes = encoder_and_nodes([[0, 1], [1], [1], [1]], 4)
    vectors, present = encoder(torch.tensor([0]), nodes)
    expected = torch.tensor([1.0, 0.5, 0.0]) / 1.25**0.5
    torch.testing.assert_close(vectors[0], expected, atol=1e-5, rtol=0)
    assert present.tolist() == [True]


def test_an_item_without_neighbours_is_absent_and_zero():
    encoder, nodes = encoder_and_nodes([[1], []], 2)
    vectors, present = encoder(torch.tensor([1, 0]), nodes)
    assert vectors[0].tolist() == [0, 0, 0]
    assert present.tolist() == [False, True]


def test_a_hidden_edge_passes_no_message():
    encoder, nodes = encoder_and_nodes([[0, 1], [0]], 2)
    hidden = torch.tensor([True, False, False])
    vectors, _ = encoder(torch.tensor([0]), nodes, hidden)
    torch.testing.assert_close(vectors[0], torch.tensor([0.0, 1.0, 0.0]), atol=1e-5, rtol=0)


def test_a_forgotten_or_lonely_item_borrows():
    borrowed = WeightedRows(torch.tensor([0, 1, 2]), torch.tensor([2, 2]), torch.tensor([1.0, 1.0]))
    encoder, nodes = encoder_and_nodes([[1], [], [0]], 3, borrowed=None)
    encoder.borrowed = borrowed
    nn.init.constant_(encoder.borrowed_mark, 5.0)
    encoder.graph.popularity[2] = 1
    vectors, present = encoder(torch.tensor([0, 1]), nodes, forgotten=torch.tensor([True, False]))
    assert present.tolist() == [True, True]
    torch.testing.assert_close(vectors[0], vectors[1])
    torch.testing.assert_close(vectors[0], torch.tensor([5.0, 5.0, 6.0]), atol=1e-5, rtol=0)
    own, _ = encoder(torch.tensor([0]), nodes)
    torch.testing.assert_close(own[0], torch.tensor([0.0, 1.0, 0.0]), atol=1e-5, rtol=0)


def test_items_with_more_neighbours_lose_more_of_them():
    torch.manual_seed(0)
    encoder = BehaviourEncoder(graph([list(range(100)), [0, 1]], 100), None, 3, False)
    nodes = nn.Embedding(100, 3)
    whole, _ = encoder(torch.tensor([0, 1]), nodes)
    drawn, _ = encoder(torch.tensor([0, 1]), nodes, kept=(1.0, 10))
    assert not torch.allclose(whole[0], drawn[0])
    torch.testing.assert_close(whole[1], drawn[1])


def test_reliability_learns_to_tell_edges_from_pairs_that_are_none():
    torch.manual_seed(0)
    # evidence of a true edge is about +1, of noise and of no edges about -1; 20 % is noise
    true = 1 + 0.5 * torch.randn(160, 2)
    noise = -1 + 0.5 * torch.randn(40, 2)
    none = -1 + 0.5 * torch.randn(200, 2)
    rows = [list(range(200))]
    encoder = BehaviourEncoder(graph(rows, 200, torch.cat([true, noise]), none), None, 3)
    optimiser = torch.optim.Adam(encoder.parameters(), lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        encoder.reliability_loss(128).backward()
        optimiser.step()
    weights = encoder.weights(torch.arange(200))
    assert weights[:160].mean() > 0.8
    assert weights[160:].mean() < 0.3


def test_reliability_weights_the_messages():
    encoder, nodes = encoder_and_nodes([[0, 1]], 3, reliable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder, "weights", lambda edges: torch.tensor([1.0, 0.0]))
        vectors, _ = encoder(torch.tensor([0]), nodes)
    torch.testing.assert_close(vectors[0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-5, rtol=0)


def test_a_share_of_the_edges_is_drawn():
    torch.manual_seed(0)
    encoder = BehaviourEncoder(graph([list(range(1000))], 1000), None, 3, False)
    nodes = nn.Embedding(1000, 3)
    heard = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            encoder, "weights", lambda edges: heard.append(edges) or torch.ones(len(edges))
        )
        encoder(torch.tensor([0]), nodes, kept=(0.6, 10_000))
        encoder(torch.tensor([0]), nodes)
    assert 550 < len(heard[0]) < 650
    assert len(heard[1]) == 1000


LOG_3 = math.log(3)  # the logit of 3/4; minus it, that of 1/4


class FirstColumn(nn.Module):
    """A reliability whose logits are the first column of the evidence."""

    def forward(self, evidence):
        return evidence[:, 0]


def judged_encoder(evidence, contrast=(), target=(), trust=()):
    """One item with an edge for each logit in `evidence`."""
    column, none = (torch.tensor(each).unsqueeze(1) for each in (evidence, contrast))
    rows = graph([list(range(len(evidence)))], len(evidence), column, none)
    for part, given in ((rows.target, target), (rows.trust, trust)):
        part[: len(given)] = torch.tensor(given)
    encoder = BehaviourEncoder(rows, None, 3)
    encoder.reliability = FirstColumn()
    return encoder


def test_reliability_against_its_formula():
    reliability = EdgeReliability(2, hidden_size=1)
    hidden, _, out = reliability.judge
    with torch.no_grad():
        hidden.weight.copy_(torch.tensor([[1.0, -1.0]]))
        out.weight.fill_(2.0)
    nn.init.constant_(hidden.bias, 0.5)
    nn.init.constant_(out.bias, -1.0)
    logits = reliability(torch.tensor([[0.5, 1.0], [1.0, 0.5]]))
    assert logits.tolist() == pytest.approx([-1, 2 * math.tanh(1) - 1])


def test_an_edge_weighs_what_supervision_says_as_far_as_it_is_trusted():
    encoder = judged_encoder([LOG_3] * 4, target=[0.0, 0.25, 0.25, 1.0], trust=[0.0, 0.5, 1.0, 0.2])
    weights = encoder.weights(torch.tensor([0, 1, 2, 3]))
    assert weights.tolist() == pytest.approx([0.75, 0.5, 0.25, 0.8])
    assert encoder.weights(torch.tensor([2, 0])).tolist() == pytest.approx([0.25, 0.75])


def test_without_reliability_an_edge_weighs_its_strength():
    encoder, nodes = encoder_and_nodes([[0, 1]], 2)
    encoder.graph.strength[1] = 0.5
    assert encoder.weights(torch.tensor([1, 0])).tolist() == [0.5, 1]
    vectors, _ = encoder(torch.tensor([0]), nodes)
    expected = torch.tensor([1.0, 0.5, 0.0]) / 1.25**0.5
    torch.testing.assert_close(vectors[0], expected, atol=1e-5, rtol=0)


def test_reliability_loss_is_the_mean_of_edges_and_of_pairs_that_are_none():
    # an edge is said to be one with 3/4, a pair that is none with 1/4: wrong by 1/4 each
    right = judged_encoder([LOG_3] * 3, contrast=[-LOG_3] * 2).reliability_loss(10)
    assert right.item() == pytest.approx(-math.log(3 / 4))
    # both are said to be edges with 3/4
    either = judged_encoder([LOG_3] * 3, contrast=[LOG_3] * 2).reliability_loss(10)
    assert either.item() == pytest.approx(-(math.log(3 / 4) + math.log(1 / 4)) / 2)


def test_belief_loss_is_the_cross_entropy_as_far_as_an_edge_is_trusted():
    # the first edge is not judged; the second is believed by 0.9, and said to be one with 3/4
    encoder = judged_encoder([-9.0, LOG_3], target=[1.0, 0.9], trust=[0.0, 0.5])
    expected = -0.5 * (0.9 * math.log(3 / 4) + 0.1 * math.log(1 / 4))
    assert encoder.belief_loss(10).item() == pytest.approx(expected)


def test_belief_loss_of_nothing_judged_is_nothing():
    assert judged_encoder([LOG_3], target=[1.0]).belief_loss(10).item() == 0
