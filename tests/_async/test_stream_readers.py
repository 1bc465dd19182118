"""Tests of several readers of one stream, each with its own buffer, and of callbacks."""

from __future__ import annotations

# <async-only>
import asyncio  # isort: skip

# </async-only>
import gc

import pytest

from bezant import (
    AsyncClient,
    AsyncMessages,
    AsyncWsClient,
    Gap,
    InvalidRequest,
    LedgerUpdate,
    MarketData,
    Message,
    OrderUpdate,
    Pnl,
    WsClosed,
    WsTimeout,
)
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from tests.support._async import later, pause, result, until
from tests.support.market import Market
from tests.support.raw import RawGateway

QUICK = Timing(backoff_from=0.01, backoff_to=0.02)
MANY = 300


def stream(
    client: AsyncClient, *, reconnect: bool = True, timing: Timing = QUICK
) -> Connecting[AsyncWsClient]:
    return connecting(AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=reconnect))


def no_pacing(market: Market) -> AsyncClient:
    return AsyncClient(market.base_url, pacing=False, retries=0)


async def orders_of(messages: AsyncMessages[OrderUpdate | Gap], count: int) -> list[int]:
    """Read messages about orders, and return the ids of the orders."""
    found: list[int] = []
    async for message in messages:
        assert isinstance(message, OrderUpdate)
        found.append(message.order_id)
        if len(found) == count:
            break
    return found


async def connected(market: Market, ws: AsyncWsClient) -> None:
    """Send a command, so that the server knows the WebSocket."""
    await ws.send_text("ech+hb")
    await until(lambda: bool(market.peers))


def send_orders(market: Market, first: int, count: int) -> None:
    for number in range(first, first + count):
        market.send({"topic": "sor", "args": [{"orderId": number, "status": "Submitted"}]})


async def test_two_readers_each_get_all_messages_of_their_classes(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        one = ws.messages(OrderUpdate)
        two = ws.messages(OrderUpdate)
        pnl = ws.messages(Pnl, LedgerUpdate)
        await connected(market, ws)
        first = later(lambda: orders_of(one, MANY))
        second = later(lambda: orders_of(two, MANY))
        send_orders(market, 1, MANY)
        market.send({"topic": "spl", "args": {"U1.Core": {"dpl": 5.0}}})
        assert await result(first) == await result(second) == list(range(1, MANY + 1))
        found = await pnl.next_message(timeout=30)
        assert isinstance(found, Pnl)
        assert found.daily_pnl == 5
        assert pnl.buffered == 0
        # The iteration over the stream itself still has every message.
        seen: list[Message] = []
        while not (seen and isinstance(seen[-1], Pnl)):
            message = await ws.next_message(timeout=30)
            assert message is not None
            seen.append(message)
        orders = [each.order_id for each in seen if isinstance(each, OrderUpdate)]
        assert orders == list(range(1, MANY + 1))


async def test_a_slow_reader_loses_nothing_of_the_other(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        slow, fast = ws.messages(OrderUpdate, buffer=2), ws.messages(OrderUpdate)
        await connected(market, ws)
        send_orders(market, 1, MANY)
        assert await orders_of(fast, MANY) == list(range(1, MANY + 1))
        assert await orders_of(slow, 2) == [1, 2]
        gap = await slow.next_message(timeout=30)
        assert isinstance(gap, Gap)
        assert (gap.topic, gap.count) == ("sor", MANY - 2)
        assert (slow.missed, fast.missed, ws.stats.missed) == (MANY - 2, 0, 0)


async def test_quotes_are_merged_for_each_reader_alone(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        every = ws.messages(MarketData, quote_backlog=1000)
        newest = ws.messages(MarketData)
        await ws.subscribe_market_data(7)
        await until(lambda: market.subscribed[7] > 0)
        for price in range(101, 151):
            market.tick(7, str(price))
        prices: list[object] = []
        async for message in every:
            assert isinstance(message, MarketData)
            assert message.merged == 0
            prices.append(message.last)
            if message.last == 150:
                break
        assert prices == [100, *range(101, 151)]
        last = await newest.next_message(timeout=30)
        assert isinstance(last, MarketData)
        assert last.last == 150
        assert last.merged == 50


async def test_an_interruption_concerns_every_reader(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        orders, pnl = ws.messages(OrderUpdate), ws.messages(Pnl)
        await connected(market, ws)
        market.drop()
        for messages in (orders, pnl):
            assert isinstance(await messages.next_message(timeout=30), Gap)


async def test_a_reader_ends_with_its_block_and_not_the_others(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        async with ws.messages(OrderUpdate) as orders, ws.messages(OrderUpdate) as others:
            await connected(market, ws)
            send_orders(market, 1, 1)
            assert await orders_of(others, 1) == [1]
            await orders.cancel()
            await orders.cancel()
            assert "0 unread" in repr(others)
            assert "ended" in repr(orders)
            assert await orders.next_message(timeout=30) is None
            assert [each async for each in orders] == []
            send_orders(market, 2, 1)
            assert await orders_of(others, 1) == [2]
        assert not others.active


async def test_cancelling_wakes_a_reader_that_waits(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        orders = ws.messages(OrderUpdate)
        waiting = later(orders.next_message)
        await orders.cancel()
        assert await result(waiting) is None


async def test_readers_end_with_the_stream_after_their_unread_messages(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client, reconnect=False) as ws:
        orders, others = ws.messages(OrderUpdate), ws.messages(OrderUpdate)
        await connected(market, ws)
        send_orders(market, 1, 3)
        assert await orders_of(others, 3) == [1, 2, 3]
        waiting = later(others.next_message)
        market.drop()
        assert await result(waiting) is None
        assert [each.order_id async for each in orders if isinstance(each, OrderUpdate)] == [
            1, 2, 3,
        ]  # fmt: skip
        with pytest.raises(WsClosed):
            ws.messages(OrderUpdate)


async def test_each_reader_learns_of_the_error_that_ended_the_stream(raw: RawGateway) -> None:
    market = Market(raw)
    timing = Timing(silence_limit=0.3)
    async with no_pacing(market) as client, stream(client, reconnect=False, timing=timing) as ws:
        orders = ws.messages(OrderUpdate)
        with pytest.raises(WsTimeout, match="connect again"):
            await orders.next_message(timeout=30)
        assert await orders.next_message(timeout=30) is None
        with pytest.raises(WsTimeout, match="connect again"):
            _ = [each async for each in ws]
        assert await ws.next_message(timeout=30) is None


async def test_a_reader_can_wait_for_a_limited_time(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        orders = ws.messages(OrderUpdate)
        with pytest.raises(WsTimeout, match="no message came within"):
            await orders.next_message(timeout=0.01)
        with pytest.raises(InvalidRequest, match="timeout"):
            await orders.next_message(timeout=-1)


async def test_arguments_of_readers_are_checked(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        with pytest.raises(InvalidRequest, match=r"bezant\.OrderUpdate"):
            ws.messages("sor")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
        with pytest.raises(InvalidRequest, match="buffer"):
            ws.messages(OrderUpdate, buffer=0)
        with pytest.raises(InvalidRequest, match="quote_backlog"):
            ws.messages(OrderUpdate, quote_backlog=-1)


async def test_a_forgotten_reader_receives_nothing_more(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        forgotten = ws.messages(OrderUpdate)
        reader = forgotten._inbox.reader
        del forgotten
        gc.collect()
        assert reader.closed
        orders = ws.messages(OrderUpdate)
        await connected(market, ws)
        send_orders(market, 1, 1)
        assert await orders_of(orders, 1) == [1]
        assert reader.take() is None


async def test_fields_of_an_unexpected_type_are_reported_to_readers(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        orders = ws.messages(OrderUpdate)
        await connected(market, ws)
        market.send({"topic": "sor", "args": [{"orderId": 1, "conid": {"a": 1}}]})
        with pytest.warns(UserWarning, match="conid"):
            assert await orders_of(orders, 1) == [1]


async def test_callbacks_are_called_for_each_message_of_their_class(raw: RawGateway) -> None:
    market = Market(raw)
    called: list[int] = []
    others: list[int] = []
    gaps: list[Gap] = []

    async def note(order: OrderUpdate) -> None:
        await pause(0)
        called.append(order.order_id)

    async with no_pacing(market) as client, stream(client) as ws:
        callback = ws.on(OrderUpdate, note)
        ws.on(OrderUpdate, lambda order: others.append(order.order_id))
        ws.on(Gap, gaps.append)
        assert repr(callback).endswith("for OrderUpdate>")
        await connected(market, ws)
        send_orders(market, 1, MANY)
        await until(lambda: len(called) == len(others) == MANY)
        assert called == others == list(range(1, MANY + 1))
        market.drop()
        await until(lambda: bool(gaps))
        assert (callback.active, callback.buffered, callback.missed) == (True, 0, 0)
    await until(lambda: not callback.active)
    assert repr(callback).endswith("ended>")


async def test_an_error_in_a_callback_ends_nothing(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    market = Market(raw)
    called: list[int] = []
    others: list[int] = []

    def fail(order: OrderUpdate) -> None:
        called.append(order.order_id)
        raise ValueError(f"wrong order {order.order_id}")

    async with no_pacing(market) as client, stream(client) as ws:
        ws.on(OrderUpdate, fail)
        ws.on(OrderUpdate, lambda order: others.append(order.order_id))
        await connected(market, ws)
        send_orders(market, 1, 3)
        await until(lambda: len(called) == len(others) == 3)
        assert not ws.closed
        await until(lambda: caplog.text.count("ValueError: wrong order") == 3)
    failures = [each for each in caplog.records if "callback for OrderUpdate" in each.message]
    assert {each.name for each in failures} == {"bezant.stream"}
    assert all(each.exc_info for each in failures)


async def test_a_cancelled_callback_is_not_called_any_more(raw: RawGateway) -> None:
    market = Market(raw)
    called: list[int] = []
    async with no_pacing(market) as client, stream(client) as ws:
        async with ws.on(OrderUpdate, lambda order: called.append(order.order_id)) as callback:
            await connected(market, ws)
            send_orders(market, 1, 1)
            await until(lambda: called == [1])
        await callback.cancel()
        orders = ws.messages(OrderUpdate)
        send_orders(market, 2, 1)
        assert await orders_of(orders, 1) == [2]
        assert (called, callback.active) == ([1], False)


async def test_a_slow_callback_logs_how_much_it_missed(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    market = Market(raw)
    called: list[int] = []
    async with no_pacing(market) as client, stream(client) as ws:

        async def wait_for_all(order: OrderUpdate) -> None:
            if order.order_id == 1:
                await until(lambda: orders.buffered == 10)
            called.append(order.order_id)

        orders = ws.messages(OrderUpdate)
        callback = ws.on(OrderUpdate, wait_for_all, buffer=2)
        await connected(market, ws)
        send_orders(market, 1, 1)
        await until(lambda: callback.buffered == 0 and orders.buffered == 1)
        send_orders(market, 2, 9)
        await until(lambda: "7 messages of sor were dropped" in caplog.text)
        assert (called, callback.missed) == ([1, 2, 3], 7)


async def test_callbacks_get_all_messages_before_the_stream_ended(raw: RawGateway) -> None:
    market = Market(raw)
    called: list[int] = []
    async with no_pacing(market) as client, stream(client, reconnect=False) as ws:

        async def wait_for_the_end(order: OrderUpdate) -> None:
            await until(lambda: ws.closed)
            called.append(order.order_id)

        callback = ws.on(OrderUpdate, wait_for_the_end)
        orders = ws.messages(OrderUpdate)
        await connected(market, ws)
        send_orders(market, 1, 3)
        assert await orders_of(orders, 3) == [1, 2, 3]
        market.drop()
        await until(lambda: not callback.active)
        assert called == [1, 2, 3]


async def test_callbacks_end_with_the_error_of_the_stream(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    market = Market(raw)
    timing = Timing(silence_limit=0.3)
    async with no_pacing(market) as client, stream(client, reconnect=False, timing=timing) as ws:
        callback = ws.on(OrderUpdate, print)
        await until(lambda: not callback.active)
    assert "the stream of a callback has ended" in caplog.text


async def test_a_callback_may_close_the_stream(raw: RawGateway) -> None:
    market = Market(raw)
    called: list[int] = []
    async with no_pacing(market) as client, stream(client) as ws:

        async def close(order: OrderUpdate) -> None:
            called.append(order.order_id)
            await ws.aclose()

        callback = ws.on(OrderUpdate, close)
        await connected(market, ws)
        send_orders(market, 1, 5)
        await until(lambda: not callback.active)
        assert (called, ws.closed) == ([1], True)


# <async-only>
async def test_a_callback_that_ends_its_worker_says_so(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:

        def leave(order: OrderUpdate) -> None:
            raise asyncio.CancelledError(order.order_id)

        callback = ws.on(OrderUpdate, leave)
        await connected(market, ws)
        send_orders(market, 1, 2)
        await until(lambda: not callback.active)
        assert not ws.closed
    assert "was ended by CancelledError and is not called any more" in caplog.text


# </async-only>


async def test_a_callback_must_be_a_function(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        with pytest.raises(InvalidRequest, match="function"):
            ws.on(OrderUpdate, "print")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
