"""Tests of the session's state, and of the responses and errors that change it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bezant import errors
from bezant._core.session.calendar import next_midnight
from bezant._core.session.state import (
    POLL,
    BrokerageState,
    LoginState,
    SessionChange,
    SessionMachine,
    SessionState,
    patience,
    state_of,
)
from bezant.models import AuthStatus, Tickle, TickleServer

READY = AuthStatus(authenticated=True, established=True, connected=True, competing=False)


@pytest.fixture
def machine() -> SessionMachine:
    return SessionMachine()


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (READY, SessionState.ESTABLISHED),
        (AuthStatus(authenticated=True), SessionState.ESTABLISHED),
        (AuthStatus(authenticated=True, established=False), SessionState.AUTHENTICATED),
        (AuthStatus(authenticated=False, connected=True), SessionState.CLOSED),
        (AuthStatus(authenticated=False, competing=True), SessionState.COMPETING),
        (AuthStatus(connected=False), SessionState.CONNECTING),
        (AuthStatus(), SessionState.CLOSED),
    ],
)
def test_flags_are_a_state(
    machine: SessionMachine, status: AuthStatus, state: SessionState
) -> None:
    change = machine.answered(status, 5.0)
    assert machine.answered(status, 6.0) is None
    assert machine.state is state
    assert machine.status is status
    assert change is not None
    assert (change.before, change.after, change.at) == (SessionState.UNKNOWN, state, 5.0)
    assert (change.error is None) == (state is SessionState.ESTABLISHED)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.NotAuthenticated("x"), SessionState.LOGGED_OUT),
        (errors.CompetingSession("x"), SessionState.COMPETING),
        (errors.NotEstablished("x"), SessionState.AUTHENTICATED),
        (errors.NoSession("x"), SessionState.CLOSED),
        (errors.NoSession("x", status=AuthStatus(connected=False)), SessionState.CONNECTING),
        (errors.NoSession("x", status=AuthStatus()), SessionState.CLOSED),
        (errors.HttpTimeout("x"), SessionState.LOST),
        (errors.ConnectFailed("x"), SessionState.LOST),
        (errors.SessionError("x"), SessionState.LOST),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_errors_are_a_state(
    machine: SessionMachine, error: errors.BezantError, state: SessionState
) -> None:
    assert state_of(error) is state
    machine.failed(error, 1.0, about_session=True)
    assert machine.state is state


def test_errors_of_other_calls_say_nothing(machine: SessionMachine) -> None:
    # A 401 may only mean that the user has no access to an account, so the state does not change.
    unclear = errors.NotAuthenticated("x")
    unclear.needs_login = False
    assert machine.failed(unclear, 1.0, about_session=False) is None
    assert machine.failed(errors.ConnectFailed("x"), 1.0, about_session=False) is None
    assert machine.failed(errors.NotEstablished("x"), 1.0, about_session=False) is None
    # Without an operation, or for /hmds, the error may be about the session for historical data. It
    # says nothing about the brokerage session.
    for operation in (None, "GET /hmds/history"):
        idle = errors.NoSession("x", operation=operation)
        assert machine.failed(idle, 1.0, about_session=False) is None
    assert machine.failed(errors.RateLimited("x"), 1.0, about_session=True) is None
    assert machine.failed(errors.DecodeError("x"), 1.0, about_session=True) is None
    # The response does not tell the call's outcome. But a response came, so the gateway is
    # reachable and the state stays.
    unknown = errors.OutcomeUnknown("x", status=500)
    assert machine.failed(unknown, 1.0, about_session=True) is None
    assert machine.state is SessionState.UNKNOWN


@pytest.mark.parametrize("status", [None, 502, 503, 504])
def test_a_gateway_that_did_not_respond_is_lost(
    machine: SessionMachine, status: int | None
) -> None:
    error = errors.OutcomeUnknown("x", status=status)
    assert machine.failed(error, 1.0, about_session=True)
    assert machine.state is SessionState.LOST


def test_properties_of_a_change(machine: SessionMachine) -> None:
    changes = [
        machine.answered(READY, 1.0),
        machine.failed(errors.NotAuthenticated("x"), 2.0, about_session=True),
        machine.answered(READY, 3.0),
    ]
    first, lost, back = (each for each in changes if isinstance(each, SessionChange))
    assert (first.is_loss, lost.is_loss, back.is_loss) == (False, True, False)
    assert (first.is_gain, lost.is_gain, back.is_gain) == (False, False, True)
    assert (first.needs_login, lost.needs_login, back.needs_login) == (False, True, False)
    assert isinstance(lost.error, errors.NotAuthenticated)


def test_a_tickle_sets_the_times_and_the_state(machine: SessionMachine) -> None:
    machine.tickled(Tickle(session="x", sso_expires_ms=None), 10.0)
    assert (machine.last_tickle, machine.sso_expires) == (10.0, None)
    assert machine.state is SessionState.UNKNOWN
    tickle = Tickle(sso_expires_ms=60_000, iserver=TickleServer(auth_status=READY))
    change = machine.tickled(tickle, 20.0)
    assert (machine.last_tickle, machine.sso_expires) == (20.0, 80.0)
    assert change is not None
    assert change.after is SessionState.ESTABLISHED


def test_polling_slows_down() -> None:
    pauses = [POLL.delay(polls) for polls in range(1, 20)]
    assert pauses[0] == 0.25
    assert pauses == sorted(pauses)
    assert pauses[-1] == POLL.maximum


def test_midnight_across_a_change_of_the_clocks() -> None:
    zone = ZoneInfo("America/New_York")
    before = datetime(2026, 10, 31, 23, 30, tzinfo=zone)
    assert next_midnight(before) == datetime(2026, 11, 1, tzinfo=zone)
    during = datetime(2026, 11, 1, 0, 0, tzinfo=zone)
    left = next_midnight(during).astimezone(UTC) - during.astimezone(UTC)
    assert left == timedelta(hours=25)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.NotAuthenticated("the login page"), SessionState.LOGGED_OUT),
        (errors.NoSession("x", operation="GET /iserver/accounts"), SessionState.CLOSED),
    ],
)
def test_errors_of_other_calls_that_say_enough(
    machine: SessionMachine, error: errors.BezantError, state: SessionState
) -> None:
    assert machine.failed(error, 1.0, about_session=False)
    assert machine.state is state


def test_each_state_says_something_of_login_and_brokerage() -> None:
    login, brokerage, state = LoginState, BrokerageState, SessionState
    assert {each: (each.login, each.brokerage) for each in SessionState} == {
        state.UNKNOWN: (login.UNKNOWN, brokerage.UNKNOWN),
        state.LOGGED_OUT: (login.LOGGED_OUT, brokerage.CLOSED),
        state.CLOSED: (login.LOGGED_IN, brokerage.CLOSED),
        state.CONNECTING: (login.LOGGED_IN, brokerage.CLOSED),
        state.AUTHENTICATED: (login.LOGGED_IN, brokerage.NOT_ESTABLISHED),
        state.ESTABLISHED: (login.LOGGED_IN, brokerage.ESTABLISHED),
        state.COMPETING: (login.LOGGED_IN, brokerage.COMPETING),
        state.LOST: (login.UNKNOWN, brokerage.UNKNOWN),
    }


def test_changes_say_what_was_lost() -> None:
    state = SessionState
    for before, after, lost in (
        (state.UNKNOWN, state.ESTABLISHED, None),
        (state.ESTABLISHED, state.CLOSED, "brokerage"),
        (state.ESTABLISHED, state.COMPETING, "brokerage"),
        (state.CLOSED, state.AUTHENTICATED, None),
        (state.CLOSED, state.LOGGED_OUT, "login"),
        (state.ESTABLISHED, state.LOGGED_OUT, "login"),
        (state.ESTABLISHED, state.LOST, "gateway"),
    ):
        change = SessionChange(before, after, 1.0)
        assert change.lost == lost
        assert change.needs_login is (lost == "login")


CLOSED = AuthStatus(authenticated=False, connected=True)


def test_a_brokerage_session_that_could_not_be_opened_needs_a_login(
    machine: SessionMachine,
) -> None:
    def closed() -> type[object]:
        return type(machine.error_for(CLOSED))

    assert closed() is errors.NoSession
    change = machine.cannot_open(errors.NotAuthenticated("x"), 1.0)
    assert change is not None
    assert change.needs_login
    assert closed() is errors.NotAuthenticated
    # Nothing is reported, because the session still needs a login.
    assert machine.answered(CLOSED, 2.0) is None
    assert machine.state is SessionState.LOGGED_OUT
    # If only the gateway's connection to IBKR is lost, no login is needed.
    assert type(machine.error_for(AuthStatus(connected=False))) is errors.NoSession
    machine.answered(READY, 3.0)
    assert closed() is errors.NoSession


def test_a_new_login_makes_it_worth_a_try(machine: SessionMachine) -> None:
    machine.tickled(Tickle(session="a"), 1.0)
    machine.cannot_open(errors.NotAuthenticated("x"), 1.0)
    machine.tickled(Tickle(session="a", iserver=TickleServer(auth_status=CLOSED)), 2.0)
    assert machine.state.login is LoginState.LOGGED_OUT
    machine.tickled(Tickle(session="b", iserver=TickleServer(auth_status=CLOSED)), 3.0)
    assert machine.state is SessionState.CLOSED


def test_a_token_that_is_gone(machine: SessionMachine) -> None:
    machine.tickled(Tickle(sso_expires_ms=60_000), 10.0)
    machine.tickled(Tickle(sso_expires_ms=0), 20.0)
    assert machine.sso_expires == 20.0


def test_how_long_it_may_take_to_be_established() -> None:
    assert (patience(60.0), patience(1.0)) == (5.0, 0.5)


def test_a_competing_session_is_one_change() -> None:
    machine = SessionMachine()
    both = AuthStatus(authenticated=True, established=True, connected=True, competing=True)
    first = machine.answered(both, 1.0)
    assert first is not None
    assert (first.competing, first.after, first.is_gain) == (True, SessionState.ESTABLISHED, False)
    assert machine.answered(both, 2.0) is None
    assert machine.answered(READY, 3.0) is None
    again = machine.answered(both, 4.0)
    assert again is not None
    assert (again.competing, again.is_loss, again.is_gain, again.lost) == (True, False, False, None)
    machine.answered(AuthStatus(authenticated=False, competing=True), 5.0)
    back = machine.answered(READY, 6.0)
    assert back is not None
    assert (back.competing, back.is_gain) == (False, True)


def test_failures_to_open_the_session_back_off() -> None:
    machine = SessionMachine()
    assert machine.init_wait(0) == 0
    pauses: list[float] = []
    now = 0.0
    for _ in range(9):
        machine.init_failed(now)
        pauses.append(machine.init_wait(now))
        now += pauses[-1]
        assert machine.init_wait(now) == 0
    assert pauses == [0, 0, 60, 120, 240, 480, 960, 1800, 1800]
    machine.init_failed(now)
    machine.tickled(Tickle(session="new"), now)
    assert machine.init_wait(now) == 0
    machine.init_failed(now)
    machine.init_failed(now)
    machine.init_failed(now)
    assert machine.init_wait(now) == 60
    machine.answered(READY, now)
    assert machine.init_wait(now) == 0
