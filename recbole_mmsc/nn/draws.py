"""Random draws of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def own_draws(seed: int) -> Iterator[None]:
    """Draws of this seed; on every device everybody else's go on as if there had been none."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
