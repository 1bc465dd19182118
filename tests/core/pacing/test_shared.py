"""What several processes share: never exceeded, never kept for ever by one that died."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.http.operation import Operation
from bezant._core.pacing.limiter import LEAST_URGENT, QueuedCall, RateLimiter
from bezant._core.pacing.limiter import READ as READ_KIND
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
from bezant._core.pacing.window import MARGIN

from ..samples import row

READ = row("GET", "/iserver/contract/1/info")
HISTORY = row("GET", "/iserver/marketdata/history")
ORDERS = row("GET", "/iserver/account/orders")
PLACE = row("POST", "/iserver/account/DU1/orders")
CANCEL = row("DELETE", "/iserver/account/DU1/order/7")
TICKLE = row("POST", "/tickle")
OPERATIONS = st.sampled_from([READ, HISTORY, ORDERS, PLACE, CANCEL, TICKLE])
NUMBERS = iter(range(1_000_000_000))


def claim(operation: Operation, *, forgive: bool = False, lease: float = 30.0) -> Reservation:
    ticket = QueuedCall.of(operation)
    return Reservation.of(ticket, f"t{next(NUMBERS)}", lease, forgive=forgive)


def enter(pacer: RateLimiter, operation: Operation) -> QueuedCall:
    ticket = QueuedCall.of(operation)
    pacer.enter(ticket)
    return ticket


@given(st.lists(st.tuples(OPERATIONS, st.floats(0, 3), st.booleans()), max_size=150))
def test_no_window_is_ever_exceeded(steps: list[tuple[Operation, float, bool]]) -> None:
    shared = Shared()
    now = 1_700_000_000.0
    went: list[tuple[float, Operation]] = []
    flying: list[Reservation] = []
    for operation, pause, landing in steps:
        wanted = claim(operation, lease=1e9)
        shared = load(dump(shared))
        refusal = reserve(shared, now, wanted)
        if refusal is None:
            went.append((now, operation))
            flying.append(wanted)
        else:
            assert refusal.seconds > 0
        assert len(shared.flights) == len(flying) <= MAX_IN_FLIGHT
        if landing:
            for each in flying:
                release(shared, now, each.token)
            flying.clear()
        now += pause
    assert_within([at for at, _ in went], SESSION_LIMIT)
    for operation in (HISTORY, ORDERS, TICKLE):
        for limit in LIMITS.get(operation.limit, ()):
            assert_within([at for at, each in went if each is operation], limit)


def assert_within(times: list[float], limit: Limit) -> None:
    for first, beyond in zip(times, times[limit.count :], strict=False):
        assert beyond - first > limit.seconds


@given(OPERATIONS, st.integers(1, 60))
def test_the_wait_that_is_told_is_exact(operation: Operation, count: int) -> None:
    shared = Shared()
    now = 1_000.0
    for _ in range(count):
        wanted = claim(operation)
        refusal = reserve(shared, now, wanted)
        if refusal is not None:
            assert reserve(shared, now + refusal.seconds * 0.99, wanted) is not None
            now += refusal.seconds + 1e-6
            while reserve(shared, now, wanted) is not None:  # several windows, one after the other
                now += 0.05
        release(shared, now, wanted.token)
    limits = (SESSION_LIMIT, *LIMITS.get(operation.limit, ()))
    best = max((count - 1) // limit.count * limit.seconds for limit in limits)
    assert now - 1_000.0 <= best * 1.06 + 0.2


def test_a_full_bucket_is_named() -> None:
    shared = Shared()
    first = claim(ORDERS)
    assert reserve(shared, 10.0, first) is None
    refusal = reserve(shared, 11.0, claim(ORDERS))  # it may arrive just now
    assert refusal == Denied(pytest.approx(5), "GET /iserver/account/orders", noted=False)  # type: ignore[arg-type]
    release(shared, 12.0, first.token)
    refusal = reserve(shared, 13.0, claim(ORDERS))
    assert refusal == Denied(pytest.approx(4), "GET /iserver/account/orders", noted=False)  # type: ignore[arg-type]
    assert reserve(shared, 11.0, claim(READ)) is None


def test_a_full_session_is_everybodys() -> None:
    shared = Shared()
    for _ in range(SESSION_LIMIT.count):
        wanted = claim(READ)
        assert reserve(shared, 10.0, wanted) is None
        release(shared, 10.0, wanted.token)
    refusal = reserve(shared, 10.5, claim(TICKLE))
    assert refusal is not None
    assert refusal.bucket == ""
    assert refusal.seconds == pytest.approx(0.5 + MARGIN)


def test_slots_are_kept_for_orders_and_for_the_tickle() -> None:
    shared = Shared()
    for _ in range(MAX_IN_FLIGHT - KEPT_FOR_TICKLE - KEPT_FOR_ORDERS):
        assert reserve(shared, 10.0, claim(READ)) is None
    refusal = reserve(shared, 10.0, claim(READ))
    assert refusal is not None
    assert refusal.priority == LEAST_URGENT
    assert not refusal.noted
    assert reserve(shared, 10.0, claim(PLACE)) is None
    refusal = reserve(shared, 10.0, claim(PLACE))
    assert refusal is not None
    assert refusal.priority == 1
    assert refusal.noted
    assert reserve(shared, 10.0, claim(CANCEL)) is None
    refusal = reserve(shared, 12.0, claim(TICKLE))
    assert refusal is not None
    assert refusal.priority == 0


def test_the_slot_of_a_process_that_died_is_free_again() -> None:
    shared = Shared()
    for _ in range(2):
        assert reserve(shared, 10.0, claim(READ, lease=35.0)) is None
    assert reserve(shared, 44.9, claim(READ)) is not None
    assert reserve(shared, 45.0, claim(READ)) is None


def fill(shared: Shared, now: float, count: int) -> None:
    for _ in range(count):
        wanted = claim(READ)
        assert reserve(shared, now, wanted) is None
        release(shared, now, wanted.token)


def test_reads_leave_the_next_slots_of_the_limit_to_urgent_calls_that_wait() -> None:
    shared = Shared()
    fill(shared, 10.0, SESSION_LIMIT.count)
    order, other = claim(PLACE), claim(CANCEL)
    refusal = reserve(shared, 10.2, order)
    assert refusal is not None
    assert refusal.seconds == pytest.approx(0.8 + MARGIN)
    opens = 10.2 + refusal.seconds + 1e-6
    announce(shared, opens, other.token, 0.3)
    shared.went[""] = shared.went[""][1:]  # one slot is free
    refusal = reserve(shared, opens - 0.5, claim(READ))
    assert refusal is not None
    assert (refusal.priority, refusal.noted) == (LEAST_URGENT, False)
    assert reserve(shared, opens - 0.5, order) is None
    shared.went[""] = shared.went[""][1:]
    assert reserve(shared, opens - 0.4, claim(READ)) is not None  # the other one waits still
    release(shared, opens - 0.4, other.token)  # it gave up
    assert reserve(shared, opens - 0.4, claim(READ)) is None


def test_an_urgent_call_whose_process_died_is_not_waited_for_long() -> None:
    shared = Shared()
    fill(shared, 10.0, SESSION_LIMIT.count)
    for _ in range(SESSION_LIMIT.count):
        assert reserve(shared, 10.9, claim(PLACE)) is not None
    assert reserve(shared, 11.1, claim(READ)) is not None
    assert reserve(shared, 12.2, claim(READ)) is None


def test_an_urgent_call_that_waits_is_forgotten_where_the_clock_was_set_back() -> None:
    shared = Shared()
    announce(shared, 1_000.0, "gone", 900.0)
    assert shared.urgent["gone"] < 1_003.0
    assert reserve(shared, 500.0, claim(READ)) is None
    assert shared.urgent == {}


def test_a_tickle_that_waits_for_its_own_limit_holds_nobody_back() -> None:
    shared = Shared()
    assert reserve(shared, 10.0, claim(TICKLE)) is None
    refusal = reserve(shared, 10.1, claim(TICKLE))
    assert refusal is not None
    assert refusal.bucket
    assert shared.urgent == {}


def test_a_state_without_the_newer_fields_is_read() -> None:
    old = b'{"went":{"":[10.0]},"flights":{"t":[10.0,35.0,"",10.0]},"blocked_until":9.0}'
    shared = load(old)
    assert shared.flights["t"].kind == READ_KIND
    assert shared.urgent == {}
    assert reserve(shared, 11.0, claim(READ)) is None
    assert reserve(shared, 11.0, claim(READ)) is not None
    assert reserve(shared, 11.0, claim(PLACE)) is None


class Process:
    """One of several that flood the gateway with reads, in the core's terms."""

    def __init__(self) -> None:
        self.pacer = RateLimiter()
        self.tokens: dict[QueuedCall, str] = {}

    def enter(self, operation: Operation) -> QueuedCall:
        ticket = QueuedCall.of(operation)
        self.pacer.enter(ticket)
        self.tokens[ticket] = f"t{next(NUMBERS)}"
        return ticket

    def dispatch(self, shared: Shared, now: float) -> list[QueuedCall]:
        granted: list[QueuedCall] = []
        for ticket in self.pacer.dispatch(now):
            wanted = Reservation.of(ticket, self.tokens[ticket], 1e9, forgive=False)
            refusal = reserve(shared, now, wanted)
            if refusal is None:
                granted.append(ticket)
            else:
                until = now + refusal.seconds
                self.pacer.postpone(ticket, refusal.bucket, until, refusal.priority)
        return granted


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.3)), min_size=1, max_size=30),
    st.integers(2, 4),
    st.floats(0, 1.2),
)
def test_an_order_goes_within_a_window_whatever_other_processes_send(
    reads: list[tuple[bool, float]], count: int, at: float
) -> None:
    """Slow and silent reads of several processes; the one with the order always asks last."""
    shared = Shared()
    processes = [Process() for _ in range(count)]
    for process in processes:
        for _ in range(30):
            process.enter(READ)
    ordering = processes[-1]
    now, number = 1_000.0, 0
    flying: list[tuple[float, Process, QueuedCall]] = []
    order: QueuedCall | None = None
    entered = went = 0.0
    went_at: list[float] = []
    while not went:
        if order is None and now >= 1_000.0 + at:
            entered, order = now, ordering.enter(PLACE)
            wait = ordering.pacer.seconds_until(order, now)
            if wait:
                announce(shared, now, ordering.tokens[order], wait)
        for process in processes:
            for ticket in process.dispatch(shared, now):
                silent, seconds = reads[number % len(reads)]
                number += 1
                flying.append((now + (1e9 if silent else seconds), process, ticket))
                went_at.append(now)
                if ticket is order:
                    went = now
        for each in [one for one in flying if one[0] <= now]:
            flying.remove(each)
            each[1].pacer.leave(each[2], now)
            release(shared, now, each[1].tokens[each[2]])
        now += 0.01
    assert went - entered <= SESSION_LIMIT.seconds + MARGIN + 0.04
    assert_within(went_at, SESSION_LIMIT)


def test_reads_and_tickles_are_held_back_for_a_question_of_another_process() -> None:
    shared = Shared(turns={"o": SharedTurn(["A"], 100.0, 60.0, questions={"q": ""}, heard=100.0)})
    for operation in (READ, TICKLE):
        ticket = QueuedCall.of(operation)

        def held(
            hold: float, *known: str, forgive: bool = False, ticket: QueuedCall = ticket
        ) -> Reservation:
            return Reservation.of(
                ticket, "t", 1.0, forgive=forgive, hold=hold, known=frozenset(known)
            )

        refusal = reserve(shared, 100.0, held(2.0))
        assert refusal == Denied(0.1, noted=False, question=True)
        assert shared.urgent == {}
        assert shared.went == {}
        refusal = reserve(shared, 100.0, held(0.05, forgive=True))
        assert refusal == Denied(0.05, question=True)
        refusal = reserve(shared, 101.96, held(2.0, "other"))
        assert refusal == Denied(pytest.approx(0.04), noted=False, question=True)  # type: ignore[arg-type]
        for let_go, now in ((held(0.0), 100.0), (held(2.0, "q"), 100.0), (held(2.0), 102.0)):
            assert reserve(shared, now, let_go) is None
            assert reserve(shared, 100.0, held(2.0)) is None  # it has its slot
            release(shared, now, "t")
            shared.went.clear()


def test_asking_twice_counts_once() -> None:
    shared = Shared()
    wanted = claim(ORDERS)
    assert reserve(shared, 10.0, wanted) is None
    assert reserve(shared, 10.1, wanted) is None
    assert len(shared.went[""]) == 1
    release(shared, 10.2, wanted.token)
    release(shared, 10.2, "nobody's")
    assert reserve(shared, 10.3, wanted) is not None


def test_a_clock_that_was_set_back_delays_by_one_window_at_most() -> None:
    shared = Shared()
    for _ in range(2):
        assert reserve(shared, 10_000.0, claim(ORDERS if _ == 0 else READ)) is None
    refusal = reserve(shared, 100.0, claim(ORDERS))
    assert refusal is not None
    assert refusal.seconds <= 5 + MARGIN
    assert reserve(shared, 135.1, claim(ORDERS)) is None


def test_a_penalty_holds_everybody_until_it_is_over_or_forgiven() -> None:
    shared = Shared()
    penalise(shared, 100.0, None)
    penalise(shared, 100.0, 3.0)
    assert reserve(shared, 100.0, claim(TICKLE)) == Denied(PENALTY, penalty=True)
    assert reserve(shared, 100.0 + PENALTY, claim(READ)) is None
    penalise(shared, 2000.0, 0.0)
    assert reserve(shared, 2000.5, claim(READ)) == Denied(0.5, penalty=True)
    assert reserve(shared, 2000.5, claim(READ, forgive=True)) is None
    assert reserve(shared, 2000.5, claim(READ)) is None


@pytest.mark.parametrize("data", [None, b"", b"{", b"[1]", b'{"went": 3}', b"\xff"])
def test_what_cannot_be_read_is_as_nothing(data: bytes | None) -> None:
    assert load(data) == Shared()


def test_what_is_over_is_forgotten() -> None:
    shared = Shared()
    for at in range(2000):
        wanted = claim([READ, HISTORY, ORDERS, TICKLE][at % 4])
        if reserve(shared, float(at * 3), wanted) is None:
            release(shared, float(at * 3), wanted.token)
    assert len(dump(shared)) < 1000
    release(shared, 1e6, "")
    assert dump(shared) == b"{}"


def test_a_call_that_another_process_was_faster_than_is_queued_again() -> None:
    pacer = RateLimiter()
    first = enter(pacer, ORDERS)
    assert pacer.dispatch(0.0) == [first]
    pacer.postpone(first, "GET /iserver/account/orders", 3.0)
    read, second = enter(pacer, READ), enter(pacer, ORDERS)
    assert pacer.dispatch(1.0) == [read]
    assert pacer.seconds_until(first, 1.0) == 2.0
    assert pacer.dispatch(3.0) == [first]
    assert pacer.dispatch(3.0) == []
    pacer.leave(first, 3.01)
    assert pacer.dispatch(8.1) == [second]
    pacer.postpone(second, "", 10.0)
    tickle = enter(pacer, TICKLE)
    assert pacer.dispatch(9.9) == []
    assert pacer.dispatch(10.0) == [tickle, second]


def test_a_request_that_is_on_its_way_counts_as_of_now() -> None:
    shared = Shared()
    wanted = claim(ORDERS)
    assert reserve(shared, 1_000.0, wanted) is None
    refusal = reserve(shared, 1_004.0, claim(ORDERS))
    assert refusal is not None
    assert refusal.seconds == pytest.approx(5.0)
    # The clock is set back while it is out.
    refusal = reserve(shared, 500.0, claim(ORDERS))
    assert refusal is not None
    assert refusal.seconds == pytest.approx(5 + MARGIN)
    release(shared, 503.0, wanted.token)
    assert shared.went["GET /iserver/account/orders"] == [pytest.approx(503.0 - MARGIN)]
    assert shared.went[""] == [pytest.approx(503.0 - MARGIN)]
    assert reserve(shared, 508.1, claim(ORDERS)) is None


@pytest.mark.parametrize(
    ("return_time", "counted"), [(0.0, 0.4 - MARGIN), (0.1, 0.3 - MARGIN), (5.0, 0.0)]
)
def test_a_request_that_was_answered_counts_as_of_the_latest_it_can_have_arrived(
    return_time: float, counted: float
) -> None:
    shared = Shared()
    wanted = claim(ORDERS)
    assert reserve(shared, 1_000.0, wanted) is None
    assert reserve(shared, 1_000.2, claim(ORDERS)) is not None
    release(shared, 1_000.4, wanted.token, return_time)
    assert shared.went["GET /iserver/account/orders"] == [pytest.approx(1_000.0 + counted)]
    assert shared.went[""] == shared.went["GET /iserver/account/orders"]
