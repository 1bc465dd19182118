"""Tests of the session's state and events, as `client.session` shows them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncSession,
    ConnectFailed,
    InvalidRequest,
    NotAuthenticated,
    NotEstablished,
    SessionChange,
    SessionState,
)
from bezant._core.session import prerequisites
from bezant.sim import Clock, SimulatedGateway
from tests.support._async import gather, later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest


async def test_it_learns_from_the_calls(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        session = client.session
        assert isinstance(session, AsyncSession)
        assert session.state is SessionState.UNKNOWN
        assert not session.ready
        assert session.status is None
        assert session.last_tickle is None
        assert session.sso_expires is None
        assert gateway.requests == []
        await client.health()
        assert session.ready
        assert session.status is not None
        await client.with_options(timeout=5).tickle()
        assert session.last_tickle is not None
        assert session.sso_expires is not None
        assert session.sso_expires > session.last_tickle
        assert "established" in repr(session)


@pytest.mark.parametrize(
    ("switch", "state"),
    [
        ("logout", SessionState.LOGGED_OUT),
        ("drop_brokerage", SessionState.CLOSED),
        ("disconnect", SessionState.CONNECTING),
        ("unestablish", SessionState.AUTHENTICATED),
        ("compete", SessionState.COMPETING),
    ],
)
async def test_every_state(gateway: SimulatedGateway, switch: str, state: SessionState) -> None:
    changes: list[SessionChange] = []
    async with AsyncClient(gateway.base_url) as client:
        end = client.session.on_change(changes.append)
        assert await client.session.refresh() is SessionState.ESTABLISHED
        getattr(gateway, switch)()
        assert await client.session.refresh() is state
        gateway.login()
        assert await client.session.refresh() is SessionState.ESTABLISHED
        end()
        end()
        gateway.logout()
        await client.session.refresh()
    assert [each.after for each in changes] == [
        SessionState.ESTABLISHED,
        state,
        SessionState.ESTABLISHED,
    ]
    assert changes[1].is_loss
    assert changes[1].error is not None


async def test_a_gateway_that_is_gone_is_lost() -> None:
    async with AsyncClient("http://127.0.0.1:9/v1/api") as client:
        assert await client.session.refresh() is SessionState.LOST


async def test_the_keepalive_feeds_it_and_listeners_may_fail(gateway: SimulatedGateway) -> None:
    changes: list[SessionState] = []

    def broken(change: SessionChange) -> None:
        changes.append(change.after)
        raise RuntimeError("a listener that fails")

    async with AsyncClient(gateway.base_url) as client:
        client.session.on_change(broken)
        async with client.keepalive(interval=0.01):
            await until(lambda: client.session.ready)
            gateway.logout()
            await until(lambda: client.session.state is SessionState.LOGGED_OUT)
            gateway.login()
            await until(lambda: client.session.ready)
    assert changes == [
        SessionState.ESTABLISHED,
        SessionState.LOGGED_OUT,
        SessionState.ESTABLISHED,
    ]


async def test_waiting_until_it_is_ready(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        assert (await client.session.wait_ready(timeout=60)).ready
        gateway.logout()
        waiting = later(lambda: client.session.wait_ready(timeout=60))
        await pause(0.1)
        gateway.login()
        assert (await result(waiting)).ready


async def test_waiting_ends_with_the_error_of_the_session(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.unestablish()
        started = time.monotonic()
        with pytest.raises(NotEstablished) as caught:
            await client.session.wait_ready(timeout=0.3)
        assert time.monotonic() - started < 30
        assert caught.value.login_url == gateway.root_url
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await client.session.wait_ready(timeout=0.1)
        with pytest.raises(InvalidRequest):
            await client.session.wait_ready(timeout=0)
    async with AsyncClient("http://127.0.0.1:9/v1/api") as client:
        with pytest.raises(ConnectFailed):
            await client.session.wait_ready(timeout=0.1)


async def test_an_open_session_is_not_opened_again(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        assert (await client.session.initialize()).ready
        gateway.unestablish()
        waiting = later(lambda: client.session.initialize(timeout=60))
        await pause(0.05)
        gateway.login()
        assert (await result(waiting)).ready
    assert gateway.count("POST", "/iserver/auth/ssodh/init") == 0


@pytest.mark.parametrize("compete", [False, True])
async def test_a_closed_session_is_opened_once(raw: RawGateway, compete: bool) -> None:
    opened: list[bytes] = []

    def answer(request: RawRequest, peer: Peer) -> None:
        state = b"true" if opened else b"false"
        flags = b'{"authenticated":%s,"established":%s,"connected":true}' % (state, state)
        if request.target.endswith("/tickle"):
            peer.json(b'{"session":"x","iserver":{"authStatus":%s}}' % flags)
        elif request.target.endswith("/ssodh/init"):
            opened.append(request.body)
            peer.json(flags)
        else:
            peer.json(flags)

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        calls = [lambda: client.session.initialize(compete=compete) for _ in range(5)]
        results: list[Any] = await gather(*calls)
        assert all(each.ready for each in results)
    expected = (
        b'{"publish":true,"compete":true}' if compete else b'{"publish":true,"compete":false}'
    )
    assert opened == [expected]


async def test_a_gateway_without_flags_in_its_tickle(raw: RawGateway) -> None:
    def answer(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/tickle"):
            peer.json(b'{"session":"x"}')
        else:
            peer.json(b'{"authenticated":true,"connected":true}')

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        assert (await client.session.initialize()).ready


async def test_without_a_login_the_session_is_not_opened(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await client.session.initialize(timeout=0.1)
    assert gateway.count("POST", "/iserver/auth/ssodh/init") == 0


async def test_changes_can_be_iterated_over(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with client.session.events() as changes:
            assert await changes.next_change(timeout=0.01) is None
            await client.session.refresh()
            gateway.logout()
            await client.session.refresh()
            first, second = await changes.next_change(), await changes.next_change(timeout=30)
            assert first is not None
            assert second is not None
            assert (first.after, second.after) == (
                SessionState.ESTABLISHED,
                SessionState.LOGGED_OUT,
            )
            assert second.needs_login
            gateway.login()
            async with client.keepalive(interval=0.01):
                async for change in changes:
                    assert change.after is SessionState.ESTABLISHED
                    break
        assert [each async for each in changes] == []
        with pytest.raises(InvalidRequest, match="entered once"):
            async with changes:
                pass
        with pytest.raises(InvalidRequest, match="with statement"):
            await client.session.events().next_change()
    assert client._pipeline.session_listeners == []
    assert client._pipeline.workers == []


async def test_the_clients_end_ends_the_events(gateway: SimulatedGateway) -> None:
    client = AsyncClient(gateway.base_url)

    async def listen() -> list[SessionChange]:
        async with client.session.events() as changes:
            return [each async for each in changes]

    await client.session.refresh()
    listening = later(listen)
    await until(lambda: client._pipeline.workers)
    await client.aclose()
    assert await result(listening) == []


async def test_the_daily_end_is_midnight_of_the_region(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        for region, zone in (
            ("america", "America/New_York"),
            ("europe", "Europe/Zurich"),
            ("asia", "Asia/Hong_Kong"),
        ):
            end = client.session.daily_end(region)  # type: ignore[arg-type]
            assert str(end.tzinfo) == zone
            assert (end.hour, end.minute, end.second, end.microsecond) == (0, 0, 0, 0)
            assert timedelta(0) < end - datetime.now(UTC) <= timedelta(hours=25)
        assert client.session.daily_end() == client.session.daily_end("america")
        with pytest.raises(InvalidRequest, match="america, europe, asia"):
            client.session.daily_end("mars")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "told", ["by a tickle", "by the time", "by an empty answer", "by an empty answer, alone"]
)
async def test_a_login_that_nobody_noticed_does_not_empty_the_portfolio(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        if "alone" not in told:
            await client.tickle()
        before = len(await client.all_positions(gateway.account_id))
        assert before > 0
        gateway.logout()
        gateway.login()
        if told == "by a tickle":
            await client.tickle()
        elif told == "by the time":
            monkeypatch.setattr(prerequisites, "QUIET", -1.0)
        assert len(await client.all_positions(gateway.account_id)) == before


async def test_an_empty_portfolio_is_one() -> None:
    # The clock is stopped, so that no order fills and creates a position.
    with SimulatedGateway(positions=0, clock=Clock.by_hand()) as gateway:
        async with AsyncClient(gateway.base_url) as client:
            assert await client.all_positions(gateway.account_id) == []
            # The client trusts this empty list without a tickle, because it has just requested the
            # accounts. It will not trust the next one without a tickle.
            assert gateway.count("POST", "/tickle") == 0
            await client.tickle()
            assert await client.all_positions(gateway.account_id) == []
            assert gateway.count("POST", "/tickle") == 2
            assert gateway.count("GET", "/portfolio/accounts") == 1


@pytest.mark.parametrize("compete", ["no", None, 1, []])
async def test_only_true_ends_another_session(gateway: SimulatedGateway, compete: Any) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match="compete must be True or False"):
            await client.session.initialize(compete=compete)
        with pytest.raises(InvalidRequest, match="timeout must be"):
            await client.session.initialize(timeout=10**400)
    assert gateway.requests == []


@pytest.mark.parametrize("region", ["mars", None, [], 10**5000], ids=["mars", "None", "[]", "int"])
async def test_a_region_that_does_not_exist(gateway: SimulatedGateway, region: Any) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match="region must be one of america, europe, asia"):
            client.session.daily_end(region)
        with pytest.raises(InvalidRequest, match="listener must be a function"):
            client.session.on_change(5)  # type: ignore[arg-type]
