"""Tests of IBKR's rate limits, counted where requests leave the real gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bezant import PacingError, RateLimited
from tests.gateway.chain import Chain
from tests.gateway.twins import Twin

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("/trsrv/stocks", {"symbols": "AAPL"}),
    ("/iserver/marketdata/snapshot", {"conids": "265598", "fields": "31"}),
    ("/iserver/marketdata/history", {"conid": 265598, "period": "1w", "bar": "1h"}),
    ("/portfolio/DU1234567/summary", {}),
    ("/iserver/contract/265598/info", {}),
    ("/iserver/auth/status", {}),
]


async def burst(client: Any, count: int) -> list[BaseException | None]:
    """Make `count` mixed calls with `client.map`, and return the error of each, or None."""
    calls = [CALLS[number % len(CALLS)] for number in range(count)]
    if hasattr(client, "blocking"):
        blocking = client.blocking

        def run() -> list[BaseException | None]:
            work = lambda call: blocking.request("GET", call[0], params=call[1])  # noqa: E731
            with blocking.map(work, calls) as outcomes:
                return [each.error for each in outcomes]

        return await asyncio.to_thread(run)

    async def work(call: tuple[str, dict[str, Any]]) -> Any:
        return await client.request("GET", call[0], params=call[1])

    async with client.map(work, calls) as outcomes:
        return [each.error async for each in outcomes]


async def test_a_burst_keeps_the_limits(gateway: Chain, twin: Twin) -> None:
    async with twin.client(gateway.base_url, pacing=True, retries=0) as client:
        # No connection is open yet, so requests arrive long after the rate limiter has released
        # them.
        pacing = gateway.enforce_pacing()
        ends = await burst(client, 30)
        # A penalty would affect other tests, which share this state.
        getattr(client, "blocking", client).end_penalty()
    assert pacing.violations == []
    assert ends == [None] * 30
    assert len(pacing.arrivals) >= 30


async def test_the_same_burst_without_pacing_breaks_them(gateway: Chain, twin: Twin) -> None:
    pacing = gateway.enforce_pacing(penalty=0)
    async with twin.client(gateway.base_url, pacing=False, retries=0) as client:
        # Sends the prerequisite calls, so that the burst below consists of its own calls only.
        await burst(client, 5)
        errors = await burst(client, 30)
    refused = [each for each in errors if each is not None]
    assert refused
    assert all(isinstance(each, RateLimited) for each in refused)
    assert len(pacing.violations) >= len(refused)


async def test_two_processes_keep_the_limits(gateway: Chain, twin: Twin, tmp_path: Path) -> None:
    options = {"pacing": f"file:{tmp_path / 'pacing.db'}", "retries": 0, "max_wait": 20}
    async with (
        twin.stranger(gateway.base_url, **options) as first,
        twin.stranger(gateway.base_url, **options) as second,
    ):
        pacing = gateway.enforce_pacing()
        ends = await asyncio.gather(burst(first, 15), burst(second, 15))
    assert pacing.violations == []
    assert [each for both in ends for each in both] == [None] * 30
    assert len(pacing.arrivals) >= 30


async def test_a_penalty_from_upstream(gateway: Chain, twin: Twin) -> None:
    gateway.enforce_pacing()
    async with (
        twin.stranger(gateway.base_url, pacing=False, retries=0) as rude,
        twin.client(gateway.base_url, pacing=True, retries=0) as client,
    ):
        await client.health()
        await rude.request("GET", "/portfolio/accounts")  # allowed once in five seconds
        with pytest.raises(RateLimited):
            await rude.request("GET", "/portfolio/accounts")
        # IBKR's penalty applies to the whole IP address. The paced client meets it with its next
        # call, and sends nothing after that.
        with pytest.raises(RateLimited) as caught:
            await client.tickle()
        assert caught.value.status == 429
        assert client.penalty_left > 800
        seen = len(gateway.requests)
        with pytest.raises(PacingError):
            await client.request("GET", "/iserver/accounts")
        assert len(gateway.requests) == seen
        gateway.pacing.release()
        await asyncio.to_thread(getattr(client, "blocking", client).end_penalty)
        assert (await client.tickle()).status.ready
