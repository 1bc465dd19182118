"""Tests of the keepalive's state, and of its reports of changes."""

from __future__ import annotations

from bezant import AuthStatus, BezantError, ConnectFailed, NoSession, NotAuthenticated, Tickle
from bezant._core.session.keepalive import Change, KeepaliveState
from bezant.models import TickleServer

GOOD = Tickle(iserver=TickleServer(auth_status=AuthStatus(authenticated=True, established=True)))
BAD = Tickle(iserver=TickleServer(auth_status=AuthStatus(authenticated=False)))


def test_nothing_is_known_at_first() -> None:
    state = KeepaliveState()
    known = (state.last_success, state.last_failure, state.last_error, state.failures, state.lost)
    assert known == (None, None, None, 0, False)


def test_a_loss_and_its_end_are_reported_once() -> None:
    state = KeepaliveState()
    error = ConnectFailed("no")
    told = [
        state.answered(GOOD, 1.0),
        state.failed(error, 2.0),
        state.failed(error, 3.0),
        state.answered(BAD, 4.0),
        state.answered(GOOD, 5.0),
        state.answered(GOOD, 6.0),
        state.failed(error, 7.0),
    ]
    assert told == [None, Change.LOST, None, None, Change.RESTORED, None, Change.LOST]


def test_the_last_results_are_remembered() -> None:
    state = KeepaliveState()
    state.answered(GOOD, 1.0)
    state.answered(BAD, 2.0)
    state.answered(BAD, 3.0)
    assert (state.last_success, state.last_failure, state.failures) == (1.0, 3.0, 2)
    assert type(state.last_error) is NoSession
    assert state.last_error.operation == "POST /tickle"
    assert state.lost
    # A tickle's response counts as a success even without the session's state.
    state.answered(Tickle(), 4.0)
    assert (state.last_success, state.last_failure, state.failures) == (4.0, 3.0, 0)
    assert not state.lost


def test_the_pauses_grow_after_several_failures_and_shrink_at_once() -> None:
    state = KeepaliveState()
    pauses = []
    for _ in range(8):
        pauses.append(state.pause(60.0))
        state.failed(BezantError("no"), 1.0)
    assert pauses == [60, 60, 60, 60, 120, 240, 300, 300]
    state.failures = 100_000
    assert state.pause(60.0) == 300
    state.answered(GOOD, 2.0)
    assert state.pause(60.0) == 60


def test_a_login_that_goes_after_the_brokerage_session_is_news() -> None:
    state = KeepaliveState()
    told = [
        state.answered(BAD, 1.0),
        state.failed(NotAuthenticated("no"), 2.0),
        state.failed(NotAuthenticated("no"), 3.0),
        state.answered(BAD, 4.0),
        state.failed(NotAuthenticated("no"), 5.0),
        state.answered(GOOD, 6.0),
        state.failed(NotAuthenticated("no"), 7.0),
        state.answered(BAD, 8.0),
    ]
    lost, back = Change.LOST, Change.RESTORED
    assert told == [lost, lost, None, None, None, back, lost, None]
