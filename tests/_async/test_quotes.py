"""Tests of `client.quotes`: many contracts, few market data lines, and delayed prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import pytest

import bezant
from bezant import AsyncClient, AsyncWsClient, TooManyLines
from tests.support._async import gather
from tests.support.market import Market
from tests.support.raw import RawGateway
from tests.support.scripted import Call, Reply


@dataclass(frozen=True)
class Thing:
    """A contract of a program's own."""

    conid: int
    name: str


async def test_rows_are_in_the_order_of_the_contracts(raw: RawGateway) -> None:
    market = Market(raw)
    market.prices = {8: "90", 9: "70"}
    things = [Thing(9, "nine"), Thing(8, "eight"), Thing(9, "again")]
    async with AsyncClient(market.base_url, pacing=False) as client:
        rows = await client.quotes(things)
        assert [row.contract for row in rows] == things
        assert [(row.contract.name, row.require("last")) for row in rows] == [
            ("nine", Decimal(70)), ("eight", Decimal(90)), ("again", Decimal(70)),
        ]  # fmt: skip
        assert rows[0].mid == 70
        with pytest.raises(bezant.InvalidRequest, match="must be a number, not 'x'"):
            await client.quotes([Thing("x", "wrong")])  # type: ignore[arg-type]
        with pytest.raises(bezant.InvalidRequest, match="must be a number, not True"):
            await client.quotes([Thing(True, "wrong")])


async def test_a_thousand_contracts_fit_a_hundred_lines(raw: RawGateway) -> None:
    market = Market(raw)
    market.lines = 100
    market.prices = {conid: str(conid) for conid in range(1, 1001)}
    async with AsyncClient(market.base_url, pacing=False) as client:
        rows = await client.quotes(range(1, 1001), timeout=60)
        assert [row.last for row in rows] == [Decimal(conid) for conid in range(1, 1001)]
        assert market.most_held == client.market_data_lines == 100
    assert market.count("/snapshot") == 10
    assert market.count("/unsubscribe") == 900


async def test_lines_of_streams_are_left_alone(raw: RawGateway) -> None:
    market = Market(raw)
    market.lines = 5
    async with AsyncClient(market.base_url, pacing=False, max_market_data_lines=5) as client:
        async with AsyncWsClient.connect(client) as ws:
            live = [await ws.quote(conid) for conid in (1, 2, 3)]
            rows = await client.quotes(range(1, 11), timeout=60)
            assert [row.last for row in rows] == [Decimal(100)] * 10
            assert {1, 2, 3} <= market.held.keys()
            assert market.most_held == 5
            for quote in live:
                assert await quote.wait(timeout=30)
            await ws.subscribe_market_data(4)
            await ws.subscribe_market_data(5)
            with pytest.raises(TooManyLines, match="0 of 5 are free"):
                await client.quotes([1, 6])


async def test_calls_at_the_same_time_share_the_lines(raw: RawGateway) -> None:
    market = Market(raw)
    market.lines = 40
    async with AsyncClient(market.base_url, pacing=False, max_market_data_lines=40) as client:
        found = await gather(
            lambda: client.quotes(range(1, 21), timeout=60),
            lambda: client.quotes(range(101, 121), timeout=60),
        )
    for rows in found:
        assert isinstance(rows, list)
        assert {row.last for row in rows} == {Decimal(100)}
    assert market.most_held == 40


async def test_a_delayed_price_is_not_taken_for_a_real_one(raw: RawGateway) -> None:
    market = Market(raw)
    market.availability = {1: "RpB", 2: "DPB", 3: "ZB", 4: "NPB"}
    async with AsyncClient(market.base_url, pacing=False) as client:
        rows = await client.quotes([1, 2, 3, 4], real_time_only=True, timeout=60)
        assert [row.last for row in rows] == [100, None, None, None]
        reasons = [row.missing("last") for row in rows]
        assert reasons == [None, "delayed", "frozen", "not subscribed"]
        with pytest.raises(bezant.NoQuoteValue, match="delayed by 15 to 20 minutes"):
            rows[1].require("last")
        plain = await client.quotes([2], timeout=60)
        assert plain[0].last == 100
        assert plain[0].availability == "delayed"


async def test_the_greeks_of_options(raw: RawGateway) -> None:
    market = Market(raw)
    usual = market.gateway.answer
    assert usual is not None

    def answer(call: Call) -> object:
        if call.path != "/iserver/marketdata/snapshot":
            return usual(call)
        assert call.query["fields"] == "31,84,86,7308,7309,7310,7311,7633,6509"
        greeks = {"7308": "0.271", "7309": "0.022", "7310": "-0.282", "7311": "0.143"}
        return [{**market.fields(9), **greeks, "7633": "31.4%"}]

    market.gateway.answer = answer
    async with AsyncClient(market.base_url, pacing=False) as client:
        (row,) = await client.quotes([9], bezant.GREEKS, timeout=60)
    assert (row.delta, row.theta, row.implied_vol_percent) == (
        Decimal("0.271"), Decimal("-0.282"), Decimal("31.4"),
    )  # fmt: skip
    assert bezant.GREEKS.units["implied_vol_percent"] == "percent: 5 is 5 %"


async def test_a_failed_call_gives_its_lines_back(raw: RawGateway) -> None:
    market = Market(raw)
    async with AsyncClient(market.base_url, pacing=False, max_market_data_lines=2) as client:
        market.status = None
        with pytest.raises(bezant.NotAuthenticated):
            await client.quotes([1, 2])
        market.status = {"authenticated": True, "connected": True, "established": True}
        assert len(await client.quotes([3, 4], timeout=60)) == 2
        market.status = None
        with pytest.raises(bezant.NotAuthenticated):
            await client.quotes([5, 6])
        market.status = {"authenticated": True, "connected": True, "established": True}
        assert len(await client.quotes([7, 8], timeout=60)) == 2


async def test_a_regulatory_snapshot_is_requested_only_by_name_and_once(raw: RawGateway) -> None:
    market = Market(raw)
    usual = market.gateway.answer
    assert usual is not None

    def answer(call: Call) -> object:
        return Reply(503, b"busy") if "regsnapshot" in call.path else usual(call)

    market.gateway.answer = answer
    async with AsyncClient(market.base_url, pacing=False, retries=2) as client:
        await client.quotes([1], timeout=60)
        assert market.count("regsnapshot") == 0
        with pytest.raises(bezant.BezantError) as caught:
            await client.request("GET", "/md/regsnapshot", params={"conid": 1})
        assert not caught.value.retryable
    assert market.count("regsnapshot") == 1
