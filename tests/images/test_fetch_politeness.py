"""Turns by a clock that only moves when someone sleeps."""

import asyncio
import heapq
import random
from datetime import datetime, timezone

import pytest

from recbole_mmsc.politeness import Pace, backoff, retry_after


class FakeTime:
    """Sleepers wake in order, and the clock jumps to each."""

    def __init__(self):
        self.now = 100.0
        self.sleepers = []

    def clock(self):
        return self.now

    async def sleep(self, seconds):
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.now + seconds, len(self.sleepers), future))
        await future

    async def run(self, *works):
        tasks = [asyncio.ensure_future(work) for work in works]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            if self.sleepers:
                self.now, _, future = heapq.heappop(self.sleepers)
                future.set_result(None)
                for _ in range(3):
                    await asyncio.sleep(0)


def times_of(hosts, per_second, during=None):
    """When each host got its turns, in seconds from the start."""
    time = FakeTime()
    pace = Pace(per_second, time.clock, time.sleep)
    turns = []

    async def ask(host):
        await pace.turn(host)
        turns.append((host, round(time.now - 100, 6)))
        if during:
            during(pace, turns)

    asyncio.run(time.run(*map(ask, hosts)))
    return turns


def test_turns_of_a_host_are_evenly_spaced():
    assert times_of("aaaa", 4) == [("a", 0.0), ("a", 0.25), ("a", 0.5), ("a", 0.75)]


def test_hosts_do_not_wait_for_each_other():
    assert sorted(times_of("aabb", 2)) == [("a", 0.0), ("a", 0.5), ("b", 0.0), ("b", 0.5)]


def test_a_host_that_wants_silence_gets_it_from_those_who_wait_too():
    def hold(pace, turns):
        if len(turns) == 1:
            pace.hold("a", 10)

    assert times_of("aaab", 2, hold) == [("a", 0.0), ("b", 0.0), ("a", 10.0), ("a", 10.5)]


def test_a_shorter_wish_for_silence_does_not_undo_a_longer_one():
    def hold(pace, turns):
        if len(turns) == 1:
            pace.hold("a", 10)
            pace.hold("a", 1)

    assert times_of("aa", 2, hold)[1] == ("a", 10.0)


def test_backoff_doubles_with_jitter_and_repeats_itself():
    waits = [backoff(attempt, 1.0, random.Random("x")) for attempt in range(4)]
    assert waits == [backoff(attempt, 1.0, random.Random("x")) for attempt in range(4)]
    for attempt, wait in enumerate(waits):
        assert 2**attempt / 2 <= wait <= 2**attempt
    assert backoff(0, 1.0, random.Random("x")) != backoff(0, 1.0, random.Random("y"))


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        ("0.5", 0.5),
        ("86400", 60),
        ("inf", 60),
        ("nan", 0),
        ("-3", 0),
        ("soon", 0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("Thu, 01 Jan 2026 12:00:30 -0000", 30),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("Fri, 02 Jan 2026 12:00:00 GMT", 60),
        ("Thu, 99 Jan 99999 12:00:00 GMT", 0),
    ],
)
def test_retry_after_is_read_and_capped(header, seconds):
    assert retry_after(header, 60, NOW) == seconds
