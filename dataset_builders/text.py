"""Plain one-line text and numbers out of what web pages left in the metadata."""

from __future__ import annotations

import html
import math
import re
from contextlib import suppress
from functools import lru_cache

# Every pattern here is linear in the length of the text: an unclosed comment, script or tag runs
# to the end of the text (or the next "<"), so no start is ever scanned twice.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style)\b.*?(?:</\1\s*>|\Z)"
    r"|</?[a-z][^<>]*>"
    # a tag cut off at the end, known by an attribute: "<span class=..." is markup, "a <b" is not
    r"|<[a-z]+\s+[a-z-]+=[^<>]*\Z",
    re.IGNORECASE | re.DOTALL,
)
# Control characters, line separators, halves of surrogate pairs, zero-width spaces and direction
# marks.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
_ASCII_CONTROLS = bytes([*range(32), 127])
_TO_SPACES = bytes.maketrans(_ASCII_CONTROLS, b" " * len(_ASCII_CONTROLS))
_PRICE = re.compile(
    r"(?:[Ff]rom\s+)?(?:[A-Z]{2,3}\s?)?[$€£¥₹]?\s?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(\.[0-9]+)?"
    r"\s?(?:[$€£¥₹]|[A-Z]{3})?(?:\s?[-–]\s?[$€£¥₹]?\s?[0-9][0-9,.]*)?"  # noqa: RUF001
)
_LONGEST_PRICE = 64
_CACHED_LENGTH = 100


def clean_text(text: str) -> str:
    """Return ``text`` as plain text on one line.

    Entities are decoded, markup is removed together with scripts, style sheets and comments, and
    every run of whitespace and invisible characters becomes one space. Text that was nothing but
    markup becomes empty. The result can be written as UTF-8.
    """
    if "<" in text or ("&" in text and ";" in text):
        # Names of brands and categories come again and again; the length bounds the cache.
        return _clean_short_markup(text) if len(text) <= _CACHED_LENGTH else _clean_markup(text)
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _one_line(text)


def clean_long_text(text: str) -> str:
    """Return ``text`` as :func:`clean_text` does, but with the runs of spaces that it holds.

    Folding those takes longer than parsing the record that a description stands in, and no
    encoder of text sees the difference.
    """
    if "<" in text or "&" in text:
        text = _without_markup(text)
    if text.isascii():
        return text.encode("ascii").translate(_TO_SPACES).decode("ascii").strip()
    return (text if text.isprintable() else _INVISIBLE.sub(" ", text)).strip()


def parse_price(value: object) -> float | None:
    """Return the price in ``value``; None where there is none.

    Numbers and US notation are understood: ``12.5``, ``"$1,299.00"``, ``"19.99 USD"``. A range or
    ``"from $5.00"`` gives its low end, the price a shop advertises. Negative, infinite and NaN
    prices, and anything else, are None.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _price_in(value) if len(value) <= _LONGEST_PRICE else None
    if isinstance(value, (bool, list, dict)):
        return None
    try:
        price = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return price if math.isfinite(price) and price >= 0 else None


@lru_cache(maxsize=1 << 14)  # catalogues have few distinct prices
def _price_in(text: str) -> float | None:
    match = _PRICE.fullmatch(text.strip())
    return float(match[1].replace(",", "") + (match[2] or "")) if match else None


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if text.isprintable() else " ".join(_INVISIBLE.sub(" ", text).split())


def _without_markup(text: str) -> str:
    if "<" in text:
        text = _MARKUP.sub(" ", text)
    if "&" in text and ";" in text:
        text = _without_entities(text)
        if "<" in text:  # tags that were written with entities
            text = _MARKUP.sub(" ", text)
    return text


def _without_entities(text: str) -> str:
    others = text.replace("&amp;", "")
    if "&" not in others or ";" not in others:  # the commonest case, by far the quickest so
        return text.replace("&amp;", "&")
    with suppress(ValueError):  # a numeric reference of thousands of digits stays as it is
        return html.unescape(text)
    return text


def _clean_markup(text: str) -> str:
    return _one_line(_without_markup(text))


_clean_short_markup = lru_cache(maxsize=1 << 14)(_clean_markup)
