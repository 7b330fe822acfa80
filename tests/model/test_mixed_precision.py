"""RecBole's ``enable_amp``: where products are made in half precision, all models still train."""

import math

import pytest

from recbole_mmsc import run_recbole

MODELS = ["MMSC", "GraphSAGE", "SComGNN", "DecGCN", "DHGAN", "VBPR", "FREEDOM", "LIRDRec"]


@pytest.mark.parametrize("model", MODELS)
def test_trains_in_mixed_precision(tiny_folder, model):
    settings = {
        "enable_amp": True,
        "epochs": 2,
        "embedding_size": 16,
        "train_batch_size": 64,
        "gpu_id": "",
        "show_progress": False,
        "data_path": str(tiny_folder.parent),
    }
    result = run_recbole(model=model, dataset=tiny_folder.name, config_dict=settings)
    assert math.isfinite(result["test_result"]["ndcg@10"])
    assert result["test_result"]["substitute/ndcg@10"] > 0.18  # that of random scores
