"""Tests of streams through the real gateway: reconnection and renewed subscriptions."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bezant import Gap, MarketData, OrderUpdate, Reconnected, SessionStatus
from tests.gateway.chain import Chain
from tests.gateway.test_streams import collect, kinds
from tests.gateway.twins import Twin, until

APPLE = 265598


async def test_subscriptions_are_renewed_after_each_loss(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, timeout=0.5) as client:
        async with await twin.connect(client, reconnect=True) as ws:
            await ws.subscribe_market_data(APPLE)
            await ws.subscribe_orders()
            await collect(ws, lambda found: {MarketData, OrderUpdate} <= kinds(found))
            for number, loss in enumerate(("close", "drop", "restart"), 1):
                if loss == "restart":
                    gateway.stop()
                    gateway.start()
                else:
                    getattr(gateway.ws_connections[-1], loss)()
                found = await collect(ws, lambda found: Reconnected in kinds(found))
                [gap] = [each for each in found if isinstance(each, Gap)]
                assert found.index(gap) < len(found) - 1
                # No message of the old connection may come after the gap.
                assert kinds(found[found.index(gap) + 1 :]) <= {Reconnected}
                await collect(ws, lambda found: {MarketData, OrderUpdate} <= kinds(found))
                assert ws.stats.reconnects == number
            asked = [each.received[:2] for each in gateway.ws_connections]
            assert len(asked) == 4
            assert all([text[:3] for text in each] == ["smd", "sor"] for each in asked)


async def test_a_login_lost_in_mid_stream(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url) as client:
        async with await twin.connect(client, reconnect=True) as ws:
            await ws.subscribe_market_data(APPLE)
            await collect(ws, lambda found: MarketData in kinds(found))
            gateway.drop_brokerage()
            await collect(ws, lambda found: SessionStatus in kinds(found))
            gateway.login()
            # The connection stays, but the server has lost the subscriptions. The stream renews
            # them.
            found = await collect(ws, lambda found: SessionStatus in kinds(found))
            assert isinstance(found[-1], SessionStatus)
            assert found[-1].authenticated
            await collect(ws, lambda found: MarketData in kinds(found))
            commands = str([each.received for each in gateway.ws_connections])
            assert commands.count("smd+") == 2


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_market_data_is_renewed(
    gateway: Chain, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"tests._{kind}.test_stream_faults")

    @contextmanager
    def behind_the_real_one(**options: Any) -> Iterator[Chain]:
        gateway.prepare(**options)
        yield gateway

    monkeypatch.setattr(module, "SimulatedGateway", behind_the_real_one)
    running = module.test_market_data_is_renewed_before_it_ends()
    if inspect.isawaitable(running):
        await running
    await until(lambda: all(each.closed for each in gateway.ws_connections))
