"""Tests of order turns (one order of an account at a time): their accounts and their end."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from bezant import BadRequest, HttpTimeout, NotAuthenticated, OutcomeUnknown, PacingError, Refused
from bezant._core.http.messages import Request
from bezant._core.http.operation import Operation, OrderCall
from bezant._core.operations import orders
from bezant._core.pacing.order_turns import (
    ANY,
    QUESTION_LIFETIME,
    READS_WAIT,
    AccountTurn,
    OrderResults,
    OrderTurns,
    Outcome,
    busy,
    expiry_warning,
    order_results,
    outcome_of,
    overlap,
    question_of,
    scope_of,
    waits_for_questions,
)

PLACE = orders.SUBMIT_NEW_ORDERS.operation
REPLY = orders.CONFIRM_ORDER_REPLY.operation
ME, OTHER = object(), object()


def request(target: str, body: Any = None) -> Request:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Request(PLACE, f"/v1/api{target}", [], data)


def tickets(*accounts: str | None) -> dict[str, Any]:
    return {"orders": [{} if each is None else {"acctId": each} for each in accounts]}


@pytest.mark.parametrize(
    ("target", "body", "accounts", "count"),
    [
        ("/iserver/account/DU1/orders", tickets(None, None), {"DU1"}, 2),
        ("/iserver/account/du1/orders", tickets(None), {"DU1"}, 1),
        ("/iserver/account/D%551/orders", tickets(None), {"DU1"}, 1),
        ("/iserver/%61ccount/DU1/orders", tickets(None), {"DU1"}, 1),
        ("/iserver/account/DU1/orders?x=/iserver/account/DU2/", tickets(None), {"DU1"}, 1),
        ("/iserver/account/DU1/orders", tickets("DU2", None), {"DU1", "DU2"}, 2),
        ("/iserver/account/DU1/order/7", {"price": 1}, {"DU1"}, 1),
        ("/iserver/account/DU1/order/7", {"acctId": "DU2"}, {"DU1", "DU2"}, 1),
        ("/iserver/account/DU1/orders", [{}, {}], {"DU1"}, 2),
        ("/iserver/account/DU1/orders", {"orders": None}, {"DU1"}, 1),
        ("/iserver/account/DU1/orders", tickets(), {"DU1"}, 1),
        ("/iserver/account/DU1/orders", {"orders": [7]}, {"DU1"}, 1),
        ("/iserver/account/DU1/orders", {"orders": [{"acctId": 7}]}, {"DU1"}, 1),
        ("/iserver/account/DU1/orders", b"{", {"DU1"}, 1),
        ("/iserver/account/orders", tickets("DU1", "DU2"), {"DU1", "DU2"}, 2),
        ("/iserver/account/orders", tickets("DU1", None), {"DU1", ANY}, 2),
        ("/iserver/account/orders", tickets(), {ANY}, 1),
        ("/iserver/account/orders/MyGroup", tickets(None), {"MYGROUP"}, 1),
        ("/somewhere/else", tickets(None), {ANY}, 1),
    ],
)
def test_accounts_and_count_of_an_order_request(
    target: str, body: Any, accounts: set[str], count: int
) -> None:
    scope = scope_of(request(target, body))
    assert set(scope.accounts) == accounts
    assert scope.orders == count


def test_accounts_that_are_not_known_may_be_any() -> None:
    one, two, unknown = frozenset({"A", "B"}), frozenset({"C"}), frozenset({ANY})
    assert overlap(one, frozenset({"B"}))
    assert not overlap(one, two)
    assert overlap(one, unknown)
    assert overlap(unknown, two)


def test_the_question_of_a_reply() -> None:
    assert question_of(request("/iserver/reply/q%2F1?x=1")) == "q/1"
    assert question_of(request("/iserver/%72eply/q1")) == "q1"
    assert question_of(request("/iserver/other")) == ""


def test_which_calls_wait_for_questions() -> None:
    assert waits_for_questions(Operation("GET", "/x", idempotent=True))
    assert waits_for_questions(orders.PREVIEW_MARGIN_IMPACT.operation)
    assert not waits_for_questions(orders.CANCEL_OPEN_ORDER.operation)
    assert not waits_for_questions(orders.ACK_SERVER_PROMPT.operation)


@pytest.mark.parametrize(
    ("body", "results"),
    [
        (b'[{"order_id":"7"},{"orderId":8}]', OrderResults({}, 2)),
        (b'{"order_id":"7"}', OrderResults({}, 1)),
        (b'[{"id":"q1","message":["a\\n <b>","b"]}]', OrderResults({"q1": "a <b> b"}, 0)),
        (b'[{"id":"q1","message":7},{"id":"q2"}]', OrderResults({"q1": "", "q2": ""}, 0)),
        (b'[{"id":"q1","message":"text"}]', OrderResults({"q1": "text"}, 0)),
        (b'{"error":"no"}', OrderResults({}, 1, refused=True)),
        (b'[{"error":"no"}]', OrderResults({}, 1, refused=True)),
        (b'[{"error":"no"},{"order_id":1}]', OrderResults({}, 2)),
        (b'[{"error":"no"},{"error":"no"}]', OrderResults({}, 2)),
        (b'[{"id":""},{"id":7},{"status":"x"}]', OrderResults({}, 0)),
        (b'[{"order_id":"7","x":"\xe9"}]', OrderResults({}, 1)),
        (b"[]", OrderResults({}, 0)),
        (b"[7]", None),
        (b"{", None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_results_and_questions_of_a_response(body: bytes, results: OrderResults | None) -> None:
    assert order_results(body) == results


def test_a_questions_text_is_short() -> None:
    results = order_results(msgspec.json.encode([{"id": "q", "message": ["x" * 10_000]}]))
    assert results is not None
    assert len(results.questions["q"]) == 100


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OutcomeUnknown("x"), Outcome.LOST),
        (Refused("x"), Outcome.REFUSED),
        (BadRequest("x"), Outcome.REFUSED),
        (NotAuthenticated("x"), Outcome.REFUSED),
        (HttpTimeout("x"), Outcome.NOTHING),
        (PacingError("x"), Outcome.NOTHING),
    ],
    ids=lambda each: type(each).__name__,
)
def test_how_a_call_ended(error: Any, outcome: Outcome) -> None:
    for kind in (OrderCall.PLACE, OrderCall.REPLY):
        assert outcome_of(error, kind, untouched=False) is outcome
    assert outcome_of(error, OrderCall.REPLY, untouched=True) is Outcome.NOTHING
    assert outcome_of(error, OrderCall.PLACE, untouched=True) is outcome


def turn_of(account: str = "A", holder: object = ME, count: int = 1) -> AccountTurn:
    made = request(f"/iserver/account/{account}/orders", tickets(*[None] * count))
    return AccountTurn.of(made, "call", holder, ("mine",), "token")


def asking(turns: OrderTurns, turn: AccountTurn, *questions: str, now: float = 100.0) -> None:
    """Begin a turn, and record a response with IBKR's questions about the order."""
    turns.enter(turn)
    assert turns.dispatch(now) == ([turn], [])
    results = OrderResults(dict.fromkeys(questions, "Really?"), 0)
    turns.finish(turn, "call", now, Outcome.ANSWERED, results)
    assert not turn.over


def test_orders_of_an_account_go_one_after_the_other() -> None:
    turns = OrderTurns()
    first, second, third, other = turn_of(), turn_of(), turn_of(), turn_of("B")
    for each in (first, second, third, other):
        turns.enter(each)
    assert turns.dispatch(0.0) == ([first, other], [])
    assert turns.dispatch(1.0) == ([], [])
    assert turns.blocker(second) is first
    turns.finish(first, "call", 1.0, Outcome.ANSWERED, OrderResults({}, 1))
    turns.finish(first, "call", 1.0, Outcome.LOST)  # finishing the same call twice has no effect
    assert turns.dispatch(1.0) == ([second], [])
    turns.leave(second)
    turns.leave(second)
    turns.leave(third)
    assert turns.dispatch(1.0) == ([], [])
    assert turns.blocker(third) is None


def test_the_callers_own_question_is_named_first() -> None:
    turns = OrderTurns()
    mine, foreign = turn_of("B", ME), turn_of("A", OTHER)
    asking(turns, foreign, "q1")
    asking(turns, mine, "q2")
    both = AccountTurn(frozenset({"A", "B"}), ME)
    turns.enter(both)
    assert turns.blocker(both) is mine


@pytest.mark.parametrize("outcome", [Outcome.NOTHING, Outcome.REFUSED, Outcome.LOST])
def test_an_order_that_fails_ends_its_turn(outcome: Outcome) -> None:
    turns = OrderTurns()
    turn = turn_of()
    turns.enter(turn)
    turns.dispatch(0.0)
    turns.finish(turn, "call", 0.0, outcome)
    assert turn.over
    assert not turns.questions


def replying(turns: OrderTurns, turn: AccountTurn, question: str) -> None:
    assert turns.find_by_question(question) is turn
    turns.begin_reply(turn, "reply", OTHER)
    assert turn.holder is OTHER


def test_a_reply_continues_the_turn() -> None:
    turns = OrderTurns()
    turn = turn_of(count=2)
    asking(turns, turn, "q1", "q2")
    assert turns.questions
    assert turns.find_by_question("q3") is None
    replying(turns, turn, "q1")
    assert turn.seconds_left(1000.0) == math.inf
    turns.finish(turn, "reply", 110.0, Outcome.NOTHING, None, "q1")
    assert turn.seconds_left(110.0) == QUESTION_LIFETIME - 10
    replying(turns, turn, "q1")
    turns.finish(turn, "reply", 120.0, Outcome.ANSWERED, OrderResults({"q3": ""}, 0), "q1")
    assert set(turn.questions) == {"q2", "q3"}
    assert turn.seconds_left(120.0) == QUESTION_LIFETIME
    replying(turns, turn, "q2")
    turns.finish(turn, "reply", 121.0, Outcome.REFUSED, None, "q2")
    assert not turn.over
    replying(turns, turn, "q3")
    turns.finish(turn, "reply", 122.0, Outcome.ANSWERED, OrderResults({}, 1), "q3")
    assert turn.over


@pytest.mark.parametrize(
    ("outcome", "results", "over"),
    [
        (Outcome.LOST, None, True),
        (Outcome.REFUSED, None, True),
        (Outcome.ANSWERED, None, True),
        (Outcome.ANSWERED, OrderResults({}, 1, refused=True), True),
        (Outcome.ANSWERED, OrderResults({}, 3), True),
        (Outcome.ANSWERED, OrderResults({}, 2), False),
        (Outcome.ANSWERED, OrderResults({"q2": ""}, 3), False),
        (Outcome.NOTHING, None, False),
    ],
)
def test_the_reply_to_the_only_question(
    outcome: Outcome, results: OrderResults | None, over: bool
) -> None:
    turns = OrderTurns()
    turn = turn_of(count=3)
    asking(turns, turn, "q1")
    replying(turns, turn, "q1")
    turns.finish(turn, "reply", 101.0, outcome, results, "q1")
    assert turn.over is over


def test_another_process_may_have_replied() -> None:
    turns = OrderTurns()
    turn = turn_of()
    asking(turns, turn, "q1")
    replying(turns, turn, "q1")
    # None means that the turn has ended; ignored, because a call is in flight.
    turns.refresh(turn, None)
    assert not turn.over
    turns.finish(turn, "reply", 101.0, Outcome.NOTHING, None, "q1")
    turns.refresh(turn, {"q2": "More?"})
    assert turns.find_by_question("q2") is turn
    turns.refresh(turn, None)
    assert turn.over
    assert not turns.questions


def test_a_question_runs_out() -> None:
    turns = OrderTurns()
    turn, waiting = turn_of(), turn_of()
    asking(turns, turn, "q1", now=100.0)
    turns.enter(waiting)
    assert turns.dispatch(99.9 + QUESTION_LIFETIME) == ([], [])
    assert turns.dispatch(100.0 + QUESTION_LIFETIME) == ([waiting], [turn])
    assert "mine" in expiry_warning(turn)
    assert "'q1'" in expiry_warning(turn)
    turn.names, turn.questions = (), {}
    assert "orders without a result" in expiry_warning(turn)


def test_others_wait_a_moment_for_a_question() -> None:
    turns = OrderTurns()
    assert turns.hold_back(ME, 0.0) == 0.0
    turn = turn_of()
    turns.enter(turn)
    turns.dispatch(100.0)
    assert turns.hold_back(OTHER, 100.0) == 0.0
    turns.finish(turn, "call", 100.0, Outcome.ANSWERED, OrderResults({"q1": ""}, 0))
    assert turns.hold_back(ME, 100.5) == 0.0
    assert turns.hold_back(OTHER, 100.5) == READS_WAIT - 0.5
    assert turns.hold_back(OTHER, 100.0 + READS_WAIT) == 0.0
    assert turns.hold_back(OTHER, 200.0) == 0.0


def test_the_error_says_what_to_do() -> None:
    turns = OrderTurns()
    turn = turn_of(count=2)
    turns.enter(turn)
    turns.dispatch(100.0)
    assert "(mine) of account A has no response yet" in str(busy(turn, PLACE, 100.0))
    results = OrderResults({"q1": "Really?", "q2": ""}, 0)
    turns.finish(turn, "call", 100.0, Outcome.ANSWERED, results)
    error = busy(turn, PLACE, 110.0)
    assert "'q1' (Really?) and 1 more" in error.message
    assert "confirm_order_reply(reply_id='q1', confirmed=True)" in error.message
    assert "confirmed=False, or send this one again in 50 s" in error.message
    assert error.question_ids == ("q1", "q2")
    assert error.client_order_ids == ("mine",)
    assert error.retry_after == 50.0
    del turn.questions["q1"]
    assert "open question 'q2';" in busy(turn, PLACE, 110.0).message
    turn.questions.clear()
    assert "reported no result for 2 of the orders" in busy(turn, PLACE, 110.0).message
    turn.accounts, turn.names = frozenset({ANY}), ()
    error = busy(turn, PLACE, 110.0)
    assert error.message.startswith("nothing was sent: IBKR has reported no result")
    assert "account" not in error.message
