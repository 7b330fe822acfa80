"""The map of a catalogue as a PNG: a point an item, a colour a category."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from recbole_mmsc.dataset_builders.printable import printable
from recbole_mmsc.dataset_builders.whole_file import whole_file

from .groups import NO_GROUP, short_names

# "Muted" of Paul Tol: told apart with any kind of colour vision, and so is the grey.
COLOURS = (
    *("#332288", "#CC6677", "#117733", "#88CCEE", "#DDCC77"),
    *("#882255", "#44AA99", "#999933", "#AA4499"),
)
GREY = "#C8C8C8"
INK, FAINT = "#222222", "#666666"
WIDTH, HEIGHT = 11, 7.5  # inches
_MAP = (0.03, 0.07, 0.67, 0.81)  # left, bottom, width, height, as shares of the picture
_MEASURED = 200  # characters: no line has room for more
_TITLE, _LABEL = 0.94, 0.23  # how wide a line and a legend's label may be, likewise


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
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        # A sign that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(WIDTH, HEIGHT), facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.add_axes(_MAP)
        size = float(np.clip(20_000 / max(len(points), 1), 6, 60))
        colours = np.array([colour_of.get(group, GREY) for group in groups])
        grey = colours == GREY
        for chosen, alpha in ((grey, 0.5), (~grey, 0.75)):
            across, up = points[chosen].T
            axes.scatter(across, up, size, colours[chosen], alpha=alpha, linewidths=0)
        _frame(axes, points)
        _legend(figure, counts, largest, int(grey.sum()))
        left = _MAP[0]
        title = figure.text(left, 0.945, "", fontsize=15, weight="bold", color=INK)
        subtitle = figure.text(left, 0.905, "", fontsize=10.5, color=FAINT)
        caption = figure.text(left, 0.03, "", fontsize=9, color=FAINT)
        _fit(title, text.title, "", _TITLE)
        _fit(subtitle, text.subtitle, "", _TITLE)
        _fit(caption, text.caption, "", _TITLE)
        return _save(figure, path)


def _frame(axes: Axes, points: np.ndarray) -> None:
    """No ticks, since the coordinates mean nothing; one scale for both, since distances do."""
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_color("#DDDDDD")
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    wide, high = np.ptp(points, axis=0).tolist()
    ratio = (WIDTH * _MAP[2]) / (HEIGHT * _MAP[3])
    half = max(high, wide / ratio, 1e-6) * 0.53
    axes.set_xlim(middle[0] - half * ratio, middle[0] + half * ratio)
    axes.set_ylim(middle[1] - half, middle[1] + half)


def _legend(figure: Figure, counts: Counter[str], largest: list[str], n_grey: int) -> None:
    labels = list(zip(short_names(largest), map(counts.get, largest), COLOURS, strict=False))
    if n_grey:
        labels.append(("others" if largest else "no category", n_grey, GREY))
    handles = [
        Line2D([], [], marker="o", linestyle="", markersize=8, markeredgewidth=0, color=colour)
        for _, _, colour in labels
    ]
    legend = figure.legend(
        handles,
        ["?"] * len(handles),  # a label that begins with "_" would be left out
        title="Items drawn, by category",
        title_fontproperties={"size": 10.5, "weight": "bold"},
        alignment="left",
        loc="upper left",
        bbox_to_anchor=(0.71, 0.89),
        frameon=False,
        fontsize=10,
        labelspacing=0.75,
        handletextpad=0.4,
        labelcolor=INK,
    )
    for written, (name, count, _) in zip(legend.get_texts(), labels, strict=True):
        _fit(written, name, f"  {count:,}", _LABEL)


def _fit(written: Text, line: str, end: str, share: float) -> None:
    """Write a line as it stands, without formulas, cut to a share of the picture's width."""
    written.set_parse_math(False)
    limit = share * written.figure.bbox.width
    line = printable(line)[:_MEASURED]

    def write(n: int) -> bool:
        """Write n characters of the line; whether that is too wide."""
        written.set_text((line if n == len(line) else line[:n].rstrip() + "…") + end)
        return bool(written.get_window_extent().width > limit)

    if write(len(line)):
        write(bisect_left(range(len(line)), True, key=write) - 1)


def _save(figure: Figure, path: Path) -> Path:
    with whole_file(path) as scratch:
        # Neither date nor version: the bytes follow from what is drawn.
        figure.savefig(scratch, format="png", dpi=160, metadata={"Software": None})
    return path
