"""Plans: what is refused, and with which words; the ready ones."""

import math
from datetime import date

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
        ({"seeds": [-1]}, "seeds.0: .* greater than or equal to 0, found -1"),
        ({"seeds": [2**32]}, "seeds.0: .* less than 4294967296"),
        ({"seeds": []}, "seeds: .* at least 1 item"),
        ({"cutoffs": [0]}, "cutoffs.0: .* greater than 0, found 0"),
        ({"metrics": ["auc"]}, "metrics.0: .*'ndcg'"),
        ({"valid_metric": "hit@5"}, "valid_metric: expected one of ndcg@10, .*, found hit@5"),
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
        ({"resources": {"budget": float("inf")}}, "resources.budget: .*finite number, found inf"),
        ({"resources": {"memory": float("inf")}}, "resources.memory: .*finite number"),
        ({"models": [{"model": "BPR", "label": "B" * 81}]}, "models.0.label: .*80 characters"),
        ({"settings": {"wandb_project": date(2024, 5, 1)}}, "write a date in quotes"),
        ({"cutoffs": [5]}, r"valid_metric: expected one of .*, found ndcg@10;"),
        ({"settings": {"topk": [5]}}, "settings.topk: .* use the plan's cutoffs"),
        (
            {"models": [{"model": "BPR", "settings": {"epoch": 1}}]},
            "unknown setting models.0.settings.epoch \\(did you mean 'epochs'\\?\\)",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, changes, message):
    with pytest.raises(PlanError, match=message):
        read_plan(write(tmp_path, **changes))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 1, "high": 5, "lgo": True}, "unknown key {k}.lgo (did you mean 'log'?)"),
        ({"low": 1, "high": 5, "zzz": 1}, "unknown key {k}.zzz; known: low, high, log, integer"),
        ({"low": 1, "log": True}, "{k}.high: expected a value, found nothing"),
        (
            {"low": 5, "high": 1},
            "{k}: expected low < high, and low > 0 where log is true, found low 5 and high 1",
        ),
        (
            {"low": 0, "high": 1, "log": True},
            "{k}: expected low < high, and low > 0 where log is true, found low 0 and high 1",
        ),
        (
            {"low": 1.5, "high": 3, "integer": True},
            "{k}: expected whole numbers as low and high where integer is true, "
            "found low 1.5 and high 3",
        ),
        ({"low": 1, "high": float("inf")}, "{k}.high: Input should be a finite number, found inf"),
        (5, "{k}: expected a list of values, or an interval with low and high, found 5"),
        ([], "{k}: List should have at least 1 item after validation, not 0, found []"),
    ],
)
@pytest.mark.parametrize("name", ["k", "interval", "Range"])
def test_what_is_wrong_with_a_search_is_one_line(tmp_path, name, values, message):
    file = write(tmp_path, models=[{"model": "A", "search": {name: values}}])
    with pytest.raises(PlanError) as error:
        read_plan(file)
    assert str(error.value) == f"{file}: {message.format(k=f'models.0.search.{name}')}"


def test_a_misspelt_key_of_noise_is_one_of_noise(tmp_path):
    noise = [{"kind": "random", "share": 0.3, "knd": 1}]
    with pytest.raises(PlanError, match=r"0\.noise\.0\.knd; known: kind, share$"):
        read_plan(write(tmp_path, datasets=[{"name": "a", "noise": noise}]))
    noise = [{"kind": "random", "shar": 0.3}]
    with pytest.raises(PlanError, match=r"0\.noise\.0\.shar \(did you mean 'share'\?\)$"):
        read_plan(write(tmp_path, datasets=[{"name": "a", "noise": noise}]))


def test_a_plan_is_the_same_when_it_is_read_back():
    space = {"learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "n_layers": [1, 2]}
    models = [{"model": "LightGCN", "search": space}]
    plan = Plan.model_validate({**SMALL, "models": models, "search": {"method": "tpe"}})
    assert plan.models[0].search["learning_rate"].log
    assert plan.models[0].search["n_layers"] == [1, 2]
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


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


@pytest.mark.parametrize("file", ready_plans().values(), ids=lambda file: file.stem)
def test_every_tuned_method_of_a_ready_plan_has_the_same_trials(file):
    plan = read_plan(file)
    assert plan.search.method == "grid"
    sizes = [
        math.prod(len(values) for values in model.search.values())
        for model in plan.models
        if model.search
    ]
    assert set(sizes) <= {plan.search.trials}


@pytest.mark.parametrize("name", ["amazon-home", "amazon-five", "amazon-small"])
def test_what_is_tuned_on_beauty_is_tuned_everywhere(name):
    tuned = {m.model: set(m.search) for m in read_plan(find_plan("amazon-beauty")).models}
    for model in read_plan(find_plan(name)).models:
        assert set(model.search) == tuned[model.model], model.model


def test_there_are_ready_plans():
    names = {"demo", "demo-modalities", "demo-ablations"}
    amazon = {f"amazon-{name}" for name in ("beauty", "home", "five", "small")}
    beauty = {f"amazon-beauty-{name}" for name in ("raw", "noise", "ablations")}
    assert set(ready_plans()) == names | amazon | beauty
