"""A whole benchmark: plan → datasets → runs → leaderboard → tables and report."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from recbole_mmsc.benchmark.executors import Executor, LocalExecutor, RayExecutor
from recbole_mmsc.benchmark.leaderboard import Leaderboard, make_leaderboards
from recbole_mmsc.benchmark.plan import Plan, read_plan
from recbole_mmsc.benchmark.prepare import prepare
from recbole_mmsc.benchmark.report import write_report
from recbole_mmsc.benchmark.runner import RUNS, Runner, locked
from recbole_mmsc.benchmark.tables import write_tables
from recbole_mmsc.benchmark.tracking import check_mlflow, log_runs


def run_benchmark(
    file: Path,
    data: Path,
    out: Path,
    ray: str | None = None,
    retry: bool = False,
    report_only: bool = False,
) -> list[Leaderboard]:
    """Make every run of a plan that is not there yet, and write tables and report.

    Args:
        file: the plan.
        data: the folder of datasets.
        out: the folder of the benchmark; finished runs in it are kept.
        ray: address of a Ray cluster, None for this machine.
        retry: make failed runs again.
        report_only: make no run, and report those that are finished.

    Returns:
        One leaderboard for each dataset and relation.

    Raises:
        PlanError: the plan cannot be run.
    """
    plan = read_plan(file)
    out = out.resolve()
    if plan.mlflow:
        check_mlflow()
    # a cluster that cannot be joined is told before hours of building and encoding
    with locked(out), closing(_executor(plan, ray)) as executor:
        cases = prepare(plan, data, make=not report_only)
        (out / "plan.yaml").write_bytes(file.read_bytes())  # which may be this very file
        runner = Runner(out, cases, retry and not report_only)
        records = runner.finished() if report_only else runner.run(executor)
        records.sort(key=lambda record: record.id)  # whichever finished first: the same report
        made = {record.label for record in records if record.purpose == "run"}
        leaderboards = make_leaderboards(
            out,
            plan.valid_metric.lower(),
            labels=[model.name for model in plan.models if model.name in made],
            ids={record.id for record in records},
            missing=runner.missing(),
        )
        write_tables(leaderboards, out)
        write_report(leaderboards, records, out, data, plan.title)
        if plan.mlflow:  # last: a server that does not answer takes no report
            log_runs(records, out / RUNS, plan.mlflow)
    return leaderboards


def _executor(plan: Plan, ray: str | None) -> Executor:
    return LocalExecutor(plan.resources) if ray is None else RayExecutor(ray, plan.resources)
