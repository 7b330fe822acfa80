"""Finished runs of one dataset side by side: the same queries in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from recbole_mmsc.benchmark.record import QUERIES, RunRecord, read_queries_of

ABOUT_THE_QUERY = ("relation", "item", "degree", "n_positives")


@dataclass(frozen=True)
class AlignedRun:
    """What one run reached.

    Args:
        record: of the run.
        values: ``[n_queries]`` of the main metric, NaN where a query has no value.
        means: relation → metric → mean over the queries that have a value.
    """

    record: RunRecord
    values: np.ndarray
    means: dict[str, dict[str, float]]


@dataclass(frozen=True)
class AlignedRuns:
    """Runs that were tested on the same queries, in the order of the query tokens.

    Args:
        relation: ``[n_queries]`` strings.
        degree: ``[n_queries]`` training pairs of the query item.
        runs: in the order they were given.
    """

    relation: np.ndarray
    degree: np.ndarray
    runs: list[AlignedRun]


def align(folder: Path, records: Sequence[RunRecord], metric: str) -> AlignedRuns:
    """Read the per-query results of finished runs.

    Args:
        folder: holds the runs, each in a folder named after its id.
        records: of finished runs of one dataset; without any there are no queries either.
        metric: the main one.

    Raises:
        FileNotFoundError: a run has no per-query results.
        ValueError: a file is damaged or lacks the metric; two runs had other splits or queries.
    """
    runs: list[AlignedRun] = []
    about: dict[str, np.ndarray] = {}
    for record in records:
        table = _read(folder / record.id, metric)
        if runs:
            _check_same(about, table, runs[0], record, metric)
        else:
            about = {name: table[name] for name in ("query", *ABOUT_THE_QUERY)}
        relations = sorted(set(table["relation"]))
        means = {name: _means(table, table["relation"] == name) for name in relations}
        runs.append(AlignedRun(record, table[metric], means))
    nothing = {"relation": np.empty(0, dtype=str), "degree": np.empty(0, dtype=int), **about}
    return AlignedRuns(nothing["relation"], nothing["degree"], runs)


def _read(folder: Path, metric: str) -> dict[str, np.ndarray]:
    """Columns of a run's per-query results, by query token; metrics as float, null as NaN."""
    file = folder / QUERIES
    table = read_queries_of(folder)
    metrics = [one.name for one in table.schema if pa.types.is_floating(one.type)]
    if metric not in metrics:
        raise ValueError(f"expected the metric {metric} in {file}, found only {metrics}")
    query = np.asarray(table["query"].to_pylist(), dtype=object)
    if not len(query):
        raise ValueError(f"expected test queries in {file}, found none; audit the dataset's folder")
    if len(set(query)) < len(query):
        raise ValueError(f"expected each query once in {file}, found some twice")
    order = np.argsort(query, kind="stable")
    columns = {name: np.asarray(table[name].to_pylist()) for name in ABOUT_THE_QUERY}
    columns |= {name: np.asarray(table[name].to_numpy(), dtype=float) for name in metrics}
    return {"query": query[order], **{name: values[order] for name, values in columns.items()}}


def _means(table: dict[str, np.ndarray], asked: np.ndarray) -> dict[str, float]:
    means = {}
    for name in (name for name in table if name not in ("query", *ABOUT_THE_QUERY)):
        present = table[name][asked & ~np.isnan(table[name])]
        if len(present):
            means[name] = float(present.mean())
    return means


def _check_same(
    about: dict[str, np.ndarray],
    table: dict[str, np.ndarray],
    first: AlignedRun,
    record: RunRecord,
    metric: str,
) -> None:
    other = first.record
    runs = f"{other.id} and {record.id}"
    if record.split_sha256 != other.split_sha256:
        raise ValueError(
            f"expected runs over one split of {record.dataset}, found two: split_sha256 differs "
            f"between {runs}; remove the run over the split that is no longer there"
        )
    for name, values in about.items():
        if not np.array_equal(values, table[name]):
            raise ValueError(
                f"expected the same test queries of {record.dataset} in all runs, found another "
                f"{name} in {runs}; remove one and run the benchmark again"
            )
    if not np.array_equal(np.isnan(first.values), np.isnan(table[metric])):
        raise ValueError(
            f"expected {metric} of the same queries in all runs of {record.dataset}, "
            f"found values missing elsewhere in {runs}; remove one and run the benchmark again"
        )
