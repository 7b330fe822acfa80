"""Where a built dataset keeps its catalogue, and how commands are told of it."""

from __future__ import annotations

import shlex
from pathlib import Path

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


def command(verb: str, folder: Path, *options: str) -> str:
    """A command of ours on a dataset folder, to be copied from a message."""
    folder = folder.resolve()
    elsewhere = () if folder.parent == DATA.resolve() else ("--data", str(folder.parent))
    return shlex.join(["recbole-mmsc", verb, folder.name, *options, *elsewhere])
