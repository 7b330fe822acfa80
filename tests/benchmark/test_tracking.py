"""MLflow, by a stand-in that remembers what it was told, and itself where it is installed."""

import sys
from contextlib import contextmanager
from types import ModuleType

import pytest

from recbole_mmsc.benchmark.plan import PlanError
from recbole_mmsc.benchmark.record import read_records
from tests.benchmark.plans import run, write_plan

MLFLOW = {"tracking_uri": "file:somewhere", "experiment_name": "shop"}


@pytest.fixture
def mlflow(monkeypatch):
    """A module `mlflow`, and the calls it got."""
    calls = []
    module = ModuleType("mlflow")

    def remember(name):
        return lambda *arguments: calls.append((name, *arguments))

    for name in (
        "set_tracking_uri",
        "set_experiment",
        "log_params",
        "set_tags",
        "log_metrics",
        "log_artifact",
    ):
        setattr(module, name, remember(name))

    @contextmanager
    def start_run(run_name):
        calls.append(("start_run", run_name))
        yield

    module.start_run = start_run
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return calls


def test_each_finished_run_is_logged_once(mlflow, tiny_folder, tmp_path):
    models = [{"model": "EASE", "settings": {"reg_weight": 9.0}}]
    plan = write_plan(tmp_path, models, mlflow=MLFLOW)
    for _ in range(2):
        run(plan, tiny_folder, tmp_path / "out")
    (record,) = read_records(tmp_path / "out" / "runs")
    assert mlflow.count(("start_run", record.id)) == 1
    assert ("set_tracking_uri", "file:somewhere") in mlflow
    assert ("log_params", {"model": "EASE", "dataset": "tiny", "reg_weight": 9.0}) in mlflow
    (logged,) = [arguments[0] for name, *arguments in mlflow if name == "log_metrics"]
    assert logged["test/substitute/ndcg_at_10"] == record.test["substitute/ndcg@10"]


def test_without_mlflow_nothing_runs(monkeypatch, tiny_folder, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    plan = write_plan(tmp_path, [{"model": "EASE"}], mlflow=MLFLOW)
    with pytest.raises(PlanError, match="pip install mlflow"):
        run(plan, tiny_folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_server_that_fails_takes_nothing_from_the_benchmark(
    mlflow, monkeypatch, tiny_folder, tmp_path, capsys
):
    def refuse(*_):
        raise ConnectionError("no server\nat all")

    plan = write_plan(tmp_path, [{"model": "EASE"}], mlflow=MLFLOW)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["mlflow"], "set_experiment", refuse)
        assert run(plan, tiny_folder, tmp_path / "out")
    assert (tmp_path / "out" / "report.html").is_file()
    assert "did not take every run (no server at all)" in capsys.readouterr().err
    run(plan, tiny_folder, tmp_path / "out")
    (record,) = read_records(tmp_path / "out" / "runs")
    assert ("start_run", record.id) in mlflow


def test_mlflow_itself_takes_a_run(tiny_folder, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.chdir(tmp_path)  # where MLflow puts its artifacts
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    plan = write_plan(
        tmp_path, [{"model": "EASE"}], mlflow={"tracking_uri": uri, "experiment_name": "shop"}
    )
    run(plan, tiny_folder, tmp_path / "out")
    (record,) = read_records(tmp_path / "out" / "runs")
    (logged,) = mlflow.search_runs(experiment_names=["shop"], output_format="list")
    assert logged.info.run_name == record.id
    assert logged.data.params["model"] == "EASE"
    assert logged.data.metrics["test/ndcg_at_10"] == record.test["ndcg@10"]
