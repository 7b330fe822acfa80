"""Lines of a plain, gzip or zstd file, at full speed and without trusting the file.

The kind of compression is seen from the content, never from the name. Whatever the file holds,
memory stays bounded, and the good lines before a defect are kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import zstandard
from isal import igzip_lib
from tqdm import tqdm

from .product import BuildError
from .quarantine import Quarantine

READ_BYTES = 1 << 16
BLOCK_BYTES = 1 << 17
# A zstd block of a few bytes can stand for 128 KiB and its decoder has no limit on one call's
# output: fed by so little at a time, it returns 64 MiB at the very worst.
ZSTD_BYTES = 1 << 11
ZSTD_WINDOW = 1 << 27

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Limits:
    """What no honest metadata file exceeds.

    Attributes:
        line_bytes: A longer line goes to the quarantine; no more than this of it is ever held.
        stretch_bytes: The output is watched in stretches of this size.
        expansion: A stretch that came from less than its size divided by this is taken for a
            decompression bomb, and the file is read no further. Metadata expands 3- to 15-fold;
            gzip can reach 1,030-fold, zstd 30,000-fold.
    """

    line_bytes: int = 8 << 20
    stretch_bytes: int = 64 << 20
    expansion: int = 200


DEFAULT_LIMITS = Limits()


class _BrokenFile(Exception):
    """The file cannot be read any further; the text is the reason."""


def check_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return ``paths`` as paths, once it is sure that each is a file that can be read.

    Raises:
        BuildError: If there is none, or for the first that is missing, no file or unreadable.
    """
    if not paths:
        raise BuildError("Expected at least one input file, got none.")
    checked = [Path(path) for path in paths]
    for path in checked:
        if not path.exists():
            raise BuildError(f"There is no file {path}. Check the path.")
        if not path.is_file():
            raise BuildError(f"Expected a file, but {path} is a folder or a device.")
        if not os.access(path, os.R_OK):
            raise BuildError(f"The file {path} may not be read by this user: check permissions.")
    return checked


def progress_bar(paths: Sequence[Path], task: str, shown: bool) -> tqdm:
    """Return a bar on stderr that counts the bytes of the files as they lie on the disk."""
    total = sum(path.stat().st_size for path in paths)
    return tqdm(
        desc=task, total=total, unit="B", unit_scale=True, disable=not shown, file=sys.stderr
    )


def read_lines(
    path: Path,
    quarantine: Quarantine,
    limits: Limits = DEFAULT_LIMITS,
    advance: Callable[[int], object] = int,
) -> Iterator[tuple[int, bytes]]:
    """Yield the number (from 1) and the bytes of each line that is not blank.

    Lines above the limit, and the place where a file breaks off (truncated or damaged data, a
    decompression bomb), are entered into ``quarantine``.

    Args:
        path: A plain, gzip (also of several members) or zstd (also of several frames) file.
        quarantine: Takes what cannot be used.
        limits: The bounds that protect this process.
        advance: Called with each number of bytes taken from the file, for a progress bar.
    """
    longest = limits.line_bytes
    number, held = 1, bytearray()  # the line being read, and at most longest + 1 bytes of it
    with path.open("rb") as file:
        try:
            for block in _blocks(file, limits, advance):
                lines = block.split(b"\n")
                held += lines[0][: longest + 1 - len(held)]
                if len(lines) == 1:
                    continue
                lines[0] = bytes(held.removeprefix(_BOM) if number == 1 else held)
                held = bytearray(lines.pop()[: longest + 1])
                for line in lines:
                    if len(line) > longest:
                        quarantine.add(path.name, number, _too_long(longest), line)
                    elif line and not line.isspace():
                        yield number, line
                    number += 1
        except _BrokenFile as end:
            quarantine.break_off(path.name, number, str(end), bytes(held))
            return
    last = bytes(held.removeprefix(_BOM) if number == 1 else held)
    if len(last) > longest:
        quarantine.add(path.name, number, _too_long(longest), last)
    elif last and not last.isspace():
        yield number, last


def _too_long(longest: int) -> str:
    return f"the line is longer than {longest} bytes"


def _blocks(file: BinaryIO, limits: Limits, advance: Callable[[int], object]) -> Iterator[bytes]:
    """Yield the content in blocks of at most ``BLOCK_BYTES``, watching how far it expands."""
    taken = given = 0

    def chunks() -> Iterator[bytes]:
        nonlocal taken
        while chunk := file.read(READ_BYTES):
            taken += len(chunk)
            advance(len(chunk))
            yield chunk

    head = file.read(4)
    file.seek(0)
    for block in _decoder(head)(chunks()):
        given += len(block)
        if given >= limits.stretch_bytes:
            if given > limits.expansion * taken:
                raise _BrokenFile(
                    f"the data expand more than {limits.expansion}-fold, like a decompression bomb"
                )
            taken = given = 0
        yield block


def _decoder(head: bytes) -> Callable[[Iterable[bytes]], Iterator[bytes]]:
    if head[:2] == b"\x1f\x8b":
        return _gzip
    if head == b"\x28\xb5\x2f\xfd" or (head[1:] == b"\x2a\x4d\x18" and head[0] >> 4 == 5):
        return _zstd
    return iter


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    member = None
    for chunk in chunks:
        while chunk:
            if member is None:
                member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            try:
                yield member.decompress(chunk, BLOCK_BYTES)
                while not (member.eof or member.needs_input):
                    yield member.decompress(b"", BLOCK_BYTES)
            except igzip_lib.error:  # type: ignore[misc]
                raise _BrokenFile("the gzip data are damaged from here on") from None
            chunk = b""
            if member.eof:  # another member may follow, or padding
                chunk, member = member.unused_data.lstrip(b"\0"), None
    if member is not None:
        raise _BrokenFile("the gzip data end too early: the file is truncated")


def _zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    frame = None
    for chunk in chunks:
        for start in range(0, len(chunk), ZSTD_BYTES):
            piece = chunk[start : start + ZSTD_BYTES]
            while piece:
                if frame is None:
                    frame = decoder.decompressobj()
                try:
                    output = frame.decompress(piece)
                except zstandard.ZstdError:
                    raise _BrokenFile("the zstd data are damaged from here on") from None
                for begin in range(0, len(output), BLOCK_BYTES):
                    yield output[begin : begin + BLOCK_BYTES]
                piece = b""
                if frame.eof:
                    piece, frame = frame.unused_data, None
    if frame is not None:
        raise _BrokenFile("the zstd data end too early: the file is truncated")
