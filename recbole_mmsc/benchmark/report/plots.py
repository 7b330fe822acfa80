"""The report's plots: quality against time, by degree, under noise, and over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from recbole_mmsc.benchmark.grid import MINUS
from recbole_mmsc.benchmark.record import RunRecord
from recbole_mmsc.benchmark.report.svg import (
    LETTER,
    LINE,
    OTHER,
    Picture,
    Point,
    Scale,
    Tick,
    spread,
    time_ticks,
    value_ticks,
)
from recbole_mmsc.benchmark.report.words import duration, listing

Colours = Mapping[str, str]  # label of a model → class; the others are grey

HIGHLIGHTED = 8  # as many colours as can be told apart
LEFT, RIGHT, TOP, BOTTOM = 46, 378, 24, 226  # of the area of the values, in pixels
LABELS = 278  # where the column of labels begins, right of lines
NAMES = 130  # where the column of names ends, left of rows
ROW = 16  # pixels


@dataclass(frozen=True)
class Line:
    """One model's line: its label, and points of two values each."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Axis:
    """What a scale shows: its name, and the values from which on and up to which it goes."""

    name: str
    low: float
    high: float
    ticks: Sequence[Tick]
    log: bool = False

    def scale(self, begin: float, end: float) -> Scale:
        """The axis between two pixels."""
        return Scale(self.low, self.high, begin, end, self.log)


def quality_against_time(
    key: str, name: str, metric: str, points: Iterable[tuple[str, float, float]], colours: Colours
) -> Picture | None:
    """One dot a model; those that no other one beats in both time and quality are named.

    Args:
        key: unique in the document.
        name: of the picture.
        metric: of the vertical axis.
        points: label, seconds of training, and value of each model.
        colours: of the models that have one.
    """
    points = [point for point in points if point[1] > 0 and math.isfinite(point[2])]
    if not points:
        return None
    seconds = [point[1] for point in points]
    values = [point[2] for point in points]
    front = pareto_front(points)
    time, value = time_axis(seconds, room=0.22), value_axis(metric, values)
    picture = Picture(
        key, name, "Not beaten in both time and quality: " + listing([label for label, *_ in front])
    )
    x, y = time.scale(LEFT, RIGHT), value.scale(BOTTOM, TOP)
    picture.y_axis(y, value.ticks, LEFT, RIGHT, value.name)
    picture.x_axis(x, time.ticks, BOTTOM, time.name)
    steps: list[Point] = []
    for _, second, level in front:
        steps += [(x(second), steps[-1][1])] if steps else []
        steps.append((x(second), y(level)))
    picture.line([*steps, (RIGHT, steps[-1][1])], "front")
    for label, second, level in sorted(points, key=lambda point: point[0] in colours):
        tip = f"{label}: {metric} {level:.4f} after {duration(second)} of training"
        picture.dot((x(second), y(level)), colours.get(label, OTHER), tip, radius=4.5)
    for label, point in _beside(front, x, y):
        picture.text(point, label, f"label end {colours.get(label, OTHER)}", 22)
    return picture


def pareto_front(points: Iterable[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Those that no faster one reaches, the fastest first: (label, seconds, value)."""
    front: list[tuple[str, float, float]] = []
    for point in sorted(points, key=lambda point: (point[1], -point[2])):
        if not front or point[2] > front[-1][2]:
            front.append(point)
    return front


def curves_over_time(
    key: str, name: str, metric: str, runs: Iterable[RunRecord], colours: Colours
) -> Picture | None:
    """The best validation so far over training, one line a run."""
    lines = [
        Line(run.label, list(best_so_far((m.seconds, m.value) for m in run.history)))
        for run in runs
    ]
    lines = [line for line in lines if line.points]
    if not lines:
        return None
    time = time_axis([second for line in lines for second, _ in line.points])
    return _lines(key, name, time, metric, lines, colours, over_time=True)


def best_so_far(points: Iterable[Point]) -> Iterator[Point]:
    """Points whose second value is the largest up to there; those at no time are left out."""
    best = -math.inf
    for first, second in points:
        if first > 0 and math.isfinite(second):
            best = max(best, second)
            yield first, best


def by_degree(
    key: str,
    name: str,
    metric: str,
    lines: Sequence[Line],
    buckets: Sequence[str],
    colours: Colours,
) -> Picture | None:
    """One line a model over the buckets; the points' first value is the number of the bucket."""
    ticks = list(enumerate(buckets))
    axis = Axis("training pairs of the query item", -0.2, len(buckets) - 0.8, ticks)
    return _lines(key, name, axis, metric, lines, colours) if lines else None


def under_noise(key: str, name: str, lines: Sequence[Line], colours: Colours) -> Picture | None:
    """One line a model over shares of noise, as a share of its own value without noise."""
    shares = sorted({share for line in lines for share, _ in line.points})
    if len(shares) < 2:
        return None
    ticks = [(share, f"{share:.0%}") for share in shares]
    axis = Axis("training pairs that are noise", 0.0, shares[-1] * 1.03, ticks)
    return _lines(key, name, axis, "share of its value without noise", lines, colours)


def over_seeds(
    key: str, name: str, metric: str, rows: Sequence[tuple[str, Sequence[float]]], colours: Colours
) -> Picture | None:
    """How far the seeds of a model are from their mean: one row a model, one dot a seed.

    Args:
        key: unique in the document.
        name: of the picture.
        metric: whose differences are shown.
        rows: label and the value of each seed, the best model first.
        colours: of the models that have one.
    """
    apart = [
        (label, [value - fmean(values) for value in values])
        for label, values in rows
        if len(values) > 1
    ]
    if not apart:
        return None
    widest = max(abs(one) for _, values in apart for one in values) * 1.1 or 0.001
    bottom = TOP + ROW * len(apart)
    picture = Picture(key, name, "One row a model, one dot a seed.", height=bottom + 44)
    x = Scale(-widest, widest, NAMES + 6, RIGHT)
    ticks = value_ticks(-widest, widest, about=4)
    for tick, _ in ticks:
        picture.line([(x(tick), TOP - 4), (x(tick), bottom)], "grid")
    marks = [(tick, text.replace("-", MINUS)) for tick, text in ticks]
    picture.x_axis(x, marks, bottom, f"{metric}, difference from the model's mean")
    for place, (label, values) in enumerate(apart):
        y = TOP + ROW * (place + 0.5)
        kind = colours.get(label, OTHER)
        picture.text((NAMES, y + 4), label, f"label end {kind}", int(NAMES / LETTER))
        picture.line([(x(min(values)), y), (x(max(values)), y)], kind)
        for one in values:
            picture.dot((x(one), y), kind, f"{label}: {one:+.4f}")
    return picture


def value_axis(name: str, values: Sequence[float]) -> Axis:
    """An axis that just holds the values, from 0 on if they come near it."""
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or abs(high) * 0.1 or 0.1
    low = 0.0 if 0 <= low < 0.4 * high else low - margin
    high += margin
    return Axis(name, low, high, value_ticks(low, high))


def time_axis(seconds: Sequence[float], room: float = 0.0) -> Axis:
    """A logarithmic axis of training time, with so large a share of it left free before."""
    low, high = min(seconds) / 1.3, max(seconds) * 1.3
    low /= (high / low) ** room
    while not (ticks := time_ticks(low, high)):  # all values between two round ones
        low, high = low / 1.5, high * 1.5
    return Axis("training time", low, high, ticks, log=True)


def _beside(
    front: Sequence[tuple[str, float, float]], x: Scale, y: Scale
) -> list[tuple[str, Point]]:
    """Where the names of the front stand: to the upper left, where no model is."""
    heights = spread([y(level) - 5 for *_, level in front], LINE, TOP - 6, BOTTOM)
    return [
        (label, (max(x(seconds) - 5, LEFT + min(len(label), 22) * LETTER), height))
        for (label, seconds, _), height in zip(front, heights, strict=True)
    ]


def _lines(
    key: str,
    name: str,
    axis: Axis,
    metric: str,
    lines: Sequence[Line],
    colours: Colours,
    over_time: bool = False,
) -> Picture:
    """Lines over an axis, those with a colour named at their ends.

    Over time, points are no dots, and a line holds its last value to the end of the axis.
    """
    value = value_axis(metric, [level for line in lines for _, level in line.points])
    named = [label for label in colours if any(line.label == label for line in lines)]
    picture = Picture(key, name, "One line a model; in colour: " + listing(named))
    end = LABELS - 20
    x, y = axis.scale(LEFT, end), value.scale(BOTTOM, TOP)
    picture.y_axis(y, value.ticks, LEFT, end, value.name)
    picture.x_axis(x, axis.ticks, BOTTOM, axis.name)
    ends = {}
    for line in sorted(lines, key=lambda line: line.label in colours):
        kind = colours.get(line.label, OTHER)
        points = [(x(first), y(second)) for first, second in line.points]
        picture.line(points, kind, line.label)
        if len(points) == 1 or not over_time:
            for point, (_, level) in zip(points, line.points, strict=True):
                radius = 3.0 if line.label in colours else 2.0
                picture.dot(point, kind, f"{line.label}: {level:.4f}", radius=radius)
        if line.label in colours:
            if over_time:
                picture.line([points[-1], (end, points[-1][1])], f"over {kind}")
            ends[line.label] = ((end, points[-1][1]), line.label, kind)
    picture.labels([ends[label] for label in named], LABELS, TOP, BOTTOM)
    return picture
