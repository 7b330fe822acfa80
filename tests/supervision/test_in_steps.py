"""An asynchronous generator in steps: it is closed however it ends."""

import asyncio

import pytest

from recbole_mmsc.supervision.labellers.in_steps import in_steps


def press():
    raise KeyboardInterrupt


def test_ctrl_c_just_when_a_step_has_ended_closes_as_well():
    seen = []

    async def results():
        try:
            yield 0
            asyncio.get_running_loop().call_soon(press)  # before the loop hears of the next result
            yield 1
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    with pytest.raises(KeyboardInterrupt):
        seen.extend(in_steps(results()))
    assert seen[-1] == "closed"
