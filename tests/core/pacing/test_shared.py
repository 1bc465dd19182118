"""Tests of rate limits that processes share: never exceeded, and freed when a process dies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.http.operation import Operation
from bezant._core.pacing.limiter import LEAST_URGENT, QueuedCall, RateLimiter
from bezant._core.pacing.limits import (
    KEPT_FOR_ORDERS,
    KEPT_FOR_TICKLE,
    LIMITS,
    MAX_IN_FLIGHT,
    PENALTY,
    SESSION_LIMIT,
    Limit,
)
from bezant._core.pacing.shared import (
    Denied,
    Reservation,
    Shared,
    announce,
    dump,
    load,
    penalise,
    release,
    reserve,
)
from bezant._core.pacing.shared_order_turns import SharedTurn
from bezant._core.pacing.slots import READ as READ_KIND
from bezant._core.pacing.state import MARGIN

from ..samples import row

READ = row("GET", "/iserver/contract/1/info")
HISTORY = row("GET", "/iserver/marketdata/history")
ORDERS = row("GET", "/iserver/account/orders")
PLACE = row("POST", "/iserver/account/DU1/orders")
CANCEL = row("DELETE", "/iserver/account/DU1/order/7")
TICKLE = row("POST", "/tickle")
OPERATIONS = st.sampled_from([READ, HISTORY, ORDERS, PLACE, CANCEL, TICKLE])
NUMBERS = iter(range(1_000_000_000))


def reservation(operation: Operation, *, forgive: bool = False, lease: float = 30.0) -> Reservation:
    queued = QueuedCall.of(operation)
    return Reservation.of(queued, f"t{next(NUMBERS)}", lease, forgive=forgive)


def enter(limiter: RateLimiter, operation: Operation) -> QueuedCall:
    queued = QueuedCall.of(operation)
    limiter.enter(queued)
    return queued


@given(st.lists(st.tuples(OPERATIONS, st.floats(0, 3), st.booleans()), max_size=150))
def test_no_window_is_ever_exceeded(steps: list[tuple[Operation, float, bool]]) -> None:
    shared = Shared()
    now = 1_700_000_000.0
    went: list[tuple[float, Operation]] = []
    in_flight: list[Reservation] = []
    for operation, pause, landing in steps:
        wanted = reservation(operation, lease=1e9)
        shared = load(dump(shared))
        denied = reserve(shared, now, wanted)
        if denied is None:
            went.append((now, operation))
            in_flight.append(wanted)
        else:
            assert denied.seconds > 0
        assert len(shared.in_flight) == len(in_flight) <= MAX_IN_FLIGHT
        if landing:
            for each in in_flight:
                release(shared, now, each.token)
            in_flight.clear()
        now += pause
    assert_within([at for at, _ in went], SESSION_LIMIT)
    for operation in (HISTORY, ORDERS, TICKLE):
        for limit in LIMITS.get(operation.limit, ()):
            assert_within([at for at, each in went if each is operation], limit)


def assert_within(times: list[float], limit: Limit) -> None:
    for first, beyond in zip(times, times[limit.count :], strict=False):
        assert beyond - first > limit.seconds


@given(OPERATIONS, st.integers(1, 60))
def test_the_announced_wait_is_exact(operation: Operation, count: int) -> None:
    shared = Shared()
    now = 1_000.0
    for _ in range(count):
        wanted = reservation(operation)
        denied = reserve(shared, now, wanted)
        if denied is not None:
            assert reserve(shared, now + denied.seconds * 0.99, wanted) is not None
            now += denied.seconds + 1e-6
            # After the announced wait for one limit, another limit may be full.
            while reserve(shared, now, wanted) is not None:
                now += 0.05
        release(shared, now, wanted.token)
    limits = (SESSION_LIMIT, *LIMITS.get(operation.limit, ()))
    best = max((count - 1) // limit.count * limit.seconds for limit in limits)
    assert now - 1_000.0 <= best * 1.06 + 0.2


def test_a_full_bucket_is_named() -> None:
    shared = Shared()
    first = reservation(ORDERS)
    assert reserve(shared, 10.0, first) is None
    denied = reserve(
        shared, 11.0, reservation(ORDERS)
    )  # the first request has no response, so it may arrive at this moment
    assert denied == Denied(pytest.approx(5), "GET /iserver/account/orders", noted=False)  # type: ignore[arg-type]
    release(shared, 12.0, first.token)
    denied = reserve(shared, 13.0, reservation(ORDERS))
    assert denied == Denied(pytest.approx(4), "GET /iserver/account/orders", noted=False)  # type: ignore[arg-type]
    assert reserve(shared, 11.0, reservation(READ)) is None


def test_a_full_session_is_everybodys() -> None:
    shared = Shared()
    for _ in range(SESSION_LIMIT.count):
        wanted = reservation(READ)
        assert reserve(shared, 10.0, wanted) is None
        release(shared, 10.0, wanted.token)
    denied = reserve(shared, 10.5, reservation(TICKLE))
    assert denied is not None
    assert denied.bucket == ""
    assert denied.seconds == pytest.approx(0.5 + MARGIN)


def test_slots_are_kept_for_orders_and_for_the_tickle() -> None:
    shared = Shared()
    for _ in range(MAX_IN_FLIGHT - KEPT_FOR_TICKLE - KEPT_FOR_ORDERS):
        assert reserve(shared, 10.0, reservation(READ)) is None
    denied = reserve(shared, 10.0, reservation(READ))
    assert denied is not None
    assert denied.priority == LEAST_URGENT
    assert not denied.noted
    assert reserve(shared, 10.0, reservation(PLACE)) is None
    denied = reserve(shared, 10.0, reservation(PLACE))
    assert denied is not None
    assert denied.priority == 1
    assert denied.noted
    assert reserve(shared, 10.0, reservation(CANCEL)) is None
    denied = reserve(shared, 12.0, reservation(TICKLE))
    assert denied is not None
    assert denied.priority == 0


def test_the_slot_of_a_process_that_died_is_free_again() -> None:
    shared = Shared()
    for _ in range(2):
        assert reserve(shared, 10.0, reservation(READ, lease=35.0)) is None
    assert reserve(shared, 44.9, reservation(READ)) is not None
    assert reserve(shared, 45.0, reservation(READ)) is None


def fill(shared: Shared, now: float, count: int) -> None:
    for _ in range(count):
        wanted = reservation(READ)
        assert reserve(shared, now, wanted) is None
        release(shared, now, wanted.token)


def test_reads_leave_the_next_slots_of_the_limit_to_urgent_calls_that_wait() -> None:
    shared = Shared()
    fill(shared, 10.0, SESSION_LIMIT.count)
    order, other = reservation(PLACE), reservation(CANCEL)
    denied = reserve(shared, 10.2, order)
    assert denied is not None
    assert denied.seconds == pytest.approx(0.8 + MARGIN)
    opens = 10.2 + denied.seconds + 1e-6
    announce(shared, opens, other.token, 0.3)
    shared.arrivals[""] = shared.arrivals[""][1:]  # frees one slot
    denied = reserve(shared, opens - 0.5, reservation(READ))
    assert denied is not None
    assert (denied.priority, denied.noted) == (LEAST_URGENT, False)
    assert reserve(shared, opens - 0.5, order) is None
    shared.arrivals[""] = shared.arrivals[""][1:]
    # The cancel (`other`) still waits for a slot, and this read must not overtake it.
    assert reserve(shared, opens - 0.4, reservation(READ)) is not None
    release(shared, opens - 0.4, other.token)  # the cancel gives up
    assert reserve(shared, opens - 0.4, reservation(READ)) is None


def test_an_urgent_call_whose_process_died_is_not_waited_for_long() -> None:
    shared = Shared()
    fill(shared, 10.0, SESSION_LIMIT.count)
    for _ in range(SESSION_LIMIT.count):
        assert reserve(shared, 10.9, reservation(PLACE)) is not None
    assert reserve(shared, 11.1, reservation(READ)) is not None
    assert reserve(shared, 12.2, reservation(READ)) is None


def test_an_urgent_call_that_waits_is_forgotten_where_the_clock_was_set_back() -> None:
    shared = Shared()
    announce(shared, 1_000.0, "gone", 900.0)
    assert shared.urgent["gone"] < 1_003.0
    assert reserve(shared, 500.0, reservation(READ)) is None
    assert shared.urgent == {}


def test_a_tickle_that_waits_for_its_own_limit_blocks_no_other_call() -> None:
    shared = Shared()
    assert reserve(shared, 10.0, reservation(TICKLE)) is None
    denied = reserve(shared, 10.1, reservation(TICKLE))
    assert denied is not None
    assert denied.bucket
    assert shared.urgent == {}


def test_a_state_without_the_newer_fields_is_read() -> None:
    old = b'{"arrivals":{"":[9.9]},"in_flight":{"t":[10.0,35.0]},"blocked_until":9.0}'
    shared = load(old)
    assert shared.in_flight["t"].kind == READ_KIND
    assert shared.urgent == {}
    assert reserve(shared, 11.0, reservation(READ)) is None
    assert reserve(shared, 11.0, reservation(READ)) is not None
    assert reserve(shared, 11.0, reservation(PLACE)) is None


class Process:
    """Rate limiter and tokens of one of several simulated processes that share the limits."""

    def __init__(self) -> None:
        self.limiter = RateLimiter()
        self.tokens: dict[QueuedCall, str] = {}

    def enter(self, operation: Operation) -> QueuedCall:
        queued = QueuedCall.of(operation)
        self.limiter.enter(queued)
        self.tokens[queued] = f"t{next(NUMBERS)}"
        return queued

    def dispatch(self, shared: Shared, now: float) -> list[QueuedCall]:
        granted: list[QueuedCall] = []
        for queued in self.limiter.dispatch(now):
            wanted = Reservation.of(queued, self.tokens[queued], 1e9, forgive=False)
            denied = reserve(shared, now, wanted)
            if denied is None:
                granted.append(queued)
            else:
                until = now + denied.seconds
                self.limiter.postpone(queued, denied.bucket, until, denied.priority)
        return granted


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.3)), min_size=1, max_size=30),
    st.integers(2, 4),
    st.floats(0, 1.2),
)
def test_an_order_goes_within_a_window_whatever_other_processes_send(
    reads: list[tuple[bool, float]], count: int, at: float
) -> None:
    """An order is sent within one window of the limit, although other processes send many reads."""
    shared = Shared()
    processes = [Process() for _ in range(count)]
    for process in processes:
        for _ in range(30):
            process.enter(READ)
    ordering = processes[-1]
    now, number = 1_000.0, 0
    in_flight: list[tuple[float, Process, QueuedCall]] = []
    order: QueuedCall | None = None
    entered = went = 0.0
    went_at: list[float] = []
    while not went:
        if order is None and now >= 1_000.0 + at:
            entered, order = now, ordering.enter(PLACE)
            wait = ordering.limiter.seconds_until(order, now)
            if wait:
                announce(shared, now, ordering.tokens[order], wait)
        for process in processes:
            for queued in process.dispatch(shared, now):
                silent, seconds = reads[number % len(reads)]
                number += 1
                in_flight.append((now + (1e9 if silent else seconds), process, queued))
                went_at.append(now)
                if queued is order:
                    went = now
        for each in [one for one in in_flight if one[0] <= now]:
            in_flight.remove(each)
            each[1].limiter.leave(each[2], now)
            release(shared, now, each[1].tokens[each[2]])
        now += 0.01
    assert went - entered <= SESSION_LIMIT.seconds + MARGIN + 0.04
    assert_within(went_at, SESSION_LIMIT)


def test_reads_and_tickles_are_held_back_for_a_question_of_another_process() -> None:
    shared = Shared(
        turns={"o": SharedTurn(["A"], 100.0, 60.0, questions={"q": ""}, responded_at=100.0)}
    )
    for operation in (READ, TICKLE):
        queued = QueuedCall.of(operation)

        def held(
            hold: float, *known: str, forgive: bool = False, queued: QueuedCall = queued
        ) -> Reservation:
            return Reservation.of(
                queued, "t", 1.0, forgive=forgive, hold=hold, known=frozenset(known)
            )

        denied = reserve(shared, 100.0, held(2.0))
        assert denied == Denied(0.1, noted=False, question=True)
        assert shared.urgent == {}
        assert shared.in_flight == {}
        denied = reserve(shared, 100.0, held(0.05, forgive=True))
        assert denied == Denied(0.05, question=True)
        denied = reserve(shared, 101.96, held(2.0, "other"))
        assert denied == Denied(pytest.approx(0.04), noted=False, question=True)  # type: ignore[arg-type]
        for let_go, now in ((held(0.0), 100.0), (held(2.0, "q"), 100.0), (held(2.0), 102.0)):
            assert reserve(shared, now, let_go) is None
            # The read has its slot now, so it no longer waits.
            assert reserve(shared, 100.0, held(2.0)) is None
            release(shared, now, "t")
            shared.arrivals.clear()


def test_asking_twice_counts_once() -> None:
    shared = Shared()
    wanted = reservation(ORDERS)
    assert reserve(shared, 10.0, wanted) is None
    assert reserve(shared, 10.1, wanted) is None
    assert len(shared.in_flight) == 1
    release(shared, 10.2, wanted.token)
    release(shared, 10.2, "nobody's")
    assert reserve(shared, 10.3, wanted) is not None


def test_a_clock_that_was_set_back_delays_by_one_window_at_most() -> None:
    shared = Shared()
    for _ in range(2):
        assert reserve(shared, 10_000.0, reservation(ORDERS if _ == 0 else READ)) is None
    denied = reserve(shared, 100.0, reservation(ORDERS))
    assert denied is not None
    assert denied.seconds <= 5 + MARGIN
    assert reserve(shared, 135.1, reservation(ORDERS)) is None


def test_a_slow_request_keeps_no_other_counted() -> None:
    """A slow request in flight does not keep ended requests in the count.

    Each ended request stops counting after one window, so a read every 0.15 s never has to wait.
    """
    shared = Shared()
    assert reserve(shared, 1_000.0, reservation(READ)) is None
    for number in range(40):
        wanted = reservation(READ)
        now = 1_000.0 + number * 0.15
        assert reserve(shared, now, wanted) is None
        release(shared, now + 0.1, wanted.token)


def test_a_request_of_a_process_that_died_counts_from_the_end_of_its_lease() -> None:
    shared = Shared()
    assert reserve(shared, 1_000.0, reservation(ORDERS, lease=30.0)) is None
    denied = reserve(shared, 1_031.0, reservation(ORDERS))
    assert denied is not None
    assert denied.seconds == pytest.approx(4.0)
    assert reserve(shared, 1_035.1, reservation(ORDERS)) is None


def test_a_penalty_holds_everybody_until_it_is_over_or_forgiven() -> None:
    shared = Shared()
    penalise(shared, 100.0, None)
    penalise(shared, 100.0, 3.0)
    assert reserve(shared, 100.0, reservation(TICKLE)) == Denied(PENALTY, penalty=True)
    assert reserve(shared, 100.0 + PENALTY, reservation(READ)) is None
    penalise(shared, 2000.0, 0.0)
    assert reserve(shared, 2000.5, reservation(READ)) == Denied(0.5, penalty=True)
    assert reserve(shared, 2000.5, reservation(READ, forgive=True)) is None
    assert reserve(shared, 2000.5, reservation(READ)) is None


@pytest.mark.parametrize("data", [None, b"", b"{", b"[1]", b'{"went": 3}', b"\xff"])
def test_unreadable_data_of_the_store_is_ignored(data: bytes | None) -> None:
    assert load(data) == Shared()


def test_expired_entries_are_forgotten() -> None:
    shared = Shared()
    for at in range(2000):
        wanted = reservation([READ, HISTORY, ORDERS, TICKLE][at % 4])
        if reserve(shared, float(at * 3), wanted) is None:
            release(shared, float(at * 3), wanted.token)
    assert len(dump(shared)) < 1000
    release(shared, 1e6, "")
    assert dump(shared) == b"{}"


def test_a_call_that_another_process_was_faster_than_is_queued_again() -> None:
    limiter = RateLimiter()
    first = enter(limiter, ORDERS)
    assert limiter.dispatch(0.0) == [first]
    limiter.postpone(first, "GET /iserver/account/orders", 3.0)
    read, second = enter(limiter, READ), enter(limiter, ORDERS)
    assert limiter.dispatch(1.0) == [read]
    assert limiter.seconds_until(first, 1.0) == 2.0
    assert limiter.dispatch(3.0) == [first]
    assert limiter.dispatch(3.0) == []
    limiter.leave(first, 3.01)
    assert limiter.dispatch(8.1) == [second]
    limiter.postpone(second, "", 10.0)
    tickle = enter(limiter, TICKLE)
    assert limiter.dispatch(9.9) == []
    assert limiter.dispatch(10.0) == [tickle, second]


def test_a_request_in_flight_counts_from_now() -> None:
    shared = Shared()
    wanted = reservation(ORDERS)
    assert reserve(shared, 1_000.0, wanted) is None
    denied = reserve(shared, 1_004.0, reservation(ORDERS))
    assert denied is not None
    assert denied.seconds == pytest.approx(5.0)
    # The clock was set back by 504 s while the request was in flight. The wait must not grow by
    # this time.
    denied = reserve(shared, 500.0, reservation(ORDERS))
    assert denied is not None
    assert denied.seconds == pytest.approx(5 + MARGIN)
    release(shared, 503.0, wanted.token)
    assert shared.arrivals["GET /iserver/account/orders"] == [pytest.approx(503.0 - MARGIN)]
    assert shared.arrivals[""] == [pytest.approx(503.0 - MARGIN)]
    assert reserve(shared, 508.1, reservation(ORDERS)) is None


@pytest.mark.parametrize(
    ("return_time", "counted"), [(0.0, 0.4 - MARGIN), (0.1, 0.3 - MARGIN), (5.0, 0.0)]
)
def test_a_request_with_a_response_counts_from_its_latest_possible_arrival(
    return_time: float, counted: float
) -> None:
    shared = Shared()
    wanted = reservation(ORDERS)
    assert reserve(shared, 1_000.0, wanted) is None
    assert reserve(shared, 1_000.2, reservation(ORDERS)) is not None
    release(shared, 1_000.4, wanted.token, return_time)
    assert shared.arrivals["GET /iserver/account/orders"] == [pytest.approx(1_000.0 + counted)]
    assert shared.arrivals[""] == shared.arrivals["GET /iserver/account/orders"]
