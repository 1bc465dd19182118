"""One connection: what may be sent and when, and what silence means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import InvalidRequest, MarketDataFields, System, WsTimeout
from bezant._core.stream.connection import MAX_COMMAND, StreamState
from bezant._core.stream.wanted import ORDERS, PNL

from ..samples import TOKEN, Drifts

SYSTEM = b'{"topic":"system","success":"me"}'
HEARTBEAT = b'{"topic":"system","hb":1788888788000}'
WAITING = b'{"message":"waiting for session"}'
LAST = MarketDataFields.from_names("last")
BID = MarketDataFields.from_names("bid")


def state(now: float = 0.0, **options: float) -> StreamState:
    return StreamState(TOKEN, Drifts(), now, **options)


def ready_state(now: float = 0.0, **options: float) -> StreamState:
    made = state(now, **options)
    made.received(SYSTEM, now)
    return made


def test_nothing_leaves_before_the_gateway_is_ready() -> None:
    stream = state()
    stream.subscribe(ORDERS)
    stream.command("ssd+DU1+{}")
    stream.received(HEARTBEAT, 1)
    stream.received(b'{"topic":"sts","args":{"authenticated":true}}', 1)
    stream.received(b"not json", 1)
    stream.received(b'{"topic":"system","success":false}', 1)
    assert stream.outgoing(50) == []
    assert not stream.ready


def test_what_was_held_leaves_in_order_once() -> None:
    stream = state()
    stream.subscribe("md+1", LAST)
    stream.command("ssd+DU1+{}")
    stream.subscribe(ORDERS)
    stream.subscribe("md+1", BID)
    stream.subscribe(ORDERS)
    messages = stream.received(SYSTEM, 1)
    assert messages == [System(user="me")]
    assert stream.ready
    assert stream.outgoing(1) == [
        'smd+1+{"fields":["31"]}',
        "ssd+DU1+{}",
        "sor+{}",
        'smd+1+{"fields":["31","84"]}',
    ]
    assert stream.outgoing(1) == []
    stream.received(SYSTEM, 2)
    assert stream.outgoing(2) == []


def test_what_comes_later_leaves_at_once() -> None:
    stream = ready_state()
    ticket = stream.subscribe(PNL)
    assert stream.outgoing(1) == ["spl+{}"]
    stream.unsubscribe(ticket)
    stream.unsubscribe(ticket)
    assert stream.outgoing(1) == ["upl+{}"]


def test_what_is_cancelled_before_the_gateway_is_ready_is_never_sent() -> None:
    stream = state()
    first = stream.subscribe("md+1", LAST)
    stream.command("ssd+md+1+{}")
    stream.subscribe("md+11", LAST)
    again = stream.subscribe("md+1", BID)
    stream.unsubscribe(first)
    stream.unsubscribe(again)
    stream.received(SYSTEM, 1)
    assert stream.outgoing(1) == ["ssd+md+1+{}", 'smd+11+{"fields":["31"]}']


def test_what_somebody_else_still_wants_is_not_cancelled() -> None:
    stream = state()
    first = stream.subscribe(ORDERS)
    second = stream.subscribe(ORDERS)
    stream.unsubscribe(first)
    stream.unsubscribe(first)
    stream.received(SYSTEM, 1)
    assert stream.outgoing(1) == ["sor+{}"]
    stream.unsubscribe(second)
    assert stream.outgoing(1) == ["uor+{}"]


def test_what_is_wanted_anew_after_a_cancellation_is_sent() -> None:
    stream = state()
    stream.unsubscribe(stream.subscribe("md+1", LAST))
    stream.subscribe("md+1", BID)
    stream.received(SYSTEM, 1)
    assert stream.outgoing(1) == ['smd+1+{"fields":["84"]}']


def test_the_session_is_sent_when_the_gateway_asks_and_only_then() -> None:
    stream = state()
    assert stream.outgoing(0) == []
    stream.subscribe(ORDERS)
    for data in (HEARTBEAT, b'{"message":"other"}', b'["waiting for session"]', b"5"):
        stream.received(data, 0)
        assert stream.outgoing(0) == []
    stream.received(WAITING, 0)
    (sent,) = stream.outgoing(0)
    assert json.loads(sent) == {"session": TOKEN}
    assert stream.outgoing(0) == []
    stream.received(SYSTEM, 0)
    assert stream.outgoing(0) == ["sor+{}"]
    stream.received(WAITING, 0)
    assert stream.outgoing(0) == []
    assert TOKEN not in repr(stream)


@pytest.mark.parametrize("command", ["", None, 5, b"tic"], ids=repr)
def test_commands_are_text(command: Any) -> None:
    with pytest.raises(InvalidRequest, match="a command is text"):
        ready_state().command(command)


def test_commands_that_would_end_the_connection_are_refused() -> None:
    stream = ready_state()
    with pytest.raises(InvalidRequest, match="cannot be sent"):
        stream.command("\ud800")
    with pytest.raises(InvalidRequest, match="65,537 bytes"):
        stream.command("x" * (MAX_COMMAND + 1))
    with pytest.raises(InvalidRequest):
        stream.command("ü" * (MAX_COMMAND // 2 + 1))
    assert stream.outgoing(0) == []
    stream.command("x" * MAX_COMMAND)
    assert stream.outgoing(0) == ["x" * MAX_COMMAND]


def test_too_many_fields_send_nothing() -> None:
    stream = ready_state()
    stream.subscribe("md+1", MarketDataFields.from_codes(*range(1, 51)))
    stream.outgoing(0)
    with pytest.raises(InvalidRequest, match="51 fields"):
        stream.subscribe("md+1", MarketDataFields.from_codes(51))
    assert stream.outgoing(0) == []


def test_signs_of_life_after_each_interval() -> None:
    stream = ready_state(100, tic_interval=30)
    assert stream.outgoing(129.9) == []
    stream.command("ssd+DU1+{}")
    assert stream.outgoing(130) == ["ssd+DU1+{}", "tic"]
    assert stream.outgoing(159.9) == []
    assert stream.outgoing(200) == ["tic"]  # late: once, not for every interval that has passed
    assert stream.outgoing(229.9) == []
    assert stream.outgoing(230) == ["tic"]


def test_no_sign_of_life_before_the_gateway_is_ready() -> None:
    stream = state(tic_interval=30)
    assert stream.outgoing(45) == []
    stream.received(SYSTEM, 45)
    assert stream.outgoing(45) == ["tic"]


def test_when_something_is_due() -> None:
    stream = state(100, tic_interval=30, silence_limit=60)
    assert stream.seconds_until_due(100) == 60
    stream.received(SYSTEM, 110)
    assert stream.seconds_until_due(110) == 20
    assert stream.seconds_until_due(135) == 0
    stream.outgoing(135)
    assert stream.seconds_until_due(135) == 30
    assert stream.seconds_until_due(145) == 20
    stream.outgoing(165)
    assert stream.seconds_until_due(165) == 5


@pytest.mark.parametrize("make", [state, ready_state])
def test_silence_means_that_the_connection_is_dead(make: Any) -> None:
    stream = make(0.0, silence_limit=60)
    stream.received(HEARTBEAT, 10)
    assert stream.seconds_until_due(69.9) >= 0
    with pytest.raises(WsTimeout, match="60 s") as caught:
        stream.seconds_until_due(70)
    assert caught.value.retryable
    stream.received(b"anything is a sign", 71)
    assert stream.seconds_until_due(71) >= 0


@given(
    steps=st.lists(
        st.sampled_from([SYSTEM, HEARTBEAT, WAITING, b"", b"junk"])
        | st.floats(0, 100)
        | st.binary()
        | st.text(),
        max_size=30,
    )
)
def test_any_run_of_events(steps: list[bytes | float | str]) -> None:
    stream = state()
    stream.subscribe(ORDERS)
    now, sent = 0.0, list[str]()
    for step in steps:
        ready = stream.ready
        if isinstance(step, bytes):
            assert stream.received(step, now)
        elif isinstance(step, float):
            now += step
        else:
            try:
                stream.command(step)
            except InvalidRequest:
                continue
        sent += stream.outgoing(now)
        assert stream.ready or all("session" in each for each in sent)
        assert not ready or stream.ready
        try:
            assert stream.seconds_until_due(now) >= 0
        except WsTimeout:
            stream.received(HEARTBEAT, now)
    assert sent.count("sor+{}") == stream.ready + steps.count("sor+{}") * stream.ready
