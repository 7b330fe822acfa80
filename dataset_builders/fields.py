"""The fields of a product out of the texts of a record: clean, checked and of bounded size."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile

from .text import clean_long_text, clean_text

# Encoders of text read 77 to 512 tokens, so what follows is never looked at.
MAX_DESCRIPTION = 4_000
# Far above any real one, and so low that a whole row of a .item file stays under the field limit
# of the csv reader behind RecBole (131,072 characters): one absurd title must not cost the rest.
MAX_TITLE = 1_000
MAX_LEVELS = 20
MAX_URLS = 5
MAX_URL = 2_000

# One address, or several with single spaces between; ASCII, no quotes and no angle brackets.
_URLS = re.compile(r"https?://[!#-;=?-~]+(?: https?://[!#-;=?-~]+)*")
_BETWEEN = "\x1f"
_CACHED_LENGTH = 300


def as_title(text: str | None) -> str:
    """Return a title or a name: clean, on one line, at most ``MAX_TITLE`` characters."""
    return clean_text(text)[:MAX_TITLE] if text else ""


def as_description(texts: list[str]) -> str:
    """Return several texts as one, clean, at most ``MAX_DESCRIPTION`` characters."""
    # Cut first of all, so that a book in this field costs no more than a page.
    text = " ".join(texts)[: 4 * MAX_DESCRIPTION]
    return clean_long_text(text)[:MAX_DESCRIPTION] if text else ""


def as_path(levels: list[str] | None, leaky: bool = False) -> tuple[str, ...]:
    """Return a category path; levels without text are left out.

    A ``leaky`` list may go on with the product's features: the path ends before the first level
    that is a whole sentence or a scrap of markup.
    """
    if not levels:
        return ()
    joined = _BETWEEN.join(levels[:MAX_LEVELS])
    # A catalogue has few distinct paths; the length bounds the cache.
    path = _cached_path if len(joined) <= _CACHED_LENGTH else _path
    return path(joined, leaky)


def as_urls(urls: list[str] | None) -> tuple[str, ...]:
    """Return the web addresses among the first ``MAX_URLS`` entries of a list, in order."""
    if not urls:
        return ()
    urls = urls[:MAX_URLS]
    joined = " ".join(urls)
    if joined.count(" ") < len(urls) and _URLS.fullmatch(joined) and len(joined) <= MAX_URL:
        return tuple(urls)
    return tuple([url for url in urls if _is_url(url)])


def _is_url(text: str) -> bool:
    return len(text) <= MAX_URL and " " not in text and _URLS.fullmatch(text) is not None


def _path(joined: str, leaky: bool) -> tuple[str, ...]:
    levels = joined.split(_BETWEEN)
    if leaky:
        levels = list(takewhile(lambda level: "</" not in level and level[-1:] != ".", levels))
    return tuple([clean[:MAX_TITLE] for level in levels if (clean := clean_text(level))])


_cached_path = lru_cache(maxsize=1 << 14)(_path)
