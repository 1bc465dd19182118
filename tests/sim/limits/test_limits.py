"""Tests of the rate limits of the simulated gateway, also compared with the client's pacing."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import Client, RateLimited
from bezant._core.http.operation import Operation
from bezant._core.operations._lookup import known
from bezant._core.pacing.limiter import QueuedCall, RateLimiter
from bezant.sim import Clock, Judge, Pacing, SimulatedGateway
from bezant.sim._edge import app
from bezant.sim._limits.judge import DEFAULT_PENALTY, MAX_RECORDED, PenaltyBox

FACTS = Path(__file__).parents[4] / "shared" / "facts" / "pacing.json"
HERE = "127.0.0.1"
CALLS = st.sampled_from(
    [
        ("GET", "/iserver/contract/1/info"),
        ("GET", "/iserver/marketdata/history"),
        ("GET", "/portfolio/accounts"),
        ("POST", "/tickle"),
        ("GET", "/tickle"),
    ]
)
ALLOWED = {
    "": [(10, 1)],
    "/iserver/marketdata/history": [(10, 1), (50, 60)],
    "/portfolio/accounts": [(1, 5)],
    "/tickle": [(1, 1)],
}


def test_ten_a_second() -> None:
    judge = Judge(penalty=0)
    assert all(judge.arrive("GET", "/x", HERE, 0.05 * each) for each in range(10))
    assert not judge.arrive("GET", "/x", HERE, 0.99)
    assert judge.arrive("GET", "/x", HERE, 1.0)
    assert not judge.arrive("GET", "/x", HERE, 1.04)
    assert judge.arrive("GET", "/x", HERE, 1.05)
    first, second = judge.violations
    assert (first.limit, first.path, first.address) == ("any request: 10 in 1 s", "/x", HERE)
    assert [first.early, second.early] == pytest.approx([0.01, 0.01])
    assert [each.accepted for each in judge.arrivals].count(False) == 2


def test_a_penalty_is_for_the_address_and_grows() -> None:
    judge = Judge(penalty=10, growth=3)
    assert judge.arrive("GET", "/portfolio/accounts", HERE, 0)
    assert not judge.arrive("GET", "/portfolio/accounts", HERE, 1)
    assert not judge.arrive("GET", "/x", HERE, 10.9)
    assert judge.arrive("GET", "/x", "10.0.0.1", 10.9)
    assert judge.arrive("GET", "/portfolio/accounts", HERE, 11)
    assert not judge.arrive("GET", "/portfolio/accounts", HERE, 12)
    assert not judge.arrive("GET", "/x", HERE, 41.9)
    assert judge.arrive("GET", "/x", HERE, 42)
    assert [each.penalty for each in judge.violations] == [10, 30]
    assert judge.box.left(HERE, 42) == 0


@pytest.mark.parametrize("penalty", [0, 600])
def test_penalties_grow_no_longer_than_numbers_reach(penalty: float) -> None:
    judge = Judge(penalty=penalty)
    box = judge.box
    lengths = [box.put(HERE, penalty, 0) for _ in range(1100)]
    assert lengths[-1] == (1e9 if penalty else 0)
    assert judge.arrive("GET", "/x", "10.0.0.1", 0)


def test_the_number_of_remembered_requests_is_limited() -> None:
    judge = Judge(penalty=0)
    for each in range(MAX_RECORDED + 5):
        judge.arrive("GET", "/x", HERE, each / 2)
    assert len(judge.arrivals) == MAX_RECORDED
    assert judge.arrivals[0].at == 2.5


def test_penalties_of_this_machine_by_either_protocol() -> None:
    pacing = Pacing(lambda: 0.0)
    pacing.enforce(penalty=30)
    assert pacing.arrive("GET", "/portfolio/accounts", "::1")
    assert pacing.arrive("GET", "/portfolio/accounts", "::1") is False
    assert pacing.penalty_left == 30


def test_both_verbs_of_a_tickle_count_together() -> None:
    judge = Judge(penalty=0)
    assert judge.arrive("POST", "/tickle", HERE, 0)
    assert not judge.arrive("GET", "/tickle", HERE, 0.9)
    assert judge.violations[0].limit == "/tickle: 1 in 1 s"


def test_history_has_two_windows_and_five_places() -> None:
    judge = Judge(penalty=0)
    path = "/iserver/marketdata/history"
    assert [judge.arrive("GET", path, HERE, 0) for _ in range(6)] == [True] * 5 + [False]
    assert judge.violations[0].limit == f"GET {path}: 5 at the same time"
    judge.leave("GET", path)
    assert judge.arrive("GET", path, HERE, 0)
    for _ in range(5):
        judge.leave("GET", path)
    for number in range(44):
        assert judge.arrive("GET", path, HERE, 1 + number)
        judge.leave("GET", path)
    assert not judge.arrive("GET", path, HERE, 59.9)
    assert judge.violations[-1].limit == f"GET {path}: 50 in 60 s"


@pytest.mark.parametrize(
    ("wrong", "about"),
    [
        (lambda: Judge(penalty=-1), "penalty"),
        (lambda: Judge(penalty=float("inf")), "penalty"),
        (lambda: PenaltyBox(0.5), "growth"),
        (lambda: SimulatedGateway(pacing="on"), "pacing"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_asked_for(wrong: Callable[[], object], about: str) -> None:
    with pytest.raises(ValueError, match=about):
        wrong()


def test_the_published_limits() -> None:
    if not FACTS.exists():
        pytest.skip(f"reference data is not here: {FACTS}")
    for each in json.loads(FACTS.read_text())["endpoints"]:
        path = each["path"].replace("{", "").replace("}", "")
        windows = [(each["limit"], each["per_seconds"])]
        if "and_limit" in each:
            windows.append((each["and_limit"], each["and_per_seconds"]))
        for requests, seconds in windows:
            if (requests, seconds) == (10, 1):
                continue  # not a path's own limit, but that of the whole session
            judge = Judge(penalty=0)
            step = seconds / requests / 2
            for number in range(requests):
                assert judge.arrive(each["method"], path, HERE, number * step), path
                judge.leave(each["method"], path)
            assert not judge.arrive(each["method"], path, HERE, seconds * 0.999), path
            assert judge.arrive(each["method"], path, HERE, seconds), path


# Sums of these fractions are exact, so that both sides compute the same times.
PAUSES = st.integers(0, 2048).map(lambda count: count / 1024)


@given(st.lists(st.tuples(CALLS, PAUSES), max_size=150))
def test_accepted_requests_keep_every_limit_and_others_are_refused(
    steps: list[tuple[tuple[str, str], float]],
) -> None:
    judge = Judge(penalty=0)
    now = 0.0
    went: dict[str, list[float]] = {path: [] for path in ALLOWED}
    for (method, path), pause in steps:
        now += pause
        names = {"", path} & set(ALLOWED)
        fits = all(
            sum(now - at < seconds for at in went[name]) < requests
            for name in names
            for requests, seconds in ALLOWED[name]
        )
        assert judge.arrive(method, path, HERE, now) == fits
        if fits:
            judge.leave(method, path)
            for name in names:
                went[name].append(now)


@given(st.lists(st.tuples(CALLS, st.integers(0, 6), st.floats(0, 2)), max_size=80))
def test_requests_of_a_paced_client_are_accepted(
    steps: list[tuple[tuple[str, str], int, float]],
) -> None:
    pacer, judge = RateLimiter(), Judge()
    now = 0.0
    for (method, path), count, pause in steps:
        now += pause
        for _ in range(count):
            pacer.enter(QueuedCall.of(known(Operation(method, path, idempotent=True))))
        for ticket in pacer.dispatch(now):
            operation = ticket.operation
            assert judge.arrive(operation.method, operation.path, HERE, now), judge.violations
            judge.leave(operation.method, operation.path)
            pacer.leave(ticket, now)


def test_enforced_on_the_socket() -> None:
    clock = Clock.by_hand()
    with SimulatedGateway(positions=1, clock=clock, pacing="enforced") as gateway:
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as api:
            assert api.get("/portfolio/accounts").status_code == 200
            clock.advance(5)
            assert api.get("/portfolio/accounts").status_code == 200
            clock.advance(4)
            assert api.get("/portfolio/accounts").status_code == 429
            clock.advance(DEFAULT_PENALTY - 1)
            assert api.get("/iserver/auth/status").status_code == 429
            assert gateway.pacing.penalty_left == pytest.approx(1)
            clock.advance(1)
            assert api.get("/iserver/auth/status").status_code == 200
            assert [each.path for each in gateway.pacing.violations] == ["/portfolio/accounts"]
            times = [each.at for each in gateway.pacing.arrivals]
            assert times == pytest.approx([0, 5, 9, 608, 609])
            assert repr(gateway.pacing) == "<Pacing enforced: 5 requests, 1 too many>"
            gateway.pacing.off()
            assert [api.get("/portfolio/accounts").status_code for _ in range(3)] == [200] * 3
            assert gateway.pacing.arrivals == []
            assert gateway.pacing.violations == []
            assert repr(gateway.pacing) == "<Pacing off>"


def test_a_client_that_is_not_paced_is_caught_and_one_that_is_is_not(
    gateway: SimulatedGateway,
) -> None:
    pacing = gateway.enforce_pacing(penalty=0)
    with Client(gateway.base_url, pacing=True) as paced:
        for _ in range(3):
            paced.request("GET", "/iserver/auth/status")
        paced.accounts()
    assert pacing.violations == []
    assert len(pacing.arrivals) == 4
    with Client(gateway.base_url, pacing=False, retries=0) as hasty:
        with pytest.raises(RateLimited):
            hasty.accounts()
    assert [each.limit for each in pacing.violations] == ["GET /portfolio/accounts: 1 in 5 s"]


def test_five_at_the_same_time_on_the_socket(
    gateway: SimulatedGateway,
    until: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    over = threading.Event()

    async def held(seconds: float, scope: object) -> bool:
        while not over.is_set():
            await asyncio.sleep(0.01)
        return True

    monkeypatch.setattr(app, "_pause", held)
    gateway.enforce_pacing(penalty=0)
    slow = gateway.faults.slow(1, "/marketdata/history", times=5)

    def ask() -> int:
        url = f"{gateway.base_url}/iserver/marketdata/history?conid=265598&period=1d&bar=1h"
        return httpx.get(url, verify=False, timeout=60).status_code

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask) for _ in range(5)]
        try:
            until(lambda: slow.hits == 5)
            assert ask() == 429
        finally:
            over.set()
    assert [each.result() for each in asked] == [200] * 5
    assert "5 at the same time" in gateway.pacing.violations[0].limit
    assert ask() == 200
