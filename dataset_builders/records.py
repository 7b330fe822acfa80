"""Lines of a file to records of known fields and types: where untrusted values become typed ones.

A release declares the fields that it reads as a ``msgspec.Struct``. A line that fits is decoded
straight into it, which creates nothing for all other fields; a line that does not fit is parsed
whole and made to fit. Behind this border no type is checked any more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from .literals import literal_to_json, parse_json, parse_literal
from .product import UnusableRecord

Record = TypeVar("Record", bound=msgspec.Struct)

_UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def json_reader(kind: type[Record]) -> Callable[[bytes], Record]:
    """Return the function from a line of JSON to a record; it raises ``UnusableRecord``."""
    decode = msgspec.json.Decoder(kind).decode

    def read(line: bytes) -> Record:
        try:
            return decode(line)
        except _UNFIT:
            return fit(parse_json(line), kind)

    return read


def literal_reader(kind: type[Record]) -> Callable[[bytes], Record]:
    """Return the function from a Python dict literal to a record; raises ``UnusableRecord``."""
    decode = msgspec.json.Decoder(kind).decode

    def read(line: bytes) -> Record:
        text = literal_to_json(line)
        if text is not None:
            try:
                return decode(text)
            except _UNFIT:
                pass
        return fit(parse_literal(line), kind)

    return read


def either_reader(kind: type[Record]) -> Callable[[bytes], Record]:
    """Return the function from a line of JSON, or else a Python literal, to a record."""
    read_json, read_literal = json_reader(kind), literal_reader(kind)

    def read(line: bytes) -> Record:
        if line.startswith(b"{'"):  # as most literals do, and no JSON
            return read_literal(line)
        try:
            return read_json(line)
        except UnusableRecord:
            return read_literal(line)

    return read


def fit(value: Any, hint: Any) -> Any:
    """Return the part of ``value`` that fits the type ``hint``, or the hint's empty value.

    A text in the place of a list becomes a list of one. What does not fit inside a list of texts
    becomes an empty text, so that an id that is none can be counted.
    """
    if hint is Any:
        return value
    if hint is str:
        return value if isinstance(value, str) else ""
    origin, inner = get_origin(hint), get_args(hint)
    if NoneType in inner:
        return None if value is None else fit(value, inner[0])
    if origin is list:
        items = value if isinstance(value, (list, tuple)) else [value] if value else []
        return [fit(item, inner[0]) for item in items]
    record = value if isinstance(value, dict) else {}
    if origin is dict:
        return {key: fit(item, inner[1]) for key, item in record.items() if isinstance(key, str)}
    hints = _hints(hint)
    return hint(**{name: fit(record[name], hints[name]) for name in hints if name in record})


@cache
def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return get_type_hints(kind)
