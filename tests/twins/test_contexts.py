"""Tests of clients in several loops, processes and threads, of cancellation and of Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import bezant
from bezant import WrongContext
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import connecting
from bezant.sim import SimulatedGateway
from tests.support import rows
from tests.support.processes import hearing_ctrl_c
from tests.support.raw import Peer, RawGateway, RawRequest


def test_one_client_belongs_to_one_loop(gateway: SimulatedGateway) -> None:
    client = bezant.AsyncClient(gateway.base_url)

    async def use() -> None:
        await client.health()

    async def close() -> None:
        await client.aclose()

    with asyncio.Runner() as runner:
        runner.run(use())
        other = threading.Thread(target=lambda: results.append(run_elsewhere()))
        results: list[object] = []

        def run_elsewhere() -> object:
            try:
                asyncio.run(use())
            except WrongContext as error:
                return str(error)
            return None

        other.start()
        other.join()
        assert "another event loop" in str(results[0])
        runner.run(close())


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # warnings from asyncio's transports
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "running elsewhere"])
def test_closing_in_another_loop_ends_the_connections(
    gateway: SimulatedGateway, *, ended: bool
) -> None:
    client = bezant.AsyncClient(gateway.base_url)
    streams: list[bezant.AsyncWsClient] = []

    async def use() -> None:
        client.keepalive()
        stream = await bezant.AsyncWsClient.connect(client)
        streams.append(stream)
        await stream.subscribe_pnl()

    async def use_elsewhere() -> None:
        await client.accounts()

    async def close() -> None:
        await streams[0].aclose()
        await client.aclose()
        await client.aclose()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(use())
    with pytest.raises(WrongContext):
        asyncio.run(use_elsewhere())
    if ended:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()
        asyncio.run(close())
    else:
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        asyncio.run(close())
        deadline = time.monotonic() + 30
        while asyncio.all_tasks(loop) and time.monotonic() < deadline:
            time.sleep(0.01)
        left = asyncio.all_tasks(loop)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        assert not left
    assert streams[0].closed
    streams.clear()
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_forked_process_needs_its_own_client(kind: str) -> None:
    code = """
        import asyncio, os, sys, warnings
        warnings.simplefilter("ignore")
        import bezant

        async def use_async(client):
            await client.health()

        def child(client, ws):
            try:
                client.health()
            except bezant.WrongContext as error:
                assert "fork" in str(error)
                ws.close()  # must not touch the parent's connections
                client.close()
                os._exit(7)
            os._exit(1)

        if sys.argv[2] == "blocking":
            with bezant.Client(sys.argv[1]) as client:
                client.health()
                with bezant.WsClient.connect(client) as ws:
                    pid = os.fork()
                    if pid == 0:
                        child(client, ws)
                    _, status = os.waitpid(pid, 0)
                    client.health()
                    ws.send_text("ech+hb")
                    while not isinstance(ws.next_message(timeout=30), bezant.Other):
                        pass
        else:
            async def main():
                async with bezant.AsyncClient(sys.argv[1]) as client:
                    await client.health()
                    pid = os.fork()
                    if pid == 0:
                        try:
                            await client.health()
                        except bezant.WrongContext as error:
                            assert "fork" in str(error)
                            await client.aclose()
                            os._exit(7)
                        os._exit(1)
                    _, status = os.waitpid(pid, 0)
                    await client.health()
                    return status
            status = asyncio.run(main())
        raise SystemExit(os.waitstatus_to_exitcode(status))
    """
    with SimulatedGateway() as gateway:
        done = run_python(code, gateway.base_url, kind)
    assert done.returncode == 7, done.stderr


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_a_cancelled_call_leaves_a_client_that_works(raw: RawGateway) -> None:
    raw.script(
        lambda request, peer: peer.silence(),
        lambda request, peer: peer.json(
            b'[{"id":"A","accountId":"A","currency":"USD","type":"DEMO"}]'
        ),
    )
    async with bezant.AsyncClient(raw.base_url) as client:
        task = asyncio.ensure_future(client.accounts())
        while not raw.requests:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.accounts())[0].account_id == "A"


async def test_a_cancelled_lookup_does_not_fail_the_others(raw: RawGateway) -> None:
    listing = {"conid": 1, "exchange": "NYSE", "isUS": True}
    body = json.dumps({"X": [rows.company(listing)]}).encode()
    raw.script(lambda request, peer: peer.silence(), lambda request, peer: peer.json(body))
    async with bezant.AsyncClient(raw.base_url) as client:
        cache = bezant.AsyncSymbolCache(client)
        leader = asyncio.ensure_future(cache.conid_for("X"))
        while not raw.requests:
            await asyncio.sleep(0.005)
        others = [asyncio.ensure_future(cache.conid_for("X")) for _ in range(5)]
        await asyncio.sleep(0.01)
        leader.cancel()
        assert await asyncio.gather(*others) == [1] * 5
        assert len(raw.requests) == 2


@pytest.mark.parametrize("step", range(12))
async def test_cancellation_while_a_stream_opens(gateway: SimulatedGateway, step: int) -> None:
    async with bezant.AsyncClient(gateway.base_url) as client:

        async def open_and_read() -> None:
            async with bezant.AsyncWsClient.connect(client) as ws:
                async for _ in ws:
                    pass

        task = asyncio.ensure_future(open_and_read())
        await asyncio.sleep(0.002 * step)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.health()).ready


@pytest.mark.parametrize("step", range(8))
async def test_cancellation_while_a_stream_reconnects(gateway: SimulatedGateway, step: int) -> None:
    timing = Timing(backoff_from=0.005, backoff_to=0.01)
    async with bezant.AsyncClient(gateway.base_url, pacing=False) as client:

        async def read() -> None:
            opening = bezant.AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=True)
            async with connecting(opening) as ws:
                await ws.subscribe_orders()
                gateway.ws_connections[-1].drop()
                quote = await ws.quote(265598)
                while True:
                    with contextlib.suppress(bezant.StaleData):
                        await quote.wait()
                    await ws.next_message(timeout=30)

        task = asyncio.ensure_future(read())
        await asyncio.sleep(0.004 * step)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.health()).ready


async def test_the_loop_is_not_blocked_while_waiting(raw: RawGateway) -> None:
    turned = threading.Event()

    def script(request: RawRequest, peer: Peer) -> None:
        turned.wait(30)
        peer.json(json.dumps([rows.account("A")]).encode())

    raw.script(script)
    async with bezant.AsyncClient(raw.base_url, timeout=60) as client:
        call = asyncio.ensure_future(client.accounts())
        while not raw.requests:
            await asyncio.sleep(0.005)
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not call.done()  # the loop ran while the call was waiting for its response
        turned.set()
        assert (await call)[0].account_id == "A"


BLOCKED = {
    "a call": "client.with_options(timeout=60).request('GET', '/iserver/marketdata/history')",
    "a stream": "stream(client)",
    "an async stream": "asyncio.run(astream())",
}


@pytest.mark.parametrize("what", BLOCKED)
def test_ctrl_c_ends_at_once_and_leaves_nothing(raw: RawGateway, what: str) -> None:
    def script(request, peer):  # type: ignore[no-untyped-def]
        if "history" in request.line:
            print_ready.set()
            peer.silence()
        elif request.target.endswith("/ws"):
            peer.upgrade(request)
            peer.frame('{"topic":"system","success":"me"}')
            print_ready.set()
            peer.silence()
        else:
            peer.json(b'{"session":"x"}')

    print_ready = threading.Event()
    raw.script(script)
    code = f"""
        import asyncio, sys, threading
        import bezant

        def stream(client):
            with bezant.WsClient.connect(client) as ws:
                for message in ws:
                    print(type(message).__name__, flush=True)

        async def astream():
            async with bezant.AsyncClient(sys.argv[1]) as client:
                async with bezant.AsyncWsClient.connect(client) as ws:
                    async for message in ws:
                        print(type(message).__name__, flush=True)

        try:
            with bezant.Client(sys.argv[1]) as client, client.keepalive(interval=60):
                {BLOCKED[what]}
        except KeyboardInterrupt:
            left = [each.name for each in threading.enumerate() if each.name != "MainThread"]
            print("interrupted", left, flush=True)
            raise SystemExit(130)
    """
    with hearing_ctrl_c():
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code), raw.base_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        assert print_ready.wait(60)
        first = ""
        if "stream" in what:
            assert process.stdout is not None
            first = process.stdout.readline()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        # Without the interrupt, the process would run for longer than these 30 seconds.
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert first in ("", "System\n")
    assert "interrupted []" in out
    # Ignore reports about slow callbacks from asyncio's debug mode: on a busy machine, every
    # callback is slow.
    assert [line for line in err.splitlines() if not line.startswith("Executing <")] == []


def test_a_keepalive_does_not_keep_the_process_alive(gateway: SimulatedGateway) -> None:
    code = """
        import sys, time, warnings
        warnings.simplefilter("ignore")
        import bezant
        client = bezant.Client(sys.argv[1])
        keepalive = client.keepalive(interval=3600)
        while not keepalive.last_success:
            time.sleep(0.01)
    """
    done = run_python(code, gateway.base_url)
    assert done.returncode == 0, done.stderr


def test_many_threads_share_one_client_and_one_stream(gateway: SimulatedGateway) -> None:
    errors: list[BaseException] = []

    def work(client: bezant.Client, ws: bezant.WsClient) -> None:
        try:
            for _ in range(5):
                client.health()
                with ws.subscribe_market_data(265598):
                    ws.send_text("tic")
        except BaseException as error:
            errors.append(error)

    with bezant.Client(gateway.base_url) as client, bezant.WsClient.connect(client) as ws:
        threads = [threading.Thread(target=work, args=(client, ws)) for _ in range(8)]
        for thread in threads:
            thread.start()
        seen = 0
        while any(thread.is_alive() for thread in threads):
            # If the last thread has just ended the last subscription, no message comes, so a
            # timeout is allowed.
            with contextlib.suppress(bezant.WsTimeout):
                ws.next_message(timeout=0.1)
                seen += 1
        for thread in threads:
            thread.join()
    assert errors == []
    assert seen


def test_close_from_another_thread_ends_the_iteration(gateway: SimulatedGateway) -> None:
    with bezant.Client(gateway.base_url) as client:
        ws = bezant.WsClient.connect(client)
        ws.next_message()
        closer = threading.Timer(0.1, ws.close)
        closer.start()
        for _ in ws:
            pass
        closer.join()
