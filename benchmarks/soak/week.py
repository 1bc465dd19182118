"""Soak test: a week of streaming with a fault every ten minutes, in a few minutes.

The gateway's clock runs fast. The stream's own timeouts and intervals are shortened less, because
sockets are not that fast: a heartbeat every ten seconds would become one every two milliseconds.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

import bezant
from benchmarks.soak._twin import TWINS, Script, Twin, check, close
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant.models.orders import OrderTicket
from bezant.sim import Clock, Scenario, SimulatedGateway

WEEK = 604_800.0
FACTOR = 4_032  # a week passes in 150 seconds
APPLE, MICROSOFT = 265598, 272093
FAULT_EVERY = 600.0  # simulated seconds
ORDER_EVERY = 400.0
TIMING = Timing(
    ready_timeout=1.0, backoff_from=0.01, backoff_to=0.05, silence_limit=0.2, tic_interval=0.1,
    renew_from=0.1, renew_to=0.18, confirm_after=0.1, good_run=0.2,
)  # fmt: skip
FAULTS = (
    "ws_drop", "ws_close", "ws_silence", "ws_half_open", "login", "login_in_between", "restart",
    "end_market_data",
)  # fmt: skip
FLOOD = 200_000
# From the middle of the run to its end, the memory may grow by this many KiB. Some growth is
# normal: to deliver each execution once and with all its fields, a stream remembers up to 5,000
# executions of about 1.5 KiB each.
MOST_GROWTH = 8 * 1024
Figure = tuple[str, str]


@dataclass
class Log:
    """Messages and faults of one run.

    Attributes:
        messages: number of messages read.
        trades: for each execution id, one item per message about the execution: whether the message
            contained the commission.
        statuses: last status of each order, by order id.
        gaps: number of `Gap` messages, which report lost messages.
        faults: number of faults, by kind.
        held: memory of the client at the beginning, in the middle and at the end, in KiB.
        lag: longest lag in seconds.
    """

    messages: int = 0
    trades: dict[str, list[bool]] = field(default_factory=dict[str, list[bool]])
    statuses: dict[int, str] = field(default_factory=dict[int, str])
    gaps: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    held: list[float] = field(default_factory=list[float])
    lag: float = 0.0


def figures(*, quick: bool, seconds: float | None = None) -> Iterator[Figure]:
    """Run the test with the blocking and the async client, and yield the figures of each."""
    for twin in TWINS:
        yield stream(twin, seconds or (3 if quick else WEEK / FACTOR))


def stream(twin: Twin, seconds: float) -> Figure:
    """Stream with the blocking or the async client for `seconds` of real time.

    Returns:
        The figures of the run.
    """
    log = Log()
    tracemalloc.start()
    try:
        with SimulatedGateway(
            positions=5, scenario=Scenario(demo_orders=True), quote_interval=60,
            heartbeat_interval=200, market_data_lifetime=1200,
            clock=Clock(speed=FACTOR, start=1_772_636_400.0),
        ) as gateway:  # fmt: skip
            stats = twin.run(_stream(twin, gateway, log, seconds))
            _judge(gateway, log)
    finally:
        tracemalloc.stop()
    held = ", ".join(f"{each:,.0f}" for each in log.held)
    return (
        f"week: {twin.name}",
        f"{seconds * FACTOR / 86_400:.1f} days in {seconds:.0f} s (factor {FACTOR:,}), "
        f"{sum(log.faults.values())} faults, {stats.reconnects} reconnects, {log.gaps} gaps, "
        f"{log.messages:,} messages read, {stats.conflated:,} merged, {stats.missed} missed, "
        f"{len(log.trades)} trades and {len(log.statuses)} orders all there; longest lag "
        f"{log.lag:.2f} s; held at begin, middle, end: {held} KiB",
    )


def _held() -> float:
    """Return the memory of the client's own code in KiB, without the simulated gateway."""
    names = ("_wire", "_core", "_async", "_sync", "_runtime", "models")
    own = [tracemalloc.Filter(True, f"*/bezant/{each}/*") for each in names]
    found = tracemalloc.take_snapshot().filter_traces(own).statistics("filename")
    return sum(each.size for each in found) / 1024


def _stream(twin: Twin, gateway: SimulatedGateway, log: Log, seconds: float) -> Script[Any]:
    chance = random.Random(7)
    client = twin.Client(gateway.base_url, pacing=False, timeout=2, retries=5)
    ws = yield lambda: twin.WsClient._open(client, TIMING, MessageBuffer(10_000), reconnect=True)
    try:
        quotes = []
        for conid in (APPLE, MICROSOFT):
            quotes.append((yield partial(ws.quote, conid)))
        yield lambda: ws.subscribe_orders()
        yield lambda: ws.subscribe_trades()
        began = time.monotonic()
        fault = order = began
        number = 0
        flooded = False
        while (now := time.monotonic()) < began + seconds:
            done = (now - began) / seconds
            if len(log.held) < (done > 0.1) + (done > 0.5):
                log.held.append(_held())
            if done > 0.3 and not flooded:
                flooded = True
                log.faults["flood"] += 1
                gateway.faults.ws_flood(FLOOD if seconds > 20 else FLOOD // 20)
            if now - order > ORDER_EVERY / FACTOR:
                order = now
                number += 1
                yield from _order(client, gateway, number)
            if now - fault > FAULT_EVERY / FACTOR:
                fault = now
                yield from _break(twin, gateway, log, chance)
            yield from _read(ws, log)
            log.lag = max(log.lag, ws.stats.lag or 0.0)
        _login_in_between(gateway)
        yield from _settle(twin, ws, quotes, log, gateway)
        log.held.append(_held())
        stats = ws.stats
    finally:
        yield lambda: close(ws)
        yield lambda: close(client)
    return stats


def _break(twin: Twin, gateway: SimulatedGateway, log: Log, chance: random.Random) -> Script[None]:
    kind = chance.choice(FAULTS)
    log.faults[kind] += 1
    if kind == "login":
        gateway.logout()
    elif kind == "login_in_between":
        _login_in_between(gateway)
    elif kind == "restart":
        gateway.faults.restart(0.02)
    else:
        getattr(gateway.faults, kind)()
    if kind in ("login", "restart"):
        yield lambda: twin.sleep(0.04)
        gateway.login()


def _login_in_between(gateway: SimulatedGateway) -> None:
    """Log out and log in again at once: all subscriptions are lost, but connections stay open."""
    gateway.logout()
    gateway.login()


def _order(client: Any, gateway: SimulatedGateway, number: int) -> Script[None]:
    """Buy or sell with a market order. `_judge` later checks the executions of all orders."""
    ticket = OrderTicket(
        conid=APPLE, side="BUY" if number % 2 else "SELL", order_type="MKT",
        quantity=Decimal(1), time_in_force="IOC", client_order_id=f"week-{number}",
    )  # fmt: skip
    try:
        yield lambda: client.api.orders.submit_new_orders(
            account_id=gateway.account_id, orders=[ticket]
        )
    except bezant.BezantError:
        pass  # the gateway is restarting


def _read(ws: Any, log: Log) -> Script[None]:
    """Read the messages that have arrived, at most 2,000, and count them in the log."""
    for _ in range(2_000):
        try:
            message = yield lambda: ws.next_message(timeout=0.002)
        except bezant.WsTimeout:
            return
        check(message is not None, f"the stream has ended: {ws.close_reason!r}")
        log.messages += 1
        if isinstance(message, bezant.Gap):
            log.gaps += 1
        elif isinstance(message, bezant.TradeUpdate):
            told = log.trades.setdefault(str(message.execution_id), [])
            told.append(isinstance(message.commission, Decimal))
        elif isinstance(message, bezant.OrderUpdate) and message.status:
            log.statuses[int(str(message.order_id))] = str(message.status)


def _settle(
    twin: Twin, ws: Any, quotes: list[Any], log: Log, gateway: SimulatedGateway
) -> Script[None]:
    """Wait until all quotes are updated again and all messages on trades and orders were read."""
    ends = time.monotonic() + 10
    versions = [each._live.version for each in quotes]
    while True:
        yield from _read(ws, log)
        live = all(
            not each.stale and each._live.version > version + 3
            for each, version in zip(quotes, versions, strict=True)
        )
        if live and not _missing(gateway, log):
            return
        check(
            time.monotonic() < ends,
            f"at the end: quotes {'live' if live else 'dead'}, missing {_missing(gateway, log)}",
        )
        yield lambda: twin.sleep(0.01)


def _missing(gateway: SimulatedGateway, log: Log) -> list[str]:
    trades = {each.execution_id for each in gateway.executions}
    left = [name for name in trades if not log.trades.get(name, [False])[-1]]
    for order in gateway.orders:
        known = log.statuses.get(order.order_id)
        if known != order.status:
            left.append(f"order {order.order_id}: {known}, is {order.status}")
    return left[:5]


def _judge(gateway: SimulatedGateway, log: Log) -> None:
    """Check the messages about each execution, and the growth of the memory.

    There must be one or two messages about each execution, and the last one must contain the
    commission.
    """
    wrong = {name: told for name, told in log.trades.items() if len(told) > 2 or not told[-1]}
    check(not wrong, f"trades not delivered exactly once: {wrong}")
    check(
        set(log.trades) <= {each.execution_id for each in gateway.executions},
        "trades that the exchange does not know",
    )
    middle, end = log.held[-2:]
    check(end - middle < MOST_GROWTH, f"the memory grows: {log.held} KiB")
