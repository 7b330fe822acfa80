"""Pictures by file name: ``B01.jpg`` is the picture of that item, ``B01.1.jpg`` a further one."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from .folder import link_or_copy
from .product import BuildError, id_problem

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")

_NUMBERED = re.compile(r"(.+)\.(\d{1,6})", re.ASCII | re.DOTALL)


def picture_of(name: str, item_ids: Container[str]) -> tuple[str, int] | None:
    """Whose picture a file is by its name, and which: 0, or the number behind the id.

    Where ``A.1`` is itself an item, ``A.1.jpg`` is that item's. None for what is no picture of any.
    """
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 (a name, not a path)
    if suffix.lower() not in SUFFIXES:
        return None
    if stem in item_ids:
        return stem, 0
    numbered = _NUMBERED.fullmatch(stem)
    if numbered and numbered[1] in item_ids:
        return numbered[1], int(numbered[2])
    return None


def check_pictures(folder: str | Path) -> Path:
    """Return the folder of pictures, once it is sure that there is one.

    Raises:
        BuildError: there is none.
    """
    if not Path(folder).is_dir():
        raise BuildError(
            f"Expected a folder of pictures named after item ids, found none: {folder}. An archive "
            "is read by `recbole-mmsc encode --images`."
        )
    return Path(folder)


def link_pictures(source: Path, target: Path, item_ids: pa.StringArray) -> int:
    """Link (or copy) the pictures that lie in ``source`` and are named after an item.

    Sub-folders are not searched. A symbolic link is followed only to a file inside ``source``.

    Args:
        source: the folder of pictures.
        target: the folder to make for them; none is made without a picture.
        item_ids: the catalogue's ids.

    Returns:
        How many items have a picture.
    """
    root = source.resolve()
    paths = sorted(path for path in source.iterdir() if not id_problem(path.stem))
    stems = {path.stem for path in paths}
    asked = pa.array(sorted(stems | {stem.rpartition(".")[0] for stem in stems}), pa.string())
    known = set(asked.filter(pc.is_in(asked, value_set=item_ids)).to_pylist())
    linked: dict[str, str] = {}  # file → whose picture it is
    for path in paths:
        name = path.stem + path.suffix.lower()
        found = picture_of(name, known)
        if found is None or name in linked or not path.is_file():
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            continue
        target.mkdir(exist_ok=True)
        link_or_copy(path.resolve(), target / name)
        linked[name] = found[0]
    return len(set(linked.values()))
