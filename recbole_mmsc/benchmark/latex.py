r"""Leaderboards in LaTeX, for papers; the preamble needs ``\usepackage{booktabs}``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recbole_mmsc.benchmark.grid import (
    ABOUT_DIFFERENCE,
    DIFFERENCE,
    MINUS,
    MISSING,
    Grid,
    figures_grid,
    how_tested,
    remarks,
    shown_metrics,
    title,
    unfinished,
)
from recbole_mmsc.benchmark.leaderboard import Leaderboard

TOO_MANY = ("coverage", "confusion", "(1+")  # for the width of a page
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    MINUS: "$-$",
    MISSING: "--",
    "[": "{[}",  # after \\ a bracket would begin an argument
    "]": "{]}",
}


def to_latex(leaderboards: Sequence[Leaderboard]) -> str:
    """One ``table*`` environment, as wide as the page, for each leaderboard."""
    head = "% Leaderboards of a benchmark; needs \\usepackage{booktabs}"
    return "\n\n".join([head, *map(_environment, leaderboards)]) + "\n"


def _environment(board: Leaderboard) -> str:
    main, *others = shown_metrics(board)
    metrics = [main, *(name for name in others if not any(part in name for part in TOO_MANY))]
    grid = figures_grid(board, metrics, about=[DIFFERENCE, "p (Holm)"], spread=[main])
    caption = (
        f"{title(board)}, mean ± standard deviation over seeds. Best in bold, underlined if not "
        f"significantly worse: {how_tested(board)}. {ABOUT_DIFFERENCE}."
    )
    label = re.sub(r"[^a-z0-9]+", "-", f"{board.dataset}-{board.relation}".lower()).strip("-")
    return "\n".join(
        [
            *(f"% {line}" for line in filter(None, [unfinished([board]), *remarks(board)])),
            r"\begin{table*}[t]",
            r"\centering",
            r"\small",
            rf"\caption{{{_escape(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{l{'r' * len(grid.headings[1:])}}}",
            r"\toprule",
            _line([grid.headings[0].capitalize(), *grid.headings[1:]]),
            r"\midrule",
            *_body(grid),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table*}",
        ]
    )


def _body(grid: Grid) -> list[str]:
    lines = []
    for row, cells in grid.rows:
        model, main, *others = map(_escape, cells)
        if row.best:
            model, main = rf"\textbf{{{model}}}", rf"\textbf{{{main}}}"
        elif row.not_worse:
            main = rf"\underline{{{main}}}"
        lines.append(" & ".join([model, main, *others]) + r" \\")
    return lines


def _line(headings: Sequence[str]) -> str:
    return " & ".join(map(_escape, headings)) + r" \\"


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
