"""Every general recommender of RecBole's, one epoch on a tiny dataset folder of ours."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import recbole.model
from recbole.quick_start import run_recbole

from recbole_mmsc.evaluation.masking import RelationFullSortDataLoader
from recbole_mmsc.missing import recbole_models
from tests.tiny import write_tiny

MODEL_FILES = Path(recbole.model.__path__[0], "general_recommender").glob("*.py")
STEMS = {file.stem for file in MODEL_FILES}
GENERAL = sorted(name for name in recbole_models() if name.lower() in STEMS)
NEEDS = {"NCL": "faiss"}  # model → package it cannot do without
SETTINGS = {
    "NCL": {"num_clusters": 4},  # of 40 items: 1,000 by default
}


def test_there_are_33():
    assert len(GENERAL) == 33


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("dataset") / "tiny").parent


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    """RecBole writes saved/, log/ and log_tensorboard/ where it is, and measures CPU for 1 s."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval=None: 0.0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", GENERAL)
def test_one_epoch(model, data, quiet, monkeypatch):
    package = NEEDS.get(model)
    if package and find_spec(package) is None:
        pytest.skip(f"{model} needs {package}, which is not installed")
    ranked = []
    collate = RelationFullSortDataLoader.collate_fn
    monkeypatch.setattr(
        RelationFullSortDataLoader,
        "collate_fn",
        lambda self, index: (ranked.append(len(index)), collate(self, index))[1],
    )
    settings = {
        "data_path": str(data),
        "epochs": 1,
        "train_batch_size": 256,
        "gpu_id": "",
        "state": "ERROR",
        "show_progress": False,
        **SETTINGS.get(model, {}),
    }
    result = run_recbole(model=model, dataset="tiny", config_dict=settings)["test_result"]
    assert list(result)[:5] == ["recall@10", "mrr@10", "ndcg@10", "hit@10", "precision@10"]
    assert {"substitute/ndcg@10", "complement/ndcg@10"} <= set(result)
    # ten of at most 39 items hold some of the held-out ones; none is perfect at this size
    assert 0 < result["ndcg@10"] < 1
    assert ranked, "the queries were not ranked by our loader"


DIGITS = """
import sys, json, warnings
warnings.simplefilter("ignore")
if sys.argv.pop() == "with":
    import recbole_mmsc
from recbole.quick_start import run_recbole
model = sys.argv.pop()
result = run_recbole(model=model, dataset="ml-100k", saved=False, config_dict={
    "epochs": 1, "gpu_id": "", "state": "ERROR", "show_progress": False})
print("RESULT", json.dumps([result["best_valid_score"], list(result["test_result"].items())]))
"""


def digits(model: str, how: str, folder: Path) -> str:
    """What one epoch on ml-100k prints, in a process of its own; "" where it cannot run."""
    done = subprocess.run(
        [sys.executable, "-c", DIGITS, model, how],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if how == "with":
        assert done.returncode == 0, done.stderr
    elif done.returncode:
        pytest.skip("stock RecBole does not run here: " + done.stderr.strip().splitlines()[-1])
    (line,) = re.findall("^RESULT (.*)$", done.stdout, re.MULTILINE)
    assert len(json.loads(line)[1]) == 5
    return line


@pytest.mark.parametrize("model", ["BPR", "LightGCN"])
def test_digits_on_ml_100k_are_those_of_stock_recbole(model, tmp_path):
    stock = digits(model, "without", tmp_path)
    assert digits(model, "with", tmp_path) == stock
