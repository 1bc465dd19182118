"""Tests of connections: which connection a request uses, and unexpected data after a response."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    BezantError,
    ConnectFailed,
    ConnectionLost,
    HttpTimeout,
    InvalidRequest,
    NotAuthenticated,
    OutcomeUnknown,
    ResponseTooLarge,
)
from bezant._core.http import messages
from bezant._runtime._shared.http_packages import httpx
from tests.support._async import pause, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

ORDERS = "/iserver/account/DU1/orders"
JSON = "Content-Type: application/json"


def response(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", JSON, f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def placed(number: int) -> bytes:
    return response(b'[{"order_id":"%d","order_status":"Submitted"}]' % number)


STRAY = placed(666)


def orders(answer: Callable[[Peer, int], object]) -> Script:
    """Return a script that calls `answer` for each order, with the order's number from 1 on."""
    numbers = iter(range(1, 100))

    def script(request: RawRequest, peer: Peer) -> None:
        if request.method == "POST":
            answer(peer, next(numbers))
        else:
            peer.json(b'{"accounts":["DU1"]}')

    return script


async def place(client: AsyncClient) -> int:
    rows = await client.request("POST", ORDERS, json={"orders": [{"conid": 1}]})
    return int(rows[0]["order_id"])


STRAYS = {
    "a whole response": STRAY,
    "two": STRAY * 2,
    "half a response": STRAY[:60],
    "a byte": b"H",
    "a chunk's end": b"0\r\n\r\n",
    "an informational response": b"HTTP/1.1 103 Early Hints\r\n\r\n",
}


@pytest.mark.parametrize("name", STRAYS)
@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_bytes_after_a_response_are_not_read_as_the_next_orders(
    request: pytest.FixtureRequest, name: str, late: bool, kind: str
) -> None:
    raw: RawGateway = request.getfixturevalue("raw" if kind == "plain" else "raw_tls")

    strayed: list[int] = []

    def answer(peer: Peer, number: int) -> None:
        if late:
            peer.send(placed(number))
            time.sleep(0.02)
            peer.send(STRAYS[name])
        else:
            peer.send(placed(number) + STRAYS[name])
        strayed.append(number)

    raw.script(orders(answer))
    async with AsyncClient(raw.base_url, timeout=60) as client:
        found: list[int] = []
        for _ in range(3):
            found.append(await place(client))
            if late:
                await until(lambda: strayed == found)
                await pause(0.05)
    assert found == [1, 2, 3]
    assert raw.connections == 3


async def test_a_stray_response_to_a_read_is_not_taken_for_an_orders(raw: RawGateway) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.method == "POST":
            peer.send(placed(1))
        else:
            peer.send(response(b'{"accounts":["DU1"]}') + STRAY)

    raw.script(script)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        assert await place(client) == 1


async def test_informational_responses_come_before_the_one_that_counts(raw: RawGateway) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    raw.script(orders(lambda peer, number: peer.send(early + placed(number))))
    async with AsyncClient(raw.base_url, timeout=60) as client:
        assert [await place(client) for _ in range(3)] == [1, 2, 3]
    assert raw.connections == 1


async def test_a_response_after_the_timeout_is_discarded(raw: RawGateway) -> None:
    given_up = threading.Event()
    sent: list[int] = []

    def answer(peer: Peer, number: int) -> None:
        if number == 1:
            given_up.wait(60)
        with contextlib.suppress(OSError):  # the client may have closed the connection
            peer.send(placed(number))
        sent.append(number)

    raw.script(orders(answer))
    async with AsyncClient(raw.base_url, timeout=60) as client:
        await client.request("GET", "/iserver/accounts")
        error: BezantError | None = None
        for seconds in (0.5, 5, 50):
            with pytest.raises((OutcomeUnknown, HttpTimeout)) as caught:
                await place(client.with_options(timeout=seconds))
            error = caught.value
            if isinstance(error, OutcomeUnknown):
                # The request was sent in time. On a slow machine, only a longer timeout suffices to
                # send it.
                break
        assert isinstance(error, OutcomeUnknown)
        given_up.set()
        await until(lambda: sent)
        assert await place(client) == 2


async def test_connections_are_kept_over_tls_with_session_tickets(raw_tls: RawGateway) -> None:
    raw_tls.script(orders(lambda peer, number: peer.send(placed(number))))
    async with AsyncClient(raw_tls.base_url, timeout=60) as client:
        assert [await place(client) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert raw_tls.connections == 1


CALLS: dict[str, tuple[str, str]] = {
    "place": ("POST", ORDERS),
    "modify": ("POST", "/iserver/account/DU1/order/1"),
    "cancel": ("DELETE", "/iserver/account/DU1/order/1"),
    "reply": ("POST", "/iserver/reply/1"),
    "anything": ("POST", "/iserver/x"),
}


@pytest.mark.parametrize("name", CALLS)
async def test_an_order_uses_a_connection_that_is_known_to_work(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.method == "GET" or request.connection > 1:
            peer.json(b'{"accounts":["DU1"]}')
        else:  # a firewall has dropped this connection
            peer.silence()

    raw.script(script)
    monkeypatch.setattr(messages, "FRESH_SECONDS", 0.05)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        await client.request("GET", "/iserver/accounts")
        await pause(0.1)
        await client.request(*CALLS[name])
        assert raw.requests[-1].connection == 2
        await pause(0.1)
        await client.request("GET", "/iserver/accounts")
        assert raw.requests[-1].connection == 2
        monkeypatch.setattr(messages, "FRESH_SECONDS", 60.0)
        await client.request(*CALLS[name])
        assert raw.requests[-1].connection == 2


def encoded(body: bytes, *encodings: str) -> Script:
    headers = [f"Content-Encoding: {each}" for each in encodings]
    return lambda request, peer: peer.answer("200 OK", body, JSON, *headers)


BOMB = gzip.compress(gzip.compress(b"\0" * 20_000_000))


@pytest.mark.parametrize(
    ("script", "kind", "text"),
    [
        (encoded(BOMB, "gzip, gzip"), ConnectionLost, "'gzip, gzip'"),
        (encoded(BOMB, "gzip", "gzip"), ConnectionLost, "'gzip, gzip'"),
        (encoded(b"x", "deflate"), ConnectionLost, "'deflate'"),
        (encoded(b"x", "br"), ConnectionLost, "'br'"),
        (
            encoded(gzip.compress(b"\0" * 20_000_000), "gzip"),
            ResponseTooLarge,
            "max_response_bytes",
        ),
        (encoded(gzip.compress(b"{}")[:-4], "gzip"), ConnectionLost, "gzip"),
        (encoded(gzip.compress(b"{}") * 2, "gzip"), ConnectionLost, "gzip"),
    ],
    ids=["nested", "nested twice", "deflate", "br", "long", "cut", "two members"],
)
async def test_encodings_that_are_refused(
    raw: RawGateway, script: Script, kind: type[BezantError], text: str
) -> None:
    raw.script(script)
    async with AsyncClient(raw.base_url, max_response_bytes=1_000_000) as client:
        with pytest.raises(kind, match=text):
            await client.request("GET", "/x")
        with pytest.raises(OutcomeUnknown, match="may have been carried out"):
            await client.request("POST", "/x")


async def test_requests_accept_gzip(raw: RawGateway) -> None:
    raw.script(encoded(gzip.compress(b'{"x":1}'), "gzip"))
    async with AsyncClient(raw.base_url) as client:
        assert await client.request("GET", "/x") == {"x": 1}
        assert await client.request("GET", "/x") == {"x": 1}
    assert raw.requests[0].headers["accept-encoding"] == "gzip"
    assert raw.connections == 1


# Tests with custom transports.


Handler = Callable[[httpx.Request], httpx.Response]


def over(handler: Handler, **options: Any) -> AsyncClient:
    return AsyncClient(
        "http://gateway.test/v1/api", transport=httpx.MockTransport(handler), **options
    )


async def test_calls_use_a_custom_transport() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.method == "POST":
            return httpx.Response(200, json=[{"order_id": "7"}])
        return httpx.Response(
            200, json={"accounts": ["DU1"]}, headers={"Set-Cookie": "a=b; Path=/"}
        )

    async with over(handler) as client:
        assert await place(client) == 7
        assert await client.request("GET", "/x", params={"a": [1, 2]}) == {"accounts": ["DU1"]}
    assert [each.method for each in seen] == ["GET", "POST", "GET"]
    assert str(seen[2].url) == "http://gateway.test/v1/api/x?a=1,2"
    assert seen[1].content == b'{"orders":[{"conid":1}]}'
    assert seen[2].headers["cookie"] == "a=b"


@pytest.mark.parametrize(
    ("error", "read", "order"),
    [
        (httpx.ConnectError("no"), ConnectFailed, ConnectFailed),
        (httpx.ConnectTimeout("no"), ConnectFailed, ConnectFailed),
        (httpx.PoolTimeout("no"), HttpTimeout, HttpTimeout),
        (httpx.ReadTimeout("no"), HttpTimeout, OutcomeUnknown),
        (httpx.ReadError("no"), ConnectionLost, OutcomeUnknown),
        (httpx.ProxyError("no"), ConnectionLost, OutcomeUnknown),
        (httpx.UnsupportedProtocol("no"), ConnectionLost, OutcomeUnknown),
        (OSError("no"), ConnectionLost, OutcomeUnknown),
        (KeyError("no"), ConnectionLost, OutcomeUnknown),
        (AssertionError("no"), AssertionError, AssertionError),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_errors_of_a_custom_transport(
    error: Exception, read: type[Exception], order: type[Exception]
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    async with over(handler) as client:
        with pytest.raises(read) as caught:
            await client.request("GET", "/x")
        assert type(caught.value) is read
        with pytest.raises(order) as caught:
            await client.request("POST", "/x")
        assert type(caught.value) is order


async def test_a_transports_responses_are_judged_as_any() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            return httpx.Response(401)
        if request.url.path.endswith("/nested"):
            return httpx.Response(
                200, stream=httpx.ByteStream(BOMB), headers={"Content-Encoding": "gzip, gzip"}
            )
        return httpx.Response(200, content=b"x" * 2000)

    async with over(handler, max_response_bytes=1000) as client:
        with pytest.raises(NotAuthenticated):
            await client.request("GET", "/login")
        with pytest.raises(ConnectionLost, match="Content-Encoding"):
            await client.request("GET", "/nested")
        with pytest.raises(ResponseTooLarge):
            await client.request("GET", "/long")
        with pytest.raises(OutcomeUnknown):
            await client.request("POST", "/long")


class Closing(httpx.MockTransport):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


async def test_the_client_closes_its_transport() -> None:
    transport = Closing(lambda request: httpx.Response(200, json={}))
    async with AsyncClient("http://gateway.test", transport=transport) as client:
        await client.request("GET", "/x")
        await client.with_options(timeout=1).aclose()
        assert transport.closed == 0
    assert transport.closed == 1


@pytest.mark.parametrize("transport", [object(), "http://proxy", 7])
def test_a_transport_that_cannot_send_is_refused(transport: object) -> None:
    with pytest.raises(InvalidRequest, match=r"transport must have a method handle_.*request"):
        AsyncClient("http://gateway.test", transport=transport)
