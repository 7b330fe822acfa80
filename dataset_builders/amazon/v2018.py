"""Amazon metadata of 2018: one JSON object a line.

Ni et al., "Justifying recommendations using distantly-labeled reviews and fine-grained aspects",
EMNLP 2019.

| field | becomes |
|---|---|
| `asin`, `title`, `brand`, `price` | the same |
| `category`: one path | category, up to where the page's feature list leaked into it |
| `description`, `feature`: lists | description |
| `imageURLHighRes`, else `imageURL` | image addresses |
| `also_buy`, `also_view` | references |

Many titles are scraps of the page's markup or scripts; those become empty.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..fields import as_description, as_path, as_title, as_urls
from ..product import Product, checked_id
from ..records import json_reader
from ..text import parse_price

SOURCES = ("also_view", "also_buy")


class Record(msgspec.Struct, gc=False):
    """The fields of a line that are read."""

    asin: Any = None
    title: str | None = None
    brand: str | None = None
    category: list[str] | None = None
    price: Any = None
    description: list[str] = []
    feature: list[str] = []
    imageURL: list[str] | None = None
    imageURLHighRes: list[str] | None = None
    also_view: list[str] | None = None
    also_buy: list[str] | None = None


read_record = json_reader(Record)


def to_product(record: Record) -> Product:
    """Return the product in one record.

    Raises:
        UnusableRecord: If the record has no usable ``asin``.
    """
    references = {}
    if record.also_view:
        references["also_view"] = record.also_view
    if record.also_buy:
        references["also_buy"] = record.also_buy
    return Product(
        checked_id(record.asin),
        _title(record.title),
        _brand(record.brand),
        as_path(record.category, leaky=True),
        parse_price(record.price),
        as_description(record.description + record.feature),
        as_urls(record.imageURLHighRes or record.imageURL),
        references,
    )


def _title(text: str | None) -> str:
    title = as_title(text)
    return "" if "getTime()" in title else title  # a page's script in the title's place


def _brand(text: str | None) -> str:
    if text and text.startswith("by\n"):  # "by\n    \n    Microsoft": the page's words
        text = text[3:]
    return as_title(text)
