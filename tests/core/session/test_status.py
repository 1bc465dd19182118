"""Tests of the errors that follow from the flags in a session's status."""

from __future__ import annotations

from typing import Any

import pytest

from bezant import (
    AuthStatus,
    BezantError,
    CompetingSession,
    NoSession,
    NotAuthenticated,
    NotEstablished,
)
from bezant._core.operations.session import GET_BROKERAGE_STATUS, LOGOUT, TICKLE
from bezant._core.session.status import error_for, refused

READY = {"authenticated": True, "established": True, "connected": True, "competing": False}


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ({}, None),
        ({"competing": True}, None),
        ({"established": None}, None),
        ({"connected": None}, None),
        ({"established": False}, NotEstablished),
        ({"connected": False}, NoSession),
        ({"connected": False, "authenticated": False}, NoSession),
        ({"authenticated": False}, NoSession),
        ({"authenticated": None}, NoSession),
        ({"authenticated": None, "established": None}, NoSession),
        ({"authenticated": False, "established": True}, NoSession),
        ({"authenticated": False, "competing": True}, CompetingSession),
    ],
)
def test_flags(flags: dict[str, Any], kind: type[BezantError] | None) -> None:
    status = AuthStatus(**READY | flags)
    error = error_for(status)
    if kind is None:
        assert error is None
        assert status.ready
    else:
        assert type(error) is kind
        assert error.status is status
        assert error.operation == "POST /iserver/auth/status"
        assert not status.ready or kind is NoSession
        assert not error.needs_login
        if isinstance(error, NoSession):
            assert "client.session.initialize(" in str(error)


def test_the_gateways_words_and_the_call_are_in_the_error() -> None:
    error = error_for(AuthStatus(authenticated=False, message="m1", fail="f1"), TICKLE.operation)
    assert error is not None
    assert str(error).startswith("POST /tickle: ")
    assert "(m1 f1)" in str(error)


def test_no_flags_at_all_are_no_session() -> None:
    assert type(error_for(AuthStatus())) is NoSession


def test_session_calls_may_be_repeated() -> None:
    assert all(each.operation.idempotent for each in (GET_BROKERAGE_STATUS, TICKLE, LOGOUT))


CAPABILITY = "Force compete capability must be used together with compete flag"


@pytest.mark.parametrize(
    ("answer", "compete", "kind"),
    [
        (None, False, None),
        ([], False, None),
        ({}, False, None),
        ({"wait": True}, False, None),
        ({"passed": True, "authenticated": False}, False, None),
        ({"authenticated": True, "fail": "odd"}, False, None),
        ({"passed": False, "fail": CAPABILITY}, False, NoSession),
        ({"passed": False, "fail": CAPABILITY}, True, NotAuthenticated),
        ({"fail": "no such user"}, False, NotAuthenticated),
        ({"passed": False}, False, NotAuthenticated),
        ({"competing": True}, False, CompetingSession),
        ({"competing": True}, True, None),
        ({"competing": True, "authenticated": True}, False, None),
    ],
)
def test_responses_to_the_request_to_open_the_session(
    answer: object, compete: bool, kind: type[BezantError] | None
) -> None:
    error = refused(answer, compete=compete)
    assert (None if error is None else type(error)) is kind
    if error is not None:
        assert error.needs_login is (kind is NotAuthenticated)
        if isinstance(answer, dict) and answer.get("fail"):
            assert str(answer["fail"]) in str(error)
