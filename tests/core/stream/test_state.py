"""Tests of a stream's state: sending, silence, lost connections, reconnection and renewal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    Gap,
    Heartbeat,
    InvalidRequest,
    MarketData,
    MarketDataFields,
    Message,
    OrderUpdate,
    Other,
    Reconnected,
    SessionLost,
    SessionStatus,
    System,
    TradeUpdate,
)
from bezant._core.stream.order_check import CALM_INTERVAL, QUIET, OrderRequest
from bezant._core.stream.phases import TRANSITIONS, Event, Phase, Timing
from bezant._core.stream.state import StreamState
from bezant._core.stream.topic import MAX_COMMAND, SubscriptionRequest
from bezant._core.stream.topics import ladder, ledger, market_data, orders, pnl, summary, trades
from bezant._wire.redaction import Secret
from bezant.models.orders import LiveOrder, OrderStatus

from ..samples import TOKEN, Drifts, some

SYSTEM = b'{"topic":"system","success":"me"}'
HEARTBEAT = b'{"topic":"system","hb":1788888788000}'
WAITING = b'{"message":"waiting for session"}'
LOGGED_OUT = b'{"topic":"sts","args":{"authenticated":false,"fail":"gone"}}'
LAST = MarketDataFields.from_names("last")
BID = MarketDataFields.from_names("bid")


def quote(conid: int = 1, **fields: object) -> bytes:
    return json.dumps({"topic": f"smd+{conid}", "conid": conid, **fields}).encode()


def state(now: float = 0.0, *, reconnect: bool = True, **times: float) -> StreamState:
    made = StreamState(Drifts(), now, wall=now, timing=Timing(**times), reconnect=reconnect)
    made.opened(TOKEN, now, now)
    return made


def ready_state(now: float = 0.0, *, reconnect: bool = True, **times: float) -> StreamState:
    made = state(now, reconnect=reconnect, **times)
    made.take_in([SYSTEM], now)
    assert read(made) == [System(user_name="me")]
    return made


def sent(stream: StreamState, now: float) -> list[str]:
    commands: list[str] = []
    while (command := stream.next_outgoing(now)) is not None:
        assert isinstance(command, str)
        commands.append(command)
    return commands


def read(stream: StreamState) -> list[Message]:
    messages: list[Message] = []
    while (message := stream.message_buffer.take()) is not None:
        messages.append(message)
    return messages


def reconnect(stream: StreamState, now: float) -> None:
    while stream.phase is not Phase.CONNECTING:
        now += stream.advance(now, now)
    stream.opened("another", now, now)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_every_phase_can_be_left_and_nothing_leaves_the_end() -> None:
    assert {phase for phase, _ in TRANSITIONS} == set(Phase)
    assert {to for (phase, _), to in TRANSITIONS.items() if phase is Phase.ENDED} == {Phase.ENDED}
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_nothing_leaves_before_the_gateway_is_ready() -> None:
    stream = state(tic_interval=1)
    stream.subscribe(orders.request(), now=0)
    stream.command("ech+hb")
    data = [HEARTBEAT, b'{"topic":"sts","args":{"authenticated":true}}', b"not json"]
    stream.take_in([*data, b'{"topic":"system","success":false}'], 1)
    assert sent(stream, 5) == []
    assert stream.phase is Phase.WAITING
    # The messages are held back until it is known whether a `Gap` must come before them.
    assert read(stream) == []
    stream.take_in([SYSTEM], 6)
    kinds = [type(each).__name__ for each in read(stream)]
    assert kinds == ["Heartbeat", "SessionStatus", "Malformed", "Other", "System"]
    assert sent(stream, 6) == ["sor+{}", "ech+hb"]


def test_subscriptions_are_sent_in_order_before_other_commands() -> None:
    stream = state()
    stream.subscribe(market_data.request(1, LAST, None), now=0)
    stream.command("ech+hb")
    stream.subscribe(orders.request(), now=0)
    stream.subscribe(market_data.request(1, BID, None), now=0)
    stream.take_in([SYSTEM], 1)
    assert sent(stream, 1) == ['smd+1+{"fields":["31","84"]}', "sor+{}", "ech+hb"]
    assert sent(stream, 1) == []
    stream.take_in([SYSTEM], 2)
    assert sent(stream, 2) == []
    assert stream.subscribed == ["md+1", "or"]


def test_a_later_subscription_is_sent_at_once() -> None:
    stream = ready_state()
    interest = stream.subscribe(pnl.request(), now=1)
    again = stream.subscribe(pnl.request(), now=1)
    assert sent(stream, 1) == ["spl+{}"]
    stream.unsubscribe(again)
    assert sent(stream, 1) == []
    stream.unsubscribe(interest)
    stream.unsubscribe(interest)
    assert sent(stream, 1) == ["upl+{}"]


def test_a_subscription_cancelled_before_the_gateway_is_ready_is_never_sent() -> None:
    stream = state()
    stream.unsubscribe(stream.subscribe(market_data.request(1, LAST, None), now=0))
    stream.take_in([SYSTEM], 1)
    assert sent(stream, 1) == []


def test_the_session_is_sent_when_the_gateway_asks_and_only_then() -> None:
    stream = state()
    stream.subscribe(orders.request(), now=0)
    stream.take_in([HEARTBEAT, b'{"message":"other"}', b'["waiting for session"]', b"5"], 0)
    assert sent(stream, 0) == []
    stream.take_in([WAITING], 0)
    token = stream.next_outgoing(0)
    assert isinstance(token, Secret)
    assert json.loads(token.value) == {"session": TOKEN}
    assert TOKEN not in repr(token)
    stream.take_in([SYSTEM, WAITING], 0)
    assert sent(stream, 0) == ["sor+{}"]
    assert TOKEN not in repr(stream)


@pytest.mark.parametrize("command", ["", None, 5, b"tic"], ids=repr)
def test_commands_are_text(command: Any) -> None:
    with pytest.raises(InvalidRequest, match="a command must be text"):
        ready_state().command(command)


def test_commands_that_would_end_the_connection_are_refused() -> None:
    stream = ready_state()
    with pytest.raises(InvalidRequest, match="cannot encode"):
        stream.command("\ud800")
    with pytest.raises(InvalidRequest, match="65,537 bytes"):
        stream.command("x" * (MAX_COMMAND + 1))
    stream.command("x" * MAX_COMMAND)
    assert sent(stream, 0) == ["x" * MAX_COMMAND]


def test_a_tic_after_each_interval() -> None:
    stream = ready_state(100, tic_interval=30)
    assert sent(stream, 129.9) == []
    assert sent(stream, 130) == ["tic"]
    assert sent(stream, 200) == ["tic"]  # only one, although two intervals have passed
    assert sent(stream, 229.9) == []


def test_when_something_is_due() -> None:
    stream = state(100, tic_interval=30, silence_limit=60, confirm_after=50)
    assert stream.advance(100, 100) == 10  # 10 s until the system message is overdue
    stream.take_in([SYSTEM], 105)
    assert stream.advance(105, 105) == 30
    stream.subscribe(market_data.request(1, LAST, None), now=110)
    sent(stream, 136)
    assert stream.advance(140, 140) == 20  # 20 s until the response to the subscription is overdue
    assert stream.advance(158, 158) == 2
    assert stream.advance(164, 164) == 0


def test_without_a_system_message_the_stream_checks_the_session_and_waits() -> None:
    stream = state(ready_timeout=10, queue_limit=25)
    assert stream.advance(4, 4) == 6
    assert not stream.probe_due
    assert stream.advance(10, 10) == 0
    assert stream.probe_due
    stream.probed(TOKEN, "", 11, 11)
    assert not stream.probe_due
    assert stream.phase is Phase.WAITING
    assert stream.advance(11, 11) == 10
    stream.take_in([SYSTEM], 12)
    assert stream.phase is Phase.READY
    stream.probed(None, "too late", 13, 13)
    assert stream.phase is Phase.READY


@pytest.mark.parametrize(
    ("session", "reason"), [(None, "logged out"), ("other", "another session")]
)
def test_a_gateway_that_is_no_longer_the_same_is_not_waited_for(
    session: str | None, reason: str
) -> None:
    stream = ready_state(ready_timeout=10)
    stream.lost("broken", 1, 1)
    stream.advance(50, 50)
    stream.opened("another", 50, 50)
    assert stream.advance(60, 60) == 0
    stream.probed(session, "logged out", 61, 61)
    assert stream.phase is Phase.BACKOFF
    assert not stream.probe_due
    reconnect(stream, 61)
    stream.take_in([SYSTEM], 100)
    gap = next(each for each in read(stream) if isinstance(each, Gap))
    assert gap.reason == "broken"


def test_every_wait_has_an_end() -> None:
    stream = state(ready_timeout=10, queue_limit=25)
    for now in (10, 20):
        stream.advance(now, now)
        stream.probed(TOKEN, "", now, now)
    assert stream.advance(25, 25) == 0
    assert stream.phase is Phase.BACKOFF
    assert stream.advance(25, 25) == 1


def test_silence_means_that_the_connection_is_dead() -> None:
    stream = ready_state(silence_limit=45, tic_interval=9999)
    stream.take_in([HEARTBEAT], 10)
    assert stream.advance(54, 54) > 0
    assert stream.advance(55, 55) == 0
    assert stream.phase is Phase.BACKOFF
    reconnect(stream, 55)
    stream.take_in([HEARTBEAT, SYSTEM], 60)
    beat, gap, *rest = read(stream)
    assert isinstance(beat, Heartbeat)
    assert isinstance(gap, Gap)
    assert "45 s" in gap.reason
    assert (gap.since, gap.until, gap.topic, gap.count) == (at(10), at(60), None, None)
    assert isinstance(rest[0], Heartbeat)
    assert rest[1:] == [Reconnected(attempts=1, at=at(60)), System(user_name="me")]
    assert stream.reconnects == 1


def test_messages_before_a_second_loss_get_a_gap_too() -> None:
    stream = ready_state()
    stream.lost("first", 1, 1)
    reconnect(stream, 1)
    stream.take_in([b'{"topic":"x"}'], 5)
    stream.lost("second", 6, 6)
    gap, other = read(stream)
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.until) == ("first", at(6))
    assert isinstance(other, Other)
    reconnect(stream, 6)
    stream.take_in([SYSTEM], 9)
    again, reconnected, _ = read(stream)
    assert isinstance(again, Gap)
    assert (again.reason, again.since) == ("second", at(5))
    assert reconnected == Reconnected(attempts=2, at=at(9))


def test_a_new_connection_gets_all_subscriptions_in_the_original_order() -> None:
    stream = ready_state()
    for request in (
        market_data.request(2, LAST, None),
        pnl.request(),
        market_data.request(1, BID, None),
    ):
        stream.subscribe(request, now=0)
    gone = stream.subscribe(orders.request(), now=0)
    sent(stream, 0)
    stream.lost("closed", 1, 1)
    stream.lost("again", 1, 1)
    stream.unsubscribe(gone)
    stream.subscribe(market_data.request(1, LAST, None), now=1)
    assert sent(stream, 1) == []
    reconnect(stream, 1)
    stream.take_in([SYSTEM], 3)
    assert sent(stream, 3) == [
        'smd+2+{"fields":["31"]}',
        "spl+{}",
        'smd+1+{"fields":["84","31"]}',
    ]


def test_the_backoff_doubles_to_its_limit_and_is_reset_after_a_good_run() -> None:
    stream = ready_state(good_run=60)
    waits: list[float] = []
    now = 1.0
    for _ in range(9):
        stream.lost("no", now, now)
        waits.append(stream.advance(now, now))
        now += waits[-1]
        assert stream.advance(now, now) == 0
        assert stream.phase is Phase.CONNECTING
        assert stream.advance(now, now) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    stream.opened(TOKEN, now, now)
    stream.take_in([SYSTEM], now)
    stream.lost("soon", now + 59, now + 59)
    assert stream.advance(now + 59, now) == 60
    reconnect(stream, now + 59)
    stream.take_in([SYSTEM], now + 200)
    stream.lost("late", now + 260, now + 260)
    assert stream.advance(now + 260, now) == 1


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 0.75), (1.0, 1.25)])
def test_the_backoff_has_a_jitter(chance: float, wait: float) -> None:
    stream = StreamState(Drifts(), 0, random=lambda: chance)
    stream.lost("no", 0, 0)
    assert stream.advance(0, 0) == wait


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_market_data_is_renewed_between_8_and_10_minutes(chance: float) -> None:
    stream = StreamState(Drifts(), 0, random=lambda: chance)
    stream.opened(TOKEN, 0, 0)
    stream.take_in([SYSTEM], 0)
    stream.subscribe(market_data.request(1, LAST, None), now=0)
    sent(stream, 0)
    stream.take_in([quote()], 1)
    due = 480 + 120 * chance
    assert "smd" not in str(sent(stream, due - 0.1))
    assert 'smd+1+{"fields":["31"]}' in sent(stream, due)
    assert "smd" not in str(sent(stream, 2 * due - 0.1))
    assert 'smd+1+{"fields":["31"]}' in sent(stream, 2 * due)
    assert stream.confirmed == {"md+1"}


def test_market_data_without_a_response_is_requested_again() -> None:
    stream = ready_state(confirm_after=15, tic_interval=9999)
    stream.subscribe(market_data.request(1, LAST, "NYSE"), now=0)
    stream.subscribe(trades.request(), now=0)
    assert len(sent(stream, 0)) == 2
    assert sent(stream, 14) == []
    assert len(sent(stream, 15)) == 1
    assert sent(stream, 44) == []
    assert len(sent(stream, 45)) == 1
    # The quote lacks the exchange, which the gateway may omit.
    stream.take_in([quote(2), quote(1)], 46)
    assert stream.confirmed == {"md+1@NYSE"}
    assert sent(stream, 400) == []


def test_a_lost_login_is_reported_once_and_subscriptions_are_renewed() -> None:
    stream = ready_state()
    stream.subscribe(pnl.request(), now=0)
    stream.take_in([b'{"topic":"sts","args":{"competing":true}}'], 0)
    assert stream.confirmed == set()
    stream.take_in([LOGGED_OUT], 1)
    assert (phase_of(stream), stream.probe_due) == (Phase.READY, True)
    stream.probed(None, "closed", 1, 1)
    assert phase_of(stream) is Phase.BACKOFF
    _, status, lost = read(stream)
    assert isinstance(status, SessionStatus)
    assert lost == SessionLost(reason="gone", at=at(1))
    for now in (5, 10):
        stream.advance(now, now)
        stream.lost("nobody is logged in", now, now, session=True)
    assert read(stream) == []
    reconnect(stream, 20)
    stream.take_in([SYSTEM, b'{"topic":"sts","args":{"authenticated":true}}'], 30)
    assert [type(each) for each in read(stream)] == [Gap, Reconnected, System, SessionStatus]
    stream.take_in([LOGGED_OUT.replace(b',"fail":"gone"', b"")], 31)
    stream.probed(None, "closed", 31, 31)
    assert isinstance(read(stream)[-1], SessionLost)


def test_a_lost_login_without_reconnection_is_only_reported() -> None:
    stream = ready_state(reconnect=False)
    for _ in range(2):
        stream.take_in([LOGGED_OUT], 1)
        stream.probed(None, "closed", 1, 1)
    assert stream.phase is Phase.READY
    assert [type(each) for each in read(stream)] == [SessionStatus, SessionLost, SessionStatus]


def test_a_report_of_the_sessions_end_is_checked_before_it_is_believed() -> None:
    stream = ready_state()
    stream.take_in([LOGGED_OUT], 1)
    assert stream.probe_due
    stream.probed(TOKEN, "", 2, 2)
    assert (stream.phase, stream.probe_due) == (Phase.READY, False)
    stream.take_in([LOGGED_OUT], 3)
    stream.probed("", "", 4, 4)  # no token, but the tickle succeeded, so the session works
    assert phase_of(stream) is Phase.READY
    assert [type(each) for each in read(stream)] == [SessionStatus, SessionStatus]
    stream.take_in([LOGGED_OUT], 5)
    stream.probed("another", "", 6, 6)
    assert phase_of(stream) is Phase.BACKOFF


def test_a_competing_session_is_checked_once() -> None:
    stream = ready_state()
    competing = b'{"topic":"sts","args":{"authenticated":true,"competing":true}}'
    stream.take_in([competing], 1)
    assert stream.probe_due
    stream.probed(TOKEN, "", 2, 2)
    stream.take_in([competing], 3)
    assert not stream.probe_due
    stream.take_in([competing.replace(b"true}", b"false}"), competing], 4)
    assert stream.probe_due
    stream.probed(None, "closed", 5, 5)
    assert phase_of(stream) is Phase.BACKOFF


def test_without_reconnection_a_loss_is_the_end() -> None:
    stream = ready_state(reconnect=False)
    stream.lost("closed", 1, 1)
    assert stream.phase is Phase.ENDED
    assert stream.end_reason == "closed"
    assert stream.advance(1, 1) == 0
    stream.end("again", 2)
    stream.opened(TOKEN, 2, 2)
    assert (stream.phase, stream.end_reason) == (Phase.ENDED, "closed")


def test_late_messages_of_a_lost_connection_are_delivered() -> None:
    stream = ready_state()
    stream.lost("x", 1, 1)
    stream.take_in([quote(), SYSTEM, b'{"topic":"sor","args":[{"orderId":1}]}'], 1)
    kinds = [type(each) for each in read(stream)]
    assert kinds == [MarketData, System, OrderUpdate]
    assert stream.phase is Phase.BACKOFF
    stream = state()
    stream.take_in([b'{"topic":"spl","args":{"a":{},"b":1}}'], 0)
    stream.end("x", 1)
    assert len(read(stream)) == 2


def test_live_quotes() -> None:
    stream = ready_state()
    live = stream.live_quote("1")
    nyse = stream.live_quote("2@NYSE")
    assert stream.live_quote("1") is live
    stream.take_in([quote(1, **{"31": "5"}), quote(1, **{"84": "4"}), quote(2, **{"31": "7"})], 1)
    assert (live.complete().last, live.complete().bid) == (Decimal(5), Decimal(4))
    assert (live.fresh, live.version) == (True, 2)
    assert nyse.complete().last == 7
    stream.take_in([quote(3, **{"31": "9"})], 1)
    assert (live.version, nyse.version) == (2, 1)
    assert stream.live_quote("2") is not nyse
    stream.lost("x", 2, 2)
    assert not live.fresh
    assert live.complete().last == 5


def test_orders_are_whole_and_known_once_the_snapshot_is_complete() -> None:
    stream = ready_state()
    stream.subscribe(orders.request(), now=0)
    rows = (
        b'{"topic":"sor","args":[{"orderId":1,"status":"Submitted","price":"5"},{"orderId":2},{}]}'
    )
    stream.take_in([rows, b'{"topic":"sor","args":[{"orderId":1,"price":6}]}'], 1)
    assert stream.confirmed == {"or"}
    assert stream.orders.working() == [1, 2]
    assert not stream.orders.known
    assert stream.order_check.next(1) == QUIET
    assert stream.order_check.next(1 + QUIET) == CALM_INTERVAL
    assert stream.orders.known
    order = stream.orders.get(1)
    assert order is not None
    assert (order.status, order.price) == ("Submitted", Decimal(6))
    assert stream.orders.get(1) is order
    assert stream.orders.orders()[1] is order
    assert stream.orders.get(3) is None
    stream.lost("gone", 2, 2)
    assert not stream.orders.known
    assert "the connection was lost (gone)" in stream.orders.reason
    assert stream.order_check.next(3) is None
    reconnect(stream, 2)
    stream.take_in([SYSTEM], 4)
    assert stream.orders.working() == [1, 2]
    stream.take_in([b'{"topic":"sor","args":[{"orderId":2,"status":"Filled"}]}'], 5)
    assert stream.orders.get(2) is None
    # The new connection has not reported order 1, so the client requests the orders.
    assert stream.order_check.next(5) == QUIET
    assert stream.order_check.next(5 + QUIET) == OrderRequest(3)
    assert not stream.orders.known
    stream.end("closed", 9)
    assert "connect again" in stream.orders.reason


def test_trades_come_once_and_again_with_their_commission() -> None:
    stream = ready_state()
    interest = stream.subscribe(trades.request(), now=0)
    first = (
        b'{"topic":"str","args":[{"execution_id":"a","price":"5","trade_time_r":1788888788000}]}'
    )
    second = b'{"topic":"str","args":[{"execution_id":"a","commission":"1.5"},{}]}'
    stream.take_in([first, first, second, second], 1)
    found = [each for each in read(stream) if isinstance(each, TradeUpdate)]
    assert [(each.price, each.commission) for each in found if each.has("execution_id")] == [
        (Decimal(5), None),
        (Decimal(5), Decimal("1.5")),
    ]
    assert found[1].raw == {"execution_id": "a", "commission": "1.5"}
    assert found[1].time == found[0].time is not None
    assert stream.confirmed == {"tr"}
    stream.unsubscribe(interest)
    stream.subscribe(trades.request(), now=2)
    stream.take_in([first], 2)
    assert len(read(stream)) == 1


def test_bars_are_ended_by_the_gateways_id() -> None:
    stream = ready_state()
    interest = stream.subscribe(SubscriptionRequest("mh+1@NYSE", {"bar": "1d"}), now=0)
    assert sent(stream, 0) == ['smh+1@NYSE+{"bar":"1d"}']
    stream.take_in([b'{"topic":"smh+1","data":[]}', b'{"topic":"smh+1","serverId":"7"}'], 1)
    assert stream.confirmed == {"mh+1@NYSE"}
    stream.unsubscribe(interest)
    assert sent(stream, 1) == ["umh+7"]
    stream.take_in([b'{"topic":"smh+1","serverId":"8"}'], 1)
    assert sent(stream, 1) == ["umh+8"]


def test_the_other_topics_are_confirmed_by_their_messages() -> None:
    stream = ready_state()
    requests = [
        summary.request("U1"),
        ledger.request("U1"),
        ladder.request("U1", 5, "NYSE"),
        pnl.request(),
    ]
    for request in requests:
        stream.subscribe(request, now=0)
    for data in (
        b'{"topic":"ssd+U1","result":[{"key":"A"}]}',
        b'{"topic":"sld+U1","result":[{"key":"LedgerListUSD","cashbalance":5,"secondKey":"USD"}]}',
        b'{"topic":"sld+U1","result":[{"key":"LedgerListUSD","timestamp":9},{}]}',
        b'{"topic":"sbd+U1+5","data":[]}',
        b'{"topic":"spl","args":{"U1.Core":{"dpl":1}}}',
        b'{"topic":"blt","args":{}}',
    ):
        stream.take_in([data], 1)
    assert stream.confirmed == {each.key for each in requests}
    balance = read(stream)[2]
    assert (balance.cash_balance, balance.timestamp) == (5, datetime.fromtimestamp(9, UTC))  # type: ignore[union-attr]
    assert balance.raw == {"key": "LedgerListUSD", "timestamp": 9}  # type: ignore[union-attr]


def test_a_second_login_on_a_connection_asks_for_everything_again() -> None:
    status = b'{"topic":"sts","args":{"authenticated":true}}'
    stream = ready_state()
    stream.subscribe(market_data.request(1, LAST, None), now=0)
    stream.subscribe(orders.request(), now=0)
    first = sent(stream, 0)
    stream.take_in([status], 5)
    assert not [each for each in read(stream) if isinstance(each, Gap)]
    assert sent(stream, 5) == []
    stream.take_in([HEARTBEAT], 8)
    stream.take_in([status], 9)
    (gap,) = [each for each in read(stream) if isinstance(each, Gap)]
    assert (gap.since, gap.until) == (at(8), at(9))
    assert sent(stream, 9) == first
    stream.lost("closed", 20, 20)
    reconnect(stream, 20)
    stream.take_in([SYSTEM, status], 25)
    assert sum(isinstance(each, Gap) for each in read(stream)) == 1


def known_orders(*, now: float = 0.0) -> StreamState:
    stream = ready_state(now)
    stream.subscribe(orders.request(), now=now)
    stream.take_in([b'{"topic":"sor","args":[{"orderId":1,"status":"Submitted"}]}'], now)
    stream.order_check.next(now + QUIET)
    assert stream.orders.known
    sent(stream, now)
    read(stream)
    return stream


@pytest.mark.parametrize(
    "message",
    [
        b'{"topic":"sor","args":[{"orderId":1,"sta',
        b'{"topic":"sor","args":5}',
        b'{"topic":"sor"}',
    ],
)
def test_orders_that_cannot_be_read_are_requested(message: bytes) -> None:
    stream = known_orders()
    stream.take_in([message], 5)
    assert not stream.orders.known
    assert "could not be read" in stream.orders.reason
    ask = stream.order_check.next(5)
    assert isinstance(ask, OrderRequest)
    stream.take_order_list(ask, [some(LiveOrder, order_id=9, status="Submitted")], 5)
    read(stream)
    ask = stream.order_check.next(5)
    assert isinstance(ask, OrderRequest)
    stream.take_order_status(ask, some(OrderStatus, status="Filled"), 6)
    (update,) = read(stream)
    assert isinstance(update, OrderUpdate)
    assert (update.order_id, update.status) == (1, "Filled")
    stream.order_check.next(6)
    assert stream.orders.working() == [9]


@pytest.mark.parametrize(
    "message",
    [
        b'{"topic":"sor","args":["x"]}',
        b'{"topic":"sor","args":[]}',
        b'{"topic":"spl","args":5}',
        b'{"topic":"new","args":[]}',
        b'{"topic":"spl',
    ],
)
def test_other_messages_leave_the_orders_known(message: bytes) -> None:
    stream = known_orders()
    stream.take_in([message], 5)
    assert stream.orders.known


def test_an_empty_list_of_orders_is_checked_at_once() -> None:
    stream = ready_state()
    stream.subscribe(orders.request(), now=0)
    stream.take_in([b'{"topic":"sor","args":[]}'], 0)
    assert isinstance(stream.order_check.next(0), OrderRequest)


def test_orders_without_a_subscription_are_not_checked() -> None:
    stream = ready_state()
    stream.take_in([b'{"topic":"sor","args":5}'], 0)
    assert stream.order_check.next(0) is None
    interest = stream.subscribe(orders.request(), now=0)
    other = stream.subscribe(orders.request(), now=0)
    stream.unsubscribe(interest)
    assert stream.order_check.next(0) is not None
    stream.unsubscribe(other)
    assert stream.order_check.next(9) is None
    assert "there is no subscription" in stream.orders.reason


def test_refused_orders_are_requested_again() -> None:
    stream = known_orders()
    stream.take_in([b'{"error":"unable to subscribe","code":500,"topic":"sor"}'], 5)
    assert not stream.orders.known
    assert "refuses to send them" in stream.orders.reason
    assert stream.order_check.next(5) is None
    assert sent(stream, 6) == []
    assert stream.advance(6, 6) == 14
    assert sent(stream, 20) == ["sor+{}"]
    assert stream.order_check.next(20) == QUIET
    assert sent(stream, 21) == []


def phase_of(stream: StreamState) -> Phase:
    return stream.phase


def alive(session: object) -> bytes:
    return json.dumps({"topic": "tic", "alive": True, "id": session, "lastAccessed": 1}).encode()


@pytest.mark.parametrize("session", [TOKEN, "", None, 5])
def test_a_response_to_tic_is_not_delivered(session: object) -> None:
    stream = ready_state()
    stream.take_in([alive(session)] * 4, 40)
    assert read(stream) == []
    assert stream.last_heard == 40
    assert stream.new_session is None
    stream.advance(80, 80)
    assert stream.phase is Phase.READY


def test_a_socket_in_another_session_means_a_login() -> None:
    stream = known_orders()
    stream.take_in([alive("new")] * 3 + [alive(TOKEN)], 30)
    (gap,) = read(stream)
    assert isinstance(gap, Gap)
    assert "logged in again" in gap.reason
    assert stream.new_session is not None
    assert stream.new_session.value == "new"
    assert sent(stream, 29) == ["sor+{}"]
    assert not stream.orders.known
    stream.take_in([alive("new")] * 4, 60)
    assert read(stream) == []


def test_a_socket_in_a_session_that_has_ended_is_left() -> None:
    tokens = [TOKEN]
    stream = StreamState(Drifts(), 0, tickled=lambda: tokens[-1])
    stream.opened(TOKEN, 0, 0)
    stream.take_in([alive("early"), SYSTEM, alive(TOKEN)], 0)
    assert stream.phase is Phase.READY
    tokens.append("new")
    stream.take_in([alive(TOKEN)], 30)
    assert phase_of(stream) is Phase.BACKOFF
    assert [type(each) for each in read(stream)] == [System]
    stream.advance(40, 40)
    stream.opened("new", 40, 40)
    stream.take_in([SYSTEM, alive("new")], 41)
    assert stream.phase is Phase.READY
    assert "another session" in next(each for each in read(stream) if isinstance(each, Gap)).reason


def test_the_reason_of_a_lost_session_holds_no_secret() -> None:
    stream = ready_state()
    stream.take_in([b'{"topic":"sts","args":{"authenticated":false,"fail":"session=s3cret"}}'], 1)
    stream.probed(None, "closed", 1, 1)
    (_, lost) = read(stream)
    assert isinstance(lost, SessionLost)
    assert "s3cret" not in lost.reason


def test_combinations_of_one_currency_have_quotes_of_their_own() -> None:
    stream = ready_state()
    first, second = "28812380;;;1/1,2/-1", "28812380;;;3/1,4/-1"
    for contract in (first, second):
        stream.subscribe(market_data.request(contract, LAST, None), now=0)
    frames = [
        {"topic": f"smd+{first}", "31": "1"},
        {"topic": f"smd+{second}", "31": "2", "conid": 28812380, "conidEx": second},
        {"topic": f"smd+{first}", "31": "3", "conid": 28812380},
        {"topic": "smd+28812380;;;bad", "31": "9"},
    ]
    stream.take_in([json.dumps(each).encode() for each in frames], 1)
    assert stream.confirmed == {f"md+{first}", f"md+{second}"}
    assert stream.live_quote(first).complete().last == 3
    assert stream.live_quote(second).complete().last == 2
    kinds = [type(each).__name__ for each in read(stream)]
    assert kinds == ["MarketData", "MarketData", "Other"]
