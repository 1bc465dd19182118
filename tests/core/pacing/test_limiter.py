"""Tests of the rate limiter: it keeps IBKR's limits, and waits no longer than necessary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bezant._core.http.operation import Operation
from bezant._core.pacing import slots as kinds
from bezant._core.pacing.limiter import (
    LEAST_URGENT,
    QueuedCall,
    RateLimiter,
    ResponseTimes,
    kind_of,
    priority_of,
)
from bezant._core.pacing.limits import (
    KEPT_FOR_ORDERS,
    KEPT_FOR_TICKLE,
    LIMITS,
    MAX_IN_FLIGHT,
    PENALTY,
    SESSION_LIMIT,
    Limit,
)
from bezant._core.pacing.slots import has_slot
from bezant._core.pacing.state import MARGIN, InFlight, LimitState

from ..samples import row

READ = row("GET", "/iserver/contract/1/info")
HISTORY = row("GET", "/iserver/marketdata/history")
ORDERS = row("GET", "/iserver/account/orders")
PLACE = row("POST", "/iserver/account/DU1/orders")
CANCEL = row("DELETE", "/iserver/account/DU1/order/7")
TICKLE = row("POST", "/tickle")
FACTS = Path(__file__).parents[4] / "shared" / "facts" / "pacing.json"

OPERATIONS = st.sampled_from([READ, HISTORY, ORDERS, PLACE, TICKLE])


def enter(limiter: RateLimiter, operation: Operation) -> QueuedCall:
    queued = QueuedCall.of(operation)
    limiter.enter(queued)
    return queued


@given(
    st.lists(st.tuples(OPERATIONS, st.integers(0, 3), st.floats(0, 3), st.booleans()), max_size=120)
)
def test_no_window_is_ever_exceeded(
    steps: list[tuple[Operation, int, float, bool]],
) -> None:
    limiter = RateLimiter()
    now = 1000.0
    arrived: dict[QueuedCall, tuple[float, float]] = {}
    in_flight: list[QueuedCall] = []
    for operation, count, pause, landing in steps:
        for _ in range(count):
            enter(limiter, operation)
        now += pause
        in_flight += limiter.dispatch(now)
        others = [each for each in in_flight if not each.is_tickle]
        assert len(in_flight) <= MAX_IN_FLIGHT
        assert len(others) <= MAX_IN_FLIGHT - KEPT_FOR_TICKLE
        while landing and in_flight:
            queued = in_flight.pop()
            arrived[queued] = (queued.went, now)
            limiter.leave(queued, now)
    for queued in in_flight:
        arrived[queued] = (queued.went, now)
    assert_kept(list(arrived.values()), SESSION_LIMIT)
    for operation in (HISTORY, ORDERS, TICKLE):
        limits = LIMITS.get(operation.limit, ())
        for limit in limits:
            assert_kept(
                [span for each, span in arrived.items() if each.operation is operation], limit
            )


@given(
    st.lists(
        st.tuples(OPERATIONS, st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 0.3), st.booleans()),
        max_size=150,
    )
)
def test_no_window_is_exceeded_where_requests_arrive(
    steps: list[tuple[Operation, float, float, float, bool]],
) -> None:
    """Requests keep every limit when the gateway counts them by the times when they arrive.

    The limiter assumes that a response takes half of the shortest response time to come back. In
    this test it takes at least as long.
    """
    limiter = RateLimiter()
    now = 1000.0
    arrived: list[tuple[float, Operation]] = []
    quickest: dict[Operation, float] = {}
    in_flight: list[tuple[float, float, QueuedCall]] = []
    for operation, pause, there, more, good in steps:
        enter(limiter, operation)
        now += pause
        while in_flight and in_flight[0][0] <= now:
            answered, seconds, queued = in_flight.pop(0)
            limiter.leave(queued, answered, seconds if good else None)
            _fly(limiter.dispatch(answered), answered, there, more, in_flight, arrived, quickest)
        _fly(limiter.dispatch(now), now, there, more, in_flight, arrived, quickest)
    arrived.sort(key=lambda each: each[0])
    assert_apart([at for at, _ in arrived], SESSION_LIMIT)
    for operation in (HISTORY, ORDERS, TICKLE):
        for limit in LIMITS.get(operation.limit, ()):
            assert_apart([at for at, each in arrived if each is operation], limit)


def _fly(
    calls: list[QueuedCall],
    now: float,
    there: float,
    more: float,
    in_flight: list[tuple[float, float, QueuedCall]],
    arrived: list[tuple[float, Operation]],
    quickest: dict[Operation, float],
) -> None:
    for queued in calls:
        # The response needs at least as long as the quickest request did in the other direction.
        # `more` is the gateway's processing time.
        least = min(quickest.get(queued.operation, there), there)
        quickest[queued.operation] = least
        seconds = there + least + more
        arrived.append((now + there, queued.operation))
        in_flight.append((now + seconds, seconds, queued))
    in_flight.sort(key=lambda each: each[0])


def assert_apart(times: list[float], limit: Limit) -> None:
    for first, beyond in zip(times, times[limit.count :], strict=False):
        assert beyond - first >= limit.seconds - 1e-9


def test_half_of_the_shortest_response_time_is_not_waited_for() -> None:
    limiter = RateLimiter()
    now = 0.0

    def window() -> float:
        """Send ten requests with responses after 0.2 s; return the seconds to the next request."""
        nonlocal now
        for _ in range(10):
            queued = enter(limiter, READ)
            assert limiter.dispatch(now) == [queued]
            limiter.leave(queued, now + 0.2, 0.2)
        after = enter(limiter, READ)
        wait = limiter.seconds_until(after, now)
        limiter.leave(after, now)
        now += wait
        return wait

    # The first ten response times do not reduce the wait, because those requests may have waited
    # for connections.
    assert window() == pytest.approx(0.2 + 1)
    assert window() == pytest.approx(0.1 + 1)


def test_a_quick_response_is_remembered_and_a_failed_call_is_not() -> None:
    limiter = RateLimiter()

    def answer(seconds: float | None) -> float:
        queued = enter(limiter, READ)
        limiter.dispatch(now)
        limiter.leave(queued, now, seconds)
        return queued.return_time

    now = 0.0
    for each in range(30):
        now = each * 10.0
        answer(0.3 if each % 2 else None)
    assert answer(0.3) == pytest.approx(0.15)
    assert answer(None) == 0
    assert answer(0.1) == pytest.approx(0.05)
    assert answer(9.0) == pytest.approx(0.05)


def test_response_times_of_a_limited_number_of_operations_are_remembered() -> None:
    answers = ResponseTimes()
    for _ in range(10):
        assert answers.learn(READ, 0.2) == 0
    assert answers.learn(READ, 0.3) == pytest.approx(0.1)
    for number in range(600):
        answers.learn(Operation("GET", f"/iserver/contract/{number}/info", idempotent=True), 1.0)
        answers.learn(HISTORY, 0.4)
    assert answers.learn(HISTORY, 0.5) == pytest.approx(0.2)
    assert answers.learn(READ, 0.2) == 0


def assert_kept(spans: list[tuple[float, float]], limit: Limit) -> None:
    """Check that a limit holds, whenever requests arrived between their start and response."""
    for went, _ in spans:
        # Count the requests sent so far that can have arrived within the last `limit.seconds`.
        before = [each for each in spans if each[0] <= went and each[1] > went - limit.seconds]
        assert len(before) <= limit.count


@settings(max_examples=30)
@given(st.integers(1, 25), st.sampled_from([READ, HISTORY, ORDERS, TICKLE]))
def test_the_promised_wait_is_enough_and_not_too_long(count: int, operation: Operation) -> None:
    limiter = RateLimiter()
    calls = [enter(limiter, operation) for _ in range(count)]
    last = calls[-1]
    now = 0.0
    earliest = 0.0
    for _ in range(100_000):
        for queued in limiter.dispatch(now):
            limiter.leave(queued, now)
        if last.granted:
            break
        # The test checks below that the call was not sent before the latest time that the limiter
        # announced.
        earliest = max(earliest, now + limiter.seconds_until(last, now))
        now += 0.01
    assert last.granted
    assert now >= earliest - 0.011
    limits = LIMITS.get(operation.limit, ())
    best = max(((count - 1) // limit.count) * limit.seconds for limit in (SESSION_LIMIT, *limits))
    assert now <= best * 1.1 + 0.2


def test_the_session_limit() -> None:
    limiter = RateLimiter()
    for _ in range(25):
        enter(limiter, READ)
    counts = []
    for tenth in range(30):
        granted = limiter.dispatch(tenth / 10)
        counts.append(len(granted))
        for queued in granted:
            limiter.leave(queued, tenth / 10)
    assert sum(counts) == 25
    assert sum(counts[:10]) == 10


def test_a_full_bucket_lets_the_others_pass() -> None:
    limiter = RateLimiter()
    first, second, read = enter(limiter, ORDERS), enter(limiter, ORDERS), enter(limiter, READ)
    assert limiter.dispatch(0.0) == [first, read]
    assert limiter.seconds_until(second, 0.0) == pytest.approx(5 + MARGIN)
    limiter.leave(first, 0.01)
    assert limiter.dispatch(5 + MARGIN - 0.001) == []
    assert limiter.dispatch(5 + MARGIN) == [second]


def test_a_tickle_comes_first_then_an_order_then_a_read() -> None:
    limiter = RateLimiter()
    read, order, tickle = enter(limiter, READ), enter(limiter, PLACE), enter(limiter, TICKLE)
    assert limiter.dispatch(0.0) == [tickle, order, read]


def test_two_reads_an_order_and_a_tickle_are_in_flight() -> None:
    limiter = RateLimiter()
    reads = [enter(limiter, READ) for _ in range(6)]
    assert limiter.dispatch(0.0) == reads[:2]
    orders = [enter(limiter, PLACE) for _ in range(2)]
    assert limiter.dispatch(0.0) == orders[:1]
    tickle = enter(limiter, TICKLE)
    assert limiter.dispatch(0.0) == [tickle]
    assert limiter.dispatch(0.0) == []
    limiter.leave(reads[0], 0.0)
    assert limiter.dispatch(0.0) == [orders[1]]
    limiter.leave(orders[0], 0.0)
    assert limiter.dispatch(0.0) == [reads[2]]  # the tickle in flight takes no slot from reads
    limiter.leave(tickle, 0.0)
    assert limiter.dispatch(0.0) == []


def test_a_cancel_does_not_wait_for_an_order_without_a_response() -> None:
    limiter = RateLimiter()
    for operation in (READ, READ, PLACE):
        enter(limiter, operation)
    assert len(limiter.dispatch(0.0)) == 3
    second, cancel = enter(limiter, PLACE), enter(limiter, CANCEL)
    assert limiter.dispatch(0.0) == [cancel]
    tickle = enter(limiter, TICKLE)
    assert limiter.dispatch(0.0) == []
    limiter.leave(cancel, 0.1)
    assert limiter.dispatch(0.1) == [tickle]
    assert not second.granted


KINDS = st.sampled_from([kinds.TICKLE, kinds.CANCEL, kinds.ORDER, kinds.READ])


@given(st.lists(KINDS, max_size=60))
def test_reads_never_take_the_slots_of_urgent_calls(wanted: list[int]) -> None:
    in_flight: list[int] = []
    for kind in wanted:
        if has_slot(kind, in_flight):
            in_flight.append(kind)
    reads = in_flight.count(kinds.READ)
    assert len(in_flight) <= MAX_IN_FLIGHT
    assert reads <= MAX_IN_FLIGHT - KEPT_FOR_TICKLE - KEPT_FOR_ORDERS
    only_reads = [kinds.READ] * reads
    for kind in (kinds.TICKLE, kinds.CANCEL, kinds.ORDER):
        assert has_slot(kind, only_reads)
    assert has_slot(kinds.TICKLE, [*only_reads, kinds.ORDER])
    assert has_slot(kinds.CANCEL, [*only_reads, kinds.ORDER])
    # If a read may be sent while `urgent` urgent calls wait, it may also be sent while fewer wait.
    for urgent in range(1, 4):
        assert not has_slot(kinds.READ, in_flight, urgent) or has_slot(
            kinds.READ, in_flight, urgent - 1
        )


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.3)), min_size=1, max_size=60),
    st.floats(0, 1),
)
def test_an_order_goes_within_a_window_whatever_is_queued(
    reads: list[tuple[bool, float]], at: float
) -> None:
    """An order is sent within one window of the rate limit, although reads flood the queue.

    Some of the reads are slow, and some get no response.
    """
    limiter = RateLimiter()
    for _ in range(50):
        enter(limiter, READ)
    now, in_flight, number = 0.0, list[tuple[float, QueuedCall]](), 0
    order: QueuedCall | None = None
    entered = 0.0
    while order is None or not order.granted:
        if order is None and now >= at:
            order = enter(limiter, PLACE)
            entered = now
        for queued in limiter.dispatch(now):
            silent, seconds = reads[number % len(reads)]
            number += 1
            in_flight.append((now + (1e9 if silent else seconds), queued))
        for each in [one for one in in_flight if one[0] <= now]:
            in_flight.remove(each)
            limiter.leave(each[1], now)
        now += 0.01
    assert order.went - entered <= SESSION_LIMIT.seconds + MARGIN + 0.02


def test_a_pause_holds_a_priority_and_what_is_less_urgent() -> None:
    limiter = RateLimiter()
    read = enter(limiter, READ)
    assert limiter.dispatch(0.0) == [read]
    limiter.postpone(read, "", 3.0, LEAST_URGENT)
    assert limiter.dispatch(1.0) == []
    order = enter(limiter, PLACE)
    assert limiter.seconds_until(order, 1.0) == 0
    assert limiter.seconds_until(read, 1.0) == 2.0
    assert limiter.dispatch(1.0) == [order]
    limiter.postpone(order, "", 2.0, 1)
    tickle = enter(limiter, TICKLE)
    assert limiter.dispatch(1.0) == [tickle]
    assert limiter.dispatch(2.0) == [order]
    limiter.postpone(tickle, "", 9.0)
    assert limiter.dispatch(8.0) == []
    limiter.forgive()
    assert limiter.dispatch(8.0) == [tickle, read]


def test_a_call_that_is_withdrawn_keeps_no_other_back_and_its_place() -> None:
    limiter = RateLimiter()
    first = enter(limiter, READ)
    assert limiter.dispatch(0.0) == [first]
    limiter.withdraw(first)
    assert not first.granted
    others = [enter(limiter, READ) for _ in range(3)]
    assert limiter.dispatch(0.0) == others[:2]
    limiter.enter(first)
    limiter.leave(others[0], 0.1)
    assert limiter.dispatch(0.1) == [first]


def test_a_call_that_left_the_queue_blocks_no_other() -> None:
    limiter = RateLimiter()
    first, second, third = (enter(limiter, ORDERS) for _ in range(3))
    limiter.dispatch(0.0)
    assert limiter.seconds_until(third, 0.0) == pytest.approx(2 * (5 + MARGIN))
    limiter.leave(second, 0.0)
    limiter.leave(second, 0.0)
    assert limiter.seconds_until(third, 0.0) == pytest.approx(5 + MARGIN)
    limiter.leave(first, 0.0)
    assert limiter.dispatch(6.0) == [third]


def test_a_penalty_holds_everything() -> None:
    limiter = RateLimiter()
    limiter.penalise(100.0, None)
    queued = enter(limiter, TICKLE)
    assert limiter.dispatch(100.0) == []
    assert limiter.seconds_until(queued, 100.0) == PENALTY
    limiter.penalise(100.0, 5.0)  # a second penalty never shortens the first one
    assert limiter.seconds_until(queued, 100.0) == PENALTY
    limiter.forgive()
    assert limiter.dispatch(100.0) == [queued]
    limiter.penalise(100.0, 0.0)
    assert limiter.blocked_until == 101.0
    assert limiter.dispatch(101.0) == []


@pytest.mark.parametrize(
    ("method", "path", "count"),
    [
        ("GET", "/iserver/marketdata/history", 2),
        ("GET", "/fyi/disclaimer/BA", 1),
        ("GET", "/fyi/disclaimer/{typecode}", 1),
        ("PUT", "/fyi/notifications/123", 1),
        ("GET", "/fyi/notifications/more", 1),
        ("GET", "/fyi/notifications/123", 0),
        ("POST", "/iserver/account/orders", 0),
        ("GET", "/iserver/account/orders", 1),
        ("GET", "/iserver/accounts", 0),
        ("GET", "/x", 0),
    ],
)
def test_which_limits_a_call_has(method: str, path: str, count: int) -> None:
    assert len(LIMITS.get(row(method, path).limit, ())) == count


def test_both_verbs_of_the_tickle_are_one() -> None:
    assert row("GET", "/tickle").limit == row("POST", "/tickle").limit == "* /tickle"


@pytest.mark.parametrize(
    ("operation", "priority"),
    [
        (TICKLE, 0),
        (PLACE, 1),
        (row("POST", "/iserver/account/{accountId}/orders"), 1),
        (row("DELETE", "/iserver/account/A/order/7"), 1),
        (row("POST", "/iserver/reply/{replyId}"), 1),
        (row("POST", "/iserver/notification"), 1),
        (row("POST", "/iserver/account/A/orders/whatif"), 2),
        (row("POST", "/iserver/watchlist"), 2),
        (READ, 2),
    ],
)
def test_priorities_of_calls(operation: Operation, priority: int) -> None:
    assert priority_of(kind_of(operation)) == priority


def test_a_window_opens_for_each_in_turn() -> None:
    state, limit = LimitState(), Limit(2, 10.0)
    assert state.seconds_until_free("", limit, 0.0) == 0.0
    assert state.seconds_until_free("", limit, 0.0, 1) == 0.0
    assert state.seconds_until_free("", limit, 0.0, 2) == pytest.approx(10 + MARGIN)
    state.admit("a", InFlight(0.0))
    state.admit("b", InFlight(4.0))
    # "a" and "b" have no response yet, so both may arrive at any moment.
    assert state.seconds_until_free("", limit, 5.0) == pytest.approx(10)
    state.land("b", 4.0)
    state.land("a", 0.01)
    assert state.seconds_until_free("", limit, 5.0) == pytest.approx(5 + MARGIN)
    assert state.seconds_until_free("", limit, 5.0, 1) == pytest.approx(9 + MARGIN)
    assert state.seconds_until_free("", limit, 5.0, 2) == pytest.approx(15 + 2 * MARGIN)
    assert state.seconds_until_free("", limit, 10 + MARGIN) == 0.0
    assert state.seconds_until_free("", limit, 10 + MARGIN, 1) > 0


def test_only_the_requests_of_a_bucket_count_in_it() -> None:
    state, limit = LimitState(), Limit(1, 10.0)
    state.admit("a", InFlight(0.0, bucket="A"))
    state.admit("b", InFlight(0.0, bucket="B"))
    assert state.seconds_until_free("A", limit, 5.0) == pytest.approx(10)
    state.land("a", 5.0)
    assert state.seconds_until_free("A", limit, 6.0) == pytest.approx(9)
    assert state.seconds_until_free("B", limit, 6.0) == pytest.approx(10)
    assert state.seconds_until_free("C", limit, 6.0) == 0.0
    assert state.seconds_until_free("", Limit(2, 10.0), 6.0) == pytest.approx(9)


def test_arrivals_are_forgotten_when_they_no_longer_count() -> None:
    state = LimitState()
    for token, at in (("a", 0.0), ("b", 1.0)):
        state.admit(token, InFlight(at))
        state.land(token, at)
        state.land(token, at)
    state.prune("", 10.0, 10.0 + MARGIN)
    assert state.arrivals == {"": [1.0]}
    state.prune("", 10.0, 20.0)
    state.prune("A", 10.0, 20.0)
    assert state.arrivals == {"": []}


def test_every_published_limit_is_kept() -> None:
    if not FACTS.exists():
        pytest.skip("IBKR's table of published limits is not part of the repository")
    for each in json.loads(FACTS.read_text())["endpoints"]:
        limits = LIMITS.get(row(each["method"], each["path"]).limit, ())
        expected = [Limit(each["limit"], each["per_seconds"])]
        if "and_limit" in each:
            expected.append(Limit(each["and_limit"], each["and_per_seconds"]))
        assert list(limits) == expected, each["path"]


def test_a_request_counts_from_its_response_if_that_is_late() -> None:
    """The window of a request begins with its response.

    Requests that wait for a slow connection arrive together, and late.
    """
    state, limit = LimitState(), Limit(2, 1.0)
    state.admit("a", InFlight(0.0))
    state.admit("b", InFlight(0.0))
    state.land("a", 0.3)
    assert state.seconds_until_free("", limit, 1.0 + MARGIN) > 0
    assert state.seconds_until_free("", limit, 1.3) == 0  # 1 s after the response at 0.3 s
    assert state.seconds_until_free("", limit, 1.3, 1) > 0
    assert state.seconds_until_free("", limit, 60.0) == 0
    # "b" has no response and may still arrive, so the limit still counts it.
    assert state.seconds_until_free("", limit, 60.0, 1) == pytest.approx(1.0)
    state.withdraw("b")
    assert state.seconds_until_free("", limit, 60.0, 1) == 0


def test_a_forgotten_call_is_detected() -> None:
    limiter = RateLimiter()
    gone: list[bool] = []
    kept, lost = (lambda: limiter), (lambda: None if gone else limiter)
    calls = [QueuedCall.of(READ) for _ in range(4)]
    for queued, owner in zip(calls, (kept, lost, None, lost), strict=True):
        queued.owner = owner
        limiter.enter(queued)
    assert sum(each.granted for each in limiter.dispatch(0.0)) == 2
    assert limiter.forgotten() == []
    gone.append(True)
    assert set(map(id, limiter.forgotten())) == {id(calls[1]), id(calls[3])}
    for queued in limiter.forgotten():
        limiter.leave(queued, 0.0)
    assert limiter.forgotten() == []
