"""Unpickling one checkpoint that the caller named, and nothing else."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import torch

_trusted_file: ContextVar[Path | None] = ContextVar("trusted_file", default=None)
_swap = threading.Lock()
_open_swaps = 0
_untouched_load = torch.load


@functools.wraps(torch.load)
def _load_trusted(f: Any, *args: Any, **kwargs: Any) -> Any:
    trusted = _trusted_file.get()
    if trusted is not None and isinstance(f, str | Path) and Path(f) == trusted:
        kwargs.setdefault("weights_only", False)
    return _untouched_load(f, *args, **kwargs)


@contextmanager
def trusting(file: str | Path | None) -> Iterator[None]:
    """Let ``torch.load`` unpickle `file`, and no other file, in this thread, in this block.

    RecBole's checkpoints pickle its whole Config, which ``weights_only=True`` refuses and which
    no allow-list can admit (pickle protocol 4). ``torch.load`` itself is put back when the last
    block is left; until then other threads and other files meet its usual strictness.
    """
    global _open_swaps, _untouched_load
    trust = _trusted_file.set(Path(file) if file is not None else None)
    with _swap:
        if _open_swaps == 0:
            _untouched_load, torch.load = torch.load, _load_trusted
        _open_swaps += 1
    try:
        yield
    finally:
        with _swap:
            _open_swaps -= 1
            if _open_swaps == 0:
                torch.load = _untouched_load
        _trusted_file.reset(trust)
