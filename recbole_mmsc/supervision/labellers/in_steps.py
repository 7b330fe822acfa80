"""An asynchronous generator for a program that is not asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def in_steps(results: AsyncGenerator[T, None]) -> Iterator[T]:
    """Yield what ``results`` yields; its event loop runs while the next one is waited for.

    However it ends, by an error, by Ctrl-C or because nobody wants more, ``results`` is closed, and
    has to end the tasks that it began.
    """
    loop = asyncio.new_event_loop()
    step = asyncio.ensure_future(anext(results), loop=loop)
    try:
        with suppress(StopAsyncIteration):
            while True:
                yield loop.run_until_complete(step)
                step = asyncio.ensure_future(anext(results), loop=loop)
    finally:
        # Ctrl-C may have hit a task that nobody asks; it was raised, and need not be told again.
        loop.set_exception_handler(lambda *_: None)
        # Or it came just when a step had ended, whose word to stop still waits in the loop.
        loop.call_soon(loop.stop)
        loop.run_forever()
        loop.run_until_complete(_end(step, results))
        loop.close()


async def _end(step: asyncio.Future[T], results: AsyncGenerator[T, None]) -> None:
    step.cancel()
    await asyncio.gather(step, return_exceptions=True)
    await results.aclose()
