"""From an item's fields to the text an encoder reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """Which columns of ``catalogue.parquet`` make an item's text, in which order, how long.

    Attributes:
        fields: column names; empty ones are left out of the text.
        separator: what stands between two fields.
        max_chars: length in characters at which each field is cut; the category path keeps its
            end, which is its most specific part, the other fields keep their beginning.
    """

    fields: tuple[str, ...] = ("title", "brand", "category", "description")
    separator: str = ". "
    max_chars: int = 300

    @classmethod
    def for_tokens(cls, count: int) -> TextTemplate:
        """The template for a model that reads ``count`` tokens of about four characters.

        No field takes more than a third of them, so that a long title leaves room for others.
        """
        return cls(max_chars=min(cls().max_chars, count * 4 // 3))

    def __str__(self) -> str:
        """The form kept in the header of a features file."""
        return f"{self.separator.join(f'{{{name}}}' for name in self.fields)} [{self.max_chars}]"

    def texts(self, catalogue: pa.Table) -> list[str]:
        """One text per row of the catalogue, "" for an item that has none."""
        columns = [self._column(catalogue, name) for name in self.fields]
        return [self.separator.join(filter(None, row)) for row in zip(*columns, strict=True)]

    def _column(self, catalogue: pa.Table, name: str) -> Iterator[str]:
        keep = slice(-self.max_chars, None) if name == "category" else slice(self.max_chars)
        for chunk in catalogue.column(name).chunks:
            for value in chunk.to_pylist():
                yield (value or "")[keep].strip()


DEFAULT_TEMPLATE = TextTemplate()
