"""What ``import recbole_mmsc`` changes in RecBole: its own calls, with our names."""

import logging
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import recbole.data
import recbole.data.utils
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.dataloader import FullSortEvalDataLoader, NegSampleEvalDataLoader
from recbole.data.dataset import Dataset
from recbole.quick_start import load_data_and_model, objective_function, run_recbole
from recbole.utils import get_model

import recbole_mmsc
from recbole_mmsc import registration
from recbole_mmsc.dataset_builders.audit import audit_folder
from recbole_mmsc.dataset_builders.presets import Preset
from recbole_mmsc.evaluation.masking import RelationFullSortDataLoader
from recbole_mmsc.missing import DatasetNotBuilt, UnknownModel
from recbole_mmsc.registration import Model
from tests.tiny import write_tiny

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def settings(tiny_folder, tmp_path, monkeypatch):
    """Settings of a run of one epoch on the tiny folder, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    return {
        "data_path": str(tiny_folder.parent),
        "epochs": 1,
        "gpu_id": "",
        "state": "ERROR",
        "show_progress": False,
    }


@pytest.fixture
def toy(monkeypatch):
    """The model Toy, registered as any further model of ours would be."""
    defaults = registration.model_defaults
    monkeypatch.setattr(
        registration,
        "model_defaults",
        lambda model, loader: {"embedding_size": 8} if model == "Toy" else defaults(model, loader),
    )
    monkeypatch.setitem(registration.MODELS, "Toy", Model("Toy", "tests.toy"))
    registration._register_models()


# --- registering


def test_registering_again_changes_nothing():
    hooks = [
        (Config, "_load_internal_config_dict"),
        (Config, "_get_model_and_dataset"),
        (Dataset, "_load_data"),
        (Dataset, "_download"),
        (recbole.data.utils, "get_dataloader"),
        (torch, "load"),
    ]
    before = [vars(owner)[name] for owner, name in hooks]
    recbole_mmsc.register()
    registration.register()
    assert [vars(owner)[name] for owner, name in hooks] == before


def test_our_names():
    assert recbole_mmsc.run_recbole is run_recbole
    assert recbole_mmsc.__version__.split(".")[0].isdigit()


def test_get_model_finds_the_class_under_its_own_name(toy):
    assert get_model("Toy").__module__ == "tests.toy"
    assert get_model("MMSC").__module__ == "recbole_mmsc.model.mmsc"
    assert pickle.loads(pickle.dumps(get_model("MMSC"), protocol=4)) is get_model("MMSC")


IMPORTED = """
import sys, recbole_mmsc
from recbole.utils import get_model
assert "torch_geometric" not in sys.modules, "imported by registering alone"
print(get_model("MMSC").__module__)
"""


def test_a_model_is_imported_when_it_is_asked_for():
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True)
    assert done.stdout == "recbole_mmsc.model.mmsc\n", done.stderr


# --- Config


def test_any_folder_of_ours_gets_the_base_settings(settings):
    config = Config(model="BPR", dataset="tiny", config_dict=settings)
    assert config["USER_ID_FIELD"] == "query_id"
    assert config["benchmark_filename"] == ["train", "valid", "test"]
    assert config["load_col"] == {
        "inter": ["query_id", "item_id"],
        "user": ["query_id"],
        "item": ["item_id"],
    }
    assert config["valid_metric"] == "NDCG@10"
    assert config["eval_args"]["mode"] == {"valid": "full", "test": "full"}
    assert config["eval_batch_size"] == 40_960_000
    assert config["epochs"] == 1


def test_the_user_s_settings_win(settings, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("valid_metric: Recall@5\ntopk: [5]\n", encoding="utf-8")
    settings["eval_batch_size"] = 100
    config = Config("BPR", "tiny", config_file_list=[str(file)], config_dict=settings)
    assert config["valid_metric"] == "Recall@5"
    assert config["topk"] == [5]
    assert config["eval_batch_size"] == 100


def test_a_preset_adds_what_differs(settings, monkeypatch):
    preset = Preset(name="tiny", title="", format="amazon-2018", recbole={"topk": [3]})
    monkeypatch.setattr(registration, "load_presets", lambda: {"tiny": preset})
    config = Config(model="BPR", dataset="tiny", config_dict=settings)
    assert config["topk"] == [3]
    assert config["USER_ID_FIELD"] == "query_id"


def test_the_default_data_path_is_recbole_s(settings):
    del settings["data_path"]  # the working directory holds dataset/tiny
    config = Config(model="BPR", dataset="tiny", config_dict=settings)
    assert config["USER_ID_FIELD"] == "query_id"
    assert Path(config["data_path"]) == Path("dataset/tiny")


def test_models_that_score_pair_by_pair_keep_small_batches(settings):
    """40,960,000 pairs of a query and an item at once would take NeuMF tens of gigabytes."""
    config = Config(model="NeuMF", dataset="tiny", config_dict=settings)
    assert config["eval_batch_size"] == 4096


@pytest.mark.parametrize(
    ("mode", "batch"),
    [
        ("full", 40_960_000),
        ({"valid": "full", "test": "full"}, 40_960_000),
        ("uni100", 4096),
        ({"valid": "full", "test": "uni100"}, 4096),
    ],
)
def test_so_does_sampled_ranking(settings, mode, batch):
    settings["eval_args"] = {"mode": mode}
    assert Config("BPR", "tiny", config_dict=settings)["eval_batch_size"] == batch


def test_other_datasets_are_as_recbole_has_them(settings):
    del settings["data_path"]
    config = Config(model="BPR", dataset="ml-100k", config_dict=settings)
    assert config["relation_dataset"] is None
    assert config["USER_ID_FIELD"] == "user_id"
    assert config["benchmark_filename"] is None
    assert config["eval_batch_size"] == 4096


def test_a_folder_without_our_dataset_json_is_not_ours(settings, tiny_folder):
    (tiny_folder / "dataset.json").unlink()
    config = Config(model="BPR", dataset="tiny", config_dict=settings)
    assert config["USER_ID_FIELD"] == "user_id"


def test_the_marker_is_logged_with_the_dataset_and_leaks_into_no_other_config(settings):
    config = Config(model="BPR", dataset="tiny", config_dict=settings)
    assert "relation_dataset" in config.parameters["Dataset"]
    assert config.parameters["Dataset"].count("USER_ID_FIELD") == 1
    other = Config(model="BPR", dataset="ml-100k", config_dict={"gpu_id": ""})
    assert "relation_dataset" not in other.parameters["Dataset"]


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("MMCS", "MMSC"), ("mmsc", "MMSC"), ("LightGNC", "LightGCN")]
)
def test_an_unknown_model_names_the_nearest(settings, wrong, nearest):
    with pytest.raises(UnknownModel, match=f"no model '{wrong}'.*'{nearest}'"):
        Config(model=wrong, dataset="tiny", config_dict=settings)


def test_an_unknown_model_like_no_other_lists_the_models(settings):
    with pytest.raises(ValueError, match=r"Known models: .*BPR.*LightGCN.*MMSC"):
        Config(dataset="tiny", config_dict={**settings, "model": "qqqqqqqq"})


def test_no_model_at_all_is_still_recbole_s_error(settings):
    with pytest.raises(KeyError, match="model need to be specified"):
        Config(dataset="tiny", config_dict=settings)


# --- datasets


@pytest.fixture
def presets(monkeypatch):
    """Two presets known to the errors, whatever ships with the package."""
    home = Preset(
        name="amazon-home",
        title="Home",
        format="amazon-2018",
        file="meta_Home.json.gz",
        address="https://example.org/meta_Home.gz",
    )
    demo = Preset(name="demo", title="Demo", format="amazon-2018")
    known = {"amazon-home": home, "demo": demo}
    monkeypatch.setattr("recbole_mmsc.missing.load_presets", lambda: known)


def missing(settings, dataset) -> str:
    """The error of a dataset that is not there."""
    config = Config(model="BPR", dataset=dataset, config_dict=settings)
    with pytest.raises(DatasetNotBuilt) as error:
        create_dataset(config)
    assert isinstance(error.value, ValueError)
    assert isinstance(error.value, FileNotFoundError)
    return str(error.value)


def test_an_unbuilt_preset_names_path_command_and_source(settings, presets, tiny_folder):
    message = missing(settings, "amazon-home")
    data = tiny_folder.parent
    assert str(data / "amazon-home") in message
    assert f"recbole-mmsc build amazon-home --meta meta_Home.json.gz --out {data}" in message
    assert "https://example.org/meta_Home.gz" in message


def test_a_folder_of_raw_files_is_not_built_either(settings, presets, tiny_folder):
    (tiny_folder.parent / "amazon-home").mkdir()
    assert "recbole-mmsc build amazon-home" in missing(settings, "amazon-home")


def test_an_unbuilt_cold_split_and_the_demo(settings, presets):
    assert "build amazon-home --meta meta_Home.json.gz --split cold" in missing(
        settings, "amazon-home-cold"
    )
    assert "    recbole-mmsc demo" in missing(settings, "demo")


def test_a_misspelt_preset_and_a_misspelt_neighbour(settings, presets):
    message = missing(settings, "amazn-home")
    assert "Did you mean 'amazon-home'?" in message
    assert "recbole-mmsc build amazon-home" in message
    assert "Did you mean 'tiny'?" in missing(settings, "tinny")
    assert "recbole-mmsc build --help" in missing(settings, "my[shop]*")


def test_what_recbole_can_download_is_left_to_it(settings, presets, monkeypatch, tmp_path):
    """And it no longer waits at torch.distributed's barrier for processes that are not there."""
    archive = tmp_path / "source.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("source.inter", "user_id:token\titem_id:token\nu1\ti1\nu2\ti1\n")

    def download_url(url, folder):
        assert url.endswith("ml-1m.zip")
        copy = Path(folder, archive.name)
        copy.write_bytes(archive.read_bytes())
        return str(copy)

    monkeypatch.setattr("recbole.data.dataset.dataset.decide_download", lambda url: True)
    monkeypatch.setattr("recbole.data.dataset.dataset.download_url", download_url)
    barrier = torch.distributed.barrier
    dataset = create_dataset(Config(model="BPR", dataset="ml-1m", config_dict=settings))
    assert dataset.inter_num == 2
    assert torch.distributed.barrier is barrier


# --- evaluation


def loaders(settings, model="BPR"):
    """The classes of the loaders RecBole makes for a model."""
    config = Config(model=model, dataset="tiny", config_dict=settings)
    return [type(loader) for loader in data_preparation(config, create_dataset(config))]


@pytest.mark.parametrize("model", ["BPR", "MultiVAE", "MMSC"])
def test_full_ranking_on_our_folders_uses_our_loader(settings, model):
    assert loaders(settings, model)[1:] == [RelationFullSortDataLoader] * 2


def test_sampled_ranking_and_other_datasets_keep_recbole_s_loaders(settings, tiny_folder):
    sampled = {**settings, "eval_args": {"mode": {"valid": "full", "test": "uni20"}}}
    assert loaders(sampled)[1:] == [RelationFullSortDataLoader, NegSampleEvalDataLoader]
    config = Config(model="BPR", dataset="ml-100k", config_dict={"gpu_id": ""})
    assert recbole.data.get_dataloader(config, "test") is FullSortEvalDataLoader


# --- RecBole's own calls

RESULT = ["recall@10", "mrr@10", "ndcg@10", "hit@10", "precision@10"]


@pytest.mark.parametrize("model", ["MMSC", "Toy", "LightGCN"])
def test_run_then_load_the_checkpoint_it_wrote(settings, toy, model):
    result = run_recbole(model=model, dataset="tiny", config_dict=settings)
    assert isinstance(result["test_result"], OrderedDict)
    assert list(result["test_result"])[:5] == RESULT
    (checkpoint,) = Path("saved").glob(f"{model}-*.pth")
    config, loaded, dataset, _, _, test = load_data_and_model(str(checkpoint))
    assert type(loaded) is get_model(model)
    assert dataset.item_num == 41
    assert config["relation_dataset"]
    assert isinstance(test, RelationFullSortDataLoader)

    trainer = recbole.utils.get_trainer(config["MODEL_TYPE"], model)(config, loaded)
    again = trainer.evaluate(test, model_file=str(checkpoint))
    assert again == result["test_result"]
    trainer.resume_checkpoint(str(checkpoint))
    assert trainer.start_epoch == 1


def test_sampled_candidates_too_are_reported_by_relation(settings):
    settings["eval_args"] = {"mode": "uni20"}
    result = run_recbole(model="EASE", dataset="tiny", config_dict=settings)["test_result"]
    both = [result["substitute/ndcg@10"], result["complement/ndcg@10"]]
    assert min(both) <= result["ndcg@10"] <= max(both)


def test_objective_function(settings):
    found = objective_function(config_dict={**settings, "model": "MMSC", "dataset": "tiny"})
    assert found["model"] == "MMSC"
    assert set(RESULT) <= set(found["test_result"])


def test_a_name_with_glob_characters(tmp_path, settings):
    write_tiny(Path(settings["data_path"]) / "shop[1]")
    dataset = create_dataset(Config(model="BPR", dataset="shop[1]", config_dict=settings))
    assert dataset.item_num == 41


def test_the_folder_of_these_tests_is_one_the_audit_accepts(tiny_folder):
    errors = [f for f in audit_folder(tiny_folder).findings if f.severity == "error"]
    assert errors == []


def test_nothing_is_logged_by_importing(caplog):
    with caplog.at_level(logging.INFO):
        recbole_mmsc.register()
    assert caplog.records == []
