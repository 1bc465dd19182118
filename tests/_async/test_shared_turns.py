"""Tests of order turns that several processes share: one order of an account at a time.

Two gateways share one name in the store. They stand for one gateway with two client processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bezant import AccountBusy, AsyncClient, OutcomeUnknown, PacingError
from bezant._core.pacing import order_turns
from bezant.models.orders import OrderTicket
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script
from tests.support.redis_server import redis_server

# <async-only>
import asyncio  # isort: skip
from bezant._core.pacing.shared import Shared  # isort: skip
from bezant._runtime._shared.stores import FileStore  # isort: skip
# </async-only>

PLACED = b'[{"order_id":"7","order_status":"Submitted"}]'
QUESTION = b'[{"id":"q1","message":["Really?"],"messageIds":["o163"]}]'
TICKET = OrderTicket(
    conid=1, side="BUY", order_type="MKT", time_in_force="DAY", quantity=1, client_order_id="mine-1"
)


def says(body: bytes) -> Script:
    return lambda _, peer: peer.json(body)


def serve(gateway: RawGateway, *answers: Script) -> None:
    waiting = list(answers)

    def script(request: RawRequest, peer: Peer) -> None:
        if request.method == "GET":
            peer.json(b'{"accounts":["DU1"]}')
        elif request.target.endswith(("/tickle", "/whatif")):
            peer.json(b"{}")
        elif request.target.endswith("/notification"):
            peer.json(b'"ok"')
        else:
            (waiting.pop(0) if waiting else says(PLACED))(request, peer)

    gateway.script(script)


def posts(gateway: RawGateway) -> int:
    return sum(each.method == "POST" for each in gateway.requests)


@pytest.fixture
def other() -> Iterator[RawGateway]:
    with RawGateway() as gateway:
        serve(gateway)
        yield gateway


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file:{tmp_path / 'turns.db'}#one"
    else:
        with redis_server(tmp_path) as url:
            yield f"{url}#one"


async def place(client: AsyncClient, account: str = "DU1") -> Any:
    return await client.api.orders.submit_new_orders(account_id=account, orders=[TICKET])


async def reply(client: AsyncClient, *, yes: bool = True) -> Any:
    return await client.api.orders.confirm_order_reply(reply_id="q1", confirmed=yes)


@pytest.mark.parametrize("foreign", [False, True])
async def test_another_process_waits_for_the_reply_to_the_question(
    raw: RawGateway, other: RawGateway, store: str, foreign: bool
) -> None:
    serve(raw, says(QUESTION))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=60) as second,
    ):
        await place(first)
        waiting = later(lambda: place(second))
        await pause(0.1)
        assert posts(other) == 0
        await reply(second if foreign else first)
        [placed] = await result(waiting)
        assert placed.order_id == 7
        [placed] = await place(first)
        assert placed.order_id == 7


async def test_after_max_wait_the_error_names_its_question(
    raw: RawGateway, other: RawGateway, store: str
) -> None:
    serve(raw, says(QUESTION))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=0.1) as second,
    ):
        await place(first)
        with pytest.raises(AccountBusy, match=r"mine-1.*'q1' \(Really") as caught:
            await place(second)
        assert caught.value.question_ids == ("q1",)
        assert posts(other) == 0
        await reply(first, yes=False)
        await place(second)


async def test_without_a_response_nobody_knows_when_the_other_process_is_done(
    raw: RawGateway, other: RawGateway, store: str
) -> None:
    over = [threading.Event(), threading.Event()]

    def holds(event: threading.Event, body: bytes) -> Script:
        def script(_: RawRequest, peer: Peer) -> None:
            event.wait(60)
            peer.json(body)

        return script

    serve(raw, holds(over[0], QUESTION), holds(over[1], PLACED))
    async with (
        AsyncClient(raw.base_url, pacing=store, timeout=60) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=0.1) as second,
    ):
        for number, call in enumerate((lambda: place(first), lambda: reply(first))):
            waiting = later(call)
            await until(lambda: posts(raw) > number)  # noqa: B023
            with pytest.raises(AccountBusy) as caught:
                await place(second)
            assert caught.value.retry_after is None
            over[number].set()
            await result(waiting)
        await place(second)


async def test_an_unknown_outcome_ends_the_turn_everywhere(
    raw: RawGateway, other: RawGateway, store: str
) -> None:
    serve(raw, lambda _, peer: peer.reset())
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=30) as second,
    ):
        with pytest.raises(OutcomeUnknown):
            await place(first)
        await place(second)
    assert posts(other) == 1


async def test_without_the_store_no_order_is_sent(
    raw: RawGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(raw)
    async with AsyncClient(raw.base_url, pacing=f"file:{tmp_path / 'turns.db'}") as client:
        await place(client)
        assert posts(raw) == 1
        (tmp_path / "turns.db").write_bytes(b"no database" * 100)
        with pytest.raises(PacingError, match="nothing was sent"):
            await place(client)
        assert posts(raw) == 1
        assert not client._pipeline.order_turns._turns._open


async def read(client: AsyncClient, path: str = "/trsrv/x") -> Any:
    return await client.request("GET", path)


async def test_reads_and_tickles_wait_for_the_question_of_another_process(
    raw: RawGateway, other: RawGateway, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_turns, "READS_WAIT", 60.0)
    serve(raw, says(QUESTION), says(QUESTION.replace(b"q1", b"q2")))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store, max_wait=0.01) as second,
    ):
        await place(first)
        preview = second.api.orders.preview_margin_impact
        waiting = [
            later(lambda: read(second)),
            later(second.tickle),
            later(lambda: preview(account_id="DU1", orders=[TICKET])),
        ]
        await pause(0.15)
        # This read does not wait, because its client has placed the order with the open question.
        await read(first)
        await reply(first)  # the gateway answers the reply with another question
        await read(first)
        await pause(0.15)
        assert other.requests == []
        limiter = second._pipeline.limiter._limiter
        # The waiting calls occupy no slot of the rate limit.
        await until(lambda: not limiter._in_flight)
        await first.api.orders.confirm_order_reply(reply_id="q2", confirmed=True)
        for each in waiting:
            await result(each)
    # The three waiting calls, and the query of the accounts that the preview needs.
    assert len(other.requests) == 4


async def test_but_not_for_long(
    raw: RawGateway, other: RawGateway, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_turns, "READS_WAIT", 0.3)
    serve(raw, says(QUESTION))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store) as second,
    ):
        started = time.monotonic()
        await place(first)
        # This read sends two requests: the client has to request the accounts first.
        await read(second, "/portfolio/DU1/summary")
        assert time.monotonic() - started >= 0.3
        assert first._pipeline.order_turns.questions
    assert len(other.requests) == 2


async def test_orders_cancels_and_replies_wait_for_no_question_of_another_process(
    raw: RawGateway, other: RawGateway, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_turns, "READS_WAIT", 60.0)
    serve(raw, says(QUESTION))
    serve(
        other,
        says(b'{"error":"Please query /accounts first","statusCode":500}'),
        says(PLACED),
        says(b"{}"),
    )
    started = time.monotonic()
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store) as second,
    ):
        await place(first)
        reading = later(lambda: read(second, "/iserver/account/trades"))
        await pause(0.1)
        # The read and the query before it wait for the question of `first`. The orders below do not
        # wait.
        assert other.requests == []
        await place(second, "DU2")
        await second.api.orders.cancel_open_order(account_id="DU2", order_id=7)
        await second.api.orders.ack_server_prompt(order_id=1, request_id="2", text="Yes")
        assert not any(each.target.endswith("/trades") for each in other.requests)
        second._pipeline._prerequisites.refused()
        await reply(second)
        await result(reading)
    assert time.monotonic() - started < 30


# <async-only>
async def test_a_cancelled_read_that_was_held_back_leaves_nothing_behind(
    raw: RawGateway, other: RawGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_turns, "READS_WAIT", 60.0)
    store = f"file:{tmp_path / 'turns.db'}#one"
    serve(raw, says(QUESTION))
    async with (
        AsyncClient(raw.base_url, pacing=store) as first,
        AsyncClient(other.base_url, pacing=store) as second,
    ):
        await place(first)
        for number in range(15):
            reading = later(lambda: read(second))
            await asyncio.sleep(0.007 * number)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        limiter = second._pipeline.limiter._limiter
        assert not limiter._in_flight
        assert not limiter._waiting
        assert not limiter._state.in_flight
        pacing = second._settings.pacing_store
        assert pacing is not None

        def left(shared: Shared, _: float) -> int:
            return len(shared.in_flight)

        await until(lambda: FileStore(pacing).change(left) == 0)
    assert other.requests == []


async def test_cancelled_orders_leave_no_turn_in_the_store(raw: RawGateway, tmp_path: Path) -> None:
    serve(raw, *[lambda _, peer: peer.silence()] * 20)
    path = f"file:{tmp_path / 'turns.db'}"
    async with AsyncClient(raw.base_url, pacing=path) as client:
        for number in range(12):
            order = later(lambda: place(client))
            await asyncio.sleep(0.002 * number)
            order.cancel()
            await asyncio.gather(order, return_exceptions=True)
        pacing = client._settings.pacing_store
        assert pacing is not None

        def left(shared: Shared, _: float) -> int:
            return len(shared.turns)

        await until(lambda: FileStore(pacing).change(left) == 0)


# </async-only>
