"""Tests of WebSocket frames of every kind, split at every position."""

from __future__ import annotations

import socket
import struct

import pytest

from bezant import AsyncClient, AsyncWsClient, Other, System
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
TOPICS = [f"x{number}" for number in range(12)]
SYSTEM = b'{"topic":"system","success":"me"}'


def frame(data: bytes, head: int = 0x81) -> bytes:
    if len(data) < 126:
        return bytes([head, len(data)]) + data
    if len(data) < 65536:
        return bytes([head, 126]) + struct.pack("!H", len(data)) + data
    return bytes([head, 127]) + struct.pack("!Q", len(data)) + data


def message(number: int, length: int = 0) -> bytes:
    return b'{"topic":"x%d","pad":"%s"}' % (number, b"p" * length)


def frames() -> list[bytes]:
    """Return frames with twelve messages, x0 to x11, and control frames between them."""
    whole, long = message(4), message(8)
    return [
        frame(message(0)),
        frame(message(1), 0x82),
        frame(b"are you there", 0x89),
        frame(message(2, 200)),
        frame(message(3)),
        frame(whole[:5], 0x01),
        frame(b"", 0x89),
        frame(whole[5:9], 0x00),
        frame(whole[9:], 0x80),
        frame(message(5)),
        frame(b"nobody asked", 0x8A),
        frame(message(6)),
        frame(message(7, 300), 0x82),
        frame(long[:20], 0x02),
        frame(long[20:], 0x80),
        frame(message(9)),
        frame(message(10)),
        frame(message(11)),
    ]


def in_pieces(data: bytes, size: int) -> Script:
    """Return a script that sends the handshake's response and `data` in pieces of `size` bytes."""

    def script(request: RawRequest, peer: Peer) -> None:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer: list[bytes] = []
        send = peer.send
        vars(peer)["send"] = answer.append
        peer.upgrade(request)
        whole = b"".join(answer) + data
        for at in range(0, len(whole), size):
            send(whole[at : at + size])
        peer.silence()

    return script


async def topics_of(raw: RawGateway, script: Script) -> list[str]:
    """Return the topics of the first twelve messages that follow the system message."""
    raw.script(lambda request, peer: peer.json(TICKLE), script)
    topics: list[str] = []
    async with AsyncClient(raw.base_url, pacing=False) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            assert isinstance(await ws.next_message(timeout=5), System)
            while len(topics) < 12:
                other = await ws.next_message(timeout=5)
                assert isinstance(other, Other)
                topics.append(other.topic)
    return topics


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 129, 1000, 100_000])
async def test_cut_anywhere(raw: RawGateway, size: int) -> None:
    data = frame(SYSTEM) + b"".join(frames())
    assert await topics_of(raw, in_pieces(data, size)) == TOPICS


@pytest.mark.parametrize("size", [1000, 70_000, 200_000])
async def test_a_long_message_between_short_ones(raw: RawGateway, size: int) -> None:
    long = [frame(message(number, 70_000 * (number % 2))) for number in range(12)]
    data = frame(SYSTEM) + b"".join(long)
    assert await topics_of(raw, in_pieces(data, size)) == TOPICS
