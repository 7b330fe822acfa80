"""Which rows a step moves, how far, and that a checkpoint keeps all of it."""

import copy

import pytest
import torch
from torch import nn
from torch.optim import Adam, SparseAdam

from recbole_mmsc.model.row_adam import LayersAndRows, RowAdam


def test_a_step_moves_the_rows_that_were_met_and_repeats_nothing():
    table = nn.Embedding.from_pretrained(torch.zeros(4, 1), freeze=False, sparse=True)
    optimizer = RowAdam([table.weight], lr=0.5)
    for met, at in (([1, 3], [0, -0.5, 0, -0.5]), ([1], [0, -1, 0, -0.5])):
        optimizer.zero_grad()
        table(torch.tensor(met)).sum().backward()
        optimizer.step()
        assert table.weight.flatten().tolist() == pytest.approx(at)
    optimizer.zero_grad()
    (3 * table(torch.tensor([1, 1]))).sum().backward()  # met twice in a batch: a gradient of 6
    optimizer.step()
    second_moment = (0.999**2 * 0.001 + 0.999 * 0.001 + 0.001 * 36) / (1 - 0.999**3)
    assert table.weight[1].item() == pytest.approx(-1 - 0.5 * 6 / second_moment**0.5)
    assert table.weight[[0, 2]].tolist() == [[0], [0]]


def test_it_steps_as_torch_s_sparse_adam_does_without_momentum():
    torch.manual_seed(1)
    start, ends = torch.randn(50, 3), []
    for make in (RowAdam, lambda weights, lr: SparseAdam(weights, lr, betas=(0.0, 0.999))):
        torch.manual_seed(2)
        table = nn.Embedding.from_pretrained(start.clone(), freeze=False, sparse=True)
        optimizer = make([table.weight], lr=0.01)
        for _ in range(20):
            optimizer.zero_grad()
            (table(torch.randint(50, (9,))) * torch.randn(9, 3)).sum().backward()
            optimizer.step()
        ends.append(table.weight.detach())
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(ends[0], start, atol=0.05)


def test_a_table_that_no_batch_met_and_an_empty_one_stay_as_they_are():
    tables = [nn.Embedding(3, 2).weight, nn.Embedding(0, 2).weight]
    before = tables[0].detach().clone()
    optimizer = LayersAndRows(Adam(nn.Linear(1, 1).parameters(), lr=0.1), tables)
    optimizer.step()
    assert torch.equal(tables[0], before)


def test_layers_and_rows_go_on_from_a_checkpoint_as_if_they_had_not_been_interrupted():
    ends = []
    for interrupted in (False, True):
        table, layer = nn.Embedding(3, 2, sparse=True), nn.Linear(2, 1)
        for weight in (table.weight, *layer.parameters()):
            nn.init.ones_(weight)

        def begin(rate: float, table=table, layer=layer) -> LayersAndRows:
            return LayersAndRows(Adam(layer.parameters(), lr=rate), [table.weight])

        optimizer = begin(0.1)
        for step in range(4):
            if interrupted and step == 2:
                state = copy.deepcopy(optimizer.state_dict())
                optimizer = begin(0.9)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            layer(table(torch.tensor([0, 2]))).pow(2 + step).sum().backward()
            optimizer.step()
        ends.append(torch.cat([table.weight.flatten(), layer.weight.flatten()]).detach())
    assert torch.equal(*ends)
    assert (ends[0] != 1).tolist() == [True, True, False, False, True, True, True, True]
