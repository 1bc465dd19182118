"""Tests without the functions that Windows does not have: forks, SIGKILL, ``poll`` and fcntl."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, select, signal, sys

import asyncio, multiprocessing  # these use such functions themselves

sys.modules["fcntl"] = None
for module, name in (
    (os, "fork"), (os, "register_at_fork"), (signal, "SIGKILL"), (signal, "SIGALRM"),
    (signal, "pthread_kill"), (select, "poll"),
):
    delattr(module, name)

import bezant
from bezant.sim import SimulatedGateway


async def main(url):
    async with bezant.AsyncClient(url) as client:
        await client.health()
        for _ in range(3):  # later calls check the idle connection first
            await client.accounts()
        async with bezant.AsyncWsClient.connect(client) as ws:
            await ws.subscribe_market_data(265598)
            async for message in ws:
                if isinstance(message, bezant.MarketData):
                    break


with SimulatedGateway(quote_interval=0.02) as gateway:
    with bezant.Client(gateway.base_url) as client:
        client.health()
        for _ in range(3):
            client.accounts()
        with bezant.WsClient.connect(client) as ws:
            ws.subscribe_market_data(265598)
            for message in ws:
                if isinstance(message, bezant.MarketData):
                    break
    asyncio.run(main(gateway.base_url))
print("done")
"""


def test_calls_and_streams_without_the_functions_that_windows_does_not_have() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
