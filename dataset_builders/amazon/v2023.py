"""Amazon metadata of 2023: one JSON object a line.

Hou et al., "Bridging language and items for retrieval and recommendation", 2024.

| field | becomes |
|---|---|
| `parent_asin` | item id: the variants of one product (colours, sizes) are one item here |
| `title`, `price` | the same |
| `store`, else `brand` | brand |
| `categories`: one path; empty: `main_category` | category |
| `description`, `features`: lists | description |
| `images`: `hi_res`, `large`, `thumb` of each `variant` | image addresses, MAIN first |
| `bought_together`: list or null | references |

This release has no co-view, so on its own it yields complements only; in the published files
`bought_together` is mostly null too. Reviews can add co-purchase (`--reviews`).
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..fields import as_description, as_path, as_title, as_urls
from ..product import Product, checked_id
from ..records import json_reader
from ..text import parse_price

SOURCES = ("bought_together",)
NO_CO_VIEWS = (
    "there is no co-view in this release. Its bought_together is mostly empty; reviews can add "
    "co-purchase (--reviews)"
)


class Image(msgspec.Struct, gc=False):
    """One picture in several sizes."""

    hi_res: str | None = None
    large: str | None = None
    thumb: str | None = None
    variant: str | None = None


class Record(msgspec.Struct, gc=False):
    """The fields of a line that are read."""

    parent_asin: Any = None
    title: str | None = None
    store: str | None = None
    brand: str | None = None
    main_category: str | None = None
    categories: list[str] | None = None
    price: Any = None
    description: list[str] | None = None
    features: list[str] | None = None
    images: list[Image] | None = None
    bought_together: list[str] | None = None


read_record = json_reader(Record)


def to_product(record: Record) -> Product:
    """Return the product in one record.

    Raises:
        UnusableRecord: If the record has no usable ``parent_asin``.
    """
    bought = record.bought_together
    return Product(
        checked_id(record.parent_asin),
        as_title(record.title),
        as_title(record.store or record.brand),
        as_path(record.categories) or as_path([record.main_category or ""]),
        parse_price(record.price),
        as_description((record.description or []) + (record.features or [])),
        _addresses(record.images or []),
        {"bought_together": bought} if bought else {},
    )


def _addresses(images: list[Image]) -> tuple[str, ...]:
    """One address a picture, the largest there is; the main variant's before all others."""
    images = sorted(images, key=lambda image: image.variant != "MAIN")  # stable
    return as_urls([image.hi_res or image.large or image.thumb or "" for image in images])
