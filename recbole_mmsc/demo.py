"""The whole job on a generated catalogue: raw files → dataset → features → runs → leaderboard."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from tqdm import tqdm

from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.demo import generate_demo
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.evaluation.run import Run, run_model
from recbole_mmsc.evaluation.table import relation_tables

NAME = "demo"
ENCODER = "tfidf"
MODELS: dict[str, dict[str, Any]] = {
    "MMSC": {"encoder": ENCODER, "train_batch_size": 2048, "epochs": 20},
    "BPR": {"epochs": 40, "learning_rate": 0.01},
    "LightGCN": {"epochs": 40, "learning_rate": 0.01},
    "ItemKNN": {},
    "EASE": {"reg_weight": 50.0},
}
SETTINGS: dict[str, Any] = {
    "gpu_id": "",
    "state": "ERROR",
    "show_progress": False,
    "stopping_step": 5,
}


def run_demo(data: Path, n_items: int, seed: int) -> list[Run]:
    """Run the demo and print one table per relation.

    Args:
        data: the folder of datasets; the demo's raw files go beside its dataset. An earlier demo
            there is replaced.
        n_items: products in the catalogue.
        seed: of the catalogue, the split and the models.
    """
    started = time.perf_counter()
    console = Console()
    raw = generate_demo(data / f"{NAME}-raw", n_items=n_items, seed=seed)
    summary = build_dataset(NAME, [raw.meta], data, images=raw.images, seed=seed, replace=True)
    console.print(summary.render(), highlight=False)
    encode_dataset(summary.folder, ENCODER)
    settings = {
        **SETTINGS,
        "seed": seed,
        "data_path": str(data),
        "checkpoint_dir": str(data / f"{NAME}-saved"),
    }
    runs = []
    with tqdm(MODELS.items(), unit="model") as bar:
        for model, own in bar:
            bar.set_description(f"train and test {model}")
            runs.append(run_model(model, NAME, {**settings, **own}))
    for table in relation_tables(runs):
        console.print(table)
    console.print(
        f"{time.perf_counter() - started:.0f} s in all. The planted truth: {raw.truth}. "
        f"The dataset's card: {summary.folder / 'README.md'}",
        highlight=False,
    )
    return runs
