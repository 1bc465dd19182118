"""Tests that calls which are cancelled or interrupted at any point leave no slot occupied."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from redis import Redis, WatchError

import bezant
from bezant._async.http.permit import AsyncPermit, AsyncPermitGuard
from bezant._core.http.operation import Operation
from bezant._core.operations.scanner import GET_SCANNER_PARAMETERS
from bezant._core.pacing import limiter, limits, order_turns, slots
from bezant._core.pacing import shared as shared_pacing
from bezant._core.pacing.limits import Limit
from bezant._core.pacing.shared_order_turns import SharedTurn
from bezant._core.settings.base_url import BaseUrl
from bezant._core.settings.connection import PacingStore, Tls, choose_pacing
from bezant._core.settings.settings import Settings
from bezant._runtime import _async, _sync
from bezant._runtime._shared.limiters import ProcessRateLimiter
from bezant._sync.http.permit import Permit, PermitGuard
from tests.support.raw import Peer, RawGateway, RawRequest
from tests.support.redis_server import redis_server

READ = Operation("GET", "/iserver/contract/1/info", idempotent=True)
LIMITED = GET_SCANNER_PARAMETERS.operation
URL = BaseUrl.parse("http://127.0.0.1:1")


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, _no_threads_left: None) -> Iterator[str]:
    if request.param == "file":
        yield f"file:{tmp_path / 'pacing.db'}"
    else:
        with redis_server(tmp_path) as url:
            yield url


@pytest.fixture(autouse=True)
def _no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn off the rate limits, so that only the limit on requests in flight applies."""
    none = Limit(1_000_000, 1.0)
    monkeypatch.setattr(shared_pacing, "SESSION_LIMIT", none)
    monkeypatch.setattr(limiter.RateLimiter.__init__, "__defaults__", (none,))
    monkeypatch.setitem(limits.LIMITS, LIMITED.limit, (none,))
    monkeypatch.setattr(order_turns, "READS_WAIT", 1e12)


def where(store: str, url: BaseUrl = URL) -> PacingStore:
    _, found = choose_pacing(store, url, {})
    assert found is not None
    return found


def in_flight(place: PacingStore) -> int:
    """Return the number of slots in the store that requests in flight occupy."""
    limit_store = _sync.SharedLimitStore(place)
    try:
        return limit_store.change(lambda shared, now: len(shared.in_flight))
    finally:
        limit_store.close()


def ask(place: PacingStore) -> None:
    """Store an open order question of another process, so that calls have to wait for it."""
    limit_store = _sync.SharedLimitStore(place)
    asked = SharedTurn(["DU1"], 0.0, 1e12, questions={"q": "Really?"}, responded_at=1.0)
    try:
        limit_store.change(lambda shared, now: shared.turns.update({"other": asked}))
    finally:
        limit_store.close()


def assert_idle(limiter: ProcessRateLimiter) -> None:
    queue = limiter._limiter
    assert not queue._in_flight
    assert not queue._waiting
    assert not limiter._wakers
    assert not queue._state.in_flight


PACKAGE = str(Path(bezant.__file__).parent)


def interrupter(number: int, reached: list[bool]) -> Callable[[FrameType, str, object], None]:
    """Return a profile function that raises KeyboardInterrupt at the n-th possible place.

    An interrupt is possible when a function begins, and when a function written in C returns.
    """
    seen = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal seen
        if event in ("call", "c_return") and frame.f_code.co_filename.startswith(PACKAGE):
            seen += 1
            if seen == number:
                sys.setprofile(None)
                reached.append(True)
                raise KeyboardInterrupt

    return profile


# If the interrupt comes right after a database was opened, the garbage collector has to close the
# database. Python 3.13 warns about this.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.usefixtures("no_old_garbage")
@pytest.mark.parametrize("hold", [0.0, 0.0001])
def test_an_interrupt_anywhere_in_a_turn_leaves_no_slot(store: str, hold: float) -> None:
    place = where(store)
    ask(place)
    settings = Settings(URL, Tls("none"), pacing_store=place, timeout=300)
    limiter = ProcessRateLimiter()
    limit_store = _sync.SharedLimitStore(place)
    number = 0
    reached: list[bool] = [True]
    while reached:
        # With a Redis server each round takes longer, so only every third place is tested.
        number += 1 if place.kind == "file" else 3
        reached.clear()
        turn = Permit(limiter, LIMITED, settings, limit_store, None, hold)
        sys.setprofile(interrupter(number, reached))
        try:
            with contextlib.suppress(KeyboardInterrupt), PermitGuard(turn), turn:
                pass
        finally:
            sys.setprofile(None)
        assert in_flight(place) == 0, number
        assert_idle(limiter)
    limit_store.close()
    gc.collect()
    assert number > 50


@pytest.mark.usefixtures("no_old_garbage")
def test_an_interrupt_anywhere_in_a_turn_leaves_no_place_in_the_queue() -> None:
    settings = Settings(URL, Tls("none"))
    limiter = ProcessRateLimiter()
    number = 0
    reached: list[bool] = [True]
    while reached:
        number += 1
        reached.clear()
        turn = Permit(limiter, LIMITED, settings)
        sys.setprofile(interrupter(number, reached))
        try:
            with contextlib.suppress(KeyboardInterrupt), PermitGuard(turn), turn:
                pass
        finally:
            sys.setprofile(None)
        assert_idle(limiter)
    assert number > 30


@pytest.mark.parametrize("hold", [0.0, 0.001])
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_cancellation_anywhere_in_a_turn_leaves_no_slot(
    store: str, times: int, hold: float
) -> None:
    place = where(store)
    ask(place)
    settings = Settings(URL, Tls("none"), pacing_store=place, timeout=300)
    limiter = ProcessRateLimiter()
    limit_store = _async.SharedLimitStore(place)
    dice = random.Random(times)

    async def one() -> None:
        turn = AsyncPermit(limiter, READ, settings, limit_store, None, hold)
        async with AsyncPermitGuard(turn), turn:
            await asyncio.sleep(0.0005)

    for number in range(60):
        tasks = [asyncio.create_task(one()) for _ in range(1 + number % 4)]
        for task in tasks:
            for _ in range(dice.randrange(25)):
                await asyncio.sleep(0 if dice.random() < 0.9 else 0.0004)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
        await asyncio.wait(tasks)
    await limit_store.aclose()
    assert in_flight(place) == 0
    assert_idle(limiter)


async def test_cancelled_calls_leave_no_slot(raw: RawGateway, store: str) -> None:
    def late(request: RawRequest, peer: Peer) -> None:
        peer.stopping.wait(0.003)
        peer.json(b'"x"')

    raw.script(late)
    dice = random.Random(1)
    for _ in range(8):
        async with bezant.AsyncClient(raw.base_url, pacing=store, max_wait=3) as client:
            for _ in range(10):
                calls = [
                    asyncio.create_task(client.request("GET", f"/trsrv/{number}"))
                    for number in range(3)
                ]
                await asyncio.sleep(dice.random() * 0.012)
                for call in calls:
                    call.cancel()
                await asyncio.wait(calls)
    assert in_flight(where(store, BaseUrl.parse(raw.base_url))) == 0


async def test_a_call_that_a_loop_ends_leaves_no_slot(store: str) -> None:
    """The end of `asyncio.run` cancels all tasks, including those of the store."""
    place = where(store)
    settings = Settings(URL, Tls("none"), pacing_store=place, timeout=300)

    def run(pauses: int) -> None:
        async def main() -> None:
            limit_store = _async.SharedLimitStore(place)

            async def one() -> None:
                turn = AsyncPermit(ProcessRateLimiter(), READ, settings, limit_store)
                try:
                    async with AsyncPermitGuard(turn), turn:
                        await asyncio.sleep(10)
                finally:
                    await limit_store.aclose()

            task = asyncio.create_task(one())
            for _ in range(pauses):
                await asyncio.sleep(0.001)
            del task

        asyncio.run(main())

    for pauses in (0, 1, 2, 3, 5, 10):
        await asyncio.to_thread(run, pauses)
        assert in_flight(place) == 0


@pytest.mark.usefixtures("_no_threads_left")
async def test_a_reservation_that_arrives_after_its_release_does_not_stick(tmp_path: Path) -> None:
    """A slot that was released must stay free, even if its reservation reaches Redis afterwards.

    This happens if a call is cancelled while its reservation is on its way to the server.
    """
    with redis_server(tmp_path) as url:
        place = where(url)
        reservation = shared_pacing.Reservation("late", "", (), slots.READ, lease=300)
        made: Any = Redis
        client = made.from_url(url)
        store = _async.SharedLimitStore(place)
        with client, client.pipeline() as pipe:
            key = f"bezant:pacing:{place.name}"
            pipe.watch(key)
            shared = shared_pacing.load(None)
            assert shared_pacing.reserve(shared, 1e9, reservation) is None
            pipe.multi()
            pipe.set(key, shared_pacing.dump(shared))
            await store.settle(
                lambda shared, now: shared_pacing.release(shared, now, "late"), "late"
            )
            with pytest.raises(WatchError):
                pipe.execute()
        await store.aclose()
        assert in_flight(place) == 0
