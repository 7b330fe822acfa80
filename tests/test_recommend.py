"""Recommendations of a trained model for the whole catalogue, through the command line."""

import json
import shutil
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import torch
from recbole.data.interaction import Interaction
from recbole.quick_start import load_data_and_model

from recbole_mmsc import run_recbole
from recbole_mmsc.cli import main
from recbole_mmsc.recommend import recommend
from tests.tiny import ITEMS, RELATIONS, pairs

pytestmark = pytest.mark.usefixtures("quiet")
KNOWN = {
    relation: {frozenset((ITEMS[a], ITEMS[b])) for a, b, _ in found}
    for relation, found in pairs().items()
}


def train(model: str = "BPR") -> Path:
    settings = {"epochs": 2, "embedding_size": 16, "gpu_id": "", "show_progress": False}
    run_recbole(model=model, dataset="tiny", config_dict={**settings, "data_path": "dataset"})
    return next(Path("saved").glob(f"{model}-*.pth"))


def expected(checkpoint: Path, exclusive: bool) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """All answers by RecBole's own call, one query after the other."""
    _, model, dataset, *_ = load_data_and_model(str(checkpoint))
    tokens, answers = dataset.field2id_token["item_id"], {}
    for relation in RELATIONS:
        other = RELATIONS[1 - RELATIONS.index(relation)]
        for item in ITEMS:
            user = dataset.token2id("query_id", f"{relation}|{item}")
            asked = Interaction({"query_id": torch.tensor([user])})
            scores = model.eval().full_sort_predict(asked).detach().view(-1)
            found = sorted(zip(tokens[1:], scores[1:].tolist(), strict=True), key=lambda f: -f[1])
            answers[item, relation] = [
                (target, score)
                for target, score in found
                if target != item and not (exclusive and frozenset((item, target)) in KNOWN[other])
            ]
    return answers


@pytest.mark.parametrize("model", ["BPR", "MMSC"])
@pytest.mark.parametrize("exclusive", [True, False])
def test_the_best_of_every_list(tiny_folder, capsys, model, exclusive):
    card = json.loads((tiny_folder / "dataset.json").read_text())
    (tiny_folder / "dataset.json").write_text(json.dumps(card | {"exclusive_relations": exclusive}))
    checkpoint = train(model)
    assert main(["recommend", str(checkpoint), "--top", "30", "--out", "new/related.parquet"]) == 0
    rows = pq.read_table("new/related.parquet").to_pylist()
    wanted = [
        (item, relation, rank, *answer)
        for (item, relation), answers in expected(checkpoint, exclusive).items()
        for rank, answer in enumerate(answers[:30], start=1)
    ]
    assert [row["rank"] for row in rows[:30]] == [*range(1, 31)]
    lists = [(row["item"], row["relation"]) for row in rows if row["rank"] == 1]
    assert lists == [(item, r) for item in dict(lists) for r in RELATIONS]
    assert set(dict(lists)) == set(ITEMS)
    found = [tuple(row[name] for name in list(row)[:-1]) for row in rows]
    assert [f[:4] for f in sorted(found)] == [w[:4] for w in sorted(wanted)]
    scores = [f[4] for f in sorted(found)]
    assert scores == pytest.approx([w[4] for w in sorted(wanted)], rel=1e-4, abs=1e-5)
    for row in rows:
        pair = frozenset((row["item"], row["recommended"]))
        assert row["known"] == (pair in KNOWN[row["relation"]])
    known = sum(row["known"] for row in rows) / len(rows)
    said = f"new/related.parquet: {len(rows):,} recommendations for 40 items, {known:.0%} of them"
    assert capsys.readouterr().out.strip() == f"{said} known pairs"


def test_one_relation_of_a_dataset_that_has_moved_as_csv(tiny_folder, capsys):
    checkpoint = train()
    shutil.move(tiny_folder.parent, "elsewhere")
    command = ["recommend", str(checkpoint), "--out", "related.csv", "--relations", "complement"]
    assert main(command) == 1
    assert "If it lies elsewhere, say in which folder: --data." in capsys.readouterr().err
    assert main([*command, "--data", "elsewhere", "--top", "100"]) == 0
    table = pyarrow.csv.read_csv("related.csv")
    assert set(table["relation"].to_pylist()) == {"complement"}
    most = 39 - sum(ITEMS[0] in pair for pair in KNOWN["substitute"])  # there are no more
    assert table["item"].to_pylist().count(ITEMS[0]) == most


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: nothing to do without")
def test_a_model_of_a_gpu_recommends_without_one(tiny_folder):
    checkpoint = train()
    state = torch.load(checkpoint, weights_only=False)
    state["config"]["device"] = torch.device("cuda")
    torch.save(state, "gpu.pth")
    tables = []
    for name in (str(checkpoint), "gpu.pth"):
        assert main(["recommend", name, "--out", "related.parquet"]) == 0
        tables.append(pq.read_table("related.parquet"))
    assert tables[0].equals(tables[1])


def test_what_cannot_be_done_is_said_and_harms_no_file(tiny_folder, capsys):
    Path("related.csv").write_text("mine")

    def refused(*words: str) -> str:
        assert main(["recommend", *words, "--out", "related.csv"]) == 1
        assert Path("related.csv").read_text() == "mine"
        return capsys.readouterr().err

    assert "No such file" in refused("saved/none.pth")
    Path("notes.pth").write_text("no checkpoint")
    assert "notes.pth: expected a checkpoint of RecBole's" in refused("notes.pth")
    for other in ({"weights": torch.zeros(3)}, {"config": {"model": "BPR"}, "state_dict": {}}):
        torch.save(other, "other.pth")
        assert "found another kind of file" in refused("other.pth")
    checkpoint = train()
    assert "expected one of substitute, complement, found 'friend'" in refused(
        str(checkpoint), "--relations", "friend"
    )
    state = torch.load(checkpoint, weights_only=False)
    state["state_dict"]["item_embedding.weight"].fill_(torch.nan)
    torch.save(state, "diverged.pth")
    assert "expected scores of BPR that are numbers" in refused("diverged.pth")
    state["state_dict"]["item_embedding.weight"] = torch.zeros(3, 16)
    torch.save(state, "smaller.pth")
    assert "expected the dataset with the features that the model was" in refused("smaller.pth")
    state["config"]["relation_dataset"] = None
    torch.save(state, "foreign.pth")
    assert "expected a model of a dataset that `recbole-mmsc build` made" in refused("foreign.pth")
    assert not [*Path().glob(".related*")]
    assert main(["recommend", str(checkpoint), "--out", "related.xlsx"]) == 1
    assert "expected an output file named *.parquet or *.csv" in capsys.readouterr().err
    with pytest.raises(ValueError, match="expected 1 recommendation or more, found 0"):
        recommend(checkpoint, Path("related.csv"), top=0)
