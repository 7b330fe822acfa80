"""The map of a catalogue as a PNG: a point an item, a colour a category."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from recbole_mmsc.benchmark.printable import printable

from .groups import NO_GROUP, short_names

# "Muted" of Paul Tol: told apart with any kind of colour vision, and so is the grey.
COLOURS = (
    *("#332288", "#CC6677", "#117733", "#88CCEE", "#DDCC77"),
    *("#882255", "#44AA99", "#999933", "#AA4499"),
)
GREY = "#C8C8C8"
INK, FAINT = "#222222", "#666666"
_LABEL, _TITLE = 34, 70  # characters


@dataclass(frozen=True, slots=True)
class MapText:
    """What stands beside the points.

    Attributes:
        title: first line above the map.
        subtitle: second line, smaller.
        caption: below the map: how it was made.
    """

    title: str
    subtitle: str
    caption: str


def draw_map(path: Path, points: np.ndarray, groups: np.ndarray, text: MapText) -> Path:
    """Draw items on a plane; the same input gives the same bytes.

    Args:
        path: the PNG to write, replaced whole or not at all.
        points: ``[m, 2]``.
        groups: ``[m]`` category of each item; the largest ones get a colour, the rest are grey.
        text: what to write beside the points.
    """
    counts = Counter(group for group in groups.tolist() if group != NO_GROUP)
    largest = sorted(counts, key=lambda group: (-counts[group], group))[: len(COLOURS)]
    colour_of = dict(zip(largest, COLOURS, strict=False))
    # Whatever style the user has set, the picture is the same.
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(11, 7.5), facecolor="white")
        axes = figure.add_axes((0.03, 0.07, 0.67, 0.81))
        size = float(np.clip(20_000 / max(len(points), 1), 6, 60))
        colours = np.array([colour_of.get(group, GREY) for group in groups])
        grey = colours == GREY
        for chosen, alpha in ((grey, 0.5), (~grey, 0.75)):
            axes.scatter(
                *points[chosen].T, s=size, c=colours[chosen], alpha=alpha, linewidths=0, marker="o"
            )
        _frame(axes, points)
        _legend(figure, axes, counts, largest, int(grey.sum()))
        plain = {"parse_math": False, "ha": "left"}
        title = textwrap.shorten(printable(text.title), _TITLE, placeholder=" …")
        figure.text(0.03, 0.945, title, fontsize=15, weight="bold", color=INK, **plain)
        figure.text(0.03, 0.905, printable(text.subtitle), fontsize=10.5, color=FAINT, **plain)
        figure.text(0.03, 0.03, printable(text.caption), fontsize=9, color=FAINT, **plain)
        return _save(figure, path)


def _frame(axes: matplotlib.axes.Axes, points: np.ndarray) -> None:
    """No ticks, since the coordinates mean nothing; one scale for both, since distances do."""
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_color("#DDDDDD")
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    wide, high = np.ptp(points, axis=0).tolist()
    ratio = (11 * 0.67) / (7.5 * 0.81)
    half = max(high, wide / ratio, 1e-6) * 0.53
    axes.set_xlim(middle[0] - half * ratio, middle[0] + half * ratio)
    axes.set_ylim(middle[1] - half, middle[1] + half)


def _legend(
    figure: Figure,
    axes: matplotlib.axes.Axes,
    counts: Counter[str],
    largest: list[str],
    n_grey: int,
) -> None:
    labels = [
        f"{textwrap.shorten(printable(name), _LABEL, placeholder=' …')}  {counts[group]:,}"
        for name, group in zip(short_names(largest), largest, strict=True)
    ]
    colours = [*COLOURS[: len(largest)]]
    if n_grey:
        others = "others" if largest else "no category"
        labels, colours = [*labels, f"{others}  {n_grey:,}"], [*colours, GREY]
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=8, markeredgewidth=0, color=colour)
        for colour in colours
    ]
    legend = figure.legend(
        handles,
        ["?"] * len(handles),  # a label that begins with "_" would be left out
        loc="upper left",
        bbox_to_anchor=(0.71, 0.885),
        frameon=False,
        fontsize=10,
        labelspacing=0.75,
        handletextpad=0.4,
        labelcolor=INK,
    )
    for written, label in zip(legend.get_texts(), labels, strict=True):
        written.set_parse_math(False)
        written.set_text(label)


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Neither date nor version: the bytes follow from what is drawn.
        figure.savefig(scratch, format="png", dpi=160, metadata={"Software": None})
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path
