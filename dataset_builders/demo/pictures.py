"""The demo's product pictures: a small drawing per type, coloured and patterned by style."""

from __future__ import annotations

import functools
import re

import numpy as np
from PIL import Image, ImageChops, ImageDraw

SIZE = 64
_SCALE = 3  # drawn larger, then reduced: smooth edges
_SIDE = SIZE * _SCALE

# A drawing is a list of shapes in a square of 100 x 100: letter, corner points, tone.
# e ellipse, a ring, r rounded box (each by two corners), p polygon, l thick line;
# b body (coloured and patterned), d darker, l lighter, k black, w white, g green, . background.
_DRAWINGS = """
kettle: a 30 8 70 50 k, p 72 50 94 34 96 42 74 70 d, p 32 36 68 36 82 86 18 86 b, r 42 28 58 37
    k
teapot: a 2 40 32 74 d, p 72 66 97 40 92 38 70 50 d, e 18 32 80 86 b, e 34 26 64 38 d, e 45 17
    54 27 k
mug: a 58 36 92 70 d, r 20 24 70 84 b, e 20 18 70 32 l
coffee grinder: l 50 28 50 12 k, l 50 12 82 12 k, e 77 7 89 19 k, p 30 28 70 28 62 46 38 46 d, r
    26 46 74 90 b, r 36 64 64 80 l, e 47 69 53 75 k
storage tin: r 26 30 74 90 b, r 22 16 78 32 d, r 36 48 64 68 w
plate: e 8 20 92 88 b, e 24 33 76 75 l
bowl: p 10 44 90 44 82 66 66 82 34 82 18 66 b, e 10 34 90 54 l, r 38 80 62 88 d
wine glass: e 30 4 70 58 b, r 26 0 74 14 ., e 30 10 70 20 l, r 47 56 53 86 d, e 30 82 70 93 d
cutlery: r 26 40 35 94 b, r 18 8 22 40 d, r 28 8 32 40 d, r 38 8 42 40 d, r 18 34 42 44 d, r 66
    48 75 94 b, p 66 50 66 8 76 14 80 50 d
tray: p 22 34 78 34 96 74 4 74 b, p 28 40 72 40 84 68 16 68 l, r 40 24 60 33 d, r 38 75 62 84 d
pillow: p 12 22 50 28 88 22 82 50 88 80 50 74 12 80 18 50 b, l 24 34 34 42 d, l 76 34 66 42 d
duvet cover: r 6 20 94 84 b, r 6 20 94 40 l, r 14 10 46 32 w, r 54 10 86 32 w
blanket: p 14 18 86 18 86 78 14 78 b, p 86 18 86 52 52 18 l, l 18 78 18 90 d, l 26 78 26 90 d, l
    34 78 34 90 d, l 42 78 42 90 d, l 50 78 50 90 d, l 58 78 58 90 d, l 66 78 66 90 d, l 74 78
    74 90 d, l 82 78 82 90 d
bedside lamp: p 34 10 66 10 80 48 20 48 b, r 47 48 53 66 k, e 32 62 68 92 d
alarm clock: e 14 8 42 34 d, e 58 8 86 34 d, l 28 92 38 78 k, l 72 92 62 78 k, e 16 18 84 88 b,
    e 26 28 74 78 w, l 50 53 50 36 k, l 50 53 63 60 k
towel: r 10 14 90 20 k, r 24 16 76 88 b, r 24 70 76 78 l
bath mat: p 24 40 92 40 78 72 8 72 b, l 8 73 6 82 d, l 15 73 13 82 d, l 22 73 20 82 d, l 29 73
    27 82 d, l 36 73 34 82 d, l 43 73 41 82 d, l 50 73 48 82 d, l 57 73 55 82 d, l 64 73 62 82
    d, l 71 73 69 82 d, l 78 73 76 82 d
soap dispenser: r 46 14 54 36 k, l 50 16 26 16 k, l 26 16 26 24 k, r 38 32 62 42 d, r 30 40 70
    92 b
shower curtain: r 4 10 96 15 k, p 12 18 88 18 92 92 8 92 b, l 20 18 19 92 d, l 35 18 34 92 d, l
    50 18 49 92 d, l 65 18 64 92 d, l 80 18 79 92 d
laundry basket: p 14 30 86 30 76 92 24 92 b, e 14 20 86 40 d, r 40 48 60 56 k
desk lamp: l 40 88 26 52 k, l 26 52 58 24 k, e 20 82 62 94 d, p 52 14 70 12 94 42 56 52 b
office chair: r 30 6 72 50 b, r 24 52 78 64 d, r 48 64 54 80 k, l 51 78 26 92 k, l 51 78 76 92
    k, l 51 78 51 93 k
notebook: r 22 10 80 92 b, r 38 24 70 40 w, a 14 14 30 22 k, a 14 26 30 34 k, a 14 38 30 46 k, a
    14 50 30 58 k, a 14 62 30 70 k, a 14 74 30 82 k
fountain pen: p 14 90 22 66 36 80 k, p 22 66 70 14 86 28 36 80 b, p 56 30 70 14 86 28 72 44 d
organizer: l 36 50 28 8 k, l 50 50 52 4 k, l 62 50 74 10 k, r 24 42 76 92 b, e 24 36 76 50 d
watering can: a 4 30 44 78 d, p 70 70 94 30 98 34 76 84 d, e 86 18 99 38 k, p 30 38 72 38 78 88
    24 88 b, e 30 33 72 43 l
planter: e 26 6 50 46 g, e 50 6 76 46 g, e 38 0 62 40 g, p 20 46 80 46 70 92 30 92 b, r 16 38 84
    52 d
trowel: r 42 4 58 42 b, r 47 40 53 54 k, p 34 52 66 52 64 78 50 96 36 78 d
hose: a 12 12 80 80 b, a 22 22 70 70 d, a 32 32 60 60 b, l 76 62 94 88 d, r 88 84 98 94 k
bird feeder: p 50 8 92 38 8 38 d, r 28 38 72 78 b, e 40 48 60 68 k, r 16 78 84 86 d
yoga mat: r 6 40 86 70 b, e 72 38 98 72 d, e 79 47 91 63 l, r 22 38 28 72 k, r 56 38 62 72 k
dumbbell: r 24 44 76 56 k, r 8 26 30 74 b, r 70 26 92 74 b, r 2 38 10 62 d, r 90 38 98 62 d
water bottle: r 42 4 58 20 k, p 40 18 60 18 68 34 32 34 d, r 32 30 68 94 b
gym bag: a 26 18 74 72 k, r 6 42 94 84 b, l 14 50 86 50 d, r 60 58 82 76 d
foam roller: p 24 30 86 30 86 70 24 70 b, e 74 30 98 70 b, e 10 30 38 70 d, e 17 40 31 60 w
suitcase: r 36 4 40 28 k, r 60 4 64 28 k, r 36 4 64 9 k, r 22 24 78 88 b, l 38 32 38 80 d, l 62
    32 62 80 d, e 26 86 36 96 k, e 64 86 74 96 k
backpack: a 38 2 62 26 k, r 12 50 24 84 d, r 76 50 88 84 d, r 20 14 80 92 b, r 30 56 70 82 d, l
    32 40 68 40 k
packing cube: p 8 40 26 24 94 24 76 40 l, p 76 40 94 24 94 64 76 82 d, r 8 40 76 82 b, r 18 50
    66 72 w
travel pillow: e 10 10 90 90 b, e 34 32 66 66 ., r 42 56 58 99 .
umbrella: l 50 40 50 84 k, l 50 84 38 90 k, e 6 12 94 98 b, r 0 54 100 100 ., l 50 50 50 88 k, l
    50 90 38 90 k, l 50 6 50 14 k
"""


def _parse(block: str) -> dict[str, list[tuple[str, np.ndarray, str]]]:
    drawings = {}
    for name, shapes in re.findall(r"^([a-z ]+): ([^:]+)$(?=\n[a-z ]+:|\n*\Z)", block, re.M):
        words = [shape.split() for shape in shapes.split(",")]
        drawings[name] = [
            (shape, np.array(numbers, float).reshape(-1, 2), tone)
            for shape, *numbers, tone in words
        ]
    return drawings


DRAWINGS = _parse(_DRAWINGS)


def draw_product(
    kind: str, style: str, colour: tuple[int, int, int], rng: np.random.Generator
) -> Image.Image:
    """Picture of one product, 64 x 64 RGB: drawing by type, pattern by style, varied a little.

    Args:
        kind: name of the product type.
        style: name of the style, which chooses the pattern.
        colour: the body's colour before variation.
        rng: draws size, place, shade and background.
    """
    base = np.clip(np.array(colour) + rng.normal(0, 8, 3), 0, 255)
    ground = np.clip(rng.integers(228, 252) + rng.integers(-5, 6, 3), 0, 255)
    zoom = _SIDE / 100 * rng.uniform(0.78, 0.95)
    shift = (_SIDE - 100 * zoom) / 2 + rng.uniform(-0.03, 0.03, 2) * _SIDE
    tones = {
        "b": base, "d": base * 0.65, "l": base * 0.45 + 140, "k": (42, 42, 46),
        "w": (250, 250, 247), "g": (88, 142, 86), ".": ground,
    }  # fmt: skip
    tones = {tone: tuple(int(value) for value in rgb) for tone, rgb in tones.items()}
    picture, body = Image.new("RGB", (_SIDE, _SIDE), tones["."]), Image.new("L", (_SIDE, _SIDE))
    for shape, corners, tone in DRAWINGS[kind]:
        points = [tuple(point) for point in (corners * zoom + shift).tolist()]
        edge = tones["."] if tone == "." else tones["d"]
        _draw(ImageDraw.Draw(picture), shape, points, tones[tone], edge)
        inside = 255 if tone == "b" else 0
        _draw(ImageDraw.Draw(body), shape, points, inside, 0)
    patterned = ImageChops.multiply(body, _pattern(style))
    picture.paste(tones["d"], mask=patterned)
    return picture.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def _draw(pen: ImageDraw.ImageDraw, shape: str, points: list, fill: object, edge: object) -> None:
    if shape == "e":
        pen.ellipse(points, fill=fill, outline=edge, width=2)
    elif shape == "a":
        pen.ellipse(points, outline=fill, width=9)
    elif shape == "r":
        pen.rounded_rectangle(points, 8, fill=fill, outline=edge, width=2)
    elif shape == "p":
        pen.polygon(points, fill=fill, outline=edge, width=2)
    else:
        pen.line(points, fill=fill, width=7)


@functools.cache
def _pattern(style: str) -> Image.Image:
    """Where and how much a style's pattern darkens the body: a mask."""
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SCALE
    marks = {
        "minimalist": np.zeros_like(x, bool),
        "rustic": y % 9 < 1.2,
        "vintage": (x % 10 - 5) ** 2 + (y % 10 - 5) ** 2 < 5,
        "industrial": (x + y) % 8 < 1.5,
        "bohemian": (y + abs(x % 12 - 6)) % 9 < 3,
        "coastal": x % 12 < 5,
    }[style]
    return Image.fromarray((marks * 190).astype(np.uint8))
