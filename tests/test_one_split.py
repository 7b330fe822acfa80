"""A model that was trained on one split is not evaluated on another of the same items."""

from collections import defaultdict
from pathlib import Path

import pytest
from recbole.quick_start import load_data_and_model

from recbole_mmsc import run_recbole
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.missing import DatasetNotBuilt, OtherSplit, require_split
from tests.builders.planted import write_catalogue

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("model", ["BPR", "MMSC"])
def test_a_checkpoint_is_refused_by_another_split(tmp_path, model):
    source = write_catalogue(tmp_path)
    settings = {"epochs": 1, "gpu_id": "", "show_progress": False, "checkpoint_dir": "saved"}
    settings |= {"modalities": [], "words": False} if model == "MMSC" else {}  # no features
    build_dataset("things", [source], "dataset", seed=1, progress=False)
    run_recbole(model=model, dataset="things", config_dict=settings)
    [checkpoint] = Path("saved").glob("*.pth")
    load_data_and_model(str(checkpoint))
    build_dataset("things", [source], "dataset", seed=2, replace=True, progress=False)
    with pytest.raises(OtherSplit, match="Train again, or name the dataset as it was"):
        load_data_and_model(str(checkpoint))
    build_dataset("things", [source], "dataset", seed=1, replace=True, progress=False)
    load_data_and_model(str(checkpoint))


def test_a_saved_dataset_of_a_folder_that_was_built_anew_is_refused(tmp_path):
    source = write_catalogue(tmp_path)
    settings = {"epochs": 1, "gpu_id": "", "show_progress": False, "save_dataset": True}
    build_dataset("things", [source], "dataset", seed=1, progress=False)
    for _ in range(2):
        run_recbole(model="BPR", dataset="things", config_dict=settings)
    build_dataset("things", [source], "dataset", seed=2, replace=True, progress=False)
    with pytest.raises(OtherSplit):
        run_recbole(model="BPR", dataset="things", config_dict=settings)


def test_one_configuration_may_be_used_for_two_datasets(tmp_path):
    source = write_catalogue(tmp_path)
    for seed, name in enumerate(("one", "two")):
        build_dataset(name, [source], tmp_path, seed=seed, progress=False)
    config = defaultdict(lambda: None)
    require_split(config, tmp_path / "one")
    require_split(config, tmp_path / "two")
    (tmp_path / "two" / "dataset.json").write_text("[1]")
    with pytest.raises(DatasetNotBuilt, match="Expected a JSON object in"):
        require_split(config, tmp_path / "two")
