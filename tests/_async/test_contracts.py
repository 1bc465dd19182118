"""Tests of finding contracts with `client.contracts`."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from urllib.parse import quote

import pytest

from bezant import (
    AmbiguousSymbol,
    AsyncClient,
    AsyncSymbolCache,
    InvalidRequest,
    NotFound,
    SymbolNotFound,
)
from bezant._runtime import _async as rt
from bezant.sim import SimulatedGateway
from tests.support._async import gather
from tests.support.raw import RawGateway
from tests.support.scripted import Call, Reply, ScriptedGateway


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


@pytest.mark.parametrize(
    "form",
    ["S{:04}", "SYMBOL{:04}", "LONG SYMBOL {:04} OF 40 BYTES AT MOST XY"],
    ids=["one call", "two calls", "many calls"],
)
async def test_the_fewest_requests_for_500_symbols(raw: RawGateway, form: str) -> None:
    symbols = [form.format(number) for number in range(1, 501)]

    def answer(call: Call) -> object:
        if call.path == "/trsrv/stocks":
            return {
                symbol: [{"name": symbol, "assetClass": "STK", "contracts": [
                    {"conid": symbols.index(symbol) + 1, "exchange": "NYSE", "isUS": True}
                ]}]
                for symbol in call.query["symbols"].split(",")
            }  # fmt: skip
        return {
            "secdef": [
                {"conid": int(conid), "ticker": symbols[int(conid) - 1], "assetClass": "STK",
                 "currency": "USD"}
                for conid in call.query["conids"].split(",")
            ]
        }  # fmt: skip

    scripted = ScriptedGateway(raw, answer)
    async with AsyncClient(scripted.base_url) as client:
        found = await client.contracts.stocks(symbols)
        assert [each.conid for each in found.values()] == list(range(1, 501))
        assert [each.symbol for each in found.values()] == symbols
        # The gateway accepts a request line of 4,096 bytes, and /trsrv/stocks has no other limit.
        # All symbols have the same length, and a comma is between two of them.
        line = "GET /v1/api/trsrv/stocks?symbols= HTTP/1.1\r\n"
        size = len(quote(symbols[0]))
        in_a_line = (4096 - len(line) + 1) // (size + 1)
        # IBKR defines at most 200 contracts in one call.
        least = ceil(500 / in_a_line) + ceil(500 / 200)
        assert len(scripted.calls) == least
        lines = [each.line for each in raw.requests if "/trsrv/stocks?" in each.line]
        assert len(lines) == least - 3
        assert max(len(each) for each in lines) + len("\r\n") <= 4096
        await client.contracts.stocks(reversed(symbols))
        assert len(scripted.calls) == least


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


async def test_lookups_at_the_same_time_share_requests(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        copy = client.with_options(timeout=20)
        found = await gather(*[lambda: copy.contracts.by_conid(265598) for _ in range(10)])
        assert found == [await client.contracts.by_conid(265598)] * 10
        assert gateway.count("GET", "/trsrv/secdef") == 1
        fronts = await gather(*[lambda: client.contracts.future("ES") for _ in range(10)])
        assert fronts == [await client.contracts.future("ES")] * 10
        assert gateway.count("GET", "/trsrv/futures") == 1
        chain = await client.contracts.option_chain(265598)
        [(day, _), *_] = await chain.expiries(chain.months[0])
        before = gateway.count("GET", "/iserver/secdef/info")
        near = [chain.expiry(day).strikes(within=20, around=255) for _ in range(5)]
        options = await gather(*[each.contracts for each in near])
        assert all(each == options[0] for each in options)
        strikes = {each.strike for each in await near[0].contracts()}
        assert strikes
        assert gateway.count("GET", "/iserver/secdef/info") - before <= len(strikes)


async def test_a_failed_lookup_by_conid_is_not_remembered(raw: RawGateway) -> None:
    known = {"conid": 5, "ticker": "X", "assetClass": "STK", "currency": "USD"}
    replies: list[object] = [Reply(404, {"error": "no"}), {"secdef": []}, {"secdef": [known]}]
    scripted = ScriptedGateway(raw, lambda call: replies.pop(0))
    async with AsyncClient(scripted.base_url) as client:
        with pytest.raises(NotFound):
            await client.contracts.by_conid(5)
        with pytest.raises(SymbolNotFound):
            await client.contracts.by_conid(5)
        assert (await client.contracts.by_conid(5)).symbol == "X"
        assert (await client.contracts.by_conid(5)).symbol == "X"
    assert len(scripted.calls) == 3


async def test_contracts_in_memory_have_age_limits(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process that runs for days, futures are read again each day, contracts each week."""
    days = 0.0
    monkeypatch.setattr(rt, "wall_time", lambda: time.time() + days * 86_400)
    async with AsyncClient(gateway.base_url) as client:

        async def look_up() -> tuple[int, int]:
            await client.contracts.by_conid(265598)
            await client.contracts.futures("ES", multiplier=50)
            calls = ("/trsrv/secdef", "/trsrv/futures")
            return gateway.count("GET", calls[0]), gateway.count("GET", calls[1])

        assert await look_up() == (2, 1)
        days = 0.9
        assert await look_up() == (2, 1)
        days = 1.1
        assert await look_up() == (2, 2)
        days = 7.1
        assert await look_up() == (4, 3)


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


async def test_the_front_month(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        es = await client.contracts.future("es")
        assert (es.symbol, es.sec_type, es.exchange, es.currency) == ("ES", "FUT", "CME", "USD")
        assert es.multiplier == 50
        assert len(gateway.requests) == 2
        assert es.roll is not None
        assert es.expiry is not None
        assert es.roll.expiry is not None
        assert es.roll.expiry > es.expiry
        later = await client.contracts.future("ES", expiry=es.roll.expiry, multiplier=50)
        assert later == es.roll
        curve = await client.contracts.futures("ES", exchange="CME", currency="USD")
        assert curve[:2] == [es, later]
        with pytest.raises(SymbolNotFound, match="future 'ES' with exchange=EUREX"):
            await client.contracts.futures("ES", exchange="EUREX")
        with pytest.raises(SymbolNotFound, match="future 'ZZ'"):
            await client.contracts.future("ZZ")


async def test_the_date_at_the_exchange_decides(raw: RawGateway) -> None:
    """A future that expires today has expired in Kiritimati (UTC+14) long before UTC-12."""
    today = datetime.now(UTC)
    days = [(today + timedelta(days=number)).strftime("%Y%m%d") for number in (-1, 90)]
    rows = [
        {"symbol": "X", "conid": conid, "underlyingConid": 9, "expirationDate": int(day),
         "ltd": int(day)}
        for conid, day in enumerate(days, 1)
    ]  # fmt: skip
    zone = "Etc/GMT+12"

    def answer(call: Call) -> object:
        if call.path == "/trsrv/futures":
            return {"X": rows}
        if call.path == "/contract/trading-schedule":
            return {"exchange_time_zone": zone, "schedules": {}}
        return {"secdef": []}

    scripted = ScriptedGateway(raw, answer)
    here = datetime.now(UTC) - timedelta(hours=12)
    async with AsyncClient(scripted.base_url) as client:
        front = await client.contracts.future("X")
        yesterday_is_over = here.strftime("%Y%m%d") > days[0]
        assert front.conid == (2 if yesterday_is_over else 1)
        zone = "Etc/GMT-14"
        async with AsyncClient(scripted.base_url) as other:
            assert (await other.contracts.future("X")).conid == 2


async def test_indices_currencies_and_cryptocurrencies(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        spx = await client.contracts.index("spx")
        assert (spx.conid, spx.sec_type, spx.exchange) == (416904, "IND", "CBOE")
        with pytest.raises(SymbolNotFound, match="IBKR knows no index 'SPX' with exchange=NYSE"):
            await client.contracts.index("SPX", exchange="NYSE")
        with pytest.raises(SymbolNotFound, match="no index 'ZZZZ'"):
            await client.contracts.index("ZZZZ")
        assert (await client.contracts.crypto("BTC")).sec_type == "CRYPTO"
        euro = await client.contracts.forex("EUR", "usd")
        assert (euro.conid, euro.symbol, euro.currency) == (12087792, "EUR", "USD")
        with pytest.raises(
            SymbolNotFound, match=r"no currency pair CHF.USD; it knows USD CASH CHF"
        ):
            await client.contracts.forex("CHF", "USD")
        with pytest.raises(SymbolNotFound, match=r"no currency pair XXX.USD$"):
            await client.contracts.forex("XXX", "USD")
