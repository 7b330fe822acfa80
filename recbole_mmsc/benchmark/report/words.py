"""Numbers and names in the words of the report."""

from __future__ import annotations

import math

from recbole_mmsc.benchmark.grid import MISSING


def sort_value(value: float | None) -> str:
    """A number as JavaScript reads it; empty where there is none."""
    if value is None or math.isnan(value):
        return ""
    return repr(float(value)).replace("inf", "Infinity")


def p_value(p: float | None) -> str:
    """A p-value; small ones as < 0.001."""
    if p is None:
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    """Seconds for people: 0.4 s, 12 s, 3.4 min, 1.2 h."""
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit, digits in ((1, "s", 0), (60, "min", 1)):
        if seconds < 100 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds / 3600:,.1f} h"


def count(value: float | None) -> str:
    """A count in thousands or millions: 940, 1.2 k, 3.4 M."""
    if value is None:
        return MISSING
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.1f}{unit}"
    return f"{value:.0f}"


def listing(words: list[str]) -> str:
    """Words as a sentence has them: a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
