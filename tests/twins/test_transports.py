"""Tests of custom transports: too long responses raise an error, and streams do not use them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

import bezant
from bezant import ResponseTooLarge, System
from bezant._runtime._shared.http_packages import httpx
from tests.support.raw import Peer, RawGateway, RawRequest

TICKLE = {"session": "s", "iserver": {"authStatus": {"authenticated": True, "connected": True}}}


class Endless(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self) -> None:
        self.chunks = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.chunks += 1
            yield b"x" * 100

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
def test_a_response_is_cut_off_while_it_comes(kind: str) -> None:
    body = Endless()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))

    async def in_asyncio() -> None:
        async with bezant.AsyncClient(transport=transport, max_response_bytes=1000) as client:
            await client.request("GET", "/x")

    def in_threads() -> None:
        with bezant.Client(transport=transport, max_response_bytes=1000) as client:
            client.request("GET", "/x")

    with pytest.raises(ResponseTooLarge):
        asyncio.run(in_asyncio()) if kind == "asyncio" else in_threads()
    assert body.chunks == 11
    assert body.closed


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
def test_streams_do_not_use_it(raw: RawGateway, kind: str) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json=TICKLE)

    def opens(request: RawRequest, peer: Peer) -> None:
        peer.upgrade(request)
        peer.frame('{"topic":"system","success":"me"}')
        peer.silence()

    async def main() -> object:
        async with bezant.AsyncClient(raw.base_url, transport=transport) as client:
            async with bezant.AsyncWsClient.connect(client) as ws:
                return await ws.next_message(timeout=30)

    raw.script(opens)
    transport = httpx.MockTransport(answer)
    if kind == "asyncio":
        first = asyncio.run(main())
    else:
        with bezant.Client(raw.base_url, transport=transport) as client:
            with bezant.WsClient.connect(client) as ws:
                first = ws.next_message(timeout=30)
    assert isinstance(first, System)
    assert seen == ["/v1/api/tickle"]
    assert [each.target for each in raw.requests] == ["/v1/api/ws"]
