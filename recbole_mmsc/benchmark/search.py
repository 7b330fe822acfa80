"""Which runs a model on a dataset needs next, given those that are finished.

The answer depends on the finished runs alone, so that a benchmark that was interrupted goes on as
if it had not been.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from recbole_mmsc.benchmark.job import Case, Job
from recbole_mmsc.benchmark.plan import Range, Space
from recbole_mmsc.benchmark.record import RunRecord

Lookup = Callable[[Job], RunRecord | None]


def next_jobs(case: Case, lookup: Lookup) -> list[Job]:
    """The runs that can be made now; none when all are finished, or no trial succeeded.

    Args:
        case: a model on a dataset.
        lookup: a job → its record, None where it is not finished.
    """
    return [job for job in _jobs(case, lookup) if lookup(job) is None]


def n_finished(case: Case, lookup: Lookup) -> int:
    """How many of :func:`n_jobs` are finished."""
    return sum(lookup(job) is not None for job in _jobs(case, lookup))


def n_jobs(case: Case) -> int:
    """How many runs the case takes in all."""
    trials = 0
    if case.model.search:  # TPE says one after the other what it will try
        known = case.plan.search.method != "tpe"
        trials = len(_trials(case, _nothing)) if known else _at_most(case)
    return trials + len(_seeds(case))


def _at_most(case: Case) -> int:
    """Trials of TPE, fewer where there are not as many settings."""
    spaces = case.model.search.values()
    return int(min(case.plan.search.trials, math.prod(map(_n_values, spaces))))


def _n_values(space: list[Any] | Range) -> float:
    if isinstance(space, list):
        return len(space)
    return space.high - space.low + 1 if space.integer else math.inf


def _nothing(_job: Job) -> None:
    """The record of a job when none is finished."""


def failed_trials(case: Case, lookup: Lookup) -> list[RunRecord]:
    """The trials of a case of which none succeeded, so that there is nothing to choose from."""
    if not case.model.search:
        return []
    records = [lookup(job) for job in _trials(case, lookup)]
    found = [record for record in records if record is not None]
    if len(found) < len(records) or any(record.status == "done" for record in found):
        return []
    return found


def _jobs(case: Case, lookup: Lookup) -> list[Job]:
    """The trials, and, once all of them are finished, the runs."""
    trials = _trials(case, lookup) if case.model.search else []
    if any(lookup(job) is None for job in trials):
        return trials
    settings = _best(case, trials, lookup) if trials else {}
    return trials if settings is None else [*trials, *_runs(case, settings)]


def _seeds(case: Case) -> list[int]:
    return case.plan.seeds[:1] if case.deterministic else case.plan.seeds


def _runs(case: Case, settings: dict[str, Any]) -> list[Job]:
    return [case.job(settings, seed, "run") for seed in _seeds(case)]


def _best(case: Case, trials: list[Job], lookup: Lookup) -> dict[str, Any] | None:
    """The settings with the highest validation; the earlier trial where two are equal."""
    best, settings = -math.inf, None
    for job in trials:
        record = lookup(job)
        if record is None or record.status != "done":
            continue
        value = record.valid[case.plan.valid_metric.lower()]
        if value > best:
            best = value
            settings = {name: job.settings[name] for name in case.model.search}
    return settings


def _trials(case: Case, lookup: Lookup) -> list[Job]:
    """All trials known by now: TPE knows one more than are finished."""
    method, trials = case.plan.search.method, case.plan.search.trials
    space, seed = case.model.search, case.plan.seeds[0]
    if method == "tpe":
        return _tpe(case, lookup)
    if method == "grid":
        found = [
            dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())
        ]
    else:
        rng = np.random.default_rng(seed)
        found = [
            {name: _draw(values, rng) for name, values in space.items()} for _ in range(trials)
        ]
    return _distinct([case.job(settings, seed, "trial") for settings in found])


def _distinct(jobs: list[Job]) -> list[Job]:
    """Without the settings that were drawn before."""
    return list({job.id: job for job in jobs}.values())


def _draw(values: Range | list[Any], rng: np.random.Generator) -> Any:
    if not isinstance(values, Range):
        return values[rng.integers(len(values))]
    if values.integer and not values.log:
        low, high = values.ends
        return int(rng.integers(low, high + 1))
    if not values.log:
        return float(rng.uniform(*values.ends))
    drawn = math.exp(rng.uniform(math.log(values.low), math.log(values.high)))
    return round(drawn) if values.integer else drawn


def _tpe(case: Case, lookup: Lookup) -> list[Job]:
    """Replay the finished trials into Optuna's sampler, and ask it for one more."""
    optuna = _optuna()
    seed, jobs = case.plan.seeds[0], []
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
    )
    distributions = _distributions(case.model.search, optuna)
    for _ in range(case.plan.search.trials):
        trial = study.ask(distributions)
        settings = {
            name: values[trial.params[name]] if isinstance(values, list) else trial.params[name]
            for name, values in case.model.search.items()
        }
        job = case.job(settings, seed, "trial")
        jobs.append(job)
        record = lookup(job)
        if record is None:
            break
        if record.status == "done":
            study.tell(trial, record.valid[case.plan.valid_metric.lower()])
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return _distinct(jobs)


def _distributions(space: Space, optuna: Any) -> dict[str, Any]:
    found = {}
    for name, values in space.items():
        if isinstance(values, list):  # by place: Optuna knows numbers and words, not lists
            found[name] = optuna.distributions.CategoricalDistribution(range(len(values)))
        elif values.integer:
            found[name] = optuna.distributions.IntDistribution(*values.ends, log=values.log)
        else:
            found[name] = optuna.distributions.FloatDistribution(*values.ends, log=values.log)
    return found


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
