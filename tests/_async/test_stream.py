"""Tests of streams: connecting, subscribing, frames, closing."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncSubscription,
    AsyncWsClient,
    Bulletin,
    Heartbeat,
    InvalidRequest,
    Malformed,
    MarketData,
    MarketDataFields,
    Message,
    NoSession,
    NotAuthenticated,
    OrderUpdate,
    Other,
    Pnl,
    System,
    WsClosed,
    WsConnectFailed,
    WsError,
    WsProtocolError,
    WsTimeout,
)
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from bezant.sim import SimulatedGateway
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = '{"topic":"system","success":"me","isFT":false,"isPaper":true}'


def tickle(request: RawRequest, peer: Peer) -> None:
    peer.json(TICKLE)


def socket_that(*actions: Callable[[Peer], object]) -> Script:
    """Return a script that completes the handshake, runs the actions, and then sends nothing."""

    def script(request: RawRequest, peer: Peer) -> None:
        peer.upgrade(request)
        for action in actions:
            action(peer)
        peer.silence()

    return script


def frames(*data: bytes | str) -> Callable[[Peer], object]:
    return lambda peer: peer.frames(*data)


def stream(
    client: AsyncClient, timing: Timing, *, reconnect: bool = True, buffer: int = 10_000
) -> Connecting[AsyncWsClient]:
    """Open a stream with the given timing."""
    message_buffer = MessageBuffer(buffer)
    return connecting(AsyncWsClient._open(client, timing, message_buffer, reconnect=reconnect))


async def collect(ws: AsyncWsClient, wanted: Callable[[list[Message]], object]) -> list[Message]:
    found: list[Message] = []
    for _ in range(200):
        if wanted(found):
            return found
        message = await ws.next_message(timeout=30)
        assert message is not None
        found.append(message)
    raise AssertionError(f"not among {len(found)} messages")


async def test_quotes_orders_and_pnl(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            quotes = await ws.subscribe_market_data(265598)
            await ws.subscribe_orders()
            await ws.subscribe_pnl()
            assert isinstance(quotes, AsyncSubscription)
            found = await collect(
                ws,
                lambda found: (
                    {System, MarketData, OrderUpdate, Pnl} <= {type(each) for each in found}
                ),
            )
            assert isinstance(found[0], System)
            assert found[0].is_paper is True
            quote = next(each for each in found if isinstance(each, MarketData))
            assert quote.conid == 265598
            assert isinstance(quote.bid, Decimal)
            assert isinstance(quote.ask, Decimal)
            assert quote.updated is not None
            order = next(each for each in found if isinstance(each, OrderUpdate))
            assert order.order_id
            assert order.raw["orderId"] == order.order_id
            pnl = next(each for each in found if isinstance(each, Pnl))
            assert pnl.account_id == gateway.account_id
            assert isinstance(pnl.net_liquidation_value, Decimal)
            assert not ws.closed
            assert "open" in repr(ws)
        assert ws.closed
        connection = gateway.ws_connections[0]
        await until(lambda: len(connection.received) >= 3)
        assert connection.received[0].startswith('smd+265598+{"fields":["31","84","86"')
        assert connection.received[1:3] == ["sor+{}", "spl+{}"]


async def test_awaited_instead_of_entered(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        ws = await AsyncWsClient.connect(client)
        async with ws:
            assert isinstance(await ws.next_message(), System)
        await collect_rest(ws)


async def collect_rest(ws: AsyncWsClient) -> list[Message]:
    found: list[Message] = []
    async for message in ws:
        assert message is not None
        found.append(message)
    assert await ws.next_message() is None
    return found


async def test_a_cancelled_subscription_receives_nothing(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            async with await ws.subscribe_market_data(265598) as quotes:
                await collect(ws, lambda found: any(isinstance(x, MarketData) for x in found))
                assert quotes.active
            assert not quotes.active
            assert "cancelled" in repr(quotes)
            await quotes.cancel()
            connection = gateway.ws_connections[0]
            await until(lambda: "umd+265598+{}" in connection.received)
            assert connection.received.count("umd+265598+{}") == 1


async def test_two_subscriptions_to_one_contract_share_their_fields(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            first = await ws.subscribe_market_data(265598, MarketDataFields.from_codes("31"))
            second = await ws.subscribe_market_data(265598, MarketDataFields.from_names("bid"))
            await first.cancel()
            await ws.send_text("tic")
            connection = gateway.ws_connections[0]
            await until(lambda: "tic" in connection.received)
            assert 'smd+265598+{"fields":["31","84"]}' in connection.received
            assert "umd+265598+{}" not in connection.received
            await second.cancel()
            await until(lambda: "umd+265598+{}" in connection.received)


async def test_nothing_leaves_before_the_system_message() -> None:
    with SimulatedGateway(ready_delay=0.15, quote_interval=0.02) as gateway:
        async with AsyncClient(gateway.base_url) as client:
            async with AsyncWsClient.connect(client) as ws:
                await ws.subscribe_market_data(265598)
                await collect(ws, lambda found: any(isinstance(x, MarketData) for x in found))


async def test_a_socket_that_opens_and_stays_silent(raw: RawGateway) -> None:
    raw.script(tickle, socket_that())
    async with AsyncClient(raw.base_url) as client:
        started = time.monotonic()
        with pytest.raises(WsTimeout, match=r"no system message came within 0\.1 s"):
            await AsyncWsClient.connect(client, ready_timeout=0.1)
        assert time.monotonic() - started < 20


async def test_every_kind_of_frame(raw: RawGateway) -> None:
    sent: list[bytes | str] = [
        '{"topic":"system","hb":1763800000000}',
        b'{"topic":"smd+1","conid":1,"31":"C10.5","84":"1,000.25","88":"2K","_updated":1763800000000}',
        '{"topic":"smd+2@NYSE","conidEx":"2@NYSE","conid":"2","31":"H9"}',
        b'{"topic":"sor","args":[{"orderId":7,"status":"Filled"},{"orderId":8}]}',
        b'{"topic":"sor","args":[]}',
        b'{"topic":"spl","args":{"DU1.Core":{"dpl":-1.5,"nl":100}}}',
        b'{"topic":"blt","args":{"id":"1","message":"hello"}}',
        b'{"message":"hello"}',
        b"[1,2]",
        "ech+hb",
        b'{"topic":"smd+1","co',
        b"\xff\xfe",
        b"",
    ]
    raw.script(tickle, socket_that(frames(SYSTEM, *sent), lambda peer: peer.frame(b"", 8)))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            found = await collect_rest(ws)
            assert ws.closed
            assert isinstance(ws.close_reason, WsClosed)
    kinds = [type(each) for each in found]
    assert kinds == [
        System, Heartbeat, MarketData, MarketData, OrderUpdate, OrderUpdate, Other, Pnl, Bulletin,
        Other, Other, Other, Malformed, Malformed, Malformed,
    ]  # fmt: skip
    first, second = (each for each in found if isinstance(each, MarketData))
    assert (first.last, first.is_close, first.halted) == (Decimal("10.5"), True, False)
    assert (first.bid, first.bid_size, first.ask) == (Decimal("1000.25"), Decimal(2000), None)
    assert (second.conid, second.conid_ex, second.halted) == (2, "2@NYSE", True)
    pnl = next(each for each in found if isinstance(each, Pnl))
    assert (pnl.account_id, pnl.segment, pnl.daily_pnl) == ("DU1", "Core", Decimal("-1.5"))


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4001, None])
async def test_every_close_ends_the_iteration(raw: RawGateway, code: int | None) -> None:
    import struct

    data = b"" if code is None else struct.pack("!H", code) + b"why"
    raw.script(tickle, socket_that(frames(SYSTEM), lambda peer: peer.frame(data, 8)))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            assert [type(each) for each in await collect_rest(ws)] == [System]
            assert ws.close_reason is not None
            assert ws.close_reason.code == (1005 if code is None else code)
            with pytest.raises(WsClosed):
                await ws.subscribe_orders()
            with pytest.raises(WsClosed):
                await ws.send_text("tic")


async def test_a_broken_connection_ends_the_iteration(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(frames(SYSTEM), lambda peer: peer.reset()))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            assert [type(each) for each in await collect_rest(ws)] == [System]
            assert ws.close_reason is not None


async def test_bytes_that_are_not_websocket(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(frames(SYSTEM), lambda peer: peer.send(b"\x83\x05hello")))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            await ws.next_message()
            with pytest.raises(WsProtocolError, match="broke the WebSocket protocol"):
                await ws.next_message(timeout=30)
            assert ws.closed
            assert await ws.next_message() is None


async def test_ping_gets_a_pong_and_is_not_delivered(raw: RawGateway) -> None:
    pongs: list[bytes] = []

    def ping(peer: Peer) -> None:
        peer.frame(b"hello", 9)
        peer.sock.settimeout(30)
        pongs.append(peer.sock.recv(100))
        peer.frame(b"", 8)

    raw.script(tickle, socket_that(frames(SYSTEM), ping))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            assert [type(each) for each in await collect_rest(ws)] == [System]
    assert pongs[0][0] == 0x8A


def refuses(status: str, *headers: str) -> Script:
    return lambda request, peer: peer.answer(status, b"no", *headers)


REFUSALS: dict[str, tuple[Script, type[WsError]]] = {
    "403": (refuses("403 Forbidden"), WsConnectFailed),
    "200": (refuses("200 OK"), WsConnectFailed),
    "nonsense": (lambda request, peer: peer.send(b"nonsense\r\n\r\n"), WsError),
    "closed": (lambda request, peer: peer.sock.close(), WsConnectFailed),
    "reset": (lambda request, peer: peer.reset(), WsConnectFailed),
    "no system, then closed": (socket_that(lambda peer: peer.frame(b"", 8)), WsClosed),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_handshakes_that_fail(raw: RawGateway, name: str) -> None:
    script, kind = REFUSALS[name]
    raw.script(tickle, script, tickle, socket_that(frames(SYSTEM)))
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(kind) as caught:
            await AsyncWsClient.connect(client, ready_timeout=30)
        assert "s3cret" not in str(caught.value)
        if name.isdigit():
            assert isinstance(caught.value, WsConnectFailed)
            assert caught.value.status == int(name)
        async with AsyncWsClient.connect(client) as ws:
            assert isinstance(await ws.next_message(), System)


async def test_the_gateway_must_be_logged_in(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await AsyncWsClient.connect(client)
        gateway.login()
        gateway.drop_brokerage()
        with pytest.raises(NoSession):
            await AsyncWsClient.connect(client)
        gateway.disconnect()
        with pytest.raises(NoSession):
            await AsyncWsClient.connect(client)
    assert gateway.ws_connections == []


async def test_headers_of_the_handshake(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(frames(SYSTEM)))
    async with AsyncClient(raw.base_url, user_agent="my-bot/0.1") as client:
        async with AsyncWsClient.connect(client):
            pass
    request = raw.requests[1]
    assert request.target == "/v1/api/ws"
    assert request.headers["cookie"] == "api=s3cret"
    assert request.headers["origin"] == client.gateway_root
    agents = [value for name, value in request.raw_headers if name == "user-agent"]
    assert agents == ["my-bot/0.1"]
    assert "sec-websocket-extensions" not in request.headers


async def test_the_session_is_sent_where_the_gateway_asks_for_it(raw: RawGateway) -> None:
    heard: list[bytes] = []

    def ask(peer: Peer) -> None:
        peer.frame('{"message":"waiting for session"}')
        peer.sock.settimeout(30)
        data = peer.sock.recv(1000)
        mask, masked = data[2:6], data[6:]
        heard.append(bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked)))
        peer.frame(SYSTEM)

    raw.script(tickle, socket_that(ask))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            assert isinstance(await ws.next_message(), Other)
            assert isinstance(await ws.next_message(), System)
    assert heard == [b'{"session":"s3cret"}']


async def test_waiting_for_a_message_has_a_timeout(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(frames(SYSTEM)))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            await ws.next_message(timeout=30)
            for _ in range(3):
                started = time.monotonic()
                with pytest.raises(WsTimeout):
                    await ws.next_message(timeout=0.05)
                assert 0.03 < time.monotonic() - started < 20
            assert not ws.closed
            with pytest.raises(InvalidRequest):
                await ws.next_message(timeout=-1)


async def test_closing_wakes_a_waiting_reader(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        ws = await AsyncWsClient.connect(client)
        waiting = later(lambda: collect_rest(ws))
        await pause(0.05)
        started = time.monotonic()
        await ws.aclose()
        await result(waiting)
        assert time.monotonic() - started < 20
        assert ws.close_reason is None
        await ws.aclose()


async def test_two_at_once_may_not_wait(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(frames(SYSTEM)))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            await ws.next_message()
            first = later(ws.next_message)
            await until(lambda: ws._reading)
            with pytest.raises(WsError, match="already waiting"):
                await ws.next_message(timeout=0.2)
            await ws.aclose()
            assert await result(first) is None


@pytest.mark.parametrize(
    ("conid", "fields", "exchange"),
    [
        (0, None, None),
        (-1, None, None),
        ("AAPL", None, None),
        (True, None, None),
        (1, ["31"], None),
        (1, None, "NY SE"),
        (1, None, ""),
    ],
)
async def test_subscriptions_that_are_refused(
    gateway: SimulatedGateway, conid: Any, fields: Any, exchange: Any
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            with pytest.raises(InvalidRequest):
                await ws.subscribe_market_data(conid, fields, exchange=exchange)
            for text in ("", "x" * 70_000, 5, "\ud800"):
                with pytest.raises(InvalidRequest):
                    await ws.send_text(text)  # type: ignore[arg-type]


async def test_commands_of_the_users_own(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            await ws.send_text("ech+hb")
            found = await collect(
                ws, lambda found: any(isinstance(x, Other) and x.topic == "ech" for x in found)
            )
            assert isinstance(found[-1], Other)


async def test_a_forgotten_stream_warns_and_its_worker_ends(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        ws = await AsyncWsClient.connect(client)
        worker = ws._stream_worker._worker
        assert worker is not None
        with pytest.warns(ResourceWarning, match="never closed"):  # noqa: PT031
            del ws
            gc.collect()
        await until(lambda: not worker.alive)
        await until(lambda: gateway.ws_connections[0].closed)


async def test_a_gateway_that_falls_silent_is_noticed(raw: RawGateway) -> None:
    raw.script(tickle, socket_that(frames(SYSTEM)))
    async with AsyncClient(raw.base_url) as client:
        timing = Timing(silence_limit=0.1)
        async with stream(client, timing, reconnect=False) as ws:
            await ws.next_message()
            with pytest.raises(WsTimeout, match="dead"):
                await ws.next_message(timeout=30)
            assert ws.closed
            assert await ws.next_message() is None


async def test_the_stream_sends_tic_while_nobody_reads(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with stream(client, Timing(tic_interval=0.03)):
            connection = gateway.ws_connections[0]
            await until(lambda: connection.received.count("tic") >= 3)


async def test_a_flood_arrives_whole_and_in_order(raw: RawGateway) -> None:
    count = 20_000
    body = [b'{"topic":"smd+1","conid":1,"31":"%d"}' % number for number in range(count)]

    def flood(peer: Peer) -> None:
        for at in range(0, count, 1000):
            peer.send(b"".join(b"\x82" + bytes([len(x)]) + x for x in body[at : at + 1000]))

    raw.script(tickle, socket_that(frames(SYSTEM), flood))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, quote_backlog=count) as ws:
            await ws.next_message()
            for number in range(count):
                message = await ws.next_message(timeout=30)
                assert isinstance(message, MarketData)
                assert message.raw["31"] == str(number)
