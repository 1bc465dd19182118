"""Tests of login, keepalive, and the headers and paths that the real gateway forwards."""

from __future__ import annotations

import asyncio
import time

import pytest

import bezant
from bezant import (
    InvalidRequest,
    NoSession,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    UnexpectedRedirect,
)
from tests.gateway.chain import Chain
from tests.gateway.relay import relay
from tests.gateway.twins import Twin, until


async def test_health_soon_after_the_login(gateway: Chain, twin: Twin) -> None:
    gateway.logout("unauthorized")
    async with twin.client(gateway.base_url) as client:
        with pytest.raises(NotAuthenticated):
            await client.health()
        await asyncio.to_thread(gateway.real.log_in)
        # The gateway opens the brokerage session only `authDelay` after the login, so the test
        # polls.
        denials = 0
        deadline = time.monotonic() + 5
        status = None
        while status is None:
            try:
                status = await client.health()
            except (NotAuthenticated, NoSession):
                denials += 1
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
        assert status.ready
        assert denials
        targets = [each.target for each in gateway.own_requests]
        # Leave out requests that the gateway makes at any time.
        targets = [each for each in targets if "/iserver/" not in each and "tickle" not in each]
        begin = targets.index("/sso/Dispatcher") + 1
        assert targets[begin : begin + 4] == [
            "/v1/api/sso/validate?gw=1",
            "/v1/api/one/user",
            "/v1/api/ssodh/init",
            "/v1/api/ssodh/st",
        ]
        assert b'"compete":true' in b"".join(each.body for each in gateway.own_requests)
        await until(lambda: gateway.own_requests[-1].path == "/v1/api/iserver/accounts")


async def test_a_day_of_calls(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, strict=True) as client:
        assert (await client.health()).ready
        assert (await client.tickle()).status.ready
        accounts = await client.accounts()
        assert [each.account_id for each in accounts] == [gateway.account_id]
        positions = await client.all_positions(gateway.account_id)
        assert len(positions) == 250
        assert len({each.conid for each in positions}) == 250
        pages = [each.target for each in gateway.requests if "/positions/" in each.path]
        assert [each.partition("?")[0].rpartition("/")[2] for each in pages] == ["0", "1", "2"]
        account = f"/portfolio/{gateway.account_id}"
        assert "BASE" in await client.request("GET", f"{account}/ledger")
        assert "netliquidation" in await client.request("GET", f"{account}/summary")
        trading = await client.request("GET", "/iserver/accounts")
        assert trading["accounts"] == [gateway.account_id]
        snapshot = {"conids": [265598], "fields": ["31", "84"]}
        await client.request("GET", "/iserver/marketdata/snapshot", params=snapshot)
        rows = await client.request("GET", "/iserver/marketdata/snapshot", params=snapshot)
        assert {"31", "84"} <= rows[0].keys()
        bars = {"conid": 265598, "period": "1w", "bar": "1h"}
        history = await client.request("GET", "/iserver/marketdata/history", params=bars)
        assert history["data"]
        listed = await client.request("GET", "/trsrv/stocks", params={"symbols": "AAPL"})
        assert listed["AAPL"]


async def test_logout(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        await client.logout()
        assert gateway.count("POST", "/logout") == 1
        with pytest.raises(NotAuthenticated):
            await client.tickle()
        # The gateway forwards the logout, but keeps its own cookies. So a login behind the gateway
        # suffices to use the session again.
        gateway.login()
        assert (await client.health()).ready
        assert "XYZAB=jar-token" in gateway.requests[-1].headers["cookie"]


async def test_cookies_of_a_client_go_no_further(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        await client.tickle()
        session = (await client.tickle()).session
        async with await twin.connect(client):
            pass
    assert session
    for each in gateway.requests:
        assert "x-sess-uuid" not in each.headers["cookie"]
        assert session not in each.headers["cookie"]
    handshake = gateway.ws_connections[0].headers
    assert handshake["user-agent"] == "ClientPortalGW/1"
    assert "origin" not in handshake


async def test_headers_that_reach_the_upstream(gateway: Chain, twin: Twin) -> None:
    odd = {"q": "a b/ü+&=", "list": ["x", 2]}
    async with twin.client(gateway.base_url, user_agent="my-bot/0.1") as client:
        with pytest.raises(NotFound):
            await client.request("PUT", "/no%2Fsuch", params=odd, json={"a": [1, "ü"]})
        with pytest.raises(NotFound):
            await client.request("DELETE", "/nosuch")
        with pytest.raises(NotFound):
            await client.request("POST", "/nosuch", json={"long": "x" * 1_000_000})
    put, delete, post = gateway.requests
    assert put.target == "/v1/api/no%2Fsuch?q=a%20b%2F%C3%BC%2B%26%3D&list=x,2"
    assert put.body == '{"a":[1,"ü"]}'.encode()
    assert put.headers["user-agent"] == "my-bot/0.1"
    assert put.headers["origin"] == gateway.root_url
    assert delete.headers["content-length"] == "0"
    assert len(post.body) == 1_000_011


async def test_paths_to_which_the_gateway_responds_itself(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        answer = await client.request("POST", "/iserver/reauthenticate")
        assert answer == {"message": "triggered"}
    async with twin.client(f"{gateway.root_url}/elsewhere") as client:
        with pytest.raises(UnexpectedRedirect, match=r"http://api\.test:[0-9]+/elsewhere/x"):
            await client.request("GET", "/x")
    async with twin.client(f"{gateway.root_url}/v1/tws") as client:
        with pytest.raises(NotFound, match="does not know this path"):
            await client.request("GET", "/x")
    assert gateway.requests == []


async def test_the_other_spelling_of_the_base_path(gateway: Chain, twin: Twin) -> None:
    async with twin.client(f"{gateway.root_url}/v1/portal") as client:
        assert (await client.health()).ready
    assert gateway.requests[0].path == "/v1/api/iserver/auth/status"


async def test_the_longest_request_line(gateway: Chain, twin: Twin) -> None:
    longest = 4096 - len("GET /v1/api/nosuch?q= HTTP/1.1\r\n")
    async with twin.client(gateway.base_url) as client:
        with pytest.raises(NotFound):
            await client.request("GET", "/nosuch", params={"q": "x" * longest})
        assert len(gateway.requests) == 1
        with pytest.raises(InvalidRequest, match="request line would have 4097 bytes"):
            await client.request("GET", "/nosuch", params={"q": "x" * (longest + 1)})
        assert len(gateway.requests) == 1


async def test_the_longest_headers(gateway: Chain, twin: Twin) -> None:
    for size in (7000, 7600):
        async with twin.client(gateway.base_url, user_agent="x" * size) as client:
            await client.tickle()
    async with twin.client(gateway.base_url, user_agent="x" * 8000) as client:
        with pytest.raises(InvalidRequest, match="longer than the 8192 bytes"):
            await client.tickle()


async def test_an_address_that_is_not_allowed(gateway: Chain, twin: Twin) -> None:
    async with relay("127.0.0.2", gateway.port) as port:
        async with twin.client(f"https://127.0.0.1:{port}") as client:
            with pytest.raises(PermissionDenied, match=r"ips\.allow"):
                await client.tickle()
    assert gateway.requests == []


async def test_keepalive_over_an_outage(gateway: Chain, twin: Twin) -> None:
    lost: list[bezant.BezantError] = []
    restored: list[bool] = []
    async with twin.client(gateway.base_url, timeout=0.4) as client:
        alive = await twin.keepalive(
            client, 0.05, on_lost=lost.append, on_restored=lambda: restored.append(True)
        )
        async with alive:
            await until(lambda: gateway.count("POST", "/tickle") >= 2)
            gateway.stop()
            await until(lambda: lost)
            assert alive.lost
            gateway.start()
            await until(lambda: restored)
            assert not alive.lost
    assert isinstance(lost[0], bezant.HttpTimeout)
    assert len(lost) == len(restored) == 1


async def test_pacing_keeps_a_way_for_the_tickle(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, pacing=True) as client:
        started = time.monotonic()
        await asyncio.gather(*(client.request("GET", "/iserver/accounts") for _ in range(15)))
        assert time.monotonic() - started > 0.9


async def test_the_gateway_logs_in_again_by_itself(gateway: Chain) -> None:
    gateway.fail_own_tickle = True
    gateway.drop_brokerage()
    async with bezant.AsyncClient(gateway.base_url) as client:
        with pytest.raises(NoSession):
            await client.health()
        # The gateway itself sends a tickle every 30 s. If the tickle is refused, it logs in again.
        await until(
            lambda: any(each.path.endswith("/validate") for each in gateway.own_requests), 40
        )
        gateway.fail_own_tickle = False
        await until(lambda: gateway.own_requests[-1].path == "/v1/api/iserver/accounts")
        assert (await client.health()).ready
