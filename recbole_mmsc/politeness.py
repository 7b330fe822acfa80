"""How often a host is asked, and how long one waits after it said no."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime


class Pace:
    """Turns of each host, evenly spaced; hosts do not wait for each other.

    Args:
        per_second: requests per second and host.
        clock: seconds, from any start.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._gap = 1 / per_second
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}
        self._held: dict[str, float] = {}

    async def turn(self, host: str) -> None:
        """Wait until ``host`` may be asked once."""
        while True:
            at = max(self._clock(), self._next.get(host, 0.0), self._held.get(host, 0.0))
            self._next[host] = at + self._gap
            await self._sleep(max(0.0, at - self._clock()))
            # while this one slept, an answer to another may have asked for silence
            if at >= self._held.get(host, 0.0):
                return

    def hold(self, host: str, seconds: float) -> None:
        """Give ``host`` no turn for that many seconds, nor to those who already wait for one."""
        self._held[host] = max(self._held.get(host, 0.0), self._clock() + seconds)


def backoff(attempt: int, first: float, chance: random.Random) -> float:
    """Seconds to wait after failed attempt 0, 1, …: doubling, each between half and all of it."""
    return first * 2**attempt * chance.uniform(0.5, 1.0)


def retry_after(header: str | None, longest: float, now: datetime | None = None) -> float:
    """Seconds that a ``Retry-After`` asks for, as a number or as a date; 0 where it asks nothing.

    Args:
        header: its value, from whoever wrote it.
        longest: no more than that many seconds are granted.
        now: by default the present.
    """
    try:
        seconds = float(header or 0)
    except ValueError:
        try:
            date = parsedate_to_datetime(header or "")
        except ValueError:
            return 0.0
        date = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
        seconds = (date - (now or datetime.now(timezone.utc))).total_seconds()
    return min(seconds, longest) if seconds > 0 else 0.0
