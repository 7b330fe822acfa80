"""One run to be made: what it is, and the folder it is kept in."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from recbole_mmsc.benchmark.input_files import inputs_checksum
from recbole_mmsc.benchmark.plan import ModelPlan, Plan, Resources
from recbole_mmsc.benchmark.record import QUERIES, RECORD, RunRecord, read_record

JOB = "job.json"


class Job(BaseModel):
    """Everything a run needs to know, written to the ``job.json`` of its folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str  # of this package: another one may give other results
    label: str
    model: str
    dataset: str
    data: str  # the folder of datasets, absolute
    split_sha256: str
    inputs_sha256: str  # of what else it reads: features, behaviour, labels, candidates
    seed: int
    settings: dict[str, Any]  # the model's own
    recbole: dict[str, Any]  # the plan's, for every run
    purpose: Literal["trial", "run"]
    deterministic: bool
    metrics: list[str]
    cutoffs: list[int]
    valid_metric: str
    resources: Resources

    @property
    def id(self) -> str:
        """Name of the folder. The same run, in any benchmark, has the same name.

        What a run costs in time may differ with ``parallel``, its result does not: that and the
        place of the data are no part of the name.
        """
        told = self.model_dump(exclude={"data": True, "resources": {"parallel", "timeout"}})
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        name = re.sub(r"[^A-Za-z0-9.+-]+", "-", f"{self.dataset}-{self.label}").strip("-")
        return f"{name}-{self.seed}-{self.purpose}-{digest[:10]}"

    def write(self, runs: Path) -> Path:
        """Write ``job.json`` and return the folder of the run."""
        folder = runs / self.id
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JOB).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return folder

    def record(self, **found: Any) -> RunRecord:
        """The record of this run with what was found."""
        same = ("label", "model", "dataset", "split_sha256", "seed", "settings", "purpose")
        known = {name: getattr(self, name) for name in (*same, "deterministic")}
        command = f"python -m recbole_mmsc.benchmark.worker runs/{self.id}"
        return RunRecord(id=self.id, command=command, **known, **found)


def read_job(folder: Path) -> Job:
    """Read the job of a run's folder.

    Raises:
        FileNotFoundError: the folder is none of a run.
    """
    file = folder / JOB
    if not file.is_file():
        raise FileNotFoundError(f"expected the folder of a run, found no {file}")
    return Job.model_validate_json(file.read_text(encoding="utf-8"))


def finished(job: Job, runs: Path, retry: bool) -> RunRecord | None:
    """The record of a run that needs not be made again.

    Args:
        job: the run.
        runs: the folder of all runs.
        retry: whether a failed run is made again; one that was killed, or whose results of every
            query are gone, always is.
    """
    folder = runs / job.id
    if not (folder / RECORD).is_file():
        return None
    record = read_record(folder)
    again = record.killed or (retry and record.status == "failed")
    tested = record.status == "done" and record.purpose == "run"
    lost = tested and not (folder / QUERIES).is_file()
    return None if again or lost else record


class Case(BaseModel):
    """One model on one dataset: the cell of a plan that trials and seeds fill."""

    model_config = ConfigDict(frozen=True)

    plan: Plan
    model: ModelPlan
    dataset: str
    data: str
    split_sha256: str
    deterministic: bool

    def job(self, settings: dict[str, Any], seed: int, purpose: Literal["trial", "run"]) -> Job:
        """The run of these settings."""
        plan = self.plan
        told = {**self.model.settings, **settings}
        folder = Path(self.data) / self.dataset
        return Job(
            version=version("recbole-mmsc"),
            label=self.model.name,
            model=self.model.model,
            dataset=self.dataset,
            data=self.data,
            split_sha256=self.split_sha256,
            inputs_sha256=inputs_checksum(folder, self.model.model, {**plan.settings, **told}),
            seed=seed,
            settings=told,
            recbole=plan.settings,
            purpose=purpose,
            deterministic=self.deterministic,
            metrics=list(plan.metrics),
            cutoffs=plan.cutoffs,
            valid_metric=plan.valid_metric.lower(),
            resources=plan.resources,
        )
