"""Anybody's catalogue in JSON Lines or Parquet, through a map from our fields to its columns.

What a column may hold is said in docs/dataset.md, under "A catalogue of your own".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from difflib import get_close_matches
from math import isnan
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .fields import as_description, as_path, as_title, as_urls
from .literals import parse_json, parse_literal
from .product import SOURCES, BuildError, Product, UnusableRecord, checked_id
from .quarantine import Quarantine
from .records import fit
from .text import parse_price

#: Every field that a map may name.
FIELDS = ("item_id", "title", "brand", "category", "price", "description", "image_urls", *SOURCES)

BATCH_ROWS = 1024

_BETWEEN_IDS = re.compile(r"[,;|\s]+")
# From here on a float has lost digits: two ids might have become one.
_EXACT = 2**53
# No id has so many; Python refuses to write far longer integers as text.
_INTEGER_BITS = 1024


def check_field_map(field_map: Mapping[str, str] | None) -> dict[str, str]:
    """Return the map from our fields to the file's columns, once it makes sense.

    Raises:
        BuildError: If there is no map, it lacks ``item_id``, or it names an unknown field.
    """
    if not field_map:
        raise BuildError(
            "A generic format needs a field map, such as --field item_id=sku --field title=name "
            "--field also_view=seen_with. "
            f"Fields: {', '.join(FIELDS)}."
        )
    for field, column in field_map.items():
        if field not in FIELDS:
            near = get_close_matches(field, FIELDS, 1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise BuildError(f"Unknown field {field!r}. {hint}Fields: {', '.join(FIELDS)}.")
        if not isinstance(column, str) or not column:
            raise BuildError(f"Expected a column name for field {field!r}, got {column!r}.")
    if "item_id" not in field_map:
        raise BuildError("The field map lacks item_id: say which column holds the items' ids.")
    return dict(field_map)


def check_columns(field_map: Mapping[str, str], found: Iterable[str], file: str) -> None:
    """Make sure that the file has every column of the map.

    Raises:
        BuildError: For the columns that it lacks; lists those that it has.
    """
    columns = sorted(found)
    if lacking := [column for column in field_map.values() if column not in columns]:
        raise BuildError(
            f"{file} has no column {', '.join(map(repr, lacking))}. "
            f"Columns found: {', '.join(columns[:50]) or 'none'}."
        )


def column_names(record: Mapping[str, Any], prefix: str = "", depth: int = 4) -> Iterator[str]:
    """Yield the columns of a record, those inside others with dots."""
    for name, value in record.items():
        yield prefix + str(name)
        if isinstance(value, dict) and depth > 1:
            yield from column_names(value, f"{prefix}{name}.", depth - 1)


def product_maker(field_map: Mapping[str, str]) -> Callable[[dict[str, Any]], Product]:
    """Return the function from a record to a product; it raises ``UnusableRecord``."""
    columns = {field: (column, column.split(".")) for field, column in field_map.items()}
    sources = [source for source in SOURCES if source in columns]

    def to_product(record: dict[str, Any]) -> Product:
        def get(field: str) -> Any:
            return _value(record, *columns[field]) if field in columns else None

        return Product(
            item_id=checked_id(_as_id(get("item_id"))),
            title=as_title(" ".join(_texts(get("title")))),
            brand=as_title(" ".join(_texts(get("brand")))),
            category=_category(get("category")),
            price=parse_price(get("price")),
            description=as_description(_texts(get("description"))),
            image_urls=_urls(get("image_urls")),
            references={source: ids for source in sources if (ids := _ids(get(source)))},
        )

    return to_product


def parquet_products(
    path: Path,
    field_map: Mapping[str, str],
    quarantine: Quarantine,
    advance: Callable[[int], object] = int,
) -> Iterator[Product]:
    """Yield the products of a Parquet file; rows are numbered from 1 in the quarantine.

    Raises:
        BuildError: If it is no Parquet file or lacks a column.
    """
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise BuildError(f"{path} cannot be read as a Parquet file: {error}") from None
    with file:
        check_columns(field_map, _schema_names(file.schema_arrow), path.name)
        to_product = product_maker(field_map)
        present = set(file.schema_arrow.names)
        columns = sorted({c if c in present else c.split(".")[0] for c in field_map.values()})
        size, rows, row = path.stat().st_size, max(file.metadata.num_rows, 1), 0
        try:
            for batch in file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False):
                for record in _records(batch):
                    row += 1
                    if isinstance(record, UnusableRecord):
                        quarantine.add(path.name, row, str(record))
                        continue
                    try:
                        product = to_product(record)
                    except UnusableRecord as problem:
                        quarantine.add(path.name, row, str(problem), repr(record))
                        continue
                    yield product
                advance(size * batch.num_rows // rows)
        except (pa.ArrowException, OSError):
            quarantine.break_off(path.name, row + 1, "the Parquet data are damaged from here on")


def _records(batch: pa.RecordBatch) -> list[dict[str, Any] | UnusableRecord]:
    """The rows of a batch, each as a record, or why it is none."""
    try:
        return [_with_texts(record) for record in batch.to_pylist()]
    except UnicodeDecodeError:
        problem = UnusableRecord("a text in the row is not valid UTF-8")
    except (pa.ArrowException, ValueError, OverflowError):
        problem = UnusableRecord("a value in the row cannot be read")
    if batch.num_rows == 1:
        return [problem]
    return [record for row in range(batch.num_rows) for record in _records(batch.slice(row, 1))]


def _with_texts(value: Any) -> Any:
    """A value of Parquet with texts in the place of bytes, wherever bytes are UTF-8."""
    if isinstance(value, bytes):
        with suppress(UnicodeDecodeError):
            return value.decode()
    if isinstance(value, dict):
        return {name: _with_texts(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_texts(item) for item in value]
    return value


def _schema_names(schema: Iterable[pa.Field], prefix: str = "") -> Iterator[str]:
    for field in schema:
        yield prefix + field.name
        if pa.types.is_struct(field.type):
            inner = (field.type.field(i) for i in range(field.type.num_fields))
            yield from _schema_names(inner, f"{prefix}{field.name}.")


def _value(record: Any, column: str, steps: list[str]) -> Any:
    if column in record:
        return record[column]
    for step in steps:
        record = record.get(step) if isinstance(record, dict) else None
    return record


def _as_id(value: object) -> object:
    """An id as text; what is none is returned as it is, a gap as None.

    pandas turns a column of integers with gaps into floats, the gaps into NaN.
    """
    if isinstance(value, float):
        if isnan(value):
            return None
        value = int(value) if value.is_integer() and abs(value) < _EXACT else value
    elif isinstance(value, Decimal):
        value = int(value) if value == int(value) else value
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return str(value) if value.bit_length() < _INTEGER_BITS else value


def _texts(value: object) -> list[str]:
    if isinstance(value, float) and isnan(value):
        return []
    return fit(str(value) if isinstance(value, (int, float)) else value, list[str])


def _category(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(">")
    elif isinstance(value, list) and value and isinstance(value[0], list):
        value = value[0]
    return as_path(fit(value, list[str]))


def _urls(value: object) -> tuple[str, ...]:
    return as_urls(value.split() if isinstance(value, str) else fit(value, list[str]))


def _ids(value: object) -> list[str]:
    """The ids of a source; what cannot be one is an empty text, for the catalogue to count."""
    if isinstance(value, str):
        if not value.lstrip().startswith("["):
            return [item for item in _BETWEEN_IDS.split(value) if item]
        value = _list_in(value)
    items = value if isinstance(value, list) else [value]
    ids = [item if isinstance(item, str) else _as_id(item) for item in items]
    return [item if isinstance(item, str) else "" for item in ids if item is not None]


def _list_in(text: str) -> object:
    """The list that a text writes out, as JSON or as a Python literal; else an empty text."""
    line = b'{"": %s}' % text.encode("utf-8", "surrogatepass")  # the readers take records only
    for parse in (parse_json, parse_literal):
        with suppress(UnusableRecord):
            return parse(line)[""]
    return ""
