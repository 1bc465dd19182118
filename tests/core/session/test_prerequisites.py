"""Tests of prerequisite calls: which a session has made, and when it has to make them again."""

from __future__ import annotations

from bezant._core.session.prerequisites import QUIET, TRADING_ACCOUNTS, Prerequisites

from ..samples import row

ACCOUNTS = "/portfolio/accounts"


def primed(now: float = 100.0) -> Prerequisites:
    made = Prerequisites()
    made.begin(now)
    made.answered(ACCOUNTS, now)
    assert made.has(ACCOUNTS)
    return made


def test_only_prerequisites_are_remembered() -> None:
    made = primed()
    made.answered("/trsrv/stocks", 101.0)
    assert not made.has("/trsrv/stocks")
    assert made.has(ACCOUNTS)
    made.refused()
    assert not made.has(ACCOUNTS)


def test_a_long_quiet_makes_it_doubtful() -> None:
    made = primed()
    made.begin(100.0 + QUIET)
    made.answered("/trsrv/stocks", 100.0 + QUIET)
    made.begin(100.0 + 2 * QUIET)
    assert made.has(ACCOUNTS)
    made.begin(100.1 + 2 * QUIET)
    assert not made.has(ACCOUNTS)


def test_another_session_forgets_it() -> None:
    made = primed()
    for token in (None, "", "one", "one", None):
        made.tickled(token)
        assert made.has(ACCOUNTS)
    made.tickled("two")
    assert not made.has(ACCOUNTS)
    made = primed()
    made.clear()
    assert not made.has(ACCOUNTS)


def test_a_list_that_was_started_is_remembered_as_long() -> None:
    made = primed()
    made.started("/iserver/account/orders")
    assert made.has("/iserver/account/orders")
    made.tickled("one")
    made.tickled("two")
    assert not made.has("/iserver/account/orders")


def test_a_reply_needs_the_prerequisite_that_the_gateway_required() -> None:
    reply = row("POST", "/iserver/reply/q1")
    cancel = row("DELETE", "/iserver/account/DU1/order/7")
    place = row("POST", "/iserver/account/DU1/orders")
    made = primed()
    assert made.needed(place) is TRADING_ACCOUNTS
    assert made.needed(reply) is None
    made.refused()
    assert made.needed(reply) is TRADING_ACCOUNTS
    assert made.needed(cancel) is None
    made.answered(TRADING_ACCOUNTS.path, 101.0)
    assert made.needed(reply) is None
    assert made.needed(place) is None
    made.clear()
    assert made.needed(reply) is None
