"""The folder ``images/`` of a dataset: how its files are called, and which are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from recbole_mmsc.dataset_builders.pictures import picture_of

_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]")
# Leaves room for a number and a suffix in the 255 bytes that file systems allow.
_LONGEST = 230
_SCRATCH = ".fetch-images.tmp"


def name_problem(item_id: str) -> str | None:
    """Say why no file can safely be named after ``item_id``; None when one can."""
    if not item_id or item_id.startswith("."):
        return "it is empty or starts with a dot"
    if _UNSAFE.search(item_id):
        return "it holds a slash, a backslash or a control character"
    if len(item_id.encode(errors="replace")) > _LONGEST:
        return f"it is longer than {_LONGEST} bytes"
    return None


class Shelf:
    """Pictures by item: ``<id>.<suffix>``, then ``<id>.1.<suffix>``, ``<id>.2.<suffix>``, ….

    Where ``<id>.1`` is itself an item, the file is that item's and the number is left out.

    Args:
        folder: made when the first picture is saved.
        item_ids: of the catalogue.
    """

    def __init__(self, folder: Path, item_ids: Iterable[str]) -> None:
        self._folder = folder
        self._ids = frozenset(item_ids)
        self._numbers: dict[str, set[int]] = {}
        self._files: set[str] = set()
        if folder.is_dir():
            (folder / _SCRATCH).unlink(missing_ok=True)
            for entry in os.scandir(folder):
                if entry.is_file():
                    self._note(entry.name)

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return name in self._files

    def count(self, item_id: str) -> int:
        """How many pictures of the item are there."""
        return len(self._numbers.get(item_id, ()))

    def free_name(self, item_id: str, suffix: str) -> str:
        """The name of the item's next picture."""
        taken = self._numbers.get(item_id, set())
        if 0 not in taken:
            return item_id + suffix
        number = 1
        while number in taken or f"{item_id}.{number}" in self._ids:
            number += 1
        return f"{item_id}.{number}{suffix}"

    def save(self, name: str, data: bytes) -> None:
        """Write a picture whole or not at all."""
        self._folder.mkdir(exist_ok=True)
        scratch = self._folder / _SCRATCH
        try:
            scratch.write_bytes(data)
            scratch.replace(self._folder / name)
        finally:
            scratch.unlink(missing_ok=True)
        self._note(name)

    def _note(self, name: str) -> None:
        self._files.add(name)
        if found := picture_of(name, self._ids):
            owner, number = found
            self._numbers.setdefault(owner, set()).add(number)
