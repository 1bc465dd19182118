"""Tests of streams through a proxy: always through a tunnel (CONNECT), with and without TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest

import bezant
from bezant import System, WsConnectFailed
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = '{"topic":"system","success":"me"}'


def gateway(request: RawRequest, peer: Peer) -> None:
    if request.method == "POST":
        peer.json(TICKLE)
        return
    peer.upgrade(request)
    peer.frame(SYSTEM)
    assert peer.receive() == '{"session":"s3cret"}'
    peer.silence()


def proxy_to(port: int) -> Script:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.method != "CONNECT":  # a call without TLS needs no tunnel
            peer.json(TICKLE)
            return
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as other:
            peer.sock.settimeout(0.005)
            other.settimeout(0.005)
            while not peer.stopping.is_set():
                for one, two in ((peer.sock, other), (other, peer.sock)):
                    with contextlib.suppress(TimeoutError):
                        if not (data := one.recv(65536)):
                            return
                        two.sendall(data)

    return script


def in_asyncio(url: str, proxy: str) -> object:
    async def main() -> object:
        async with bezant.AsyncClient(url, proxy=proxy, verify=False) as client:
            async with bezant.AsyncWsClient.connect(client) as ws:
                return await ws.next_message(timeout=30)

    return asyncio.run(main())


def in_threads(url: str, proxy: str) -> object:
    with bezant.Client(url, proxy=proxy, verify=False) as client:
        with bezant.WsClient.connect(client) as ws:
            return ws.next_message(timeout=30)


World = Callable[[str, str], object]
WORLDS: list[World] = [in_asyncio, in_threads]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_stream_goes_through_a_tunnel(
    request: pytest.FixtureRequest,
    raw: RawGateway,
    world: World,
    scheme: str,
) -> None:
    target: RawGateway = request.getfixturevalue("raw_tls")
    with contextlib.ExitStack() as stack:
        if scheme == "http":
            target = stack.enter_context(RawGateway())
        target.script(gateway)
        raw.script(proxy_to(target.port))
        url = f"{scheme}://gateway.test:1234/v1/api"
        assert isinstance(world(url, f"http://me:secret@127.0.0.1:{raw.port}"), System)
    tunnels = [each for each in raw.requests if each.method == "CONNECT"]
    assert {each.target for each in tunnels} == {"gateway.test:1234"}
    assert {each.headers["proxy-authorization"] for each in tunnels} == {"Basic bWU6c2VjcmV0"}
    assert target.requests[-1].line == "GET /v1/api/ws HTTP/1.1"
    assert target.requests[-1].headers["host"] == "gateway.test:1234"
    assert "proxy-authorization" not in target.requests[-1].headers


@pytest.mark.parametrize("world", WORLDS)
def test_a_proxy_that_makes_no_tunnel(raw: RawGateway, world: World) -> None:
    def refuses(request: RawRequest, peer: Peer) -> None:
        if request.method == "CONNECT":
            peer.answer("407 Proxy Authentication Required")
        else:
            peer.json(TICKLE)

    raw.script(refuses)
    with pytest.raises(WsConnectFailed, match=r"cannot connect to .*407"):
        world("http://gateway.test/v1/api", f"http://127.0.0.1:{raw.port}")
