"""The demo, whole; and its planted noise, found by the learned reliability."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_trainer, init_seed
from safetensors import safe_open
from sklearn.metrics import roc_auc_score

from recbole_mmsc.cli import main
from recbole_mmsc.data import reranking
from recbole_mmsc.data.labels import TRAIN_SHA256, supervision_path
from recbole_mmsc.data.pairs import training_checksum
from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.demo import generate_demo
from recbole_mmsc.dataset_builders.noise import add_noise
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.model.mmsc import MMSC


@pytest.mark.usefixtures("quiet")
def test_the_demo_prints_one_table_per_relation(capsys):
    assert main(["demo", "--items", "300"]) == 0
    printed = capsys.readouterr().out
    for said in ("demo: substitutes", "demo: complements", "MMSC", "LightGCN", "ContrastEASE"):
        assert said in printed
    assert Path("dataset/demo-benchmark/report.html").is_file()
    card = json.loads(Path("dataset/demo/dataset.json").read_text())
    assert card["catalogue"]["with_picture"] > 250
    with safe_open("dataset/demo/features/offline.safetensors", framework="numpy") as features:
        assert {"text", "image"} < {*features.keys()}


def test_a_demo_of_which_no_run_succeeds_has_failed(monkeypatch):
    monkeypatch.setattr("recbole_mmsc.demo.run_demo", lambda *_: [])
    assert main(["demo"]) == 1


@pytest.mark.usefixtures("quiet")
def test_a_dataset_of_ones_own_that_is_called_demo_stays(tmp_path, capsys):
    meta = tmp_path / "meta.json"
    lines = [{"asin": f"A{n}", "also_view": [f"A{(n + 1) % 20}"]} for n in range(20)]
    meta.write_text("".join(json.dumps(line) + "\n" for line in lines))
    build_dataset("demo", [meta], "dataset", format="amazon-2018", progress=False)
    before = Path("dataset/demo/dataset.json").read_bytes()
    assert main(["demo"]) == 1
    assert "a dataset that is none. Name another folder" in capsys.readouterr().err
    assert Path("dataset/demo/dataset.json").read_bytes() == before


@pytest.mark.usefixtures("quiet")
def test_reliability_separates_planted_noise(tmp_path):
    raw = generate_demo(tmp_path / "raw", n_items=600, noise=0.3, progress=False)
    build = build_dataset("demo", [raw.meta], tmp_path / "dataset", progress=False)
    encode_dataset(build.folder, "tfidf", progress=False)
    config = Config(
        model="MMSC",
        dataset="demo",
        config_dict={
            "encoder": "tfidf",
            "epochs": 8,
            "reranking_weight": 0,  # nothing that is learned of edges hangs on it
            "train_batch_size": 1024,
            "gpu_id": "",
            "data_path": str(tmp_path / "dataset"),
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    train, _, _ = data_preparation(config, create_dataset(config))
    model = MMSC(config, train.dataset)
    get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).fit(train, saved=False)
    tokens = train.dataset.field2token_id["item_id"]
    co_view, co_purchase = model.network.behaviours
    assert planted_auc(co_view, raw.truth, "also_view", tokens) > 0.95
    assert planted_auc(co_purchase, raw.truth, "also_buy", tokens) > 0.85


@pytest.mark.usefixtures("quiet")
def test_moved_pairs_are_found_without_labels_and_beside_bad_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(reranking, "LOOKS", 1)  # as a large catalogue has
    raw = generate_demo(tmp_path / "raw", n_items=600, noise=0.0, progress=False)
    build = build_dataset("demo", [raw.meta], tmp_path / "dataset", progress=False)
    encode_dataset(build.folder, "tfidf", progress=False)
    folder = add_noise(build.folder, None, "swapped", 0.3, seed=1)
    moved = pq.read_table(folder / "noise.parquet").to_pylist()
    guess_labels(folder, moved)

    def made(**settings):
        """RecBole's training dataset, and the model that is made of it."""
        config = Config(
            model="MMSC",
            dataset=folder.name,
            config_dict={
                "encoder": "tfidf",
                "gpu_id": "",
                "show_progress": False,
                "data_path": str(tmp_path / "dataset"),
                "list_order": False,  # for whole numbers
                **settings,
            },
        )
        train = data_preparation(config, create_dataset(config))[0].dataset
        return train, MMSC(config, train)

    def counts(**settings):
        """What moved pairs count as training pairs: where they are, and where they were."""
        train, model = made(reranking_weight=0, **settings)
        tokens, known = train.field2token_id["item_id"], model.completion.known
        found = np.zeros((2, len(moved)))
        for place, pair in enumerate(moved):
            item, other = tokens[pair["item"]], tokens[pair["other"]]
            now = RELATIONS.index(pair["relation"])
            found[:, place] = known[now][item, other], known[1 - now][item, other]
        return found

    assert (counts(refile=False) == [[1], [0]]).all()
    for settings in ({}, {"supervision": ["guesser"]}):
        there, back = counts(**settings)
        assert (back > 0.5).mean() > 0.5, settings
        assert there[back > 0.5].mean() < 0.5, settings

    _, before = made()
    for phase in ("valid", "test"):  # what is found does not hang on what is held out
        file = folder / f"{folder.name}.{phase}.inter"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:100]))
    _, after = made()
    for one, two in zip(frozen_of(before), frozen_of(after), strict=True):
        assert np.array_equal(one, two)


def frozen_of(model):
    """What a model is made of: training pairs, suggestions and edges, as they count."""
    completion = model.completion
    for pairs in (*completion.known, *completion.reranked):
        assert pairs.nnz
        yield from (pairs.indices, pairs.data)
    for behaviour in model.network.behaviours:
        yield from (getattr(behaviour.graph, name) for name in ("entries", "strength", "target"))


def guess_labels(folder, pairs):
    """Labels of a labeller that says anything of anything."""
    said = np.random.default_rng(0).choice([*RELATIONS, "irrelevant"], len(pairs)).tolist()
    columns = {
        "query": [pair["item"] for pair in pairs],
        "target": [pair["other"] for pair in pairs],
        "label": said,
        "confidence": [1.0] * len(pairs),
        "labeller": ["guesser"] * len(pairs),
        "prompt_version": ["1"] * len(pairs),
    }
    path = supervision_path(folder, "guesser")
    path.parent.mkdir()
    metadata = {TRAIN_SHA256: training_checksum(folder)}
    pq.write_table(pa.table(columns, metadata=metadata), path)


def planted_auc(behaviour, truth, source, tokens):
    """How well the weights of the edges between items tell planted truth from planted noise."""
    noisy: dict[tuple[int, int], bool] = {}
    for row in pq.read_table(truth).to_pylist():
        if row["source"] == source and row["other"] in tokens:
            ends = tokens[row["item"]], tokens[row["other"]]
            for pair in (ends, ends[::-1]):
                noisy[pair] = noisy.get(pair, True) and row["noise"]
    graph = behaviour.graph
    items = np.repeat(np.arange(len(graph.offsets) - 1), np.diff(graph.offsets.numpy()))
    known = [pair in noisy for pair in zip(items, graph.entries.tolist(), strict=True)]
    edges = torch.from_numpy(np.flatnonzero(known))
    with torch.no_grad():
        weights = behaviour.weights(edges).numpy()
    pairs = zip(items[edges], graph.entries[edges].tolist(), strict=True)
    return roc_auc_score([not noisy[pair] for pair in pairs], weights)
