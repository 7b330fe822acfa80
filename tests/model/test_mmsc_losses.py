"""What each part of MMSC's loss looks at, and how its training is scheduled."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.utils import get_trainer
from torch.optim import Adam

from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.model.mmsc import MMSC
from recbole_mmsc.model.row_adam import LayersAndRows
from recbole_mmsc.model.trainer import MMSCTrainer
from recbole_mmsc.nn.behaviour import BehaviourEncoder
from tests.model.test_mmsc import SETTINGS, everyone, prepare
from tests.model.test_multimodal_baselines import write_text_and_image

RELATED, RELIABILITY, CONTENT = range(3)  # the losses, in the order they are given in
STILL = {"forgotten": 0.0, "edge_dropout": 0.0, "neighbours": 10_000, "dropout": 0.0}
# of tiny's substitutes, 0 with 1, 2 and 3 are training pairs, 0 with 4 is a held-out one


def batch_of(model: MMSC, *asked: tuple[str, int, int, int]) -> Interaction:
    """A batch of (relation, query, positive, negative), the items by their number in ITEMS."""
    relations, *columns = zip(*asked, strict=True)
    query, positive, negative = (
        torch.tensor([model.names.index(f"B{n:02d}") for n in column]) for column in columns
    )
    relation = torch.tensor([RELATIONS.index(name) for name in relations])
    match = (model.relation == relation.unsqueeze(1)) & (model.query_item == query.unsqueeze(1))
    users = match.int().argmax(dim=1)
    return Interaction({"query_id": users, "item_id": positive, "neg_item_id": negative})


# --- the edges of a batch's pairs


def write_every_pair_in_both_behaviours(folder: Path) -> None:
    table = pq.read_table(folder / "behaviour.parquet")
    other = {"also_view": "also_buy", "also_buy": "also_view"}
    sources = pa.array([other[source] for source in table["source"].to_pylist()])
    index = table.schema.get_field_index("source")
    swapped = table.set_column(index, "source", sources).cast(table.schema)
    pq.write_table(pa.concat_tables([table, swapped]), folder / "behaviour.parquet")


def test_the_edges_of_a_batch_pass_no_message(tiny_folder, monkeypatch):
    write_every_pair_in_both_behaviours(tiny_folder)
    _, model, _ = prepare(tiny_folder, **STILL)
    heard = {id(behaviour): [] for behaviour in model.network.behaviours}
    weights = BehaviourEncoder.weights

    def spy(behaviour: BehaviourEncoder, edges: torch.Tensor) -> torch.Tensor:
        heard[id(behaviour)].append(edges)
        return weights(behaviour, edges)

    monkeypatch.setattr(BehaviourEncoder, "weights", spy)
    model.calculate_loss(batch_of(model, ("substitute", 0, 1, 20), ("complement", 25, 36, 2)))
    number = {n: model.names.index(f"B{n:02d}") for n in (0, 1, 2, 20, 25, 36)}
    hidden = {(0, 1), (1, 0), (25, 36), (36, 25)}
    hidden = {(number[item], number[beside]) for item, beside in hidden}
    for behaviour in model.network.behaviours:
        graph = behaviour.graph
        items = torch.repeat_interleave(torch.arange(model.n_items), graph.offsets.diff())
        edges = list(zip(items.tolist(), graph.entries.tolist(), strict=True))
        assert hidden <= set(edges)
        expected = {edge for edge in edges if edge[0] in number.values()} - hidden
        (call,) = heard[id(behaviour)]
        assert {edges[edge] for edge in call.tolist()} == expected


# --- known positives


@pytest.mark.parametrize(
    ("relation", "of_b39", "of_b00"),
    [
        ("substitute", {"B31", "B36"}, {"B01", "B02", "B03", "B06", "B07", "B08"}),
        ("complement", {"B28", "B29"}, {"B10", "B11", "B12"}),
    ],
)
def test_known_are_the_training_pairs_of_the_relation_and_the_item_itself(
    tiny_folder, relation, of_b39, of_b00
):
    _, model, _ = prepare(tiny_folder)
    queries = torch.tensor([model.names.index(name) for name in ("B39", "B00")])
    queries += model.n_items * RELATIONS.index(relation)
    everything = torch.arange(model.n_items)
    for candidates in (everything, everything[::2], everything[1:3]):
        known = model._known(queries, candidates)
        names = {model.names[item] for item in candidates}
        found = [{model.names[item] for item in candidates[row]} for row in known]
        assert found == [({"B39"} | of_b39) & names, ({"B00"} | of_b00) & names]


def test_a_known_positive_and_the_item_itself_are_no_negatives(tiny_folder):
    _, model, _ = prepare(tiny_folder)

    def loss(relation: str, negative: int) -> float:
        positive = 1 if relation == "substitute" else 10
        losses = model.calculate_loss(batch_of(model, (relation, 0, positive, negative)))
        return losses[RELATED].item()

    assert loss("substitute", 2) == 0  # known
    assert loss("substitute", 0) == 0  # itself
    assert loss("substitute", 4) > 0  # held out: not known in training
    assert loss("substitute", 10) > 0  # known as a complement alone
    assert loss("complement", 11) == 0
    assert loss("complement", 1) > 0


@pytest.mark.parametrize("forgotten", [0.0, 1 - 1e-9])
def test_a_forgotten_item_has_neither_identity_nor_bias(tiny_folder, forgotten):
    _, model, parts = prepare(tiny_folder, forgotten=forgotten)
    model.calculate_loss(next(iter(parts[0])))[RELATED].backward()
    for own in (model.network.identity.weight, model.network.bias):
        assert own.grad.any() == (forgotten == 0)


# --- the contrasts of content; pictures are those of the items of types 1 and 3


def content_loss(model: MMSC, *asked: tuple[str, int, int, int]) -> torch.Tensor:
    return model.calculate_loss(batch_of(model, *asked))[CONTENT]


def untouched(model: MMSC) -> set[str]:
    """The modalities whose adapter got no gradient."""
    return {
        name
        for name, adapter in model.network.content.adapters.items()
        if not any(p.grad is not None and p.grad.any() for p in adapter.parameters())
    }


def test_text_and_image_of_an_item_are_contrasted(tiny_folder):
    write_text_and_image(tiny_folder)
    _, model, _ = prepare(tiny_folder, encoder="both", content_weight=1.0, **STILL)
    # one pair has no other to be contrasted with, so that this is text against image alone
    pair = "substitute", 10, 11, 30
    loss = content_loss(model, pair)
    assert loss > 0
    loss.backward()
    assert untouched(model) == set()
    torch.testing.assert_close(content_loss(model, pair), loss)
    image = model.network.content.modalities["image"].vectors
    one, other = (model.names.index(name) for name in ("B10", "B30"))
    image[[one, other]] = image[[other, one]]
    assert abs(content_loss(model, pair) - loss) > 0.1


def test_an_item_without_an_image_is_not_contrasted_with_its_text(tiny_folder):
    write_text_and_image(tiny_folder)
    _, model, _ = prepare(tiny_folder, encoder="both")
    assert content_loss(model, ("substitute", 0, 1, 20)) == 0
    assert content_loss(model, ("complement", 0, 10, 20)) == 0  # one item alone has both
    assert content_loss(model, ("complement", 0, 10, 11)) > 0


def test_the_contents_of_two_pairs_are_contrasted(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    loss = content_loss(model, ("substitute", 0, 1, 30), ("substitute", 20, 21, 30))
    assert loss > 0
    loss.backward()
    assert untouched(model) == set()
    # without a text there is nothing to be contrasted: one pair is left
    assert content_loss(model, ("substitute", 0, 7, 30), ("substitute", 20, 21, 30)) == 0


def test_neither_complements_nor_known_substitutes_are_to_differ_in_content(tiny_folder):
    _, model, _ = prepare(tiny_folder)
    assert content_loss(model, ("complement", 0, 10, 30), ("complement", 20, 30, 1)) == 0
    # either is known to belong to 0, so that there is no negative
    assert content_loss(model, ("substitute", 0, 1, 30), ("substitute", 0, 2, 30)) == 0


# --- the reliability's two losses


def test_the_reliability_is_taught_by_itself_and_by_supervision(tiny_folder, monkeypatch):
    _, model, parts = prepare(tiny_folder, reliability_weight=0.5, belief_weight=3.0)
    monkeypatch.setattr(BehaviourEncoder, "reliability_loss", lambda *_: torch.tensor(2.0))
    monkeypatch.setattr(BehaviourEncoder, "belief_loss", lambda *_: torch.tensor(4.0))
    loss = model.calculate_loss(next(iter(parts[0])))[RELIABILITY]
    assert loss.item() == 0.5 * (2 + 3 * 4)


# --- one modality of the two


@pytest.mark.parametrize("modality", ["text", "image"])
def test_one_of_two_modalities_alone_is_read_and_trained(tiny_folder, modality):
    write_text_and_image(tiny_folder)
    settings = {"encoder": "both", "modalities": [modality], "epochs": 1}
    config, model, parts = prepare(tiny_folder, **settings)
    adapters = model.network.content.adapters
    assert list(adapters) == list(model.network.content.modalities) == [modality]
    before = copy.deepcopy(adapters.state_dict())
    get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(parts[0], saved=False)
    for name, value in adapters.state_dict().items():
        assert not torch.equal(value, before[name]), name
    assert torch.isneginf(model.eval().full_sort_predict(everyone(model))).sum() == 80
    assert content_loss(model, ("substitute", 10, 11, 30)) == 0  # no other modality to look at


# --- the schedule, and a whole run


@pytest.mark.parametrize(
    ("start", "rates"), [(0, [0.008, 0.006, 0.004, 0.002]), (2, [0.004, 0.002])]
)
def test_the_learning_rate_falls_linearly_and_a_resumed_run_goes_on_with_it(
    tiny_folder, monkeypatch, start, rates
):
    settings = {"epochs": 4, "learning_rate": 0.008, "train_batch_size": 4096}
    config, model, parts = prepare(tiny_folder, **settings)
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    assert type(trainer) is MMSCTrainer
    used, calculate_loss = [], model.calculate_loss

    def spy(interaction: Interaction) -> tuple[torch.Tensor, ...]:
        used.append({group["lr"] for group in trainer.optimizer.param_groups})
        return calculate_loss(interaction)

    monkeypatch.setattr(model, "calculate_loss", spy)
    trainer.start_epoch = start
    trainer.fit(parts[0], saved=False)
    assert [rate for (rate,) in used] == pytest.approx(rates)  # one step an epoch


@pytest.mark.parametrize(
    ("settings", "by_row"),
    [
        ({}, True),
        ({"learner": "sgd"}, False),
        ({"learner": "adamw"}, False),
        ({"weight_decay": 0.1}, False),
        ({"clip_grad_norm": {"max_norm": 1.0}}, False),
    ],
)
def test_rows_are_trained_alone_where_nothing_needs_the_whole_table(tiny_folder, settings, by_row):
    config, model, parts = prepare(tiny_folder, epochs=1, train_batch_size=4096, **settings)
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    assert isinstance(trainer.optimizer, LayersAndRows) == by_row
    trained = [weight for group in trainer.optimizer.param_groups for weight in group["params"]]
    assert {id(weight) for weight in trained} == {id(weight) for weight in model.parameters()}
    assert len(trained) == len(list(model.parameters()))
    if by_row:  # always in one order, by which a checkpoint knows them
        tables = trainer.optimizer.parts["rows"].param_groups[0]["params"]
        assert tables[0] is model.network.nodes.weight
        assert tables[1] is model.network.identity.weight
    before = copy.deepcopy(model.state_dict())
    trainer.fit(parts[0], saved=False)
    for table in ("network.nodes.weight", "network.identity.weight"):
        assert not torch.equal(model.state_dict()[table], before[table])


def test_recbole_s_checkpoint_keeps_what_rows_remember(tiny_folder, tmp_path):
    config, model, parts = prepare(tiny_folder, epochs=1, checkpoint_dir=str(tmp_path))
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    trainer.fit(parts[0], saved=True)
    (file,) = tmp_path.glob("*.pth")
    resumed = get_trainer(config["MODEL_TYPE"], "MMSC")(config, copy.deepcopy(model))
    resumed.resume_checkpoint(str(file))
    for name in ("nodes", "identity"):
        kept = [
            t.optimizer.parts["rows"].state[getattr(t.model.network, name).weight]
            for t in (trainer, resumed)
        ]
        assert kept[0]["step"] == kept[1]["step"] > 0
        assert torch.equal(kept[0]["square"], kept[1]["square"])
        assert kept[0]["square"].any()


def test_several_processes_train_whole_tables(tiny_folder):
    config, model, _ = prepare(tiny_folder)
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    config["single_spec"] = False  # after the trainer, which would look for the others
    assert type(trainer._build_optimizer()) is Adam
    assert not model.network.nodes.sparse


RUN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from recbole_mmsc import run_recbole
result = run_recbole(model="MMSC", dataset="tiny", config_dict=json.loads(sys.argv.pop()))
print("RESULT", json.dumps([result["best_valid_result"], result["test_result"]]))
"""


def test_the_same_seed_gives_the_same_digits_in_two_processes(tiny_folder, tmp_path):
    settings = {**SETTINGS, "epochs": 1, "data_path": str(tiny_folder.parent), "state": "ERROR"}
    results = []
    for hashes in ("1", "2"):  # sets of strings in another order
        done = subprocess.run(
            [sys.executable, "-c", RUN, json.dumps(settings)],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        results += [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    one, two = results
    assert "ndcg@10" in one
    assert one == two
