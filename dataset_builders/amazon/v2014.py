"""Amazon metadata of 2014: one Python literal a line, or JSON where somebody has converted it.

McAuley et al., "Image-based recommendations on styles and substitutes", SIGIR 2015, and
"Inferring networks of substitutable and complementary products", KDD 2015.

| field | becomes |
|---|---|
| `asin`, `title`, `brand`, `description`, `price` | the same |
| `categories`: list of paths | category: the first path that is not empty |
| `imUrl` | image address |
| `related`: `also_bought`, `also_viewed`, `bought_together`, `buy_after_viewing` | references |
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..fields import as_description, as_path, as_title, as_urls
from ..product import Product, checked_id
from ..records import either_reader
from ..text import parse_price

SOURCES = ("also_viewed", "buy_after_viewing", "also_bought", "bought_together")


class Record(msgspec.Struct, gc=False):
    """The fields of a line that are read."""

    asin: Any = None
    title: str | None = None
    brand: str | None = None
    categories: list[list[str]] | None = None
    price: Any = None
    description: str | None = None
    imUrl: str | None = None
    related: dict[str, list[str] | None] | None = None


read_record = either_reader(Record)


def to_product(record: Record) -> Product:
    """Return the product in one record.

    Raises:
        UnusableRecord: If the record has no usable ``asin``.
    """
    related = record.related or {}
    return Product(
        checked_id(record.asin),
        as_title(record.title),
        as_title(record.brand),
        next(filter(None, map(as_path, record.categories or ())), ()),
        parse_price(record.price),
        as_description([record.description]) if record.description else "",
        as_urls([record.imUrl]) if record.imUrl else (),
        {source: ids for source in SOURCES if (ids := related.get(source))},
    )
