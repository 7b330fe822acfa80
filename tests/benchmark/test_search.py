"""Trials and seeds: which runs a case needs next, given what is finished."""

import pytest

from recbole_mmsc.benchmark.job import Case
from recbole_mmsc.benchmark.plan import Plan
from recbole_mmsc.benchmark.search import failed_trials, n_finished, n_jobs, next_jobs

VALID = "ndcg@10"


def case_of(space, deterministic=False, **search):
    plan = Plan.model_validate(
        {
            "datasets": [{"name": "tiny"}],
            "models": [{"model": "BPR", "search": space}],
            "search": search,
            "seeds": [1, 2, 3],
        }
    )
    return Case(
        plan=plan,
        model=plan.models[0],
        dataset="tiny",
        data="/d",
        split_sha256="s",
        deterministic=deterministic,
    )


class Finished:
    """Remembers runs; a trial's validation is what `value` says of its settings."""

    def __init__(self, value):
        self.records, self.value, self.order = {}, value, []

    def __call__(self, job):
        return self.records.get(job.id)

    def make(self, job):
        value = self.value(job.settings)
        self.order.append(job)
        self.records[job.id] = (
            job.record(status="failed", reason="it broke")
            if value is None
            else job.record(status="done", valid={VALID: value})
        )


def play(case, finished):
    while jobs := next_jobs(case, finished):
        finished.make(jobs[0])
    return finished.order


def test_without_a_search_there_are_only_seeds():
    jobs = next_jobs(case_of({}), Finished(None))
    assert [(job.purpose, job.seed) for job in jobs] == [("run", 1), ("run", 2), ("run", 3)]
    assert n_jobs(case_of({})) == 3


def test_a_deterministic_model_runs_once():
    assert len(next_jobs(case_of({}, deterministic=True), Finished(None))) == 1


def test_a_grid_then_the_best_for_every_seed():
    case, finished = case_of({"k": [1, 2, 3]}), Finished(lambda settings: -abs(settings["k"] - 2))
    assert n_finished(case, finished) == 0
    order = play(case, finished)
    assert [job.settings["k"] for job in order] == [1, 2, 3, 2, 2, 2]
    assert [job.purpose for job in order] == ["trial"] * 3 + ["run"] * 3
    assert len(order) == n_jobs(case) == n_finished(case, finished)


def test_a_failed_trial_is_not_the_best():
    case = case_of({"k": [1, 2]})
    order = play(case, Finished(lambda settings: None if settings["k"] == 1 else 0.0))
    assert [job.settings["k"] for job in order[2:]] == [2, 2, 2]


def test_nothing_follows_where_every_trial_failed():
    case, finished = case_of({"k": [1, 2]}), Finished(lambda settings: None)
    assert len(play(case, finished)) == 2
    assert [record.reason for record in failed_trials(case, finished)] == ["it broke"] * 2


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_a_search_finds_the_hill_and_repeats_itself(method):
    space = {
        "x": {"low": 0.001, "high": 10.0, "log": True},
        "n": {"low": 1, "high": 9, "integer": True},
    }

    def hill(settings):
        return -abs(settings["x"] - 1) - abs(settings["n"] - 5)

    case = case_of(space, method=method, trials=12)
    first, second = (play(case, Finished(hill)) for _ in range(2))
    assert [job.settings for job in first] == [job.settings for job in second]
    trials = [job.settings for job in first if job.purpose == "trial"]
    assert len(trials) == 12
    assert all(
        0.001 <= s["x"] <= 10 and isinstance(s["n"], int) and 1 <= s["n"] <= 9 for s in trials
    )
    assert first[-1].settings == max(trials, key=hill)


def test_a_draw_that_comes_twice_is_one_run_and_counts_once():
    case, finished = case_of({"k": [1, 2]}, method="random", trials=8), Finished(lambda s: s["k"])
    order = play(case, finished)
    assert sorted(job.settings["k"] for job in order) == [1, 2, 2, 2, 2]
    assert n_jobs(case) == len(order)


def test_tpe_tries_no_more_than_there_is_to_try():
    assert n_jobs(case_of({"k": [1, 2]}, method="tpe", trials=8)) == 2 + 3
    assert n_jobs(case_of({"k": {"low": 1, "high": 2}}, method="tpe", trials=8)) == 8 + 3
    whole = {"k": {"low": 10, "high": 12, "integer": True}}
    assert n_jobs(case_of(whole, method="tpe", trials=8)) == 3 + 3


def test_an_interrupted_search_goes_on_where_it_was():
    case = case_of({"x": {"low": 0.0, "high": 1.0}}, method="tpe", trials=8)
    whole = [job.id for job in play(case, Finished(lambda s: s["x"]))]
    broken = Finished(lambda s: s["x"])
    for _ in range(5):
        broken.make(next_jobs(case, broken)[0])
    resumed = Finished(lambda s: s["x"])
    resumed.records = dict(broken.records)
    play(case, resumed)
    assert [job.id for job in broken.order + resumed.order] == whole


def test_lists_as_values():
    case = case_of({"layers": [[64], [64, 32]]}, method="tpe", trials=3)
    order = play(case, Finished(lambda s: len(s["layers"])))
    assert order[-1].settings["layers"] == [64, 32]
