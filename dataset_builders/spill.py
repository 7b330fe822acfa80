"""The texts of a catalogue, on disk while it is being read: a row an item, in order.

An anonymous temporary file takes them, so that a killed build leaves nothing behind.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from .product import Product

#: The columns of ``catalogue.parquet``. ``category`` is the path joined by " > ".
SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("brand", pa.string()),
        ("category", pa.string()),
        ("price", pa.float64()),
        ("description", pa.string()),
        ("image_urls", pa.list_(pa.string())),
    ]
)
#: The columns that may be empty.
FIELDS = ("title", "brand", "category", "price", "description", "image_urls")

_BATCH = 8192


class Spill:
    """Rows of products, appended once, holes filled later.

    Args:
        folder: where the temporary file lies; by default the system's folder for such.

    Attributes:
        rows: rows appended so far.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.rows = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(self._file, SCHEMA, options=options)
        self._pending: list[list[object]] = [[] for _ in SCHEMA]
        self._filled = bytearray()  # a bit for each of FIELDS, so that duplicates cost nothing
        self._patches: list[dict[int, object]] = [{} for _ in FIELDS]

    def append(self, product: Product) -> int:
        """Add a row and return its number."""
        values = _values(product)
        self._filled.append(sum(1 << bit for bit, value in enumerate(values) if _full(value)))
        for column, value in zip(self._pending, (product.item_id, *values), strict=True):
            column.append(value)
        self.rows += 1
        if len(self._pending[0]) == _BATCH:
            self._flush()
        return self.rows - 1

    def fill(self, row: int, product: Product) -> None:
        """Give row ``row`` the fields of ``product`` that it does not have yet."""
        for bit, value in enumerate(_values(product)):
            if _full(value) and not self._filled[row] >> bit & 1:
                self._filled[row] |= 1 << bit
                self._patches[bit][row] = value

    def filled_counts(self) -> list[int]:
        """For each of :data:`FIELDS`, how many rows have it."""
        filled = np.frombuffer(self._filled, dtype=np.uint8)
        return [int((filled >> bit & 1).sum()) for bit in range(len(FIELDS))]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in order; nothing can be added any more. May be called again."""
        if self._pending:
            self._flush()
            self._writer.close()
            self._pending = []
        self._file.seek(0)
        start = 0
        for batch in pa.ipc.open_stream(self._file):
            yield self._patched(batch, start)
            start += batch.num_rows

    def table(self) -> pa.Table:
        """All rows at once."""
        return pa.Table.from_batches(self.batches(), SCHEMA)

    def _flush(self) -> None:
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(self._pending, SCHEMA, strict=True)
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
        for column in self._pending:
            column.clear()

    def _patched(self, batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        rows = range(start, start + batch.num_rows)
        columns = batch.columns
        for position, patches in enumerate(self._patches, start=1):
            if hit := patches.keys() & rows:
                values = columns[position].to_pylist()
                for row in hit:
                    values[row - start] = patches[row]
                columns[position] = pa.array(values, SCHEMA.field(position).type)
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _values(product: Product) -> tuple[object, ...]:
    """The product's columns in the order of :data:`FIELDS`."""
    return (
        product.title,
        product.brand,
        " > ".join(product.category),
        product.price,
        product.description,
        product.image_urls,
    )


def _full(value: object) -> bool:
    return value is not None and value != "" and value != ()
