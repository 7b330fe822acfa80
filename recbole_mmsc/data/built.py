"""Where a built dataset keeps its catalogue, and how commands are told of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from recbole_mmsc.dataset_builders.spill import SCHEMA

T = TypeVar("T")

DATA = Path("dataset")  # where commands look for datasets by default


def catalogue_path(folder: Path) -> Path:
    """``catalogue.parquet`` of a dataset folder.

    Raises:
        FileNotFoundError: there is none; the message names the command that makes it.
    """
    path = folder / "catalogue.parquet"
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a built dataset in {folder}, found no {path.name}; "
            "make one with `recbole-mmsc build PRESET --meta FILE`."
        )
    return path


def catalogue_columns(folder: Path, *columns: str) -> pa.Table:
    """Some columns of ``catalogue.parquet``, a row for each item in ``.item`` order.

    Args:
        folder: of the dataset.
        columns: names out of the builders' ``SCHEMA``; ``item_id`` is never null.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, lacks a column, has values of another kind or items without id.
    """
    path = catalogue_path(folder)
    try:
        schema = pa.schema([SCHEMA.field(name) for name in columns])
        table = pq.read_table(path, columns=list(columns)).select(columns).cast(schema)
        if "item_id" in columns and table["item_id"].null_count:
            raise ValueError("an item has no id")
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a table with the columns {', '.join(columns)} ({error}); build the "
            "dataset again."
        ) from error
    return table


def read_document(folder: Path, read: Callable[[dict[str, Any]], T]) -> T:
    """What is read out of ``dataset.json`` of a dataset folder.

    Args:
        folder: of the dataset.
        read: the document → what is wanted of it; it may fail where the document is another.

    Raises:
        ValueError: the file is damaged, or has not what is wanted.
        OSError: there is none.
    """
    file = folder / "dataset.json"
    try:
        return read(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the figures of a dataset in {file}, found a damaged file; "
            f"build the dataset again ({error})"
        ) from None


def split_of(folder: Path) -> str:
    """Checksum of the split of a dataset folder; raises as :func:`read_document`."""
    return read_document(folder, _checksum)


def _checksum(document: dict[str, Any]) -> str:
    checksum = document["split_sha256"]
    if not isinstance(checksum, str):
        raise TypeError("split_sha256 is no text")
    return checksum


def command(verb: str, folder: Path, *options: str) -> str:
    """A command of ours on a dataset folder, to be copied from a message."""
    folder = folder.resolve()
    elsewhere = () if folder.parent == DATA.resolve() else ("--data", str(folder.parent))
    return shlex.join(["recbole-mmsc", verb, folder.name, *options, *elsewhere])
