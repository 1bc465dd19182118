"""Tests of the client's typed and raw calls against the simulated gateway."""

from __future__ import annotations

import gc
import logging
import warnings
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AuthStatus,
    BezantError,
    ClientClosed,
    CompetingSession,
    InvalidBaseUrl,
    InvalidRequest,
    LoginState,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    NotFound,
    OutcomeUnknown,
    SessionChange,
    UnexpectedRedirect,
)
from bezant.models import Account, Position
from bezant.sim import SimulatedGateway
from tests.support._async import gather


async def test_health_of_a_session_that_can_be_used(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        status = await client.health()
        assert isinstance(status, AuthStatus)
        assert status.ready
        assert status.established is True
        assert gateway.count("POST", "/iserver/auth/status") == 1
        assert gateway.count("POST", "/tickle") == 0


async def test_health_without_a_login(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.logout()
        with pytest.raises(NotAuthenticated, match="log in at the gateway's page") as caught:
            await client.health()
        assert caught.value.needs_login
        assert caught.value.login_url == gateway.root_url
        assert str(caught.value).endswith(f"({gateway.root_url})")
        assert not caught.value.retryable


async def test_health_says_that_the_brokerage_session_is_closed(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.drop_brokerage()
        with pytest.raises(NoSession, match=r"client\.session\.initialize\(\)") as caught:
            await client.health()
        assert caught.value.status is not None
        assert caught.value.status.connected is True
        assert not caught.value.needs_login
        assert gateway.root_url not in str(caught.value)


@pytest.mark.parametrize("style", ["redirect", "unauthorized", "html"])
async def test_all_ways_of_not_being_logged_in(gateway: SimulatedGateway, style: Any) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.logout(style=style)
        for call in (client.health, client.tickle, client.accounts):
            with pytest.raises(NotAuthenticated, match=gateway.root_url):
                await call()
        gateway.login()
        assert (await client.health()).ready


async def test_health_says_that_the_gateway_is_not_connected(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.disconnect()
        with pytest.raises(NoSession, match="not connected"):
            await client.health()


async def test_health_says_that_the_session_is_not_established(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.unestablish()
        with pytest.raises(NotEstablished, match="not established") as caught:
            await client.health()
        assert caught.value.retryable


async def test_health_says_that_another_session_competes(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.compete()
        with pytest.raises(CompetingSession, match="another session"):
            await client.health()


async def test_a_first_denial_is_checked_with_a_tickle(gateway: SimulatedGateway) -> None:
    denial = b'{"authenticated":false,"connected":true,"competing":false}'
    gateway.faults.fail_next("/iserver/auth/status", status=200, body=denial)
    async with AsyncClient(gateway.base_url) as client:
        assert (await client.health()).ready
        assert gateway.count("POST", "/tickle") == 1


async def test_auth_status_tickle_and_logout(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        assert (await client.auth_status()).authenticated is True
        tickle = await client.tickle()
        assert tickle.session
        assert tickle.status is not None
        assert tickle.status.ready
        assert str(tickle.session) not in repr(tickle)
        await client.logout()
        with pytest.raises(NotAuthenticated):
            await client.accounts()


async def test_accounts(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        accounts = await client.accounts()
        assert [each.account_id for each in accounts] == [gateway.account_id]
        assert isinstance(accounts[0], Account)
        assert accounts[0].currency == "USD"


@pytest.mark.parametrize("count", [0, 1, 30, 99, 100, 101, 250, 300])
async def test_every_position_once(count: int) -> None:
    with SimulatedGateway(positions=count) as gateway:
        async with AsyncClient(gateway.base_url, strict=True) as client:
            positions = await client.all_positions(gateway.account_id)
            pages = gateway.count("GET", f"/portfolio/{gateway.account_id}/positions/0")
        conids = [each.conid for each in positions]
        assert len(conids) == len(set(conids)) == count
        assert pages == 1
        assert gateway.count("GET", "/portfolio/accounts") == 1


async def test_positions_page_by_page(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        sizes = []
        async for page in client.position_pages(gateway.account_id):
            assert all(isinstance(each, Position) for each in page)
            sizes.append(len(page))
        assert sizes == [100, 100, 50]
        # Several calls need the accounts to be requested first. The client does it once per
        # session.
        await client.all_positions(gateway.account_id)
        assert gateway.count("GET", "/portfolio/accounts") == 1


async def test_a_new_login_asks_for_the_accounts_again(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await client.all_positions(gateway.account_id)
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await client.all_positions(gateway.account_id)
        gateway.login()
        assert len(await client.all_positions(gateway.account_id)) == 250
        assert gateway.count("GET", "/portfolio/accounts") == 2


async def test_an_unknown_account_is_not_taken_for_a_lost_login(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        changes: list[SessionChange] = []
        client.session.on_change(changes.append)
        await client.health()
        for _ in range(3):
            with pytest.raises(NotAuthenticated, match="check the account id") as caught:
                await client.all_positions("DU9999999")
            assert not caught.value.needs_login
        assert client.session.login is LoginState.LOGGED_IN
        assert [each.needs_login for each in changes] == [False]


@pytest.mark.parametrize("account_id", ["", ".", "..", " ", None, 1.5])
async def test_account_ids_that_are_refused_before_sending(
    gateway: SimulatedGateway, account_id: Any
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match="accountId"):
            await client.all_positions(account_id)
    assert gateway.requests == []


async def test_raw_requests(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        plain = await client.request("GET", "/iserver/accounts")
        assert gateway.account_id in plain["accounts"]
        assert (await client.request("get", "v1/api/iserver/accounts")) == plain
        typed = await client.request("GET", "/portfolio/accounts", type=list[Account])
        assert typed[0].account_id == gateway.account_id
        body = await client.request("GET", "/iserver/accounts", type=bytes)
        assert body.startswith(b"{")
        text = await client.request("GET", "/iserver/accounts", type=str)
        assert text == body.decode()
        await client.request("POST", "/tickle", type=None)
        stocks = await client.request("GET", "/trsrv/stocks", params={"symbols": ["AAPL", "MSFT"]})
        assert set(stocks) == {"AAPL", "MSFT"}
        with pytest.raises(NotFound, match="GET /no/such/path"):
            await client.request("GET", "/no/such/path")
    async with AsyncClient(f"{gateway.root_url}/elsewhere") as client:
        with pytest.raises(UnexpectedRedirect):
            await client.request("GET", "/nothing")


@pytest.mark.parametrize(
    ("method", "path", "params", "why"),
    [
        ("FETCH", "/x", None, "method must be"),
        ("GET", "", None, "path must be"),
        ("GET", "/", None, "path must be"),
        ("GET", "/a/../b", None, "dot segments"),
        ("GET", "/a//b", None, "empty or dot"),
        ("GET", "/a?b=1", None, "params"),
        ("GET", "/a b", None, "spaces"),
        ("GET", "/a\nb", None, "spaces"),
        ("GET", "https://elsewhere/a", None, "relative"),
        ("GET", "/a", {"x": object()}, "query value x"),
        ("GET", "/a", {"x": float("nan")}, "query value x"),
        (
            "GET",
            "/iserver/marketdata/snapshot",
            {"conids": list(range(10**8, 10**8 + 450))},
            "4096",
        ),
    ],
)
async def test_raw_requests_that_are_refused_before_sending(
    gateway: SimulatedGateway, method: str, path: str, params: Any, why: str
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match=why):
            await client.request(method, path, params=params)
    assert gateway.requests == []


async def test_bodies_that_are_refused_before_sending(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        for body in (object(), {"price": float("nan")}, [float("inf")], "\ud800"):
            with pytest.raises(InvalidRequest):
                await client.request("POST", "/iserver/x", json=body)
    assert gateway.requests == []


async def test_what_goes_over_the_wire(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, user_agent="my-bot/0.1") as client:
        await client.tickle()
        await client.tickle()
        await client.request("GET", "/iserver/accounts", params={"a": True, "b": None, "c": [1, 2]})
    first, second, third = gateway.requests
    assert first.headers["user-agent"] == "my-bot/0.1"
    assert first.headers["origin"] == gateway.root_url
    assert first.headers["referer"] == gateway.root_url + "/"
    assert first.headers["content-length"] == "0"
    assert "transfer-encoding" not in first.headers
    assert "cookie" not in first.headers
    names = [pair.split("=")[0] for pair in second.headers["cookie"].split("; ")]
    assert names
    assert len(names) == len(set(names))
    assert third.query == {"a": "true", "c": "1,2"}
    assert "content-length" not in third.headers


async def test_a_copy_shares_connections_and_needs_no_closing(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, timeout=30) as client:
        copy = client.with_options(timeout=5, user_agent="copy/1")
        await copy.tickle()
        await copy.aclose()
        await client.tickle()
        assert gateway.requests[0].headers["user-agent"] == "copy/1"
        with pytest.raises(InvalidRequest):
            client.with_options(timeout=-1)
        assert not copy.closed
    assert copy.closed
    with pytest.raises(ClientClosed):
        await copy.tickle()


async def test_a_closed_client_says_so(gateway: SimulatedGateway) -> None:
    client = AsyncClient(gateway.base_url)
    await client.aclose()
    await client.aclose()
    for call in (client.tickle, client.health, client.__aenter__):
        with pytest.raises(ClientClosed, match="make another"):
            await call()
    with pytest.raises(ClientClosed):
        client.keepalive()
    assert "closed" in repr(client)


async def test_a_forgotten_client_warns(gateway: SimulatedGateway) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # an unused client needs no closing
        AsyncClient(gateway.base_url)
        gc.collect()
    client = AsyncClient(gateway.base_url)
    await client.tickle()
    transport = client._pipeline._transport
    with pytest.warns(ResourceWarning, match="never closed"):  # noqa: PT031
        del client
        gc.collect()
    assert transport is not None
    await transport.aclose()


async def test_names_of_the_base_url(gateway: SimulatedGateway) -> None:
    client = AsyncClient(gateway.root_url + "/")
    assert client.base_url == gateway.base_url
    assert client.gateway_root == gateway.root_url
    localhost = AsyncClient(f"https://localhost:{gateway.port}/v1/api")
    async with localhost:
        assert (await localhost.health()).ready


async def test_the_environment_names_the_gateway(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IBKR_GATEWAY_URL", "https://gateway.example:5000/v1/api")
    assert AsyncClient().base_url == "https://gateway.example:5000/v1/api"
    monkeypatch.setenv("BEZANT_GATEWAY_URL", gateway.base_url)
    async with AsyncClient() as client:
        assert (await client.health()).ready
    monkeypatch.delenv("BEZANT_GATEWAY_URL")
    monkeypatch.delenv("IBKR_GATEWAY_URL")
    assert AsyncClient().base_url == "https://localhost:5000/v1/api"


@pytest.mark.parametrize(
    "url", ["", "localhost:5000", "ftp://x", "https://", "https://a b", "https://u:p@h"]
)
def test_base_urls_that_do_not_parse(url: str) -> None:
    with pytest.raises(InvalidBaseUrl):
        AsyncClient(url)
    with pytest.raises(ValueError, match=r"URL|http|user"):
        AsyncClient(url)


async def test_an_unknown_outcome_is_never_retryable(
    gateway: SimulatedGateway,
) -> None:
    gateway.faults.fail_next("/orders", status=503)
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(OutcomeUnknown, match=r"POST /iserver/account/X/orders") as caught:
            await client.request("POST", "/iserver/account/X/orders", json={"orders": []})
    assert caught.value.status == 503
    assert not caught.value.retryable


async def test_many_at_once_share_the_connections(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        results = await gather(*[client.tickle for _ in range(20)])
        assert all(not isinstance(each, BaseException) for each in results)
    assert gateway.count("POST", "/tickle") == 20


async def test_drift_is_reported_once_and_strict_raises(gateway: SimulatedGateway) -> None:
    from bezant import DecodeError, Drift, DriftWarning

    wrong = b'{"authenticated": {"x": 1}, "connected": true}'
    drifts: list[Drift] = []
    async with AsyncClient(gateway.base_url, on_drift=drifts.append) as client:
        for _ in range(2):
            gateway.faults.fail_next("/iserver/auth/status", status=200, body=wrong)
            status = await client.auth_status()
            assert not status.authenticated
            assert status.connected is True
        assert [each.field for each in drifts] == ["authenticated"]
        gateway.faults.fail_next("/iserver/auth/status", status=200, body=wrong)
        with pytest.raises(DecodeError, match=r"AuthStatus\.authenticated"):
            await client.with_options(strict=True).auth_status()
    async with AsyncClient(gateway.base_url) as client:
        gateway.faults.fail_next("/iserver/auth/status", status=200, body=wrong)
        with pytest.warns(DriftWarning, match=r"AuthStatus\.authenticated should be bool"):
            await client.auth_status()


async def test_nothing_secret_is_shown_or_logged(
    gateway: SimulatedGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bezant")
    async with AsyncClient(gateway.base_url) as client:
        session = (await client.tickle()).session
        await client.tickle()
        cookies = client._pipeline._cookies.header()
        gateway.faults.fail_next("/tickle", status=500, body=f'{{"session":"{session}"}}'.encode())
        with pytest.raises(BezantError) as caught:
            await client.tickle()
    assert session
    assert cookies
    shown = caplog.text + str(caught.value) + repr(caught.value) + repr(client)
    shown += repr(vars(client)) + repr(vars(caught.value))
    assert session not in shown
    for pair in cookies.split("; "):
        assert pair.split("=", 1)[1] not in shown
    assert "POST /tickle: HTTP 200" in caplog.text
