"""Small pictures as inline SVG: scales, axes, marks, and labels that keep out of each other's way.

Colours are classes (``s0`` … ``s7``, ``other``): the style sheet gives them a value for light and
one for dark. Lengths are in CSS pixels at the picture's own size; text is text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

from recbole_mmsc.dataset_builders.printable import printable

WIDTH, HEIGHT = 400, 270
LETTER = 7.0  # mean width of a letter of the pictures' labels, in a wide typeface
LINE = 13.0  # height of a line of it
OTHER = "other"

Tick = tuple[float, str]
Point = tuple[float, float]

# Marks of an axis of time, in seconds; every second one is left out where there is no room.
_TIMES: Sequence[Tick] = (
    (0.01, "10 ms"),
    (0.1, "0.1 s"),
    (0.3, "0.3 s"),
    (1, "1 s"),
    (3, "3 s"),
    (10, "10 s"),
    (30, "30 s"),
    (60, "1 min"),
    (180, "3 min"),
    (600, "10 min"),
    (1800, "30 min"),
    (3600, "1 h"),
    (10800, "3 h"),
    (36000, "10 h"),
    (108000, "30 h"),
    (360000, "100 h"),
)


@dataclass(frozen=True)
class Scale:
    """Places of the values ``low`` … ``high`` between the pixels ``begin`` and ``end``."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (
            (math.log(self.low), math.log(self.high), math.log(value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.begin + (value - low) / (high - low) * (self.end - self.begin)


def value_ticks(low: float, high: float, about: int = 5) -> list[Tick]:
    """Round values from ``low`` to ``high``, ``about`` so many."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, f"{n * step:.{digits}f}") for n in range(first, last + 1)]


def time_ticks(low: float, high: float, most: int = 6) -> list[Tick]:
    """Round durations from ``low`` to ``high`` seconds, ``most`` at most."""
    inside = [tick for tick in _TIMES if low <= tick[0] <= high]
    return inside[:: math.ceil(len(inside) / most) or 1]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near the wanted ones that are ``gap`` apart, within ``low`` … ``high`` if they fit.

    Neighbours that would overlap are put together around the mean of where they want to be.
    """
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    groups: list[list[int]] = []
    centres: list[float] = []
    for n in order:
        groups.append([n])
        centres.append(_within(wanted[n], 0.0, low, high))
        while (
            len(groups) > 1
            and centres[-1] - centres[-2] < gap * (len(groups[-1]) + len(groups[-2])) / 2
        ):
            groups[-2:] = [groups[-2] + groups[-1]]
            mean = sum(wanted[m] for m in groups[-1]) / len(groups[-1])
            centres[-2:] = [_within(mean, gap * (len(groups[-1]) - 1) / 2, low, high)]
    places = [0.0] * len(wanted)
    for group, centre in zip(groups, centres, strict=True):
        for place, n in enumerate(group):
            places[n] = centre + gap * (place - (len(group) - 1) / 2)
    return places


def _within(centre: float, half: float, low: float, high: float) -> float:
    return max(low + half, min(high - half, centre))


def shorten(text: str, letters: int) -> str:
    """The text, cut to so many letters."""
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


class Picture:
    """An SVG picture with a name and a description for those who do not see it.

    Args:
        key: part of the ids of the picture's name and description, unique in the document.
        name: what it shows.
        description: what is to be seen in it.
        width: in pixels.
        height: in pixels.
    """

    def __init__(
        self, key: str, name: str, description: str, width: float = WIDTH, height: float = HEIGHT
    ) -> None:
        self.name, self.width, self.height = name, width, height
        ids = {part: f"{key}-{part}" for part in ("title", "desc")}
        self._root = ElementTree.Element(
            "svg",
            {
                "viewBox": f"0 0 {width:g} {height:g}",
                "width": f"{width:g}",
                "height": f"{height:g}",
                "role": "img",
                "aria-labelledby": " ".join(ids.values()),
            },
        )
        for part, text in (("title", name), ("desc", description)):
            ElementTree.SubElement(self._root, part, {"id": ids[part]}).text = printable(text)

    def line(self, points: Iterable[Point], classes: str, tip: str = "") -> None:
        """A line through points, given in pixels."""
        steps = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._add("polyline", {"points": steps, "class": f"line {classes}"}, tip)

    def dot(self, point: Point, classes: str, tip: str = "", radius: float = 3.5) -> None:
        """A round mark at a pixel."""
        place = {"cx": _number(point[0]), "cy": _number(point[1]), "r": _number(radius)}
        self._add("circle", {**place, "class": f"dot {classes}"}, tip)

    def text(self, point: Point, text: str, classes: str = "", letters: int = 40) -> None:
        """Text at a pixel; the classes ``end`` and ``middle`` say what of it stands there."""
        place = {"x": _number(point[0]), "y": _number(point[1])}
        short = shorten(printable(text), letters)
        element = self._add("text", {**place, "class": classes}, "" if short == text else text)
        element.text = short

    def x_axis(self, scale: Scale, ticks: Iterable[Tick], y: float, name: str) -> None:
        """An axis below the picture, its name below its marks."""
        self.line([(scale.begin, y), (scale.end, y)], "axis")
        for value, text in ticks:
            self.text((scale(value), y + 15), text, "tick middle")
        self.text(((scale.begin + scale.end) / 2, y + 31), name, "name middle", 60)

    def y_axis(self, scale: Scale, ticks: Iterable[Tick], x: float, end: float, name: str) -> None:
        """Grid lines from ``x`` to ``end`` with their values, and the axis's name above them."""
        for value, text in ticks:
            y = scale(value)
            self.line([(x, y), (end, y)], "grid")
            self.text((x - 5, y + 4), text, "tick end")
        self.text((4, 11), name, "name")

    def labels(self, ends: Sequence[tuple[Point, str, str]], x: float, low: float, high: float):
        """Names of lines beside their ends, in one column, none upon another.

        Args:
            ends: of each line the pixel of its end, its name and its classes.
            x: where the column begins.
            low: uppermost pixel.
            high: lowest pixel.
        """
        letters = int((self.width - x) / LETTER)
        places = spread([point[1] for point, _, _ in ends], LINE, low, high)
        for (point, name, classes), y in zip(ends, places, strict=True):
            self.line([(point[0] + 4, point[1]), (x - 10, y), (x - 3, y)], f"leader {classes}")
            self.text((x, y + 4), name, f"label {classes}", letters)

    def markup(self) -> Markup:
        """The picture, to be put into an HTML document."""
        return Markup(ElementTree.tostring(self._root, encoding="unicode"))

    def _add(self, tag: str, attributes: dict[str, str], tip: str) -> ElementTree.Element:
        element = ElementTree.SubElement(self._root, tag, attributes)
        if tip:
            ElementTree.SubElement(element, "title").text = printable(tip)
        return element


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
