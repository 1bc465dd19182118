"""Tests of retries, of the pauses before them, and of prerequisite calls."""

from __future__ import annotations

import pytest

from bezant import errors
from bezant._core.http import retry
from bezant._core.http.operation import Operation
from bezant._core.session import prerequisites
from bezant._core.session.prerequisites import ACCOUNTS

from ..samples import row

READ = Operation("GET", "/x", idempotent=True)
EFFECT = Operation("POST", "/x", idempotent=False)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (errors.ConnectFailed("x"), True),
        (errors.ConnectionLost("x"), True),
        (errors.HttpTimeout("x"), True),
        (errors.UpstreamError("x", status=503, retryable=True), True),
        (errors.UpstreamError("x", status=500), False),
        (errors.TlsFailed("x"), False),
        (errors.RateLimited("x"), False),
        (errors.PacingError("x"), False),
        (errors.NotAuthenticated("x"), False),
        (errors.NotEstablished("x"), False),
        (errors.NoSession("x"), False),
        (errors.OutcomeUnknown("x"), False),
        (errors.DecodeError("x"), False),
        (errors.BadRequest("x"), False),
        (errors.Refused("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_that_are_retried(error: errors.BezantError, again: bool) -> None:
    assert retry.may_repeat(error, READ) is again
    assert not retry.may_repeat(error, EFFECT)


def test_the_pause_doubles_up_to_a_limit() -> None:
    pause = retry.BACKOFF.delay
    assert [pause(attempt, 1.0) for attempt in range(1, 8)] == [
        0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0,
    ]  # fmt: skip
    assert pause(3, 0.0) == 0.0
    assert pause(3, 0.5) == 0.5


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("/portfolio/{accountId}/positions/{pageId}", ACCOUNTS),
        ("/portfolio/DU1/ledger", ACCOUNTS),
        ("/portfolio/positions/265598", ACCOUNTS),
        ("/portfolio/accounts", None),
        ("/portfolio/subaccounts", None),
        ("/portfolio2/DU1/positions", None),
        ("/iserver/accounts", None),
        ("/iserver/account/orders", prerequisites.TRADING_ACCOUNTS),
        ("/iserver/account/DU1/summary", prerequisites.TRADING_ACCOUNTS),
        ("/iserver/account/DU1/nothing", None),
        ("/iserver/marketdata/snapshot", prerequisites.TRADING_ACCOUNTS),
        ("/iserver/marketdata/history", None),
        ("/iserver/auth/status", None),
        ("/tickle", None),
    ],
)
def test_prerequisites_of_a_call(path: str, first: Operation | None) -> None:
    assert prerequisites.prerequisite(row("GET", path)) is first


@pytest.mark.parametrize(
    ("method", "path", "first"),
    [
        ("POST", "/iserver/account/DU1/orders", True),
        ("POST", "/iserver/account/DU1/order/7", True),
        ("POST", "/iserver/account/DU1/orders/whatif", True),
        ("DELETE", "/iserver/account/DU1/order/7", False),
        ("POST", "/iserver/reply/q1", False),
    ],
)
def test_nothing_goes_before_a_cancel_or_a_reply(method: str, path: str, first: bool) -> None:
    found = prerequisites.prerequisite(row(method, path))
    assert found is (prerequisites.TRADING_ACCOUNTS if first else None)


def test_the_gateway_may_ask_for_it_itself() -> None:
    text = "HTTP 500: Please query /accounts first"
    for kind in (errors.UpstreamError, errors.BadRequest, errors.Refused, errors.OutcomeUnknown):
        assert retry.asks_for_accounts(kind(text))
        assert not retry.asks_for_accounts(kind("HTTP 500: other"))
    assert not retry.asks_for_accounts(errors.PrerequisiteFailed(text))
    asked = errors.BadRequest(text)
    assert not retry.may_repeat(asked, READ)
    asked.retryable = True
    assert retry.may_repeat(asked, READ)
    assert not retry.may_repeat(asked, EFFECT)
