"""Whether what a computation is going to hold fits into memory, and what was freed of it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pyarrow as pa

MEMINFO = Path("/proc/meminfo")


def require_memory(needed: int, what: str, advice: str) -> None:
    """Pass if so many bytes are available.

    Args:
        needed: bytes.
        what: needs them, for the message.
        advice: what to do instead, a sentence.

    Raises:
        MemoryError: there are fewer; to go on would swap, or be killed.
    """
    available = available_memory()
    if needed > available:
        raise MemoryError(
            f"{what} needs {needed / 2**30:.1f} GiB of memory, found {available / 2**30:.1f} GiB "
            f"available. {advice}"
        )


def available_memory() -> int:
    """Bytes that can be had without swapping; where Linux does not tell, all of the machine's."""
    if MEMINFO.is_file():
        for line in MEMINFO.read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.removesuffix("kB")) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def return_freed_memory() -> None:
    """Hand back to the system what was freed; glibc keeps much of it, between what is still held,
    and so does Arrow, which reads files in memory of its own.

    Where the C library has no such call, it keeps what it has.
    """
    pa.default_memory_pool().release_unused()
    if os.name == "posix" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
