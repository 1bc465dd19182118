"""Test of a stream under a series of random faults, for a few seconds."""

from __future__ import annotations

import random
import time
from decimal import Decimal

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    Gap,
    Message,
    OrderUpdate,
    Reconnected,
    TradeUpdate,
    WsTimeout,
)
from bezant._core.stream import order_check
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import connecting
from bezant.sim import Scenario, SimulatedGateway
from tests.support._async import pause, until

SECONDS = 3.0


async def test_nothing_is_lost_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_check, "QUIET", 0.05)
    chance = random.Random(4)
    timing = Timing(
        backoff_from=0.01, backoff_to=0.05, silence_limit=0.3, renew_from=0.1, renew_to=0.2
    )
    message_buffer = MessageBuffer(2_000)
    found: list[Message] = []
    with SimulatedGateway(
        scenario=Scenario(demo_orders=True), quote_interval=0.01, heartbeat_interval=0.04,
        market_data_lifetime=0.3,
    ) as gateway:  # fmt: skip
        async with AsyncClient(gateway.base_url, pacing=False) as client:
            async with connecting(
                AsyncWsClient._open(client, timing, message_buffer, reconnect=True)
            ) as ws:
                quotes = [await ws.quote(conid) for conid in (265598, 272093)]
                await ws.subscribe_orders()
                await ws.subscribe_trades()
                faults = 0
                ends = time.monotonic() + SECONDS
                begin = time.monotonic()
                while time.monotonic() < ends or (
                    len(fills_in(found)) < 8 and time.monotonic() < ends + 30
                ):
                    await drain(ws, found)
                    if time.monotonic() - begin > 0.25:
                        begin = time.monotonic()
                        faults += 1
                        await break_something(gateway, chance)
                    await pause(0.005)
                gateway.login()
                versions = [quote._live.version for quote in quotes]
                await until(
                    lambda: all(
                        not quote.stale and quote._live.version > version + 3
                        for quote, version in zip(quotes, versions, strict=True)
                    )
                )
                await until(lambda: ws.orders.known and len(ws.orders) == 2)
                await drain(ws, found)
                stats = ws.stats
                assert stats.buffered < 100
                assert stats.missed == 0
                assert stats.reconnects >= faults // 3
    gaps = [each for each in found if isinstance(each, Gap)]
    again = [each for each in found if isinstance(each, Reconnected)]
    assert len(again) <= len(gaps)
    check_trades(found)
    check_orders(found)


async def drain(ws: AsyncWsClient, found: list[Message]) -> None:
    while True:
        try:
            message = await ws.next_message(timeout=0.001)
        except WsTimeout:
            return
        assert message is not None
        found.append(message)


async def break_something(gateway: SimulatedGateway, chance: random.Random) -> None:
    connection = gateway.ws_connections[-1]
    match chance.randrange(5):
        case 0:
            connection.close()
        case 1:
            connection.drop()
        case 2:
            connection.silence()
        case 3:
            gateway.logout()
            await pause(0.05)
            gateway.login()
        case _:
            gateway.faults.fail_next("/ws", 503)
            connection.close(1001)


def check_trades(found: list[Message]) -> None:
    """Check that each execution came once without its commission and once with it."""
    seen: dict[str, list[bool]] = {}
    for each in found:
        if isinstance(each, TradeUpdate):
            assert isinstance(each.execution_id, str)
            seen.setdefault(each.execution_id, []).append(isinstance(each.commission, Decimal))
    assert all(len(each) <= 2 and each[-1] for each in seen.values())
    numbers = sorted(int(each.split(".")[1], 16) for each in seen)
    assert numbers == list(range(1, len(numbers) + 1))


def fills_in(found: list[Message]) -> list[Decimal]:
    """Return the filled quantity from each update of the first order."""
    return [
        each.filled_quantity
        for each in found
        if isinstance(each, OrderUpdate)
        and each.order_id == 1_370_093_238
        and isinstance(each.filled_quantity, Decimal)
    ]


def check_orders(found: list[Message]) -> None:
    """Check that the first order's filled quantity never falls, and takes more than five values.

    The number of values varies, because a busy gateway may report several fills at once.
    """
    fills = fills_in(found)
    assert fills == sorted(fills)
    assert len(set(fills)) > 5
