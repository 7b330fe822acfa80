"""Where pictures lie: a folder or an archive whose files are named after the items.

``B01.jpg`` is the picture of the item ``B01``; ``B01.1.jpg``, ``B01.2.jpg``, … are further ones.
Names only ever choose an item: no name from an archive becomes a path.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from recbole_mmsc.dataset_builders.pictures import picture_of

from .decoding import MAX_BYTES, BadImage

if TYPE_CHECKING:
    from typing import Self


class SourceError(ValueError):
    """A folder or an archive of pictures is missing, damaged, or of a kind we do not read."""


@dataclass(frozen=True, slots=True, order=True)
class Picture:
    """One picture of one item.

    Attributes:
        item: row of the item in the catalogue.
        number: 0 for the item's own name, else the number after it.
        name: of the file, or of the archive's member with its folders.
        size: bytes.
        place: where the bytes start, in an archive that is read by position.
    """

    item: int
    number: int
    name: str
    size: int
    place: int = -1


class Source(ABC):
    """What the bytes of pictures are read from, by threads or, pickled, in another process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        """Without what is open: every process opens its own."""
        return type(self), (self.path,)

    @abstractmethod
    def read(self, picture: Picture) -> bytes:
        """The bytes of a picture, of a larger one than :data:`MAX_BYTES` only one byte more.

        Raises:
            BadImage: they cannot be read; the text is the reason.
        """


def open_source(
    path: str | os.PathLike[str], item_ids: Sequence[str]
) -> tuple[Source, list[Picture]]:
    """Find the pictures of a catalogue's items.

    Args:
        path: a folder (its sub-folders are not searched), or a .zip, .tar, .tar.gz or .tgz (its
            folders are). A symbolic link in a folder is followed only to a file inside it, one in
            an archive never.
        item_ids: the catalogue's ids in ``.item`` order.

    Returns:
        What to read from, and the pictures: in the order of the items, those of one item by number
        and name. It may hold a temporary file, which goes away with it.

    Raises:
        SourceError: no such folder or archive, or a damaged one.
    """
    path = Path(path).absolute()
    rows = {item_id: row for row, item_id in enumerate(item_ids)}
    if not path.exists():
        raise SourceError(f"Expected a folder or an archive of pictures, found nothing at {path}.")
    try:
        if path.is_dir():
            return FolderSource(path), sorted(_in_folder(path, rows))
        if zipfile.is_zipfile(path):
            return ZipSource(path), sorted(_in_zip(path, rows))
        if tarfile.is_tarfile(path):
            return _open_tar(path, rows)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError) as error:
        raise SourceError(f"The archive {path} is damaged: {error}.") from error
    raise SourceError(
        f"Expected a folder, .zip, .tar or .tar.gz of pictures, found something else in {path}."
    )


class FolderSource(Source):
    """Files of a folder."""

    def read(self, picture: Picture) -> bytes:
        """See :meth:`Source.read`."""
        try:
            with (self.path / picture.name).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise BadImage(f"cannot be read ({error.strerror})") from error


class ZipSource(Source):
    """Members of a zip archive."""

    def read(self, picture: Picture) -> bytes:
        """See :meth:`Source.read`."""
        try:
            with self._archive.open(picture.name) as member:
                return member.read(MAX_BYTES + 1)
        except Exception as error:  # zipfile throws many kinds at damaged or encrypted members
            raise BadImage(f"cannot be unpacked ({type(error).__name__}: {error})") from error

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.path)


class SpanSource(Source):
    """Spans of one file: a plain tar archive, or what was laid out from a compressed one."""

    scratch: IO[bytes] | None = None  # deletes itself with this object

    def read(self, picture: Picture) -> bytes:
        """See :meth:`Source.read`."""
        if picture.size > MAX_BYTES:
            raise BadImage(f"{picture.size:,} bytes, the limit is {MAX_BYTES:,}")
        # by position, so that threads do not read at each other's places
        data = os.pread(self._file.fileno(), picture.size, picture.place)
        if len(data) < picture.size:
            raise BadImage(f"the archive ends after {len(data):,} of {picture.size:,} bytes")
        return data

    @cached_property
    def _file(self) -> IO[bytes]:
        return self.path.open("rb")


def _picture(rows: Mapping[str, int], name: str, size: int = 0, place: int = -1) -> Picture | None:
    """The picture of that name, or None if it is no picture of any item."""
    found = picture_of(name.rpartition("/")[2], rows)
    return found and Picture(rows[found[0]], found[1], name, size, place)


def _in_folder(path: Path, rows: Mapping[str, int]) -> Iterator[Picture]:
    root = path.resolve()
    with os.scandir(path) as entries:
        for entry in entries:
            # Path, unlike the entry, says no of a link that goes round in a circle
            file, picture = Path(entry.path), _picture(rows, entry.name)
            if picture is None or not file.is_file():
                continue
            if not file.is_symlink() or file.resolve().is_relative_to(root):
                yield replace(picture, size=file.stat().st_size)


def _in_zip(path: Path, rows: Mapping[str, int]) -> Iterator[Picture]:
    with zipfile.ZipFile(path) as archive:
        # of several members of one name, zipfile reads the last
        for name, member in archive.NameToInfo.items():
            if picture := _picture(rows, name, member.file_size):
                yield picture


def _open_tar(path: Path, rows: Mapping[str, int]) -> tuple[Source, list[Picture]]:
    try:
        with tarfile.open(path, "r:", tarinfo=_Member) as archive:
            # of several members of one name, the last one counts, as in a zip
            pictures = {picture.name: picture for picture, _ in _in_tar(archive, rows)}
            return SpanSource(path), sorted(pictures.values())
    except tarfile.ReadError:
        return _laid_out(path, rows)


def _laid_out(path: Path, rows: Mapping[str, int]) -> tuple[Source, list[Picture]]:
    """A compressed archive cannot be read by position, so its pictures are laid end to end."""
    scratch = tempfile.NamedTemporaryFile(prefix="pictures-")  # noqa: SIM115 (the source's)
    pictures = {}
    with tarfile.open(path, "r|*", tarinfo=_Member) as archive:
        for picture, member in _in_tar(archive, rows):
            if picture.size <= MAX_BYTES:
                shutil.copyfileobj(cast(IO[bytes], archive.extractfile(member)), scratch)
            pictures[picture.name] = replace(picture, place=scratch.tell() - picture.size)
    scratch.flush()
    source = SpanSource(Path(scratch.name))
    source.scratch = scratch
    return source, sorted(pictures.values())


class _Member(tarfile.TarInfo):
    """A member; where there is none, a block of zeros must say that the archive ends.

    tarfile itself takes whatever is no header for the end, once it has read one.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if bytes(buf) == bytes(tarfile.BLOCKSIZE):
                raise
            raise tarfile.ReadError(
                f"it is cut off, expected zeros at its end, found none ({error}); pack or fetch it "
                "again"
            ) from error


def _in_tar(
    archive: tarfile.TarFile, rows: Mapping[str, int]
) -> Iterator[tuple[Picture, tarfile.TarInfo]]:
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # a list of all is of no use here
        if member.isreg() and not member.issparse():
            picture = _picture(rows, member.name, member.size, member.offset_data)
            if picture:
                yield picture, member
