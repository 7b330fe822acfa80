"""Which plots the report has, and the values in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from recbole_mmsc.benchmark.grid import TRAINING_TIME, heading
from recbole_mmsc.benchmark.leaderboard import Leaderboard
from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.benchmark.report import plots
from recbole_mmsc.benchmark.report.plots import Colours, Line
from recbole_mmsc.benchmark.report.sections import Section
from recbole_mmsc.benchmark.report.svg import Picture


@dataclass(frozen=True)
class Plots:
    """Plots that belong together.

    Args:
        name: their heading.
        note: how to read them.
        pictures: caption → picture.
    """

    name: str
    note: str
    pictures: Mapping[str, Picture]


def colours_of(leaderboards: Sequence[Leaderboard]) -> dict[str, str]:
    """Label → class of its colour: the best models on average over all leaderboards."""
    places: dict[str, list[int]] = {}
    for board in leaderboards:
        for place, row in enumerate(row for row in board.rows if row.seeds):
            places.setdefault(row.label, []).append(place)
    best = sorted(places, key=lambda label: (fmean(places[label]), label))
    return {label: f"s{n}" for n, label in enumerate(best[: plots.HIGHLIGHTED])}


def plots_of(section: Section, colours: Colours) -> list[Plots]:
    """The plots of a dataset; those with nothing to show are left out."""
    tables = [board.table for board in section.boards if board.lead]
    if not tables:
        return []
    metric = heading(tables[0].metric)
    name, key = section.name, section.key
    time: dict[str, Picture | None] = {
        "Validation": plots.curves_over_time(
            f"{key}-curves", f"Validation of {name} over training", metric, section.runs, colours
        )
    }
    degree: dict[str, Picture | None] = {}
    seeds: dict[str, Picture | None] = {}
    for table in tables:
        caption = f"{table.relation}s".capitalize()
        what = f"{caption} of {name}"
        time[f"{caption}, test"] = plots.quality_against_time(
            f"{key}-time-{table.relation}",
            f"{what}, quality against training time",
            metric,
            [
                (row.label, row.train_seconds or 0.0, row.figures[table.metric].mean)
                for row in table.rows
                if row.seeds
            ],
            colours,
        )
        buckets = [bucket for bucket, queries in table.buckets.items() if queries]
        degree[caption] = plots.by_degree(
            f"{key}-degree-{table.relation}",
            f"{what} by training pairs of the query item",
            metric,
            list(_degree_lines(table, buckets)),
            buckets,
            colours,
        )
        seeds[caption] = plots.over_seeds(
            f"{key}-seeds-{table.relation}",
            f"{what} over seeds",
            metric,
            [(row.label, _by_seed(table, row.label, section.runs)) for row in table.rows],
            colours,
        )
    groups = (
        _group(
            "Quality against training time",
            "First, the best validation so far of both relations together, one line a run; dotted "
            "where training is over. Then the test part, one dot a model: no other is both faster "
            f"and better than those on the dashed line. Training time: {TRAINING_TIME}.",
            time,
        ),
        _group(
            "By training pairs of the query item",
            "Items with few training pairs are the long tail; those with none are cold.",
            degree,
        ),
        _group(
            "Over seeds",
            "How far each seed is from the model's mean over seeds; models that are the same "
            "whatever the seed are left out.",
            seeds,
        ),
    )
    return [group for group in groups if group.pictures]


def noise_plots_of(sections: Sequence[Section], colours: Colours) -> list[Plots]:
    """What noise in training costs each model: for every dataset with noisy ones beside it."""
    noisy: dict[tuple[str, str], list[tuple[float, Section]]] = {}
    for section in sections:
        if noise := section.noise:
            noisy.setdefault((noise.of, noise.kind), []).append((noise.share, section))
    clean = {section.name: section for section in sections}
    groups = []
    for (base, kind), found in sorted(noisy.items(), key=lambda pair: pair[0]):
        if base not in clean:
            continue
        steps = [(0.0, clean[base]), *sorted(found, key=lambda pair: pair[0])]
        pictures = {
            f"{board.table.relation}s".capitalize(): plots.under_noise(
                f"{clean[base].key}-{kind}-{board.table.relation}",
                f"{board.table.relation}s of {base} under {kind} noise".capitalize(),
                list(_relative(steps, board.table.relation)),
                colours,
            )
            for board in clean[base].boards
        }
        note = (
            "Each model against itself on the clean dataset, which is 1. The noise is in the "
            "training pairs alone; validation and test are the same."
        )
        groups.append(_group(f"{base}, {kind} noise", note, pictures))
    return [group for group in groups if group.pictures]


def _group(name: str, note: str, pictures: Mapping[str, Picture | None]) -> Plots:
    return Plots(name, note, {key: one for key, one in pictures.items() if one is not None})


def _degree_lines(table: Leaderboard, buckets: Sequence[str]) -> Iterator[Line]:
    for row in table.rows:
        points = [
            (n, row.by_degree[bucket].mean)
            for n, bucket in enumerate(buckets)
            if bucket in row.by_degree
        ]
        if points:
            yield Line(row.label, points)


def _by_seed(table: Leaderboard, label: str, runs: Iterable[RunRecord]) -> list[float]:
    name = f"{table.relation}/{table.metric}"
    return [run.test[name] for run in runs if run.label == label and name in run.test]


def _relative(steps: Sequence[tuple[float, Section]], relation: str) -> Iterator[Line]:
    """Each model's mean at each share of noise, as a share of its mean without."""
    means: dict[str, dict[float, float]] = {}
    for share, section in steps:
        for board in section.boards:
            if board.table.relation == relation:
                for row in board.table.rows:
                    if row.seeds:
                        mean = row.figures[board.table.metric].mean
                        means.setdefault(row.label, {})[share] = mean
    for label, at in means.items():
        if at.get(0.0) and len(at) > 1:
            yield Line(label, [(share, mean / at[0.0]) for share, mean in sorted(at.items())])
