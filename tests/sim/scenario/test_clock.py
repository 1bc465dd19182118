from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bezant.sim import Clock, SimulatedGateway

Open = Callable[..., Any]


def test_live_goes_with_the_time() -> None:
    clock = Clock()
    assert clock.speed == 1
    assert abs(clock.now() - time.time()) < 60
    before = clock.elapsed()
    time.sleep(0.02)
    assert 0.02 <= clock.elapsed() - before < 60


def test_fast_goes_faster() -> None:
    clock = Clock(speed=1000, start=5e8)
    time.sleep(0.02)
    assert clock.elapsed() >= 20
    assert clock.now() >= 5e8 + 20


def test_by_hand_does_not_move_by_itself() -> None:
    clock, other = Clock.by_hand(), Clock.by_hand(7.0)
    begin = clock.now()
    time.sleep(0.01)
    assert (clock.now(), clock.elapsed(), other.now()) == (begin, 0.0, 7.0)
    clock.advance(90)
    assert (clock.now(), clock.elapsed(), other.now()) == (begin + 90, 90.0, 7.0)
    assert Clock.by_hand().now() == begin
    assert repr(other) == "<Clock 7.000 speed 0>"


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_time_does_not_go_back(seconds: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        Clock.by_hand().advance(seconds)
    with pytest.raises(ValueError, match="0 or more"):
        Clock(speed=seconds)


@pytest.mark.parametrize("clock", [Clock.by_hand(), Clock(speed=0.001)], ids=["by hand", "slow"])
async def test_sleepers_wake_when_their_time_has_come(clock: Clock) -> None:
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for seconds in (20, 10, 0):
            group.create_task(sleep(seconds))
        await asyncio.sleep(0.01)
        assert woken == [0]
        mover = threading.Thread(target=clock.advance, args=(11,))
        mover.start()
        while len(woken) < 2:
            await asyncio.sleep(0.001)
        mover.join()
        assert woken == [0, 10]
        clock.advance(9)
    assert woken == [0, 10, 20]
    assert clock._sleepers == {}


async def test_sleep_is_as_long_as_said() -> None:
    clock = Clock(speed=100)
    before = clock.elapsed()
    await clock.sleep(2)
    assert clock.elapsed() - before >= 2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await clock.sleep(1000)
    assert clock._sleepers == {}


def test_loop_that_ended_is_passed_over() -> None:
    clock = Clock.by_hand()

    async def begin() -> asyncio.AbstractEventLoop:
        clock._sleepers[asyncio.Event()] = asyncio.get_running_loop()
        return asyncio.get_running_loop()

    assert asyncio.run(begin()).is_closed()
    clock.advance(1)
    assert clock.elapsed() == 1


def test_gateway_keeps_to_its_clock(open_ws: Open) -> None:
    clock = Clock.by_hand()
    with SimulatedGateway(positions=3, clock=clock, market_data_lifetime=100) as gateway:
        assert gateway.clock is clock
        ws = open_ws(url=gateway.ws_url)
        ws.send('smd+265598+{"fields":["31","85","88"]}')
        first = ws.message("smd+265598")
        assert first["_updated"] == int(clock.now() * 1000)
        assert ws.message("smd+265598") == first
        assert ws.collect(0.05) == []
        clock.advance(10)
        topics = {json.loads(ws.raw())["topic"] for _ in range(2)}
        assert topics == {"system", "smd+265598"}
        assert ws.collect(0.05) == []
        clock.advance(100)
        # The subscription has expired, but the heartbeat continues.
        beat = json.loads(ws.raw())
        assert beat == {"topic": "system", "hb": int(clock.now() * 1000)}
