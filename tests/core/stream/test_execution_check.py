"""Tests of executions that the stream does not send: requested over REST, delivered once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bezant import Gap, Message, TradeUpdate
from bezant._core.stream.execution_check import CALM_INTERVAL, ExecutionRequest
from bezant._core.stream.state import StreamState
from bezant._core.stream.topics import pnl, trades
from bezant.models.orders import Execution
from tests.support import rows

from ..samples import some
from .test_refusals import refusal
from .test_state import SYSTEM, at, read, ready_state, reconnect, sent

NOW = 1_800_000_000.0
RELOGIN = b'{"topic":"sts","args":{"authenticated":true}}'


def trade(key: str, when: float | None = NOW, **values: Any) -> Execution:
    found = {"execution_id": key, "size": Decimal(1), "price": Decimal(5), **values}
    if when is not None:
        found["time"] = datetime.fromtimestamp(when, UTC)
    return some(Execution, **found)


def frame(*keys: str, **more: Any) -> bytes:
    return json.dumps({"topic": "str", "args": [rows.trade(key, **more) for key in keys]}).encode()


def stream_with_trades(*, realtime_only: bool = False) -> StreamState:
    stream = ready_state(NOW, tic_interval=99999, silence_limit=99999)
    stream.subscribe(trades.request(2, realtime_only=realtime_only), now=NOW)
    assert len(sent(stream, NOW)) == 1
    return stream


def requested(stream: StreamState, now: float) -> ExecutionRequest:
    request = stream.next_execution_request(now)
    assert isinstance(request, ExecutionRequest)
    return request


def told(messages: list[Message]) -> list[str]:
    """Return the id of each execution, and "gap" with the topic of each gap, in order."""
    found: list[str] = []
    for each in messages:
        if isinstance(each, TradeUpdate):
            found.append(each.execution_id)
        elif isinstance(each, Gap):
            found.append(f"gap {each.topic}")
    return found


def test_a_new_subscription_that_sends_executions_needs_no_request() -> None:
    stream = stream_with_trades()
    assert stream.execution_check.changed
    assert stream.next_execution_request(NOW) == 15
    assert not stream.execution_check.changed
    stream.take_in([frame("e1")], NOW + 1)
    assert stream.next_execution_request(NOW + 15) == CALM_INTERVAL


def test_an_empty_list_is_a_response() -> None:
    stream = stream_with_trades()
    stream.take_in([b'{"topic":"str","args":[]}'] * 2, NOW + 1)
    assert stream.confirmed == {"tr"}
    assert stream.next_execution_request(NOW + 15) == CALM_INTERVAL
    early = ready_state(NOW)
    early.take_in([b'{"topic":"str","args":[]}'], NOW)
    assert early.confirmed == set()


def test_new_executions_only_are_no_silence() -> None:
    stream = stream_with_trades(realtime_only=True)
    assert stream.next_execution_request(NOW + 15) == CALM_INTERVAL - 15


def test_a_silent_subscription_is_a_gap_and_sent_again_while_rest_has_executions() -> None:
    stream = stream_with_trades()
    old, recent = trade("e0", NOW - 3 * 86_400), trade("e1", NOW - 86_400)
    unknown = trade("e2", None)
    request = requested(stream, NOW + 15)
    stream.take_executions(request, [old, recent, unknown], NOW + 16)
    found = read(stream)
    assert told(found) == ["gap str", "e1", "e2"]
    update = found[1]
    assert isinstance(update, TradeUpdate)
    assert (update.time, update.price) == (at(NOW - 86_400), Decimal(5))
    assert update.raw["trade_time_r"] == (NOW - 86_400) * 1000
    stream.take_executions(request, [trade("e9")], NOW + 16)
    assert sent(stream, NOW + 30) == []
    assert len(sent(stream, NOW + 31)) == 1
    # The subscription is still silent. The client takes the new execution from REST, and the pauses
    # between its commands grow.
    request = requested(stream, NOW + 32)
    stream.take_executions(request, [recent, trade("e3", NOW + 20)], NOW + 32)
    assert told(read(stream)) == ["e3"]
    assert sent(stream, NOW + 61) == []
    assert len(sent(stream, NOW + 62)) == 1
    stream.take_executions(requested(stream, NOW + 63), [recent], NOW + 63)
    assert read(stream) == []
    assert len(sent(stream, NOW + 123)) == 1
    # Now the stream sends executions, so the requests and the repeated commands end.
    stream.take_in([frame("e1", "e4")], NOW + 124)
    assert told(read(stream)) == ["e4"]
    assert stream.next_execution_request(NOW + 124) == CALM_INTERVAL
    assert sent(stream, NOW + 9000) == []


def test_a_silent_subscription_without_executions_is_left_alone() -> None:
    stream = stream_with_trades()
    stream.take_executions(requested(stream, NOW + 15), [], NOW + 15)
    assert read(stream) == []
    assert stream.next_execution_request(NOW + 15) == CALM_INTERVAL
    assert sent(stream, NOW + 900) == []


@pytest.mark.parametrize("realtime_only", [False, True])
def test_executions_of_an_interruption_are_delivered(realtime_only: bool) -> None:
    stream = stream_with_trades(realtime_only=realtime_only)
    stream.take_in([frame("e1", trade_time_r=NOW * 1000)], NOW + 10)
    stream.next_execution_request(NOW + 15)
    stream.lost("cut", NOW + 100, NOW + 100)
    assert stream.next_execution_request(NOW + 100) is None
    reconnect(stream, NOW + 100)
    stream.take_in([SYSTEM], NOW + 200)
    read(stream)
    assert stream.next_execution_request(NOW + 200) == 1
    listed = [trade("e0", NOW - 90), trade("e1", NOW), trade("e2", NOW + 150)]
    stream.take_executions(requested(stream, NOW + 201), listed, NOW + 202)
    assert told(read(stream)) == (["e2"] if realtime_only else ["gap str", "e2"])
    if realtime_only:
        assert stream.next_execution_request(NOW + 202) == CALM_INTERVAL


def test_the_list_of_a_stream_after_an_interruption_needs_no_request() -> None:
    stream = stream_with_trades()
    stream.take_in([frame("e1")], NOW)
    stream.lost("cut", NOW + 100, NOW + 100)
    stream.lost("cut", NOW + 100, NOW + 100)
    reconnect(stream, NOW + 100)
    stream.take_in([SYSTEM, frame("e1", "e2")], NOW + 200)
    assert told(read(stream)) == ["e1", "gap None", "e2"]
    assert stream.next_execution_request(NOW + 201) == CALM_INTERVAL


def test_a_new_login_interrupts_executions() -> None:
    stream = stream_with_trades(realtime_only=True)
    stream.take_in([RELOGIN], NOW + 1)
    assert stream.next_execution_request(NOW + 1) == CALM_INTERVAL - 1
    stream.take_in([RELOGIN], NOW + 901)
    read(stream)
    listed = [trade("e1", NOW - 90), trade("e2", NOW + 800)]
    stream.take_executions(requested(stream, NOW + 902), listed, NOW + 903)
    assert told(read(stream)) == ["e2"]
    other = ready_state(NOW)
    other.subscribe(pnl.request(), now=NOW)
    other.take_in([RELOGIN, RELOGIN], NOW + 1)
    assert other.next_execution_request(NOW + 900) is None


def test_a_refused_subscription_is_repaired_at_once_and_with_each_attempt() -> None:
    stream = stream_with_trades(realtime_only=True)
    stream.take_in([refusal("str")], NOW + 1)
    read(stream)
    request = requested(stream, NOW + 1)
    stream.execution_check.failed(request, NOW + 1)
    assert stream.next_execution_request(NOW + 1) == 5
    stream.execution_check.failed(request, NOW + 6, at_least=30)
    assert stream.next_execution_request(NOW + 6) == 30
    assert len(sent(stream, NOW + 16)) == 1
    # `request` belongs to the attempt before this command, so its failure changes nothing.
    stream.execution_check.failed(request, NOW + 16)
    assert stream.next_execution_request(NOW + 16) == 1
    stream.take_executions(requested(stream, NOW + 17), [trade("e1", NOW + 5)], NOW + 17)
    assert told(read(stream)) == ["e1"]


def test_an_unreadable_message_about_executions_is_made_up_for() -> None:
    for data in (b'{"topic":"str","args":[{', b'{"topic":"str","args":7}'):
        stream = stream_with_trades()
        stream.take_in([frame("e1", trade_time_r=NOW * 1000)], NOW + 1)
        stream.next_execution_request(NOW + 15)
        read(stream)
        stream.take_in([b"{", b'{"topic":"x","args":7}', data], NOW + 20)
        read(stream)
        stream.take_executions(requested(stream, NOW + 20), [trade("e2", NOW + 20)], NOW + 21)
        assert told(read(stream)) == ["e2"]


def test_a_cancelled_subscription_requests_nothing() -> None:
    stream = stream_with_trades()
    stream.take_in([refusal("str")], NOW)
    request = requested(stream, NOW)
    interest = stream.subscribe(trades.request(), now=NOW)
    stream.unsubscribe(interest)
    ended = stream_with_trades()
    ended.end("closed", NOW)
    assert ended.next_execution_request(NOW + 900) is None
    only = ready_state(NOW)
    interest = only.subscribe(trades.request(), now=NOW)
    only.unsubscribe(interest)
    assert only.next_execution_request(NOW + 900) is None
    only.take_executions(request, [trade("e1")], NOW)
    assert read(only) == []


@pytest.mark.parametrize("realtime_only", [False, True])
def test_executions_that_only_a_regular_check_finds_are_a_gap(realtime_only: bool) -> None:
    stream = stream_with_trades(realtime_only=realtime_only)
    stream.take_in([frame("e1", trade_time_r=NOW * 1000)], NOW + 1)
    stream.next_execution_request(NOW + 15)
    read(stream)
    now = NOW + 15 + CALM_INTERVAL
    request = requested(stream, now)
    stream.execution_check.failed(request, now)
    request = requested(stream, now + 5)
    listed = [trade("e0", NOW - 900), trade("e1"), trade("e2", now - 90)]
    stream.take_executions(request, listed, now + 5)
    assert told(read(stream)) == ["e2"]
    assert sent(stream, now + 19) == []
    [command] = sent(stream, now + 20)
    assert command.startswith("str+")
    (gap,) = (each for each in read(stream) if isinstance(each, Gap))
    assert (gap.topic, gap.reason) == ("str", "the gateway has stopped sending messages for str")
    assert "tr" not in stream.confirmed


def test_a_stream_that_sends_executions_a_moment_after_a_check_is_not_silent() -> None:
    for later in (frame("e2"), b'{"topic":"str","args":[]}'):
        stream = stream_with_trades()
        stream.take_in([frame("e1", trade_time_r=NOW * 1000)], NOW + 1)
        stream.next_execution_request(NOW + 15)
        now = NOW + 15 + CALM_INTERVAL
        stream.take_executions(requested(stream, now), [trade("e2", now - 1)], now)
        stream.take_in([later], now + 1)
        assert sent(stream, now + 9000) == []
        assert told(read(stream)) == ["e1", "e2"]
        assert stream.next_execution_request(now) == CALM_INTERVAL
        stream.take_executions(requested(stream, now + CALM_INTERVAL), [trade("e2", now)], now)
        assert sent(stream, now + 9000) == []
