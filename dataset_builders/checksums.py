"""The checksum that tells whether two people hold the same split."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .splits import PHASES

_BLOCK = 1 << 20


def split_checksum(folder: Path, name: str) -> str:
    """SHA-256 over the contents of the train, valid and test ``.inter`` files, in this order."""
    digest = hashlib.sha256()
    for phase in PHASES:
        _update(digest, folder / f"{name}.{phase}.inter")
    return digest.hexdigest()


def file_checksum(path: Path) -> str:
    """SHA-256 of one file."""
    digest = hashlib.sha256()
    _update(digest, path)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, path: Path) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
