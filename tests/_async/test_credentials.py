"""Tests of headers for a proxy in front of the gateway.

The client sends these headers with every request, and shows their values nowhere.
"""

from __future__ import annotations

import logging
import traceback
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    BezantError,
    ConnectionLost,
    CredentialsUnavailable,
    HttpTimeout,
    InvalidRequest,
    OutcomeUnknown,
    PermissionDenied,
    UnexpectedRedirect,
    WsConnectFailed,
)
from bezant._runtime._shared.http_packages import httpx
from tests.support._async import gather, pause, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

SECRET = "s3cret-of-the-proxy"
PROXY = {"CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": SECRET}
TOKEN = "0123456789abcdef" * 2
TICKLE = b'{"session":"%s","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = b'{"topic":"system","success":"me"}'
ORDER = {"orders": [{"conid": 1, "side": "BUY", "quantity": 1, "orderType": "MKT", "tif": "DAY"}]}


def guarded(wanted: Mapping[str, str]) -> Script:
    """Return a script that refuses requests without the `wanted` headers, as a proxy would."""

    def script(request: RawRequest, peer: Peer) -> None:
        if any(request.headers.get(name.lower()) != value for name, value in wanted.items()):
            peer.answer("403 Forbidden", b"who are you?")
        elif "upgrade" in request.headers:
            if "x-sess-uuid=learnt" not in request.headers.get("cookie", ""):
                peer.answer("401 Unauthorized")
                return
            peer.upgrade(request)
            peer.frame(SYSTEM)
            peer.silence()
        elif request.target.endswith("/tickle"):
            cookie = "Set-Cookie: x-sess-uuid=learnt; Secure; HttpOnly; Path=/v1/api"
            peer.answer("200 OK", TICKLE % TOKEN.encode(), cookie)
        else:
            peer.json(b"[]")

    return script


def shown(error: BaseException, *, repeated: bool) -> str:
    """Return all text that a tool could show of an error and its causes, with local variables.

    Args:
        error: the error.
        repeated: whether the response repeats the headers. If so, the result has no local
            variables, because one of them holds the response's text.
    """
    text = f"{error} {error!r} {vars(error)}" + "".join(traceback.format_exception(error))
    seen: BaseException | None = None if repeated else error
    while seen is not None:
        frames = traceback.TracebackException.from_exception(seen, capture_locals=True).stack
        text += "".join(repr(each.locals) for each in frames if "/tests/" not in each.filename)
        seen = seen.__cause__ or seen.__context__
    return text


async def test_headers_go_with_calls_and_with_the_handshake(raw: RawGateway) -> None:
    raw.script(guarded(PROXY))
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(PermissionDenied):
            await client.request("GET", "/trsrv/stocks")
    async with AsyncClient(raw.base_url, headers=PROXY) as client:
        assert await client.request("GET", "/trsrv/stocks") == []
        assert await client.with_options(timeout=5).request("GET", "/trsrv/stocks") == []
        async with AsyncWsClient.connect(client) as ws:
            assert await ws.next_message(timeout=30) is not None
    handshake = raw.requests[-1].headers
    assert handshake["cookie"] == f"x-sess-uuid=learnt; api={TOKEN}"
    names = [name for name, _ in raw.requests[-1].raw_headers]
    assert len(names) == len(set(names))


async def test_the_handshake_without_them_is_refused(raw: RawGateway) -> None:
    def only_the_handshake(request: RawRequest, peer: Peer) -> None:
        guarded(PROXY if "upgrade" in request.headers else {})(request, peer)

    raw.script(only_the_handshake)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(WsConnectFailed, match="403"):
            await AsyncWsClient.connect(client)


async def test_a_pair_goes_as_basic(raw: RawGateway) -> None:
    basic = "Basic " + b64encode(b"me:p:w").decode()
    raw.script(guarded({"Authorization": basic}))
    async with AsyncClient(raw.base_url, auth=("me", "p:w")) as client:
        assert await client.request("GET", "/trsrv/stocks") == []
        async with AsyncWsClient.connect(client) as ws:
            assert await ws.next_message(timeout=30) is not None


async def test_a_function_is_called_for_each_request(raw: RawGateway) -> None:
    calls: list[int] = []

    def renewed() -> dict[str, str]:
        calls.append(len(calls) + 1)
        return {"Authorization": f"Bearer {calls[-1]}", "X-Latin": "é"}

    raw.script(guarded({}))
    async with AsyncClient(raw.base_url, auth=renewed, headers={"X-Fixed": "yes"}) as client:
        await client.request("GET", "/trsrv/stocks")
        await client.request("GET", "/trsrv/stocks")
        async with AsyncWsClient.connect(client) as ws:
            await ws.next_message(timeout=30)
    given = [each.headers["authorization"] for each in raw.requests]
    assert given == [f"Bearer {number}" for number in range(1, len(calls) + 1)]
    assert len(given) == 4
    assert {each.headers["x-fixed"] for each in raw.requests} == {"yes"}
    assert {each.headers["x-latin"] for each in raw.requests} == {"é"}


async def test_a_retry_gets_new_headers(raw: RawGateway) -> None:
    calls: list[int] = []

    def renewed() -> dict[str, str]:
        calls.append(len(calls) + 1)
        return {"Authorization": f"Bearer {calls[-1]}"}

    raw.script(lambda _, peer: peer.answer("503 Busy"), guarded({"Authorization": "Bearer 2"}))
    async with AsyncClient(raw.base_url, auth=renewed, retries=1) as client:
        assert await client.request("GET", "/trsrv/stocks") == []


async def test_a_transport_gets_them_too() -> None:
    seen: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[])

    transport = httpx.MockTransport(respond)
    headers = {**PROXY, "X-Latin": "é"}
    async with AsyncClient(transport=transport, headers=headers) as client:
        await client.request("GET", "/trsrv/stocks")
    assert seen[0].headers["cf-access-client-secret"] == SECRET
    assert (b"X-Latin", b"\xe9") in seen[0].headers.raw


async def test_they_never_follow_a_redirect(raw: RawGateway) -> None:
    with RawGateway() as elsewhere:
        elsewhere.script(guarded({}))
        raw.script(
            lambda _, peer: peer.answer("302 Found", b"", f"Location: {elsewhere.base_url}/x")
        )
        async with AsyncClient(raw.base_url, headers=PROXY) as client:
            with pytest.raises(UnexpectedRedirect):
                await client.request("GET", "/trsrv/stocks")
        assert not elsewhere.requests


async def test_an_error_of_the_function_stops_the_call(raw: RawGateway) -> None:
    problem = OSError("the token service is down")

    def failing() -> dict[str, str]:
        raise problem

    raw.script(guarded({}))
    async with AsyncClient(raw.base_url, auth=failing, retries=3) as client:
        with pytest.raises(CredentialsUnavailable, match="raised OSError") as caught:
            await client.request("GET", "/trsrv/stocks")
        assert caught.value.__cause__ is problem
        assert caught.value.operation == "GET /trsrv/stocks"
        assert caught.value.retryable
        assert caught.value.attempts == 1
        with pytest.raises(CredentialsUnavailable) as caught:
            await client.request("POST", "/iserver/account/DU1/orders", json=ORDER)
        assert "outcome" not in "".join(getattr(caught.value, "__notes__", []))
        with pytest.raises(CredentialsUnavailable):
            await AsyncWsClient.connect(client)
    assert not raw.requests


async def test_an_account_is_free_after_an_error_of_the_function(raw: RawGateway) -> None:
    given = iter([{"Cookie": "a=b"}, {"X-A": "1"}, {"X-A": "1"}])
    raw.script(lambda _, peer: peer.json(b'[{"order_id":"1","order_status":"Submitted"}]'))
    async with AsyncClient(raw.base_url, auth=lambda: next(given), max_wait=5) as client:
        call = "/iserver/account/DU1/orders"
        with pytest.raises(InvalidRequest, match="must not contain 'Cookie'"):
            await client.request("POST", call, json=ORDER)
        assert (await client.request("POST", call, json=ORDER))[0]["order_id"] == "1"
    assert len([each for each in raw.requests if each.target.endswith(call)]) == 1


async def test_an_interrupt_in_the_function_leaves_nothing_unknown(raw: RawGateway) -> None:
    class Interrupt(BaseException):
        pass

    def interrupted() -> dict[str, str]:
        raise Interrupt

    raw.script(guarded({}))
    async with AsyncClient(raw.base_url, auth=interrupted) as client:
        with pytest.raises(Interrupt) as caught:
            await client.request("POST", "/iserver/account/DU1/orders", json=ORDER)
    assert not getattr(caught.value, "__notes__", [])
    assert not raw.requests


async def test_a_slow_function_uses_up_the_timeout(raw: RawGateway) -> None:
    async def slow() -> dict[str, str]:
        await pause(0.1)
        return {}

    raw.script(guarded({}))
    async with AsyncClient(raw.base_url, auth=slow, timeout=0.05) as client:
        with pytest.raises(HttpTimeout, match=r"took longer than|before the request was sent"):
            await client.request("GET", "/trsrv/stocks")
    assert not raw.requests


async def test_a_function_may_be_asynchronous(raw: RawGateway) -> None:
    async def token() -> dict[str, str]:
        await pause(0.001)
        return PROXY

    raw.script(guarded(PROXY))
    async with AsyncClient(raw.base_url, auth=token) as client:
        assert await client.request("GET", "/trsrv/stocks") == []
        async with AsyncWsClient.connect(client) as ws:
            assert await ws.next_message(timeout=30) is not None


async def test_a_stream_connects_again_with_new_headers(raw: RawGateway) -> None:
    current = {"token": "first"}
    handshakes: list[str] = []

    def script(request: RawRequest, peer: Peer) -> None:
        guarded({"X-Token": current["token"]})(request, peer)

    def breaking(request: RawRequest, peer: Peer) -> None:
        if "upgrade" not in request.headers:
            script(request, peer)
            return
        handshakes.append(request.headers["x-token"])
        peer.upgrade(request)
        peer.frame(SYSTEM)
        if len(handshakes) > 1:
            peer.silence()
            return
        current["token"] = "second"
        peer.reset()

    raw.script(breaking)
    async with (
        AsyncClient(raw.base_url, auth=lambda: {"X-Token": current["token"]}) as client,
        AsyncWsClient.connect(client) as ws,
    ):
        await until(lambda: len(handshakes) > 1)
        assert await ws.next_message(timeout=30) is not None
    assert handshakes == ["first", "second"]


async def test_many_calls_at_once(raw: RawGateway) -> None:
    raw.script(guarded(PROXY))
    async with AsyncClient(raw.base_url, auth=lambda: PROXY) as client:

        async def one() -> Any:
            return await client.request("GET", "/trsrv/stocks")

        assert await gather(*[one] * 8) == [[]] * 8


def echo(request: RawRequest, peer: Peer) -> None:
    body = "".join(f"{name}: {value}\n" for name, value in request.raw_headers).encode()
    peer.answer("400 Bad Request", b'{"error":"you sent ' + body.replace(b"\n", b" ") + b'"}')


BREAKS: dict[str, Script] = {
    "echo": echo,
    "403": lambda request, peer: peer.answer("403 No", request.headers["x-odd"].encode()),
    "not json": lambda request, peer: peer.json(request.headers["x-odd"].encode()),
    "429": lambda request, peer: peer.answer("429 No", request.headers["x-odd"].encode()),
    "302": lambda request, peer: peer.answer("302 Found", b"", "Location: /x"),
    "nonsense": lambda request, peer: peer.send(b"nonsense\r\n\r\n"),
    "closed": lambda request, peer: peer.sock.close(),
    "reset": lambda request, peer: peer.reset(),
    "too much": lambda request, peer: peer.send(b"HTTP/1.1 200 x\r\n" + b"a: b\r\n" * 40_000),
    "silence": lambda request, peer: peer.silence(),
}


REPEATING = ("echo", "403", "not json", "429")


async def read(client: AsyncClient) -> None:
    await client.request("GET", "/trsrv/stocks")


async def order(client: AsyncClient) -> None:
    await client.request("POST", "/iserver/account/DU1/orders", json=ORDER)


async def stream(client: AsyncClient) -> None:
    await AsyncWsClient.connect(client)


CALLS = {"read": read, "order": order, "stream": stream}


@pytest.mark.parametrize("name", BREAKS)
@pytest.mark.parametrize("call", CALLS)
async def test_nothing_shows_them(
    raw: RawGateway, name: str, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {**PROXY, "X-Odd": SECRET}

    def script(request: RawRequest, peer: Peer) -> None:
        prepares = request.target.endswith("/iserver/accounts")
        if prepares or (call == "stream" and "upgrade" not in request.headers):
            guarded(PROXY)(request, peer)
        else:
            BREAKS[name](request, peer)

    raw.script(script)
    client = AsyncClient(raw.base_url, headers=headers, auth=("me", SECRET), timeout=0.5)
    basic = b64encode(f"me:{SECRET}".encode()).decode()
    async with client:
        with pytest.raises(BezantError) as caught:
            await CALLS[call](client)
        assert raw.requests[-1].headers["x-odd"] == SECRET
        text = (
            shown(caught.value, repeated=name in REPEATING)
            + caplog.text
            + repr(client)
            + repr(vars(client))
        )
        text += repr(client._settings) + repr(client._pipeline)
    assert "bezant" in caplog.text
    assert SECRET not in text
    assert basic not in text


async def test_a_lost_connection_is_reported_as_ever(raw: RawGateway) -> None:
    raw.script(BREAKS["reset"])
    async with AsyncClient(raw.base_url, headers=PROXY) as client:
        with pytest.raises(ConnectionLost):
            await client.request("GET", "/trsrv/stocks")
        with pytest.raises(OutcomeUnknown):
            await client.request("POST", "/some/call", json={})
