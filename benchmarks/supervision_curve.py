"""What labels do on the demo's catalogue, whose truth is known: accuracy and coverage.

    python benchmarks/supervision_curve.py --noise swapped --accuracy 0.5 0.85 --coverage 0.05

A labeller that is right with a given chance judges a share of the training pairs, chosen as
``recbole-mmsc label`` chooses them; MMSC is trained with and without its labels. Printed are, for
each, test NDCG@10 of both relations and the AUC with which the learned reliability tells planted
noise from the rest, for co-view and co-purchase. The noise is in training alone: a noisy test would
reward whoever learns the noise. Nothing is tuned here.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_trainer, init_seed
from sklearn.metrics import roc_auc_score

from recbole_mmsc.data.queries import RELATIONS
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.demo import generate_demo
from recbole_mmsc.dataset_builders.demo.words import COMPLEMENTS
from recbole_mmsc.dataset_builders.noise import add_noise
from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.model.mmsc import MMSC
from recbole_mmsc.nn.behaviour import BehaviourEncoder
from recbole_mmsc.supervision.judgement import Judgement, Pair
from recbole_mmsc.supervision.label import label_dataset
from recbole_mmsc.supervision.labellers import Labeller, register_labeller

ENCODER, SEED = "offline", 2026
CLASSES = ("substitute", "complement", "irrelevant")
TOGETHER = {frozenset(pair) for pair in COMPLEMENTS}


class Oracle(Labeller):
    """Right with a given chance, else one of the two wrong labels."""

    prompt_version = "1"

    def __init__(self, name: str, types: dict[str, str], accuracy: float) -> None:
        self.name, self.types, self.accuracy = name, types, accuracy

    def judge(self, pairs: Iterable[Pair]) -> Iterator[tuple[Pair, Judgement]]:
        rng = np.random.default_rng(0)
        for pair in pairs:
            one, other = (self.types[item] for item in pair.key)
            right = "substitute" if one == other else "irrelevant"
            right = "complement" if frozenset((one, other)) in TOGETHER else right
            wrong = [label for label in CLASSES if label != right]
            label = right if rng.random() < self.accuracy else wrong[rng.integers(2)]
            yield pair, Judgement(label, 1.0)


def measure(folder: Path, seed: int, labellers: list[str]) -> list[float]:
    """NDCG@10 of substitutes and complements, AUC of co-view and co-purchase."""
    settings = {"data_path": str(folder.parent), "encoder": ENCODER, "supervision": labellers}
    settings |= {"seed": seed, "gpu_id": "", "show_progress": False, "train_batch_size": 2048}
    config = Config(model="MMSC", dataset=folder.name, config_dict=settings)
    init_seed(seed, config["reproducibility"])
    train, _, test = data_preparation(config, create_dataset(config))
    model = MMSC(config, train.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    trainer.fit(train, saved=False)
    result = trainer.evaluate(test, load_best_model=False)
    tokens = train.dataset.field2token_id["item_id"]
    truth = pq.read_table(folder / "noise.parquet").to_pylist()
    aucs = [
        planted_auc(
            behaviour,
            {
                frozenset((tokens[row["item"]], tokens[row["other"]]))
                for row in truth
                if row["relation"] == relation
            },
        )
        for behaviour, relation in zip(model.network.behaviours, RELATIONS, strict=True)
    ]
    return [*(result[f"{relation}/ndcg@10"] for relation in RELATIONS), *aucs]


def planted_auc(behaviour: BehaviourEncoder, noise: set[frozenset[int]]) -> float:
    """How well the weights of the edges between items tell planted noise from the rest."""
    graph = behaviour.graph
    n_items = len(graph.offsets) - 1
    items = np.repeat(np.arange(n_items), np.diff(graph.offsets.numpy()))
    edges = np.flatnonzero(graph.entries.numpy() < n_items)
    pairs = zip(items[edges].tolist(), graph.entries[edges].tolist(), strict=True)
    with torch.no_grad():
        weights = behaviour.weights(torch.from_numpy(edges)).numpy()
    return float(roc_auc_score([frozenset(pair) not in noise for pair in pairs], weights))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--noise", choices=("random", "swapped"), default="swapped")
    parser.add_argument("--share", type=float, default=0.3, help="of the training pairs")
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--accuracy", type=float, nargs="+", default=[0.5, 0.7, 0.85, 1.0])
    parser.add_argument("--coverage", type=float, nargs="+", default=[0.01, 0.05, 0.2, 0.5])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as scratch:
        raw = generate_demo(Path(scratch) / "raw", options.items, noise=0, progress=False)
        clean = build_dataset(
            "demo", [raw.meta], Path(scratch) / "dataset", images=raw.images, progress=False
        ).folder
        encode_dataset(clean, ENCODER, workers=0, progress=False)
        folder = add_noise(clean, None, options.noise, options.share, SEED)
        items = pq.read_table(raw.meta.parent / "items_truth.parquet").to_pydict()
        types = dict(zip(items["item"], items["type"], strict=True))
        n_pairs = sum(1 for _ in (folder / f"{folder.name}.train.inter").open()) // 2
        print("| accuracy | coverage | substitute | complement | AUC co-view | AUC co-purchase |")
        print("|---|---|---|---|---|---|")
        show("-", "-", [measure(folder, seed, []) for seed in options.seeds])
        for accuracy in options.accuracy:
            for coverage in options.coverage:
                name = f"oracle-{accuracy:g}-{coverage:g}"
                oracle = Oracle(name, types, accuracy)
                register_labeller("oracle", lambda *_, oracle=oracle: oracle)
                budget = round(coverage * n_pairs)
                label_dataset(folder, "oracle", budget, ENCODER, progress=False)
                rows = [measure(folder, seed, [name]) for seed in options.seeds]
                show(f"{accuracy:.0%}", f"{coverage:.0%}", rows)


def show(accuracy: str, coverage: str, rows: list[list[float]]) -> None:
    """One line: mean ± standard deviation over seeds."""
    cells = [
        f"{mean:.3f} ± {sd:.3f}" for mean, sd in zip(np.mean(rows, 0), np.std(rows, 0), strict=True)
    ]
    print(f"| {accuracy} | {coverage} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
