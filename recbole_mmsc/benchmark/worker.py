"""One run in a process of its own: ``python -m recbole_mmsc.benchmark.worker RUN_FOLDER``.

Trains by RecBole's own trainer, evaluates the best epoch, and writes ``queries.parquet`` and
``record.json``. RecBole's logs and TensorBoard files land in the folder of the run.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import threading
import time
import traceback
from pathlib import Path

from recbole_mmsc.benchmark.job import Job, read_job
from recbole_mmsc.benchmark.record import QUERIES

PARENT_LOOKED_FOR = 1.0  # seconds
OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")  # torch's words


def main(arguments: list[str] | None = None) -> int:
    """Make the run of a folder. Exit code 1: it failed, and its record says why."""
    parser = argparse.ArgumentParser(description="Make one run of a benchmark again, alone.")
    parser.add_argument("folder", type=Path, help="a run's folder, with job.json")
    parser.add_argument("--parent", type=int, help="stop when this process ends")
    options = parser.parse_args(arguments)
    sys.argv = sys.argv[:1]  # RecBole reads settings from it
    if options.parent:
        threading.Thread(target=_stop_without, args=(options.parent,), daemon=True).start()
    folder = options.folder.resolve()
    job = read_job(folder)
    os.chdir(folder)
    try:
        _limit_memory(job)
        run(job, folder)
    except Exception as error:  # whatever a model does wrong is its row's reason
        traceback.print_exc()
        job.record(
            status="failed",
            reason=reason_of(error),
            peak_memory=_peak_memory(),
            versions=_versions(),
        ).write(folder)
        return 1
    return 0


def run(job: Job, folder: Path) -> None:
    """Make the run and write its record."""
    import torch

    torch.set_num_threads(job.resources.threads)
    from recbole_mmsc.benchmark.training import Stopwatch, train

    trained = train(job)
    evaluating = Stopwatch(job)
    test: dict[str, float] = {}
    if job.purpose == "run":
        import pyarrow.parquet as pq

        from recbole_mmsc.evaluation.per_query import rank_queries

        results = rank_queries(
            trained.model, trained.test_data, trained.config, job.cutoffs, tuple(job.metrics)
        )
        pq.write_table(results.table, folder / QUERIES, compression="zstd")
        test = results.summary
    for checkpoint in (folder / "saved").glob("*.pth"):
        checkpoint.unlink()
    job.record(
        status="done",
        reason=trained.cut_short,
        valid=trained.valid,
        test=test,
        history=trained.history,
        epochs=trained.epochs,
        seconds={
            "prepare": trained.prepared,
            "train": trained.seconds,
            "evaluate": evaluating.stop(),
        },
        peak_memory=_peak_memory(),
        parameters=sum(p.numel() for p in trained.model.parameters() if p.requires_grad),
        versions=_versions(),
    ).write(folder)


def reason_of(error: BaseException) -> str:
    """One line for the leaderboard."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or any(sign in text.lower() for sign in OUT_OF_MEMORY):
        return f"out of memory: {text:.200}"
    return f"{type(error).__name__}: {text:.300}"


def _versions() -> dict[str, str]:
    from recbole_mmsc.doctor import versions

    return {name: found for name, found in versions().items() if found}


def _limit_memory(job: Job) -> None:
    if job.resources.memory is not None:
        limit = int(job.resources.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _peak_memory() -> float:
    """GiB of this process so far.

    The use that a process is told of itself begins with what its parent had when it started it; the
    mark in /proc, where there is one, is of this process alone.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _stop_without(parent: int) -> None:
    """A runner that is killed cannot stop its runs: they notice."""
    while os.getppid() == parent:
        time.sleep(PARENT_LOOKED_FOR)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
