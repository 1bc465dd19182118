"""Tests of subscriptions that the gateway refuses or does not answer."""

from __future__ import annotations

import itertools
import json

import pytest

from bezant import ErrorMessage, Gap, Message
from bezant._core.stream.confirmations import refused_keys
from bezant._core.stream.order_check import CALM_INTERVAL, QUIET, OrderRequest
from bezant._core.stream.phases import Phase
from bezant._core.stream.state import StreamState
from bezant._core.stream.topic import SubscriptionRequest
from bezant._core.stream.topics import bars, ledger, market_data, orders, pnl, trades
from bezant.models.orders import LiveOrder

from ..samples import some
from .test_state import LAST, at, quote, read, ready_state, sent, state


def refusal(topic: str | None, text: str = "unable to subscribe") -> bytes:
    frame = {"error": text, "code": 500}
    return json.dumps(frame if topic is None else {**frame, "topic": topic}).encode()


def gaps(messages: list[Message]) -> list[tuple[str | None, str]]:
    return [(each.topic, each.reason) for each in messages if isinstance(each, Gap)]


def request_list(stream: StreamState, now: float, *listed: LiveOrder) -> None:
    ask = stream.order_check.next(now)
    assert isinstance(ask, OrderRequest)
    stream.take_order_list(ask, list(listed), now)


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("sor", ["or"]),
        ("smd+1", ["md+1"]),
        ("smd+2", ["md+2@ARCA"]),  # "@ARCA" is missing, because the gateway may omit the exchange
        ("smd", ["md+2@ARCA"]),
        ("smd+9", []),
        ("umd+1", []),
        ("", []),
    ],
)
def test_the_subscriptions_that_a_refusal_is_about(topic: str, found: list[str]) -> None:
    keys = ["or", "md+1", "md+2@ARCA", "tr"]
    assert refused_keys(topic, keys, {"md+1", "tr"}) == found


def test_a_refusal_is_an_error_a_gap_and_is_retried_with_growing_pauses() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(trades.request(), now=0)
    (command,) = sent(stream, 1)
    now, times = 1.0, [1.0]
    for _ in range(7):
        stream.take_in([refusal("str")], now)
        found = read(stream)
        assert isinstance(found[0], ErrorMessage)
        assert (found[0].topic, found[0].code) == ("str", 500)
        first = [("str", "the gateway refuses the subscription (unable to subscribe)")]
        assert gaps(found) == (first if now == 1 else [])
        due = now
        while not sent(stream, due):
            due += 1
        times.append(due)
        now = due
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses == [15, 30, 60, 120, 240, 480, 600]
    stream.take_in([b'{"topic":"str","args":[{"execution_id":"e"}]}'], now)
    assert sent(stream, now + 9000) == []
    read(stream)
    stream.take_in([refusal("str")], now)
    assert len(gaps(read(stream))) == 1
    assert sent(stream, now + 14) == []
    assert sent(stream, now + 15) == [command]


def test_a_message_ends_the_retries() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(trades.request(), now=0)
    sent(stream, 0)
    stream.take_in([refusal("str")], 1)
    stream.take_in([b'{"topic":"str","args":[{"execution_id":"e"}]}'], 2)
    assert sent(stream, 900) == []


def test_a_refusal_of_market_data_confirms_nothing() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(market_data.request(1, LAST, None), now=0)
    assert sent(stream, 0)
    stream.take_in([refusal("smd+1")], 1)
    assert [type(each) for each in read(stream)] == [ErrorMessage, Gap]
    assert stream.confirmed == set()
    stream.take_in([quote(1, **{"31": "5"})], 2)
    assert stream.confirmed == {"md+1"}
    stream.take_in([refusal("smd+1")], 3)
    assert stream.confirmed == set()
    assert len(gaps(read(stream))) == 1
    assert sent(stream, 17) == []
    assert len(sent(stream, 18)) == 1
    stream.take_in([refusal("smd+1")], 51)
    assert gaps(read(stream)) == []


def test_a_refusal_that_names_no_subscription_is_only_a_message() -> None:
    stream = ready_state()
    for frame in (refusal(None), refusal("new"), refusal("error"), refusal("snew")):
        stream.take_in([frame], 1)
    found = read(stream)
    assert [type(each) for each in found] == [ErrorMessage] * 4
    topics = [each.topic for each in found if isinstance(each, ErrorMessage)]
    assert topics == [None, "new", None, "snew"]
    early = state()
    early.subscribe(pnl.request(), now=0)
    early.take_in([refusal("spl")], 1)
    assert early.phase is Phase.WAITING


def test_no_secret_of_a_refusal_is_in_its_gap() -> None:
    stream = ready_state()
    stream.subscribe(pnl.request(), now=0)
    stream.take_in([refusal("spl", "session=s3cret")], 1)
    ((_, reason),) = gaps(read(stream))
    assert "s3cret" not in reason


def test_orders_that_only_rest_has_are_a_silent_subscription() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(orders.request(), now=0)
    sent(stream, 0)
    working = some(LiveOrder, order_id=9, status="Submitted")
    request_list(stream, QUIET, working)
    stream.order_check.next(QUIET)
    assert stream.orders.known
    assert stream.orders.working() == [9]
    assert gaps(read(stream)) == []
    assert sent(stream, 15) == []
    assert sent(stream, 16) == ["sor+{}"]
    (gap,) = (each for each in read(stream) if isinstance(each, Gap))
    assert (gap.topic, gap.until) == ("sor", at(16))
    assert "sent no orders" in gap.reason
    request_list(stream, 18, working)
    stream.order_check.next(18)
    assert sent(stream, 47) == []
    assert sent(stream, 48) == ["sor+{}"]
    assert gaps(read(stream)) == []
    stream.take_in([b'{"topic":"sor","args":[{"orderId":9,"status":"Submitted"}]}'], 49)
    assert sent(stream, 900) == []


def test_orders_that_come_in_time_are_no_silence() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(orders.request(), now=0)
    sent(stream, 0)
    request_list(stream, QUIET, some(LiveOrder, order_id=9, status="Submitted"))
    stream.take_in([b'{"topic":"sor","args":[{"orderId":9,"status":"Submitted"}]}'], 5)
    assert sent(stream, 900) == []
    assert gaps(read(stream)) == []


def test_a_stream_that_need_not_send_orders_is_not_silent() -> None:
    done = some(LiveOrder, order_id=9, status="Filled")
    working = some(LiveOrder, order_id=9, status="Submitted")
    for request, listed in (
        (orders.request(), done),
        (orders.request(["filled"]), working),
        (orders.request(realtime_only=True), working),
    ):
        stream = ready_state(tic_interval=99999)
        stream.subscribe(request, now=0)
        sent(stream, 0)
        request_list(stream, QUIET, listed)
        assert not any(each.startswith("sor") for each in sent(stream, 40))


def test_a_response_after_the_end_of_the_subscription_is_no_silence() -> None:
    stream = ready_state()
    interest = stream.subscribe(orders.request(), now=0)
    stream.take_in([refusal("sor")], 0)
    ask = OrderRequest(0)
    stream.unsubscribe(interest)
    stream.take_order_list(ask, [some(LiveOrder, order_id=9, status="Submitted")], 1)
    assert "sor+{}" not in sent(stream, 40)[1:]


@pytest.mark.parametrize("request_", [pnl.request(), market_data.request(1, LAST, None)])
def test_a_topic_that_says_nothing_is_a_gap_and_is_sent_again(
    request_: SubscriptionRequest,
) -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(request_, now=0)
    times = [now for now in range(1200) if sent(stream, now)]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:5] == [15, 30, 60, 120, 240]
    (gap,) = (each for each in read(stream) if isinstance(each, Gap))
    assert gap.until == at(45)
    assert gap.topic == f"s{request_.key}"[:3]
    assert f"sent nothing for s{request_.key}" in gap.reason
    profit = b'{"topic":"spl","args":{"U1":{"dpl":1}}}'
    stream.take_in([profit, quote(1, **{"31": "5"})], 1200)
    assert stream.confirmed == {request_.key}
    assert sent(stream, 1300) == []


def test_topics_that_need_not_send_anything_are_not_silent() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(trades.request(), now=0)
    stream.subscribe(orders.request(), now=0)
    assert len(sent(stream, 0)) == 2
    assert sent(stream, 900) == []
    assert read(stream) == []


def test_bars_that_are_refused_are_a_gap() -> None:
    stream = ready_state(tic_interval=99999)
    stream.subscribe(bars.request(1, None), now=0)
    stream.take_in([refusal("smh+1")], 1)
    assert [topic for topic, _ in gaps(read(stream))] == ["smh"]


ORDER = b'{"topic":"sor","args":[{"orderId":1,"conid":5,"status":"Submitted"}]}'
LEDGER = b'{"topic":"sld+DU1","result":[{"key":"LedgerListUSD","timestamp":1}]}'
STOPPED = "the gateway has stopped sending messages for s"


def stream_with_order() -> StreamState:
    stream = ready_state(tic_interval=99999, silence_limit=99999)
    stream.subscribe(orders.request(), now=0)
    stream.take_in([ORDER], 0)
    stream.order_check.next(QUIET)
    assert stream.orders.working() == [1]
    sent(stream, 0)
    read(stream)
    return stream


@pytest.mark.parametrize(
    "listed", [{"order_id": 9, "status": "Submitted"}, {"order_id": 1, "status": "Filled"}]
)
def test_orders_that_a_regular_check_finds_first_are_a_silent_subscription(
    listed: dict[str, object],
) -> None:
    stream = stream_with_order()
    now = QUIET + CALM_INTERVAL
    request_list(stream, now, some(LiveOrder, **listed))
    read(stream)
    assert sent(stream, now + 14) == []
    assert sent(stream, now + 15) == ["sor+{}"]
    assert gaps(read(stream)) == [("sor", STOPPED + "or")]
    assert not stream.orders.known
    assert stream.confirmed == set()
    assert sent(stream, now + 9000) == []


def test_a_regular_check_of_orders_that_finds_nothing_new_does_nothing() -> None:
    stream = stream_with_order()
    now = QUIET + CALM_INTERVAL
    pending = some(LiveOrder, order_id=1, status="PreSubmitted")
    request_list(stream, now, pending, some(LiveOrder, order_id=8, status="Filled"))
    assert stream.orders.known
    assert sent(stream, now + 9000) == []
    stream.order_check.next(now)
    request_list(stream, now + CALM_INTERVAL, some(LiveOrder, order_id=9, status="Submitted"))
    stream.take_in([ORDER], now + CALM_INTERVAL + 1)
    assert sent(stream, now + 9000) == []
    assert gaps(read(stream)) == []


def test_a_status_that_comes_during_a_regular_check_is_not_missed() -> None:
    stream = stream_with_order()
    now = QUIET + CALM_INTERVAL
    ask = stream.order_check.next(now)
    assert isinstance(ask, OrderRequest)
    stream.take_in([ORDER], now)
    stream.take_order_list(ask, [some(LiveOrder, order_id=1, status="Filled")], now)
    assert sent(stream, now + 9000) == []


def test_a_ledger_without_its_heartbeat_is_a_gap_and_subscribed_again() -> None:
    stream = ready_state(tic_interval=99999, silence_limit=99999)
    stream.subscribe(ledger.request("DU1", ["LedgerListUSD"]), now=0)
    assert len(sent(stream, 0)) == 1
    for now in range(0, 100, 10):
        stream.take_in([LEDGER], now)
        assert sent(stream, now) == []
    stream.subscribe(ledger.request("DU1"), now=91)  # all keys, so the command is sent again
    (command,) = sent(stream, 91)
    found = [now for now in range(92, 200) if sent(stream, now)]
    assert found[0] == 140  # checked at 20, 50, 80 and 110 with messages, and at 140 without
    assert gaps(read(stream)) == [("sld", STOPPED + "ld+DU1")]
    stream.take_in([LEDGER], 200)
    assert stream.confirmed == {"ld+DU1"}
    assert command.startswith("sld+DU1")


def test_a_ledger_that_never_repeats_is_reported_less_and_less_often() -> None:
    stream = ready_state(tic_interval=99999, silence_limit=99999)
    stream.subscribe(ledger.request("DU1"), now=0)
    times = []
    for now in range(5000):
        if sent(stream, now):
            stream.take_in([LEDGER], now)
            times.append(now)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(pauses) < 10
    assert pauses == sorted(pauses)
