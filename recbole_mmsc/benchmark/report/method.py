"""How runs were made."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.benchmark.report.card import Card

PLAN = "plan.yaml"


@dataclass(frozen=True)
class Method:
    """The settings of a model, and where they were used.

    Args:
        label: the model's name in the leaderboard.
        model: its name in RecBole.
        settings: its own, beside its defaults.
        datasets: that it was run on with these settings.
        seeds: of the runs.
        trials: of the search for the settings, on all these datasets together.
        failed: how many of them failed.
    """

    label: str
    model: str
    settings: dict[str, Any]
    datasets: tuple[str, ...]
    seeds: tuple[int, ...]
    trials: int
    failed: int


def methods_of(records: Sequence[RunRecord]) -> list[Method]:
    """Every model with its settings, by label; on datasets with other settings once more.

    Args:
        records: of runs and trials.
    """
    runs: dict[tuple[str, str, str], list[RunRecord]] = {}
    for run in records:
        if run.purpose == "run":
            key = run.label, run.model, json.dumps(run.settings, sort_keys=True)
            runs.setdefault(key, []).append(run)
    methods = []
    for (label, model, _), found in sorted(runs.items(), key=lambda pair: pair[0]):
        datasets = dict.fromkeys(run.dataset for run in found)
        trials = [
            record
            for record in records
            if record.purpose == "trial" and record.label == label and record.dataset in datasets
        ]
        seeds = tuple(sorted({run.seed for run in found}))
        settings = found[0].settings
        failed = sum(record.status == "failed" for record in trials)
        methods.append(Method(label, model, settings, tuple(datasets), seeds, len(trials), failed))
    return methods


def dataset_commands(cards: Iterable[Card], data: str) -> list[str]:
    """The commands that build datasets in the folder ``data``, as far as they are known."""
    commands = []
    for card in cards:
        commands.append([*card.build, "--out", data])
        if noise := card.noise:
            call = f"{f'{data}/{noise.of}'!r}, None, {noise.kind!r}, {noise.share}, {noise.seed}"
            module = "recbole_mmsc.dataset_builders.noise"
            commands.append(["python", "-c", f"from {module} import add_noise; add_noise({call})"])
    return list(dict.fromkeys(map(shlex.join, commands)))


def benchmark_command(data: str) -> str:
    """The command that makes a whole benchmark in its own folder."""
    return shlex.join(["recbole-mmsc", "benchmark", PLAN, "--data", data, "--out", "."])


def versions_of(runs: Iterable[RunRecord]) -> dict[str, list[str]]:
    """Package → its versions; several where runs were made with different ones."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for package, version in run.versions.items():
            found.setdefault(package, set()).add(version)
    return {package: sorted(versions) for package, versions in sorted(found.items())}
