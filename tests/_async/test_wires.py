"""Tests that logs and tracebacks contain no secrets, and that received data is limited in size."""

from __future__ import annotations

import logging
import struct
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    BezantError,
    HttpTimeout,
    InvalidRequest,
    NotAuthenticated,
    Reconnected,
    SessionLost,
    System,
    WsConnectFailed,
    WsProtocolError,
    WsTimeout,
)
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import connecting
from bezant._runtime._shared.http_packages import httpx
from bezant.sim import SimulatedGateway
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TOKEN = "0123456789abcdef" * 2
COOKIE = "c00kie-value"
TICKLE = b'{"session":"%s","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = b'{"topic":"system","success":"me"}'
MEGABYTE = 1024 * 1024


def tickle(request: RawRequest, peer: Peer) -> None:
    peer.answer("200 OK", TICKLE % TOKEN.encode(), f"Set-Cookie: x-sess-uuid={COOKIE}; Path=/")


def opens(*actions: Callable[[Peer], object]) -> Script:
    def script(request: RawRequest, peer: Peer) -> None:
        peer.upgrade(request)
        for action in actions:
            action(peer)
        peer.silence()

    return script


async def test_debug_logs_of_the_libraries_show_no_header_and_no_message(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raw.script(
        tickle,
        tickle,
        opens(
            lambda peer: peer.frame('{"message":"waiting for session"}'),
            lambda peer: peer.sock.recv(1000),
            lambda peer: peer.frame(SYSTEM),
        ),
    )
    async with AsyncClient(raw.base_url) as client:
        await client.tickle()
        async with AsyncWsClient.connect(client) as ws:
            await ws.next_message(timeout=30)
    # The requests contained the secrets, and httpcore logged its events.
    assert f"x-sess-uuid={COOKIE}" in raw.requests[1].headers["cookie"]
    assert f"api={TOKEN}" in raw.requests[2].headers["cookie"]
    assert "receive_response_headers.complete return_value=(b'HTTP/1.1', 200" in caplog.text
    assert COOKIE not in caplog.text
    assert TOKEN not in caplog.text


async def test_debug_logs_do_not_quote_a_header_that_cannot_be_read(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raw.script(lambda _, peer: peer.send(f"HTTP/1.1 200 OK\r\n{TOKEN}\0\r\n\r\n".encode()))
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(BezantError):
            await client.tickle()
    assert "receive_response_headers.failed" in caplog.text
    assert TOKEN not in caplog.text


async def test_httpcore_without_bezant_logs_as_usual(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raw.script(tickle)
    async with AsyncClient(raw.base_url) as client:
        await client.tickle()
        assert COOKIE not in caplog.text
        async with httpx.AsyncClient() as others:
            await others.get(raw.base_url)
    assert COOKIE in caplog.text


def locals_of(error: BaseException | None) -> str:
    """Return all local variables in the tracebacks of an error and of its causes, as text."""
    text = ""
    while error is not None:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        for frame in frames:
            if "/tests/" not in frame.filename:
                text += repr(frame.locals)
        error = error.__cause__ or error.__context__
    return text


REFUSALS: dict[str, Script] = {
    "403": lambda request, peer: peer.answer("403 No", b"x", f"Set-Cookie: a={COOKIE}"),
    "302": lambda request, peer: peer.answer("302 Found", b"", "Location: /sso/Login"),
    "nonsense": lambda request, peer: peer.send(b"nonsense\r\n\r\n"),
    "closed": lambda request, peer: peer.sock.close(),
    "reset": lambda request, peer: peer.reset(),
    "too much": lambda request, peer: peer.send(b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 40_000),
    "never ready": opens(),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_no_local_variable_in_a_traceback_shows_the_token(raw: RawGateway, name: str) -> None:
    raw.script(tickle, REFUSALS[name])
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(BezantError) as caught:
            await AsyncWsClient.connect(client, ready_timeout=0.1)
    shown = locals_of(caught.value)
    assert "client" in shown
    assert TOKEN not in shown
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("status", "lines"), [("302 Found", ["Location: /x"]), ("401 No", [])])
async def test_a_handshake_that_leads_to_the_login_page(
    raw: RawGateway, status: str, lines: list[str]
) -> None:
    def refuses(request: RawRequest, peer: Peer) -> None:
        peer.answer(status, b"", *lines)

    raw.script(
        tickle, refuses,
        tickle, opens(lambda peer: peer.frame(SYSTEM), lambda peer: peer.frame(b"", 8)),
        tickle, refuses, tickle, refuses,
        tickle, opens(lambda peer: peer.frame(SYSTEM)),
    )  # fmt: skip
    timing = Timing(backoff_from=0.01, backoff_to=0.05)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NotAuthenticated, match=f"HTTP {status[:3]}; log in") as caught:
            await AsyncWsClient.connect(client)
        assert caught.value.login_url == raw.base_url.removesuffix("/v1/api")
        opening = AsyncWsClient._open(client, timing, MessageBuffer(100), reconnect=True)
        async with connecting(opening) as ws:
            found: list[Any] = []
            while not found or not isinstance(found[-1], Reconnected):
                found.append(await ws.next_message(timeout=30))
    (lost,) = [each for each in found if isinstance(each, SessionLost)]
    assert f"HTTP {status[:3]}" in lost.reason


async def test_a_handshake_takes_no_longer_than_the_client_allows(raw: RawGateway) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/tickle"):
            tickle(request, peer)
        else:
            peer.silence()

    raw.script(script)
    error: Exception | None = None
    seconds = 0.0
    for seconds in (0.5, 5, 50):
        async with AsyncClient(raw.base_url, timeout=seconds) as client:
            with pytest.raises((WsTimeout, HttpTimeout)) as caught:
                await AsyncWsClient.connect(client)
        error = caught.value
        if isinstance(error, WsTimeout):
            # The handshake used up the timeout. On a slow machine, the tickle before it can do so
            # already.
            break
    assert isinstance(error, WsTimeout)
    assert f"within {seconds:g} s" in str(error)


ANSWERS = [
    b"HTTP/1.1 101 x\r\n" + b"a: b\r\n" * 40_000,
    b"HTTP/1.1 101 " + b"x" * 100_000,
]


@pytest.mark.parametrize("answer", ANSWERS, ids=["headers", "line"])
async def test_the_size_of_a_handshakes_response_is_limited(raw: RawGateway, answer: bytes) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        peer.send(answer)
        peer.silence()

    raw.script(tickle, script)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(WsConnectFailed, match=r"is not a WebSocket|did not open a WebSocket"):
            await AsyncWsClient.connect(client)


def long_frame(peer: Peer) -> None:
    peer.send(b"\x82\x7f" + struct.pack("!Q", 2**62) + b"x" * 1000)


def long_message(peer: Peer) -> None:
    for number in range(17):
        head = 0x00 if number else 0x02
        peer.send(bytes([head, 127]) + struct.pack("!Q", MEGABYTE) + b" " * MEGABYTE)


@pytest.mark.parametrize("send", [long_frame, long_message])
async def test_a_message_over_the_size_limit_ends_the_connection(
    raw: RawGateway, send: Callable[[Peer], None]
) -> None:
    raw.script(tickle, opens(lambda peer: peer.frame(SYSTEM), send))
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            assert isinstance(await ws.next_message(timeout=30), System)
            with pytest.raises(WsProtocolError, match="exceeds"):
                await ws.next_message(timeout=30)


async def test_a_long_message_in_many_parts_comes_whole(raw: RawGateway) -> None:
    def parts(peer: Peer) -> None:
        peer.send(b"\x01\x0b" + b'{"topic":"x')
        peer.send(b"\x00\x01x" * 5000)
        peer.send(b"\x80\x02" + b'"}')

    raw.script(tickle, opens(lambda peer: peer.frame(SYSTEM), parts))
    async with AsyncClient(raw.base_url) as client, AsyncWsClient.connect(client) as ws:
        assert isinstance(await ws.next_message(timeout=30), System)
        message: Any = await ws.next_message(timeout=30)
    assert message.payload == {"topic": "x" * 5001}


async def test_a_command_that_would_end_every_connection_is_refused_at_once(
    gateway: SimulatedGateway,
) -> None:
    keys = [f"Key{number}" for number in range(9000)]
    account = gateway.account_id
    async with AsyncClient(gateway.base_url) as client, AsyncWsClient.connect(client) as ws:
        with pytest.raises(InvalidRequest, match="pass fewer names"):
            await ws.subscribe_summary(account, keys=keys)
        with pytest.raises(InvalidRequest, match="exchange must be"):
            await ws.quote(265598, exchange="X" * 70_000)
        await ws.subscribe_summary(account, keys=keys[:4500])
        # A single command subscribes to all keys of an account. With both halves of the keys it
        # would exceed the limit on the length of a command.
        with pytest.raises(InvalidRequest, match="pass fewer names"):
            await ws.subscribe_summary(account, keys=keys[4500:])
        assert ws._stream_worker.state.subscribed == [f"sd+{account}"]
        assert ws.stats.reconnects == 0


ARGUMENTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "statuses": ("statuses must", lambda ws: ws.subscribe_orders(statuses=5)),
    "no texts": ("statuses must", lambda ws: ws.subscribe_orders(statuses=[5])),
    "bytes": ("statuses must", lambda ws: ws.subscribe_orders(statuses=b"ab")),
    "surrogates": ("keys must", lambda ws: ws.subscribe_ledger("DU1", keys=["\ud800"])),
    "fields": ("fields must", lambda ws: ws.subscribe_ledger("DU1", fields=5)),
    "days": ("days must", lambda ws: ws.subscribe_trades(days=10**5000)),
    "conid": ("conid must", lambda ws: ws.quote(10**5000)),
    "negative": ("conid must", lambda ws: ws.quote(-(10**5000))),
    "account": ("account_id must", lambda ws: ws.subscribe_summary("x" * 100_000)),
    "period": ("period must", lambda ws: ws.subscribe_bars(1, period=10**5000)),
}


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_arguments_that_cannot_be_used(gateway: SimulatedGateway, name: str) -> None:
    match, call = ARGUMENTS[name]
    async with AsyncClient(gateway.base_url) as client, AsyncWsClient.connect(client) as ws:
        with pytest.raises(InvalidRequest, match=match) as caught:
            await call(ws)
        assert len(str(caught.value)) < 300
        assert ws._stream_worker.state.subscribed == []


async def test_a_field_is_requested_by_its_name(gateway: SimulatedGateway) -> None:
    key: Any = []
    async with AsyncClient(gateway.base_url) as client, AsyncWsClient.connect(client) as ws:
        quote = await ws.quote(265598)
        with pytest.raises(InvalidRequest, match="field must be a name"):
            quote.get(key)


def test_a_stream_needs_a_client() -> None:
    nobody: Any = None
    with pytest.raises(InvalidRequest, match="client must be"):
        AsyncWsClient.connect(nobody)


async def test_a_bulk_map_needs_a_function_and_items() -> None:
    nothing: Any = None
    number: Any = 5
    function: Any = print
    async with AsyncClient("http://127.0.0.1:1/v1/api") as client:
        with pytest.raises(InvalidRequest, match="function must be"):
            client.map(nothing, [1])
        with pytest.raises(InvalidRequest, match="items must be"):
            client.map(function, nothing)
        with pytest.raises(InvalidRequest, match="on_progress must be"):
            client.map(function, ["DU1"], on_progress=number)
