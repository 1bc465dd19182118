"""Closing a client under the calls of others: everything ends, nothing leaks or goes astray."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import threading
import time

import pytest

import bezant
from bezant.sim import SimulatedGateway


@pytest.mark.parametrize("round_", range(6))
def test_threads_in_the_middle_of_calls(gateway: SimulatedGateway, round_: int) -> None:
    # A socket closed under another thread's call gives its descriptor to the next connection, and
    # that call's bytes with it: TLS then fails on connections that nobody touched.
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
        client = bezant.Client(gateway.base_url, timeout=5)
        clients.append(client)
        threads += [threading.Thread(target=work, args=(client,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    chance = random.Random(round_)
    for client in clients:
        time.sleep(chance.random() * 0.05)
        started = time.monotonic()
        client.close()
        assert time.monotonic() - started < 1.5
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert strange == []
    gc.collect()


@pytest.mark.parametrize("round_", range(6))
async def test_tasks_in_the_middle_of_calls(gateway: SimulatedGateway, round_: int) -> None:
    chance = random.Random(round_)
    client = bezant.AsyncClient(gateway.base_url, timeout=5)

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


def test_no_thread_closes_a_connection_that_another_has_begun_to_use(
    gateway: SimulatedGateway,
) -> None:
    # httpcore took an answer that was on its way for a sign that an idle connection had been
    # closed, and closed it under its thread: EBADF, and now and then a crash in OpenSSL.
    errors: list[BaseException] = []
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with bezant.Client(gateway.base_url) as client:

            def work() -> None:
                for _ in range(60):
                    try:
                        client.health()
                    except BaseException as error:
                        errors.append(error)

            threads = [threading.Thread(target=work) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []
