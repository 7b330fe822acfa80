"""Where a built dataset keeps its catalogue."""

from __future__ import annotations

from pathlib import Path


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
