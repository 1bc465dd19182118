"""Tests of several processes that use one gateway: shared rate limits, and killed processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import bezant
from bezant._core.pacing.slots import READ
from bezant._core.settings.base_url import BaseUrl
from bezant._core.settings.connection import choose_pacing
from bezant._runtime._sync import SharedLimitStore
from tests.support._sync import until
from tests.support.raw import Peer, RawGateway, RawRequest
from tests.support.redis_server import redis_server

BLOCKING = """
import sys, bezant
with bezant.Client(sys.argv[1], pacing=sys.argv[2]) as client:
    def fetch(n):
        return client.request("GET", f"/trsrv/b{n}")
    print(len(client.gather(fetch, range(int(sys.argv[3])))))
"""
ASYNC = """
import asyncio, sys, bezant
async def main():
    async with bezant.AsyncClient(sys.argv[1], pacing=sys.argv[2]) as client:
        async def fetch(n):
            return await client.request("GET", f"/trsrv/a{n}")
        print(len(await client.gather(fetch, range(int(sys.argv[3])))))
asyncio.run(main())
"""
DYING = """
import os, sys, threading, bezant
import bezant._sync.http.shared_limits
bezant._sync.http.shared_limits._GRACE = -59.0  # a slot is held for one second; the calls continue
client = bezant.Client(sys.argv[1], pacing=sys.argv[2], timeout=60, retries=0)
for number in range(2):
    threading.Thread(target=client.request, args=("GET", "/trsrv/d"), daemon=True).start()
sys.stdin.read()
"""


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, _no_threads_left: None) -> Iterator[str]:
    if request.param == "file":
        yield f"file:{tmp_path / 'pacing.db'}"
    else:
        with redis_server(tmp_path) as url:
            yield url


def run(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_four_processes_keep_the_session_limit(raw: RawGateway, store: str) -> None:
    arrivals: list[float] = []

    def note(request: RawRequest, peer: Peer) -> None:
        arrivals.append(time.monotonic())
        peer.json(b'"x"')

    raw.script(note)
    processes = [run(each, raw.base_url, store, "10") for each in (BLOCKING, ASYNC) * 2]
    for process in processes:
        out, err = process.communicate(timeout=200)
        assert (out.strip(), err) == ("10", "")
    arrivals.sort()
    assert len(arrivals) == 40
    for first, beyond in zip(arrivals, arrivals[10:], strict=False):
        # 0.7 instead of 1 second, because a busy machine delays some requests on their way.
        assert beyond - first > 0.7
    # The rate limit makes 40 requests take at least 3 seconds. A busy machine needs more time.
    assert arrivals[-1] - arrivals[0] < 60


def test_a_killed_process_holds_its_slots_no_longer_than_its_calls(
    raw: RawGateway, store: str
) -> None:
    raw.script(*[lambda request, peer: peer.silence()] * 2, lambda request, peer: peer.json(b'"x"'))
    dying = run(DYING, raw.base_url, store)
    until(lambda: len(raw.requests) == 2)
    dying.kill()
    dying.communicate(timeout=60)
    held = ends_of_flights(store, raw)
    with bezant.Client(raw.base_url, pacing=store) as client:
        assert client.request("GET", "/trsrv/x") == "x"
    # The call had to wait until a killed process's slot expired. `held` is empty if the slots
    # expired before it was read, as on a very slow machine.
    assert all(each < time.time() for each in held[:1])


def ends_of_flights(store: str, raw: RawGateway) -> list[float]:
    """Return when the slots of the reads in flight expire, the earliest first."""
    _, place = choose_pacing(store, BaseUrl.parse(raw.base_url), {})
    assert place is not None
    limit_store = SharedLimitStore(place)
    try:
        return limit_store.change(
            lambda shared, now: sorted(
                each.sent_at + each.lease for each in shared.in_flight.values() if each.kind == READ
            )
        )
    finally:
        limit_store.close()


_PLACES = """
import sys
import bezant
import bezant._sync.http.order_turn
bezant._sync.http.order_turn._GRACE = -59.4  # the lease ends before the call
with bezant.Client(sys.argv[1], pacing=sys.argv[2], timeout=60, max_wait=1) as client:
    print("placing", flush=True)
    client.request(
        "POST", "/iserver/account/DU1/orders", json={"orders": [{"cOID": "theirs-1"}]}
    )
"""


_ASKS = """
import sys
import bezant
with bezant.Client(sys.argv[1], pacing=sys.argv[2]) as client:
    client.request("POST", "/iserver/account/DU1/orders", json={"orders": [{}]})
    print("asked", flush=True)
    sys.stdin.readline()
    client.request("GET", "/trsrv/theirs")
    client.request("POST", "/iserver/reply/q1", json={"confirmed": True})
"""
_READS = """
import asyncio, sys
import bezant
import bezant._core.pacing.order_turns
bezant._core.pacing.order_turns.READS_WAIT = 60.0
async def main():
    async with bezant.AsyncClient(sys.argv[1], pacing=sys.argv[2]) as client:
        print("ready", flush=True)
        await asyncio.gather(client.request("GET", "/trsrv/mine"), client.tickle())
asyncio.run(main())
"""


def test_another_process_reads_after_the_reply_to_the_question(raw: RawGateway, store: str) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/orders"):
            peer.json(b'[{"id":"q1","message":["Really?"]}]')
        elif "/reply/" in request.target:
            peer.json(b'[{"order_id":"7"}]')
        else:
            peer.json(b"{}")

    raw.script(script)
    with run(_ASKS, raw.base_url, store) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "asked\n"
        with run(_READS, raw.base_url, store) as reading:
            assert reading.stdout is not None
            assert reading.stdout.readline() == "ready\n"
            time.sleep(0.2)
            _, err = asking.communicate("go\n", timeout=20)
            assert err == ""
            _, err = reading.communicate(timeout=20)
            assert err == ""
    came = [each.target.removeprefix("/v1/api") for each in raw.requests]
    assert came[-4:-2] == ["/trsrv/theirs", "/iserver/reply/q1"]
    assert sorted(came[-2:]) == ["/tickle", "/trsrv/mine"]


def test_the_order_turn_of_a_killed_process_ends_with_its_lease(
    raw: RawGateway, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    came = threading.Event()

    def script(request: RawRequest, peer: Peer) -> None:
        if request.method == "GET":
            peer.json(b'{"accounts":["DU1"]}')
        elif not came.is_set():
            came.set()
            peer.silence()
        else:
            peer.json(b'[{"order_id":"7"}]')

    raw.script(script)
    store = f"file:{tmp_path / 'turns.db'}"
    command = [sys.executable, "-c", _PLACES, raw.base_url, store]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        assert came.wait(60)
        child.kill()
    with bezant.Client(raw.base_url, pacing=store, max_wait=60) as client:
        book = {"orders": [{"cOID": "mine-1"}]}
        answer = client.request("POST", "/iserver/account/DU1/orders", json=book)
    assert answer == [{"order_id": "7"}]
    assert "(theirs-1) of account DU1 ended with its lease" in caplog.text
    assert "an open question may remain" in caplog.text
