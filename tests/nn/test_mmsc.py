import copy

import torch

from tests.nn.worlds import network

ALL = torch.arange(5)


def scores(net, relation=0):
    queries, targets, _ = net(ALL)
    return queries[relation] @ targets[relation].T


def test_shapes():
    queries, targets, bias = network()(torch.tensor([3, 1]))
    assert queries.shape == targets.shape == (2, 2, 8)
    assert bias.shape == (2, 2)


def test_relatedness_is_symmetric():
    net = network().eval()
    for relation in (0, 1):
        found = scores(net, relation)
        torch.testing.assert_close(found, found.T)


def test_representing_a_part_gives_what_representing_all_gives():
    net = network().eval()
    queries, targets, bias = net(ALL)
    some = torch.tensor([4, 2])
    for whole, part in zip((queries, targets, bias), net(some), strict=True):
        torch.testing.assert_close(whole[:, some], part)


def test_a_cold_item_has_neither_identity_nor_bias_but_borrows():
    net = network().eval()
    before = scores(net)
    with torch.no_grad():
        net.identity.weight[4] = 100.0
        net.bias[:, 4] = 100.0
    torch.testing.assert_close(scores(net), before)
    assert net(ALL)[2][:, 4].tolist() == [0, 0]
    assert net.mean(ALL).available[1].tolist() == [True, True, True, False, True]


def test_attention_reads_out_what_an_item_has():
    attention = network().mean(ALL).attention
    torch.testing.assert_close(attention.sum(dim=-1), torch.ones(2, 5))
    assert attention[:, 0, 0].tolist() == [0, 0]  # item 0 has no text


def test_gradients_reach_every_part():
    net = network(reliable=True)
    with torch.no_grad():  # a question of zero asks nothing yet
        net.semantic.questions.normal_()
    queries, targets, bias = net(ALL)
    scored = torch.einsum("rid,rjd->rij", queries, targets) + bias.unsqueeze(1)
    scored.sigmoid().square().sum().backward()
    untouched = {name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()}
    assert untouched == {"behaviours.1.borrowed_mark"}  # in this world nothing is borrowed there


def test_a_copy_shares_what_is_frozen():
    net = network()
    twin = copy.deepcopy(net)
    assert twin.behaviours[0].graph is net.behaviours[0].graph
    assert twin.content.modalities["text"] is net.content.modalities["text"]
    assert twin.nodes.weight is not net.nodes.weight


def test_a_checkpoint_holds_parameters_alone():
    net = network()
    assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}
