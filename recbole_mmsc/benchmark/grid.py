"""What the tables of a leaderboard show, as plain text: each format only escapes and marks it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from recbole_mmsc.benchmark.leaderboard import ALPHA, Figure, Leaderboard, Row
from recbole_mmsc.dataset_builders.printable import printable
from recbole_mmsc.evaluation.significance import Paired

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
DIFFERENCE = "Δ to best [95 %]"
ABOUT_DIFFERENCE = (
    f"{DIFFERENCE}: mean difference over queries and its bootstrap interval, uncorrected"
)
FAILED, CUT_SHORT = "failed", "cut short"
TRAINING_TIME = "processor time over the number of threads, on a GPU wall-clock time"
NAMES = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP"}
ABOUT_A_ROW = {  # heading → text
    DIFFERENCE: lambda row: difference_text(row.versus_best),
    "p (Holm)": lambda row: number(row.p),
    "train s": lambda row: number(row.train_seconds, 1),
    "peak GiB": lambda row: number(row.peak_memory, 2),
    "seeds": lambda row: str(len(row.seeds)),
}


@dataclass(frozen=True)
class Grid:
    """A table of text.

    Args:
        headings: of the columns; the first is the model, the second the main metric.
        rows: each with its cells, as many as headings.
    """

    headings: list[str]
    rows: list[tuple[Row, list[str]]]


@dataclass(frozen=True)
class Mishap:
    """Seeds of one model on one dataset that failed, or were cut short, for one reason.

    Args:
        label: the model's name in the leaderboard.
        dataset: name of the dataset folder.
        what: :data:`FAILED` or :data:`CUT_SHORT`.
        reason: empty where none was recorded.
        seeds: of the runs.
    """

    label: str
    dataset: str
    what: str
    reason: str
    seeds: tuple[int, ...]


def figures_grid(
    board: Leaderboard, metrics: Sequence[str], about: Sequence[str], spread: Sequence[str]
) -> Grid:
    """The figures of all models.

    Args:
        board: the leaderboard.
        metrics: in the order of the columns.
        about: headings of :data:`ABOUT_A_ROW`, the columns after them.
        spread: the metrics that are shown with their standard deviation over seeds.
    """
    rows = []
    for row in board.rows:
        figures = [
            figure_text(row.figures.get(metric), with_sd=metric in spread) for metric in metrics
        ]
        if not row.seeds:
            figures[0] = FAILED
        rows.append((row, [_name(row), *figures, *(ABOUT_A_ROW[name](row) for name in about)]))
    return Grid(["model", *map(heading, metrics), *about], rows)


def degree_grid(board: Leaderboard) -> Grid:
    """The main metric by how many training pairs the query item has, with the queries of each."""
    buckets = [name for name, n_queries in board.buckets.items() if n_queries]
    rows = [
        (row, [_name(row), *(figure_text(row.by_degree.get(name)) for name in buckets)])
        for row in board.rows
        if row.seeds
    ]
    counts = [f"{name} ({board.buckets[name]:,} queries)" for name in buckets]
    return Grid(["model", *counts], rows)


def shown_metrics(board: Leaderboard) -> list[str]:
    """The main metric, then the usual ones at its cutoff that were measured."""
    cutoff = board.metric.partition("@")[2].partition(" ")[0]
    usual = [f"{name}@{cutoff}" for name in ("ndcg", "hit", "recall", "mrr")]
    usual += [f"ndcg@{cutoff} (1+100)", f"ndcg@{cutoff} (1+1000)"]
    usual += [f"coverage@{cutoff}", f"confusion@{cutoff}"]
    measured = {metric for row in board.rows for metric in row.figures}
    others = [metric for metric in usual if metric in measured and metric != board.metric]
    return [board.metric, *others]


def heading(metric: str) -> str:
    """A metric as people write it: ``ndcg@10`` → NDCG@10."""
    name, at, cutoff = metric.partition("@")
    return NAMES.get(name, name.capitalize()) + at + cutoff


def number(value: float | None, places: int = 4) -> str:
    """A number with a real minus sign, or a dash where there is none."""
    if value is None or math.isnan(value):
        return MISSING
    text = "∞" if math.isinf(value) else f"{abs(value):,.{places}f}"
    return f"{MINUS}{text}" if value < 0 else text


def figure_text(figure: Figure | None, with_sd: bool = False) -> str:
    """The mean, and its standard deviation over seeds where there is one."""
    if figure is None:
        return MISSING
    spread = f" ± {number(figure.sd)}" if with_sd and figure.sd is not None else ""
    return number(figure.mean) + spread


def difference_text(versus: Paired | None) -> str:
    """The mean difference and its 95 % interval."""
    if versus is None:
        return MISSING
    return f"{number(versus.difference)} [{number(versus.low)}, {number(versus.high)}]"


def title(board: Leaderboard) -> str:
    """What the leaderboard is of."""
    return printable(f"{board.dataset}: {board.relation}s")


def how_tested(board: Leaderboard) -> str:
    """How models were compared with the best one."""
    compared = sum(row.p is not None for row in board.rows)
    return (
        f"two-sided paired bootstrap test of {heading(board.metric)} against the best model, over "
        f"{board.n_queries:,} test queries with {board.n_resamples:,} resamples (seed "
        f"{board.seed}), p-values corrected by Holm's method for the number of models compared "
        f"({compared}), significant below {ALPHA}"
    )


def unfinished(leaderboards: Sequence[Leaderboard]) -> str:
    """Says how many runs of the benchmark are missing; empty where none is."""
    missing = max((board.missing for board in leaderboards), default=0)
    runs = "run is" if missing == 1 else "runs are"
    return f"Unfinished: {missing:,} {runs} missing." if missing else ""


def mishaps_of(board: Leaderboard) -> list[Mishap]:
    """Why seeds failed or were cut short, those with the same reason together."""
    seeds: dict[tuple[str, str, str], list[int]] = {}
    for row in board.rows:
        for what, found in ((FAILED, row.failures), (CUT_SHORT, row.cut_short)):
            for one in found:
                seeds.setdefault((row.label, what, one.reason), []).append(one.seed)
    return [
        Mishap(label, board.dataset, what, reason, tuple(those))
        for (label, what, reason), those in seeds.items()
    ]


def remarks(board: Leaderboard) -> list[str]:
    """One line for each mishap."""
    return [
        f"{printable(one.label)}, {one.what} (seed {', '.join(map(str, one.seeds))}): "
        f"{textwrap.shorten(printable(one.reason), 300) or 'no reason given'}"
        for one in mishaps_of(board)
    ]


def _name(row: Row) -> str:
    some = row.seeds and row.failures
    seeds = f" ({len(row.seeds)} of {len(row.seeds) + len(row.failures)} seeds)" if some else ""
    return printable(row.label) + seeds
