"""A dataset folder appears whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .product import BuildError

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
#: What labellers have said, with what SQLite may have left beside it.
JUDGEMENTS = "supervision/.cache.sqlite*"

_NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"} | {
    errno.EFBIG: "a file grew beyond the limit set for this process"
}


def checked_name(name: str) -> str:
    """Return a name that is safe as a folder's and as the beginning of a file's name.

    Raises:
        BuildError: it is not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise BuildError(
            f"Expected a dataset name of 1 to 100 letters, digits, '.', '_' or '-', beginning with "
            f"a letter or digit and not ending in '.', got {name!r}."
        )
    return name


@contextmanager
def new_folder(out: Path, name: str, replace: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes ``out/name`` when the block ends well.

    When it does not, whatever the reason, the temporary folder goes away and an existing dataset
    stays as it is. What a killed build left behind is cleaned up by the next one of that name.

    Args:
        out: the folder of datasets; made if need be.
        name: a name that :func:`checked_name` lets through.
        replace: take the place of an existing dataset of that name; of it :data:`JUDGEMENTS` stay.

    Raises:
        BuildError: the dataset exists and is not to be replaced, another build of that name is
            running, or the disk is full.
    """
    final, building, old = out / name, out / f".{name}.building", out / f".{name}.replaced"
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = _locked(building, name)
    except OSError as error:
        raise _explained(error, out) from error
    try:
        _recover(final, old)
        _refuse_existing(final, replace)
        _clear(building)
        yield building
        _keep_judgements(final, building)
        _publish(building, final, old)
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        raise _explained(error, out) from error
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def link_or_copy(source: Path, target: Path) -> None:
    """Give ``target`` the content of ``source``: a hard link, or a copy where there can be none."""
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, target)


def _locked(building: Path, name: str) -> int:
    """Make the temporary folder and lock it; the lock ends with the process, however it ends."""
    while True:
        building.mkdir(exist_ok=True)
        try:
            lock = os.open(building, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # the other build has just ended
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(building.stat(), os.fstat(lock)):
                return lock
        except FileNotFoundError:
            pass  # published or removed by the other build between our two steps
        except BlockingIOError:
            os.close(lock)
            raise BuildError(
                f"Another build of {name} is running in {building.parent}: wait for it to end, or "
                f"choose another name."
            ) from None
        os.close(lock)


def _recover(final: Path, old: Path) -> None:
    """Finish what a build killed between the two renames of :func:`_publish` began."""
    if not old.exists():
        return
    if final.exists():
        shutil.rmtree(old)
    else:
        old.rename(final)


def _refuse_existing(final: Path, replace: bool) -> None:
    if not os.path.lexists(final):
        return
    if not replace:
        raise BuildError(
            f"{final} exists and was left as it is. Choose another name, remove it, or have it "
            f"replaced (--replace)."
        )
    if final.is_symlink() or not (final / "dataset.json").is_file():
        raise BuildError(
            f"{final} is not a dataset folder (it has no dataset.json of its own), so it was not "
            f"replaced. Choose another name, or remove it yourself."
        )


def _clear(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _keep_judgements(final: Path, building: Path) -> None:
    """Carry over what labellers have said, which was paid for; which of it may be used in the new
    dataset ``recbole-mmsc label`` finds out."""
    for file in final.glob(JUDGEMENTS):
        (building / file.parent.name).mkdir(exist_ok=True)
        link_or_copy(file, building / file.relative_to(final))


def _publish(building: Path, final: Path, old: Path) -> None:
    if not final.exists():
        building.rename(final)
        return
    final.rename(old)
    try:
        building.rename(final)
    except BaseException:
        old.rename(final)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _explained(error: OSError, out: Path) -> BuildError:
    if reason := _NO_ROOM.get(error.errno or 0):
        reason = f"{reason}; make room for {out} or choose another folder"
    return BuildError(f"The build stopped: {reason or error}. Nothing was published.")
