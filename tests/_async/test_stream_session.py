"""Tests of responses to the stream's command `tic`.

These responses contain the session's token, which identifies the session and must not be shown.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from bezant import AsyncClient, AsyncWsClient, Gap, Message, Reconnected, System, WsTimeout
from bezant._core.operations.session import TICKLE
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from tests.support._async import until
from tests.support.raw import Peer, RawGateway, RawRequest

OLD = "0123456789abcdef0123456789abcdef"
NEW = "fedcba9876543210fedcba9876543210"
STATUS = {"authenticated": True, "connected": True, "established": True, "competing": False}
SYSTEM = '{"topic":"system","success":"me","isFT":false,"isPaper":true}'


class Sessions:
    """Gateway that reports its session's token on the WebSocket and in the response to a tickle."""

    def __init__(self, raw: RawGateway) -> None:
        self.session = OLD
        self.socket_session = OLD
        self.commands: list[str] = []
        self.connections = 0
        raw.script(self.serve)

    def serve(self, request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/tickle"):
            answer = {"session": self.session, "iserver": {"authStatus": STATUS}}
            peer.json(json.dumps(answer).encode())
            return
        self.connections += 1
        peer.upgrade(request)
        peer.frame(SYSTEM)
        while True:
            command = peer.receive()
            self.commands.append(command)
            if command == "tic":
                answer = {"topic": "tic", "id": self.socket_session}
                for _ in range(4):
                    peer.frame(json.dumps(answer))


def stream(client: AsyncClient) -> Connecting[AsyncWsClient]:
    timing = Timing(tic_interval=0.02, backoff_from=0.01, backoff_to=0.05)
    return connecting(AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=True))


async def read_until(ws: AsyncWsClient, kind: type[Message]) -> list[Message]:
    found: list[Message] = []
    while not found or not isinstance(found[-1], kind):
        message = await ws.next_message(timeout=30)
        assert message is not None
        found.append(message)
    return found


async def test_responses_to_tic_keep_a_stream_alive_and_are_not_delivered(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = Sessions(raw)
    async with AsyncClient(raw.base_url, pacing=False) as client, stream(client) as ws:
        await ws.subscribe_pnl()
        # The gateway sends nothing but responses to `tic`. They keep the stream from ending the
        # connection because of silence.
        await until(lambda: gateway.commands.count("tic") > 10)
        heard = ws._stream_worker.state.last_heard
        await until(lambda: ws._stream_worker.state.last_heard > heard)
        await until(lambda: ws.stats.received > 20)
        assert [type(each) for each in await read_until(ws, System)] == [System]
        with pytest.raises(WsTimeout):
            await ws.next_message(timeout=0.01)
        assert ws.stats.reconnects == 0
    assert OLD not in caplog.text


async def test_another_session_on_the_socket_means_a_login(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Sessions(raw)
    async with AsyncClient(raw.base_url, pacing=False) as client, stream(client) as ws:
        await ws.subscribe_pnl()
        await until(lambda: "spl+{}" in gateway.commands)
        client._pipeline.started(TICKLE.operation)
        gateway.session = gateway.socket_session = NEW
        (gap,) = [each for each in await read_until(ws, Gap) if isinstance(each, Gap)]
        assert "logged in again" in gap.reason
        await until(lambda: gateway.commands.count("spl+{}") == 2)
        # A new token means a new session, for which the client has to repeat the prerequisite
        # calls.
        await until(lambda: client._pipeline.session_token == NEW)
        assert client._pipeline.is_new(TICKLE.operation)
        assert gateway.connections == 1
    assert NEW not in caplog.text


async def test_a_socket_of_a_session_that_is_over_is_left(raw: RawGateway) -> None:
    gateway = Sessions(raw)
    async with AsyncClient(raw.base_url, pacing=False) as client, stream(client) as ws:
        await ws.subscribe_pnl()
        await until(lambda: "tic" in gateway.commands)
        gateway.session = NEW
        await client.tickle()
        found = await read_until(ws, Reconnected)
        assert [type(each) for each in found] == [System, Gap, Reconnected]
        gateway.socket_session = NEW
        await until(lambda: gateway.commands.count("spl+{}") >= 2)
        assert gateway.connections == 2


RAW: dict[str, Any] = {
    "session": "s3cret",
    "sessionId": "s3cret",
    "userId": "s3cret",
    "nested": [{"Cookie": "s3cret", "text": "token=s3cret; x"}],
}


@pytest.mark.parametrize(
    "frame",
    [
        {"topic": "new", **RAW},
        {"topic": "tic2", "token": "s3cret"},
        {"topic": "smd+1", "conid": 1, "31": "5", **RAW},
        {"topic": "sor", "args": [{"orderId": 1, **RAW}]},
        {"topic": "str", "args": [{"execution_id": "1", **RAW}]},
        {"topic": "spl", "args": {"DU1.Core": RAW, "x": 1}},
        {"topic": "ssd+DU1", "result": [{"key": "x", **RAW}]},
        {"topic": "sld+DU1", "result": [{"key": "x", **RAW}]},
        {"topic": "smh+1", "data": [], **RAW},
        {"topic": "sbd+DU1+1", "data": [{"row": 1}], **RAW},
        {"topic": "sts", "args": {"competing": False, "message": "session=s3cret", **RAW}},
        {"topic": "act", "args": RAW},
        {"topic": "ntf", "args": [{"id": "1", "url": "https://x/?token=s3cret", **RAW}]},
        {"topic": "ntf", "args": [{"orderId": 1, "prompt": True, **RAW}]},
        {"topic": "blt", "args": {"id": "1", "message": '{"session":"s3cret"}', **RAW}},
        {"topic": "error", "error": "no such session=s3cret", **RAW},
        {"error": "no such session=s3cret", **RAW},
        RAW,
        [RAW],
        f"session {OLD}",
        b'{"session":"s3cret"',
        b"ech+token=s3cret",
    ],
)
async def test_no_repr_shows_a_secret(raw: RawGateway, frame: Any) -> None:
    data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()

    def serve(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/tickle"):
            answer = {"session": OLD, "iserver": {"authStatus": STATUS}}
            peer.json(json.dumps(answer).encode())
        else:
            peer.upgrade(request)
            peer.frame(SYSTEM)
            peer.frame(data)
            peer.silence()

    raw.script(serve)
    async with AsyncClient(raw.base_url, pacing=False) as client, stream(client) as ws:
        await ws.next_message(timeout=30)
        message = await ws.next_message(timeout=30)
        assert message is not None
        for text in (repr(message), str(message), f"{message}", str(message.__rich_repr__())):
            assert "s3cret" not in text
            assert OLD not in text
            assert type(message).__name__ in text or text.startswith("[")
