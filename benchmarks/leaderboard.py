"""Train and test models on a built dataset by RecBole's own call, each in a process of its own.

    python benchmarks/leaderboard.py amazon-beauty MMSC BPR LightGCN ItemKNN EASE

The settings below are what each model runs with. A model with several is tuned: the setting with
the best NDCG@10 on validation is reported, and only its test figures are read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

GRIDS: dict[str, dict[str, list[Any]]] = {
    "MMSC": {},
    "BPR": {"learning_rate": [0.005], "epochs": [30]},
    "LightGCN": {"learning_rate": [0.005], "epochs": [12]},
    "ItemKNN": {"k": [50, 200]},
    "EASE": {"reg_weight": [50.0, 200.0]},
}
RELATIONS = ("substitute", "complement")


def settings_of(model: str) -> list[dict[str, Any]]:
    """Every combination of a model's grid."""
    grid = GRIDS[model]
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def one(model: str, dataset: str, settings: dict[str, Any]) -> None:
    """Run one setting in this process and print its figures as JSON."""
    sys.argv = sys.argv[:1]
    from recbole_mmsc.evaluation.run import run_model

    run = run_model(model, dataset, settings)
    figures = {"valid": run.valid, "test": run.test}
    figures = {part: {k: float(v) for k, v in found.items()} for part, found in figures.items()}
    print(json.dumps({**figures, "seconds": run.seconds, "peak_memory": run.peak_memory}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("dataset")
    parser.add_argument("models", nargs="+", choices=list(GRIDS))
    parser.add_argument("--data", type=Path, default=Path("dataset"))
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.settings is not None:
        one(options.models[0], options.dataset, options.settings)
        return
    print("| model | " + " | ".join(f"{r} NDCG@10 | Hit@10 | Recall@10" for r in RELATIONS), end="")
    print(" | seconds | peak GiB | setting |\n|---|" + "---|" * 9, flush=True)
    for model in options.models:
        best: dict[str, Any] = {}
        for own in settings_of(model):
            settings = {
                **own,
                "seed": options.seed,
                "data_path": str(options.data),
                "gpu_id": "",
                "show_progress": False,
                "metric_decimal_place": 6,
            }
            command = [sys.executable, __file__, options.dataset, model]
            command += ["--settings", json.dumps(settings)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"| {model} {own} failed: {done.stderr.strip().splitlines()[-1]} |")
                continue
            figures = json.loads(done.stdout.splitlines()[-1])
            score = figures["valid"]["ndcg@10"]
            print(f"{model} {own}: validation {score}", file=sys.stderr, flush=True)
            if not best or score > best["valid"]["ndcg@10"]:
                best = {**figures, "setting": own}
        if best:
            cells = [
                f"{best['test'][f'{relation}/{metric}']:.4f}"
                for relation in RELATIONS
                for metric in ("ndcg@10", "hit@10", "recall@10")
            ]
            setting = ", ".join(f"{k} {v}" for k, v in best["setting"].items()) or "as it comes"
            cells += [f"{best['seconds']:.0f}", f"{best['peak_memory']:.1f}", setting]
            print(f"| {model} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
