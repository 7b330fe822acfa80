"""Runs in processes of their own: finished ones are kept, killed ones are made again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest
import torch

from recbole_mmsc.benchmark.job import Case
from recbole_mmsc.benchmark.launch import launch
from recbole_mmsc.benchmark.plan import Plan, PlanError
from recbole_mmsc.benchmark.record import read_record, read_records
from recbole_mmsc.benchmark.runner import locked
from recbole_mmsc.cli import main
from tests.benchmark.plans import QUICK, figures, run, workers_in, write_plan
from tests.waiting import wait_for


def job_of(tiny_folder, model="BPR", settings=None, **resources):
    plan = Plan.model_validate(
        {
            **QUICK,
            "models": [{"model": model, "settings": settings or {}}],
            "resources": {**QUICK["resources"], **resources},
        }
    )
    case = Case(
        plan=plan,
        model=plan.models[0],
        dataset="tiny",
        data=str(tiny_folder.parent),
        split_sha256="",
        deterministic=False,
    )
    return case.job({}, 1, "run")


def command_of(plan, tiny_folder, out):
    """The command line of a benchmark, for a process of its own."""
    program = "import sys; from recbole_mmsc.cli import main; sys.exit(main())"
    options = ["--out", str(out), "--data", str(tiny_folder.parent)]
    return [sys.executable, "-c", program, "benchmark", str(plan), *options]


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "EASE", "MMSC"])
def test_the_runner_and_the_stock_call_give_equal_digits(model, tiny_folder, tmp_path, monkeypatch):
    import recbole_mmsc
    from recbole_mmsc.benchmark.training import recbole_settings

    job = job_of(tiny_folder, model)
    record = launch(job.write(tmp_path / "runs"))
    assert record.status == "done", record.reason
    monkeypatch.chdir(tmp_path)
    stock = recbole_mmsc.run_recbole(
        model=model, dataset="tiny", config_dict={**recbole_settings(job), "state": "ERROR"}
    )
    for name, value in stock["test_result"].items():
        assert round(record.test[name], 8) == round(value, 8), name
    assert {n: round(v, 8) for n, v in record.valid.items()} == {
        n: round(v, 8) for n, v in stock["best_valid_result"].items()
    }


def test_the_peak_of_a_run_is_not_that_of_the_benchmark(tiny_folder, tmp_path):
    had = torch.ones(500_000_000)  # 2 GB, more than the run takes
    del had
    assert launch(job_of(tiny_folder).write(tmp_path / "runs")).peak_memory < 1.5


def test_a_record_says_what_was_done(tiny_folder, tmp_path):
    folder = job_of(tiny_folder).write(tmp_path / "runs")
    record = launch(folder)
    assert record == read_record(folder)
    assert (record.epochs, len(record.history)) == (2, 2)
    assert record.parameters == 64 * (80 + 1 + 40 + 1)
    assert record.peak_memory > 0.05
    assert record.seconds.train > 0
    assert record.versions["recbole"] == "1.2.1"
    assert list(folder.rglob("events.out.tfevents.*")), "TensorBoard works as in RecBole"
    assert not list(folder.rglob("*.pth")), "checkpoints do not pile up"


def test_a_record_names_its_run_whatever_recbole_writes_into_its_settings(tiny_folder, tmp_path):
    settings = {"train_neg_sample_args": {"distribution": "uniform", "sample_num": 2}}
    folder = job_of(tiny_folder, settings=settings).write(tmp_path / "runs")
    assert launch(folder).id == folder.name


def test_the_budget_ends_training(tiny_folder, tmp_path):
    job = job_of(tiny_folder, settings={"epochs": 100_000, "stopping_step": 100_000}, budget=1.0)
    record = launch(job.write(tmp_path / "runs"))
    assert record.status == "done"
    assert "budget of 1 s spent after epoch" in record.reason
    assert 1.0 <= record.seconds.train < 5.0
    assert record.test["ndcg@10"] > 0


def test_the_budget_does_not_wait_for_the_next_look_at_validation(tiny_folder, tmp_path):
    settings = {"epochs": 100_000, "eval_step": 50_000}
    record = launch(job_of(tiny_folder, settings=settings, budget=1.0).write(tmp_path / "runs"))
    assert f"budget of 1 s spent after epoch {record.epochs} of 100000" in record.reason
    assert record.epochs < 50_000
    assert 1.0 <= record.seconds.train < 5.0
    assert len(record.history) == 1, "the last epoch is looked at, and stands"
    assert record.test["ndcg@10"] > 0


def test_a_planted_winner_wins_and_a_copy_is_no_better(tiny_folder, tmp_path):
    """Items of a type are all substitutes of each other: neighbours know, popularity cannot."""
    models = [{"model": "EASE"}, {"model": "EASE", "label": "EASE (copy)"}, {"model": "Pop"}]
    for board in run(write_plan(tmp_path, models), tiny_folder, tmp_path / "out"):
        rows = {row.label: row for row in board.rows}
        assert rows["EASE"].best
        assert rows["EASE (copy)"].p == 1.0
        assert rows["EASE (copy)"].not_worse
        assert rows["Pop"].p < 0.01


def test_a_failed_run_is_a_row_with_its_reason(tiny_folder, tmp_path):
    models = [
        {"model": "EASE"},
        {"model": "BPR", "settings": {"embedding_size": -1}},
        {"model": "MMSC", "settings": {"encoder": "tfidf"}},
    ]
    boards = run(write_plan(tmp_path, models), tiny_folder, tmp_path / "out")
    for board in boards:
        rows = {row.label: row for row in board.rows}
        assert rows["EASE"].best
        assert not rows["BPR"].figures
        assert "recbole-mmsc encode" in rows["MMSC"].failures[0].reason


def test_what_solves_is_validated_however_rarely_others_are(tiny_folder, tmp_path):
    models = [{"model": "AdamicAdar"}, {"model": "EASE"}, {"model": "BPR"}]
    settings = {"epochs": 4, "eval_step": 2}
    boards = run(write_plan(tmp_path, models, settings=settings), tiny_folder, tmp_path / "out")
    assert not any(row.failures for board in boards for row in board.rows)


def test_a_run_without_validation_queries_says_so(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "data" / "tiny")
    valid = folder / "tiny.valid.inter"
    valid.write_text(valid.read_text().splitlines()[0] + "\n")
    record = launch(job_of(folder).write(tmp_path / "runs"))
    assert record.reason.startswith(
        "ValueError: expected validation queries in tiny.valid.inter, found none"
    )


def test_a_run_whose_results_are_gone_is_made_again(tiny_folder, tmp_path):
    plan, out = write_plan(tmp_path, [{"model": "EASE"}]), tmp_path / "out"
    first = figures(run(plan, tiny_folder, out))
    (queries,) = out.glob("runs/*/queries.parquet")
    queries.unlink()
    assert figures(run(plan, tiny_folder, out)) == first


def test_runs_of_another_plan_do_not_disturb(tiny_folder, tmp_path):
    plan, out = write_plan(tmp_path, [{"model": "EASE"}]), tmp_path / "out"
    damaged = out / "runs" / "old"
    damaged.mkdir(parents=True)
    (damaged / "record.json").write_text("{}")
    assert run(plan, tiny_folder, out)


def test_a_failed_row_is_reported_whatever_is_made_again(tiny_folder, tmp_path):
    models = [{"model": "EASE"}, {"model": "BPR", "settings": {"embedding_size": -1}}]
    plan, out = write_plan(tmp_path, models), tmp_path / "out"
    run(plan, tiny_folder, out)
    (board, _) = run(plan, tiny_folder, out, report_only=True, retry=True)
    assert [row.label for row in board.rows] == ["EASE", "BPR"]


def test_the_report_tells_of_trials_that_failed(tiny_folder, tmp_path):
    models = [{"model": "BPR", "search": {"embedding_size": [-1, 8]}}]
    out = tmp_path / "out"
    run(write_plan(tmp_path, models), tiny_folder, out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "2 (1 failed)" in page
    assert "Of the trials of the searches 1 failed" in page


def test_a_benchmark_without_a_single_result_fails(tiny_folder, tmp_path, capsys):
    plan = write_plan(tmp_path, [{"model": "BPR", "settings": {"embedding_size": -1}}])
    options = ["--data", str(tiny_folder.parent), "--out", str(tmp_path / "out")]
    assert main(["benchmark", str(plan), *options]) == 1
    assert "report.html" in capsys.readouterr().out


def test_a_benchmark_can_be_made_again_from_its_own_plan(tiny_folder, tmp_path):
    plan, out = write_plan(tmp_path, [{"model": "EASE"}]), tmp_path / "out"
    first = figures(run(plan, tiny_folder, out))
    assert figures(run(out / "plan.yaml", tiny_folder, out, report_only=True)) == first
    assert "unfinished" not in (out / "report.html").read_text(encoding="utf-8")


def test_a_search_in_which_every_trial_fails_is_a_row(tiny_folder, tmp_path):
    models = [{"model": "EASE"}, {"model": "BPR", "search": {"embedding_size": [-1]}}]
    (board, _) = run(write_plan(tmp_path, models), tiny_folder, tmp_path / "out")
    (row,) = [row for row in board.rows if row.label == "BPR"]
    assert "every trial of its search failed" in row.failures[0].reason
    plan, out = tmp_path / "plan.yaml", tmp_path / "out"
    (told, _) = run(plan, tiny_folder, out, report_only=True)
    assert [row.label for row in told.rows] == [row.label for row in board.rows]
    plan.write_text(plan.read_text().replace("- -1", "- 8"))
    (mended, _) = run(plan, tiny_folder, out)
    assert not any(row.failures for row in mended.rows)


def test_a_run_that_takes_too_long_is_stopped(tiny_folder, tmp_path):
    folder = job_of(tiny_folder, timeout=0.5).write(tmp_path / "runs")
    assert launch(folder).reason == "no result within 0.5 s: stopped"
    assert not workers_in(folder)


def test_a_run_out_of_memory_is_a_row(tiny_folder, tmp_path):
    settings = {"embedding_size": 20_000_000}
    record = launch(job_of(tiny_folder, settings=settings, memory=4.0).write(tmp_path / "runs"))
    assert record.status == "failed"
    assert record.reason.startswith("out of memory: ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_run_that_is_to_have_a_gpu_is_not_made_without_one(tiny_folder, tmp_path):
    record = launch(job_of(tiny_folder, gpu_id="0").write(tmp_path / "runs"))
    assert record.status == "failed"
    assert record.reason == (
        "RuntimeError: expected a GPU for resources.gpu_id '0', found none; "
        "leave it out for the CPU"
    )


def test_a_killed_run_is_made_again(tiny_folder, tmp_path):
    plan = write_plan(tmp_path, [{"model": "BPR"}, {"model": "EASE"}])
    whole = figures(run(plan, tiny_folder, tmp_path / "whole"))
    out = tmp_path / "killed"
    made = threading.Thread(target=run, args=(plan, tiny_folder, out))
    made.start()
    os.kill(wait_for(lambda: workers_in(out))[0], signal.SIGKILL)
    made.join()
    first = {record.label: record for record in read_records(out / "runs")}
    assert "SIGKILL" in first["BPR"].reason
    assert first["EASE"].status == "done"
    ease = (out / "runs" / first["EASE"].id / "record.json").stat().st_mtime_ns
    assert figures(run(plan, tiny_folder, out)) == whole
    assert (out / "runs" / first["EASE"].id / "record.json").stat().st_mtime_ns == ease


def test_a_killed_runner_takes_its_runs_along_and_goes_on(tiny_folder, tmp_path):
    plan = write_plan(tmp_path, [{"model": "EASE"}, {"model": "BPR"}])
    whole = figures(run(plan, tiny_folder, tmp_path / "whole"))
    out = tmp_path / "killed"
    command = command_of(plan, tiny_folder, out)
    runner = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: workers_in(out))
    runner.kill()
    runner.wait()
    wait_for(lambda: not workers_in(out))
    assert figures(run(plan, tiny_folder, out)) == whole


def test_an_interrupted_runner_stops_its_runs(tiny_folder, tmp_path):
    plan, out = write_plan(tmp_path, [{"model": "BPR"}]), tmp_path / "out"
    command = command_of(plan, tiny_folder, out)
    runner = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    wait_for(lambda: workers_in(out))
    runner.send_signal(signal.SIGINT)
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == 130
    assert "stopped" in said
    assert "Traceback" not in said
    assert not workers_in(out)


def test_a_second_runner_is_refused(tmp_path):
    refused = pytest.raises(PlanError, match="another benchmark is at work")
    with locked(tmp_path), refused, locked(tmp_path):
        pass
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(PlanError, match="expected a folder as --out, found a file"), locked(file):
        pass


def test_the_command_line_from_plan_to_report(tiny_folder, tmp_path, capsys):
    models = [
        {"model": "EASE", "search": {"reg_weight": [1.0, 100.0]}},
        {"model": "BPR"},
        {"model": "BPR", "label": "BPR (copy)"},
    ]
    plan = write_plan(tmp_path, models, seeds=[1, 2])
    arguments = ["benchmark", str(plan), "--out", str(tmp_path / "out")]
    arguments += ["--data", str(tiny_folder.parent)]
    assert main(arguments) == 0
    assert "BPR (copy)" in capsys.readouterr().out
    made = {"report.html", "leaderboard.md", "leaderboard.csv", "leaderboard.tex", "plan.yaml"}
    assert made <= {file.name for file in (tmp_path / "out").iterdir()}
    records = list(read_records(tmp_path / "out" / "runs"))
    assert sorted((r.label, r.seed, r.purpose) for r in records) == [
        ("BPR", 1, "run"),
        ("BPR", 2, "run"),
        ("BPR (copy)", 1, "run"),
        ("BPR (copy)", 2, "run"),
        ("EASE", 1, "run"),
        ("EASE", 1, "trial"),
        ("EASE", 1, "trial"),
    ]
    assert all(bool(record.test) == (record.purpose == "run") for record in records)
    runs = [str(tmp_path / "out" / "runs" / r.id) for r in records if r.purpose == "run"]
    assert main(["compare", runs[0], runs[-1], "--data", str(tiny_folder.parent)]) == 0
    assert "title" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": [{"model": "LightGCM"}]}, "LightGCN"),
        ({"datasets": [{"name": "amazon-home"}]}, "meta_Home_and_Kitchen.json.gz"),
        ({"datasets": [{"name": "shop", "meta": ["no.jsonl"]}]}, "found no no.jsonl"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_runs(
    changes, message, tiny_folder, tmp_path, capsys
):
    file = write_plan(tmp_path, **{"models": [{"model": "BPR"}], **changes})
    arguments = ["benchmark", str(file), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--data", str(tiny_folder.parent)]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_cluster_that_cannot_be_joined_is_told_before_anything_is_built(
    tiny_folder, tmp_path, monkeypatch
):
    from recbole_mmsc.benchmark import executors
    from recbole_mmsc.ray_cluster import ClusterError

    def refuse(address):
        raise ClusterError(f"expected a Ray cluster at {address!r}")

    monkeypatch.setattr(executors, "join_cluster", refuse)
    plan = write_plan(tmp_path, [{"model": "EASE"}], datasets=[{"name": "demo"}])
    with pytest.raises(ClusterError, match="expected a Ray cluster at 'nowhere'"):
        run(plan, tiny_folder, tmp_path / "out", ray="nowhere")
    assert [folder.name for folder in tiny_folder.parent.iterdir()] == ["tiny"]


def test_a_run_can_be_made_again_alone(tiny_folder, tmp_path):
    folder = job_of(tiny_folder, "EASE").write(tmp_path / "runs")
    record = launch(folder)
    (folder / "record.json").unlink()
    command = [sys.executable, *record.command.split()[1:]]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert json.loads((folder / "record.json").read_text())["test"] == record.test
