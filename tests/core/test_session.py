"""The session's state and what changes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bezant import errors
from bezant._core.session import (
    SLOWEST_POLL,
    SessionChange,
    SessionMachine,
    SessionState,
    next_midnight,
    next_poll,
    state_of,
)
from bezant.models import UNSET, AuthStatus, Tickle, TickleServer

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
        (AuthStatus(authenticated=False, connected=True), SessionState.LOGGED_OUT),
        (AuthStatus(authenticated=False, competing=True), SessionState.COMPETING),
        (AuthStatus(connected=False), SessionState.CONNECTING),
        (AuthStatus(), SessionState.LOGGED_OUT),
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
        (errors.NoSession("x"), SessionState.CONNECTING),
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
    # a 401 may be an account that the user name cannot see
    assert machine.failed(errors.NotAuthenticated("x"), 1.0, about_session=False) is None
    assert machine.failed(errors.RateLimited("x"), 1.0, about_session=True) is None
    assert machine.failed(errors.DecodeError("x"), 1.0, about_session=True) is None
    # an answer came, if not one that tells what was done
    unclear = errors.OutcomeUnknown("x", status=500)
    assert machine.failed(unclear, 1.0, about_session=True) is None
    assert machine.state is SessionState.UNKNOWN


@pytest.mark.parametrize("status", [None, 502, 503, 504])
def test_a_gateway_that_did_not_answer_is_lost(machine: SessionMachine, status: int | None) -> None:
    error = errors.OutcomeUnknown("x", status=status)
    assert machine.failed(error, 1.0, about_session=True)
    assert machine.state is SessionState.LOST


def test_what_a_change_means(machine: SessionMachine) -> None:
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


def test_a_tickle_tells_more(machine: SessionMachine) -> None:
    machine.tickled(Tickle(session="x", sso_expires_ms=UNSET), 10.0)
    assert (machine.last_tickle, machine.sso_expires) == (10.0, None)
    assert machine.state is SessionState.UNKNOWN
    tickle = Tickle(sso_expires_ms=60_000, iserver=TickleServer(auth_status=READY))
    change = machine.tickled(tickle, 20.0)
    assert (machine.last_tickle, machine.sso_expires) == (20.0, 80.0)
    assert change is not None
    assert change.after is SessionState.ESTABLISHED


def test_polling_slows_down() -> None:
    pause = 0.25
    for _ in range(20):
        assert next_poll(pause) >= pause
        pause = next_poll(pause)
    assert pause == SLOWEST_POLL


def test_midnight_across_a_change_of_the_clocks() -> None:
    zone = ZoneInfo("America/New_York")
    before = datetime(2026, 10, 31, 23, 30, tzinfo=zone)
    assert next_midnight(before) == datetime(2026, 11, 1, tzinfo=zone)
    during = datetime(2026, 11, 1, 0, 0, tzinfo=zone)
    left = next_midnight(during).astimezone(UTC) - during.astimezone(UTC)
    assert left == timedelta(hours=25)
