"""Leaderboards in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from recbole_mmsc.benchmark.grid import (
    ABOUT_DIFFERENCE,
    DIFFERENCE,
    MISSING,
    TRAINING_TIME,
    Grid,
    degree_grid,
    figures_grid,
    heading,
    how_tested,
    remarks,
    shown_metrics,
    title,
    unfinished,
)
from recbole_mmsc.benchmark.leaderboard import Leaderboard

NOT_WORSE = "≈"


def to_markdown(leaderboards: Sequence[Leaderboard]) -> str:
    """All leaderboards as one document, each with its figures by degree below."""
    notice = unfinished(leaderboards)
    parts = ["# Leaderboard", f"**{notice}**" if notice else "", *map(_section, leaderboards)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _section(board: Leaderboard) -> str:
    about = (DIFFERENCE, "p (Holm)", "train s", "peak GiB", "seeds")
    grid = figures_grid(board, shown_metrics(board), about, spread=[board.metric])
    parts = [f"## {_escape(title(board))}", _table(grid)]
    if any(row.best for row in board.rows):
        parts.append(
            f"Best in bold; {NOT_WORSE} not significantly worse than the best. Test: "
            f"{how_tested(board)}. {_escape(ABOUT_DIFFERENCE)}. A ± is the standard deviation "
            f"over seeds. Training: {TRAINING_TIME}."
        )
    if noted := remarks(board):
        parts.append("\n".join(f"- {_escape(line)}" for line in noted))
    if any(row.by_degree for row in board.rows):
        parts.append(f"### {heading(board.metric)} by training pairs of the query item")
        parts.append(_by_degree(board))
    return "\n\n".join(parts)


def _table(grid: Grid) -> str:
    lines = [_head(grid)]
    for row, cells in grid.rows:
        model, main, *others = map(_escape, cells)
        if row.best:
            model, main = f"**{model}**", f"**{main}**"
        elif row.not_worse:
            main = f"{main} {NOT_WORSE}"
        lines.append(_line([model, main, *others]))
    return "\n".join(lines)


def _by_degree(board: Leaderboard) -> str:
    """The best of each column in bold; no column of these is tested."""
    grid = degree_grid(board)
    lines = [_head(grid)]
    columns = [*zip(*(cells[1:] for _, cells in grid.rows), strict=True)]
    best = [
        max((cell for cell in column if cell != MISSING), key=float, default="")
        for column in columns
    ]
    for _, (model, *cells) in grid.rows:
        marked = [
            f"**{cell}**" if cell == top else cell for cell, top in zip(cells, best, strict=True)
        ]
        lines.append(_line([_escape(model), *marked]))
    return "\n".join(lines)


def _head(grid: Grid) -> str:
    rule = _line(["---", *["---:"] * len(grid.headings[1:])])
    return f"{_line(map(_escape, grid.headings))}\n{rule}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", text)
