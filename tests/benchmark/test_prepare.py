"""A plan makes the datasets that its runs need, and tells what has changed under it."""

import json

import pytest

from recbole_mmsc.benchmark.plan import Plan, PlanError
from recbole_mmsc.benchmark.prepare import prepare
from recbole_mmsc.data.features import features_path
from recbole_mmsc.dataset_builders.demo import generate_demo


def plan_of(raw, model="MMSC", settings=None, **dataset):
    entry = {"name": "shop", "meta": [str(raw.meta)], "encoders": ["tfidf"], **dataset}
    model = {"model": model, "settings": {"encoder": "tfidf", **(settings or {})}}
    return Plan.model_validate({"datasets": [entry], "models": [model]})


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return generate_demo(tmp_path_factory.mktemp("raw"), n_items=200, seed=7, progress=False)


def test_every_cut_of_a_catalogue_is_built_encoded_and_given_its_noise(raw, tmp_path):
    cuts = {"splits": ["warm", "cold"], "policies": ["difference", "raw"], "noise": ["random-30"]}
    cases = prepare(plan_of(raw, **cuts), tmp_path)
    names = [case.dataset for case in cases]
    clean = ["shop", "shop-cold", "shop-raw", "shop-raw-cold"]
    assert names == [made for name in clean for made in (name, f"{name}-random30")]
    assert len({case.split_sha256 for case in cases}) == len(names)
    for name in names:
        assert features_path(tmp_path / name, "tfidf").is_file()
    assert prepare(plan_of(raw, **cuts), tmp_path) == cases, "what is there is not made again"


@pytest.mark.parametrize(
    ("cut", "options"),
    [
        ({}, "shop --meta FILE"),
        ({"policies": ["raw"]}, "shop-raw --meta FILE --policy raw"),
        ({"splits": ["cold"]}, "shop --meta FILE --split cold"),
    ],
)
def test_the_command_that_builds_what_is_missing(raw, tmp_path, cut, options):
    with pytest.raises(PlanError) as error:
        prepare(plan_of(raw, meta=[], **cut), tmp_path)
    command = f"recbole-mmsc build --name {options} --out {tmp_path}"
    assert str(error.value).splitlines()[-1].strip() == command


def test_the_command_that_builds_a_presets_cut(raw, tmp_path):
    with pytest.raises(PlanError) as error:
        prepare(plan_of(raw, name="amazon-home-raw-cold", meta=[]), tmp_path)
    assert (
        "    recbole-mmsc build amazon-home --meta meta_Home_and_Kitchen.json.gz --policy raw "
        f"--split cold --out {tmp_path}\n"
    ) in str(error.value)


def test_what_is_wrong_with_any_dataset_is_told_before_one_is_built(raw, tmp_path):
    for changes, found in [
        ({"encoders": ["tfdif"]}, "datasets of shop, encoders: .*Did you mean 'tfidf'"),
        ({"splits": ["warm", "warm"]}, "expected each dataset once, found more of shop$"),
        ({"name": "shop-cold", "splits": ["warm", "cold"]}, "found more of shop-cold$"),
    ]:
        with pytest.raises(PlanError, match=found):
            prepare(plan_of(raw, **changes), tmp_path)
    plan = plan_of(raw).model_dump()
    plan["datasets"].append({"name": "other"})
    with pytest.raises(PlanError, match=r"expected the dataset in .*other"):
        prepare(Plan.model_validate(plan), tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_name_of_a_cold_split_is_built_as_one(raw, tmp_path):
    (case,) = prepare(plan_of(raw, name="shop-cold"), tmp_path)
    assert case.dataset == "shop-cold"
    document = json.loads((tmp_path / "shop-cold" / "dataset.json").read_text())
    assert document["options"]["split"] == "cold"


def test_the_demo_is_built_under_every_policy(tmp_path):
    entry = {"name": "demo", "policies": ["raw"], "splits": ["cold"]}
    plan = {"datasets": [entry], "models": [{"model": "EASE"}]}
    (case,) = prepare(Plan.model_validate(plan), tmp_path)
    assert case.dataset == "demo-raw-cold"


def test_nothing_is_made_where_nothing_is_to_be_made(raw, tmp_path):
    with pytest.raises(PlanError, match=r"expected the dataset in .*shop, found none"):
        prepare(plan_of(raw), tmp_path, make=False)
    assert not any(tmp_path.iterdir())
    made = prepare(plan_of(raw), tmp_path)
    assert prepare(plan_of(raw), tmp_path, make=False) == made


def test_an_encoder_that_is_added_later_reaches_the_noisy_dataset(raw, tmp_path):
    prepare(plan_of(raw, encoders=[], noise=["swapped-30"]), tmp_path)
    prepare(plan_of(raw, noise=["swapped-30"]), tmp_path)
    assert features_path(tmp_path / "shop-swapped30", "tfidf").is_file()


def test_noise_of_another_split_is_refused(raw, tmp_path):
    (clean, _) = prepare(plan_of(raw, noise=["random-30"]), tmp_path)
    document = tmp_path / "shop" / "dataset.json"
    document.write_text(document.read_text().replace(clean.split_sha256, "0" * 64, 1))
    with pytest.raises(PlanError, match=r"noise of shop as it is now.*remove .*shop-random30"):
        prepare(plan_of(raw, noise=["random-30"]), tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"split_sha256": 5}'])
def test_a_damaged_dataset_json_is_named(raw, tmp_path, text):
    prepare(plan_of(raw), tmp_path)
    (tmp_path / "shop" / "dataset.json").write_text(text)
    with pytest.raises(ValueError, match=r"dataset\.json, found a damaged file; build the dataset"):
        prepare(plan_of(raw), tmp_path)


def test_a_model_that_draws_is_run_for_every_seed(raw, tmp_path):
    solved = {
        "EASE": True,
        "ContrastEASE": True,
        "Random": False,
        "SLIMElastic": False,
        "SLIM": False,
    }
    for model, once in {**solved, "BPR": False}.items():
        (case,) = prepare(plan_of(raw, model), tmp_path)
        assert case.deterministic == once, model


@pytest.mark.parametrize(
    ("changed", "new"),
    [
        ("behaviour.parquet", ("MMSC",)),
        ("catalogue.parquet", ("MMSC",)),
        ("features/tfidf.safetensors", ("MMSC",)),
        ("supervision/people.parquet", ("MMSC",)),
        ("candidates/test.parquet", ("MMSC", "EASE")),
        ("features/minilm.safetensors", ()),
        ("supervision/rules.parquet", ()),
        ("README.md", ()),
    ],
)
def test_a_changed_file_is_a_new_run_of_the_models_that_read_it(raw, tmp_path, changed, new):
    settings = {"supervision": ["people"]}
    plans = [plan_of(raw, "MMSC", settings), plan_of(raw, "EASE", settings)]
    before = [case.job({}, 1, "run").id for plan in plans for case in prepare(plan, tmp_path)]
    file = tmp_path / "shop" / changed
    file.parent.mkdir(exist_ok=True)
    with file.open("ab") as opened:
        opened.write(b" ")
    after = [case.job({}, 1, "run").id for plan in plans for case in prepare(plan, tmp_path)]
    models = ("MMSC", "EASE")
    assert tuple(m for m, old, now in zip(models, before, after, strict=True) if old != now) == new


@pytest.mark.parametrize(("model", "kind"), [("GRU4Rec", "sequential"), ("FM", "context")])
def test_a_model_that_needs_more_than_pairs_is_refused(raw, tmp_path, model, kind):
    with pytest.raises(PlanError, match=f"general recommenders, found {model}, .* {kind} one"):
        prepare(plan_of(raw, model=model), tmp_path)
    assert not list(tmp_path.iterdir())
