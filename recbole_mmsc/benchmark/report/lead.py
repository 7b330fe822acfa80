"""Who leads a leaderboard, by how much, and who is not significantly worse."""

from __future__ import annotations

from dataclasses import dataclass

from recbole_mmsc.benchmark.leaderboard import Leaderboard, Row


@dataclass(frozen=True)
class Lead:
    """The best model before the second best; differences are the best minus the second.

    Args:
        best: the best.
        second: None if only one finished.
        difference: of their means over queries.
        relative: the difference as a share of the second's mean, None where that is 0.
        low: of the 95 % interval of the difference.
        high: of the same interval.
        p: corrected.
        equals: all that are not significantly worse than the best; the second need not be one of
            them where a lower mean comes with a wider spread.
    """

    best: Row
    second: Row | None = None
    difference: float = 0.0
    relative: float | None = None
    low: float = 0.0
    high: float = 0.0
    p: float = 1.0
    equals: tuple[Row, ...] = ()


def lead_of(board: Leaderboard) -> Lead | None:
    """The lead of the best model; None where no model finished.

    Raises:
        ValueError: the second is not compared with the best.
    """
    finished = [row for row in board.rows if row.seeds]
    if not finished:
        return None
    best, *others = finished
    if not others:
        return Lead(best)
    second = others[0]
    versus, mean = second.versus_best, second.figures[board.metric].mean
    if versus is None or second.p is None:
        raise ValueError(f"expected {second.label} to be compared with the best, found no test")
    return Lead(
        best,
        second,
        difference=-versus.difference,
        relative=-versus.difference / mean if mean else None,
        low=-versus.high,
        high=-versus.low,
        p=second.p,
        equals=tuple(row for row in others if row.not_worse),
    )
