"""Soak test of how long orders wait for the rate limits while reads flood the gateway.

The reads come from the process that sends the orders, and from other processes that share its rate
limits. Some reads are slow, and some get no response. Every second order call is a cancel. The
gateway refuses orders and cancels at once, so that the test measures only the wait. The gateway
also checks that the clients keep the rate limits.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import bezant
from benchmarks.soak._flood import flood
from benchmarks.soak._twin import TWINS, Script, Twin, check, close
from benchmarks.soak.limits import ROOT, redis_server
from bezant.sim import SimulatedGateway

# For 99 of 100 orders, at most this many seconds may pass from the call to its response.
MOST = 1.1
# The response to a history request takes this many seconds.
SLOW = 3.0
PROCESSES = 4
REFUSED = (bezant.BadRequest, bezant.NotFound, bezant.Refused, bezant.OutcomeUnknown)
Figure = tuple[str, str]


def figures(*, quick: bool) -> Iterator[Figure]:
    """Run all tests, and yield their figures. The full run takes about ten minutes."""
    number = 10 if quick else 150
    for slow in (True, False):
        for twin in TWINS:
            yield _measured(twin, "one process", number, slow=slow, quick=quick)
    many = f"{PROCESSES + 1} processes"
    with tempfile.TemporaryDirectory() as folder, redis_server(folder) as url:
        for slow in (True, False):
            for twin in TWINS:
                store = f"file:{folder}/{twin.name}-{slow}.db"
                yield _measured(twin, f"{many}, file", number, store, slow=slow, quick=quick)
                if url is not None:
                    yield _measured(twin, f"{many}, redis", number, url, slow=slow, quick=quick)
        if url is None:
            yield "priority: redis", "skipped: redis-server is not installed"


def _measured(
    twin: Twin, what: str, number: int, store: str = "", *, slow: bool, quick: bool
) -> Figure:
    what = f"{what}, {'slow' if slow else 'quick'} reads, {twin.name}"
    with SimulatedGateway(positions=10, quote_interval=60) as gateway:
        pacing = gateway.enforce_pacing()
        if slow:
            gateway.faults.slow(SLOW, path="/iserver/marketdata/history")
            gateway.faults.silence(path="/info")
        waits: list[float] = []
        twin.run(_orders(twin, gateway, store, number, waits), alone=False)
        reads = len(pacing.arrivals) - number
        check(not pacing.violations, f"priority, {what}: {pacing.violations[:3]}")
        gateway.faults.clear()
    waits.sort()
    half, most = waits[len(waits) // 2], waits[min(len(waits) * 99 // 100, len(waits) - 1)]
    # The quick run does not check the time: it runs on busy machines and has too few orders for a
    # 99th percentile.
    check(quick or most <= MOST, f"{what}: {most:.2f} s at the 99th percentile")
    return (
        f"priority: {what}",
        f"{number} orders and cancels among {reads:,} reads waited {half:.2f} s (median), "
        f"{most:.2f} s (99th percentile), {waits[-1]:.2f} s at most",
    )


@contextmanager
def _others(url: str, store: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Flood the gateway from other processes, for the duration of a `with` block."""
    environ = {name: text for name, text in os.environ.items() if "BEZANT" not in name}
    with contextlib.ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        for place in range(PROCESSES):
            name = TWINS[place % len(TWINS)].name
            command = [sys.executable, "-m", "benchmarks.soak._flood", url, store, name]
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE)
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # wait until the process reports that it has begun
        yield processes


def _orders(
    twin: Twin, gateway: SimulatedGateway, store: str, number: int, waits: list[float]
) -> Script[None]:
    client = twin.Client(gateway.base_url, pacing=store or True, retries=0, max_connections=8)
    ended: list[bool] = []
    try:
        yield lambda: client.api.accounts.get_brokerage_accounts()
        reads = [flood(client, place, ended) for place in range(6)]
        others: Any = _others(gateway.base_url, store) if store else contextlib.nullcontext([])
        with others as processes:

            def end() -> None:
                ended.append(True)
                # Stop the other processes at once: otherwise the reads that are still queued here
                # would wait for the reads of those processes.
                for process in processes:
                    process.kill()

            account = gateway.account_id
            ordering = _one_after_the_other(twin, client, account, number, waits, end)
            yield lambda: twin.together([ordering, *reads])
    finally:
        yield lambda: close(client)


def _one_after_the_other(
    twin: Twin,
    client: Any,
    account: str,
    number: int,
    waits: list[float],
    end: Callable[[], None],
) -> Script[None]:
    dice = random.Random(number)
    ticket = {"conid": 1, "side": "BUY", "orderType": "MKT", "quantity": 1, "tif": "DAY"}
    path = f"/iserver/account/{account}/order"

    def order(place: int) -> Any:
        if place % 2:
            return client.request("DELETE", f"{path}/{place}")
        return client.request("POST", f"{path}s", json={"orders": [ticket]})

    try:
        yield lambda: twin.sleep(1.5)  # by then, the flood uses the rate limits up
        for place in range(number):
            begin = time.monotonic()
            with contextlib.suppress(*REFUSED):
                yield partial(order, place)
            waits.append(time.monotonic() - begin)
            yield lambda: twin.sleep(0.2 + dice.random() * 0.4)
    finally:
        end()
