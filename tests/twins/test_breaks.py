"""Tests of calls that are cancelled, interrupted or abandoned.

The client must still work afterwards, and leak nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import re
import select
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

import bezant
from benchmarks.soak.breaks import Report, Server, cancelled_calls
from bezant._core.http.messages import TransportError, Trouble
from bezant._core.http.operation import Operation
from bezant._core.pacing.limiter import QueuedCall
from bezant._core.settings.connection import Tls
from bezant._core.settings.settings import Settings
from bezant._runtime._async import network as async_network
from bezant._runtime._async.lanes import Lanes as AsyncLanes
from bezant._runtime._shared.http import Attempt, LastUse, proxy_of
from bezant._runtime._shared.http_packages import httpcore
from bezant._runtime._shared.limiters import ProcessRateLimiter
from bezant._runtime._shared.tls import tls_context
from bezant._runtime._sync import network as sync_network
from bezant._runtime._sync.concurrency import StateLock
from bezant._runtime._sync.lanes import Lanes
from bezant.sim import SimulatedGateway
from tests.support._async import until
from tests.support._sync import until as until_blocking
from tests.support.processes import unmeasured
from tests.support.raw import Peer, RawGateway, RawRequest

ROOT = Path(__file__).parent.parent.parent
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=LOOPS)
def loops(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return LOOPS[request.param]


def settings_for(base_url: str, **options: Any) -> Settings:
    return bezant.Client(base_url, **options)._settings


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("together", [1, 4, 12])
def test_random_cancellations(
    loops: Callable[[], asyncio.AbstractEventLoop], tls: bool, together: int
) -> None:
    with Server(tls=tls) as server, asyncio.Runner(loop_factory=loops) as runner:
        report = runner.run(cancelled_calls(server, 170, together=together, seed=together))
    assert not report.wrong


def test_leaving_a_map_early(loops: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def some(client: bezant.AsyncClient) -> None:
        async def get(item: int) -> object:
            return await client.request("GET", f"/x/{item}")

        async with client.map(get, range(30)) as outcomes:
            async for outcome in outcomes:
                assert outcome.ok
                break

    async def main(server: Server) -> Report:
        return await cancelled_calls(server, 30, together=2, call=some)

    with Server(delay=0.004) as server, asyncio.Runner(loop_factory=loops) as runner:
        assert not runner.run(main(server)).wrong


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGALRM to interrupt with")
@pytest.mark.parametrize("options", [[], ["--tls"], ["--pacing"]], ids=["plain", "tls", "pacing"])
def test_random_interrupts(options: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-m", "benchmarks.soak.breaks", "interrupt", "300"]
    done = subprocess.run(
        [*command, *options],
        env=unmeasured(),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing left" in done.stdout


def test_a_lock_that_an_interrupt_cannot_leave_locked() -> None:
    # A `threading.Lock` is implemented in C, so no interrupt can arrive inside its methods.
    assert isinstance(StateLock(), type(threading.Lock()))


def test_the_lane_of_a_forgotten_call_is_free_again() -> None:
    lanes = Lanes(settings_for("http://127.0.0.1:1", max_connections=1))
    attempt = Attempt(time.monotonic() + 5, 5)
    lane = lanes.take(attempt)
    lane.last_use = LastUse()
    with pytest.raises(TransportError, match="all connections of this client are in use") as no:
        lanes.take(Attempt(time.monotonic(), 5))
    assert no.value.kind is Trouble.TIMEOUT
    assert not no.value.sent
    del attempt  # abandons the attempt without a call of `give_back`
    other = Attempt(time.monotonic() + 5, 5)
    assert lanes.take(other) is lane
    lanes.give_back(other)
    lanes.close()


async def test_lanes_are_given_in_the_order_of_arrival() -> None:
    lanes = AsyncLanes(settings_for("http://127.0.0.1:1", max_connections=2))
    got: list[int] = []

    async def use(number: int) -> None:
        lane = await lanes.take(Attempt(time.monotonic() + 5, 5))
        got.append(number)
        await asyncio.sleep(0.001)
        lanes.give_back(lane)

    tasks = [asyncio.ensure_future(use(number)) for number in range(20)]
    await asyncio.sleep(0)
    for number in (3, 4, 9, 19):
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert got == [number for number in range(20) if number not in (3, 4, 9, 19)]
    assert lanes._taken == 0


async def test_a_lane_that_was_promised_to_a_cancelled_call_goes_to_the_next() -> None:
    lanes = AsyncLanes(settings_for("http://127.0.0.1:1", max_connections=1))
    lane = await lanes.take(Attempt(time.monotonic() + 5, 5))
    first = asyncio.ensure_future(lanes.take(Attempt(time.monotonic() + 5, 5)))
    second = asyncio.ensure_future(lanes.take(Attempt(time.monotonic() + 5, 5)))
    await asyncio.sleep(0)
    lanes.give_back(lane)
    first.cancel()
    assert await second is lane
    lanes.give_back(lane)
    assert lanes._taken == 0
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_waiting_for_a_connection_says_so(raw: RawGateway) -> None:
    over = threading.Event()

    def script(request: RawRequest, peer: Peer) -> None:
        over.wait(60)
        peer.reset()

    raw.script(script)
    async with bezant.AsyncClient(raw.base_url, timeout=60, max_connections=1) as client:
        first = asyncio.ensure_future(client.request("POST", "/x"))
        while not raw.requests:
            await asyncio.sleep(0.005)
        # The waiting calls must time out before the first call ends, or else they would get its
        # connection.
        hasty = client.with_options(timeout=0.1)
        results = await asyncio.gather(
            *(hasty.request("POST", "/x") for _ in range(2)), return_exceptions=True
        )
        over.set()
        with pytest.raises(bezant.OutcomeUnknown):
            await first
    assert [type(each) for each in results] == [bezant.HttpTimeout] * 2
    assert "all connections of this client are in use" in str(results[0])
    assert len(raw.requests) == 1


async def test_waiting_calls_end_with_the_client(raw: RawGateway) -> None:
    raw.script(lambda request, peer: peer.silence())
    client = bezant.AsyncClient(raw.base_url, timeout=60, max_connections=1)
    calls = [asyncio.ensure_future(client.tickle()) for _ in range(4)]
    while not raw.requests:
        await asyncio.sleep(0.005)
    await client.aclose()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(each) for each in results] == [bezant.ClientClosed] * 4


async def test_closing_survives_a_cancellation(gateway: SimulatedGateway) -> None:
    for turns in range(8):
        client = bezant.AsyncClient(gateway.base_url)
        await client.accounts()
        client.keepalive(interval=60)
        client.keepalive(interval=50)
        closing = asyncio.ensure_future(client.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await closing
        if not client.closed:  # the task was cancelled before it began to close the client
            await client.aclose()
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


# Warnings from transports of the closed loops.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_call_whose_loop_was_closed_ends_in_silence(
    request: pytest.FixtureRequest,
    loops: Callable[[], asyncio.AbstractEventLoop],
    monkeypatch: pytest.MonkeyPatch,
    tls: bool,
) -> None:
    raw: RawGateway = request.getfixturevalue("raw_tls" if tls else "raw")
    raw.script(lambda request, peer: peer.silence())
    unraisable: list[object] = []

    def note(each: sys.UnraisableHookArgs) -> None:
        # Errors in httpx and httpcore do not count: the garbage collector may end their coroutines
        # before those of bezant. httpcore then raises an error outside the event loop, which bezant
        # cannot catch.
        code = getattr(each.object, "cr_code", None) or getattr(each.object, "ag_code", None)
        filename = getattr(code, "co_filename", "bezant")
        if not re.search(r"[/\\](httpx|httpcore|anyio|sniffio)[/\\]", filename):
            unraisable.append((each.exc_value, each.object))

    monkeypatch.setattr(sys, "unraisablehook", note)
    monkeypatch.setenv("BEZANT_PACING", "on")

    def forget(seen: int) -> tuple[ProcessRateLimiter, Any]:
        loop = loops()
        client = bezant.AsyncClient(raw.base_url, timeout=30)

        async def begin() -> Any:
            task = asyncio.ensure_future(client.request("GET", "/x"))
            while len(raw.requests) == seen:
                await asyncio.sleep(0.001)
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            return task

        task = loop.run_until_complete(begin())
        loop.close()
        limiter = client._pipeline.limiter
        client._pipeline.closed = (
            True  # mark the client as closed, because an open client would warn as well
        )
        return limiter, weakref.ref(task)

    async def elsewhere() -> None:
        forget_in_thread = threading.Thread(target=lambda: kept.append(forget(1)))
        forget_in_thread.start()
        while forget_in_thread.is_alive():
            await asyncio.sleep(0.001)
        gc.collect()

    kept = [forget(0)]
    gc.collect()
    # The same must hold for a call that is abandoned while another event loop runs in this thread.
    asyncio.run(elsewhere())
    for limiter, task in kept:
        assert task() is None
        assert not limiter._limiter._in_flight
    # Transports that are left over refer to each other. Collect them now, so that they warn here
    # and not in a later test.
    for _ in range(3):
        gc.collect()
    assert unraisable == []


def test_a_slot_is_released_while_the_same_thread_holds_the_lock() -> None:
    limiter = ProcessRateLimiter()
    owner = threading.Event()
    first = QueuedCall.of(Operation("GET", "/a", idempotent=True))
    limiter.enter(first, owner)
    # At most two reads may be in flight, so the third has to wait.
    second = QueuedCall.of(Operation("GET", "/b", idempotent=True))
    limiter.enter(second, owner)
    waiting = QueuedCall.of(Operation("GET", "/c", idempotent=True))
    limiter.enter(waiting, owner)
    woken: list[bool] = []

    def collect() -> None:  # runs while the lock is held, as the garbage collector may do
        limiter.leave(first)
        woken.append(first in limiter._limiter._in_flight)

    limiter.seconds_until(waiting, collect)
    limiter.leave(second)
    assert woken == [True]
    assert first not in limiter._limiter._in_flight


def test_slots_of_forgotten_calls_are_reclaimed() -> None:
    limiter = ProcessRateLimiter()
    owners = [threading.Event() for _ in range(3)]
    read = Operation("GET", "/a", idempotent=True)
    tickets = [QueuedCall.of(read) for _ in range(3)]
    for ticket, owner in zip(tickets, owners, strict=False):
        limiter.enter(ticket, owner)
    del owner
    *granted, waiting = tickets
    assert all(each.granted for each in granted)
    assert not waiting.granted
    del owners[:2]
    assert limiter.seconds_until(waiting) == 0
    assert waiting.granted


@pytest.mark.parametrize("kind", ["asyncio", "uvloop", "blocking"])
def test_session_tickets_are_no_data(raw_tls: RawGateway, kind: str) -> None:
    """A TLS connection counts as clean despite unread session tickets, but not with unread data."""
    context = bezant.Client(raw_tls.base_url)._settings.tls
    if kind == "blocking":
        backend = sync_network.Backend()
        backend.connect_tcp("127.0.0.1", raw_tls.port, 30).start_tls(
            tls_context(context), "127.0.0.1", 30
        )
        stream = backend.stream
        assert stream is not None
        sock = stream.get_extra_info("socket")
        until_blocking(lambda: select.select([sock], [], [], 0)[0])
        assert stream.is_clean
        raw_tls.script(lambda request, peer: peer.send(b"stray"))
        stream.write(b"GET / HTTP/1.1\r\n\r\n")
        until_blocking(lambda: not stream.is_clean)
        backend.drop()
        return

    async def main() -> None:
        backend = async_network.Backend()
        plain = await backend.connect_tcp("127.0.0.1", raw_tls.port, 30)
        await plain.start_tls(tls_context(context), "127.0.0.1", 30)
        stream = backend.stream
        assert stream is not None
        time.sleep(0.1)  # blocks the loop, so that the tickets have arrived but are unread
        assert await stream.is_clean()
        raw_tls.script(lambda request, peer: peer.send(b"stray"))
        await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        deadline = time.monotonic() + 30
        while await stream.is_clean() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not await stream.is_clean()
        backend.drop()
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        runner.run(main())


@pytest.mark.parametrize("turns", [-2, -1, 0, 1, 2, 5, 20])
def test_a_connection_that_is_dropped_around_the_start_of_tls(
    raw: RawGateway, loops: Callable[[], asyncio.AbstractEventLoop], turns: int
) -> None:
    """Dropping a connection before or during its TLS handshake ends the handshake with an error.

    The server never sends anything, so the handshake would not end by itself.
    """

    async def main() -> None:
        backend = async_network.Backend()
        plain = await backend.connect_tcp("127.0.0.1", raw.port, 60)
        stream = backend.stream
        assert stream is not None
        if turns < 0:  # negative: drop the connection before the handshake begins
            backend.drop()
            for _ in range(-1 - turns):
                await asyncio.sleep(0)
        starting = asyncio.ensure_future(
            plain.start_tls(tls_context(Tls("insecure")), "127.0.0.1", 60)
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        stream.abort()
        with pytest.raises(httpcore.ConnectError, match="the TLS handshake"):
            await asyncio.wait_for(starting, 20)

    with asyncio.Runner(loop_factory=loops) as runner:
        runner.run(main())


async def test_names_with_several_addresses(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client connects although one address does not respond and another refuses connections."""
    raw.script(lambda request, peer: peer.json(b'{"x":1}'))
    loop = asyncio.get_running_loop()
    connect = async_network.Backend._connect

    async def slowly(self: Any, loop: Any, address: str, port: int) -> Any:
        if address == "127.0.0.4":
            await asyncio.sleep(30)
        if address == "127.0.0.3":
            raise ConnectionRefusedError("nobody is there")
        return await connect(self, loop, address, port)

    monkeypatch.setattr(async_network.Backend, "_connect", slowly)
    monkeypatch.setattr(async_network, "_NEXT_ADDRESS", 0.02)
    backend = async_network.Backend()
    for addresses in (
        ["127.0.0.4", "127.0.0.3", "127.0.0.1"],
        ["127.0.0.3", "127.0.0.1"],
        ["127.0.0.1", "127.0.0.1"],
    ):
        stream = await backend._race(loop, addresses, raw.port)
        assert stream.get_extra_info("server_addr") == ("127.0.0.1", raw.port)
        await stream.aclose()
    with pytest.raises(ConnectionRefusedError):
        await backend._race(loop, ["127.0.0.3", "127.0.0.3"], raw.port)
    with pytest.raises(OSError, match="no address"):
        await backend._race(loop, [], raw.port)
    for turns in range(10):  # cancelling the race at any point leaves no connection open
        race = asyncio.ensure_future(backend._race(loop, ["127.0.0.1"] * 3, raw.port))
        for _ in range(turns):
            await asyncio.sleep(0)
        race.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await race).aclose()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


def test_a_connection_ages_by_both_clocks() -> None:
    for clock in ("monotonic", "_wall"):
        use = LastUse()
        assert use.is_within(5.0)
        setattr(use, clock, getattr(use, clock) - 6)
        assert not use.is_within(5.0)
        assert use.is_within(None)
    use = LastUse()
    use._wall += 6  # the clock was set back
    assert not use.is_within(5.0)


@pytest.mark.parametrize(
    ("url", "origin", "headers"),
    [
        ("http://proxy.test:8080", b"http://proxy.test:8080", []),
        ("http://proxy.test", b"http://proxy.test:80", []),
        ("https://proxy.test", b"https://proxy.test:443", []),
        (
            "http://me%40x:p%3Aw@proxy.test:1",
            b"http://proxy.test:1",
            [(b"Proxy-Authorization", b"Basic bWVAeDpwOnc=")],
        ),
    ],
)
def test_proxies(url: str, origin: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    proxy = proxy_of(settings_for("http://gateway.test", proxy=url))
    assert proxy is not None
    assert str(proxy.url.origin) == origin.decode()
    assert proxy.headers == headers
    assert proxy_of(settings_for("http://gateway.test", proxy="")) is None


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_calls_through_a_proxy(
    raw: RawGateway, raw_tls: RawGateway, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    def relay(request: RawRequest, peer: Peer) -> None:
        if request.method != "CONNECT":
            peer.json(b'{"x":1}')
            return
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", raw_tls.port)) as other:
            peer.sock.settimeout(0.005)
            other.settimeout(0.005)
            while not peer.stopping.is_set():
                for one, two in ((peer.sock, other), (other, peer.sock)):
                    with contextlib.suppress(TimeoutError):
                        if not (data := one.recv(65536)):
                            return
                        two.sendall(data)

    raw.script(relay)
    raw_tls.script(lambda request, peer: peer.json(b'{"x":1}'))
    proxy = f"http://me:secret@127.0.0.1:{raw.port}"
    url = f"{scheme}://gateway.test:1234/v1/api"
    async with bezant.AsyncClient(url, proxy=proxy, verify=False) as client:
        for _ in range(3):
            assert await client.request("GET", "/x") == {"x": 1}
        assert await client.request("POST", "/x") == {"x": 1}

    def blocking() -> None:
        with bezant.Client(url, proxy=proxy, verify=False) as client:
            for _ in range(3):
                assert client.request("GET", "/x") == {"x": 1}
            assert client.request("POST", "/x") == {"x": 1}

    await asyncio.to_thread(blocking)
    assert raw.connections == 2
    line = raw.requests[0].line
    target = "gateway.test:1234" if scheme == "https" else f"{url}/x"
    assert line.split(" ")[1] == target
    assert raw.requests[0].headers["proxy-authorization"] == "Basic bWU6c2VjcmV0"
