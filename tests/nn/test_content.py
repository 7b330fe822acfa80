import math

import pytest
import torch
from torch import nn

from recbole_mmsc.nn.content import ContentEncoder, Modality, fused

YES, NO = torch.tensor([True]), torch.tensor([False])


def encoder_of(modalities: dict[str, Modality]) -> ContentEncoder:
    """Width 3; of the number 1 the first layer makes 0.5, 0 and -0.8, the second 2, 0 and -2."""
    encoder = ContentEncoder(modalities, 3)
    for first, _, second, norm in encoder.adapters.values():
        with torch.no_grad():
            first.weight.copy_(torch.tensor([[math.atanh(0.5)], [0.0], [math.atanh(-0.8)]]))
            second.weight.copy_(torch.diag(torch.tensor([2.0, 1.0, 2.5])))
            second.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
            norm.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
        nn.init.zeros_(first.bias)
    return encoder


def test_an_adapter_against_its_formula():
    one = Modality(torch.tensor([[0.0], [1.0]]), torch.tensor([True, True]))
    (vectors,), (available,) = encoder_of({"text": one})(torch.tensor([1]))
    # the variance of 2, 0 and -2 is 8 / 3; the norm adds 1 to the second
    expected = [2 / math.sqrt(8 / 3), 1, -2 / math.sqrt(8 / 3)]
    assert vectors[0].tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert available.tolist() == [True]


def test_an_absent_vector_is_zero_of_the_catalogue_or_not():
    text = Modality(torch.tensor([[0.0], [1.0]]), torch.tensor([False, True]))
    image = Modality(torch.tensor([[1.0], [0.0]]), torch.tensor([True, False]))
    encoder = encoder_of({"text": text, "image": image})
    for vectors, available in (
        encoder(torch.tensor([0, 1])),
        encoder.adapt({"image": image, "text": text}),  # in whatever order they are given
    ):
        assert [each.tolist() for each in available] == [[False, True], [True, False]]
        assert vectors[0][0].tolist() == vectors[1][1].tolist() == [0, 0, 0]
        torch.testing.assert_close(vectors[0][1], vectors[1][0])
        assert vectors[0][1].abs().sum() > 0


def test_half_precision_vectors_are_adapted_in_single():
    half = Modality(torch.tensor([[1.0]], dtype=torch.float16), YES)
    (vectors,), _ = encoder_of({"text": half})(torch.tensor([0]))
    assert vectors.dtype == torch.float32


def test_fused_is_the_mean_over_what_an_item_has():
    text, image = torch.tensor([[2.0, 4.0]]), torch.tensor([[6.0, 0.0]])
    nothing = torch.zeros(1, 2)
    for vectors, available, mean, any_ in (
        ([text, image], [YES, YES], [4, 2], True),
        ([text, nothing], [YES, NO], [2, 4], True),
        ([nothing, image], [NO, YES], [6, 0], True),
        ([nothing, nothing], [NO, NO], [0, 0], False),
    ):
        content, present = fused(vectors, available)
        assert content[0].tolist() == mean
        assert present.tolist() == [any_]
