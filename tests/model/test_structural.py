"""The models that count, against scores worked out by hand on six items."""

import copy
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_model, init_seed

from recbole_mmsc import memory, run_recbole
from recbole_mmsc.data.features import write_features
from recbole_mmsc.model.ease import fit
from recbole_mmsc.model.structural import Held

MODELS = [
    "CategoryPopularity",
    "AdamicAdar",
    "Katz",
    "ContentKNN",
    "NeighbourTransfer",
    "RelationEASE",
    "ContrastEASE",
]
READ_PAIRS = [model for model in MODELS if model != "ContentKNN"]
READ_CONTENT = ["ContentKNN", "NeighbourTransfer"]

# B and D stand between A and C; E hangs on C, and completes A and B; F is cold.
PAIRS = {"substitute": ["AB", "BC", "AD", "DC", "CE"], "complement": ["AE", "BE"]}
HELD_OUT = {"valid": ["substitute|A\tC"], "test": ["substitute|B\tD", "complement|F\tA"]}
CATEGORIES = {"A": "x > a", "B": "x > a", "C": "x > b", "D": "x > b", "E": "", "F": "x > a"}
VECTORS = {"A": (1, 0), "B": (0, 1), "C": (0.6, 0.8), "D": (-1, 0), "E": (0, -1), "F": (0.8, 0.6)}


def write_six(folder: Path, pairs=PAIRS, held_out=HELD_OUT, known="ABCDEF") -> Path:
    """A dataset folder of six items; those not `known` have no content."""
    folder.mkdir(parents=True)
    lines = dict(held_out)
    lines["train"] = [
        f"{relation}|{one}\t{other}"
        for relation, found in pairs.items()
        for pair in found
        for one, other in (pair, pair[::-1])
    ]
    for phase, rows in lines.items():
        text = "\n".join(["query_id:token\titem_id:token", *rows])
        (folder / f"six.{phase}.inter").write_text(text + "\n")
    queries = [f"{relation}|{item}" for relation in PAIRS for item in CATEGORIES]
    (folder / "six.user").write_text("\n".join(["query_id:token", *queries]) + "\n")
    (folder / "six.item").write_text("\n".join(["item_id:token", *CATEGORIES]) + "\n")
    (folder / "dataset.json").write_text(json.dumps({"name": "six", "exclusive_relations": True}))
    catalogue = {"item_id": list(CATEGORIES), "category": list(CATEGORIES.values())}
    catalogue |= {"brand": [""] * len(CATEGORIES), "price": [float("nan")] * len(CATEGORIES)}
    pq.write_table(pa.table(catalogue), folder / "catalogue.parquet")
    write_features(
        folder / "features" / "minilm.safetensors",
        list(VECTORS),
        {"text": np.array(list(VECTORS.values()), np.float32)},
        {"text": np.array([item in known for item in VECTORS])},
        encoder="minilm",
    )
    return folder


@pytest.fixture
def six(tmp_path) -> Path:
    return write_six(tmp_path / "dataset" / "six")


def build(name: str, folder: Path, **settings):
    """A model on the training part of a folder."""
    base = {"data_path": str(folder.parent), "gpu_id": "", "show_progress": False}
    config = Config(model=name, dataset=folder.name, config_dict={**base, **settings})
    train = data_preparation(config, create_dataset(config))[0]
    model = get_model(name)(config, train.dataset)
    model.ids = train.dataset.field2token_id
    return model


def scores(model, query: str) -> dict[str, float]:
    """The scores of one query's targets that are not zero, by item."""
    asked = Interaction({"query_id": torch.tensor([model.ids["query_id"][query]])})
    row = model.full_sort_predict(asked)
    assert row.shape == (1, 7)
    assert row.dtype == torch.float32
    found = {item: row[0, model.ids["item_id"][item]].item() for item in CATEGORIES}
    return {item: score for item, score in found.items() if score}


def approximately(**expected: float):
    return pytest.approx(expected, rel=1e-5)


# --- scores by hand ----------------------------------------------------------------------------


def test_adamic_adar(six):
    model = build("AdamicAdar", six)
    rare, rarer = 1 / math.log(3), 1 / math.log(2)
    assert scores(model, "substitute|A") == approximately(A=2 * rarer, C=2 * rarer)
    assert scores(model, "substitute|B") == approximately(B=rarer + rare, D=rarer + rare, E=rare)
    assert scores(model, "complement|A") == approximately(A=rarer, B=rarer)


def test_a_neighbour_of_one_item_alone_connects_nothing(tmp_path):
    model = build("AdamicAdar", write_six(tmp_path / "six", {"substitute": ["AB"]}))
    assert scores(model, "substitute|A") == {}


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        (2, {"A": 0.02, "C": 0.02}),
        (3, {"A": 0.02, "C": 0.02, "B": 0.004, "D": 0.004, "E": 0.002}),
        (4, {"A": 0.0208, "C": 0.021, "B": 0.004, "D": 0.004, "E": 0.002}),
    ],
)
def test_katz(six, hops, expected):
    model = build("Katz", six, hops=hops, beta=0.1)
    assert scores(model, "substitute|A") == approximately(**expected)


def test_relation_ease(six):
    model = build("RelationEASE", six, reg_weight=1.0)
    assert scores(model, "substitute|A") == approximately(B=0.6, D=0.6, E=0.4)
    assert scores(model, "substitute|B") == approximately(A=1 / 2, C=2 / 3)
    assert scores(model, "complement|E") == approximately(A=0.5, B=0.5)


def test_contrast_ease_without_the_union(six):
    model = build("ContrastEASE", six, reg_weight=1.0, union_weight=0.0, contrast_weight=0.5)
    assert scores(model, "substitute|E") == approximately(A=0.5 - 0.25, B=-0.25)
    assert scores(model, "complement|E") == approximately(A=0.5 - 0.25, B=0.5)


def test_contrast_ease_is_three_times_ease(six):
    model = build("ContrastEASE", six, reg_weight=2.0, union_weight=0.7, contrast_weight=0.3)
    graphs = {relation: np.zeros((6, 6)) for relation in PAIRS}
    for relation, pairs in PAIRS.items():
        for one, other in pairs:
            at = "ABCDEF".index(one), "ABCDEF".index(other)
            graphs[relation][at] = graphs[relation][at[::-1]] = 1

    def ease(graph):
        inverse = np.linalg.inv(graph @ graph + 2 * np.eye(6))
        return graph @ (np.eye(6) - inverse / np.diag(inverse))

    union = np.maximum(*graphs.values())
    expected = ease(graphs["complement"]) + 0.7 * ease(union) - 0.3 * ease(graphs["substitute"])
    for item, row in zip("ABCDEF", expected, strict=True):
        found = scores(model, f"complement|{item}")
        assert [found.get(other, 0) for other in "ABCDEF"] == pytest.approx(row, abs=1e-6)


def test_neighbour_transfer(six):
    model = build("NeighbourTransfer", six, neighbours=2)  # F is most like C, then like A
    assert scores(model, "substitute|F") == approximately(B=0.96 + 0.8, D=0.96 + 0.8, E=0.96)
    assert scores(model, "complement|F") == approximately(E=0.8)
    # F is as like C as is A, but cold: it lends nothing
    assert scores(model, "complement|C") == approximately(E=0.8 + 0.6)


def test_content_knn(six):
    alike = {"A": 0.8, "B": 0.6, "C": 0.96, "D": -0.8, "E": -0.6, "F": 1.0}
    model = build("ContentKNN", six)
    assert scores(model, "substitute|F") == approximately(**alike)
    assert scores(model, "complement|F") == approximately(**alike)
    model = build("ContentKNN", six, category_weight=0.5)
    same = {item: score + 0.5 * (item in "ABF") for item, score in alike.items()}
    assert scores(model, "substitute|F") == approximately(**same)


def test_two_modalities_stand_side_by_side(six):
    write_features(
        six / "features" / "both.safetensors",
        list(VECTORS),
        {"text": np.ones((6, 1), np.float32), "image": np.eye(6, dtype=np.float32)},
        {"text": np.array([1, 1, 1, 1, 0, 0]), "image": np.array([1, 1, 0, 0, 1, 0])},
        encoder="both",
    )
    model = build("ContentKNN", six, encoder="both")
    half, side = 0.5, 1 / math.sqrt(2)
    assert scores(model, "substitute|A") == approximately(A=1.0, B=half, C=side, D=side)
    assert scores(model, "substitute|F") == {}


def test_category_popularity(six):
    model = build("CategoryPopularity", six, smoothing=1.0)
    assert scores(model, "substitute|F") == approximately(A=0.24, B=0.24, C=0.3, D=0.2, E=0.02)
    assert scores(model, "substitute|F") == scores(model, "substitute|A")


# --- what is missing ---------------------------------------------------------------------------


def test_without_a_category_global_popularity_remains(six):
    model = build("CategoryPopularity", six, smoothing=1.0)
    assert scores(model, "substitute|E") == approximately(A=0.2, B=0.2, C=0.3, D=0.2, E=0.1)


def test_items_without_a_category_have_none_in_common(six):
    model = build("ContentKNN", six, category_weight=0.5)
    assert scores(model, "substitute|E")["E"] == pytest.approx(1.0)


@pytest.mark.parametrize("model", ["AdamicAdar", "Katz", "RelationEASE", "ContrastEASE"])
def test_a_cold_query_gets_zeros_of_structure_alone(six, model):
    assert scores(build(model, six), "substitute|F") == {}


@pytest.mark.parametrize("model", READ_CONTENT)
def test_a_query_without_content_gets_zeros(tmp_path, model):
    folder = write_six(tmp_path / "six", known="ABCDE")
    assert scores(build(model, folder), "substitute|F") == {}


@pytest.mark.parametrize("model", READ_PAIRS)
def test_a_relation_without_training_pairs_gets_zeros(tmp_path, model):
    folder = write_six(tmp_path / "six", {"substitute": PAIRS["substitute"]})
    settings = {"union_weight": 0.0, "contrast_weight": 0.0} if model == "ContrastEASE" else {}
    built = build(model, folder, **settings)
    assert scores(built, "complement|A") == {}
    assert scores(built, "substitute|A")


@pytest.mark.parametrize("model", READ_PAIRS)
def test_a_pair_written_one_way_counts_both_ways(tmp_path, six, model):
    one_way = write_six(tmp_path / "one way" / "six")
    file = one_way / "six.train.inter"
    head, *rows = file.read_text().splitlines()
    file.write_text("\n".join([head, *rows[::2], *rows[:2]]) + "\n")  # and one of them twice
    for query in ("substitute|A", "complement|E"):
        assert scores(build(model, one_way), query) == approximately(
            **scores(build(model, six), query)
        )


@pytest.mark.parametrize("model", READ_CONTENT)
def test_missing_features_name_the_command(six, model):
    with pytest.raises(ValueError, match="recbole-mmsc encode six --encoder nobody"):
        build(model, six, encoder="nobody")


@pytest.mark.parametrize("model", ["RelationEASE", "ContrastEASE"])
def test_ease_refuses_what_does_not_fit_into_the_memory(six, model, monkeypatch, tmp_path):
    tmp_path.joinpath("meminfo").write_text("MemTotal: 9 kB\nMemAvailable:       0 kB\n")
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    with pytest.raises(
        MemoryError, match=r"EASE on 5 and 3 .*needs 0\.0 GiB of memory, found 0\.0"
    ):
        build(model, six)


def test_memory_is_known_without_meminfo(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "nothing")
    assert memory.available_memory() > 2**20


def test_too_little_regularisation_is_named(six):
    graph = build("Katz", six).graphs.value[0]
    with pytest.raises(ValueError, match="raise reg_weight"):
        fit(graph, -10.0)


@pytest.mark.parametrize("hide_item", [True, False])
def test_slim_has_the_weights_of_slimelastic(tiny_folder, hide_item):
    solved = []
    for name in ("SLIM", "SLIMElastic"):
        init_seed(1, True)
        solved.append(build(name, tiny_folder, alpha=0.002, hide_item=hide_item))
    ours, theirs = (model.item_similarity.toarray() for model in solved)
    assert (ours > 0).sum() > 100
    np.testing.assert_array_equal(ours, theirs)
    assert (np.diag(ours) > 0).any() != hide_item
    asked = Interaction({"query_id": torch.arange(1, 9), "item_id": torch.arange(8, 0, -1)})
    for ask in ("full_sort_predict", "predict"):
        ours, theirs = (getattr(model, ask)(asked) for model in solved)
        assert ours.any()
        assert torch.equal(ours, theirs)


# --- every model of them -----------------------------------------------------------------------


@pytest.mark.parametrize("model", [*MODELS, "SLIM"])
def test_runs_by_the_stock_call(tiny_folder, model):
    settings = {"gpu_id": "", "show_progress": False, "data_path": str(tiny_folder.parent)}
    if model == "SLIM":
        settings["alpha"] = 0.002
    result = run_recbole(model=model, dataset="tiny", config_dict=settings)["test_result"]
    assert result["substitute/ndcg@10"] > (0.1 if model == "CategoryPopularity" else 0.4)
    assert "complement/ndcg@10" in result


@pytest.mark.parametrize("model", MODELS)
def test_scoring_pairs_gives_what_ranking_gives(six, model, monkeypatch):
    monkeypatch.setattr("recbole_mmsc.model.structural.QUERIES_AT_ONCE", 5)
    model = build(model, six)
    users, items = torch.arange(13).repeat_interleave(7), torch.arange(7).repeat(13)
    order = torch.randperm(len(users))
    pairs = Interaction({"query_id": users[order], "item_id": items[order]})
    whole = model.full_sort_predict(Interaction({"query_id": torch.arange(13)}))
    torch.testing.assert_close(model.predict(pairs), whole.flatten()[order])
    assert not whole[0].any()  # the padding asks nothing


@pytest.mark.parametrize("model", MODELS)
def test_there_is_nothing_to_train_or_to_save(six, model):
    model = build(model, six)
    loss = model.calculate_loss(None)
    loss.backward()
    assert loss == 0
    assert [parameter.grad.item() for parameter in model.parameters()] == [0]
    assert list(model.state_dict()) == ["nothing"]
    assert not model.other_parameter()


@pytest.mark.parametrize("model", MODELS)
def test_a_copy_shares_what_is_large(six, model):
    model = build(model, six)
    twin = copy.deepcopy(model)
    held = [name for name, value in vars(model).items() if isinstance(value, Held)]
    assert len(held) >= 2
    assert all(getattr(twin, name) is getattr(model, name) for name in held)
    assert not [
        name for name, value in vars(model).items() if isinstance(value, np.ndarray | torch.Tensor)
    ]


@pytest.mark.parametrize("model", MODELS)
def test_a_held_out_pair_changes_no_score(tmp_path, six, model):
    held_out = {"valid": ["complement|C\tD"], "test": ["substitute|F\tE", "complement|F\tB"]}
    other = write_six(tmp_path / "other" / "six", held_out=held_out)
    one, two = build(model, six), build(model, other)
    for query in ("substitute|A", "substitute|F", "complement|E"):
        assert scores(one, query) == approximately(**scores(two, query))
