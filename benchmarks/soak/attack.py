"""Attacks on the client: hostile responses, cancellation, Ctrl-C, thread races, large inputs.

After each attack the client must still work, no order may have been sent twice, and no connection
may be left open. The full run takes an hour, the quick run about two minutes.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import random
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import trustme

import bezant
from benchmarks.soak import linear
from benchmarks.soak._hostile import STRAY_ID, HostileServer
from benchmarks.soak._twin import TWINS, Script, Twin, check, close
from bezant.models.orders import OrderTicket

ROOT = Path(__file__).parent.parent.parent
APPLE = 265598
TIMEOUT = 0.3
# How many seconds a call may take longer than its timeouts, because the machine may be busy. A call
# that hangs takes longer.
GRACE = 20.0
# Duration of each attack in seconds, in the full run and in the quick run.
FULL, QUICK = 300.0, 6.0
Figure = tuple[str, str]


def figures(*, quick: bool) -> Iterator[Figure]:
    """Run every attack, and yield its figures.

    If an attack hangs, the process ends and prints the tracebacks of all threads.
    """
    seconds = QUICK if quick else FULL
    for part in _parts(seconds, quick=quick):
        faulthandler.dump_traceback_later(2 * seconds + 120, exit=True)
        yield part()
        faulthandler.cancel_dump_traceback_later()
    yield from linear.figures(quick=quick)


def _parts(seconds: float, *, quick: bool) -> Iterator[Callable[[], Figure]]:
    for twin in TWINS:
        yield partial(hostile_calls, twin, seconds)
        yield partial(hostile_streams, twin, seconds)
    for together in (1, 4, 50):
        yield partial(cancellations, seconds, together, tls=together == 4)
    for tls in (False, True):
        yield partial(cancellations, seconds, 8, tls=tls, loop="uvloop")
        yield partial(interrupts, seconds, tls=tls)
    yield partial(races, 10 if quick else 200)


# Hostile responses to calls and streams.


def hostile_calls(twin: Twin, seconds: float, seed: int = 1, workers: int = 6) -> Figure:
    """Call a server with hostile responses, and check the result or error of each call."""
    log: Counter[str] = Counter()
    with HostileServer(seed, 0.5) as server:
        twin.run(_call_for(twin, server, seconds, seed, workers, log), alone=False)
        _closed(server)
        for name, count in server.sent.items():
            most = 1 + min(server.excused[name], 1)
            check(count <= most, f"the order {name} was sent {count} times")
    orders = len(server.sent)
    twice = sum(count > 1 for count in server.sent.values())
    return (
        f"attack: hostile responses, {twin.name}",
        f"{sum(log.values()):,} calls, {server.requests:,} requests, {orders:,} orders; "
        f"{twice} sent again, as asked; {log['OutcomeUnknown']:,} OutcomeUnknown, "
        f"{log['result']:,} results",
    )


def _call_for(
    twin: Twin, server: HostileServer, seconds: float, seed: int, workers: int, log: Counter[str]
) -> Script[None]:
    client = twin.Client(
        server.base_url, pacing=False, timeout=TIMEOUT, connect_timeout=TIMEOUT, retries=1,
        max_connections=workers, on_drift=_ignore,
    )  # fmt: skip
    ends = time.monotonic() + seconds
    try:
        scripts = [
            _caller(client, server.owners, ends, f"{seed}-{each}", log) for each in range(workers)
        ]
        yield lambda: twin.together(scripts)
        server.hostile = 0.0
        yield from _works(client)
    finally:
        yield lambda: close(client)


def _caller(
    client: Any, owners: Mapping[str, str], ends: float, name: str, log: Counter[str]
) -> Script[None]:
    chance = random.Random(name)
    api = client.api
    reads: list[Callable[[], Any]] = [
        client.accounts,
        client.tickle,
        client.health,
        lambda: client.all_positions("DU1"),
        lambda: client.request("GET", "/x"),
        lambda: client.request("GET", "/x", type=bytes),
        lambda: client.request("GET", "/x", type=dict[str, str]),
        lambda: api.orders.get_open_orders(),
        lambda: api.market_data.get_md_history(conid=APPLE, period="1d", bar="1h"),
        lambda: api.market_data.get_md_snapshot(conids=[APPLE], fields=["31"]),
        lambda: api.portfolio.get_portfolio_summary(account_id="DU1"),
        lambda: api.contracts.get_contract_info(conid=str(APPLE)),
    ]
    turn = 0
    while time.monotonic() < ends:
        turn += 1
        began = time.monotonic()
        is_order = chance.random() < 0.4
        order = f"o-{name}-{turn}"
        try:
            if is_order:
                # Use another account for each order: an unanswered question about an order would
                # block the account's other orders.
                found = yield _order(client, f"DU{name}{turn}", order, raw=chance.random() < 0.3)
                _check_order(found, order, owners)
            else:
                yield chance.choice(reads)
            log["result"] += 1
        except bezant.BezantError as error:
            log[type(error).__name__] += 1
            check(len(str(error)) < 5000, f"an error of {len(str(error))} characters")
            if isinstance(error, bezant.OutcomeUnknown):
                check(not error.retryable, "an unknown outcome says that it is retryable")
                check(error.client_order_ids == (order,), f"{order} is not named: {error!r}")
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} reached the user: {error}") from error
        spent = time.monotonic() - began
        check(spent < 6 * TIMEOUT + GRACE, f"a call took {spent:.2f} s")


def _ignore(_: object) -> None:
    """Ignore a report of drift (unexpected fields in responses); hostile responses cause it."""


def _order(client: Any, account: str, name: str, *, raw: bool) -> Callable[[], Any]:
    if raw:
        ticket = {"conid": APPLE, "side": "BUY", "orderType": "MKT", "quantity": 1, "cOID": name}
        path = f"/iserver/account/{account}/orders"
        return lambda: client.request("POST", path, json={"orders": [ticket]})
    typed = OrderTicket(
        conid=APPLE, side="BUY", order_type="MKT", time_in_force="DAY", quantity=1,
        client_order_id=name,
    )  # fmt: skip
    return lambda: client.api.orders.submit_new_orders(account_id=account, orders=[typed])


def _check_order(found: Any, name: str, owners: Mapping[str, str]) -> None:
    """Check that the order ids in a result are not those of another order or a stray response.

    An id that the server has never given to an order is allowed, because hostile responses also
    change ids.
    """
    rows = found if isinstance(found, list) else [found]
    for row in rows:
        told = row.get("order_id") if isinstance(row, dict) else getattr(row, "order_id", None)
        if isinstance(told, str):
            check(told != STRAY_ID, f"the result of {name} has the id of a stray response")
            owner = owners.get(told, name)
            check(owner == name, f"the result of {name} has the id of {owner}: {told}")


def _works(client: Any) -> Script[None]:
    """Check that the client works, by twenty calls to a server that is no longer hostile."""
    patient = client.with_options(timeout=GRACE)
    for _ in range(20):
        yield lambda: patient.request("GET", "/x")


def _closed(server: HostileServer) -> None:
    """Check that the client left no connection open."""
    ends = time.monotonic() + 30
    while server.open and time.monotonic() < ends:
        time.sleep(0.01)
    check(not server.open, f"{server.open} connections are left open")


def hostile_streams(twin: Twin, seconds: float, seed: int = 2) -> Figure:
    """Read streams with hostile frames; each read must give a typed message or a bezant error."""
    log: Counter[str] = Counter()
    with HostileServer(seed, 0.7) as server:
        twin.run(_listen_for(twin, server, seconds, log), alone=False)
        _closed(server)
    return (
        f"attack: hostile frames, {twin.name}",
        f"{sum(log.values()):,} messages, {log['Gap']:,} gaps, {log['ended']:,} streams ended",
    )


def _listen_for(
    twin: Twin, server: HostileServer, seconds: float, log: Counter[str]
) -> Script[None]:
    client = twin.Client(server.base_url, pacing=False, timeout=2, on_drift=_ignore, retries=0)
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            try:
                stream = yield lambda: _opened(twin, client)
            except bezant.BezantError:
                log["refused"] += 1
                continue
            yield from _read(stream, ends, log)
    finally:
        yield lambda: close(client)


def _read(stream: Any, ends: float, log: Counter[str]) -> Script[None]:
    """Read a stream until it ends or the time is up."""
    try:
        while time.monotonic() < ends:
            try:
                message = yield lambda: stream.next_message(timeout=0.5)
            except bezant.WsTimeout:
                if stream.closed:
                    break
                continue
            if message is None:
                break
            log[type(message).__name__] += 1
            check(len(repr(message)) < 200_000, "a repr without an end")
    except bezant.BezantError:
        pass
    finally:
        log["ended"] += 1
        yield lambda: close(stream)


def _opened(twin: Twin, client: Any) -> Any:
    connecting = twin.WsClient.connect(client, reconnect=False)
    if twin.name == "blocking":
        return _subscribed(connecting)

    async def opened() -> Any:
        stream = await connecting
        await stream.subscribe_market_data(APPLE)
        await stream.subscribe_orders()
        return stream

    return opened()


def _subscribed(stream: Any) -> Any:
    stream.subscribe_market_data(APPLE)
    stream.subscribe_orders()
    return stream


# Cancelled calls.


def cancellations(seconds: float, together: int, *, tls: bool, loop: str = "asyncio") -> Figure:
    """Cancel async calls at random moments; check that the client works and leaves nothing open."""
    counts: Counter[str] = Counter()

    async def main(server: HostileServer) -> None:
        await _cancel_for(server, seconds, together, counts)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        check(not left, f"tasks left: {left}")

    factory = importlib.import_module(loop).new_event_loop
    with HostileServer(3, 0.0, _server_tls() if tls else None) as server:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main(server))
        _closed(server)
        twice = [name for name, count in server.sent.items() if count > 1]
        check(not twice, f"sent twice: {twice[:3]}")
    return (
        f"attack: cancellation, {together} at a time{', TLS' if tls else ''}, {loop}",
        f"{counts['cancelled']:,} calls cancelled, {counts['done']:,} done, "
        f"{counts['timed out']:,} timed out; the client works, no task or connection is left",
    )


async def _cancel_for(
    server: HostileServer, seconds: float, together: int, counts: Counter[str]
) -> None:
    chance = random.Random(together)
    client = bezant.AsyncClient(
        server.base_url, pacing=False, retries=0, timeout=60, max_connections=4
    )
    hasty = client.with_options(timeout=0.002)
    numbers = iter(range(10**9))

    def call() -> Awaitable[object]:
        kind = chance.random()
        if kind < 0.2:
            number = next(numbers)
            return _order(client, f"DU{number}", f"c-{number}", raw=False)()  # type: ignore[no-any-return]
        if kind < 0.3:
            return _leave_map_early(client, chance)
        return (hasty if kind < 0.4 else client).request("GET", "/x")

    async def one() -> None:
        task = asyncio.ensure_future(call())
        if chance.random() < 0.5:
            for _ in range(chance.randrange(60)):
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(chance.random() * 0.004)
        task.cancel()
        try:
            await task
            counts["done"] += 1
        except asyncio.CancelledError:
            counts["cancelled"] += 1
        except bezant.HttpTimeout:
            counts["timed out"] += 1
        except bezant.OutcomeUnknown:
            counts["timed out"] += 1

    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            await asyncio.gather(*(one() for _ in range(together)))
        for _ in range(20):
            await client.request("GET", "/x")
    finally:
        await client.aclose()


async def _leave_map_early(client: Any, chance: random.Random) -> None:
    taken = chance.randrange(3)
    async with client.map(lambda _: client.request("GET", "/x"), range(6)) as outcomes:
        async for _ in outcomes:
            taken -= 1
            if taken < 0:
                return


def _server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


# Calls interrupted by Ctrl-C.


class _Interrupt(KeyboardInterrupt):
    """Interrupt that this attack raises. Its class distinguishes it from the user's Ctrl-C."""


def interrupts(seconds: float, *, tls: bool) -> Figure:
    """Interrupt blocking calls at random moments, and check that the next call works."""
    chance = random.Random(4)
    armed = False
    count = 0
    turn = 0

    def interrupt(*_: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise _Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    ends = time.monotonic() + seconds
    try:
        with HostileServer(5, 0.0, _server_tls() if tls else None) as server:
            client = bezant.Client(server.base_url, pacing=False, retries=0, timeout=20)
            began = time.monotonic()
            for _ in range(10):
                client.request("GET", "/x")
            usual = (time.monotonic() - began) / 10
            # Send one order before the interrupts: it imports modules, and an interrupted import
            # would leave a file open.
            _order(client, "DU0", "i-0", raw=True)()
            while time.monotonic() < ends:
                turn += 1
                call = (
                    _order(client, f"DU{turn}", f"i-{turn}", raw=True)
                    if chance.random() < 0.2
                    else lambda: client.request("GET", "/x")
                )
                armed = True
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-6 + chance.random() * usual * 1.3)
                    call()
                    armed = False
                except _Interrupt:
                    count += 1
                armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
                began = time.monotonic()
                client.request("GET", "/x")
                check(time.monotonic() - began < GRACE, "the call after an interrupt hangs")
            client.close()
            _closed(server)
            twice = [name for name, times in server.sent.items() if times > 1]
            check(not twice, f"sent twice: {twice[:3]}")
    finally:
        signal.signal(signal.SIGALRM, before)
    return (
        f"attack: Ctrl-C in blocking calls{', TLS' if tls else ''}",
        f"{count:,} calls interrupted; each next call worked, no connection is left",
    )


# Races between threads.

_RACE = """
import sys, threading, warnings
sys.setswitchinterval(1e-5)
warnings.simplefilter("ignore")
import bezant
from benchmarks.soak import linear
from benchmarks.soak._hostile import HostileServer
with HostileServer(int(sys.argv[1]), 0.0) as server:
    client = bezant.Client(server.base_url, pacing=False, timeout=20, max_connections=12)
    api = client.api
    calls = [
        client.accounts, client.tickle, client.health, lambda: client.all_positions("DU1"),
        lambda: api.orders.get_open_orders(),
        lambda: api.market_data.get_md_history(conid=265598, period="1d", bar="1h"),
        lambda: api.market_data.get_md_snapshot(conids=[265598], fields=["31"]),
        lambda: api.portfolio.get_portfolio_summary(account_id="DU1"),
        lambda: api.contracts.get_contract_info(conid="265598"),
    ]
    client.request("GET", "/x")
    barrier = threading.Barrier(24)
    def run(call):
        barrier.wait()
        try:
            call()
        except bezant.BezantError:
            pass
    # several threads for each type: all of them decode it for the first time
    threads = [threading.Thread(target=run, args=(calls[n % len(calls)],)) for n in range(24)]
    for each in threads: each.start()
    for each in threads: each.join()
    client.close()
"""


def races(processes: int) -> Figure:
    """Start processes in which several threads decode a type for the first time at once."""
    for number in range(processes):
        done = subprocess.run(
            [sys.executable, "-c", _RACE, str(number)],
            cwd=ROOT, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        why = done.stderr.decode()[-500:]
        check(done.returncode == 0, f"process {number} ended with {done.returncode}: {why}")
    return "attack: threads that start at once", f"{processes} processes, none crashed"
