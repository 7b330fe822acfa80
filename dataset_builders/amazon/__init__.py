"""Readers of the three releases of Amazon product metadata, by the year of the release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..product import Product
from . import v2014, v2018, v2023


@dataclass(frozen=True, slots=True)
class Format:
    """How the lines of one release become products.

    Attributes:
        name: As given to ``--format``.
        read_record: One line to one record of the release's type; raises ``UnusableRecord``.
        to_product: One such record to a product; raises ``UnusableRecord``.
    """

    name: str
    read_record: Callable[[bytes], Any]
    to_product: Callable[[Any], Product]


#: The formats by name.
FORMATS = {
    name: Format(name, year.read_record, year.to_product)
    for name, year in (("amazon-2014", v2014), ("amazon-2018", v2018), ("amazon-2023", v2023))
}
