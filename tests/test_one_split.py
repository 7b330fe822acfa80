"""A model that was trained on one split is not evaluated on another of the same items."""

import logging
from pathlib import Path

import pytest
from recbole.quick_start import load_data_and_model

from recbole_mmsc import run_recbole
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.missing import OtherSplit
from tests.builders.planted import write_catalogue


@pytest.mark.parametrize("model", ["BPR", "MMSC"])
def test_a_checkpoint_is_refused_by_another_split(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    logging.disable(logging.CRITICAL)
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
    logging.disable(logging.NOTSET)
