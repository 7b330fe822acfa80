"""The one entry point of reading: files of any format in, products out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path
from typing import Any

from .amazon import FORMATS
from .generic import (
    check_columns,
    check_field_map,
    column_names,
    parquet_products,
    product_maker,
)
from .lines import (
    DEFAULT_LIMITS,
    Limits,
    check_files,
    progress_bar,
    read_lines,
)
from .literals import parse_json, parse_literal
from .product import BuildError, Product, UnusableRecord
from .quarantine import Quarantine

#: Every name that ``--format`` takes.
FORMAT_NAMES = ("auto", *FORMATS, "jsonl", "parquet")

SNIFFED_LINES = 1000

_PARQUET = b"PAR1"  # how such a file begins


def read_products(
    paths: Sequence[str | Path],
    format_name: str,
    quarantine: Quarantine,
    field_map: Mapping[str, str] | None = None,
    progress: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Product]:
    """Return an iterator over the products of all files, in their order.

    The files are looked at at once, their products are read as they are asked for.

    Args:
        paths: Files of one format; each may be plain, gzip or zstd (Parquet: as it is).
        format_name: One of :data:`FORMAT_NAMES`; ``auto`` tells the Amazon releases apart.
        quarantine: Takes every unusable line with its number and the reason.
        field_map: Our field to the file's column, for ``jsonl`` and ``parquet`` only.
        progress: Show a bar on stderr that follows the bytes on the disk.
        limits: Bounds of a line and of the expansion of compressed data.

    Raises:
        BuildError: If a file cannot be read, the format or the map is wrong, or (from the
            iterator, at its end) not one product was found.
    """
    checked = check_files(paths)
    if format_name not in FORMAT_NAMES:
        near = get_close_matches(format_name, FORMAT_NAMES, 1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise BuildError(
            f"Unknown format {format_name!r}. {hint}Formats: {', '.join(FORMAT_NAMES)}."
        )
    if format_name == "auto":
        format_name = sniff_format(checked[0])
    if format_name in FORMATS:
        if field_map:
            raise BuildError(
                f"A field map goes with the formats jsonl and parquet; {format_name} knows its "
                "own fields."
            )
        form = FORMATS[format_name]
        reader = _line_reader(form.read_record, form.to_product, quarantine, limits)
    else:
        field_map = check_field_map(field_map)
        if format_name == "parquet":
            reader = _parquet_reader(field_map, quarantine)
        else:
            _check_lines(field_map, checked, progress)
            reader = _line_reader(parse_json, product_maker(field_map), quarantine, limits)
    return _all_products(checked, reader, format_name, progress)


def sniff_format(path: Path) -> str:
    """Say which Amazon release a file is from, by its first line that tells.

    Raises:
        BuildError: If none of the first lines is a record of a known release.
    """
    for line in _first_lines(path):
        try:
            record, literal = parse_json(line), False
        except UnusableRecord:
            try:
                record, literal = parse_literal(line), True
            except UnusableRecord:
                continue
        if "parent_asin" in record:
            return "amazon-2023"
        if "asin" in record:
            old = literal or not record.keys().isdisjoint(("related", "categories", "imUrl"))
            return "amazon-2014" if old else "amazon-2018"
    raise BuildError(
        f"Cannot tell the format of {path} from its first {SNIFFED_LINES} lines: none is a record "
        f"with an asin{_what_it_is(path)}. Name the format: {', '.join(FORMAT_NAMES[1:])}."
    )


_Reader = Callable[[Path, Callable[[int], object]], Iterator[Product]]


def _all_products(
    paths: list[Path], reader: _Reader, format_name: str, progress: bool
) -> Iterator[Product]:
    with progress_bar(paths, "reading", progress) as bar:
        products = chain.from_iterable(reader(path, bar.update) for path in paths)
        first = next(products, None)
        if first is None:
            names = ", ".join(path.name for path in paths)
            raise BuildError(
                f"Not one line of {names} is a usable product of the format {format_name}. "
                "Check the format; 'auto' tells the Amazon releases apart."
            )
        yield first
        yield from products


def _line_reader(
    read_record: Callable[[bytes], Any],
    to_product: Callable[[Any], Product],
    quarantine: Quarantine,
    limits: Limits,
) -> _Reader:
    def read(path: Path, advance: Callable[[int], object]) -> Iterator[Product]:
        for number, line in read_lines(path, quarantine, limits, advance):
            try:
                product = to_product(read_record(line))
            except UnusableRecord as problem:
                quarantine.add(path.name, number, str(problem), line)
                continue
            yield product

    return read


def _parquet_reader(field_map: dict[str, str], quarantine: Quarantine) -> _Reader:
    def read(path: Path, advance: Callable[[int], object]) -> Iterator[Product]:
        return parquet_products(path, field_map, quarantine, advance)

    return read


def _check_lines(field_map: Mapping[str, str], paths: list[Path], progress: bool) -> None:
    """Make sure that JSON Lines have the columns of the map.

    Every item has an id; what else is known of it may stand in some of the files, and a column of
    few items may first be met far down.

    Raises:
        BuildError: If a column is missing, or a file is no JSON Lines.
    """
    known: set[str] = set()
    for path in paths:
        columns = set().union(*_columns(_first_lines(path)))
        if not columns:
            raise BuildError(
                f"Expected JSON Lines, an object with columns on each line, found no readable line "
                f"in {path}{_what_it_is(path)}."
            )
        where = f"{path.name} (the first {SNIFFED_LINES:,} lines)"
        check_columns({"item_id": field_map["item_id"]}, columns, where)
        known |= columns
    wanted = set(field_map.values())
    if not wanted <= known:
        with progress_bar(paths, "looking for columns", progress) as bar:
            for columns in _columns(
                chain.from_iterable(_lines(path, bar.update) for path in paths)
            ):
                known |= columns
                if wanted <= known:
                    break
    check_columns(field_map, known, ", ".join(path.name for path in paths))


def _lines(path: Path, advance: Callable[[int], object] = int) -> Iterator[bytes]:
    with Quarantine(os.devnull) as nowhere:  # the real reading will report the same lines
        for _, line in read_lines(path, nowhere, advance=advance):
            yield line


def _first_lines(path: Path) -> Iterator[bytes]:
    return islice(_lines(path), SNIFFED_LINES)


def _columns(lines: Iterable[bytes]) -> Iterator[set[str]]:
    """The columns of each line that is an object."""
    for line in lines:
        with suppress(UnusableRecord):
            yield set(column_names(parse_json(line)))


def _what_it_is(path: Path) -> str:
    """Why a file has no readable line, as far as that can be told."""
    with path.open("rb") as file:
        if file.read(len(_PARQUET)) == _PARQUET:
            return ", which is a Parquet file: give --format parquet"
    with Quarantine(os.devnull) as nowhere:
        if not any(read_lines(path, nowhere)) and not nowhere.total:
            return ", which is empty"
        return "".join(f"; {reason}" for reason in nowhere.counts) or (
            "; pandas makes such lines of most other files: read_csv(FILE), or read_json(FILE), "
            "and to_json(NEW, orient='records', lines=True)"
        )
