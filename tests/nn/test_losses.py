import math

import pytest
import torch

from recbole_mmsc.nn.losses import info_nce, sampled_softmax

ONES = torch.ones(2)


def test_sampled_softmax_against_the_textbook():
    # query 0: positive 2 against 0 and 1; query 1: positive 0 against 3 alone
    scores = torch.tensor([[0.0, 1.0], [3.0, 9.0]])
    known = torch.tensor([[False, False], [False, True]])
    loss = sampled_softmax(torch.tensor([2.0, 0.0]), torch.tensor([0, 1]), scores, known, ONES)
    first = -math.log(math.exp(2) / (math.exp(2) + math.exp(0) + math.exp(1)))
    second = -math.log(math.exp(0) / (math.exp(0) + math.exp(3)))
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)
    doubted = torch.tensor([1.0, 0.25])
    loss = sampled_softmax(torch.tensor([2.0, 0.0]), torch.tensor([0, 1]), scores, known, doubted)
    assert loss.item() == pytest.approx((first + second / 4) / 2, rel=1e-6)


def test_sampled_softmax_where_every_candidate_is_known_costs_nothing():
    loss = sampled_softmax(
        torch.tensor([1.0], requires_grad=True),
        torch.tensor([0]),
        torch.tensor([[4.0]]),
        torch.tensor([[True]]),
        torch.ones(1),
    )
    loss.backward()
    assert loss.item() == 0


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
