"""Presets of the build command."""

import pytest

from recbole_mmsc.dataset_builders.presets import get_preset, load_presets
from recbole_mmsc.dataset_builders.product import BuildError

PROMISED = ["home", "electronics", "clothing", "beauty", "toys", "sports", "grocery"]


def test_promised_presets_are_there_and_say_where_their_file_is():
    presets = load_presets()
    assert {f"amazon-{name}" for name in PROMISED} | {"demo"} <= set(presets)
    assert "relation" not in presets
    assert list(presets) == sorted(presets)
    for name, preset in presets.items():
        assert preset.name == name
        if preset.file:
            assert preset.address.startswith("https://")
            assert preset.address.endswith("/" + preset.file)
            assert preset.page.startswith("https://")
            assert preset.citation
    assert presets["amazon-home"].file == "meta_Home_and_Kitchen.json.gz"
    assert presets["amazon-beauty"].format == "amazon-2014"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("amazon-hme", "amazon-home"), ("toys", "amazon-toys"), ("beauti", "beauty")],
)
def test_unknown_presets_suggest_the_nearest(name, meant):
    with pytest.raises(BuildError, match=rf"got '{name}'.* Did you mean '(amazon-)?{meant}'\?"):
        get_preset(name)


def test_a_generated_catalogue_is_not_to_be_built():
    with pytest.raises(BuildError, match=r"^Expected a preset among [^(]* \(got 'demo'\)") as error:
        get_preset("demo")
    assert "demo" not in str(error.value).partition("(")[0]


def test_hopeless_names_list_the_presets():
    with pytest.raises(BuildError, match=r"amazon-home.*got '\.\./x'\)\.$"):
        get_preset("../x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x\nformat: amazon-2018\nadress: y\n", "adress: Extra inputs"),
        ("format: amazon-2018\n", "title: Field required"),
        ("title: x\nformat: netflix\n", "format: Input should be"),
        ("- a\n- b\n", "expected a mapping, found list"),
        ("title: [\n", "not YAML"),
        ("title: !!python/object/apply:os.system ['true']\n", "not YAML"),
    ],
)
def test_files_that_are_no_presets_are_refused_by_name(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(BuildError, match=rf"mine\.yaml: {message}"):
        load_presets(tmp_path)


def test_a_preset_may_carry_recbole_settings(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "title: x\nformat: amazon-2018\nrecbole:\n  eval_batch_size: 1\n"
    )
    assert load_presets(tmp_path)["mine"].recbole == {"eval_batch_size": 1}
