import copy
import math

import numpy as np
import torch
from torch import nn

from recbole_mmsc.nn.mmsc import Meaning, MMSCNetwork
from tests.nn.worlds import graph, network

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


def test_heads_and_score_against_their_formula():
    net = MMSCNetwork(2, {}, [graph([[1], [0]], 2)], [None], 1, size=1, task_level=False)
    with torch.no_grad():
        net.source_heads[0].weight.fill_(math.atanh(0.5))
        net.target_heads[0].weight.fill_(3.0)
        net.identity.weight[1] = 10.0
    nn.init.zeros_(net.source_heads[0].bias)
    nn.init.ones_(net.target_heads[0].bias)
    meaning = Meaning(torch.tensor([[[1.0], [-1.0]]]), torch.ones(1, 2, 1), [], [])
    queries, targets = net.heads(torch.tensor([0, 1]), meaning)
    # sources tanh(atanh(0.5) x); targets 3 x + 1, and item 1 has 10 more of its own
    expected = torch.tensor([[[0.5, 4.0], [-0.5, 8.0]]])
    torch.testing.assert_close(queries, expected)
    torch.testing.assert_close(targets, expected.flip(-1))
    score = (queries[0, 0] @ targets[0, 1]).item()
    assert math.isclose(score, 0.5 * 8 - 0.5 * 4, rel_tol=1e-6)
    _, targets = net.heads(torch.tensor([0, 1]), meaning, torch.tensor([False, True]))
    torch.testing.assert_close(targets, torch.tensor([[[4.0, 0.5], [-2.0, -0.5]]]))


def represent(net: MMSCNetwork, item: int) -> tuple[np.ndarray, np.ndarray]:
    """Sources and targets ``[2, 4]`` of an item of the small world, one step after the other."""
    p = {name: value.detach().double().numpy() for name, value in net.named_parameters()}

    def linear(name, x):
        return p[f"{name}.weight"] @ x + p.get(f"{name}.bias", 0)

    def norm(name, x):
        return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    sources = {}
    if item != 0:  # item 0 has no text
        text = net.content.modalities["text"].vectors[item].double().numpy()
        adapter = "content.adapters.text"
        hidden = np.tanh(linear(f"{adapter}.0", text))
        sources[0] = norm(f"{adapter}.3", linear(f"{adapter}.2", hidden))
    # co-view, and what item 4 borrows there; co-purchase
    beside = [[[1, 5], [0, 2], [1], [], [1, 2]], [[3], [2], [1, 3], [0, 2], []]]
    popularity = [[1, 2, 1, 0, 0, 1], [1, 1, 2, 2, 0, 0]]
    first = [[0, 2, 4, 5], [0, 1, 2, 4]]  # the number of an item's first edge
    for b in (0, 1):
        nodes, name = beside[b][item], f"behaviours.{b}"
        if not nodes:
            continue
        if item == 4:
            weights = np.array([0.9, 0.5])
        else:
            edges = range(first[b][item], first[b][item] + len(nodes))
            evidence = net.behaviours[b].graph.evidence.double().numpy()
            judge = f"{name}.reliability.judge"
            weights = np.array(
                [
                    sigmoid(linear(f"{judge}.2", np.tanh(linear(f"{judge}.0", evidence[edge]))))[0]
                    for edge in edges
                ]
            )
        weights = weights / np.sqrt([popularity[b][node] for node in nodes])
        total = weights @ p["nodes.weight"][nodes] / np.sqrt((weights**2).sum())
        mark = p[f"{name}.borrowed_mark"] if item == 4 else 0
        sources[1 + b] = norm(f"{name}.norm", linear(f"{name}.view", total)) + mark

    meaning = []
    for relation in (0, 1):
        questions, preference = (
            p["semantic.questions"][relation],
            p["semantic.preference"][relation],
        )
        logits = {s: x @ questions[s] / 2 + preference[s] for s, x in sources.items()}
        total = sum(np.exp(logit) for logit in logits.values())
        parts = [
            3 * np.exp(logits[s]) / total * linear(f"semantic.views.{relation}.{s}", x)
            for s, x in sources.items()
        ]
        meaning.append(sum(parts))

    source, target = [], []
    for relation in (0, 1):
        own, other = meaning[relation], meaning[1 - relation]
        kept = sigmoid(linear(f"gate.gates.{relation}", np.concatenate([own, other])))
        mixed = kept * own + (1 - kept) * other
        source.append(np.tanh(linear(f"source_heads.{relation}", mixed)))
        identity = p["identity.weight"][item] if item != 4 else 0
        target.append(linear(f"target_heads.{relation}", mixed) + identity)
    return np.stack(source), np.stack(target)


def test_the_whole_network_against_its_formulas():
    net = network(dropout=0.5).eval()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.7)
    queries, targets, bias = net(ALL)
    found = (torch.einsum("rid,rjd->rij", queries, targets) + bias.unsqueeze(1)).detach()
    items = [represent(net, item) for item in range(5)]
    f, g = (np.stack(part, axis=1) for part in zip(*items, strict=True))  # [2, 5, 4] each
    own = net.bias.detach().numpy() * np.array([1, 1, 1, 1, 0])
    expected = f @ g.transpose(0, 2, 1) + g @ f.transpose(0, 2, 1) + own[:, None]
    np.testing.assert_allclose(queries.detach(), np.concatenate([f, g], axis=2), atol=1e-4)
    np.testing.assert_allclose(found, expected, atol=1e-3, rtol=1e-4)
