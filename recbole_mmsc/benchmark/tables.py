"""Leaderboards for a terminal, and as files: Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recbole_mmsc.benchmark.grid import figures_grid, remarks, shown_metrics, title, unfinished
from recbole_mmsc.benchmark.latex import to_latex
from recbole_mmsc.benchmark.leaderboard import Figure, Leaderboard, Row
from recbole_mmsc.benchmark.markdown import NOT_WORSE, to_markdown
from recbole_mmsc.dataset_builders.whole_file import whole_file

COLUMNS = (
    *("dataset", "split_sha256", "relation", "label", "model", "metric", "mean", "sd", "n_seeds"),
    *("n_queries", "best", "not_worse", "difference_to_best", "ci95_low", "ci95_high"),
    *("relative_difference", "cohens_dz", "p_bootstrap", "p_bootstrap_holm", "p_wilcoxon"),
    *("p_wilcoxon_holm", "train_seconds", "evaluate_seconds", "peak_memory_gib", "parameters"),
    *("failed_seeds", "missing_runs"),
)
NARROW = 2  # metrics in a terminal


def terminal_tables(leaderboards: Sequence[Leaderboard]) -> list[Table]:
    """One table for each leaderboard, narrow enough for 80 columns."""
    return [_terminal_table(board) for board in leaderboards]


def print_tables(leaderboards: Sequence[Leaderboard]) -> None:
    """Print the tables of :func:`terminal_tables`."""
    console = Console()
    for table in terminal_tables(leaderboards):
        console.print(table)


def to_csv(leaderboards: Sequence[Leaderboard]) -> str:
    """All figures in long form, one line for each dataset, relation, model and metric.

    The main metric's line also has the comparison with the best model; it is there, without a
    mean, for a model that failed. Metrics such as ``ndcg@10 [degree 1-5]`` are over the queries
    whose item has so many training pairs; ``n_queries`` is how many. ``missing_runs`` are those of
    the whole benchmark: a comment would be no CSV.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for board in leaderboards:
        for row in board.rows:
            writer.writerows(_lines(board, row))
    return text.getvalue()


def write_tables(leaderboards: Sequence[Leaderboard], folder: Path) -> list[Path]:
    """Write ``leaderboard.md``, ``.csv`` and ``.tex``, each of them whole or not at all.

    Returns:
        The files.
    """
    written = {"md": to_markdown, "csv": to_csv, "tex": to_latex}
    texts = {folder / f"leaderboard.{end}": write(leaderboards) for end, write in written.items()}
    for file, text in texts.items():
        with whole_file(file) as scratch:
            scratch.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)


def _terminal_table(board: Leaderboard) -> Table:
    metrics = [metric for metric in shown_metrics(board) if "(1+" not in metric][:NARROW]
    # the difference with its interval takes 26 columns: 80 have no room for it
    grid = figures_grid(board, metrics, about=["p (Holm)", "train s"], spread=[board.metric])
    caption = f"{board.n_queries:,} queries"
    if any(row.not_worse for row in board.rows):
        caption += f"; {NOT_WORSE} not significantly worse than the best"
    notes = filter(None, [unfinished([board]), caption, *remarks(board)])
    table = Table(title=Text(title(board)), caption=Text("\n".join(notes)))
    table.add_column(grid.headings[0], overflow="fold")
    for name in grid.headings[1:]:
        table.add_column(name, justify="right")
    for row, (model, main, *others) in grid.rows:
        marked = f"{main} {NOT_WORSE}" if row.not_worse else main
        style = "bold" if row.best else None
        table.add_row(*map(Text, (model, marked, *others)), style=style)
    return table


def _lines(board: Leaderboard, row: Row) -> Iterable[dict[str, object]]:
    same = {
        "dataset": board.dataset,
        "split_sha256": board.split_sha256,
        "relation": board.relation,
        "label": row.label,
        "model": row.model,
        "train_seconds": row.train_seconds,
        "evaluate_seconds": row.evaluate_seconds,
        "peak_memory_gib": row.peak_memory,
        "parameters": None if row.parameters is None else round(row.parameters),
        "failed_seeds": len(row.failures),
        "missing_runs": board.missing,
    }
    main = {**same, **_line(board.metric, row.figures.get(board.metric), board.n_queries)}
    yield {**main, **_comparison(row), "n_seeds": len(row.seeds)}
    for metric, figure in row.figures.items():
        if metric != board.metric:  # not every query has fixed candidates
            n_queries = None if "(" in metric else board.n_queries
            yield {**same, **_line(metric, figure, n_queries)}
    for bucket, figure in row.by_degree.items():
        metric = f"{board.metric} [degree {bucket}]"
        yield {**same, **_line(metric, figure, board.buckets[bucket])}


def _line(metric: str, figure: Figure | None, n_queries: int | None) -> dict[str, object]:
    found = {"metric": metric, "n_queries": n_queries}
    if figure is not None:
        found |= {"mean": figure.mean, "sd": figure.sd, "n_seeds": figure.n}
    return found


def _comparison(row: Row) -> dict[str, object]:
    found: dict[str, object] = {"best": row.best, "not_worse": row.not_worse}
    if (versus := row.versus_best) is not None:
        found |= {
            "difference_to_best": versus.difference,
            "ci95_low": versus.low,
            "ci95_high": versus.high,
            "relative_difference": versus.relative,
            "cohens_dz": versus.effect,
            "p_bootstrap": versus.p_bootstrap,
            "p_bootstrap_holm": row.p,
            "p_wilcoxon": versus.p_wilcoxon,
            "p_wilcoxon_holm": row.p_wilcoxon,
        }
    return found
