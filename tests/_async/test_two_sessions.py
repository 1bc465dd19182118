"""Tests of the login and of the brokerage session: each can end without the other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bezant import (
    ApiError,
    AsyncClient,
    BezantError,
    BrokerageState,
    CompetingSession,
    LoginState,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    OutcomeUnknown,
    SessionChange,
    SessionState,
)
from bezant.models.orders import OrderTicket
from bezant.sim import SimulatedGateway
from tests.support import rows
from tests.support._async import until
from tests.support.raw import Peer, RawGateway, RawRequest

INIT = "/iserver/auth/ssodh/init"
READY = {"authenticated": True, "established": True, "connected": True, "competing": False}
CLOSED = {"authenticated": False, "established": False, "connected": True, "competing": False}
STUCK = {**READY, "established": False}
CAPABILITY = "Force compete capability must be used together with compete flag"


class Gateway:
    """Gateway that is logged in, and reports the given flags as the brokerage session's state."""

    def __init__(self, raw: RawGateway, flags: dict[str, Any]) -> None:
        self.raw = raw
        self.flags = flags
        self.token = "one"
        self.answers: dict[str, tuple[str, object]] = {}
        self.opened: list[bool] = []
        raw.script(self._answer)

    def opens(self, compete: bool) -> object:
        """Open the brokerage session, and return the response to the request for it."""
        self.flags = READY
        return {"passed": True, **READY}

    def _answer(self, request: RawRequest, peer: Peer) -> None:
        path = request.target.removeprefix("/v1/api").partition("?")[0]
        status, answer = self.answers.get(path, ("200 OK", []))
        if path == "/tickle":
            answer = {"session": self.token, "iserver": {"authStatus": self.flags}}
        elif path == "/iserver/auth/status":
            answer = self.flags
        elif path == INIT and path not in self.answers:
            self.opened.append(json.loads(request.body)["compete"])
            answer = self.opens(self.opened[-1])
        elif path.startswith("/iserver") and self.flags is CLOSED and path not in self.answers:
            status, answer = "400 Bad", {"error": "Bad Request: no bridge", "statusCode": 400}
        elif path == "/portfolio/accounts":
            answer = [rows.account("U1")]
        elif path.startswith("/portfolio/U1/positions"):
            answer = [rows.position()]
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        peer.answer(status, body, "Content-Type: application/json")


def heard(client: AsyncClient) -> list[SessionChange]:
    changes: list[SessionChange] = []
    client.session.on_change(changes.append)
    return changes


async def place(client: AsyncClient) -> None:
    ticket = OrderTicket(conid=1, side="BUY", order_type="MKT", quantity=1, time_in_force="DAY")
    await client.api.orders.submit_new_orders(account_id="U1", orders=[ticket])


@pytest.mark.parametrize("connected", [True, False])
async def test_a_closed_brokerage_session_needs_no_browser(
    raw: RawGateway, connected: bool
) -> None:
    gateway = Gateway(raw, CLOSED if connected else {**CLOSED, "connected": False})
    async with AsyncClient(raw.base_url) as client:
        changes = heard(client)
        assert len(await client.all_positions("U1")) == 1
        with pytest.raises(NoSession) as caught:
            await client.health()
        assert "client.session.initialize()" in str(caught.value)
        assert not caught.value.needs_login
        session = client.session
        assert (session.login, session.brokerage) == (LoginState.LOGGED_IN, BrokerageState.CLOSED)
        with pytest.raises(NoSession, match="initialize"):
            await session.wait_ready(timeout=0.1)
        assert (await session.initialize()).ready
        assert session.brokerage is BrokerageState.ESTABLISHED
    assert not any(each.needs_login for each in changes)
    assert gateway.opened == [False]


async def test_brokerage_calls_report_the_closed_brokerage_session(raw: RawGateway) -> None:
    gateway = Gateway(raw, READY)
    async with AsyncClient(raw.base_url) as client:
        changes = heard(client)
        await client.health()
        gateway.flags = CLOSED
        with pytest.raises(NoSession, match="initialize") as caught:
            await client.api.contracts.search_contracts(symbol="AAPL")
        assert client.session.state is SessionState.CLOSED
        with pytest.raises(NoSession, match="initialize"):
            await place(client)
        assert caught.value.retryable
        assert [each.lost for each in changes] == [None, "brokerage"]
        await client.session.initialize(timeout=5)
        assert [each.is_gain for each in changes] == [False, False, True]


@pytest.mark.parametrize("style", ["redirect", "html", "unauthorized"])
async def test_the_login_is_lost(gateway: SimulatedGateway, style: Any) -> None:
    async with AsyncClient(gateway.base_url) as client:
        changes = heard(client)
        await client.health()
        gateway.logout(style)
        with pytest.raises(NotAuthenticated) as caught:
            await client.all_positions(gateway.account_id)
        # A 401 may only mean that the account is not accessible, so the error does not ask for a
        # login. The other styles send the login page, which leaves no doubt.
        assert caught.value.needs_login is (style != "unauthorized")
        with pytest.raises(NotAuthenticated) as caught:
            await client.health()
        assert caught.value.needs_login
        assert client.session.login is LoginState.LOGGED_OUT
        assert client.session.brokerage is BrokerageState.CLOSED
    assert [each.lost for each in changes] == [None, "login"]
    assert changes[-1].needs_login


async def test_refused_words_are_no_lost_login(raw: RawGateway) -> None:
    gateway = Gateway(raw, READY)
    gateway.answers["/iserver/x"] = ("200 OK", {"error": "not authenticated"})
    gateway.answers["/hmds/x"] = ("400 Bad", {"error": "Bad Request: no bridge"})
    async with AsyncClient(raw.base_url) as client:
        await client.health()
        with pytest.raises(NotAuthenticated) as caught:
            await client.request("GET", "/iserver/x")
        assert not caught.value.needs_login
        # The session for historical data (hmds) is closed. The brokerage session does not depend on
        # it.
        with pytest.raises(NoSession):
            await client.request("GET", "/hmds/x")
        assert client.session.ready


async def test_a_refusal_for_want_of_compete_says_so_at_once(raw: RawGateway) -> None:
    gateway = Gateway(raw, CLOSED)

    def opens(compete: bool) -> object:
        gateway.flags = READY if compete else CLOSED
        return {"passed": compete, "fail": "" if compete else CAPABILITY}

    gateway.opens = opens  # type: ignore[method-assign]
    async with AsyncClient(raw.base_url) as client:
        changes = heard(client)
        with pytest.raises(NoSession, match=r"Force compete .*initialize\(compete=True\)"):
            await client.session.initialize(timeout=60)
        assert (await client.session.initialize(compete=True)).ready
    assert not any(each.needs_login for each in changes)
    assert gateway.opened == [False, True]


async def test_a_competing_session_is_reported_at_once(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.compete()
        with pytest.raises(CompetingSession, match="compete=True") as caught:
            await client.session.initialize(timeout=60)
        assert not caught.value.needs_login
        assert client.session.brokerage is BrokerageState.COMPETING
        assert client.session.login is LoginState.LOGGED_IN
        assert (await client.session.initialize(compete=True)).ready


@pytest.mark.parametrize("answer", [{"passed": True}, {"passed": False, "fail": "broken"}, []])
async def test_a_session_that_cannot_be_opened_needs_a_login(
    raw: RawGateway, answer: object
) -> None:
    gateway = Gateway(raw, CLOSED)
    gateway.opens = lambda compete: answer  # type: ignore[method-assign]
    async with AsyncClient(raw.base_url) as client:
        changes = heard(client)
        with pytest.raises(NotAuthenticated, match="browser") as caught:
            await client.session.initialize(timeout=0.1)
        assert caught.value.needs_login
        assert caught.value.login_url == raw.base_url.removesuffix("/v1/api")
        assert client.session.login is LoginState.LOGGED_OUT
        # The state stays "logged out" until the next login, whatever flags the gateway reports.
        await client.tickle()
        with pytest.raises(NotAuthenticated):
            await client.health()
        assert [each.needs_login for each in changes] == [False, True]
        gateway.token = "two"
        await client.tickle()
        assert client.session.state is SessionState.CLOSED


async def test_a_line_that_is_down_needs_no_login(raw: RawGateway) -> None:
    gateway = Gateway(raw, {**CLOSED, "connected": False})
    gateway.opens = lambda compete: {"passed": True}  # type: ignore[method-assign]
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NoSession) as caught:
            await client.session.initialize(timeout=0.1)
        assert not caught.value.needs_login


async def test_another_session_may_win(raw: RawGateway) -> None:
    gateway = Gateway(raw, CLOSED)

    def opens(compete: bool) -> object:
        gateway.flags = {**CLOSED, "competing": True}
        return {"passed": True}

    gateway.opens = opens  # type: ignore[method-assign]
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(CompetingSession):
            await client.session.initialize(compete=True, timeout=0.1)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("500 Oops", b'{"error":"failed to generate sso dh token"}'),
        ("400 Bad", b'{"error":"no"}'),
        ("200 OK", b'{"error":"no"}'),
    ],
)
async def test_a_refusal_needs_a_login(raw: RawGateway, status: str, body: bytes) -> None:
    gateway = Gateway(raw, CLOSED)
    gateway.answers[INIT] = (status, body)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NotAuthenticated, match="refused to open") as caught:
            await client.session.initialize()
        assert json.loads(body)["error"] in str(caught.value)
        assert isinstance(caught.value.__cause__, ApiError)
        assert client.session.login is LoginState.LOGGED_OUT


async def test_an_unknown_outcome_stays_one(raw: RawGateway) -> None:
    gateway = Gateway(raw, CLOSED)
    gateway.answers[INIT] = ("500 Oops", b"")
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(OutcomeUnknown):
            await client.session.initialize(timeout=0.1)
        assert client.session.state is SessionState.CLOSED


async def test_a_session_that_is_never_established_is_opened_again(raw: RawGateway) -> None:
    gateway = Gateway(raw, STUCK)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NotEstablished, match="not established yet"):
            await client.health()
        assert client.session.brokerage is BrokerageState.NOT_ESTABLISHED
        assert client.session.login is LoginState.LOGGED_IN
        assert (await client.session.initialize(timeout=0.2)).ready
    assert gateway.opened == [False]


async def test_the_keepalive_reports_which_session_is_lost(gateway: SimulatedGateway) -> None:
    told: list[tuple[str, bool]] = []

    def lost(error: BezantError) -> None:
        told.append((type(error).__name__, getattr(error, "needs_login", False)))

    async with AsyncClient(gateway.base_url) as client:
        async with client.keepalive(interval=0.01, on_lost=lost) as keepalive:
            await until(lambda: keepalive.last_success)
            gateway.drop_brokerage()
            await until(lambda: keepalive.failures >= 3)
            assert told == [("NoSession", False)]
            gateway.logout()
            await until(lambda: len(told) == 2)
            gateway.login()
            await until(lambda: not keepalive.lost)
    assert told == [("NoSession", False), ("NotAuthenticated", True)]
