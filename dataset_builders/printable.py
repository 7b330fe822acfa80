"""Text of others, made fit to be shown: titles and labels may hold anything."""

from __future__ import annotations

import unicodedata

# Control characters (escape codes of terminals among them), format characters (marks that turn
# the direction of what follows, zero-width ones), halves of surrogate pairs, line separators.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text on one line, without characters that a terminal or browser would obey.

    Markup stays as it is: what shows the text has to escape it.
    """
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(c) in _HIDDEN else c for c in text)
    return " ".join(text.split())
