"""Finished runs in MLflow, where a plan asks for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from recbole_mmsc.benchmark.plan import MLflow, PlanError
from recbole_mmsc.benchmark.record import RunRecord

LOGGED = "mlflow"  # left in the folder of a run that was logged, so that it is logged once


def check_mlflow() -> None:
    """Refuse before hours of work what would fail after them.

    Raises:
        PlanError: mlflow is not installed.
    """
    try:
        import mlflow  # noqa: F401
    except ImportError:
        raise PlanError("expected mlflow, which the plan asks for: pip install mlflow") from None


def log_runs(records: Sequence[RunRecord], runs: Path, settings: MLflow) -> None:
    """Log every finished run that was not logged before: parameters, metrics, its record.

    A server that fails is told on stderr and takes nothing from the benchmark: what it did not
    take is logged when the benchmark is started again.

    Args:
        records: of a benchmark.
        runs: the folder of all runs.
        settings: where to.
    """
    try:
        _log(records, runs, settings)
    except Exception as error:  # MLflow's own, of its server, of the network
        told = " ".join(str(error).split())
        print(
            f"MLflow at {settings.tracking_uri} did not take every run ({told:.200}); start the "
            "benchmark again to log those that are missing",
            file=sys.stderr,
        )


def _log(records: Sequence[RunRecord], runs: Path, settings: MLflow) -> None:
    import mlflow

    mlflow.set_tracking_uri(settings.tracking_uri)
    mlflow.set_experiment(settings.experiment_name)
    for record in records:
        folder = runs / record.id
        if record.status != "done" or (folder / LOGGED).exists():
            continue
        with mlflow.start_run(run_name=record.id):
            mlflow.log_params({"model": record.model, "dataset": record.dataset, **record.settings})
            mlflow.set_tags({"label": record.label, "seed": record.seed, "run": record.purpose})
            parts = {"valid": record.valid, "test": record.test}
            mlflow.log_metrics(
                {
                    _mlflow_name(f"{part}/{name}"): value
                    for part, found in parts.items()
                    for name, value in found.items()
                }
            )
            mlflow.log_artifact(str(folder / "record.json"))
        (folder / LOGGED).touch()


def _mlflow_name(name: str) -> str:
    """MLflow takes letters, digits and ``_-. /`` alone: ``ndcg@10`` is ``ndcg_at_10``."""
    return re.sub(r"[^\w\-. /]", "", name.replace("@", "_at_").replace("+", "_"))
