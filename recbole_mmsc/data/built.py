"""Where a built dataset keeps its catalogue, and how commands are told of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recbole_mmsc.dataset_builders.spill import SCHEMA

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


def read_document(folder: Path) -> dict[str, Any]:
    """``dataset.json`` of a dataset folder.

    Raises:
        ValueError: it is damaged, or names no split.
        OSError: there is none.
    """
    file = folder / "dataset.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(document["split_sha256"], str):
            raise ValueError("split_sha256 is no text")
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"expected the figures of a dataset in {file}, found a damaged file; "
            f"build the dataset again ({error})"
        ) from None
    return document


def command(verb: str, folder: Path, *options: str) -> str:
    """A command of ours on a dataset folder, to be copied from a message."""
    folder = folder.resolve()
    elsewhere = () if folder.parent == DATA.resolve() else ("--data", str(folder.parent))
    return shlex.join(["recbole-mmsc", verb, folder.name, *options, *elsewhere])
