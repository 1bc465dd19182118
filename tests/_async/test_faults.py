"""Tests of faulty responses: each raises one typed error in time, and the next call works."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from bezant import (
    AsyncClient,
    BezantError,
    ConnectFailed,
    ConnectionLost,
    DecodeError,
    HttpTimeout,
    NotAuthenticated,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ResponseTooLarge,
    UpstreamError,
)
from tests.support import rows
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

GOOD = json.dumps([rows.account()]).encode()


def good(request: RawRequest, peer: Peer) -> None:
    peer.json(GOOD)


def part(data: bytes) -> Script:
    """Return a script that sends part of a response and then stays silent."""

    def script(request: RawRequest, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + data)
        peer.silence()

    return script


def reset_after(data: bytes) -> Script:
    def script(request: RawRequest, peer: Peer) -> None:
        if data:
            peer.send(b"HTTP/1.1 200 OK\r\n" + data)
        peer.reset()

    return script


def sends(data: bytes) -> Script:
    def script(request: RawRequest, peer: Peer) -> None:
        peer.send(data)
        peer.sock.close()

    return script


def answers(status: str, body: bytes, *headers: str) -> Script:
    return lambda request, peer: peer.answer(status, body, *headers)


def trickle_head(request: RawRequest, peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nX: ")
    peer.trickle(b"x", 0.02)


def trickle_body(request: RawRequest, peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    peer.trickle(b" ", 0.02)


def flood(request: RawRequest, peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b"0" * 0x100000 + b"\r\n"
    for _ in range(50):
        peer.send(chunk)


JSON = "Content-Type: application/json"
HTML = "Content-Type: text/html"

FAULTS: dict[str, tuple[Script, type[BezantError], str]] = {
    "no byte": (lambda request, peer: peer.silence(), HttpTimeout, "within 0.5 s"),
    "half a body, then silence": (part(b"Content-Length: 100\r\n\r\n[{"), HttpTimeout, "within"),
    "half a chunk, then silence": (
        part(b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{"),
        HttpTimeout,
        "within",
    ),
    "half a header, then silence": (part(b"Content-Le"), HttpTimeout, "within"),
    "a header that trickles": (trickle_head, HttpTimeout, "within"),
    "a body that trickles": (trickle_body, HttpTimeout, "within"),
    "reset at once": (reset_after(b""), ConnectionLost, "was lost"),
    "reset in the header": (reset_after(b"Content-"), ConnectionLost, "was lost"),
    "reset in the body": (reset_after(b"Content-Length: 9\r\n\r\n[{"), ConnectionLost, "was lost"),
    "closed in the body": (
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[{"),
        ConnectionLost,
        "was lost",
    ),
    "closed without an answer": (sends(b""), ConnectionLost, "was lost"),
    "not HTTP": (sends(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), ConnectionLost, "was lost"),
    "bad chunk": (
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        ConnectionLost,
        "was lost",
    ),
    "bad gzip": (
        answers("200 OK", b"no gzip", "Content-Encoding: gzip", JSON),
        ConnectionLost,
        "was lost",
    ),
    "a page with 200": (answers("200 OK", b"<html>hello</html>", HTML), DecodeError, "HTML page"),
    "the login page with 200": (
        answers("200 OK", b"<html><form action=/sso/Login></form></html>", HTML),
        NotAuthenticated,
        "login page",
    ),
    "a redirect to the login page": (
        answers("302 Found", b"", "Location: /sso/Login?forwardTo=22"),
        NotAuthenticated,
        "login page",
    ),
    "401": (answers("401 Unauthorized", b""), NotAuthenticated, "401"),
    "429": (
        answers("429 Too Many Requests", b'{"error":"slow down"}', JSON, "Retry-After: 7"),
        RateLimited,
        "slow down",
    ),
    "500 with JSON": (
        answers("500 Oops", b'{"error":"broken","statusCode":500}', JSON),
        UpstreamError,
        "broken",
    ),
    "500 without JSON": (
        answers("500 Oops", b"<html><title>Oh</title>", HTML),
        UpstreamError,
        "Oh",
    ),
    "503 and nothing": (answers("503 Unavailable", b""), UpstreamError, "without a reason"),
    "an error in a 200": (answers("200 OK", b'{"error":"no"}', JSON), Refused, "no"),
    "an empty body": (answers("200 OK", b"", JSON), DecodeError, "empty"),
    "a wrong outer type": (answers("200 OK", b'{"a":1}', JSON), DecodeError, "an object"),
    "broken JSON": (answers("200 OK", b'[{"accountId":', JSON), DecodeError, "not JSON"),
    "NUL bytes": (answers("200 OK", b"\0\0\0\0", JSON), DecodeError, "not JSON"),
    "cut UTF-8": (answers("200 OK", b'[{"accountId":"\xc3', JSON), DecodeError, "not JSON"),
    "50 MB": (flood, ResponseTooLarge, "max_response_bytes"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_is_one_typed_error_in_time(raw: RawGateway, name: str) -> None:
    script, kind, text = FAULTS[name]
    raw.script(good, script, good)
    seconds = 0.5 if kind is HttpTimeout else 60.0
    async with AsyncClient(raw.base_url, timeout=60) as patient:
        # This call opens the connection, so that the timeout below covers only the response.
        await patient.accounts()
        client = patient.with_options(timeout=seconds)
        started = time.monotonic()
        with pytest.raises(kind, match=text) as caught:
            await client.accounts()
        assert time.monotonic() - started < seconds + 30
        assert type(caught.value) is kind
        assert caught.value.operation == "GET /portfolio/accounts"
        assert str(caught.value).startswith("GET /portfolio/accounts: ")
        accounts = await patient.accounts()
        assert [each.account_id for each in accounts] == ["DU1"]


async def test_connection_refused() -> None:
    # The socket keeps the port but does not listen, so connections are refused.
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            async with AsyncClient(f"http://{host}:{port}/v1/api") as client:
                with pytest.raises(ConnectFailed, match="start the gateway") as caught:
                    await client.health()
                assert caught.value.retryable
                # Nothing was sent, so the outcome is known even for an order.
                with pytest.raises(ConnectFailed):
                    await client.request("POST", "/iserver/account/X/orders", json={})


async def test_an_unknown_host() -> None:
    async with AsyncClient("http://gateway.invalid:5000/v1/api") as client:
        with pytest.raises(ConnectFailed, match=r"gateway\.invalid"):
            await client.health()


async def test_wrong_types_lose_only_their_field(raw: RawGateway) -> None:
    body = json.dumps([rows.account() | {"accountId": {}}, 7]).encode()
    raw.script(lambda request, peer: peer.json(body))
    drifts: list[str] = []
    async with AsyncClient(raw.base_url, on_drift=lambda each: drifts.append(each.field)) as client:
        accounts = await client.accounts()
    assert [each.has("account_id") for each in accounts] == [False, False]
    assert accounts[0].currency == "USD"
    assert drifts == ["accountId", "[]"]


async def unanswered(client: AsyncClient, path: str, body: object) -> OutcomeUnknown:
    """Send a request that gets no response, and return the error.

    The timeout grows until it is long enough to send the request.
    """
    for seconds in (0.5, 5, 50):
        try:
            await client.with_options(timeout=seconds).request("POST", path, json=body)
        except OutcomeUnknown as error:
            return error
        except HttpTimeout:  # the timeout expired before the request was sent
            continue
    raise AssertionError("a response came")


@pytest.mark.parametrize("name", ["no byte", "reset at once", "half a body, then silence"])
async def test_an_order_without_a_response_is_an_unknown_outcome(
    raw: RawGateway, name: str
) -> None:
    raw.script(good, FAULTS[name][0], good)
    async with AsyncClient(raw.base_url, timeout=60, retries=5) as patient:
        await patient.request("GET", "/iserver/accounts")  # IBKR requires this call before orders
        error = await unanswered(patient, "/iserver/account/DU1/orders", {"orders": [{}]})
        assert "may have been carried out" in str(error)
        assert not error.retryable
        assert error.attempts == 1
        # GET is the query of the accounts, and POST the order: neither was repeated.
        assert [each.method for each in raw.requests] == ["GET", "POST"]


async def test_a_tickle_may_be_repeated(raw: RawGateway) -> None:
    raw.script(reset_after(b""))
    async with AsyncClient(raw.base_url, timeout=60) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.tickle()
        assert caught.value.retryable


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_the_stray_chunk_after_204_is_not_read_as_a_response(
    raw: RawGateway, status: str
) -> None:
    def stray(request: RawRequest, peer: Peer) -> None:
        peer.send(f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode())
        peer.silence()

    raw.script(stray, good)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        if status.startswith("204"):
            assert await client.request("DELETE", "/fyi/x") is None
        else:
            with pytest.raises(BezantError):
                await client.request("GET", "/fyi/x")
        assert [each.account_id for each in await client.accounts()] == ["DU1"]
    assert raw.connections == 2


async def test_connections_are_kept_between_calls(raw: RawGateway) -> None:
    raw.script(good)
    async with AsyncClient(raw.base_url) as client:
        for _ in range(5):
            await client.accounts()
    assert raw.connections == 1


async def test_a_connection_that_the_gateway_closed_is_replaced(raw: RawGateway) -> None:
    def bye(request: RawRequest, peer: Peer) -> None:
        peer.json(GOOD)
        peer.sock.close()
        closed.set()

    closed = threading.Event()
    raw.script(bye, good)
    async with AsyncClient(raw.base_url) as client:
        await client.accounts()
        await until(closed.is_set)
        await pause(0.05)
        await client.accounts()
    assert raw.connections == 2


async def test_responses_in_many_small_chunks(raw: RawGateway) -> None:
    def chunks(request: RawRequest, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(len(GOOD)):
            peer.send(b"1\r\n" + GOOD[at : at + 1] + b"\r\n")
        peer.send(b"0\r\n\r\n")

    raw.script(chunks)
    async with AsyncClient(raw.base_url) as client:
        assert len(await client.accounts()) == 1
        assert len(await client.accounts()) == 1


async def test_gzip_is_decoded_where_the_header_says_so(raw: RawGateway) -> None:
    import gzip

    raw.script(answers("200 OK", gzip.compress(GOOD), "Content-Encoding: gzip", JSON))
    async with AsyncClient(raw.base_url) as client:
        assert len(await client.accounts()) == 1


async def test_a_large_response_within_the_limit(raw: RawGateway) -> None:
    body = b"[" + b",".join([json.dumps(rows.account(desc="x" * 1000)).encode()] * 5000) + b"]"
    raw.script(lambda request, peer: peer.json(body))
    async with AsyncClient(raw.base_url) as client:
        assert len(await client.accounts()) == 5000
        with pytest.raises(ResponseTooLarge):
            await client.with_options(max_response_bytes=1000).accounts()
        assert len(await client.accounts()) == 5000


async def test_the_pool_is_bounded_and_waiting_for_it_counts(raw: RawGateway) -> None:
    over = threading.Event()

    def holds(request: RawRequest, peer: Peer) -> None:
        over.wait(60)
        peer.json(GOOD)

    raw.script(holds)
    async with AsyncClient(raw.base_url, timeout=60, max_connections=2) as client:
        held = [later(client.accounts) for _ in range(2)]
        await until(lambda: len(raw.requests) == 2)
        waiting = [later(client.with_options(timeout=0.2).accounts) for _ in range(2)]
        for call in waiting:
            with pytest.raises(HttpTimeout):
                await result(call)
        assert raw.connections == 2
        over.set()
        for call in held:
            await result(call)
    assert len(raw.requests) == 2


async def test_headers_that_break_the_rules_are_survived(raw: RawGateway) -> None:
    raw.script(
        answers("200 OK", GOOD, "Set-Cookie: bad", "Set-Cookie: a=b; Path=/x", "X-Odd: \xe9"), good
    )
    async with AsyncClient(raw.base_url) as client:
        await client.accounts()
        await client.accounts()
    assert raw.requests[1].headers["cookie"] == "a=b"
