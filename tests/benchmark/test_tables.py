import csv
import io
import math
import re

import numpy as np
import pytest
from rich.console import Console

from recbole_mmsc.benchmark.grid import MINUS, MISSING, figure_text, number, remarks
from recbole_mmsc.benchmark.latex import to_latex
from recbole_mmsc.benchmark.leaderboard import Figure, make_leaderboards
from recbole_mmsc.benchmark.markdown import to_markdown
from recbole_mmsc.benchmark.tables import terminal_tables, to_csv, write_tables
from tests.benchmark.fake_runs import write_run

NASTY = "A&B_50% {x} $y^2$ #1 ~ \\z | <b> [red]*"


@pytest.fixture
def boards(tmp_path):
    """A winner over three seeds, its copy with one seed, a loser, and one that failed."""
    base = np.linspace(0.25, 0.75, 60)
    for seed, gain in ((1, 0.0), (2, 0.1), (3, 0.2)):
        write_run(tmp_path, "Winner", "beauty", seed, {"substitute": base + gain})
    write_run(tmp_path, "Copy", "beauty", 1, {"substitute": base + 0.1})
    wobble = 0.05 * np.random.default_rng(0).normal(size=60)
    write_run(tmp_path, "Loser", "beauty", 1, {"substitute": base - 0.1 + wobble})
    write_run(tmp_path, "Loser", "beauty", 2, None)
    write_run(tmp_path, "Broken", "beauty", 1, None, reason="ValueError: a | b\nsecond line")
    # the mean over seeds of Winner is Copy but for rounding: equals, in the order of the labels
    return make_leaderboards(tmp_path, labels=["Winner", "Copy", "Loser", "Broken"])


def row_of(text: str, label: str) -> list[str]:
    """Cells of the Markdown row of a model."""
    (line,) = re.findall(rf"^\| \**{label}[^|]*\|.*$", text.partition("###")[0], re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_markdown(boards):
    text = to_markdown(boards)
    assert text.startswith("# Leaderboard\n\n## beauty: substitutes\n")
    best, copy, loser, broken = (row_of(text, n) for n in ("Winner", "Copy", "Loser", "Broken"))
    assert best[:2] == ["**Winner**", "**0.6000 ± 0.1000**"]
    assert best[-5:] == [MISSING, MISSING, "20.0", "1.50", "3"]
    assert copy[:2] == ["Copy", "0.6000 ≈"]
    assert copy[-5:-3] == [r"0.0000 \[0.0000, 0.0000\]", "1.0000"]
    assert loser[0] == "Loser (1 of 2 seeds)"
    assert loser[-4] == "0.0002"
    assert loser[-5] == rf"{MINUS}0.1961 \[{MINUS}0.2074, {MINUS}0.1846\]"
    assert "≈" not in loser[1]
    assert broken == ["Broken", "failed", *[MISSING] * 11, "0"]
    assert "60 test queries with 10,000 resamples" in text
    assert r"Δ to best \[95 %\]: mean difference over queries and its bootstrap interval" in text
    assert "Training: processor time over the number of threads, on a GPU wall-clock time." in text
    assert "Holm's method for the number of models compared (2)" in text
    assert "- Broken, failed (seed 1): ValueError: a \\| b second line" in text
    assert "- Loser, failed (seed 2): RuntimeError: out of memory" in text


def test_markdown_columns(boards):
    head = to_markdown(boards).splitlines()[4]
    assert head == (
        "| model | NDCG@10 | Hit@10 | Recall@10 | MRR@10 | NDCG@10 (1+100) | NDCG@10 (1+1000) "
        r"| Coverage@10 | Confusion@10 | Δ to best \[95 %\] | p (Holm) "
        "| train s | peak GiB | seeds |"
    )


def test_markdown_by_degree(boards):
    below = to_markdown(boards).partition("### NDCG@10 by training pairs of the query item\n\n")[2]
    lines = below.splitlines()
    assert lines[0] == (
        "| model | 0 (10 queries) | 1-5 (20 queries) | 6-20 (20 queries) | \\>20 (10 queries) |"
    )
    assert len(lines) == 5  # heading, rule, three models that finished
    assert lines[2].startswith("| Winner | **0.5")
    for column in zip(*(line.split(" | ")[1:] for line in lines[2:]), strict=True):
        figures = [float(cell.strip("|* ")) for cell in column]
        bold = ["**" in cell for cell in column]
        assert bold == [figure == max(figures) for figure in figures]


def test_csv_is_long_form(boards):
    lines = list(csv.DictReader(io.StringIO(to_csv(boards))))
    keys = [(one["dataset"], one["relation"], one["label"], one["metric"]) for one in lines]
    assert len(set(keys)) == len(keys)
    found = {key[2:]: line for key, line in zip(keys, lines, strict=True)}
    best, copy = found["Winner", "ndcg@10"], found["Copy", "ndcg@10"]
    assert float(best["mean"]) == pytest.approx(0.6)
    assert float(best["sd"]) == pytest.approx(0.1)
    assert (best["n_seeds"], best["n_queries"], best["best"]) == ("3", "60", "True")
    assert float(found["Winner", "mrr@10"]["sd"]) == pytest.approx(0.025)
    assert found["Winner", "ndcg@10 (1+100)"]["n_queries"] == "", "not all have such candidates"
    compared = ("difference_to_best", "cohens_dz", "p_bootstrap_holm", "p_wilcoxon_holm")
    assert {best[name] for name in compared} == {""}
    assert (copy["sd"], copy["p_bootstrap_holm"], copy["not_worse"]) == ("", "1.0", "True")
    loser = found["Loser", "ndcg@10"]
    assert (loser["failed_seeds"], loser["not_worse"]) == ("1", "False")
    for test in ("p_bootstrap", "p_wilcoxon"):
        assert float(loser[f"{test}_holm"]) == pytest.approx(2 * float(loser[test]))
    low, high = float(loser["ci95_low"]), float(loser["ci95_high"])
    assert low < float(loser["difference_to_best"]) < high < 0
    assert float(loser["cohens_dz"]) < -1
    broken = found["Broken", "ndcg@10"]
    assert (broken["mean"], broken["n_seeds"], broken["failed_seeds"]) == ("", "0", "1")
    assert found["Winner", "coverage@10"]["mean"] == "0.25"
    assert found["Winner", "coverage@10"]["best"] == ""
    assert found["Winner", "ndcg@10 [degree 1-5]"]["n_queries"] == "20"


def test_latex(boards):
    text = to_latex(boards)
    assert r"\begin{tabular}{lrrrrrr}" in text
    assert r"\label{tab:beauty-substitute}" in text
    assert r"\textbf{Winner} & \textbf{0.6000 $\pm$ 0.1000} & " in text
    assert r"Copy & \underline{0.6000} & " in text
    assert r" & 0.0000 {[}0.0000, 0.0000{]} & 1.0000 \\" in text
    assert r" & $-$0.1961 {[}$-$0.2074, $-$0.1846{]} & 0.0002 \\" in text
    assert r"Broken & failed & -- & " in text
    assert r"$\Delta$ to best {[}95 \%{]} & p (Holm) \\" in text
    assert "(1+1000)" not in text  # 550 points wide with them: a page has 505
    assert "paired bootstrap" in text
    assert "Holm's method" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    body = re.search(r"\\toprule\n(.*)\\bottomrule", text, re.DOTALL)[1]
    rows = [line for line in body.splitlines() if line != r"\midrule"]
    assert len(rows) == 5
    assert {line.count(" & ") for line in rows} == {6}
    assert all(line.endswith(r" \\") for line in rows)


def test_special_characters_of_a_label(tmp_path):
    values = {"substitute": [0.1, 0.2, 0.3]}
    write_run(tmp_path, NASTY, "a_b", 1, values, id="nasty")
    write_run(tmp_path, "New\nline\x1b[31m", "a_b", 1, None, id="line")
    boards = make_leaderboards(tmp_path)
    latex, markdown = to_latex(boards), to_markdown(boards)
    assert (
        r"\textbf{A\&B\_50\% \{x\} \$y\textasciicircum{}2\$ \#1 \textasciitilde{} "
        r"\textbackslash{}z \textbar{} \textless{}b\textgreater{} {[}red{]}*} & "
    ) in latex
    assert r"\caption{a\_b: substitutes" in latex
    assert r"**A&B\_50% {x} $y^2$ #1 ~ \\z \| \<b\> \[red\]\***" in markdown
    assert next(csv.DictReader(io.StringIO(to_csv(boards))))["label"] == NASTY
    assert NASTY in printed(boards)
    assert "\x1b" not in latex + markdown + printed(boards)
    assert "% New line" in latex  # a remark stays one line, and so a comment


def test_terminal(boards):
    text = printed(boards, width=80)
    assert "beauty: substitutes" in text
    assert "0.6000 ± 0.1000" in text
    assert "0.6000 ≈" in text
    assert "60 queries; ≈ not significantly worse than the best" in text
    assert "…" not in text  # nothing was cut off


def test_a_terminal_shows_no_fixed_candidates(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2]})
    (board,) = make_leaderboards(tmp_path)
    for row in board.rows:
        for metric in [*row.figures]:
            if metric != "ndcg@10" and "(1+" not in metric:
                del row.figures[metric]
    assert "NDCG@10 (1+100)" in to_markdown([board])
    assert "(1+" not in printed([board])


def test_one_reason_of_several_seeds_is_one_line(tmp_path):
    for seed in (1, 2):
        write_run(tmp_path, "A", "beauty", seed, {"substitute": [0.5]}, reason="budget spent")
        write_run(tmp_path, "B", "beauty", seed, None, reason="x" * 1000 if seed == 2 else "")
    lines = remarks(make_leaderboards(tmp_path)[0])
    assert lines[0] == "A, cut short (seed 1, 2): budget spent"
    assert lines[1] == "B, failed (seed 1): no reason given"
    assert len(lines) == 3
    assert len(lines[2]) < 350


def test_a_leaderboard_of_failures_alone(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, None)
    boards = make_leaderboards(tmp_path)
    assert "| A | failed |" in to_markdown(boards)
    assert "A & failed & " in to_latex(boards)
    assert "failed" in printed(boards)
    assert len(to_csv(boards).splitlines()) == 3


def test_other_main_metrics_come_first(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2]})
    head = to_markdown(make_leaderboards(tmp_path, metric="mrr@10")).splitlines()[4]
    assert head.startswith("| model | MRR@10 | NDCG@10 | Hit@10 | Recall@10 | NDCG@10 (1+100) |")


def test_files(boards, tmp_path):
    out = tmp_path / "new" / "folder"
    files = write_tables(boards, out)
    assert [file.name for file in files] == ["leaderboard.md", "leaderboard.csv", "leaderboard.tex"]
    assert sorted(file.name for file in out.iterdir()) == sorted(file.name for file in files)
    first = [file.read_bytes() for file in files]
    assert first == [
        text.encode() for text in (to_markdown(boards), to_csv(boards), to_latex(boards))
    ]
    write_tables(boards, out)
    assert [file.read_bytes() for file in files] == first


def test_a_failure_leaves_the_old_files(boards, tmp_path, monkeypatch):
    from pathlib import Path

    files = write_tables(boards, tmp_path / "out")
    before = [file.read_bytes() for file in files]

    def full(self, target):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write_tables(boards[:0], tmp_path / "out")
    assert [file.read_bytes() for file in files] == before
    assert len(list((tmp_path / "out").iterdir())) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(-0.01234), f"{MINUS}0.0123"),
        (number(12345.67, 1), "12,345.7"),
        (number(None), MISSING),
        (number(math.nan), MISSING),
        (number(-math.inf), f"{MINUS}∞"),
        (figure_text(None), MISSING),
        (figure_text(Figure(0.5, 0.001, 3)), "0.5000"),
        (figure_text(Figure(0.5, 0.001, 3), with_sd=True), "0.5000 ± 0.0010"),
        (figure_text(Figure(0.5, None, 1), with_sd=True), "0.5000"),
    ],
)
def test_numbers_as_text(text, expected):
    assert text == expected


def printed(boards, width: int = 200) -> str:
    console = Console(width=width, file=io.StringIO())
    for table in terminal_tables(boards):
        console.print(table)
    return console.file.getvalue()
