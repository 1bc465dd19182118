"""Tests of streams through the real gateway."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

from bezant import (
    Gap,
    Heartbeat,
    InvalidRequest,
    Malformed,
    MarketData,
    Message,
    OrderUpdate,
    Other,
    Pnl,
    Reconnected,
    System,
    WsClosed,
    WsConnectFailed,
    WsTimeout,
)
from tests.gateway.chain import Chain
from tests.gateway.scripted import SYSTEM, TICKLE, scripted
from tests.gateway.twins import Twin, until
from tests.support.raw import Peer, RawRequest


async def collect(ws: Any, wanted: Callable[[list[Message]], object]) -> list[Message]:
    found: list[Message] = []
    deadline = time.monotonic() + 5
    while not wanted(found):
        assert time.monotonic() < deadline, f"not among {len(found)} messages"
        message = await ws.next_message(timeout=5)
        assert message is not None
        found.append(message)
    return found


async def rest(ws: Any) -> list[Message]:
    found: list[Message] = []
    while (message := await ws.next_message(timeout=5)) is not None:
        found.append(message)
    return found


def kinds(found: list[Message]) -> set[type]:
    return {type(each) for each in found}


async def test_quotes_orders_and_pnl(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, strict=True) as client:
        async with await twin.connect(client) as ws:
            await ws.subscribe_market_data(265598)
            await ws.subscribe_orders()
            await ws.subscribe_pnl()
            wanted = {System, Heartbeat, MarketData, OrderUpdate, Pnl}
            found = await collect(ws, lambda found: wanted <= kinds(found))
            assert isinstance(found[0], System)
            # No command was lost, although the client sent them right after the handshake.
            connection = gateway.ws_connections[0]
            assert connection.dropped == []
            assert connection.path == "/v1/api/ws"
            await ws.send_text("ech+hb")
            await collect(ws, lambda found: any(_is_echo(each) for each in found))
    await until(lambda: connection.closed)


def _is_echo(message: Message) -> bool:
    return isinstance(message, Other) and message.payload == "ech+hb"


async def test_many_echoes_in_order(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client) as ws:
            sent = [f"ech+{number}" for number in range(300)]
            for each in sent:
                await ws.send_text(each)

            def echoes(found: list[Message]) -> list[object]:
                return [
                    each.payload
                    for each in found
                    if isinstance(each, Other) and each.topic == "ech"
                ]

            found = await collect(ws, lambda found: len(echoes(found)) == len(sent))
            assert echoes(found) == sent


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4001])
async def test_every_close_arrives_as_1000(gateway: Chain, twin: Twin, code: int) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client) as ws:
            gateway.ws_connections[0].close(code, "why")
            await rest(ws)
            assert ws.closed
            assert (ws.close_reason.code, ws.close_reason.reason) == (1000, "")
            with pytest.raises(WsClosed):
                await ws.send_text("tic")
        async with await twin.connect(client) as ws:
            assert isinstance(await ws.next_message(timeout=5), System)


async def test_an_upstream_that_goes(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client) as ws:
            await ws.next_message(timeout=5)
            began = time.monotonic()
            gateway.stop()
            await rest(ws)
            assert ws.close_reason.code == 1000
            assert time.monotonic() - began < 2
        gateway.start()
        async with await twin.connect(client) as ws:
            assert isinstance(await ws.next_message(timeout=5), System)


async def test_a_sixth_stays_silent(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client, twin.stranger(gateway.base_url) as other:
        five = [await twin.connect(client) for _ in range(5)]
        try:
            assert len(gateway.ws_connections) == 5
            # The process that has the five streams counts them and refuses a sixth. A client in
            # another process (`other`) only notices that nothing comes.
            with pytest.raises(WsConnectFailed, match="5 streams open"):
                await twin.connect(client)
            began = time.monotonic()
            with pytest.raises(WsTimeout, match="five are open"):
                await twin.connect(other, ready_timeout=0.5)
            assert 0.4 < time.monotonic() - began < 1.5
        finally:
            for each in five:
                await each.__aexit__(None, None, None)


async def test_a_sixth_that_waits_gets_its_turn(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client, twin.stranger(gateway.base_url) as other:
        five = [await twin.connect(client) for _ in range(5)]
        try:
            sixth = asyncio.ensure_future(twin.connect(other))
            await asyncio.sleep(0.3)
            assert not sixth.done()
            await five.pop().__aexit__(None, None, None)
            five.append(await sixth)
        finally:
            for each in five:
                await each.__aexit__(None, None, None)


async def test_a_stream_that_lost_its_place_waits_for_one(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client, twin.stranger(gateway.base_url) as other:
        stream = await twin.connect(client, reconnect=True, ready_timeout=0.2)
        others = [await twin.connect(other) for _ in range(4)]
        try:
            gateway.ws_connections[0].close()
            # `other` takes the free place at once, whereas `stream` waits a second before it
            # reconnects.
            others.append(await twin.connect(other))
            tickles = gateway.count("POST", "/tickle")
            await until(lambda: gateway.count("POST", "/tickle") >= tickles + 4)
            assert len(gateway.ws_connections) == 6
            await others.pop().__aexit__(None, None, None)
            await until(lambda: len(gateway.ws_connections) == 7)
            found = await collect(stream, lambda found: kinds(found) >= {Reconnected})
            assert Gap in kinds(found)
        finally:
            for each in [stream, *others]:
                await each.__aexit__(None, None, None)
        # No place was lost: five streams can be opened again.
        five = [await twin.connect(client) for _ in range(5)]
        for each in five:
            await each.__aexit__(None, None, None)


async def test_a_sixth_that_gave_up_takes_a_place_for_good(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client, twin.stranger(gateway.base_url) as other:
        five = [await twin.connect(client) for _ in range(5)]
        with pytest.raises(WsTimeout):
            await twin.connect(other, ready_timeout=0.2)
        for each in five:
            await each.__aexit__(None, None, None)
        await until(lambda: len(gateway.ws_connections) == 6)
        await asyncio.sleep(0.5)
        # All clients have left, but the gateway keeps the connection of the sixth one open.
        left = [each for each in gateway.ws_connections if not each.closed]
        assert left == gateway.ws_connections[5:]
        before = left[0].sent
        await until(lambda: left[0].sent > before)


@pytest.mark.parametrize("status", [401, 302, 500])
async def test_a_refused_upgrade_is_silence(gateway: Chain, twin: Twin, status: int) -> None:
    async with twin.client(gateway.base_url) as client:
        gateway.faults.fail_next("/ws", status=status, times=5)
        with pytest.raises(WsTimeout, match="no system message came"):
            await twin.connect(client, ready_timeout=0.3)
        gateway.renew()
        async with await twin.connect(client) as ws:
            assert isinstance(await ws.next_message(timeout=5), System)


async def test_a_message_of_64_kib_and_a_longer_one(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client) as ws:
            gateway.ws_connections[0].send(b"x" * 65_536)
            found = await collect(ws, lambda found: kinds(found) >= {Malformed})
            assert isinstance(found[-1], Malformed)
            gateway.ws_connections[0].send(b"x" * 65_537)
            await rest(ws)
            assert (ws.close_reason.code, ws.close_reason.reason) == (1000, "")


async def test_a_command_of_64_kib_and_a_longer_one(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client) as ws:
            command = "tic+" + "x" * (65_536 - 4)
            await ws.send_text(command)
            await until(lambda: gateway.ws_connections[0].received == [command])
            with pytest.raises(InvalidRequest, match="drops the connection"):
                await ws.send_text(command + "x")
            assert not ws.closed


async def test_fragments_arrive_as_messages(gateway: Chain, twin: Twin) -> None:
    quote = b'{"topic":"smd+1","conid":1,"31":"10.5"}'

    def script(request: RawRequest, peer: Peer) -> None:
        if "upgrade" not in request.headers:
            peer.json(TICKLE)
            return
        peer.upgrade(request)
        peer.frame(SYSTEM)
        time.sleep(0.1)
        peer.send(struct.pack("!BB", 0x01, 10) + quote[:10])
        peer.send(struct.pack("!BB", 0x80, len(quote) - 10) + quote[10:])
        peer.frame(quote)
        peer.silence()

    with scripted(gateway, script):
        async with twin.client(gateway.base_url) as client:
            async with await twin.connect(client) as ws:
                found = await collect(ws, lambda found: MarketData in kinds(found))
    assert [type(each) for each in found] == [System, Malformed, Malformed, MarketData]


async def test_text_arrives_as_binary_and_pings_go_no_further(gateway: Chain, twin: Twin) -> None:
    answered: list[bytes] = []

    def script(request: RawRequest, peer: Peer) -> None:
        if "upgrade" not in request.headers:
            peer.json(TICKLE)
            return
        peer.upgrade(request)
        peer.frame(SYSTEM.decode())
        peer.frame(b"hello", 9)
        peer.sock.settimeout(2)
        answered.append(peer.sock.recv(1000))
        peer.frame('{"topic":"smd+1","conid":1,"31":"10.5"}')
        peer.silence()

    with scripted(gateway, script):
        async with twin.client(gateway.base_url) as client:
            async with await twin.connect(client) as ws:
                found = await collect(ws, lambda found: MarketData in kinds(found))
    assert [type(each) for each in found] == [System, MarketData]
    assert answered[0][0] == 0x8A


async def test_a_session_that_changes(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client) as ws:
            await collect(ws, lambda found: len(found) >= 3)
            gateway.drop_brokerage()
            await collect(ws, lambda found: _says(found[-1:], authenticated=False))
            gateway.login()
            await collect(ws, lambda found: _says(found[-1:], authenticated=True))


def _says(found: list[Message], *, authenticated: bool) -> bool:
    if not found:
        return False
    payload = getattr(found[-1], "payload", {})
    flags = payload.get("args", {}) if isinstance(payload, dict) else {}
    said = getattr(found[-1], "authenticated", flags.get("authenticated"))
    return said is authenticated
