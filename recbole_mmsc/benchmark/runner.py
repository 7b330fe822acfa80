"""All runs of a plan: those that are finished are kept, the others are made."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from recbole_mmsc.benchmark.executors import Executor
from recbole_mmsc.benchmark.job import Case, Job, finished
from recbole_mmsc.benchmark.launch import failed_to_launch
from recbole_mmsc.benchmark.plan import PlanError
from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.benchmark.search import failed_trials, n_finished, n_jobs, next_jobs

RUNS = "runs"
LOCK = ".lock"


@dataclass
class Runner:
    """Makes the runs of a plan's cases.

    Args:
        out: the folder of the benchmark.
        cases: every model on every dataset.
        retry: make failed runs again.
    """

    out: Path
    cases: Sequence[Case]
    retry: bool = False
    _known: dict[str, RunRecord] = field(default_factory=dict)
    _flying: dict[Future[RunRecord], Job] = field(default_factory=dict)

    def finished(self) -> list[RunRecord]:
        """The records of the plan's runs that need not be made again."""
        for case in self.cases:
            next_jobs(case, self._lookup)
        self._give_up_where_every_trial_failed()
        return list(self._known.values())

    def missing(self) -> int:
        """How many runs are still to be made, of the cases that can go on."""
        going = [case for case in self.cases if next_jobs(case, self._lookup)]
        return sum(n_jobs(case) - n_finished(case, self._lookup) for case in going)

    def run(self, executor: Executor) -> list[RunRecord]:
        """Make every run that is missing; a failed one is a record like any other.

        Args:
            executor: where runs are made.

        Returns:
            The records of all runs of the plan, trials too.
        """
        total, there = sum(map(n_jobs, self.cases)), len(self.finished())
        # a terminal sees the bar, a log one line for each finished run
        with tqdm(total=total, initial=there, unit="run", smoothing=0, disable=None) as bar:
            while self._submit_what_can_run(executor):
                for future in self._next_to_land(bar):
                    bar.write(describe(self._land(future)))
                bar.n = len(self._known)
        self._give_up_where_every_trial_failed()
        return list(self._known.values())

    def _next_to_land(self, bar: tqdm) -> set[Future[RunRecord]]:
        done: set[Future[RunRecord]] = set()
        while not done:
            bar.refresh()  # the clock goes on
            done, _ = wait(self._flying, timeout=1.0, return_when=FIRST_COMPLETED)
        return done

    def _submit_what_can_run(self, executor: Executor) -> bool:
        """Whether there is anything to wait for."""
        flying = {job.id for job in self._flying.values()}
        wanted = [job for case in self.cases for job in next_jobs(case, self._lookup)]
        seeds = self.cases[0].plan.seeds if self.cases else []
        # all models' first seed first: a benchmark that is interrupted has something to compare
        for job in sorted(wanted, key=lambda job: seeds.index(job.seed)):
            if len(self._flying) >= executor.at_once:
                break
            if job.id not in flying:
                folder = job.write(self.out / RUNS)
                self._flying[executor.submit(folder)] = job
        return bool(self._flying)

    def _give_up_where_every_trial_failed(self) -> None:
        """There is nothing to choose from: the model's row says why."""
        for case in self.cases:
            if trials := failed_trials(case, self._lookup):
                job = case.job({}, case.plan.seeds[0], "run")
                reason = f"every trial of its search failed: {trials[0].reason}"
                record = job.record(status="failed", reason=reason)
                record.write(job.write(self.out / RUNS))
                self._known[job.id] = record

    def _lookup(self, job: Job) -> RunRecord | None:
        if job.id not in self._known:
            record = finished(job, self.out / RUNS, self.retry)
            if record is None:
                return None
            self._known[job.id] = record
        return self._known[job.id]

    def _land(self, future: Future[RunRecord]) -> RunRecord:
        job = self._flying.pop(future)
        try:
            record = future.result()
        except Exception as error:  # a lost node, say: one row, not the end
            record = failed_to_launch(job, self.out / RUNS / job.id, error)
        self._known[job.id] = record
        return record


def describe(record: RunRecord) -> str:
    """One line on a finished run."""
    what = f"{record.label} on {record.dataset}, seed {record.seed}, {record.purpose}"
    if record.status == "failed":
        return f"{what}: FAILED, {record.reason}"
    figures = ", ".join(f"{name} {value:.4f}" for name, value in list(record.valid.items())[:1])
    return f"{what}: validation {figures}, {record.seconds.train:.0f} s of training"


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the folder of a benchmark against a second runner.

    Raises:
        PlanError: another one is at work there, or it is a file.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise PlanError(f"expected a folder as --out, found a file: {out}; name another") from None
    with (out / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise PlanError(
                f"another benchmark is at work in {out}; wait for it, or name another --out"
            ) from None
        yield
