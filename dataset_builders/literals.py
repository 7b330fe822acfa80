"""One line of text to one record: JSON, and Python literals at a JSON parser's speed.

Nothing is evaluated. A Python literal whose strings need no more than a change of quotes or of
simple escapes is rewritten as JSON; whatever is out of the ordinary goes to
:func:`ast.literal_eval`, so the result is the same as its own in every case.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any

import orjson

from .product import UnusableRecord

# ast.literal_eval builds a syntax tree of up to 500 times the size of the text.
MAX_SLOW_BYTES = 1 << 18

_SPACE = b" \t\r\n"
_BACKSLASH = b"\\"
# As many strings as possible that hold neither a double quote nor a backslash, and what is
# between them.
_PLAIN = re.compile(rb"""(?:[^"'\\]*'[^"'\\]*')*[^"'\\]*""")
_STRING = re.compile(rb"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\"""", re.DOTALL)
_HEX = re.compile(rb"\\x([0-9a-fA-F]{2})")
# An escape that JSON has no word for, or half of a surrogate pair, which JSON would join.
_UNUSUAL = re.compile(rb"""\\(?:[^nrtbfu"]|u[dD][89a-fA-F])""")
# Outside of strings JSON and Python agree on brackets and on numbers without exponent that fit
# 64 bits; on nothing else.
_ALIEN = re.compile(rb"[^][{}:, 0-9.-]|[0-9]{19}")
_DEEP = 100


def parse_json(line: bytes) -> dict[str, Any]:
    """Parse one line of JSON; ``NaN`` and ``Infinity`` are understood.

    Raises:
        UnusableRecord: If it is not one JSON object in UTF-8.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        record = _json_slowly(line)
    if not isinstance(record, dict):
        raise UnusableRecord("the line is not a record")
    return record


def parse_literal(line: bytes) -> dict[Any, Any]:
    """Parse one line that holds a Python dict literal, as :func:`ast.literal_eval` would.

    Raises:
        UnusableRecord: If it is not one dict literal in UTF-8, or if it is longer than
            ``MAX_SLOW_BYTES`` and too unusual for the fast path.
    """
    text = literal_to_json(line)
    try:
        record = _literal_slowly(line) if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        record = _literal_slowly(line)
    if not isinstance(record, dict):
        raise UnusableRecord("the line is not a record")
    return record


def literal_to_json(line: bytes) -> bytes | None:
    """Rewrite a Python literal as JSON; None where that takes more than quotes and escapes.

    Whatever a JSON parser accepts of the result has the same value in Python; what it refuses
    (tuples, ``None``, prefixes, adjacent strings, an error) may still be a Python literal.
    """
    line = line.strip(_SPACE)
    texts, outside = [], []
    plain = b'"' not in line and _BACKSLASH not in line
    position, length = 0, len(line)
    while position < length:
        end = length if plain else _PLAIN.match(line, position).end()  # type: ignore[union-attr]
        chunk = line[position:end]
        outside += chunk.split(b"'")[::2]
        texts.append(chunk.replace(b"'", b'"'))
        if end == length:
            break
        string = _STRING.match(line, end)
        if string is None:
            return None
        encoded = _json_string(string[0])
        if encoded is None:
            return None
        texts.append(encoded)
        position = string.end()
    skeleton = b"".join(outside)
    if _ALIEN.search(skeleton) or skeleton.count(b"[") + skeleton.count(b"{") > _DEEP:
        return None
    return b"".join(texts)


def _json_string(literal: bytes) -> bytes | None:
    """Rewrite one Python string literal without prefix as a JSON string, if that is simple."""
    body = literal[1:-1]
    if _BACKSLASH not in body:
        return b'"' + body.replace(b'"', b'\\"') + b'"'
    parts = body.split(b"\\\\")  # each backslash in a part starts an escape
    for place, part in enumerate(parts):
        part = part.replace(b"\\'", b"'").replace(b'\\"', b'"').replace(b'"', b'\\"')
        parts[place] = part = _HEX.sub(rb"\\u00\1", part) if b"\\x" in part else part
        if _UNUSUAL.search(part):
            return None
    return b'"' + b"\\\\".join(parts) + b'"'


def _json_slowly(line: bytes) -> Any:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError:
        raise UnusableRecord("the line is not valid UTF-8") from None
    except RecursionError:
        raise UnusableRecord("the line is nested too deeply") from None
    except ValueError:
        raise UnusableRecord("the line is not valid JSON") from None


def _literal_slowly(line: bytes) -> Any:
    if len(line) > MAX_SLOW_BYTES:
        raise UnusableRecord("the line is too long for an unusual Python literal")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown escape such as "\d" is taken as it is
            return ast.literal_eval(line.strip(_SPACE).decode())
    except UnicodeDecodeError:
        raise UnusableRecord("the line is not valid UTF-8") from None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise UnusableRecord("the line is not a Python literal") from None
