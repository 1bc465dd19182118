"""Tests of finding contracts with `client.contracts`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bezant import (
    AmbiguousSymbol,
    AsyncClient,
    AsyncSymbolCache,
    InvalidRequest,
    SymbolNotFound,
)
from bezant.sim import SimulatedGateway


async def test_a_stock(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        aapl = await client.contracts.stock("aapl")
        assert (aapl.conid, aapl.symbol, aapl.sec_type) == (265598, "AAPL", "STK")
        assert (aapl.exchange, aapl.currency, aapl.name) == ("NASDAQ", "USD", "APPLE INC")
        assert (aapl.strike, aapl.expiry, aapl.multiplier, aapl.right) == (None, None, None, None)
        assert await client.contracts.stock("AAPL") is aapl
        assert await client.contracts.by_conid(265598) is aapl
        assert len(gateway.requests) == 2
        assert "1 contracts" in repr(client.contracts)


async def test_a_stock_by_exchange_and_currency(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        foreign = await client.contracts.stock("AAPL", exchange="mexi")
        assert (foreign.conid, foreign.currency) == (38708077, "MXN")
        swiss = await client.contracts.stock("NVDA", currency="chf")
        assert swiss.exchange == "EBS"
        with pytest.raises(AmbiguousSymbol, match="SIE") as caught:
            await client.contracts.stock("SIE")
        assert {each.exchange for each in caught.value.candidates} == {"IBIS", "MEXI", "VENTURE"}
        with pytest.raises(SymbolNotFound, match="ZZZZ"):
            await client.contracts.stock("ZZZZ")
        assert len(await client.contracts.listings("SIE")) == 3


async def test_many_stocks_share_calls(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        found = await client.contracts.stocks(["AAPL", "brk.b", "SPY"])
        assert list(found) == ["AAPL", "brk.b", "SPY"]
        assert [each.symbol for each in found.values()] == ["AAPL", "BRK B", "SPY"]
        assert len(gateway.requests) == 2
        with pytest.raises(InvalidRequest, match="symbols must be a list"):
            await client.contracts.stocks("AAPL")


async def test_copies_and_symbol_caches_share_what_was_found(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        copy = client.with_options(timeout=10)
        await copy.contracts.stock("AAPL")
        await client.contracts.stock("AAPL")
        assert await AsyncSymbolCache(client).conid_for("AAPL") == 265598
        assert len(gateway.requests) == 2
        client.contracts.forget("aapl")
        await copy.contracts.stock("AAPL")
        assert len(gateway.requests) == 3
        client.contracts.clear()
        await copy.contracts.stock("AAPL")
        assert len(gateway.requests) == 5


async def test_contracts_by_conid(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        held = [each.conid for each in await client.all_positions("DU1234567")]
        contracts = await client.contracts.by_conids(held)
        assert [each.conid for each in contracts] == held
        assert gateway.count("GET", "/trsrv/secdef") == 2
        option = next(each for each in contracts if each.sec_type == "OPT")
        assert option.right in ("C", "P")
        assert option.multiplier == Decimal(100)
        with pytest.raises(SymbolNotFound, match=r"the conid 1$"):
            await client.contracts.by_conid(1)
        with pytest.raises(InvalidRequest, match="a conid must be"):
            await client.contracts.by_conids(["AAPL"])  # type: ignore[list-item]


async def test_trading_hours(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        hours = await client.contracts.hours(265598)
        now = datetime.now(UTC)
        assert hours.time_zone == "US/Eastern"
        assert len(hours.liquid) == 5
        opens = hours.next_open(now, liquid=True)
        assert opens is not None
        assert opens > now
        assert hours.is_open(opens)
        assert opens.strftime("%H:%M") == "09:30"


async def test_trading_rules(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        aapl = await client.contracts.stock("AAPL")
        rules = await client.contracts.rules(aapl, side="SELL")
        assert "LMT" in rules.order_types
        assert rules.times_in_force == ("IOC", "GTC", "DAY")
        assert rules.price_increments.allows(Decimal("255.31"))
        assert json.loads(gateway.requests[-1].body) == {"conid": 265598, "isBuy": False}
        algorithms = await client.contracts.algorithms(aapl)
        assert {each.id for each in algorithms} >= {"Adaptive", "Vwap"}
        with pytest.raises(InvalidRequest, match="side must be"):
            await client.contracts.rules(aapl, side="LONG")
