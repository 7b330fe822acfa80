import math

import pytest
import torch

from recbole_mmsc.nn.adapter import ContentAdapter, ResidualAdapter
from recbole_mmsc.nn.content import Modality


def modality(rows, available=None):
    vectors = torch.tensor(rows)
    if available is None:
        available = [True] * len(rows)
    return Modality(vectors, torch.tensor(available))


def test_the_layer_against_its_formula():
    layer = ResidualAdapter(2, 1)
    with torch.no_grad():
        layer.down.weight.copy_(torch.tensor([[2.0, 0.0]]))
        layer.down.bias.fill_(1.0)
        layer.up.weight.copy_(torch.tensor([[0.0], [1.0]]))
        layer.up.bias.copy_(torch.tensor([0.5, 0.0]))
    # LN of (3, 1) is (1, -1); 2 · 1 + 1 = 3; gelu(3) = 3 Φ(3)
    lifted = 3 * (1 + math.erf(3 / math.sqrt(2))) / 2
    x, y = 3 + 0.5, 1 + lifted
    expected = [x / math.hypot(x, y), y / math.hypot(x, y)]
    assert layer(torch.tensor([[3.0, 1.0]]))[0].tolist() == pytest.approx(expected, rel=1e-4)


def test_it_starts_as_the_identity_and_leaves_absent_vectors_zero():
    adapter = ContentAdapter({"text": 2, "image": 3}, hidden=4)
    out = adapter(
        {
            "text": modality([[0.6, 0.8], [0.0, 0.0]], [True, False]),
            "image": modality([[0.0, 1.0, 0.0], [0.0, 0.6, 0.8]]),
        }
    )
    torch.testing.assert_close(out["text"].vectors, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    expected = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.6, 0.8]])
    torch.testing.assert_close(out["image"].vectors, expected)
    torch.nn.init.ones_(adapter.adapters["text"].up.bias)
    moved = adapter({"text": modality([[0.0, 0.0]], [False]), "image": out["image"]})
    assert moved["text"].vectors.tolist() == [[0.0, 0.0]]


def test_between_items_takes_every_combination_of_modalities_over_who_has_both():
    adapter = ContentAdapter({"text": 2, "image": 2}, hidden=1)
    east, north = [1.0, 0.0], [0.0, 1.0]
    one = {"text": modality([east, north, east]), "image": modality([east, north, north])}
    other = {
        "text": modality([east, north, [0.0, 0.0]], [True, True, False]),
        "image": modality([north, east, east]),
    }
    nobody = torch.zeros(3, 3, dtype=torch.bool)
    scores = {
        "text to text": [[1, 0], [0, 1]],  # the third item has no text on the other side
        "text to image": [[0, 1, 1], [1, 0, 0], [0, 1, 1]],
        "image to text": [[1, 0], [0, 1]],
        "image to image": [[0, 1, 1], [1, 0, 0], [1, 0, 0]],
    }
    expected = sum((_rows(table) + _columns(table)) / 2 for table in scores.values()) / 4
    found = adapter.between_items(one, other, nobody, 1.0).item()
    assert found == pytest.approx(expected, rel=1e-6)


def _rows(scores):
    """Mean cross-entropy of the diagonal, row by row."""
    losses = [math.log(sum(map(math.exp, row))) - row[n] for n, row in enumerate(scores)]
    return sum(losses) / len(losses)


def _columns(scores):
    return _rows(list(zip(*scores, strict=True)))


def test_one_modality_has_nothing_to_be_contrasted_with():
    adapter = ContentAdapter({"text": 2}, hidden=1)
    assert adapter.between_modalities({"text": modality([[1.0, 0.0]] * 3)}, 0.1).item() == 0


@pytest.mark.parametrize("image_size", [3, 5])
def test_gradient_reaches_the_adapters_of_both_modalities(image_size):
    torch.manual_seed(0)
    adapter = ContentAdapter({"text": 3, "image": image_size}, hidden=4)
    for part in adapter.adapters.values():
        torch.nn.init.normal_(part.up.weight)
    items = {
        name: Modality(torch.randn(4, size), torch.ones(4, dtype=torch.bool))
        for name, size in (("text", 3), ("image", image_size))
    }
    for loss in (
        adapter.between_modalities(adapter(items), 0.1),
        adapter.between_items(
            adapter(items), adapter(items), torch.zeros(4, 4, dtype=torch.bool), 0.1
        ),
    ):
        adapter.zero_grad()
        loss.backward()
        for name, parameter in adapter.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
