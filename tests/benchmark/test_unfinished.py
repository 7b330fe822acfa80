"""A benchmark with runs missing says so wherever it is read."""

import csv
import io

import pytest
from rich.console import Console

from recbole_mmsc.benchmark import benchmark
from recbole_mmsc.benchmark.latex import to_latex
from recbole_mmsc.benchmark.leaderboard import make_leaderboards
from recbole_mmsc.benchmark.markdown import to_markdown
from recbole_mmsc.benchmark.record import read_records
from recbole_mmsc.benchmark.tables import terminal_tables, to_csv
from tests.benchmark.fake_runs import write_run
from tests.benchmark.plans import write_plan

NOTICE = "Unfinished: 3 runs are missing."


def in_terminal(boards) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(*terminal_tables(boards))
    return console.file.getvalue()


@pytest.mark.parametrize("show", [to_markdown, to_latex, in_terminal])
def test_every_table_says_so(show, tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2]})
    assert NOTICE in show(make_leaderboards(tmp_path, missing=3))
    assert "1 run is missing" in show(make_leaderboards(tmp_path, missing=1))
    assert "missing" not in show(make_leaderboards(tmp_path))


def test_in_latex_it_is_a_comment_of_each_table(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1], "complement": [0.1]})
    text = to_latex(make_leaderboards(tmp_path, missing=3))
    assert text.count(f"\n% {NOTICE}\n") == text.count(r"\begin{table*}") == 2


def test_csv_has_it_in_a_column(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2]})
    text = to_csv(make_leaderboards(tmp_path, missing=3))
    assert {line["missing_runs"] for line in csv.DictReader(io.StringIO(text))} == {"3"}


@pytest.mark.parametrize(("title", "shown"), [("", "Benchmark"), ("My shop", "My shop")])
def test_a_report_of_what_is_finished(title, shown, tmp_path, monkeypatch):
    """From the runner's count to the files, and the title stays the plan's."""
    out = tmp_path / "out"
    write_run(out, "EASE", "tiny", 1, {"substitute": [0.1, 0.2]})

    class Unfinished:
        def __init__(self, *_):
            pass

        def finished(self):
            return list(read_records(out / "runs"))

        def missing(self):
            return 3

    monkeypatch.setattr(benchmark, "prepare", lambda *_, **__: [])
    monkeypatch.setattr(benchmark, "Runner", Unfinished)
    plan = write_plan(tmp_path, [{"model": "EASE"}], title=title)
    boards = benchmark.run_benchmark(plan, tmp_path, out, report_only=True)
    assert [board.missing for board in boards] == [3]
    report = (out / "report.html").read_text(encoding="utf-8")
    assert NOTICE in report
    assert f"<h1>{shown}</h1>" in report
    for name in ("leaderboard.md", "leaderboard.tex"):
        assert NOTICE in (out / name).read_text(encoding="utf-8")
