import math

import pytest
import torch

from recbole_mmsc.nn.losses import info_nce, log_mass, sampled_softmax

ONES = torch.ones(2)


def test_sampled_softmax_against_the_textbook():
    # query 0: positive 2 against 0 and 1; query 1: positive 0 against 3 alone
    negatives = log_mass(
        torch.tensor([[0.0, 1.0], [3.0, 8.0]]),
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        torch.tensor([0.0, 0.0]),
        torch.tensor([[False, False], [False, True]]),
    )
    row = torch.tensor([0, 1])
    loss = sampled_softmax(torch.tensor([2.0, 0.0]), row, negatives, ONES)
    first = -math.log(math.exp(2) / (math.exp(2) + math.exp(0) + math.exp(1)))
    second = -math.log(math.exp(0) / (math.exp(0) + math.exp(3)))
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)
    doubted = torch.tensor([1.0, 0.25])
    loss = sampled_softmax(torch.tensor([2.0, 0.0]), row, negatives, doubted)
    assert loss.item() == pytest.approx((first + second / 4) / 2, rel=1e-6)


def test_log_mass_and_its_gradients_are_those_of_the_whole_matrix(monkeypatch):
    monkeypatch.setattr("recbole_mmsc.nn.losses.QUERIES_AT_ONCE", 2)
    generator = torch.Generator().manual_seed(0)
    shapes = (5, 3), (4, 3), (4,)
    inputs = [
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in shapes
    ]
    known = torch.rand(5, 4, generator=generator) < 0.3
    queries, candidates, bias = inputs
    scores = (queries @ candidates.T + bias).masked_fill(known, -math.inf)
    assert torch.allclose(log_mass(*inputs, known), scores.logsumexp(dim=1))
    assert torch.autograd.gradcheck(lambda *these: log_mass(*these, known), inputs)


def test_sampled_softmax_where_every_candidate_is_known_costs_nothing():
    inputs = [torch.ones(shape, requires_grad=True) for shape in ((1, 2), (1, 2), (1,))]
    negatives = log_mass(*inputs, torch.tensor([[True]]))
    positive = torch.tensor([1.0], requires_grad=True)
    loss = sampled_softmax(positive, torch.tensor([0]), negatives, torch.ones(1))
    loss.backward()
    assert loss.item() == 0
    assert all(not each.grad.any() for each in [positive, *inputs])


def test_info_nce_of_two_orthogonal_pairs():
    one = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    # cosines 1 on the diagonal, 0 beside it, both divided by 0.5
    expected = -math.log(math.exp(2) / (math.exp(2) + 1))
    assert info_nce(one, one, 0.5).item() == pytest.approx(expected, rel=1e-6)
    assert info_nce(one, one.flip(0), 0.5).item() == pytest.approx(expected + 2, rel=1e-6)


def test_info_nce_leaves_known_pairs_out_of_the_negatives():
    one = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    # 0 and 1 belong together as first and second: row 0 and column 1 lose their only negative
    known = torch.tensor([[True, True], [False, True]])
    expected = math.log(1 + math.exp(-2)) / 2
    assert info_nce(one, one, 0.5, known).item() == pytest.approx(expected, rel=1e-6)
    assert info_nce(one, one, 0.5, ~known & known).item() == info_nce(one, one, 0.5).item()


def test_info_nce_of_a_single_row_has_nothing_to_contrast():
    assert info_nce(torch.ones(1, 2), torch.ones(1, 2), 0.5).item() == 0
