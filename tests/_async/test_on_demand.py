"""Tests of clients under faults that a test starts in the simulated gateway."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    BezantError,
    Gap,
    HttpError,
    MarketData,
    MarketDataFields,
    OutcomeUnknown,
    RateLimited,
    Reconnected,
)
from bezant.models.orders import OrderTicket
from bezant.sim import SimulatedGateway
from bezant.sim._faults.plan import When
from tests.support._async import until

APPLE = 265598
TICKET = OrderTicket(
    conid=APPLE,
    side="BUY",
    order_type="MKT",
    time_in_force="DAY",
    quantity=Decimal(1),
    client_order_id="mine",
)


@pytest.mark.parametrize(("when", "placed"), [("before", 0), ("during", 1), ("after", 1)])
async def test_an_order_whose_response_is_lost(
    gateway: SimulatedGateway, when: When, placed: int
) -> None:
    async with AsyncClient(gateway.base_url, retries=3) as client:
        await client.api.accounts.get_brokerage_accounts()
        before = len(gateway.orders)
        fault = gateway.faults.drop_next("/orders", method="POST", when=when, times=5)
        with pytest.raises(OutcomeUnknown):
            await client.api.orders.submit_new_orders(
                account_id=gateway.account_id, orders=[TICKET]
            )
        assert fault.hits == 1
        assert len(gateway.orders) - before == placed


async def test_silence_is_a_timeout(gateway: SimulatedGateway) -> None:
    met: list[HttpError] = []
    async with AsyncClient(gateway.base_url, timeout=60) as client:
        moments: list[When] = ["before", "during", "after"]
        for number, when in enumerate(moments, 1):
            silence = gateway.faults.silence("/tickle", times=1, when=when)
            for seconds in (0.4, 4, 40):
                try:
                    await client.with_options(timeout=seconds).tickle()
                except HttpError as error:
                    met.append(error)
                if silence.hits:
                    # The request was sent in time. On a slow machine, only a longer timeout
                    # suffices to send it.
                    break
            assert len(met) >= number
        await client.tickle()
        assert gateway.faults.count("silence") == 3


async def test_an_outage_is_bridged_by_retries(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, retries=9) as client:
        await client.accounts()
        gateway.faults.refuse(0.1)
        assert await client.accounts()


async def test_a_penalty_is_kept(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, pacing=True) as client:
        gateway.faults.penalise(30)
        with pytest.raises(RateLimited):
            await client.health()
        seen = len(gateway.requests)
        with pytest.raises(BezantError):
            await client.with_options(max_wait=0).health()
        assert len(gateway.requests) == seen
        gateway.pacing.release()
        client.end_penalty()
        assert (await client.health()).authenticated


async def test_a_storm_does_not_reach_reads(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url, retries=4) as client:
        await client.accounts()
        with gateway.faults.storm(seed=5, one_in=4) as storm:
            for _ in range(15):
                assert await client.accounts()
        assert len(storm.injected) == storm.requests // 4 > 3


@pytest.mark.parametrize("kind", ["close", "drop"])
async def test_streams_come_back(gateway: SimulatedGateway, kind: str) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            await ws.subscribe_market_data(APPLE, MarketDataFields.default_l1())
            while not isinstance(await ws.next_message(timeout=30), MarketData):
                pass
            if kind == "close":
                gateway.faults.ws_close()
            else:
                gateway.faults.ws_drop()
            seen: set[type[object]] = set()
            while not {Gap, Reconnected, MarketData} <= seen:
                message = await ws.next_message(timeout=30)
                if seen or not isinstance(message, MarketData):
                    seen.add(type(message))
    assert gateway.faults.count("ws_close") + gateway.faults.count("ws_drop") == 1
    assert len(gateway.ws_connections) == 2


async def test_fragments_and_a_flood_are_survived(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        async with AsyncWsClient.connect(client) as ws:
            await ws.subscribe_market_data(APPLE, MarketDataFields.default_l1())
            connection = gateway.ws_connections[0]
            await until(lambda: any(each.startswith("smd") for each in connection.received))
            gateway.faults.ws_fragment(times=2)
            fault = gateway.faults.ws_flood(20_000)
            while fault.hits < 20_000:
                await ws.next_message(timeout=30)
            gateway.faults.end_market_data()
            assert not ws.closed
    assert len(gateway.ws_connections) == 1
