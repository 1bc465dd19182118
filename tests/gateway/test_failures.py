"""Tests of failures that only the real gateway shows; in most of them it never responds."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections import deque

import pytest

import bezant
from bezant import (
    ConnectFailed,
    ConnectionLost,
    HttpTimeout,
    NotAuthenticated,
    OutcomeUnknown,
    UnexpectedRedirect,
    UpstreamError,
)
from tests.gateway.chain import Chain
from tests.gateway.real import RealGateway
from tests.gateway.scripted import scripted
from tests.gateway.twins import Twin, until
from tests.support.raw import Peer, RawRequest

SECONDS = 0.4


def in_time(began: float) -> bool:
    return SECONDS * 0.9 < time.monotonic() - began < SECONDS + 0.6


async def test_an_upstream_that_is_down(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, timeout=SECONDS) as client:
        await client.request("GET", "/iserver/accounts")  # IBKR requires this call before orders
        gateway.stop()
        for _ in range(7):  # the gateway has only five connections to its server
            began = time.monotonic()
            with pytest.raises(HttpTimeout) as caught:
                await client.tickle()
            assert in_time(began)
            assert caught.value.retryable
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.request("POST", "/iserver/account/DU1234567/orders", json={})
        assert not unknown.value.retryable
        gateway.start()
        assert (await client.health()).ready


async def test_an_upstream_that_closes_without_a_response(gateway: Chain, twin: Twin) -> None:
    def close(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/iserver/accounts"):
            peer.json(b"{}")
        else:
            peer.sock.close()

    with scripted(gateway, close) as upstream:
        async with twin.client(gateway.base_url, timeout=SECONDS) as client:
            began = time.monotonic()
            with pytest.raises(HttpTimeout):
                await client.tickle()
            assert in_time(began)
            await client.request("GET", "/iserver/accounts")
            with pytest.raises(OutcomeUnknown):
                await client.request("POST", "/iserver/reply/1", json={"confirmed": True})
            assert len(upstream.sent("/iserver/reply/1")) == 1


@pytest.mark.parametrize("head", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_an_upstream_that_closes_in_the_middle(
    gateway: Chain, twin: Twin, head: bytes
) -> None:
    broken = threading.Event()
    broken.set()

    def half(request: RawRequest, peer: Peer) -> None:
        if broken.is_set():
            body = b'[{"id":"DU1"' if b"Length" in head else b'40\r\n[{"id":"DU1"'
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head)
            peer.send(b"\r\n\r\n" + body)
            peer.sock.close()
        else:
            peer.json(b'[{"id":"DU1","accountId":"DU1","currency":"USD","type":"DEMO"}]')

    with scripted(gateway, half):
        async with twin.client(gateway.base_url, timeout=SECONDS) as client:
            began = time.monotonic()
            with pytest.raises(HttpTimeout):
                await client.accounts()
            assert in_time(began)
            broken.clear()
            assert [each.account_id for each in await client.accounts()] == ["DU1"]


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_the_stray_chunk(gateway: Chain, twin: Twin, status: str) -> None:
    def empty(request: RawRequest, peer: Peer) -> None:
        if request.method == "DELETE":
            peer.send(f"HTTP/1.1 {status}\r\n\r\n".encode())
        else:
            peer.json(b'{"answer":1}')

    with scripted(gateway, empty):
        async with twin.client(gateway.base_url, timeout=5, max_connections=1) as client:
            for _ in range(3):
                if status.startswith("204"):
                    await client.request("DELETE", "/x", type=None)
                else:
                    with pytest.raises(UnexpectedRedirect):
                        await client.request("DELETE", "/x", type=None)
                assert await client.request("GET", "/y") == {"answer": 1}


async def test_five_slow_calls_delay_a_sixth(gateway: Chain, twin: Twin) -> None:
    def slow(request: RawRequest, peer: Peer) -> None:
        time.sleep(1.0 if "/slow" in request.target else 0)
        peer.json(b'{"answer":1}')

    with scripted(gateway, slow) as upstream:
        async with twin.client(gateway.base_url, timeout=10, max_connections=10) as client:
            await client.request("GET", "/quick")
            calls = [asyncio.ensure_future(client.request("GET", "/slow")) for _ in range(5)]
            await until(lambda: len(upstream.sent("/slow")) == 5)
            hurried = client.with_options(timeout=SECONDS)
            hurried = await hurried if twin.name == "blocking" else hurried
            with pytest.raises(HttpTimeout):
                await hurried.request("GET", "/quick")
            began = time.monotonic()
            await client.request("GET", "/quick")
            assert time.monotonic() - began > 0.1
            assert await asyncio.gather(*calls) == [{"answer": 1}] * 5


async def test_pacing_keeps_one_way_free(gateway: Chain, twin: Twin) -> None:
    def slow(request: RawRequest, peer: Peer) -> None:
        time.sleep(0.8 if "/slow" in request.target else 0)
        peer.json(b"{}")

    with scripted(gateway, slow) as upstream:
        options = {"timeout": 10, "max_connections": 10, "pacing": True}
        async with twin.client(gateway.base_url, **options) as client:
            calls = [asyncio.ensure_future(client.request("GET", "/slow")) for _ in range(6)]
            await until(lambda: len(upstream.sent("/slow")) == 2)
            began = time.monotonic()
            await client.tickle()
            assert time.monotonic() - began < 0.4
            await asyncio.gather(*calls)


async def test_an_order_that_is_too_late_is_sent_once(gateway: Chain, twin: Twin) -> None:
    def slow(request: RawRequest, peer: Peer) -> None:
        time.sleep(1.0 if request.method == "POST" else 0)
        peer.json(b"{}")

    orders = "/iserver/account/DU1/orders"
    with scripted(gateway, slow) as upstream:
        async with twin.client(gateway.base_url, timeout=SECONDS, retries=3) as client:
            await client.request("GET", "/iserver/accounts")
            began = time.monotonic()
            with pytest.raises(OutcomeUnknown, match="may have been carried out") as caught:
                await client.request("POST", orders, json={"orders": [{"cOID": "a1"}]})
            assert in_time(began)
            assert not caught.value.retryable
        await asyncio.sleep(0.8)
        assert [each.body for each in upstream.sent(orders)] == [b'{"orders":[{"cOID":"a1"}]}']


async def test_reads_are_retried(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, retries=2) as client:
        gateway.faults.fail_next("/portfolio/accounts", status=503, times=2)
        assert await client.accounts()
        assert gateway.count("GET", "/portfolio/accounts") == 3
        gateway.faults.fail_next("/orders", status=503, times=2)
        with pytest.raises(OutcomeUnknown):
            await client.request("POST", "/iserver/account/DU1/orders", json={})
        assert gateway.count("POST", "/iserver/account/DU1/orders") == 1


async def test_pieces_gzip_and_long_responses(gateway: Chain, twin: Twin) -> None:
    rows = b"[" + b",".join(b'{"id":"DU%d"}' % each for each in range(60_000)) + b"]"
    packed = gzip.compress(rows)
    sizes = deque([1, 2, 3, 5, 8, 13, 21, 1000, 70_000])

    def pieces(request: RawRequest, peer: Peer) -> None:
        body, encoding = (packed, b"gzip") if "gzip" in request.target else (rows, b"identity")
        peer.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Encoding: " + encoding + b"\r\n\r\n"
        )
        at = 0
        while at < len(body):
            piece = body[at : at + sizes[0]]
            at += len(piece)
            sizes.rotate(-1)
            peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        peer.send(b"0\r\n\r\n")

    with scripted(gateway, pieces):
        async with twin.client(gateway.base_url) as client:
            assert len(await client.request("GET", "/plain")) == 60_000
            assert len(await client.request("GET", "/gzip")) == 60_000
            short = client.with_options(max_response_bytes=100_000)
            short = await short if twin.name == "blocking" else short
            with pytest.raises(bezant.ResponseTooLarge):
                await short.request("GET", "/plain")
            assert len(await client.request("GET", "/plain")) == 60_000


@pytest.mark.parametrize(
    ("status", "head", "body", "kind"),
    [
        ("401 Unauthorized", "", b"", NotAuthenticated),
        ("302 Found", "Location: /sso/Login?x=1", b"", NotAuthenticated),
        ("302 Found", "Location: https://elsewhere.test/", b"", UnexpectedRedirect),
        ("200 OK", "Content-Type: text/html", b"<html>/sso/Login password", NotAuthenticated),
        ("500 Internal Server Error", "", b'{"error":"bad"}', UpstreamError),
        ("503 Service Unavailable", "", b"", UpstreamError),
        ("200 OK", "Content-Type: application/json", b'{"error":"bad"}', bezant.Refused),
        ("429 Too Many Requests", "Retry-After: 7", b"", bezant.RateLimited),
    ],
)
async def test_errors_for_upstream_responses(
    gateway: Chain, twin: Twin, status: str, head: str, body: bytes, kind: type[Exception]
) -> None:
    headers = (head,) if head else ()
    with scripted(gateway, lambda request, peer: peer.answer(status, body, *headers)):
        async with twin.client(gateway.base_url, timeout=5) as client:
            for _ in range(2):
                with pytest.raises(kind):
                    await client.accounts()


async def test_slots_of_callers_that_went(gateway: Chain, twin: Twin) -> None:
    def slow(request: RawRequest, peer: Peer) -> None:
        time.sleep(3.0 if "/slow" in request.target else 0)
        peer.json(b"{}")

    with scripted(gateway, slow) as upstream:
        async with twin.client(gateway.base_url, timeout=20, max_connections=10) as client:
            hurried = client.with_options(timeout=1.5)
            hurried = await hurried if twin.name == "blocking" else hurried
            began = time.monotonic()
            calls = [asyncio.ensure_future(hurried.request("GET", "/slow")) for _ in range(5)]
            await until(lambda: len(upstream.sent("/slow")) == 5)
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(each) for each in results} == {HttpTimeout}
            await client.request("GET", "/quick")
            # The call waited until the abandoned calls had freed the connections.
            assert time.monotonic() - began > 2.5


async def test_a_gateway_that_ends(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        await client.health()
    with RealGateway(gateway.upstream_port) as real:

        def slow(request: RawRequest, peer: Peer) -> None:
            time.sleep(2)

        base_url = f"https://127.0.0.1:{real.port}"
        async with twin.client(base_url, timeout=10) as client:
            async with await twin.connect(client) as ws:
                await ws.next_message(timeout=5)
                with scripted(gateway, slow) as upstream:
                    while await ws.next_message(timeout=5) is not None:
                        pass
                    assert ws.close_reason.code == 1000
                    call = asyncio.ensure_future(client.request("GET", "/slow"))
                    order = asyncio.ensure_future(client.request("POST", "/slow"))
                    await until(lambda: len(upstream.sent("/slow")) == 2)
                    await asyncio.to_thread(real.stop)
                    with pytest.raises(ConnectionLost):
                        await call
                    with pytest.raises(OutcomeUnknown):
                        await order
            with pytest.raises(ConnectFailed, match="start the gateway"):
                await client.tickle()
        assert real.exit_code == 143
