import copy
import importlib
from pathlib import Path

import pytest
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_model, get_trainer, init_seed

from recbole_mmsc import run_recbole
from recbole_mmsc.model.decgcn import co_attention
from recbole_mmsc.model.dhgan import PATHS, CoupledLayer, distance_attention
from recbole_mmsc.model.relation_graphs import identity_of
from recbole_mmsc.model.scomgnn import low_pass, mid_pass
from recbole_mmsc.nn.relation_graph import RelationGraph
from tests.tiny import ITEMS, pairs, write_two_that_differ_in_held_out_pairs

MODELS = ["GraphSAGE", "SComGNN", "DecGCN", "DHGAN"]
SETTINGS = {
    "embedding_size": 16,
    "train_batch_size": 64,
    "epochs": 20,
    "learning_rate": 0.01,
    "gpu_id": "",
    "show_progress": False,
    "metric_decimal_place": 12,
}


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


def prepare(name: str, folder: Path, **settings):
    config = Config(
        model=name,
        dataset=folder.name,
        config_dict={**SETTINGS, "data_path": str(folder.parent), **settings},
    )
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    parts = data_preparation(config, dataset)
    init_seed(config["seed"], config["reproducibility"])
    return config, get_model(name)(config, parts[0].dataset), parts


def run(name: str, folder: Path, **settings):
    return run_recbole(
        model=name,
        dataset="tiny",
        config_dict={**SETTINGS, "data_path": str(folder.parent), **settings},
    )["test_result"]


def graph(*pairs, n_items):
    one, other = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    return RelationGraph.of(one, other, n_items)


PATH = graph((0, 1), (1, 2), n_items=4)


def test_learns_the_planted_relations(tiny_folder, name):
    config, model, parts = prepare(name, tiny_folder)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    untrained = trainer.evaluate(parts[2], load_best_model=False)
    result = run(name, tiny_folder)
    # chance, of random scores, is .18 and .14
    assert result["substitute/ndcg@10"] > 0.9
    assert result["complement/ndcg@10"] > 0.25
    assert result["complement/ndcg@10"] > untrained["complement/ndcg@10"]


def test_the_same_seed_gives_the_same_digits(tiny_folder, name):
    one, two = (run(name, tiny_folder, epochs=3) for _ in range(2))
    assert one == two


def test_scoring_pairs_gives_what_ranking_gives(tiny_folder, name):
    _, model, _ = prepare(name, tiny_folder)
    model.eval()
    users, items = torch.arange(1, 81), torch.arange(80) % 40 + 1
    scored = model.predict(Interaction({"query_id": users, "item_id": items}))
    ranked = model.full_sort_predict(Interaction({"query_id": users}))
    assert ranked.shape == (80, 41)
    torch.testing.assert_close(scored, ranked[torch.arange(80), items])


def test_ranking_follows_the_weights(tiny_folder, name):
    _, model, parts = prepare(name, tiny_folder)
    users = Interaction({"query_id": torch.arange(1, 81)})
    before = model.eval().full_sort_predict(users)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model.train().calculate_loss(next(iter(parts[0]))).backward()
    optimizer.step()
    after = model.eval().full_sort_predict(users)
    assert not torch.equal(after, before)
    model.load_state_dict({key: value + 0.1 for key, value in model.state_dict().items()})
    assert not torch.equal(model.full_sort_predict(users), after)


def test_what_is_scored_while_training_is_forgotten(tiny_folder):
    _, model, _ = prepare("DHGAN", tiny_folder)  # with dropout
    asked = Interaction({"query_id": torch.tensor([1, 2])})
    expected = copy.deepcopy(model).eval().full_sort_predict(asked)
    assert not torch.equal(model.train().full_sort_predict(asked), expected)
    assert torch.equal(model.eval().full_sort_predict(asked), expected)


def test_every_weight_is_trained(tiny_folder, name):
    config, model, parts = prepare(name, tiny_folder, epochs=3)
    before = copy.deepcopy(dict(model.named_parameters()))
    get_trainer(config["MODEL_TYPE"], name)(config, model).fit(parts[0], saved=False)
    still = {key for key, value in model.named_parameters() if torch.equal(value, before[key])}
    assert still <= SHIFTS_OF_ALL_KEYS


# In a softmax over keys, what all keys have in common cancels out: its gradient is zero.
SHIFTS_OF_ALL_KEYS = {f"encoders.{relation}.attention.key.bias" for relation in range(2)}


def test_a_copy_costs_its_parameters_alone(tiny_folder, name):
    _, model, _ = prepare(name, tiny_folder)
    model.full_sort_predict(Interaction({"query_id": torch.arange(1, 3)}))
    twin = copy.deepcopy(model)
    assert all(one is two for one, two in zip(twin.graphs, model.graphs, strict=True))


def test_the_graphs_hold_the_training_pairs_and_no_others(tiny_folder, name):
    _, model, parts = prepare(name, tiny_folder)
    tokens = parts[0].dataset.field2id_token["item_id"]
    for found, planted in zip(model.graphs, pairs().values(), strict=True):
        ends = zip(tokens[found.rows], tokens[found.neighbours], strict=True)
        expected = {(ITEMS[a], ITEMS[b]) for a, b, phase in planted if phase == "train"}
        assert set(ends) == expected | {(b, a) for a, b in expected}


def test_a_held_out_pair_changes_nothing_in_training(tmp_path, name):
    """Two folders that differ in their held-out pairs alone give the same model."""
    one, two = write_two_that_differ_in_held_out_pairs(tmp_path)
    models = []
    for folder in (one, two):
        config, model, parts = prepare(name, folder, epochs=2)
        get_trainer(config["MODEL_TYPE"], name)(config, model).fit(parts[0], saved=False)
        models.append(model)
    for here, there in zip(models[0].graphs, models[1].graphs, strict=True):
        assert torch.equal(here.rows, there.rows)
        assert torch.equal(here.neighbours, there.neighbours)
    state = models[1].state_dict()
    for key, value in models[0].state_dict().items():
        assert torch.equal(value, state[key]), key


def test_the_pairs_of_a_batch_pass_no_message(tiny_folder, name, monkeypatch):
    _, model, parts = prepare(name, tiny_folder)
    heard = []
    represent = model.represent
    monkeypatch.setattr(
        model, "represent", lambda graphs: heard.append(graphs) or represent(graphs)
    )
    batch = next(iter(parts[0]))
    model.calculate_loss(batch)
    ends = model.query_item[batch["query_id"]].tolist(), batch["item_id"].tolist()
    asked = set(zip(*ends, strict=True)) | set(zip(*ends[::-1], strict=True))
    for whole, left in zip(model.graphs, heard[0], strict=True):
        edges = [
            set(zip(g.rows.tolist(), g.neighbours.tolist(), strict=True)) for g in (whole, left)
        ]
        assert edges[1] == edges[0] - asked


def test_cold_items_are_represented_too(tiny_folder, name):
    """B39 loses its training pairs: its scores stay finite, and it has no vector of its own."""
    file = tiny_folder / "tiny.train.inter"
    lines = [line for line in file.read_text().splitlines() if "B39" not in line]
    file.write_text("\n".join(lines) + "\n")
    _, model, parts = prepare(name, tiny_folder)
    cold = parts[0].dataset.field2token_id["item_id"]["B39"]
    assert identity_of(model.graphs).tolist().count(0) == 2  # padding and B39
    assert identity_of(model.graphs)[cold] == 0
    scores = model.full_sort_predict(Interaction({"query_id": torch.arange(1, model.n_users)}))
    assert scores.isfinite().all()
    assert scores[:, cold].unique().numel() > 1


@pytest.mark.parametrize("name", ["GraphSAGE", "SComGNN"])
def test_missing_features_name_the_command(tiny_folder, name):
    with pytest.raises(ValueError, match="recbole-mmsc encode tiny --encoder nobody"):
        prepare(name, tiny_folder, encoder="nobody")


def test_a_misspelt_setting_is_refused(tiny_folder, name):
    with pytest.raises(ValueError, match="embedding_size"):
        prepare(name, tiny_folder, embeding_size=8)


def test_the_reference_is_in_the_docstring(name):
    module = importlib.import_module(f"recbole_mmsc.model.{name.lower()}")
    text = getattr(module, name).__doc__
    assert "Adapted:" in text
    assert "20" in text.split("Adapted:")[0]  # the year of the paper


# --- literal numbers -----------------------------------------------------------------------------


def close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=0)


def test_filters_of_a_path():
    signal = torch.tensor([[1.0], [0], [0], [1]])
    close(low_pass(PATH, signal).squeeze(1), [0.5, 0.3536, 0, 0.5])
    close(mid_pass(PATH, signal).squeeze(1), [0.25, 0, -0.25, 0.5])


def test_filters_of_a_triangle_by_frequency():
    """A triangle has the Laplacian eigenvalues 0 (the constant) and 1.5 (what adds up to zero)."""
    triangle = graph((0, 1), (1, 2), (0, 2), n_items=3)
    signals = torch.tensor([[1.0, 1], [1, -1], [1, 0]])
    close(low_pass(triangle, signals), [[1.0, 0.25], [1, -0.25], [1, 0]])
    close(mid_pass(triangle, signals), [[0.0, 0.375], [0, -0.375], [0, 0]])


def test_distance_attention_prefers_the_near():
    vectors = torch.tensor([[1.0], [0], [0.5], [3]])
    # item 1 is 1 away from item 0, and .25 from item 2: 1 / (1 + e^.75)
    close(distance_attention(PATH, vectors), [1.0, 0.3208, 0.6792, 1])


def test_co_attention_prefers_what_the_other_relation_is_like():
    # item 0 has the substitutes 1 and 2 and the complement 3
    one, other = graph((0, 1), (0, 2), n_items=4), graph((0, 3), n_items=4)
    vectors = torch.tensor([[0.0, 0], [1, 0], [0, 1], [2, 0]])
    # affinities 2 / sqrt(2) and 0: 1 / (1 + e^-1.4142) = .8044
    close(co_attention(one, other, vectors)[0], [0.8044, 0.1956])
    close(co_attention(other, one, vectors)[0], [2.0, 0])
    close(co_attention(one, graph(n_items=4), vectors)[0], [0.5, 0.5])


def test_couplings_reach_two_steps_away():
    """1 is a substitute of 0 and 2 a complement of 1: so 2 is heard at 0 as a complement."""
    graphs = {"substitute": graph((0, 1), n_items=4), "complement": graph((1, 2), n_items=4)}
    layer = CoupledLayer(PATHS["complement"], size=4, dropout=0.0)
    with torch.no_grad():
        layer.own.zero_()
    heard = layer(graphs, torch.eye(4))
    # of the three paths only substitute → complement leads from 0 anywhere
    assert heard[0].nonzero().squeeze(1).tolist() == [2]
    # and from 2 only complement (to 1) and complement → substitute (to 0)
    assert heard[2].nonzero().squeeze(1).tolist() == [0, 1]
    substitutes = CoupledLayer(PATHS["substitute"], size=4, dropout=0.0)
    with torch.no_grad():
        substitutes.own.zero_()
    assert not substitutes(graphs, torch.eye(4))[2].any()
