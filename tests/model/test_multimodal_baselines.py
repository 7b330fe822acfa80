import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_model, get_trainer, init_seed

from recbole_mmsc import run_recbole
from recbole_mmsc.data.features import FeatureError, write_features
from recbole_mmsc.data.item_graph import item_graph
from recbole_mmsc.data.queries import Queries
from recbole_mmsc.model.lirdrec import cosine_transform
from recbole_mmsc.model.query_vectors import OwnVectors, QueryVectors
from recbole_mmsc.nn.content import Modality
from recbole_mmsc.nn.light_graph import Edges
from recbole_mmsc.nn.weight_copying import WeightCopying
from recbole_mmsc.settings import SettingsError
from tests.tiny import ITEMS, write_two_that_differ_in_held_out_pairs

MODELS = ["VBPR", "FREEDOM", "LIRDRec"]
SETTINGS = {
    "embedding_size": 16,
    "train_batch_size": 64,
    "epochs": 20,
    "learning_rate": 0.01,
    "eval_step": 20,
    "gpu_id": "",
    "show_progress": False,
    "metric_decimal_place": 12,
}


def run(model: str, folder: Path, **settings):
    settings = {**SETTINGS, "data_path": str(folder.parent), **settings}
    return run_recbole(model=model, dataset=folder.name, config_dict=settings)["test_result"]


def build(name: str, folder: Path, **settings):
    """An untrained model, and the batches it would learn from."""
    _, model, batches = prepare(name, folder, **settings)
    return model, batches


def prepare(name: str, folder: Path, **settings):
    """RecBole's configuration, an untrained model, and the batches it would learn from."""
    settings = {**SETTINGS, "data_path": str(folder.parent), **settings}
    config = Config(model=name, dataset=folder.name, config_dict=settings)
    init_seed(config["seed"], config["reproducibility"])
    batches, _, _ = data_preparation(config, create_dataset(config))
    return config, get_model(name)(config, batches.dataset), batches


def everyone(model) -> Interaction:
    return Interaction({"query_id": torch.arange(1, model.n_users)})


def write_text_and_image(folder: Path) -> None:
    """Features ``both``: every text but that of B07, pictures of the items of types 1 and 3."""
    rng = np.random.default_rng(1)
    text, image = (
        (rng.normal(size=(4, d)).repeat(10, axis=0) + 0.3 * rng.normal(size=(40, d))).astype("f4")
        for d in (12, 6)
    )
    has_text, has_image = np.arange(40) != 7, np.arange(40) // 10 % 2 == 1
    write_features(
        folder / "features" / "both.safetensors",
        ITEMS,
        {"text": text, "image": image},
        {"text": has_text, "image": has_image},
        encoder="both",
    )


def modality(vectors: list[list[float]]) -> Modality:
    rows = torch.tensor(vectors)
    return Modality(rows, rows.abs().sum(dim=1) > 0)


COLD, TWIN = 9, 8  # of ten items of type 0: one without training pairs, one with the same text


def write_cold(folder: Path) -> None:
    """Take COLD out of the training pairs, and write features ``twins`` of all items."""
    train = folder / f"{folder.name}.train.inter"
    lines = train.read_text(encoding="utf-8").splitlines(keepends=True)
    train.write_text("".join(line for line in lines if ITEMS[COLD] not in line), encoding="utf-8")
    rng = np.random.default_rng(2)
    text = rng.normal(size=(4, 16)).repeat(10, axis=0) + 0.3 * rng.normal(size=(40, 16))
    text[COLD] = text[TWIN]
    features = folder / "features" / "twins.safetensors"
    write_features(
        features, ITEMS, {"text": text.astype("f4")}, {"text": np.ones(40, bool)}, encoder="twins"
    )


def ask(model, batches, *queries: tuple[str, int]) -> torch.Tensor:
    """Scores of the items, without padding, for some (relation, item): ``[q, 40]``."""
    ids = batches.dataset.field2token_id["query_id"]
    users = torch.tensor([ids[f"{relation}|{ITEMS[item]}"] for relation, item in queries])
    return model.eval().full_sort_predict(Interaction({"query_id": users}))[:, 1:]


# --- any of the three ------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_learns_the_planted_relations(name, tiny_folder):
    # chance is about .1: a held-out substitute is one of three or so of the type not yet known
    result = run(name, tiny_folder)
    assert result["substitute/ndcg@10"] > 0.5
    assert result["ndcg@10"] > 0.4


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_digits(name, tiny_folder):
    one, two = (run(name, tiny_folder, epochs=2, eval_step=1) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("name", MODELS)
def test_texts_and_images(name, tiny_folder):
    write_text_and_image(tiny_folder)
    result = run(name, tiny_folder, encoder="both")
    assert result["substitute/ndcg@10"] > 0.5


@pytest.mark.parametrize("name", MODELS)
def test_predict_agrees_with_the_full_ranking(name, tiny_folder):
    write_text_and_image(tiny_folder)
    model, _ = build(name, tiny_folder, encoder="both")
    scores = model.eval().full_sort_predict(everyone(model))
    assert scores.shape == (80, 41)
    users, items = torch.tensor([1, 30, 80]), torch.tensor([40, 5, 8])
    single = model.predict(Interaction({"query_id": users, "item_id": items}))
    torch.testing.assert_close(single, scores[users - 1, items])
    assert scores.isfinite().all()


@pytest.mark.parametrize("name", MODELS)
def test_a_training_step_or_other_weights_make_the_kept_vectors_void(name, tiny_folder):
    model, batches = build(name, tiny_folder)
    start = model.full_sort_predict(everyone(model))
    before = copy.deepcopy(model.state_dict())
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model.calculate_loss(next(iter(batches))).backward()
    optimizer.step()
    assert not torch.equal(model.full_sort_predict(everyone(model)), start)
    model.load_state_dict(before)
    assert torch.equal(model.full_sort_predict(everyone(model)), start)


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_is_trained(name, tiny_folder):
    write_text_and_image(tiny_folder)
    model, batches = build(name, tiny_folder, encoder="both")
    model.train()
    model.calculate_loss(next(iter(batches))).backward()
    idle = [key for key, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


@pytest.mark.parametrize("name", MODELS)
def test_a_copy_shares_what_is_frozen(name, tiny_folder):
    model, _ = build(name, tiny_folder)
    twin = copy.deepcopy(model)
    frozen = {
        "VBPR": ["features"],
        "FREEDOM": ["item_graph", "all_pairs", "edges"],
        "LIRDRec": ["item_graph", "pairs"],
    }
    assert all(getattr(twin, part) is getattr(model, part) for part in frozen[name])
    assert set(twin.state_dict()) == {*dict(model.named_parameters())} | (
        {"fusion.epoch"} if name == "LIRDRec" else set()
    )


@pytest.mark.parametrize("name", MODELS)
def test_features_that_are_not_there_are_named(name, tiny_folder):
    with pytest.raises(FeatureError, match="encode tiny --encoder nowhere"):
        build(name, tiny_folder, encoder="nowhere")


@pytest.mark.parametrize(
    ("name", "setting"),
    [("VBPR", "content_size"), ("FREEDOM", "edge_dropout"), ("LIRDRec", "attention_share")],
)
def test_a_value_out_of_range_is_named(name, setting, tiny_folder):
    with pytest.raises(SettingsError, match=setting):
        build(name, tiny_folder, **{setting: -1})


# --- cold queries and cold items -----------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_a_cold_query_is_answered_like_a_warm_one_of_the_same_content(name, tiny_folder):
    write_cold(tiny_folder)
    model, batches = build(name, tiny_folder, encoder="twins")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(20):
        model.train()
        for batch in batches:
            optimizer.zero_grad()
            model.calculate_loss(batch).backward()
            optimizer.step()
    tokens = batches.dataset.field2id_token["item_id"][1:]
    for relation, related in (("substitute", ITEMS[:10]), ("complement", ITEMS[10:20])):
        scores = ask(model, batches, (relation, COLD), (relation, TWIN))
        assert torch.corrcoef(scores)[0, 1] > 0.8
        assert {*tokens[scores[0].topk(9).indices]} <= {*related}


@pytest.mark.parametrize("name", MODELS)
def test_no_random_vector_speaks_for_what_has_no_training_pairs(name, tiny_folder):
    write_cold(tiny_folder)
    model, batches = build(name, tiny_folder, encoder="twins")
    before = ask(model, batches, ("substitute", COLD), ("complement", COLD), ("substitute", 0))
    tables = [module for module in model.modules() if isinstance(module, OwnVectors)]
    for module in tables:
        untrained = module.known.logical_not().squeeze(1)
        assert (
            untrained.sum() == {model.n_users: 3, model.n_items: 2}[len(untrained)]
        )  # and padding
        module.table.weight.data[untrained] = torch.randn(
            int(untrained.sum()), module.table.embedding_dim
        )
    model.load_state_dict(model.state_dict())  # what was kept is void
    after = ask(model, batches, ("substitute", COLD), ("complement", COLD), ("substitute", 0))
    assert torch.equal(after, before)
    # whatever else has a row for each query or item says nothing at the start
    known = {id(module.table.weight) for module in tables}
    rows = [p for p in model.parameters() if len(p) in (model.n_users, model.n_items)]
    assert not any(p.any() for p in rows if id(p) not in known)


@pytest.mark.parametrize("name", ["VBPR", "FREEDOM"])
def test_a_cold_item_is_not_scored_by_what_it_lost_as_a_negative(name, tiny_folder):
    write_cold(tiny_folder)
    model, batches = build(name, tiny_folder, encoder="twins")
    cold = batches.dataset.field2token_id["item_id"][ITEMS[COLD]]
    model.train()
    model.loss(torch.tensor([1]), torch.tensor([cold % 40 + 1]), torch.tensor([cold])).backward()
    own = [module for module in model.modules() if isinstance(module, OwnVectors)]
    grads = [module.table.weight.grad for module in own if len(module.known) == model.n_items]
    assert grads
    assert not any(grad[cold].any() for grad in grads)


def test_query_vectors_by_hand():
    # query tokens: padding, substitute|1, complement|1, complement|2; the last one is cold
    queries = Queries(np.array([-1, 0, 1, 1]), np.array([0, 1, 1, 2]))
    content = modality([[0.0, 0.0], [1.0, 0.0], [0.6, 0.8]])
    vectors = QueryVectors(queries, torch.tensor([1, 2, 2]), content, size=1)
    with torch.no_grad():
        vectors.own.table.weight.copy_(torch.tensor([[100.0], [10.0], [20.0], [30.0]]))
        vectors.reading.relations[0].weight.copy_(torch.tensor([[1.0, 2.0]]))
        vectors.reading.relations[1].weight.copy_(torch.tensor([[3.0, 4.0]]))
    # nothing; 10 + 1; 20 + 3; .6 · 3 + .8 · 4
    torch.testing.assert_close(vectors.all(), torch.tensor([[0.0], [11.0], [23.0], [5.0]]))
    chosen = vectors(torch.tensor([3, 1, 3]))
    torch.testing.assert_close(chosen, torch.tensor([[5.0], [11.0], [5.0]]))


# --- VBPR --------------------------------------------------------------------------------------


def test_vbpr_by_hand(tiny_folder):
    model, _ = build("VBPR", tiny_folder, embedding_size=1, content_size=1)
    with torch.no_grad():
        model.user_factors.table.weight.copy_(torch.tensor([2.0, 4.0]))
        model.item_factors.table.weight.fill_(3.0)
        model.item_bias.table.weight.fill_(0.5)
        model.content_factors.weight.fill_(7.0)
        model.content_bias.weight.fill_(-1.0)
    model.features.vectors[5] = torch.eye(16)[2]
    without_text = int(model.features.available[1:].logical_not().nonzero()) + 1
    pairs = Interaction(
        {"query_id": torch.tensor([1, 1]), "item_id": torch.tensor([5, without_text])}
    )
    # .5 + 2 · 3 + 4 · 7 - 1, and .5 + 2 · 3
    assert model.predict(pairs).tolist() == [33.5, 6.5]


def test_vbpr_loss_by_hand(tiny_folder):
    model, _ = build("VBPR", tiny_folder, embedding_size=1, content_size=1, reg_weight=0.1)
    with torch.no_grad():
        model.user_factors.table.weight.copy_(torch.tensor([1.0, 0.0]))
        for reading in model.reading.relations:
            reading.weight.fill_(0.5)
        model.features.vectors[model.reading.item[1]] = torch.eye(16)[2]
        model.content_factors.weight.zero_()
        model.item_factors.table.weight.copy_(torch.arange(41.0).unsqueeze(1))
        model.item_bias.table.weight.zero_()
        model.content_bias.weight.zero_()
    loss = model.loss(torch.tensor([1]), torch.tensor([3]), torch.tensor([2]))
    # log(1 + e^-1), log(1 + e^-.5) for the reading, .1 · (1 + 9 + 4)
    assert loss.item() == pytest.approx(0.3132617 + 0.4740770 + 1.4)


def test_vbpr_s_reading_does_not_move_the_items(tiny_folder):
    write_cold(tiny_folder)
    model, batches = build("VBPR", tiny_folder, encoder="twins", reg_weight=0)
    with torch.no_grad():  # nothing to learn from the free factors
        model.user_factors.table.weight.zero_()
    model.train()
    model.calculate_loss(next(iter(batches))).backward()
    assert all(reading.weight.grad.any() for reading in model.reading.relations)
    assert not model.item_factors.table.weight.grad.any()
    assert not model.content_factors.weight.grad.any()


# --- FREEDOM -----------------------------------------------------------------------------------

TOY = Edges(torch.tensor([1, 1, 2]), torch.tensor([1, 2, 2]))  # degrees 2, 1 and 1, 2


def test_pruning_probabilities():
    torch.testing.assert_close(
        TOY.weights(), torch.tensor([0.70711, 0.5, 0.70711]), atol=1e-5, rtol=0
    )
    torch.manual_seed(0)
    drawn = [TOY.sample(1 / 3) for _ in range(3000)]
    middle = np.mean([(edge.users == 1).item() and (edge.items == 2).item() for edge in drawn])
    assert middle == pytest.approx(0.5 / 1.91421, abs=0.02)


def test_pruning_keeps_the_share():
    kept = TOY.sample(2 / 3)
    assert len({*zip(kept.users.tolist(), kept.items.tolist(), strict=True)}) == 2
    assert len(TOY.sample(1e-9).users) == 1


def test_graph_of_queries_and_items():
    graph = TOY.graph(n_users=3, n_items=3)
    expected = torch.zeros(6, 6)
    for user, item, weight in [(1, 4, 0.5**0.5), (1, 5, 0.5), (2, 5, 0.5**0.5)]:
        expected[user, item] = expected[item, user] = weight
    torch.testing.assert_close(graph.weights.to_dense(), expected)
    layers = graph.layers(torch.eye(6), 2)
    torch.testing.assert_close(
        torch.stack(layers), torch.stack([torch.eye(6), expected, expected @ expected])
    )


def test_frozen_item_graph():
    # item 0 is padding; 1 and 2 are nearest to each other, and 2 to 3
    text = modality([[0, 0], [1, 0], [0.8, 0.6], [0, 1.0]])
    alone = torch.tensor([[0, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]])
    torch.testing.assert_close(item_graph({"text": text}, 2, 0.1).weights.to_dense(), alone)
    # only 1 and 3 have a picture, of the same thing
    image = modality([[0.0], [1], [0], [1]])
    pictures = torch.tensor([[0, 0, 0, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 0], [0, 0.5, 0, 0.5]])
    both = item_graph({"text": text, "image": image}, 2, 0.1).weights.to_dense()
    torch.testing.assert_close(both, 0.9 * alone + 0.1 * pictures)


def test_freedom_prunes_training_pairs_anew_for_every_epoch(tiny_folder):
    model, batches = build("FREEDOM", tiny_folder, edge_dropout=0.75)
    assert len(model.edges.users) == 288  # both ways of 3 of 5 of the 240 pairs
    batch, graphs = next(iter(batches)), []
    for _ in range(2):
        model.train()
        model.calculate_loss(batch)
        graphs.append(model.pruned.weights)
        model.calculate_loss(batch)
        assert model.pruned.weights is graphs[-1]
    assert [graph._nnz() for graph in graphs] == [2 * 72, 2 * 72]
    assert not torch.equal(graphs[0].indices(), graphs[1].indices())


def test_freedom_learns_from_a_batch_without_the_modality(tiny_folder):
    model, _ = build("FREEDOM", tiny_folder)
    without_text = model.modalities["text"].available.logical_not().nonzero()[1]
    model.train()
    loss = model.loss(torch.tensor([1]), without_text, torch.tensor([3]))
    assert loss.isfinite()


# --- LIRDRec -----------------------------------------------------------------------------------


def test_cosine_transform():
    found = cosine_transform(modality([[3.0, 4.0], [0.0, 0.0]]))
    # (3 + 4) / √2, and (3 - 4) · cos(π / 4)
    torch.testing.assert_close(found.vectors, torch.tensor([[4.9497475, -0.7071068], [0, 0]]))
    assert found.available.tolist() == [True, False]


def test_the_share_of_the_attention_falls():
    copying = WeightCopying(1, 2, 4, share=0.9, base=0.9)
    shares = [copying.attention_share()]
    for _ in range(3):
        copying.next_epoch(torch.ones(1, 2, 4))
        shares.append(copying.attention_share())
    # odds 9, 9 · .9, 9 · .9^3, 9 · .9^6
    assert shares == pytest.approx([0.9, 8.1 / 9.1, 6.561 / 7.561, 4.782969 / 5.782969])


def test_weights_are_copied():
    copying = WeightCopying(1, 2, 4, share=0.5, base=1.0)
    with torch.no_grad():
        copying.free.weight.copy_(torch.tensor([[0.0, 4.0]]))
        for attention, seen in zip(copying.attentions, (2.0, 0.0), strict=True):
            attention[2].weight.zero_()
            attention[2].bias.fill_(seen)
    blocks = torch.ones(1, 2, 4)
    # softmax of half (2, 0) and half (0, 4)
    torch.testing.assert_close(copying(blocks)[0, :, 0], torch.tensor([0.2689414, 0.7310586]))
    copying.next_epoch(blocks)  # the first epoch starts from the free weights as they are
    assert copying.free.weight.tolist() == [[0.0, 4.0]]
    copying.next_epoch(blocks)
    assert copying.free.weight.tolist() == [[1.0, 2.0]]
    copying.next_epoch(blocks)
    assert copying.free.weight.tolist() == [[1.5, 1.0]]


def test_lirdrec_copies_weights_with_the_first_batch_of_an_epoch(tiny_folder):
    model, batches = build("LIRDRec", tiny_folder)
    before = copy.deepcopy(model.state_dict())
    scores = model.eval().full_sort_predict(everyone(model))
    for _ in range(3):  # nothing is learned between
        model.train()
        model.eval()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(scores, model.full_sort_predict(everyone(model)))
    model.train()
    epoch = model.fusion.epoch.clone()
    for batch in list(batches)[:2]:
        model.calculate_loss(batch)
    assert model.fusion.epoch == epoch + 1


def test_lirdrec_gives_items_no_embedding(tiny_folder):
    model, _ = build("LIRDRec", tiny_folder)
    assert not [key for key, p in model.named_parameters() if len(p) == model.n_items]
    own = model._own_blocks("text")[model.n_users :]
    lengths = own.norm(dim=1)
    available = model.blocks["text"].available
    torch.testing.assert_close(lengths, available.float())
    assert int(available.sum()) == 39


@pytest.mark.parametrize("name", MODELS)
def test_a_held_out_pair_changes_nothing_in_training(tmp_path, name):
    states = []
    for folder in write_two_that_differ_in_held_out_pairs(tmp_path):
        config, model, batches = prepare(name, folder, epochs=2)
        get_trainer(config["MODEL_TYPE"], name)(config, model).fit(batches, saved=False)
        states.append({**model.state_dict(), "scores": model.full_sort_predict(everyone(model))})
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
