"""Tests of `ws.orders` after a lost connection: it has all open orders, and no others."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bezant import AsyncClient, AsyncWsClient, Gap, OrdersUnknown, OrderUpdate, Reconnected
from bezant._core.http.backoff import Backoff
from bezant._core.stream import order_check
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from tests.support import rows
from tests.support._async import until
from tests.support.raw import Peer, RawGateway, RawRequest

ACCOUNT = "DU1"
STATUS = {"authenticated": True, "connected": True, "established": True, "competing": False}
SYSTEM = '{"topic":"system","success":"me","isFT":false,"isPaper":true}'
QUICK = Timing(backoff_from=0.01, backoff_to=0.05)
CUT = "cut"


def row(order_id: int, status: str = "Submitted", **more: object) -> dict[str, Any]:
    return rows.order(order_id, status=status, conid=5) | more


class OrdersGateway:
    """Gateway that follows one plan per connection; after the last plan, it repeats that plan.

    A plan is a list of steps. Per step the gateway sends a list of order rows as one message, sends
    bytes as one frame, waits for an event, or resets the connection (CUT).
    """

    def __init__(self, raw: RawGateway, *plans: list[object]) -> None:
        self.plans = plans
        self.listed: list[dict[str, Any]] = []
        self.snapshot = True
        self.statuses: dict[int, str] = {}
        self.broken: list[str] = []
        self.calls: list[str] = []
        self.commands: list[str] = []
        self.connections = 0
        raw.script(self.serve)

    def count(self, target: str) -> int:
        return sum(target in each for each in self.calls)

    def serve(self, request: RawRequest, peer: Peer) -> None:
        path = request.target.removeprefix("/v1/api").partition("?")[0]
        if path == "/ws":
            self.stream(request, peer)
            return
        self.calls.append(path)
        if self.broken and path.startswith(self.broken[0]):
            self.broken.pop(0)
            peer.json(b'{"error":"something is wrong"}', "500 Internal Server Error")
        elif path.startswith("/iserver/account/order/status/"):
            self.tell_status(int(path.rpartition("/")[2]), peer)
        else:
            answers: dict[str, object] = {
                "/tickle": {"session": "s3cret", "iserver": {"authStatus": STATUS}},
                "/iserver/auth/status": STATUS,
                "/iserver/accounts": {"accounts": [ACCOUNT], "selectedAccount": ACCOUNT},
                "/portfolio/accounts": [rows.account(ACCOUNT)],
                "/iserver/account/orders": {"orders": self.listed, "snapshot": self.snapshot},
            }
            peer.json(json.dumps(answers[path]).encode())

    def tell_status(self, order_id: int, peer: Peer) -> None:
        if order_id in self.statuses:
            found = rows.order_status(order_id, self.statuses[order_id])
            peer.json(json.dumps(found | {"total_size": "2.0", "cum_fill": "2.0"}).encode())
        else:
            error = {"error": f"Order {order_id} is not found", "statusCode": 503}
            peer.json(json.dumps(error).encode(), "503 Service Unavailable")

    def stream(self, request: RawRequest, peer: Peer) -> None:
        plan = self.plans[min(self.connections, len(self.plans) - 1)]
        self.connections += 1
        peer.upgrade(request)
        peer.frame(SYSTEM)
        while not (command := peer.receive()).startswith("sor"):
            pass
        self.commands.append(command)
        for step in plan:
            if step == CUT:
                peer.reset()
                return
            if isinstance(step, threading.Event):
                assert step.wait(60)
            elif isinstance(step, bytes):
                peer.frame(step)
            else:
                peer.frame(json.dumps({"topic": "sor", "args": step}))
        peer.silence()


def stream(client: AsyncClient, buffer: int = 10_000) -> Connecting[AsyncWsClient]:
    return connecting(AsyncWsClient._open(client, QUICK, MessageBuffer(buffer), reconnect=True))


def no_pacing(raw: RawGateway) -> AsyncClient:
    return AsyncClient(raw.base_url, pacing=False)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_check, "QUIET", 0.15)
    monkeypatch.setattr(order_check, "_RETRY", Backoff(0.02, 60.0))
    monkeypatch.setattr(order_check, "_STATUS_PAUSE", 0.0)


def read(ws: AsyncWsClient) -> dict[int, object]:
    return {order_id: each.status for order_id, each in ws.orders.items()}


async def wait(ws: AsyncWsClient) -> dict[int, object]:
    assert await ws.orders.wait(timeout=30)
    assert ws.orders.known
    return read(ws)


async def messages(ws: AsyncWsClient, kind: type[Any]) -> list[Any]:
    """Read messages until the first instance of `kind`, and return all of them."""
    found: list[Any] = []
    while not found or not isinstance(found[-1], kind):
        found.append(await ws.next_message(timeout=30))
    return found


async def quiet(ws: AsyncWsClient, received: int) -> None:
    """Wait until `received` messages have come, and then until no message comes for a while."""
    await until(lambda: ws.stats.received >= received)
    worker = ws._stream_worker
    with worker.lock:
        worker.state.order_check._due = 0.0
    worker._check_bell.ring()


async def test_a_snapshot_in_several_messages_is_waited_for(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_check, "QUIET", 60.0)
    cut, second, third = (threading.Event() for _ in range(3))
    orders = OrdersGateway(
        raw, [[row(1), row(2)], [row(3)], cut, CUT], [[row(1)], second, [row(2)], third, [row(3)]]
    )
    async with no_pacing(raw) as client, stream(client) as ws:
        await ws.subscribe_orders()
        await quiet(ws, 3)
        assert await wait(ws) == {1: "Submitted", 2: "Submitted", 3: "Submitted"}
        assert orders.count("/orders") == 0
        cut.set()
        await until(lambda: not ws.orders.known)
        with pytest.raises(OrdersUnknown, match=r"wait with ws\.orders\.wait"):
            ws.orders[1]
        for reading in READING:
            with pytest.raises(OrdersUnknown):
                reading(ws.orders)
        assert "not known" in repr(ws.orders)
        assert not await ws.orders.wait(timeout=0.01)
        second.set()
        third.set()
        await quiet(ws, 7)
        assert await wait(ws) == {1: "Submitted", 2: "Submitted", 3: "Submitted"}
        assert len(ws.orders) == len(list(ws.orders.values())) == 3
        assert orders.count("/orders") == 0


READING: list[Callable[[Any], object]] = [
    len, list, bool, lambda orders: orders.items(), lambda orders: orders.values(),
    lambda orders: orders.get(1), lambda orders: 1 in orders, lambda orders: list(orders.keys()),
    lambda orders: orders.unconfirmed,
]  # fmt: skip

AFTER: dict[str, list[object]] = {
    "an empty snapshot": [[]],
    "no snapshot": [],
    "a part of it": [[row(2)]],
}


@pytest.mark.parametrize("after", AFTER)
async def test_changes_during_an_interruption_are_requested(raw: RawGateway, after: str) -> None:
    cut = threading.Event()
    orders = OrdersGateway(raw, [[row(1), row(2), row(3), row(4)], cut, CUT], AFTER[after])
    # The list is needed only if a slow machine requests it before the interruption.
    orders.listed = [row(1), row(2), row(3), row(4)]
    async with no_pacing(raw) as client, stream(client) as ws:
        await ws.subscribe_orders()
        assert len(await wait(ws)) == 4
        asked = orders.count("/orders")
        orders.listed = [row(1, "Filled", filledQuantity=2.0), row(2), row(7)]
        orders.statuses = {3: "Cancelled"}
        cut.set()
        await until(lambda: not ws.orders.known)
        # Neither the stream nor REST reports order 4 any more. It stays, with an unknown status.
        assert await wait(ws) == {2: "Submitted", 4: UNKNOWN, 7: "Submitted"}
        assert ws.orders.unconfirmed == {4}
        assert ws.orders[4].ticker == "A"
        found = await messages(ws, Reconnected)
        assert any(isinstance(each, Gap) for each in found)
        told: dict[object, object] = {}
        while 3 not in told:
            (update,) = (await messages(ws, OrderUpdate))[-1:]
            told[update.order_id] = update.status
        assert (told[1], told[3]) == ("Filled", "Cancelled")
        assert orders.count("/orders") == asked + 1
        assert orders.count("/status/") == 2


UNKNOWN = OrderUpdate(order_id=0).status


async def test_only_changes_and_a_filter_are_completed_by_rest(raw: RawGateway) -> None:
    cases: list[dict[str, Any]] = [{"realtime_only": True}, {"statuses": ["Submitted"]}]
    for arguments in cases:
        cut = threading.Event()
        orders = OrdersGateway(raw, [[row(1), row(2)], cut, CUT], [[{"orderId": 1, "price": 5}]])
        orders.listed = [row(1), row(2), row(3)]
        async with no_pacing(raw) as client, stream(client) as ws:
            await ws.subscribe_orders(**arguments)
            assert set(await wait(ws)) == {1, 2, 3}
            orders.listed = [row(1, "Filled"), row(2)]
            orders.statuses = {3: "Filled"}
            cut.set()
            await until(lambda: not ws.orders.known)
            assert await wait(ws) == {2: "Submitted"}
        raw._scripts.clear()


async def test_without_any_order_the_book_is_known_to_be_empty(raw: RawGateway) -> None:
    orders = OrdersGateway(raw, [])
    async with no_pacing(raw) as client, stream(client) as ws:
        started = await ws.subscribe_orders()
        assert await wait(ws) == {}
        assert orders.count("/orders") == 1
        await started.cancel()
        assert not ws.orders.known
        await ws.subscribe_orders()
        assert await wait(ws) == {}


async def test_failures_of_rest_are_waited_out(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bezant.stream")
    cut = threading.Event()
    orders = OrdersGateway(raw, [[row(1)], cut, CUT], [])
    async with no_pacing(raw) as client, stream(client.with_options(retries=0)) as ws:
        await ws.subscribe_orders()
        await wait(ws)
        asked = orders.count("/orders")
        orders.broken = ["/iserver/account/orders", "/iserver/account/orders"]
        orders.listed = [row(1, "Filled")]
        cut.set()
        await until(lambda: not ws.orders.known)
        assert await wait(ws) == {}
        assert orders.count("/orders") == asked + 3
    assert caplog.text.count("the orders cannot be requested yet") == 2


async def test_an_unreadable_message_about_orders_is_made_up_for(raw: RawGateway) -> None:
    broken = threading.Event()
    orders = OrdersGateway(
        raw, [[row(1)], broken, b'{"topic":"sor","args":[{"orderId":1,"status":"Fil']
    )
    orders.listed = [row(1)]
    async with no_pacing(raw) as client, stream(client) as ws:
        await ws.subscribe_orders()
        await wait(ws)
        asked = orders.count("/orders")
        orders.listed = [row(1, "Filled")]
        broken.set()
        await until(lambda: orders.count("/orders") > asked)
        assert await wait(ws) == {}


async def test_a_full_buffer_leaves_the_orders_right(raw: RawGateway) -> None:
    orders = OrdersGateway(raw, [[row(1), row(2)], [row(1, "Filled")], *[[row(2)]] * 50])
    orders.listed = [row(2)]
    async with no_pacing(raw) as client, stream(client, buffer=5) as ws:
        await ws.subscribe_orders()
        await until(lambda: ws.stats.received >= 53)
        assert await wait(ws) == {2: "Submitted"}
        await until(lambda: ws.stats.missed > 0)
        assert ws.orders.known


async def test_a_closed_client_or_stream_knows_no_orders(raw: RawGateway) -> None:
    orders = OrdersGateway(raw, [[row(1)]])
    client = no_pacing(raw)
    async with stream(client) as ws:
        await client.aclose()
        await ws.subscribe_orders(realtime_only=True)
        assert not await ws.orders.wait(timeout=0.05)
        assert orders.count("/orders") == 0
    assert not await ws.orders.wait()
    with pytest.raises(OrdersUnknown, match="connect again"):
        list(ws.orders)


async def test_an_order_that_fills_while_one_iterates_is_no_error(raw: RawGateway) -> None:
    filled = threading.Event()
    orders = OrdersGateway(raw, [[row(1), row(2)], filled, [row(2, "Filled")]])
    orders.listed = [row(1), row(2)]
    async with no_pacing(raw) as client, stream(client) as ws:
        await ws.subscribe_orders()
        await wait(ws)
        seen: list[int] = []
        for order_id, order in ws.orders.items():
            filled.set()
            await until(lambda: len(ws.orders) == 1)
            assert order.status == "Submitted"
            seen.append(order_id)
        assert seen == [1, 2]
