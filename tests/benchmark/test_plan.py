"""Plans: what is refused, and with which words; the ready ones."""

import pytest
import yaml

from recbole_mmsc.benchmark.plan import Plan, PlanError, find_plan, read_plan
from recbole_mmsc.properties_files import ready_plans
from recbole_mmsc.registration import MODELS

SMALL = {"datasets": [{"name": "tiny"}], "models": [{"model": "BPR"}]}


def write(tmp_path, **changes):
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **changes}))
    return file


def test_the_smallest_plan(tmp_path):
    plan = read_plan(write(tmp_path))
    assert plan.models[0].name == "BPR"
    assert plan.datasets[0].splits == ["warm"]
    assert plan.resources.seconds == 3 * plan.resources.budget + 900


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": [1]}, "unknown key seed \\(did you mean 'seeds'\\?\\)"),
        ({"zzz": 1}, "unknown key zzz; known: title, datasets"),
        ({"resources": {"thread": 2}}, "unknown key resources.thread \\(did you mean 'threads'"),
        ({"models": [{"model": "A", "setings": {}}]}, "unknown key models.0.setings .*'settings'"),
        ({"seeds": [1, 1]}, "seeds: expected each value once"),
        ({"seeds": []}, "seeds: .* at least 1 item"),
        ({"cutoffs": [0]}, "cutoffs.0: .* greater than 0, found 0"),
        ({"metrics": ["auc"]}, "metrics.0: .*'ndcg'"),
        ({"valid_metric": "hit@5"}, "valid_metric: expected one of .*'ndcg@10'"),
        ({"models": [{"model": "A"}, {"model": "A"}]}, "label of its own.*\\['A'\\]"),
        ({"datasets": [{"name": "a", "noise": ["loud"]}]}, "random-30 or swapped-10"),
        ({"datasets": [{"name": "a", "splits": ["hot"]}]}, "datasets.0.splits.0: .*'warm'"),
        (
            {"models": [{"model": "A", "settings": {"k": 1}, "search": {"k": [1]}}]},
            "A: expected .* in settings or in search, not both",
        ),
        (
            {"models": [{"model": "A", "search": {"k": {"low": 1, "high": 2}}}]},
            "expected a list of values for k, found an interval",
        ),
        (
            {
                "models": [{"model": "A", "search": {"k": [1, 2], "l": [1, 2]}}],
                "search": {"trials": 3},
            },
            "at most 3 combinations, found 4",
        ),
        (
            {
                "models": [{"model": "A", "search": {"k": {"low": 2, "high": 1}}}],
                "search": {"method": "random"},
            },
            "expected low < high",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, changes, message):
    with pytest.raises(PlanError, match=message):
        read_plan(write(tmp_path, **changes))


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "", "\x00"])
def test_no_plan_at_all(tmp_path, text):
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    with pytest.raises(PlanError, match=r"plan\.yaml"):
        read_plan(file)


def test_an_unknown_plan_names_the_nearest():
    with pytest.raises(PlanError, match="did you mean 'amazon-beauty'"):
        find_plan("amazon-beuty")


@pytest.mark.parametrize("file", ready_plans().values(), ids=lambda file: file.stem)
def test_ready_plans(file):
    from recbole_mmsc.missing import recbole_models

    plan = read_plan(find_plan(file.stem))
    assert isinstance(plan, Plan)
    for model in plan.models:
        assert model.model in MODELS or model.model in recbole_models()


def test_there_are_ready_plans():
    names = {"demo", "demo-modalities", "demo-ablations"}
    amazon = {f"amazon-{name}" for name in ("beauty", "home", "five", "small")}
    assert set(ready_plans()) == names | amazon
