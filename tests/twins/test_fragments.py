"""Tests of long messages in very many pieces: the cost depends only on the number of bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from bezant import AsyncClient, AsyncWsClient, Client, Gap, Other, WsClient, WsClosed
from bezant._core.stream.framing import frame_end
from bezant._runtime._shared import frames
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
# The timeouts are long because this much data follows the handshake at once. On a busy machine,
# this makes the handshake slow.
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
    """Return a message as frames of `size` bytes, with an empty frame after the first one."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    parts.insert(1, b"")
    heads = [0x02, *[0x00] * (len(parts) - 2), 0x80]
    return b"".join(map(frame, parts, heads))


def pieces(data: bytes, size: int) -> Script:
    def script(request: RawRequest, peer: Peer) -> None:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.upgrade(request)
        peer.frame(SYSTEM)
        # The first 20 bytes, which contain the first frame's header, are sent one by one.
        for at in range(20):
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


@pytest.mark.parametrize("body", [LONG, SHORT], ids=["long", "plain"])
def test_a_frame_in_many_pieces_is_read_once(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """However a frame is divided, its header is examined fewer than five times.

    The bytes of the frame are joined only once.
    """
    looked = 0

    def counting(*arguments: Any) -> int:
        nonlocal looked
        looked += 1
        return frame_end(*arguments)

    monkeypatch.setattr(frames, "frame_end", counting)
    reader = frames.FrameReader("ws://gateway.test/ws")
    data = frame(body)
    for at in range(0, len(data), 100):
        assert not reader.messages
        reader.feed(data[at : at + 100])
    assert reader.take() == [body]
    assert looked < 5


def test_received_bytes_are_kept_until_they_are_taken() -> None:
    data = frame(SHORT) + frame(b"next") + frame(b"ping", 0x89) + frame(b"last")[:3]
    reader = frames.FrameReader("ws://gateway.test/ws")
    for at in range(0, len(data), 9_000):
        reader.feed(data[at : at + 9_000])
    assert reader.take() == [SHORT, b"next"]
    assert reader.take() == []
    pong = reader.to_send()
    assert pong[0] == 0x8A
    assert reader.to_send() == b""
    reader.feed(b"ast")
    assert reader.take() == [b"last"]


def test_nothing_is_read_behind_the_end() -> None:
    reader = frames.FrameReader("ws://gateway.test/ws")
    reader.feed(frame(b"one") + frame(b"\x03\xe8bye", 0x88) + frame(b"two"))
    reader.feed(frame(b"three"))
    reader.feed(b"")
    assert reader.take() == [b"one"]
    assert isinstance(reader.error, WsClosed)
    assert (reader.error.code, reader.error.reason) == (1000, "bye")
    assert reader.to_send()[0] == 0x88
