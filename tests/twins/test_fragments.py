"""Long messages that come in very many pieces cost no more than their bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from bezant import AsyncClient, AsyncWsClient, Client, Gap, Other, WsClient
from bezant._core.stream import framing
from bezant._runtime._async import websocket
from bezant._runtime._sync import sockets
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
# On a busy machine a handshake takes long that this many bytes follow at once.
PATIENT: dict[str, Any] = {"pacing": False, "timeout": 120, "connect_timeout": 100}
SYSTEM = '{"topic":"system","success":"me"}'
LONG = json.dumps({"topic": "long", "x": "y" * 2_000_000}).encode()
SHORT = json.dumps({"topic": "long", "x": "y" * 60_000}).encode()


def frame(data: bytes, head: int = 0x82) -> bytes:
    if len(data) < 126:
        return bytes([head, len(data)]) + data
    if len(data) < 65536:
        return bytes([head, 126]) + struct.pack("!H", len(data)) + data
    return bytes([head, 127]) + struct.pack("!Q", len(data)) + data


def fragments(data: bytes, size: int) -> bytes:
    """Return a message in frames of its own for every few bytes, and an empty one in between."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    parts.insert(1, b"")
    heads = [0x02, *[0x00] * (len(parts) - 2), 0x80]
    return b"".join(map(frame, parts, heads))


def pieces(data: bytes, size: int) -> Script:
    def script(request: RawRequest, peer: Peer) -> None:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.upgrade(request)
        peer.frame(SYSTEM)
        for at in range(20):  # the first header byte by byte
            peer.send(data[at : at + 1])
        for at in range(20, len(data), size):
            peer.send(data[at : at + size])
        peer.silence()

    return script


def tickle(request: RawRequest, peer: Peer) -> None:
    peer.json(TICKLE)


def in_asyncio(raw: RawGateway) -> Any:
    async def main() -> object:
        async with AsyncClient(raw.base_url, **PATIENT) as client:
            async with AsyncWsClient.connect(client) as ws:
                while True:
                    message = await ws.next_message(timeout=120)
                    if isinstance(message, Other | Gap):
                        return message

    return asyncio.run(main())


def in_threads(raw: RawGateway) -> Any:
    with Client(raw.base_url, **PATIENT) as client, WsClient.connect(client) as ws:
        while True:
            message = ws.next_message(timeout=120)
            if isinstance(message, Other | Gap):
                return message


WORLDS: list[Callable[[RawGateway], Any]] = [in_asyncio, in_threads]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("data", "size", "body"),
    [
        (frame(LONG), 500, LONG),
        (frame(SHORT), 10, SHORT),
        (fragments(SHORT, 3), 65_536, SHORT),
        (fragments(SHORT, 1000), 7, SHORT),
        (frame(LONG), 1_000_000, LONG),
    ],
)
def test_a_message_in_very_many_pieces(
    raw: RawGateway, world: Callable[[RawGateway], Any], data: bytes, size: int, body: bytes
) -> None:
    raw.script(tickle, pieces(data, size))
    message = world(raw)
    assert isinstance(message, Other)
    assert message.payload == json.loads(body)


def test_asyncio_reads_a_long_frame_once(raw: RawGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header is read a few times and its bytes are joined once, whatever the pieces are."""
    looked = 0
    arrived = 0
    frame_end = framing.frame_end
    receive = websocket._Connection.data_received

    def counting(*arguments: Any) -> Any:
        nonlocal looked
        looked += 1
        return frame_end(*arguments)

    def arriving(self: Any, data: bytes) -> None:
        nonlocal arrived
        arrived += 1
        # One call of the transport may bring many of the pieces.
        for at in range(0, len(data), 1000):
            receive(self, data[at : at + 1000])

    monkeypatch.setattr(websocket, "frame_end", counting)
    monkeypatch.setattr(websocket._Connection, "data_received", arriving)
    raw.script(tickle, pieces(frame(LONG), 1 << 20))
    message = in_asyncio(raw)
    assert isinstance(message, Other)
    assert arrived > 1
    assert looked < 20


def test_threads_join_a_plain_frame_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    plain_messages = framing.plain_messages

    def counting(*arguments: Any) -> int:
        nonlocal looked
        looked += 1
        return plain_messages(*arguments)

    monkeypatch.setattr(sockets, "plain_messages", counting)
    data = frame(SHORT)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipeline = sockets.PlainSocket(ours)
        pipeline.settimeout(0.0)
        waiting = [data[at : at + 100] for at in range(0, len(data), 100)]
        monkeypatch.setattr(pipeline, "_read", lambda: waiting.pop(0))
        found: list[bytes] = []
        assert pipeline.take_messages(found.append)
        assert found == [SHORT]
    assert looked < 5


def test_threads_keep_what_has_come_when_the_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    data = frame(SHORT) + frame(b"next") + frame(b"ping", 0x89)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pipeline = sockets.PlainSocket(ours)
        pipeline.settimeout(0.0)
        found: list[bytes] = []
        for at in range(0, len(data), 9_000):
            theirs.sendall(data[at : at + 9_000])
            while True:
                try:
                    if not pipeline.take_messages(found.append):
                        break
                except TimeoutError:
                    break
        assert found == [SHORT, b"next"]
        assert pipeline.recv(2) + pipeline.recv(100) == frame(b"ping", 0x89)
