"""What a run reads of a dataset folder beside the split, so that a changed file is a new run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from recbole_mmsc.data.features import features_path
from recbole_mmsc.data.labels import supervision_path
from recbole_mmsc.dataset_builders.checksums import file_checksum
from recbole_mmsc.properties_files import model_defaults


def inputs_checksum(folder: Path, model: str, settings: Mapping[str, Any]) -> str:
    """SHA-256 over the names and contents of the files that a model reads, and of the candidates.

    Args:
        folder: of the dataset.
        model: RecBole's models read the split alone, ours behaviour and content too.
        settings: of the run; they name the encoder and the labellers.
    """
    digest = hashlib.sha256()
    for file in _input_files(folder, model, settings):
        if file.is_file():  # the run itself says what is missing
            digest.update(f"{file.relative_to(folder)} {_checksum(file)}\n".encode())
    return digest.hexdigest()


def _input_files(folder: Path, model: str, settings: Mapping[str, Any]) -> list[Path]:
    files = sorted((folder / "candidates").glob("[!.]*"))
    if ours := model_defaults(model):
        told = {**ours, **settings}
        files += [folder / "behaviour.parquet", folder / "catalogue.parquet"]
        if "encoder" in told:
            files.append(features_path(folder, str(told["encoder"])))
        files += [supervision_path(folder, str(each)) for each in told.get("supervision", ())]
    return files


def _checksum(file: Path) -> str:
    found = file.stat()
    return _read_once(file, found.st_size, found.st_mtime_ns)


@cache
def _read_once(file: Path, _size: int, _changed: int) -> str:
    """A plan asks for the same files for every one of its runs."""
    return file_checksum(file)
