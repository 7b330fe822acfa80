"""Settings of a plan: what is refused, what is unknown, and what must pass."""

import re

import pytest
import yaml
from recbole.utils.argument_list import dataset_arguments, evaluation_arguments

from recbole_mmsc.benchmark.plan import Plan, PlanError, read_plan
from recbole_mmsc.benchmark.recbole_keys import (
    PACKAGE,
    READ,
    REFUSED,
    known_settings,
    setting_problems,
)
from recbole_mmsc.missing import recbole_models
from recbole_mmsc.properties_files import model_defaults, relation_base
from recbole_mmsc.registration import MODELS

GENERAL = sorted(
    name
    for name in recbole_models()
    if (PACKAGE / "model" / "general_recommender" / f"{name.lower()}.py").is_file()
)


def problems(model="BPR", settings=None, search=None, recbole=None):
    """Those of a plan with one model before which stands another."""
    asked = {"model": model, "label": "asked", "settings": settings or {}, "search": search or {}}
    plan = {"datasets": [{"name": "tiny"}], "models": [{"model": "Pop"}, asked]}
    plan |= {"settings": recbole or {}, "search": {"method": "tpe"}}
    return list(setting_problems(Plan.model_validate(plan)))


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("topk", "use the plan's cutoffs"),
        ("metrics", "use the plan's metrics"),
        ("valid_metric", "use the plan's valid_metric"),
        ("seed", "use the plan's seeds"),
        ("gpu_id", "use the plan's resources.gpu_id"),
        ("use_gpu", "use the plan's resources.gpu_id"),
        ("device", "use the plan's resources.gpu_id"),
        ("nproc", "use the plan's resources.parallel"),
        ("model", "use the plan's models"),
        ("dataset", "use the plan's datasets"),
        ("eval_args", "use the plan's datasets.splits"),
        ("benchmark_filename", "use the plan's datasets.splits"),
        ("data_path", "use the option --data"),
        ("checkpoint_dir", "use the option --out"),
        ("config_file", "use the plan's settings"),
        ("relation_dataset", "leave it out"),
        ("load_col", "leave it out"),
        ("metric_decimal_place", "leave it out"),
        ("show_progress", "leave it out"),
        ("repeatable", "leave it out"),
        ("dataset_save_path", "leave it out"),
        ("dataloaders_save_path", "leave it out"),
        ("MODEL_TYPE", "leave it out"),
        ("test_neg_sample_args", "leave it out"),
    ],
)
def test_what_is_the_same_for_every_run_is_refused_wherever_it_stands(key, advice):
    why = "expected a setting of a model or of its training, found one that is the same for every"
    for place, given in {
        "settings": {"recbole": {key: [1]}},
        "models.1.settings": {"settings": {key: [1]}},
        "models.1.search": {"search": {key: [1]}},
    }.items():
        assert problems(**given) == [f"{place}.{key}: {why} run: {advice}"]


def test_all_that_reads_data_or_evaluates_is_refused():
    ours = set(relation_base())
    assert ({*dataset_arguments, *evaluation_arguments} | ours) - REFUSED == {"eval_batch_size"}


def test_it_is_refused_for_a_model_that_does_not_exist_too():
    assert known_settings("LightGCM") is None
    (problem,) = problems("LightGCM", {"zzz": 1, "topk": 1}, recbole={"zzz": 1})
    assert problem.startswith("models.1.settings.topk:")


@pytest.mark.parametrize(
    ("model", "wrong", "right"),
    [
        ("BPR", "epoch", "epochs"),
        ("BPR", "embeding_size", "embedding_size"),
        ("MMSC", "embeding_size", "embedding_size"),
        ("ContrastEASE", "contrast_wieght", "contrast_weight"),
        ("BPR", "neg_sampling", "train_neg_sample_args"),
        ("BPR", "training_neg_sample_num", "train_neg_sample_args"),
    ],
)
def test_an_unknown_setting_names_the_nearest(model, wrong, right):
    hint = f"(did you mean '{right}'?)"
    assert problems(model, {wrong: 1}) == [f"unknown setting models.1.settings.{wrong} {hint}"]
    assert problems(model, {}, {wrong: [1]}) == [f"unknown setting models.1.search.{wrong} {hint}"]
    assert problems(model, recbole={wrong: 1}) == [f"unknown setting settings.{wrong} {hint}"]


def test_a_setting_like_no_other_lists_those_that_are_known():
    (problem,) = problems("EASE", {"zzz": 1})
    assert re.match(r"unknown setting models\.1\.settings\.zzz; known: .*reg_weight", problem)


def test_a_setting_of_another_model_is_unknown_but_may_stand_for_all():
    assert problems("EASE", {"n_layers": 1})
    assert not problems("LightGCN", recbole={"n_layers": 1})


def test_what_a_model_and_its_training_take_passes():
    settings = {
        "epochs": 2,
        "train_batch_size": 8,
        "train_neg_sample_args": {"distribution": "uniform", "sample_num": 2},
        "eval_batch_size": 8,
        "eval_step": 1,
        "learner": "adam",
        "reproducibility": False,
        "state": "ERROR",
        "log_wandb": True,
        "wandb_project": "shop",
        "worker": 2,
        "enable_amp": True,
    }
    assert not problems("BPR", recbole=settings)
    assert not problems("BPR", settings)
    assert not problems("BPR", search={"epochs": {"low": 1, "high": 9, "integer": True}})


@pytest.mark.parametrize("model", GENERAL)
def test_all_that_a_model_of_recboles_has_or_reads_is_known(model):
    file = PACKAGE / "properties" / "model" / f"{model}.yaml"
    listed = set(yaml.safe_load(file.read_text(encoding="utf-8")) or ()) if file.is_file() else ()
    source = PACKAGE / "model" / "general_recommender" / f"{model.lower()}.py"
    read = set(READ.findall(source.read_text(encoding="utf-8")))
    assert set(listed) <= known_settings(model)
    assert read <= known_settings(model) | REFUSED


def test_there_are_33():
    assert len(GENERAL) == 33


@pytest.mark.parametrize("model", ["DiffRec", "LDiffRec"])  # the latter extends the former
def test_a_setting_that_only_the_source_names_is_known(model):
    assert not problems(model, {"norm": True})


@pytest.mark.parametrize("model", MODELS)
def test_all_that_a_model_of_ours_has_is_known(model):
    settings = {*MODELS[model].settings.model_fields, *model_defaults(model)}
    assert settings <= known_settings(model)


@pytest.mark.parametrize("key", ["epochs", "eval_step", "stopping_step"])
def test_counts_are_whole_numbers_of_one_or_more(key):
    expected = "expected a whole number of 1 or more, found"
    for value in (0, -1, 1.5, True, "1", None):
        assert problems(settings={key: value}) == [f"models.1.settings.{key}: {expected} {value!r}"]
    assert problems(recbole={key: 0}) == [f"settings.{key}: {expected} 0"]
    assert problems(search={key: [1, 0]}) == [f"models.1.search.{key}: {expected} [1, 0]"]
    for interval in ({"low": 0, "high": 3, "integer": True}, {"low": 1, "high": 3}):
        (problem,) = problems(search={key: interval})
        assert problem.startswith(f"models.1.search.{key}: {expected} Range(low=")
    assert not problems(search={key: {"low": 1, "high": 3, "integer": True}})
    assert not problems(settings={key: 1}, recbole={key: 7})


def test_a_value_that_a_model_of_ours_does_not_take_is_refused():
    said = "models.1: MMSC cannot run with these settings: dropout: Input should be less than 1, "
    (problem,) = problems("MMSC", {"dropout": 3})
    assert problem.startswith(said + "found 3 (dropout: share")
    (problem,) = problems("MMSC", recbole={"dropout": 3})
    assert problem.startswith(said)
    assert not problems("MMSC", {"dropout": 0.3}, recbole={"dropout": 3})
    for read in ({"content_reg": "1e-2"}, {"modalities": "['text']"}, {"list_order": "False"}):
        assert not problems("MMSC", read), "which RecBole reads as what it spells"


@pytest.mark.parametrize(
    "text", [{"dropout": "abc"}, {"dropout": "3"}, {"supervision": "rules"}, {"encoder": ""}]
)
def test_a_text_is_no_other_value(text):
    (problem,) = problems("MMSC", text)
    (name,) = text
    assert problem.startswith(f"models.1: MMSC cannot run with these settings: {name}: ")


@pytest.mark.parametrize(
    ("space", "found"),
    [
        ({"dropout": [0.1, 3]}, "dropout: Input should be less than 1, found 3"),
        ({"dropout": {"low": 0.1, "high": 2}}, "dropout: Input should be less than 1, found 2.0"),
        ({"content_neighbours": [20, 2.5]}, "content_neighbours: Input should be a valid integer"),
        ({"modalities": [["smell"]]}, "modalities: "),
        ({"modalities": ["text", ["image"]]}, "modalities: "),
    ],
)
def test_a_searched_value_that_a_model_of_ours_does_not_take_is_refused(space, found):
    (name,) = space
    (problem,) = problems("MMSC", search=space)
    said = f"models.1.search.{name}: MMSC cannot run with these settings: "
    assert problem.startswith(said + found)


def test_searched_values_that_a_model_of_ours_takes_pass():
    whole = {"low": 10, "high": 50, "integer": True}
    space = {"dropout": [0, 0.5], "content_neighbours": whole, "content_reg": ["1e-2"]}
    assert not problems("MMSC", search=space)


def test_a_setting_for_every_run_is_one_that_every_model_of_ours_knows():
    def problems_of(*models):
        plan = {
            "datasets": [{"name": "tiny"}],
            "models": [{"model": model} for model in models],
            "settings": {"embedding_size": 32},
        }
        return list(setting_problems(Plan.model_validate(plan)))

    assert problems_of("MMSC", "AdamicAdar") == [
        "settings.embedding_size: expected a setting that every model knows, found one that "
        "AdamicAdar does not: move it to the settings of those that do"
    ]
    assert not problems_of("MMSC", "Pop"), "RecBole's models take no notice"


def test_a_fixed_value_that_is_refused_is_said_once():
    (problem,) = problems("MMSC", {"dropout": 3}, search={"content_reg": [0.1, 0.2]})
    assert problem.startswith("models.1: ")


@pytest.mark.parametrize("model", MODELS)
def test_the_defaults_of_our_models_pass(model):
    assert not problems(model)


def test_a_plan_with_such_settings_is_not_read(tmp_path):
    models = [{"model": "BPR"}, {"model": "EASE", "settings": {"reg_wieght": 1.0}}]
    file = tmp_path / "plan.yaml"
    plan = {"datasets": [{"name": "tiny"}], "models": models, "settings": {"seed": 1}}
    file.write_text(yaml.safe_dump(plan), encoding="utf-8")
    with pytest.raises(PlanError) as error:
        read_plan(file)
    assert str(error.value) == (
        f"{file}: settings.seed: expected a setting of a model or of its training, found one that "
        "is the same for every run: use the plan's seeds; "
        "unknown setting models.1.settings.reg_wieght (did you mean 'reg_weight'?)"
    )
