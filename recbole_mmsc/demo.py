"""The whole job on a generated catalogue: raw files → dataset → features → runs → leaderboard."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from recbole_mmsc.benchmark.benchmark import run_benchmark
from recbole_mmsc.benchmark.leaderboard import Leaderboard
from recbole_mmsc.benchmark.plan import find_plan
from recbole_mmsc.benchmark.tables import print_tables
from recbole_mmsc.dataset_builders.demo.dataset import NAME, build_demo


def run_demo(data: Path, n_items: int, seed: int) -> list[Leaderboard]:
    """Run the demo and print one table per relation.

    Args:
        data: the folder of datasets; the demo's raw files and its benchmark go beside its dataset.
            An earlier demo there is replaced; its runs are kept where the dataset is the same.
        n_items: products in the catalogue.
        seed: of the catalogue and the split.
    """
    started = time.perf_counter()
    console = Console()
    summary, raw = build_demo(data, n_items, seed, replace=True)
    console.print(summary.render(), highlight=False)
    out = data / f"{NAME}-benchmark"
    leaderboards = run_benchmark(find_plan(NAME), data, out)
    print_tables(leaderboards)
    console.print(
        f"{time.perf_counter() - started:.0f} s in all. The planted truth: {raw.truth}. "
        f"The dataset's card: {summary.folder / 'README.md'}. The report: {out / 'report.html'}",
        highlight=False,
    )
    return leaderboards
