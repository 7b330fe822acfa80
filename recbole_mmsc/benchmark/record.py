"""What a finished run leaves on disk: a folder with ``record.json`` and ``queries.parquet``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from recbole_mmsc.dataset_builders.whole_file import whole_file

RECORD = "record.json"
QUERIES = "queries.parquet"
OF_A_QUERY = ("query", "relation", "item", "degree", "n_positives", "recommended")


# a model that diverged has metrics that are no numbers, and is kept all the same
KEPT = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


class Moment(BaseModel):
    """Validation after an epoch.

    Args:
        seconds: of training so far.
        value: of the plan's validation metric.
    """

    model_config = KEPT

    seconds: float
    value: float


class Seconds(BaseModel):
    """Where the time of a run went, in seconds of its stopwatch (``benchmark/training.py``).

    Args:
        prepare: reading the data.
        train: training, validation not counted.
        evaluate: ranking the test part.
    """

    model_config = KEPT

    prepare: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0


class RunRecord(BaseModel):
    """One run of one model, as it is kept.

    A trial of a search has ``test`` empty and no ``queries.parquet``: it never reads the test part.
    """

    model_config = KEPT

    id: str = Field(description="folder of the run, below the benchmark's runs/")
    label: str = Field(description="the model's name in the leaderboard")
    model: str = Field(description="the model's name in RecBole")
    dataset: str = Field(description="name of the dataset folder")
    split_sha256: str = Field(default="", description="checksum of the split, of dataset.json")
    seed: int
    settings: dict[str, Any] = Field(description="the model's own, beside its defaults")
    purpose: Literal["trial", "run"]
    deterministic: bool = Field(default=False, description="any seed gives the same result")
    status: Literal["done", "failed"]
    reason: str = Field(default="", description="why it failed, or what cut it short")
    killed: bool = Field(
        default=False, description="ended from outside; the benchmark tries it again"
    )
    valid: dict[str, float] = Field(default_factory=dict, description="of the best epoch")
    test: dict[str, float] = Field(default_factory=dict, description="of the best epoch")
    history: list[Moment] = Field(default_factory=list, description="validation over training")
    epochs: int = Field(default=0, description="epochs trained")
    seconds: Seconds = Seconds()
    peak_memory: float = Field(default=0.0, description="GiB, of the run's process")
    parameters: int = Field(default=0, description="trained numbers of the model")
    versions: dict[str, str] = Field(default_factory=dict)
    command: str = Field(default="", description="runs this run alone")

    def write(self, folder: Path) -> None:
        """Write ``record.json``, all of it or nothing."""
        with whole_file(folder / RECORD) as scratch:
            scratch.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_record(folder: Path) -> RunRecord:
    """Read the record of a run.

    Raises:
        FileNotFoundError: the run has not finished, or is none.
        ValueError: the file is damaged, or of another version.
    """
    file = folder / RECORD
    if not file.is_file():
        raise FileNotFoundError(f"expected the folder of a finished run, found no {file}")
    try:
        return RunRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"expected the record of a run in {file}, found a damaged one; "
            f"remove the folder and run the benchmark again ({error})"
        ) from None


def read_records(folder: Path) -> Iterator[RunRecord]:
    """All records below ``folder``, in the order of their paths."""
    for file in sorted(folder.rglob(RECORD)):
        yield read_record(file.parent)


def read_queries_of(folder: Path) -> pa.Table:
    """Per-query results of a run, one row per test query, in the order of the dataset.

    Columns: ``query`` (its token), ``relation``, ``item`` (strings), ``degree`` (training pairs of
    the query item, both relations), ``n_positives``, one float column per metric and cutoff
    (``ndcg@10``; of fixed candidates ``ndcg@10 (1+100)``, null where a query has none),
    ``recommended`` (item ids, best first) and ``confused@10`` (how many of the first ten are known
    to stand in the other relation alone).

    Raises:
        FileNotFoundError: the run has none: it failed, or is a trial.
        ValueError: the file is damaged, or lacks what every query has.
    """
    file = folder / QUERIES
    if not file.is_file():
        raise FileNotFoundError(
            f"expected per-query results in {file}, found none: the run failed or is a trial"
        )
    try:
        table = pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"expected per-query results in {file}, found a damaged file; "
            f"remove the folder and run the benchmark again ({error})"
        ) from None
    if missing := [name for name in OF_A_QUERY if name not in table.column_names]:
        raise ValueError(f"expected the columns {list(OF_A_QUERY)} in {file}, found no {missing}")
    return table
