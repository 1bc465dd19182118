"""Tests of merged stream messages.

A message has all values received on its connection so far, and names the changed ones.
"""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    Drift,
    Gap,
    LedgerUpdate,
    MarketData,
    MissingValue,
    OrderUpdate,
    Pnl,
    Reconnected,
    SummaryUpdate,
    TradeUpdate,
    WsError,
)
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

M = TypeVar("M")

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = '{"topic":"system","success":"me","isFT":false,"isPaper":true}'
QUICK = Timing(backoff_from=0.01, backoff_to=0.05)
ORDER: dict[str, object] = {"orderId": 1, "status": "Submitted", "conid": 5, "price": "5"}


def tickle(request: RawRequest, peer: Peer) -> None:
    peer.json(TICKLE)


def stream(client: AsyncClient, *, backlog: int = 0) -> Connecting[AsyncWsClient]:
    message_buffer = MessageBuffer(10_000, backlog)
    return connecting(AsyncWsClient._open(client, QUICK, message_buffer, reconnect=True))


def no_pacing(raw: RawGateway) -> AsyncClient:
    return AsyncClient(raw.base_url, pacing=False)


def socket_that(*actions: Callable[[Peer], object]) -> Script:
    """Return a script that completes the handshake, sends a system message, and runs the actions.

    After the actions it sends nothing.
    """

    def script(request: RawRequest, peer: Peer) -> None:
        peer.upgrade(request)
        peer.frame(SYSTEM)
        for action in actions:
            action(peer)
        peer.silence()

    return script


def after(command: str, *data: str) -> Callable[[Peer], object]:
    """Return an action that waits for a command that begins with `command`, then sends frames."""

    def action(peer: Peer) -> None:
        while not peer.receive().startswith(command):
            pass
        peer.frames(*data)

    return action


def when(event: threading.Event, *data: str) -> Callable[[Peer], object]:
    def action(peer: Peer) -> None:
        assert event.wait(30)
        peer.frames(*data)

    return action


def cut(event: threading.Event) -> Callable[[Peer], object]:
    def action(peer: Peer) -> None:
        assert event.wait(30)
        peer.reset()

    return action


def quote(**fields: object) -> str:
    found = {key.strip("f"): value for key, value in fields.items()}
    return json.dumps({"topic": "smd+1", "conid": 1, "conidEx": "1", **found})


def rows(topic: str, *found: object, key: str = "args") -> str:
    return json.dumps({"topic": topic, key: list(found)})


async def next_of(ws: AsyncWsClient, kind: type[M]) -> M:
    for _ in range(100):
        message = await ws.next_message(timeout=30)
        assert message is not None
        if isinstance(message, kind):
            return message
    raise AssertionError(f"no {kind}")


async def test_after_a_reconnection_no_value_from_before_appears(raw: RawGateway) -> None:
    go, again = threading.Event(), threading.Event()
    raw.script(
        tickle,
        socket_that(
            after("smd", quote(f31="100.00", f84="99.99", f86="100.01", _updated=1763800000000)),
            when(go, quote(f84="99.98", _updated=1763800001000)),
            cut(again),
        ),
        tickle,
        # On the second connection, a quarter of an hour later, the gateway sends only the ask size.
        socket_that(after("smd", quote(f85="300", _updated=1763800900000))),
    )
    async with no_pacing(raw) as client, stream(client) as ws:
        live = await ws.quote(1)
        first = await next_of(ws, MarketData)
        assert first.changed == {"last", "bid", "ask"}
        go.set()
        second = await next_of(ws, MarketData)
        assert (second.last, second.bid) == (Decimal(100), Decimal("99.98"))
        assert second.changed == {"bid"}
        assert live.snapshot.values == second.values
        held = live.snapshot
        again.set()
        gap, _, third = (
            await next_of(ws, Gap),
            await next_of(ws, Reconnected),
            await next_of(ws, MarketData),
        )
        assert (third.last, third.bid, third.ask, third.ask_size) == (
            None,
            None,
            None,
            Decimal(300),
        )
        assert third.changed == {"ask_size"}
        assert third.updated is not None
        assert gap.topic is None
        # The live quote has the values of the newest message. The earlier messages have not
        # changed.
        assert not live.stale
        assert (live.last, live.bid, live.ask, live.ask_size) == (None, None, None, Decimal(300))
        assert (first.bid, second.bid, held.bid) == (
            Decimal("99.99"),
            Decimal("99.98"),
            Decimal("99.98"),
        )


TOPICS: dict[str, tuple[type[Any], str, tuple[str, str], dict[str, object]]] = {
    "sor": (
        OrderUpdate,
        "sor",
        (rows("sor", ORDER), rows("sor", {"orderId": 1, "filledQuantity": 2})),
        {"status": "Submitted", "price": Decimal(5), "filled_quantity": Decimal(2)},
    ),
    "str": (
        TradeUpdate,
        "str",
        (
            rows("str", {"execution_id": "a", "price": "5", "size": 2}),
            rows("str", {"execution_id": "a", "commission": "1.0"}),
        ),
        {"price": Decimal(5), "size": Decimal(2), "commission": Decimal(1)},
    ),
    "spl": (
        Pnl,
        "spl",
        (
            '{"topic":"spl","args":{"U1.Core":{"nl":100,"upl":1}}}',
            '{"topic":"spl","args":{"U1.Core":{"upl":2}}}',
        ),
        {"net_liquidation_value": Decimal(100), "unrealized_pnl": Decimal(2)},
    ),
    "ssd": (
        SummaryUpdate,
        "ssd",
        (
            rows("ssd+U1", {"key": "A", "currency": "USD", "monetaryValue": 1}, key="result"),
            rows("ssd+U1", {"key": "A", "monetaryValue": 2}, key="result"),
        ),
        {"key": "A", "currency": "USD", "amount": Decimal(2)},
    ),
    "sld": (
        LedgerUpdate,
        "sld",
        (
            rows("sld+U1", {"key": "B", "cashbalance": 1, "timestamp": 1}, key="result"),
            rows("sld+U1", {"key": "B", "timestamp": 2}, key="result"),
        ),
        {"key": "B", "cash_balance": Decimal(1), "timestamp": datetime.fromtimestamp(2, UTC)},
    ),
}


async def subscribe(ws: AsyncWsClient, topic: str) -> object:
    if topic == "sor":
        return await ws.subscribe_orders()
    if topic == "str":
        return await ws.subscribe_trades()
    if topic == "spl":
        return await ws.subscribe_pnl()
    if topic == "ssd":
        return await ws.subscribe_summary("U1")
    return await ws.subscribe_ledger("U1")


@pytest.mark.parametrize("topic", TOPICS)
async def test_updates_of_every_topic_are_complete_until_the_connection_is_lost(
    raw: RawGateway, topic: str
) -> None:
    kind, command, (first, second), expected = TOPICS[topic]
    lost = threading.Event()
    # The repeated row differs, because the stream delivers an execution again only if it has
    # changed.
    other = second.replace("1.0", "2.0")
    raw.script(
        tickle,
        socket_that(after(command, first, second), cut(lost)),
        tickle,
        socket_that(after(command, other)),
    )
    async with no_pacing(raw) as client, stream(client) as ws:
        await subscribe(ws, topic)
        found, complete = await next_of(ws, kind), await next_of(ws, kind)
        assert {name: getattr(complete, name) for name in expected} == expected
        changed = [name for name in expected if getattr(found, name) != expected[name]]
        assert sorted(complete.changed) == sorted(changed)
        for again in (
            copy.copy(complete),
            copy.deepcopy(complete),
            pickle.loads(pickle.dumps(complete)),
        ):
            assert again == complete
        assert msgspec.json.decode(complete.to_json())["changed"] == sorted(changed)
        lost.set()
        await next_of(ws, Gap)
        alone = await next_of(ws, kind)
        assert alone.raw.keys() == complete.raw.keys()
        old = [name for name in expected if name not in changed and name not in alone.changed]
        assert old
        assert [getattr(alone, name) for name in old] == [None] * len(old)


async def test_a_delta_before_a_full_row_and_one_without_an_id(raw: RawGateway) -> None:
    raw.script(
        tickle,
        socket_that(
            after(
                "sor",
                rows("sor", {"orderId": 1, "filledQuantity": 2}),
                rows("sor", {"status": "Filled"}),
                rows("sor", {"orderId": 1, "status": None, "price": "what"}),
            )
        ),
    )
    drifts: list[Drift] = []
    async with (
        AsyncClient(raw.base_url, pacing=False, on_drift=drifts.append) as client,
        stream(client) as ws,
    ):
        await ws.subscribe_orders()
        first = await next_of(ws, OrderUpdate)
        assert (first.order_id, first.status, first.filled_quantity) == (1, None, Decimal(2))
        second, third = await next_of(ws, OrderUpdate), await next_of(ws, OrderUpdate)
        with pytest.raises(MissingValue, match=r"sor: OrderUpdate\.order_id"):
            _ = second.order_id
        assert second.status == "Filled"
        assert (third.order_id, third.status, third.price) == (1, None, None)
        assert third.filled_quantity == 2
    assert [each.field for each in drifts] == ["orderId", "price"]


# Key: a topic. Value: the model of its messages, the name of the field that IBKR always sends, that
# field's name on the wire, a row, the row's key in the frame, and one of the other values.
REQUIRED: dict[str, tuple[type[Any], str, str, dict[str, object], str, tuple[str, object]]] = {
    "sor": (OrderUpdate, "order_id", "orderId", ORDER, "args", ("price", Decimal(5))),
    "str": (
        TradeUpdate, "execution_id", "execution_id", {"execution_id": "a", "price": "5"}, "args",
        ("price", Decimal(5)),
    ),
    "ssd": (
        SummaryUpdate, "key", "key", {"key": "A", "monetaryValue": 2}, "result",
        ("amount", Decimal(2)),
    ),
    "sld": (
        LedgerUpdate, "key", "key", {"key": "B", "cashbalance": 1}, "result",
        ("cash_balance", Decimal(1)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", ["omitted", "null", "empty", "an object"])
@pytest.mark.parametrize("topic", REQUIRED)
async def test_a_fault_in_a_required_field_of_a_message_costs_one_value(
    raw: RawGateway, topic: str, fault: str
) -> None:
    kind, name, wire, row, key, (other, value) = REQUIRED[topic]
    bad = {each: known for each, known in row.items() if each != wire}
    if fault != "omitted":
        bad[wire] = {"null": None, "empty": "", "an object": {"x": 1}}[fault]
    raw.script(
        tickle, socket_that(after(topic, rows(topic, bad, key=key), rows(topic, row, key=key)))
    )
    drifts: list[Drift] = []
    async with (
        AsyncClient(raw.base_url, pacing=False, on_drift=drifts.append) as client,
        stream(client) as ws,
    ):
        await subscribe(ws, topic)
        found, good = await next_of(ws, kind), await next_of(ws, kind)
        assert not found.has(name)
        with pytest.raises(MissingValue, match=rf"{kind.__name__}\.{name} has no value") as caught:
            getattr(found, name)
        assert (caught.value.field, caught.value.model) == (name, kind.__name__)
        assert getattr(found, other) == value
        assert (getattr(good, name), getattr(good, other)) == (row[wire], value)
    assert [(each.model, each.field) for each in drifts] == [(kind.__name__, wire)]


async def test_a_subscription_that_is_made_again_starts_empty(raw: RawGateway) -> None:
    raw.script(
        tickle,
        socket_that(
            after("smd", quote(f31="1", f84="2")),
            after("umd", quote(f86="3")),
            after("smd", quote(f85="4")),
        ),
    )
    async with no_pacing(raw) as client, stream(client) as ws:
        subscription = await ws.subscribe_market_data(1)
        first = await next_of(ws, MarketData)
        await subscription.cancel()
        late = await next_of(ws, MarketData)
        await ws.subscribe_market_data(1)
        second = await next_of(ws, MarketData)
    assert first.values == {"last": Decimal(1), "bid": Decimal(2)}
    assert late.values == {"ask": Decimal(3)}
    assert second.values == {"ask_size": Decimal(4)}


async def test_unread_quotes_become_one_that_names_all_changes(raw: RawGateway) -> None:
    go = threading.Event()
    raw.script(
        tickle,
        socket_that(
            after("smd", quote(f31="1", f84="2", f86="4")),
            when(go, quote(f84="3"), quote(f31="2"), quote(f84="2")),
        ),
    )
    async with no_pacing(raw) as client, stream(client) as ws:
        live = await ws.quote(1)
        first = await next_of(ws, MarketData)
        before = live.snapshot
        go.set()
        await until(lambda: ws.stats.conflated == 2)
        message = await next_of(ws, MarketData)
        assert message.merged == 2
        assert message.changed == {"last", "bid"}
        assert message.values == {"last": Decimal(2), "bid": Decimal(2), "ask": Decimal(4)}
        assert (first.last, before.last) == (Decimal(1), Decimal(1))


async def test_two_readers_and_a_live_quote_see_the_same_values(raw: RawGateway) -> None:
    count = 400
    frames = [quote(f31="0", f84="0")] + [
        quote(**{"f31" if number % 2 else "f84": str(number)}) for number in range(1, count)
    ]
    raw.script(tickle, socket_that(after("smd", *frames)))
    async with no_pacing(raw) as client, stream(client, backlog=count) as ws:
        live = await ws.quote(1)
        found: list[MarketData] = []

        async def read() -> None:
            for _ in range(10_000):
                if len(found) == count:
                    return
                try:
                    message = await ws.next_message(timeout=0.05)
                except WsError:  # the other reader is waiting for a message, or none has come
                    await pause(0.002)
                    continue
                if isinstance(message, MarketData):
                    found.append(message)

        readers = [later(read) for _ in range(2)]
        for reader in readers:
            await result(reader)
        assert len(found) == count
        for message in found:
            number = max(int(message.get(name) or 0) for name in ("last", "bid"))
            odd = number if number % 2 else max(number - 1, 0)
            even = number if number % 2 == 0 else number - 1
            assert (message.last, message.bid) == (Decimal(odd), Decimal(even))
        assert (live.last, live.bid) == (Decimal(count - 1), Decimal(count - 2))
