"""What is freed goes back to the system."""

import gc
import platform
from pathlib import Path

import numpy as np
import pytest

from recbole_mmsc import memory
from recbole_mmsc.memory import return_freed_memory

BLOCK = 2**16  # bytes; glibc takes larger ones from the system one by one, and gives them back


def resident():
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is asked for it")
def test_freed_memory_goes_back_though_some_of_it_is_still_held():
    blocks = [np.ones(BLOCK, np.uint8) for _ in range(4_000)]
    held = blocks[::100]
    blocks.clear()
    gc.collect()
    before = resident()
    return_freed_memory()
    assert before - resident() > 2_000 * BLOCK
    assert all(block.all() for block in held)


def test_another_c_library_has_no_such_call(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    return_freed_memory()
