"""Tests of streams whose connection or login is lost, or whose messages nobody reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    ConnectFailed,
    Gap,
    Heartbeat,
    InvalidRequest,
    MarketData,
    Message,
    OrdersUnknown,
    OrderUpdate,
    Reconnected,
    SessionLost,
    SessionStatus,
    System,
    TradeUpdate,
    WsClosed,
    WsConnectFailed,
    WsTimeout,
)
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from bezant._runtime._shared.limiters import ProcessRateLimiter
from bezant.sim import SimulatedGateway
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = '{"topic":"system","success":"me","isFT":false,"isPaper":true}'
QUICK = Timing(backoff_from=0.01, backoff_to=0.05)


def stream(
    client: AsyncClient,
    timing: Timing = QUICK,
    *,
    reconnect: bool = True,
    buffer: int = 10_000,
) -> Connecting[AsyncWsClient]:
    """Open a stream with the given timing."""
    return connecting(
        AsyncWsClient._open(client, timing, MessageBuffer(buffer), reconnect=reconnect)
    )


def tickle(request: RawRequest, peer: Peer) -> None:
    peer.json(TICKLE)


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


def order(number: int) -> bytes:
    return b'{"topic":"sor","args":[{"orderId":%d}]}' % number


def quote(conid: int, last: int) -> bytes:
    return b'{"topic":"smd+%d","conid":%d,"31":"%d"}' % (conid, conid, last)


def no_pacing(raw: RawGateway) -> AsyncClient:
    return AsyncClient(raw.base_url, pacing=False)


async def read_until(ws: AsyncWsClient, kind: type[Message], limit: int = 500) -> list[Message]:
    found: list[Message] = []
    for _ in range(limit):
        message = await ws.next_message(timeout=30)
        assert message is not None
        found.append(message)
        if isinstance(message, kind):
            return found
    raise AssertionError(f"no {kind} among {limit} messages")


LOSSES: dict[str, Callable[[Peer], object]] = {
    "close 1000": lambda peer: peer.frame(b"\x03\xe8", 8),
    "reset": lambda peer: peer.reset(),
    "end of TCP": lambda peer: peer.sock.shutdown(1),
    "nonsense": lambda peer: peer.send(b"\x83\x05hello"),
    "silence": lambda peer: None,
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_every_loss_is_followed_by_a_gap_and_a_new_connection(
    raw: RawGateway, loss: str
) -> None:
    raw.script(
        tickle, socket_that(lambda peer: peer.frame(order(1)), LOSSES[loss]),
        tickle, socket_that(lambda peer: peer.frame(order(2))),
    )  # fmt: skip
    timing = Timing(backoff_from=0.01, silence_limit=0.15 if loss == "silence" else 45)
    async with no_pacing(raw) as client:
        async with stream(client, timing) as ws:
            found = await read_until(ws, Gap)
            # The second connection is silent as well. The default timing keeps this silence from
            # ending it.
            ws._stream_worker.state._timing = Timing()
            found += await read_until(ws, Reconnected)
            assert [type(each) for each in found] == [System, OrderUpdate, Gap, Reconnected]
            gap = found[2]
            assert isinstance(gap, Gap)
            assert gap.since <= gap.until
            assert gap.topic is None
            assert gap.reason
            found = await read_until(ws, OrderUpdate)
            assert [type(each) for each in found] == [System, OrderUpdate]
            assert ws.stats.reconnects == 1
            assert not ws.closed
    assert [each.target for each in raw.requests].count("/v1/api/tickle") == 2


async def test_subscriptions_are_renewed_in_their_original_order(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with stream(client) as ws:
            await ws.subscribe_pnl()
            await ws.subscribe_market_data(272093)
            gone = await ws.subscribe_market_data(265598)
            await ws.subscribe_orders()
            await gone.cancel()
            connection = gateway.ws_connections[0]
            await until(lambda: "umd+265598+{}" in connection.received)
            connection.close()
            await read_until(ws, Reconnected)
            await until(lambda: len(gateway.ws_connections[1].received) >= 3)
            received = gateway.ws_connections[1].received
            assert [each[:6] for each in received] == ["spl+{}", "smd+27", "sor+{}"]
            await read_until(ws, MarketData)


async def test_market_data_is_renewed_before_it_ends() -> None:
    with SimulatedGateway(quote_interval=0.02, market_data_lifetime=0.3) as gateway:
        async with AsyncClient(gateway.base_url) as client:
            async with stream(client, Timing(renew_from=0.1, renew_to=0.15)) as ws:
                await ws.subscribe_market_data(265598)
                connection = gateway.ws_connections[0]
                await until(lambda: str(connection.received).count("smd+") >= 6)
                assert ws.stats.reconnects == 0
                await read_until(ws, MarketData)


async def test_a_slow_reader_gets_the_newest_quote_and_every_order(raw: RawGateway) -> None:
    def flood(peer: Peer) -> None:
        for number in range(300):
            peer.frames(quote(1 + number % 2, number), order(number))

    raw.script(tickle, socket_that(flood))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            await until(lambda: ws.stats.received >= 601)
            stats = ws.stats
            assert stats.conflated == 298
            assert stats.buffered == 303
            assert stats.lag >= 0
            assert stats.missed == 0
            found = [await ws.next_message(timeout=30) for _ in range(303)]
    quotes = [each for each in found if isinstance(each, MarketData)]
    assert [(each.last, each.merged) for each in quotes] == [
        (Decimal(298), 149),
        (Decimal(299), 149),
    ]
    orders = [each.order_id for each in found if isinstance(each, OrderUpdate)]
    assert orders == list(range(300))


async def test_messages_that_exceed_the_buffer_are_counted(raw: RawGateway) -> None:
    def flood(peer: Peer) -> None:
        for number in range(100):
            peer.frame(order(number))

    raw.script(tickle, socket_that(flood))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, buffer=11) as ws:
            await until(lambda: ws.stats.received >= 101)
            found = [await ws.next_message(timeout=30) for _ in range(12)]
            assert ws.stats.missed == 90
    gap = found[-1]
    assert isinstance(gap, Gap)
    assert (gap.topic, gap.count) == ("sor", 90)


async def test_a_lost_login_is_reported_once_and_ends_with_the_next_one(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url, pacing=False) as client:
        async with stream(client) as ws:
            await ws.subscribe_orders()
            await read_until(ws, OrderUpdate)
            gateway.logout()
            found = await read_until(ws, SessionLost)
            assert any(isinstance(each, SessionStatus) for each in found)
            count = gateway.count("POST", "/tickle")
            await until(lambda: gateway.count("POST", "/tickle") >= count + 3)
            gateway.login()
            found = await read_until(ws, Reconnected)
            assert [type(each) for each in found if not isinstance(each, OrderUpdate)] == [
                Gap,
                Reconnected,
            ]
            await read_until(ws, OrderUpdate)


async def test_subscribing_while_the_stream_reconnects(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(LOSSES["reset"]), lambda request, peer: peer.reset())
    async with no_pacing(raw) as client:
        async with stream(client, Timing(backoff_from=30)) as ws:
            await ws.next_message()
            await until(lambda: "waiting" in repr(ws))
            started = await ws.subscribe_orders()
            await ws.send_text("ech+hb")
            await started.cancel()
            assert not ws.closed
            waiting = later(ws.next_message)
            await pause(0.02)
            await ws.aclose()
            assert await result(waiting) is None
            assert ws.close_reason is None


async def test_a_closed_client_ends_the_stream_at_the_next_loss(raw: RawGateway) -> None:
    closed = threading.Event()

    def resets(peer: Peer) -> None:
        closed.wait(60)
        peer.reset()

    raw.script(tickle, socket_that(resets))
    client = no_pacing(raw)
    async with stream(client) as ws:
        await client.aclose()
        closed.set()
        await ws.next_message()
        assert await ws.next_message(timeout=30) is None
        assert ws.closed
        assert isinstance(ws.close_reason, WsClosed)


async def test_live_quotes_and_orders(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with stream(client) as ws:
            async with await ws.quote(265598) as quote:
                assert await quote.wait(timeout=30)
                assert quote.conid == 265598
                assert quote.bid is not None
                assert quote.ask is not None
                assert quote.last is not None
                assert quote.bid_size is not None
                assert quote.ask_size is not None
                assert quote.last_size is not None
                assert quote.get("bid") == quote.snapshot.bid
                assert quote.updated is not None
                assert quote.updated.tzinfo is not None
                assert isinstance(quote.is_close, bool)
                assert isinstance(quote.halted, bool)
                assert not quote.stale
                assert await quote.wait(timeout=30)
                assert not ws.orders.known
                assert "not known" in repr(ws.orders)
                with pytest.raises(OrdersUnknown, match="call subscribe_orders"):
                    len(ws.orders)
                await ws.subscribe_orders()
                assert await ws.orders.wait(timeout=30)
                assert ws.orders.known
                assert ws.orders.unconfirmed == frozenset()
                assert len(ws.orders) == 2
                assert "2 working" in repr(ws.orders)
                order = next(iter(ws.orders.values()))
                assert order.status == "Submitted"
                assert order.order_id in ws.orders
                with pytest.raises(KeyError):
                    ws.orders[5]
                with pytest.raises(InvalidRequest):
                    await quote.wait(timeout=-1)
        assert quote.stale
        assert not await ws.orders.wait()
        with pytest.raises(OrdersUnknown, match="connect again"):
            list(ws.orders)


async def test_waiting_for_a_change_has_a_timeout(raw: RawGateway) -> None:
    raw.script(tickle, socket_that())
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            quote = await ws.quote(1, exchange="NYSE")
            assert not await quote.wait(timeout=0.05)
            assert (quote.last, quote.is_close, quote.halted, quote.stale) == (
                None, False, False, True,
            )  # fmt: skip


async def test_subscribing_to_every_topic(gateway: SimulatedGateway) -> None:
    account = gateway.account_id
    async with AsyncClient(gateway.base_url) as client:
        async with stream(client) as ws:
            made = [
                await ws.subscribe_trades(days=2),
                await ws.subscribe_summary(account, keys=["NetLiquidation-S"]),
                await ws.subscribe_ledger(account),
                await ws.subscribe_bars(265598, exchange="NASDAQ"),
                await ws.subscribe_ladder(account, 265598, exchange="NASDAQ"),
            ]
            for each in made:
                await each.cancel()
            connection = gateway.ws_connections[0]
            await until(lambda: f"ubd+{account}" in connection.received)
            for begin in ("str+", f"ssd+{account}+", f"sld+{account}+", "smh+265598@NASDAQ+",
                          f"sbd+{account}+265598+NASDAQ", "utr", f"usd+{account}"):  # fmt: skip
                assert any(each.startswith(begin) for each in connection.received), begin


@pytest.mark.parametrize(
    "options", [{"buffer": 0}, {"buffer": "x"}, {"quote_backlog": -1}, {"quote_backlog": True}]
)
async def test_options_that_cannot_be(gateway: SimulatedGateway, options: dict[str, Any]) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest):
            await AsyncWsClient.connect(client, **options)


async def test_a_silent_gateway_is_left_for_another_connection(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        timing = Timing(backoff_from=0.01, silence_limit=0.15)
        async with stream(client, timing) as ws:
            await ws.subscribe_pnl()
            gateway.ws_connections[0].silence()
            found = await read_until(ws, Reconnected)
            gap = found[-2]
            assert isinstance(gap, Gap)
            assert "no message came" in gap.reason
            gateway.ws_connections[1].drop()
            await read_until(ws, Reconnected)
            assert not any(isinstance(each, Heartbeat) for each in found)


async def test_a_message_in_fragments_and_one_of_another_shape(raw: RawGateway) -> None:
    whole = order(7)
    first, second = whole[:9], whole[9:]

    def fragments(peer: Peer) -> None:
        peer.send(b"\x02" + bytes([len(first)]) + first)
        peer.send(b"\x80" + bytes([len(second)]) + second)
        peer.frame(b'{"topic":"sor","args":[{"orderId":8,"totalSize":[]}]}')

    drifts: list[object] = []
    raw.script(tickle, socket_that(fragments))
    async with AsyncClient(raw.base_url, on_drift=drifts.append) as client:
        async with AsyncWsClient.connect(client) as ws:
            numbers: list[object] = []
            while len(numbers) < 2:
                message = await ws.next_message(timeout=30)
                if isinstance(message, OrderUpdate):
                    numbers.append(message.order_id)
            assert numbers == [7, 8]
            with pytest.raises(WsTimeout):
                await ws.next_message(timeout=0.01)
    assert len(drifts) == 1


async def test_a_stream_that_is_connected_again_waits_for_its_place(
    gateway: SimulatedGateway,
) -> None:
    # The gateway serves five streams at a time; further streams wait for a free place. If a stream
    # closed its socket while it waits, the gateway would lose one place for good. So a waiting
    # stream must stay connected.
    async with AsyncClient(gateway.base_url) as client, AsyncClient(gateway.base_url) as other:
        # `other` gets its own rate limiter, so that it acts like a client in another process.
        other._pipeline.limiter = ProcessRateLimiter()
        async with stream(client) as ws:
            ws._stream_worker.state._readiness._timing = Timing(
                ready_timeout=0.05
            )  # applies to later connections; the first one is open already
            places = [await stream(other) for _ in range(4)]
            waiting = later(lambda: stream(other))
            await until(lambda: len(gateway.ws_connections) == 6)
            gateway.ws_connections[0].close()
            places.append(await result(waiting))
            await until(lambda: len(gateway.ws_connections) == 7)
            tickles = gateway.count("POST", "/tickle")
            await until(lambda: gateway.count("POST", "/tickle") >= tickles + 3)
            assert len(gateway.ws_connections) == 7
            assert not gateway.ws_connections[-1].ready
            await places[0].aclose()
            messages = await read_until(ws, Reconnected)
            assert any(isinstance(each, Gap) for each in messages)
        for place in places:
            await place.aclose()
    assert len(gateway.ws_connections) == 7


async def test_a_stream_does_not_wait_on_a_gateway_that_has_gone_on(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client, AsyncClient(gateway.base_url) as other:
        other._pipeline.limiter = ProcessRateLimiter()
        async with stream(client) as ws:
            ws._stream_worker.state._readiness._timing = Timing(ready_timeout=0.05)
            places = [await stream(other, reconnect=False) for _ in range(4)]
            waiting = later(lambda: stream(other, reconnect=False))
            await until(lambda: len(gateway.ws_connections) == 6)
            gateway.ws_connections[0].close()
            places.append(await result(waiting))
            await until(lambda: len(gateway.ws_connections) == 7)
            gateway.logout()
            await read_until(ws, SessionLost)
            gateway.login()
            for place in places:
                await place.aclose()
            await read_until(ws, Reconnected)


async def test_a_sixth_stream_of_a_process_is_refused_before_it_costs_a_place(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        streams = [await stream(client) for _ in range(5)]
        with pytest.raises(WsConnectFailed, match=r"5 streams open .* close one"):
            await stream(client)
        assert len(gateway.ws_connections) == 5
        await streams.pop().aclose()
        streams.append(await stream(client))
        for each in streams:
            await each.aclose()
    async with AsyncClient("http://127.0.0.1:9/v1/api") as nowhere:
        for _ in range(7):
            with pytest.raises(ConnectFailed):
                await stream(nowhere)


async def test_a_login_in_between_ends_nothing_silently(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with stream(client) as ws:
            quote = await ws.quote(265598)
            await ws.subscribe_trades()
            await ws.subscribe_orders()
            await read_until(ws, TradeUpdate)
            gateway.login()  # starts a new session; no message says that the old session has ended
            messages = await read_until(ws, Gap)
            assert isinstance(messages[-1], Gap)
            assert "logged in again" in messages[-1].reason
            known = {each.execution_id for each in messages if isinstance(each, TradeUpdate)}
            later = await read_until(ws, TradeUpdate)
            while later[-1].execution_id in known:  # type: ignore[union-attr]
                later = await read_until(ws, TradeUpdate)
            await until(lambda: not quote.stale)
            await read_until(ws, OrderUpdate)
            assert ws.stats.reconnects == 0
    assert len(gateway.ws_connections) == 1
