"""MMSC's settings: names, types, ranges, defaults, and misspelt keys."""

import logging
import sys

import pytest
import yaml
from pydantic import Field
from recbole.config import Config

from recbole_mmsc.properties_files import PROPERTIES, model_defaults
from recbole_mmsc.settings import MMSCSettings, ModelSettings, SettingsError, check_keys


class ToySettings(ModelSettings):
    model_name = "Toy"

    width: int = Field(gt=0, description="how wide")
    heat: float = Field(gt=0, le=1, description="how hot")


@pytest.fixture
def config_of(tiny_folder):
    """Make a Config for MMSC on the tiny folder with further settings."""

    def make(files=None, **settings):
        settings = {"data_path": str(tiny_folder.parent), "gpu_id": "", **settings}
        return Config("MMSC", "tiny", config_file_list=files, config_dict=settings)

    return make


# --- the model and its YAML file


def test_every_field_has_a_description_and_none_a_default_of_its_own():
    for name, field in MMSCSettings.model_fields.items():
        assert field.description, name
        assert field.is_required(), f"{name}: defaults belong in properties/model/MMSC.yaml"


def test_the_yaml_file_and_the_settings_agree(config_of):
    defaults = yaml.safe_load((PROPERTIES / "model" / "MMSC.yaml").read_text(encoding="utf-8"))
    missing = set(MMSCSettings.model_fields) - set(defaults)
    assert not missing, f"no default in MMSC.yaml: {missing}"
    plain = Config("BPR", "ml-100k", config_dict={"gpu_id": ""}).internal_config_dict
    unknown = set(defaults) - set(MMSCSettings.model_fields) - set(plain)
    assert not unknown, f"in MMSC.yaml, but neither MMSC's nor RecBole's: {unknown}"
    settings = MMSCSettings.from_config(model_defaults("MMSC"))
    assert MMSCSettings.from_config(config_of()) == settings
    assert settings.model_dump() == {name: defaults[name] for name in MMSCSettings.model_fields}


def test_from_config_checks_types_and_ranges():
    assert ToySettings.from_config({"width": 3, "heat": 1, "epochs": 5}).heat == 1.0
    with pytest.raises(SettingsError) as error:
        ToySettings.from_config({"width": "wide", "heat": 2.0})
    message = str(error.value)
    assert "Toy cannot run" in message
    assert "width: Input should be a valid integer, found 'wide' (width: how wide)" in message
    assert "heat: Input should be less than or equal to 1, found 2.0" in message
    with pytest.raises(SettingsError, match="heat: Field required, found nothing"):
        ToySettings.from_config({"width": 3})
    with pytest.raises(SettingsError, match="width: Input should be a valid integer, found True"):
        ToySettings.from_config({"width": True, "heat": 1})


# --- through RecBole's Config, before any data is read


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embeding_size": 32}, "'embeding_size' .did you mean 'embedding_size'"),
        ({"train_batchsize": 32}, "'train_batchsize' .did you mean 'train_batch_size'"),
        ({"zzzz": 1}, "does not know 'zzzz'\\. Its own settings: .*embedding_size"),
        ({"embedding_size": -1}, "embedding_size: Input should be greater than 0, found -1"),
        ({"embedding_size": "wide"}, "embedding_size: Input should be a valid integer"),
        ({"supervision": ["rules", "rules"]}, "supervision: .*expected each labeller once"),
        ({"supervision": ["openai:x", "openai-x"]}, "supervision: .*expected each labeller once"),
    ],
)
def test_config_dict(config_of, settings, message):
    with pytest.raises(SettingsError, match=message):
        config_of(**settings)


def test_config_file(config_of, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("embeding_size: 32\nlearning_rat: 0.1\n", encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        config_of(files=[str(file)])
    assert "'embeding_size' (did you mean 'embedding_size'?)" in str(error.value)
    assert "'learning_rat' (did you mean 'learning_rate'?)" in str(error.value)


def test_what_recbole_reads_is_valid(config_of):
    config = config_of(
        embedding_size=32,
        learning_rate=0.01,
        train_batch_size=64,
        eval_args={"mode": "full"},
        USER_ID_FIELD="query_id",
        encoding="utf-8",
        worker=0,
        wandb_project="mine",
        relation_dataset=True,
    )
    assert config["embedding_size"] == 32


def test_other_models_are_not_checked(tiny_folder):
    settings = {"data_path": str(tiny_folder.parent), "gpu_id": "", "zzzz": 1}
    assert Config("BPR", "tiny", config_dict=settings)["zzzz"] == 1


def test_a_misspelling_on_the_command_line_is_an_error(config_of, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py", "--embeding_size=32"])
    with pytest.raises(SettingsError, match=r"'--embeding_size' .did you mean 'embedding_size'"):
        config_of()


def test_the_host_s_own_command_line_is_a_warning(config_of, monkeypatch, caplog):
    monkeypatch.setattr(sys, "argv", ["pytest", "--junitxml=report.xml", "--embedding_size=16"])
    with caplog.at_level(logging.WARNING):
        config = config_of()
    assert config["embedding_size"] == 16
    assert "--junitxml on the command line is no setting of MMSC's" in caplog.text


def test_keys_that_are_no_words():
    with pytest.raises(SettingsError, match="Toy does not know '3'; nor 'None'"):
        check_keys(ToySettings, ["epochs"], [3, None, "epochs", "width"])
