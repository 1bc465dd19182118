"""Tests of order turns that processes share: leases, questions, warnings about lost turns."""

from __future__ import annotations

import msgspec

from bezant._core.operations import orders
from bezant._core.pacing.order_turns import (
    ANY,
    QUESTION_LIFETIME,
    READS_WAIT,
    AccountTurn,
    OrderResults,
    Outcome,
)
from bezant._core.pacing.shared import Shared, dump, load
from bezant._core.pacing.shared_order_turns import (
    SharedTurn,
    begin_reply,
    finish_turn,
    hold_back,
    questions_of,
    take_turn,
)

PLACE = orders.SUBMIT_NEW_ORDERS.operation


def turn(token: str, *accounts: str, orders: int = 1) -> AccountTurn:
    return AccountTurn(frozenset(accounts or ("A",)), None, orders, (f"mine-{token}",), token)


def taken(shared: Shared, now: float, token: str, *accounts: str, lease: float = 10.0) -> bool:
    found = take_turn(shared, now, turn(token, *accounts), lease)
    assert not found.notices
    return found.blocker is None


def test_one_process_after_the_other() -> None:
    shared = Shared()
    assert taken(shared, 100.0, "one")
    assert taken(shared, 101.0, "one")  # the owner renews its turn
    assert not taken(shared, 102.0, "two")
    assert not taken(shared, 102.0, "three", "A", "B")
    assert not taken(shared, 102.0, "four", ANY)
    assert taken(shared, 102.0, "five", "B")
    assert load(dump(shared)) == shared
    assert finish_turn(shared, 103.0, "one", Outcome.REFUSED)
    assert taken(shared, 103.0, "two")


def test_the_error_names_the_question_of_the_other_process() -> None:
    shared = Shared()
    assert taken(shared, 100.0, "one")
    found = take_turn(shared, 101.0, turn("two"), 10.0)
    assert found.blocker is not None
    error = found.blocker(PLACE)
    assert "has no response yet" in error.message
    assert error.retry_after is None
    results = OrderResults({"q1": "Really?"}, 0)
    assert finish_turn(shared, 102.0, "one", Outcome.ANSWERED, results)
    found = take_turn(shared, 112.0, turn("two"), 10.0)
    assert found.blocker is not None
    error = found.blocker(PLACE)
    assert "(mine-one) of account A has an open question 'q1' (Really?)" in error.message
    assert (error.question_ids, error.retry_after) == (("q1",), QUESTION_LIFETIME - 10)


def test_nobody_knows_when_the_response_to_a_reply_comes() -> None:
    shared = Shared()
    assert taken(shared, 100.0, "one")
    asked = OrderResults({"q1": "", "q2": ""}, 0)
    assert finish_turn(shared, 101.0, "one", Outcome.ANSWERED, asked)
    for call in ("first", "first", "second"):  # a change of the store may be made twice
        begin_reply(shared, 102.0, "one", "q1", 35.0, call)
    for question, call, unknown in (("q1", "first", True), ("q2", "second", False)):
        assert finish_turn(shared, 103.0, "one", Outcome.NOTHING, None, question, call)
        found = take_turn(shared, 104.0, turn("two"), 10.0)
        assert found.blocker is not None
        assert (found.blocker(PLACE).retry_after is None) is unknown
    assert load(dump(shared)) == shared


def test_the_turn_of_a_killed_process_ends_with_its_lease() -> None:
    shared = Shared()
    assert taken(shared, 100.0, "one", lease=10.0)
    assert not taken(shared, 109.9, "two")
    found = take_turn(shared, 110.0, turn("two"), 10.0)
    assert found.blocker is None
    [notice] = found.notices
    assert "(mine-one) of account A ended with its lease; an open question may remain" in notice
    assert not finish_turn(shared, 111.0, "one", Outcome.LOST)
    assert finish_turn(shared, 111.0, "two", Outcome.ANSWERED, OrderResults({"q": ""}, 0))
    shared.turns["two"].names = []
    found = take_turn(shared, 111.0 + QUESTION_LIFETIME, turn("three"), 10.0)
    assert "order of account A" in found.notices[0]
    assert "remain: 'q'" in found.notices[0]


def test_a_clock_that_is_set_back_blocks_no_order_for_long() -> None:
    shared = Shared()
    assert taken(shared, 1000.0, "one", lease=10.0)
    assert not taken(shared, 100.0, "two")
    assert take_turn(shared, 110.0, turn("two"), 10.0).blocker is None


def test_a_reply_from_another_process_continues_the_turn() -> None:
    shared = Shared()
    assert taken(shared, 100.0, "one")
    finish_turn(shared, 100.0, "one", Outcome.ANSWERED, OrderResults({"q1": ""}, 0))
    begin_reply(shared, 155.0, "", "q1", 35.0, "reply")
    assert not taken(shared, 161.0, "two")
    begin_reply(shared, 161.0, "", "q9", 35.0, "reply")  # no turn has this question
    assert finish_turn(shared, 162.0, "", Outcome.NOTHING, None, "q1")
    assert shared.turns["one"].questions == {"q1": ""}
    assert finish_turn(shared, 162.0, "", Outcome.ANSWERED, OrderResults({"q2": ""}, 0), "q1")
    assert not finish_turn(shared, 162.0, "", Outcome.ANSWERED, OrderResults({}, 1), "q1")
    assert finish_turn(shared, 163.0, "one", Outcome.ANSWERED, OrderResults({}, 1), "q2")
    assert not shared.turns


def test_the_questions_of_a_turn_in_the_store() -> None:
    shared = Shared()
    assert questions_of(shared, 100.0, "one") is None
    assert taken(shared, 100.0, "one", lease=10.0)
    assert questions_of(shared, 105.0, "one") == {}
    finish_turn(shared, 105.0, "one", Outcome.ANSWERED, OrderResults({"q1": ""}, 0))
    assert questions_of(shared, 106.0, "one") == {"q1": ""}
    assert questions_of(shared, 105.0 + QUESTION_LIFETIME, "one") is None


def test_others_wait_a_moment_for_a_question_of_another_process() -> None:
    shared = Shared()
    none: frozenset[str] = frozenset()
    assert hold_back(shared, 100.0, none) == 0.0
    assert taken(shared, 100.0, "one")
    assert hold_back(shared, 100.0, none) == 0.0
    finish_turn(shared, 101.0, "one", Outcome.ANSWERED, OrderResults({"q1": "", "q2": ""}, 0))
    shared = load(dump(shared))
    assert hold_back(shared, 101.5, none) == READS_WAIT - 0.5
    assert hold_back(shared, 101.5, frozenset({"q1"})) == READS_WAIT - 0.5
    assert hold_back(shared, 101.5, frozenset({"q1", "q2"})) == 0.0
    assert hold_back(shared, 101.0 + READS_WAIT, none) == 0.0
    assert hold_back(shared, 100.9, none) == 0.0  # the clock was set back to before the question
    begin_reply(
        shared, 102.5, "", "q1", 35.0, "reply"
    )  # this announces a reply, which does not prolong the wait of other processes
    finish_turn(shared, 102.6, "", Outcome.NOTHING, None, "q1")
    assert hold_back(shared, 102.75, none) == READS_WAIT - 1.75
    finish_turn(shared, 110.0, "", Outcome.ANSWERED, OrderResults({"q3": ""}, 0), "q1")
    assert hold_back(shared, 110.0, none) == READS_WAIT
    shared.turns["one"].lease = 0.5
    assert hold_back(shared, 110.0, none) == 0.5
    finish_turn(shared, 110.0, "", Outcome.LOST, None, "q2")
    assert hold_back(shared, 110.0, none) == 0.0


def test_a_turn_written_by_an_earlier_version_blocks_no_read() -> None:
    shared = load(b'{"turns":{"one":[["A"],100.0,60.0,[],1,{"q1":""}]}}')
    assert questions_of(shared, 101.0, "one") == {"q1": ""}
    assert hold_back(shared, 101.0, frozenset()) == 0.0


def test_an_extended_lease_is_never_shorter() -> None:
    shared = Shared()
    assert taken(shared, 100.0, "one", lease=60.0)
    begin_reply(shared, 110.0, "one", "", 10.0, "reply")
    held = shared.turns["one"]
    assert (held.since, held.lease) == (110.0, 50.0)


def test_a_state_without_turns_is_as_before() -> None:
    assert load(b"{}") == Shared()
    assert b"turns" not in dump(Shared())
    kept = Shared(turns={"one": SharedTurn(["A"], 1.0, 2.0)})
    assert msgspec.json.decode(dump(kept))["turns"]["one"][0] == ["A"]
