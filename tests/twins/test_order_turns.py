"""Tests of order turns (one order of an account at a time) under concurrency.

Covered are threads, event loops, async and blocking clients, forks and interrupts.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sys
import threading
import time
from typing import Any

import pytest

from bezant import AccountBusy, AsyncClient, Client
from bezant._core.http.messages import Request
from bezant._core.http.operation import OrderCall
from bezant._core.operations import orders
from bezant._core.pacing.order_turns import AccountTurn, Outcome
from bezant._runtime._shared.order_turns import OrderTurns, order_turns_for
from bezant._sync.http.order_turn import OrderTurn, OrderTurnGuard
from bezant.models.orders import OrderTicket
from tests.support.processes import without_coverage
from tests.support.raw import Peer, RawGateway, RawRequest

TICKET = OrderTicket(conid=1, side="BUY", order_type="MKT", time_in_force="DAY", quantity=1)
PLACING = Request(orders.SUBMIT_NEW_ORDERS.operation, "/iserver/account/DU1/orders", [], b"{}")
SETTINGS = Client("http://127.0.0.1:9/v1/api")._settings
BOOK = {"account_id": "DU1", "orders": [TICKET]}


class Exchange:
    """Gateway that asks a question about each order.

    It records a fault if an order arrives while a question is open.
    """

    def __init__(self, raw: RawGateway) -> None:
        self.lock = threading.Lock()
        self.open: str | None = None
        self.placed = 0
        self.faults: list[str] = []
        self.numbers = iter(range(10**6))
        raw.script(self.answer)

    def answer(self, request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/accounts"):
            peer.json(b'{"accounts":["DU1"]}')
        elif request.target.endswith("/orders"):
            with self.lock:
                if self.open is not None:
                    self.faults.append(request.line)
                self.open = f"q{next(self.numbers)}"
                body = b'[{"id":"%s","message":["Really?"]}]' % self.open.encode()
            peer.json(body)
        else:
            with self.lock:
                if self.open is None or not request.target.endswith(self.open):
                    self.faults.append(request.line)
                self.open = None
                self.placed += 1
            peer.json(b'[{"order_id":"1"}]')


def test_both_twins_and_several_loops_take_turns(raw: RawGateway) -> None:
    exchange = Exchange(raw)
    errors: list[BaseException] = []

    def blocking() -> None:
        with Client(raw.base_url) as client:
            for _ in range(5):
                [asked] = client.api.orders.submit_new_orders(**BOOK)  # type: ignore[arg-type]
                client.api.orders.confirm_order_reply(reply_id=str(asked.id), confirmed=True)

    async def one(client: AsyncClient) -> None:
        [asked] = await client.api.orders.submit_new_orders(**BOOK)  # type: ignore[arg-type]
        await asyncio.sleep(0.001)
        await client.api.orders.confirm_order_reply(reply_id=str(asked.id), confirmed=True)

    async def looping() -> None:
        async with AsyncClient(raw.base_url) as client:
            await asyncio.gather(*(one(client) for _ in range(5)))

    def run(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    works = [blocking, blocking, lambda: asyncio.run(looping()), lambda: asyncio.run(looping())]
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(120)
    assert not errors
    assert not exchange.faults
    assert exchange.placed == 20


async def test_cancellations_leave_no_turn_behind(raw: RawGateway) -> None:
    exchange = Exchange(raw)
    rng = random.Random(7)

    async def one(client: AsyncClient) -> None:
        [asked] = await client.api.orders.submit_new_orders(**BOOK)  # type: ignore[arg-type]
        await client.api.orders.confirm_order_reply(reply_id=str(asked.id), confirmed=False)

    for _ in range(20):
        async with AsyncClient(raw.base_url) as client:
            tasks = [asyncio.create_task(one(client)) for _ in range(5)]
            await asyncio.sleep(rng.random() * 0.02)
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            turns = client._pipeline.order_turns
            # Each turn that is left waits for a reply to its question, which never comes.
            for left in [*turns._turns._open]:
                assert left.questions
                assert not left.calls
                turns._turns.leave(left)
            assert not turns._turns._waiting
            assert not turns._wakers
            exchange.open = None
            await one(client)


@pytest.mark.usefixtures("no_old_garbage")
@without_coverage
def test_an_interrupt_leaves_no_turn_behind() -> None:
    turns = OrderTurns()
    before = signal.signal(signal.SIGALRM, _interrupt)
    rng = random.Random(11)
    interrupted = 0
    try:
        for _ in range(300):
            call = OrderTurn(turns, PLACING, SETTINGS, OrderCall.PLACE, ())
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00002 + rng.random() * 0.0003)
                for _ in range(1000):
                    call = OrderTurn(turns, PLACING, SETTINGS, OrderCall.PLACE, ())
                    with OrderTurnGuard(call), call:
                        call.sending()
                        call.answered(b'[{"order_id":"7"}]')
            except KeyboardInterrupt:
                interrupted += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            turns._now(lambda _: None)
            assert not turns._turns._open
            assert not turns._turns._waiting
            assert not turns._wakers
    finally:
        signal.signal(signal.SIGALRM, before)
    assert interrupted > 100


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_thread_that_reuses_a_dead_ones_number_is_another(raw: RawGateway) -> None:
    Exchange(raw)
    with Client(raw.base_url, max_wait=0.05) as client:

        def place() -> None:
            client.api.orders.submit_new_orders(**BOOK)  # type: ignore[arg-type]

        found: list[str] = []

        def waits() -> None:
            began = time.monotonic()
            try:
                place()
            except AccountBusy:
                found.append("waited" if time.monotonic() - began >= 0.05 else "at once")

        for work in (place, waits):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join(60)
    assert found == ["waited"]


def turn() -> AccountTurn:
    return AccountTurn(frozenset({"A"}), object(), calls={"call"})


def test_the_garbage_collector_may_end_a_call_while_the_lock_is_held() -> None:
    turns = OrderTurns()
    first, second = turn(), turn()
    woken: list[str] = []
    turns.enter(first, lambda: woken.append("first"))
    turns.enter(second, lambda: woken.append("second"))

    def collected(_: float) -> None:  # runs while the lock is held, as the garbage collector may do
        turns.finish(first, "call", Outcome.LOST)
        assert not second.granted

    turns._now(collected)
    assert second.granted
    assert woken == ["first", "second"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_begins_with_no_turns() -> None:
    turns = order_turns_for("http://forked")
    turns.enter(turn(), lambda: None)
    with turns._lock:
        child = os.fork()
        if not child:  # pragma: no cover - the child's coverage is not written
            fresh = order_turns_for("http://forked")
            free = turn()
            fresh.enter(free, lambda: None)
            os._exit(0 if free.granted and fresh is not turns else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_turn_does_not_keep_its_caller_alive(raw: RawGateway) -> None:
    Exchange(raw)
    with Client(raw.base_url) as client:
        thread = threading.Thread(
            target=lambda: client.api.orders.submit_new_orders(**BOOK)  # type: ignore[arg-type]
        )
        thread.start()
        thread.join(60)
        references = sys.getrefcount(thread)
        gc.collect()
        assert sys.getrefcount(thread) == references
        [held] = client._pipeline.order_turns._turns._open
        assert held.holder() is thread  # type: ignore[operator]
        del thread
        gc.collect()
        assert held.holder() is None  # type: ignore[operator]
