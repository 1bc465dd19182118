"""Soak test of bulk work, which must be as fast as IBKR's rate limits allow, and never faster.

The simulated gateway checks IBKR's limits in real time. Its code for this shares nothing with the
client's pacing.
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.soak._twin import TWINS, Script, Twin, check, close
from bezant.sim import SimulatedGateway

PAGE = 100
# In the test of slow responses, each response takes this many seconds.
SLOW = 0.15
# Bulk work may take this many times the best possible time. The client cannot reach the best time:
# it counts requests over 1.05 s instead of IBKR's 1 s, because requests can arrive closer together
# than they were sent.
MOST = 1.1
ROOT = Path(__file__).parent.parent.parent
Figure = tuple[str, str]


def figures(*, quick: bool) -> Iterator[Figure]:
    """Run all tests, and yield their figures. The full run takes about six minutes."""
    histories, conids, slow, each = (15, 300, 25, 10) if quick else (300, 1_000, 300, 100)
    for twin in TWINS:
        yield _bulk(twin, "snapshots", conids, quick=quick)
    with ThreadPoolExecutor(len(TWINS)) as pool:
        yield from pool.map(lambda twin: _slow(twin, slow, quick=quick), TWINS)
    yield from _processes(each, quick=quick)
    # The blocking and the async client run concurrently: they mostly wait, and each has its own
    # gateway.
    with ThreadPoolExecutor(len(TWINS)) as pool:
        yield from pool.map(lambda twin: _bulk(twin, "histories", histories, quick=quick), TWINS)


def _bulk(twin: Twin, what: str, number: int, *, quick: bool) -> Figure:
    with SimulatedGateway(positions=max(number, 10), quote_interval=60) as gateway:
        pacing = gateway.enforce_pacing()
        script = _histories if what == "histories" else _snapshots
        drawn = twin.run(script(twin, gateway.base_url, gateway.account_id, number), alone=False)
        check(not pacing.violations, f"{what}, {twin.name}: {pacing.violations[:3]}")
        check(all(one.accepted for one in pacing.arrivals), "a request got the status 429")
        arrivals = list(pacing.arrivals)
    if what == "histories":
        times = sorted(one.at for one in arrivals if one.path.endswith("/history"))
        best = _least(len(times), [(10, 1.0), (50, 60.0)])
    else:  # all requests count, because the limit is for all of them
        times = sorted(one.at for one in arrivals)
        best = _least(len(times), [(10, 1.0)])
    return _judged(f"{number:,} {drawn}, {twin.name}", times, best, quick=quick)


def _slow(twin: Twin, number: int, *, quick: bool) -> Figure:
    """Measure calls with slow responses.

    Until its response arrives, a request may not have reached IBKR yet, so the client must count it
    against the rate limit until then.
    """
    with SimulatedGateway() as gateway:
        pacing = gateway.enforce_pacing()
        gateway.faults.slow(SLOW, path="/summary")
        twin.run(_summaries(twin, gateway.base_url, gateway.account_id, number), alone=False)
        check(not pacing.violations, f"slow responses, {twin.name}: {pacing.violations[:3]}")
        times = sorted(one.at for one in pacing.arrivals)
    best = _least(len(times), [(10, 1.0)])
    what = f"{number} calls answered after {SLOW} s, {twin.name}"
    return _judged(what, times, best, quick=quick)


def _summaries(twin: Twin, url: str, account: str, number: int) -> Script[None]:
    client = twin.Client(url, pacing=True, retries=0)
    try:
        ask = client.api.accounts.get_account_summary
        yield lambda: client.gather(lambda _: ask(account_id=account), range(number))
    finally:
        yield lambda: close(client)


def _judged(what: str, times: list[float], best: float, *, quick: bool) -> Figure:
    spent = times[-1] - times[0]
    # The quick run does not check the time: it is short, and on the busy machines on which it runs,
    # a few late responses would make it fail.
    check(quick or spent <= best * MOST, f"{what}: {spent:.2f} s, while {best:.0f} s are possible")
    return _figure(what, len(times), spent, best)


def _figure(what: str, requests: int, spent: float, best: float) -> Figure:
    return (
        f"limits: {what}",
        f"{requests} requests in {spent:.2f} s, at best {best:.0f} s"
        f"{f' (ratio {spent / best:.3f})' if best else ''}; no violation, no 429",
    )


def _least(count: int, limits: list[tuple[int, float]]) -> float:
    """Return the shortest possible time in seconds from the first to the last of `count` requests.

    Args:
        count: number of requests.
        limits: one or two rate limits, each as a pair: number of requests, and seconds.
    """
    if len(limits) == 1:
        [(most, seconds)] = limits
        return (count - 1) // most * seconds
    (few, short), (most, seconds) = limits
    return (count - 1) // most * seconds + (count - 1) % most // few * short


def _conids(client: Any, account: str, number: int) -> Script[list[int]]:
    positions = yield lambda: client.all_positions(account)
    return [one.conid for one in positions][:number]


def _histories(twin: Twin, url: str, account: str, number: int) -> Script[str]:
    client = twin.Client(url, pacing=True, retries=0)
    try:
        conids = yield from _conids(client, account, number)
        check(len(conids) == number, "too few contracts")
        yield lambda: client.api.accounts.get_brokerage_accounts()
        found = yield lambda: client.gather(
            lambda conid: client.api.market_data.get_md_history(conid=conid, period="1d", bar="1h"),
            conids,
        )
        check(len(found) == number and all(one.data for one in found), "bars are missing")
    finally:
        yield lambda: close(client)
    return "histories"


def _snapshots(twin: Twin, url: str, account: str, number: int) -> Script[str]:
    client = twin.Client(url, pacing=True, retries=0)
    try:
        conids = yield from _conids(client, account, number)
        pages = [conids[begin : begin + PAGE] for begin in range(0, number, PAGE)]
        yield lambda: client.api.accounts.get_brokerage_accounts()

        def ask(page: list[int]) -> Any:
            return client.api.market_data.get_md_snapshot(conids=page, fields=["31", "84", "86"])

        yield lambda: client.gather(ask, pages)  # the first call returns no prices yet
        found = yield lambda: client.gather(ask, pages)
        quotes = list(itertools.chain.from_iterable(found))
        check(len(quotes) == number, "quotes are missing")
    finally:
        yield lambda: close(client)
    return "snapshots"


def _processes(each: int, *, quick: bool) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield _shared("file", f"file:{folder}/pacing.db", each, quick=quick)
        with redis_server(folder) as url:
            if url is None:
                yield "limits: two processes, redis", "skipped: redis-server is not installed"
            else:
                yield _shared("redis", url, each, quick=quick)


def _shared(kind: str, store: str, each: int, *, quick: bool) -> Figure:
    environ = {name: text for name, text in os.environ.items() if "BEZANT" not in name}
    with SimulatedGateway(positions=10, quote_interval=60) as gateway:
        pacing = gateway.enforce_pacing()
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.soak._worker", gateway.base_url, store,
                 twin.name, str(each)],
                cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True,
            )
            for twin in TWINS
        ]  # fmt: skip
        for process in processes:
            out, _ = process.communicate(timeout=120)
            check(out.strip() == str(each), f"{kind}: a process ended with {out!r}")
        check(not pacing.violations, f"{kind}: {pacing.violations[:3]}")
        check(all(one.accepted for one in pacing.arrivals), "a request got the status 429")
        times = sorted(one.at for one in pacing.arrivals)
    best = _least(len(times), [(10, 1.0)])
    return _judged(f"two processes, {kind}, mixed", times, best, quick=quick)


@contextmanager
def redis_server(folder: str) -> Iterator[str | None]:
    """Start a Redis server and yield its URL; None if Redis is not installed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir"]
    try:
        server = subprocess.Popen([*command, folder], stdout=subprocess.DEVNULL)
    except FileNotFoundError:
        yield None
        return
    with server:
        try:
            for _ in range(500):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.01)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
