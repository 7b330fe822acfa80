"""Finished runs → one leaderboard for each dataset and relation, with paired tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from recbole_mmsc.benchmark.aligned import AlignedRun, AlignedRuns, align
from recbole_mmsc.benchmark.record import RunRecord, read_record, read_records
from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.evaluation.significance import (
    DECIMALS,
    N_RESAMPLES,
    Paired,
    holm,
    paired,
    paired_each,
)

ALPHA = 0.05
BUCKETS = {"0": (0, 0), "1-5": (1, 5), "6-20": (6, 20), ">20": (21, np.inf)}  # first and last


@dataclass(frozen=True)
class Figure:
    """One number over the seeds of a model.

    Args:
        mean: over seeds.
        sd: standard deviation over seeds (n - 1); None of one seed.
        n: seeds.
    """

    mean: float
    sd: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The figure of one value per seed."""
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return cls(float(np.mean(values)), sd, len(values))


@dataclass(frozen=True)
class Remark:
    """What a run had to say: why it failed, or what cut it short."""

    seed: int
    reason: str


@dataclass(frozen=True)
class Row:
    """One model. Where all its seeds failed it has no figures, only failures.

    Args:
        label: the model's name in the leaderboard.
        model: its name in RecBole.
        settings: its own, beside its defaults.
        seeds: those that finished.
        deterministic: any seed gives the same result.
        figures: metric → figure on the test part.
        valid: the main metric on the validation part; None where it was not kept.
        by_degree: bucket → the main metric over queries whose item has so many training pairs.
        train_seconds: mean over seeds.
        evaluate_seconds: mean over seeds.
        peak_memory: GiB, mean over seeds.
        parameters: trained numbers, mean over seeds.
        failures: of the seeds that failed.
        cut_short: of the seeds that finished early, by a time limit for example.
        best: the highest mean of the main metric, the first one given among equals.
        versus_best: this model minus the best, query by query; None of the best itself.
        p: of ``versus_best``, the bootstrap's after Holm's correction; it decides.
        p_wilcoxon: the same of Wilcoxon's test.
    """

    label: str
    model: str
    settings: dict[str, Any]
    seeds: tuple[int, ...] = ()
    deterministic: bool = False
    figures: dict[str, Figure] = field(default_factory=dict)
    valid: Figure | None = None
    by_degree: dict[str, Figure] = field(default_factory=dict)
    train_seconds: float | None = None
    evaluate_seconds: float | None = None
    peak_memory: float | None = None
    parameters: float | None = None
    failures: tuple[Remark, ...] = ()
    cut_short: tuple[Remark, ...] = ()
    best: bool = False
    versus_best: Paired | None = None
    p: float | None = None
    p_wilcoxon: float | None = None

    @property
    def not_worse(self) -> bool:
        """Whether it is another than the best, and not significantly worse."""
        return self.p is not None and self.p >= ALPHA


@dataclass(frozen=True)
class Leaderboard:
    """All models on one relation of one dataset.

    Every model stands for the mean over its seeds, query by query; it is compared with the best
    over queries (:func:`paired_each`), and the p-values of each test are corrected for all models
    compared here (:func:`holm`); the intervals are not. So p tells what other queries might have
    changed, a figure's sd what other seeds might have. Queries are taken as independent draws; but
    the two directions of one held-out pair are two queries, and where a model treats both alike, p
    is smaller than it should be.

    Args:
        dataset: name of the dataset folder.
        relation: one of :data:`RELATIONS`.
        metric: the main one, by which models are ordered and compared.
        split_sha256: checksum of the split, of dataset.json.
        n_queries: test queries that have the main metric.
        buckets: bucket of training degrees → test queries.
        rows: best first, then models that failed.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
        values: label → ``[n_queries]`` of the main metric, mean over seeds, in the order of the
            query tokens.
        missing: runs that the whole benchmark still lacks: what is shown may change with them.
    """

    dataset: str
    relation: str
    metric: str
    split_sha256: str
    n_queries: int
    buckets: dict[str, int]
    rows: tuple[Row, ...]
    n_resamples: int
    seed: int
    values: dict[str, np.ndarray] = field(repr=False, compare=False)
    missing: int = 0

    def compare(self, label: str, other: str) -> Paired:
        """One model minus another, query by query; its p-values are not corrected.

        Raises:
            ValueError: one of the two is not here, or failed.
        """
        for name in (label, other):
            if name not in self.values:
                raise ValueError(
                    f"expected a model with results on {self.dataset} ({self.relation}): "
                    f"{', '.join(self.values)}; found {name!r}"
                )
        return paired(self.values[label], self.values[other], self.seed, self.n_resamples)


def make_leaderboards(
    folder: Path,
    metric: str = "ndcg@10",
    labels: Sequence[str] | None = None,
    ids: Collection[str] | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 2026,
    missing: int = 0,
) -> list[Leaderboard]:
    """Read a benchmark's runs and compare their models.

    Args:
        folder: of the benchmark; its runs are in ``runs/<id>/``. Trials of a search never count.
        metric: the main one, a column of the per-query results; more is better.
        labels: the models to compare; by default all, by name. Equals keep this order.
        ids: the runs to read; by default all.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
        missing: runs that are still to be made, for the leaderboards to tell.

    Returns:
        Those of each dataset by name, substitutes first.

    Raises:
        FileNotFoundError: a finished run has no per-query results.
        ValueError: there are no runs, or a file is damaged; runs that should differ by their seed
            alone have other settings, or one seed twice; runs of a dataset had other splits or
            queries; a label is unknown.
    """
    runs = folder / "runs"
    records = read_records(runs) if ids is None else (read_record(runs / one) for one in ids)
    found = [record for record in records if record.purpose == "run"]
    if not found:
        raise ValueError(
            f"expected runs in {folder / 'runs'}, found none but trials, if any; "
            "run the benchmark first"
        )
    known = sorted({record.label for record in found})
    labels = known if labels is None else list(labels)
    if unknown := [label for label in labels if label not in known]:
        raise ValueError(f"expected labels of {', '.join(known)}; found {unknown} in no run")
    found = [record for record in found if record.label in labels]
    found.sort(key=lambda record: (record.dataset, labels.index(record.label), record.seed))
    leaderboards = []
    for _, group in groupby(found, key=lambda record: record.dataset):
        models = [list(seeds) for _, seeds in groupby(group, key=lambda record: record.label)]
        for records in models:
            _check_seeds(records)
        done = [record for records in models for record in records if record.status == "done"]
        aligned = align(folder / "runs", done, metric)
        for relation in RELATIONS:
            asked = _asked(aligned, relation)
            if asked.any() or not done:
                leaderboards.append(
                    _leaderboard(models, aligned, asked, relation, metric, n_resamples, seed)
                )
    return [replace(board, missing=missing) for board in leaderboards]


def _check_seeds(records: Sequence[RunRecord]) -> None:
    """Refuse runs of one label that differ by more than their seed."""
    first = records[0]
    for before, record in pairwise(records):
        if record.seed == before.seed:
            raise ValueError(
                f"expected one run of {record.label} on {record.dataset} with seed {record.seed}, "
                f"found {before.id} and {record.id}; remove one"
            )
        if (record.model, record.settings) != (first.model, first.settings):
            raise ValueError(
                f"expected the runs of {record.label} on {record.dataset} to differ by their seed "
                f"alone, found other settings in {first.id} and {record.id}; "
                "remove one or give it another label"
            )


def _asked(aligned: AlignedRuns, relation: str) -> np.ndarray:
    """``[n_queries]`` whether a query asks for the relation and has the main metric."""
    asked = aligned.relation == relation
    return asked & ~np.isnan(aligned.runs[0].values) if aligned.runs else asked


def _leaderboard(
    models: Sequence[Sequence[RunRecord]],
    aligned: AlignedRuns,
    asked: np.ndarray,
    relation: str,
    metric: str,
    n_resamples: int,
    seed: int,
) -> Leaderboard:
    degree = aligned.degree[asked]
    inside = {name: (degree >= first) & (degree <= last) for name, (first, last) in BUCKETS.items()}
    rows, values = [], {}
    for records in models:
        label = records[0].label
        runs = [run for run in aligned.runs if run.record.label == label]
        rows.append(_row(records, runs, asked, inside, relation, metric))
        if runs:
            values[label] = np.mean([run.values[asked] for run in runs], axis=0)
    finished = [row for row in rows if row.seeds]
    finished.sort(key=lambda row: -round(row.figures[metric].mean, DECIMALS))
    finished = _versus_best(finished, values, n_resamples, seed)
    return Leaderboard(
        dataset=models[0][0].dataset,
        relation=relation,
        metric=metric,
        split_sha256=aligned.runs[0].record.split_sha256 if aligned.runs else "",
        n_queries=int(asked.sum()),
        buckets={name: int(mask.sum()) for name, mask in inside.items()},
        rows=(*finished, *(row for row in rows if not row.seeds)),
        n_resamples=n_resamples,
        seed=seed,
        values=values,
    )


def _row(
    records: Sequence[RunRecord],
    runs: Sequence[AlignedRun],
    asked: np.ndarray,
    inside: dict[str, np.ndarray],
    relation: str,
    metric: str,
) -> Row:
    failures = tuple(
        Remark(record.seed, record.reason) for record in records if record.status == "failed"
    )
    row = Row(records[0].label, records[0].model, records[0].settings, failures=failures)
    if not runs:
        return row
    done = [run.record for run in runs]
    valid = [
        record.valid[f"{relation}/{metric}"]
        for record in done
        if f"{relation}/{metric}" in record.valid
    ]
    values = [run.values[asked] for run in runs]
    return replace(
        row,
        seeds=tuple(record.seed for record in done),
        deterministic=all(record.deterministic for record in done),
        figures=_figures(runs, relation, metric),
        valid=Figure.of(valid) if valid else None,
        by_degree={
            name: Figure.of([value[mask].mean() for value in values])
            for name, mask in inside.items()
            if mask.any()
        },
        train_seconds=float(np.mean([record.seconds.train for record in done])),
        evaluate_seconds=float(np.mean([record.seconds.evaluate for record in done])),
        peak_memory=float(np.mean([record.peak_memory for record in done])),
        parameters=float(np.mean([record.parameters for record in done])),
        cut_short=tuple(Remark(record.seed, record.reason) for record in done if record.reason),
    )


def _figures(runs: Sequence[AlignedRun], relation: str, metric: str) -> dict[str, Figure]:
    """Of every metric that all seeds have: as the record has it, else the mean over queries.

    The record knows more than the queries: coverage is no mean over them, and fixed candidates
    count every positive alike. The main metric is the mean over queries that is tested.
    """
    prefix = f"{relation}/"
    each = []
    for run in runs:
        recorded = {
            name.removeprefix(prefix): value
            for name, value in run.record.test.items()
            if name.startswith(prefix)
        }
        means = run.means[relation]
        each.append({**means, **recorded, metric: means[metric]})
    return {
        name: Figure.of([one[name] for one in each])
        for name in each[0]
        if all(name in one for one in each)
    }


def _versus_best(
    rows: Sequence[Row], values: dict[str, np.ndarray], n_resamples: int, seed: int
) -> list[Row]:
    if not rows:
        return []
    best, *others = rows
    compared: list[Paired] = []
    if others:
        stacked = np.stack([values[row.label] for row in others])
        compared = paired_each(stacked, values[best.label], seed, n_resamples)
    p = holm([one.p_bootstrap for one in compared])
    p_wilcoxon = holm([one.p_wilcoxon for one in compared])
    return [
        replace(best, best=True),
        *(
            replace(row, versus_best=versus, p=p, p_wilcoxon=p_wilcoxon)
            for row, versus, p, p_wilcoxon in zip(others, compared, p, p_wilcoxon, strict=True)
        ),
    ]
