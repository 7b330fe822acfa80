"""MMSC's epoch against LightGCN's, interleaved in one process, and the evaluation of all queries.

python benchmarks/epoch_time.py amazon-beauty
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from pathlib import Path
from typing import Any

EPOCHS = 3


class Contender:
    """A model, ready to train one epoch after another."""

    def __init__(self, model: str, dataset: str, data: Path, settings: dict[str, Any]) -> None:
        from recbole.config import Config
        from recbole.data import create_dataset, data_preparation
        from recbole.utils import get_model, get_trainer, init_seed

        import recbole_mmsc  # noqa: F401

        config = Config(
            model=model,
            dataset=dataset,
            config_dict={"data_path": str(data), "gpu_id": "", **settings},
        )
        init_seed(config["seed"], config["reproducibility"])
        self.train, self.valid, _ = data_preparation(config, create_dataset(config))
        self.model = get_model(model)(config, self.train.dataset).to(config["device"])
        self.trainer = get_trainer(config["MODEL_TYPE"], model)(config, self.model)
        self.trainer.eval_collector.data_collect(self.train)
        self.epochs: list[float] = []

    def epoch(self) -> None:
        """Train one epoch and remember its seconds."""
        started = time.perf_counter()
        self.trainer._train_epoch(self.train, len(self.epochs))
        self.epochs.append(time.perf_counter() - started)

    def evaluate(self) -> float:
        """Seconds to rank the catalogue for all validation queries."""
        started = time.perf_counter()
        self.trainer.evaluate(self.valid, load_best_model=False)
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("dataset")
    parser.add_argument("--data", type=Path, default=Path("dataset"))
    parser.add_argument("--same-batch", action="store_true", help="MMSC with LightGCN's batch size")
    options = parser.parse_args()
    sys.argv = sys.argv[:1]
    logging.disable(logging.CRITICAL)
    ours = {"train_batch_size": 2048} if options.same_batch else {}
    contenders = {
        "MMSC": Contender("MMSC", options.dataset, options.data, ours),
        "LightGCN": Contender("LightGCN", options.dataset, options.data, {}),
    }
    contenders["MMSC"].model.solve()
    for number in range(EPOCHS + 1):  # the first warms up
        for contender in contenders.values():
            contender.epoch()
            if number == 0:
                contender.epochs.clear()
    for name, contender in contenders.items():
        seconds = statistics.median(contender.epochs)
        asked = len(contender.valid.uid_list)
        print(f"{name}: epoch {seconds:.1f} s (of {sorted(contender.epochs)})")
        print(f"{name}: {asked:,} queries evaluated in {contender.evaluate():.1f} s")
    ratio = statistics.median(
        a / b for a, b in zip(contenders["MMSC"].epochs, contenders["LightGCN"].epochs, strict=True)
    )
    print(f"MMSC / LightGCN, epoch by epoch: {ratio:.2f}")


if __name__ == "__main__":
    main()
