"""Soak test of a session with a keepalive, over ten simulated days.

The gateway's clock moves forward one minute for each tickle, which is one call of the keepalive.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.soak._twin import TWINS, Script, Twin, check, close
from bezant import SessionChange, SessionState
from bezant.sim import Clock, SimulatedGateway

MINUTE = 60.0
DAY = 1440
OUTAGE = 0.05
# In minutes after 10:00 in New York, when the simulation starts on a Wednesday: each session ends
# at midnight, and the next login is at 06:00.
MIDNIGHT, MORNING = 14 * 60, 20 * 60
Figure = tuple[str, str]
Deed = tuple[int, Callable[[SimulatedGateway], object], tuple[SessionState, ...]]


def figures(*, quick: bool, days: int | None = None) -> Iterator[Figure]:
    """Run the test with the blocking and the async client, and yield the figures of each."""
    for twin in TWINS:
        yield live(twin, days or (1 if quick else 10))


def _plan(days: int) -> list[Deed]:
    """Return the planned events: minute, action, and session states that must follow."""
    state = SessionState
    plan: list[Deed] = []
    for day in range(days):
        begin = day * DAY
        if day % 4 == 0:
            plan.append((begin + 60, lambda gateway: gateway.faults.restart(OUTAGE),
                         (state.LOST, state.LOGGED_OUT)))  # fmt: skip
            plan.append((begin + 180, SimulatedGateway.login, (state.ESTABLISHED,)))
        if day % 5 == 0:
            plan.append((begin + 200, SimulatedGateway.compete, (state.COMPETING,)))
            plan.append((begin + 230, SimulatedGateway.login, (state.ESTABLISHED,)))
        plan.append((begin + MIDNIGHT, SimulatedGateway.logout, (state.LOGGED_OUT,)))
        plan.append((begin + MORNING, SimulatedGateway.login, (state.ESTABLISHED,)))
    return plan


def live(twin: Twin, days: int) -> Figure:
    """Run the blocking or the async client with a keepalive for some simulated days.

    Returns:
        The figures of the run.
    """
    began = time.monotonic()
    changes: list[SessionChange] = []
    events: list[SessionChange] = []
    plan = _plan(days)
    with SimulatedGateway(positions=1, clock=Clock.by_hand(), quote_interval=60, seed=1) as gateway:
        tickles = twin.run(_live(twin, gateway, plan, days, changes, events))
        others = [each for each in gateway.requests if each.path != "/v1/api/tickle"]
    check(not others, f"requests other than tickles were sent: {others[:3]}")
    expected = [SessionState.ESTABLISHED]
    expected += [state for _, _, states in plan for state in states]
    found = [each.after for each in changes]
    check(found == expected, f"the session went through {found}, expected {expected}")
    check(
        all(one.after is two.before for one, two in itertools.pairwise(changes)),
        "a change does not start from the state of the change before it",
    )
    check(events == changes, "the events differ from the changes that listeners received")
    return (
        f"days: {twin.name}",
        f"{days} days, {tickles:,} tickles in {time.monotonic() - began:.0f} s; "
        f"{len(changes)} changes of state, all as expected; no login tried",
    )


def _live(
    twin: Twin,
    gateway: SimulatedGateway,
    plan: list[Deed],
    days: int,
    changes: list[SessionChange],
    events: list[SessionChange],
) -> Script[int]:
    client = twin.Client(gateway.base_url, pacing=False, retries=0, timeout=5)
    stream = client.session.events()
    yield stream.__aenter__ if hasattr(stream, "__aenter__") else stream.__enter__
    client.session.on_change(changes.append)
    try:
        keepalive = client.keepalive(interval=0.0005)
        minutes = yield from _minutes(twin, gateway, keepalive, plan, days * DAY)
        check(keepalive.running, "the tickles have stopped")
        while change := (yield lambda: stream.next_change(timeout=0.02)):
            events.append(change)
    finally:
        yield lambda: close(client)
    return minutes


def _minutes(
    twin: Twin, gateway: SimulatedGateway, keepalive: Any, plan: list[Deed], minutes: int
) -> Script[int]:
    deeds = iter(plan)
    due = next(deeds, None)
    for minute in range(minutes):
        if due is not None and due[0] <= minute:
            due[1](gateway)
            due = next(deeds, None)
        last = _attempts(keepalive)
        ends = time.monotonic() + 5
        while _attempts(keepalive) == last:
            check(time.monotonic() < ends, f"no tickle in minute {minute}")
            yield lambda: twin.sleep(0.0003)
        gateway.clock.advance(MINUTE)
    return minutes


def _attempts(keepalive: Any) -> tuple[object, ...]:
    return (keepalive.last_success, keepalive.last_failure, keepalive.failures)
