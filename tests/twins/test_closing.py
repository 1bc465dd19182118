"""Tests of closing a client during calls of other threads and tasks.

All calls must end, and nothing may leak.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import threading
import time

import pytest

import bezant
from bezant._runtime._shared.http import Attempt
from bezant._runtime._sync.lanes import Lane
from bezant.sim import SimulatedGateway
from tests.support.raw import RawGateway


@pytest.mark.parametrize("round_", range(6))
def test_threads_in_the_middle_of_calls(gateway: SimulatedGateway, round_: int) -> None:
    # This test guards against a mix-up. Suppose that a thread closes a socket which another thread
    # is using. The next connection may get the same file descriptor, and with it the other thread's
    # bytes. Then TLS fails on an unrelated connection.
    strange: list[BaseException] = []
    clients: list[bezant.Client] = []

    def work(client: bezant.Client) -> None:
        while True:
            try:
                client.request("GET", "/trsrv/stocks", params={"symbols": "AAPL"})
            except bezant.ClientClosed:
                return
            except (bezant.ConnectionLost, bezant.ConnectFailed) as error:
                if isinstance(error, bezant.TlsFailed):
                    strange.append(error)
                    return
            except BaseException as error:
                strange.append(error)
                return

    threads: list[threading.Thread] = []
    for _ in range(3):
        client = bezant.Client(gateway.base_url, timeout=60)
        clients.append(client)
        threads += [threading.Thread(target=work, args=(client,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    chance = random.Random(round_)
    for client in clients:
        time.sleep(chance.random() * 0.05)
        started = time.monotonic()
        client.close()
        # Closing did not wait for the calls, whose timeout is 60 seconds.
        assert time.monotonic() - started < 30
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert strange == []
    gc.collect()


@pytest.mark.parametrize("round_", range(6))
async def test_tasks_in_the_middle_of_calls(gateway: SimulatedGateway, round_: int) -> None:
    chance = random.Random(round_)
    client = bezant.AsyncClient(gateway.base_url, timeout=60)

    async def work() -> None:
        while True:
            try:
                await client.request("GET", "/trsrv/stocks", params={"symbols": "AAPL"})
            except bezant.ClientClosed:
                return
            except bezant.HttpError as error:
                if isinstance(error, bezant.TlsFailed | bezant.HttpTimeout):
                    raise

    tasks = [asyncio.ensure_future(work()) for _ in range(12)]
    await asyncio.sleep(chance.random() * 0.1)
    for task in chance.sample(tasks, 4):
        task.cancel()
    await client.aclose()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert outcome is None or isinstance(outcome, asyncio.CancelledError)
    gc.collect()


@pytest.mark.parametrize("switch", [1e-5, 5e-3])
def test_no_thread_closes_a_connection_that_another_has_begun_to_use(
    gateway: SimulatedGateway, switch: float
) -> None:
    # httpcore's own connection pool fails this test. When threads share that pool, sometimes a
    # connection is lost, and sometimes OpenSSL crashes.
    errors: list[BaseException] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(switch)
    try:
        for _ in range(3):
            with bezant.Client(gateway.base_url, timeout=120) as client:

                def work(client: bezant.Client = client) -> None:
                    for _ in range(20):
                        try:
                            client.tickle()
                        except BaseException as error:
                            errors.append(error)

                threads = [threading.Thread(target=work) for _ in range(16)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []


def test_stopping_a_call_that_is_over_does_not_harm_the_next_on_its_connection(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Attempt] = []
    with bezant.Client(gateway.base_url, max_connections=1) as client:
        transport = client._pipeline._open_transport()
        take = transport._lanes.take

        def keeping(attempt: Attempt) -> Lane:
            kept.append(attempt)
            return take(attempt)

        monkeypatch.setattr(transport._lanes, "take", keeping)
        client.tickle()
        kept[0].stop()
        client.tickle()
    assert len(kept) == 2


def test_a_call_that_waits_for_a_connection_ends_with_the_client(raw: RawGateway) -> None:
    raw.script(lambda request, peer: peer.silence())
    outcomes: list[object] = []
    client = bezant.Client(raw.base_url, max_connections=1, timeout=60)

    def work() -> None:
        try:
            outcomes.append(client.tickle())
        except bezant.BezantError as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    while not raw.requests:
        time.sleep(0.005)
    began = time.monotonic()
    client.close()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 30  # closing did not wait for the call
    assert outcomes == [bezant.ClientClosed] * 3
