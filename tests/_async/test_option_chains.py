"""Tests of option chains: the right contracts, with the fewest requests."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    AmbiguousSymbol,
    AsyncClient,
    Contract,
    InvalidRequest,
    SymbolNotFound,
    UpstreamError,
)
from bezant._core.contracts.chains import third_friday
from bezant._core.contracts.futures import month_code
from bezant.sim import SimulatedGateway
from tests.support.raw import RawGateway
from tests.support.scripted import Call, Reply, ScriptedGateway

SPX = Contract(conid=416904, symbol="SPX", sec_type="IND")
MONTHS = ("JAN27", "FEB27", "MAR27")
TODAY = date(2027, 1, 4)
START = date(2026, 11, 27)  # before the first expiry of the simulated options
# The grid of the index; strikes between multiples of 25 exist for the class SPXW only.
STRIKES = [float(strike) for strike in range(6000, 7001, 5)]


class Chains:
    """Gateway with options on SPX: classes SPX (monthly, on Thursdays) and SPXW (each weekday)."""

    def __init__(self, raw: RawGateway) -> None:
        self.searched = False
        self.only_calls_without_right = False
        self.gateway = ScriptedGateway(raw, self.answer)
        self.base_url = self.gateway.base_url

    def count(self, part: str) -> int:
        return len(self.gateway.names(part))

    def answer(self, call: Call) -> object:
        if call.path == "/iserver/secdef/search":
            self.searched = True
            section = {"secType": "OPT", "months": ";".join(MONTHS), "exchange": "SMART;CBOE"}
            row: dict[str, Any] = {
                "conid": "416904",
                "symbol": "SPX",
                "description": "CBOE",
                "sections": [section],
            }
            return [row] if call.query["symbol"] == "SPX" else []
        if call.path == "/trsrv/secdef":
            known: dict[str, Any] = {
                "conid": 416904,
                "ticker": "SPX",
                "assetClass": "IND",
                "currency": "USD",
            }
            return {"secdef": [known]}
        if call.path == "/iserver/secdef/strikes":
            return {"call": STRIKES, "put": STRIKES} if self.searched else {"call": [], "put": []}
        if call.path == "/iserver/secdef/info":
            if not call.query.get("strike"):
                return Reply(400, {"error": "strike is required for warrant and option"})
            rows = self.rows(call) if self.searched else []
            return rows or Reply(500, {"error": "No Contracts retrieved"})
        return None

    def rows(self, call: Call) -> list[dict[str, Any]]:
        strike, right = float(call.query["strike"]), call.query.get("right", "")
        if strike not in STRIKES:
            return []
        if self.only_calls_without_right and not right:
            right = "C"
        return [
            {
                "conid": conid, "symbol": "SPX", "secType": "OPT", "exchange": "SMART",
                "currency": "USD", "right": side, "strike": strike, "multiplier": "100",
                "maturityDate": f"{day:%Y%m%d}", "tradingClass": name,
            }
            for conid, day, name, side in expiries(call.query["month"], strike)
            if right in ("", side)
        ]  # fmt: skip


def expiries(month: str, strike: float) -> list[tuple[int, date, str, str]]:
    number = MONTHS.index(month) + 1
    friday = third_friday(2027, number)
    days = [date(2027, number, 1) + timedelta(days=count) for count in range(28)]
    pairs = [(day, "SPXW") for day in days if day.weekday() < 5 and day > TODAY]
    if strike % 25 == 0:
        pairs.append((friday - timedelta(days=1), "SPX"))
    return [
        (int(f"{day:%m%d}{int(strike)}{len(name)}{ord(side)}"), day, name, side)
        for (day, name), side in itertools.product(pairs, "CP")
    ]


async def test_the_fewest_requests_for_a_chain(raw: RawGateway) -> None:
    chains = Chains(raw)
    async with AsyncClient(chains.base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        assert chain.months == MONTHS
        near = chain.expiry("monthly", after=TODAY).strikes(within="2%", around=6500)
        assert len(chains.gateway.calls) == 1  # the search; nothing more yet
        progress: list[int] = []
        options = await near.contracts(on_progress=lambda now: progress.append(now.done))
    wanted = [strike for strike in STRIKES if abs(strike - 6500) <= 130]
    # IBKR names options only by month and strike, so no chain takes fewer requests than one for
    # each strike. One more tells which strikes there are, and the search is needed before it.
    least = 1 + 1 + len(wanted)
    assert len(chains.gateway.calls) == least
    assert progress == list(range(1, len(wanted) + 1))
    assert {each.expiry for each in options} == {date(2027, 1, 14)}
    assert {each.trading_class for each in options} == {"SPX"}
    # the strikes between are those of SPXW
    rounds = [strike for strike in wanted if strike % 25 == 0]
    assert [float(each.strike or 0) for each in options if each.right == "C"] == rounds
    assert len(options) == 2 * len(rounds)


async def test_what_was_read_is_not_requested_again(raw: RawGateway) -> None:
    chains = Chains(raw)
    async with AsyncClient(chains.base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        near = chain.expiry("monthly", after=TODAY).strikes(within=100, around=6500)
        first = await near.contracts()
        requests = len(chains.gateway.calls)
        assert [each async for each in near] == first
        other = chain.expiry("daily", after=TODAY).strikes(within=100, around=6500, right="P")
        puts = await other.contracts()
        assert len(chains.gateway.calls) == requests
        assert {(each.expiry, each.trading_class, each.right) for each in puts} == {
            (date(2027, 1, 5), "SPXW", "P")
        }
        assert "OptionContracts of SPX, " in repr(other)
        assert "not looked up" in repr(chain.expiry("weekly").strikes())
        assert "3 months" in repr(chain)


async def test_weekly_expiries_and_trading_classes(raw: RawGateway) -> None:
    async with AsyncClient(Chains(raw).base_url) as client:
        chain = await client.contracts.option_chain(SPX)

        async def day(which: date | str, after: date, name: str | None = None) -> tuple[Any, Any]:
            expiry = chain.expiry(which, after=after, trading_class=name)
            [option] = await expiry.strikes(6500, right="C").contracts()
            return option.expiry, option.trading_class

        assert await day("weekly", TODAY) == (date(2027, 1, 8), "SPXW")
        assert await day("weekly", date(2027, 1, 8)) == (date(2027, 1, 15), "SPXW")
        assert await day("monthly", TODAY, "SPXW") == (date(2027, 1, 15), "SPXW")
        assert await day("monthly", date(2027, 1, 14)) == (date(2027, 2, 18), "SPX")
        # The chain has no expiry on Friday 29 January, so the next weekly one is in February.
        assert await day("weekly", date(2027, 1, 28)) == (date(2027, 2, 5), "SPXW")
        thursday = date(2027, 1, 14)
        with pytest.raises(AmbiguousSymbol, match=r"SPX, SPXW.*pass trading_class"):
            await day(thursday, TODAY)
        assert await day(thursday, TODAY, "SPXW") == (thursday, "SPXW")
        assert await day(thursday, TODAY, "SPX") == (thursday, "SPX")


async def test_a_strike_of_another_class_is_never_a_wrong_contract(raw: RawGateway) -> None:
    """Strike 6505 exists for SPXW only, so a monthly option of SPX has no such strike."""
    async with AsyncClient(Chains(raw).base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        monthly = chain.expiry("monthly", after=TODAY)
        with pytest.raises(SymbolNotFound, match="expire on 2027-01-14 with the strike 6505"):
            await monthly.strikes(6500, 6505).contracts()
        with pytest.raises(SymbolNotFound, match="with the strike 9999"):
            await monthly.strikes(9999).contracts()
        assert await monthly.strikes(within=1, around=6502).contracts() == []


async def test_expiries_and_strikes_that_do_not_exist(raw: RawGateway) -> None:
    async with AsyncClient(Chains(raw).base_url) as client:
        chain = await client.contracts.option_chain(416904)
        for which in (date(2027, 9, 17), date(2027, 1, 9)):
            with pytest.raises(SymbolNotFound, match=f"the expiry {which}"):
                await chain.expiry(which).strikes(6500).contracts()
        with pytest.raises(SymbolNotFound, match="the expiry monthly after 2027-03-30"):
            await chain.expiry("monthly", after=date(2027, 3, 30)).strikes(6500).contracts()
        with pytest.raises(SymbolNotFound, match="the trading class XYZ"):
            await chain.expiry("daily", trading_class="xyz").strikes(6500).contracts()
        other = Contract(conid=5, symbol="A", sec_type="STK")
        with pytest.raises(SymbolNotFound, match="no options on A STK"):
            await client.contracts.option_chain(other)


async def test_one_option(raw: RawGateway) -> None:
    chains = Chains(raw)
    async with AsyncClient(chains.base_url) as client:
        option = await client.contracts.option(SPX, date(2027, 1, 15), 6505, "P")
        assert (option.strike, option.right) == (Decimal(6505), "P")
        assert option.expiry == date(2027, 1, 15)
        assert (option.multiplier, option.underlying_conid) == (Decimal(100), 416904)
        assert chains.gateway.names() == ["GET /iserver/secdef/search", "GET /iserver/secdef/info"]
        with pytest.raises(InvalidRequest, match="expiry must be a date"):
            await client.contracts.option(SPX, "monthly", 6505, "P")  # type: ignore[arg-type]


async def test_a_response_with_one_right_only_is_completed(raw: RawGateway) -> None:
    chains = Chains(raw)
    chains.only_calls_without_right = True
    async with AsyncClient(chains.base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        pair = await chain.expiry(date(2027, 1, 15)).strikes(6505).contracts()
        assert [each.right for each in pair] == ["C", "P"]
        assert chains.count("secdef/info") == 2


async def test_a_session_that_forgot_the_search(raw: RawGateway) -> None:
    chains = Chains(raw)
    async with AsyncClient(chains.base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        chains.searched = False
        options = await chain.expiry("monthly", after=TODAY).strikes(6500).contracts()
        assert len(options) == 2
        assert chains.count("secdef/search") == 2


async def test_the_expiries_of_a_month(raw: RawGateway) -> None:
    chains = Chains(raw)
    async with AsyncClient(chains.base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        days = await chain.expiries("feb27", trading_class="SPX")
        assert days == [(date(2027, 2, 18), "SPX")]
        assert len(chains.gateway.calls) == 3
        every = await chain.expiries()
        assert (date(2027, 1, 14), "SPX") in every
        assert (date(2027, 1, 14), "SPXW") in every
        with pytest.raises(InvalidRequest, match="month must be one of JAN27, FEB27"):
            await chain.expiries("DEC30")


async def test_arguments_of_a_chain(raw: RawGateway) -> None:
    async with AsyncClient(Chains(raw).base_url) as client:
        expiry = (await client.contracts.option_chain(SPX)).expiry("weekly")
        assert "weekly after" in repr(expiry)
        with pytest.raises(InvalidRequest, match="strikes or within"):
            expiry.strikes(6500, within="10%")
        with pytest.raises(InvalidRequest, match="around needs within"):
            expiry.strikes(around=6500)


async def test_a_chain_of_the_simulated_gateway(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        aapl = await client.contracts.stock("AAPL")
        chain = await client.contracts.option_chain(aapl)
        near = await chain.expiry("monthly", after=START).strikes(within="10%").contracts()
        assert len(near) == 8
        assert {each.expiry for each in near} == {date(2027, 3, 19)}
        assert month_code(near[0].expiry or TODAY) == "MAR27"
        everything = await chain.expiry("monthly", after=date(2027, 3, 19)).strikes().contracts()
        assert len(everything) == 18
        assert await client.contracts.by_conid(near[0].conid) == near[0]


async def test_options_on_a_future(raw: RawGateway) -> None:
    """Requests name the conid of the product, and the exchange, which IBKR requires for them."""
    future = Contract(
        conid=515416632, symbol="ES", sec_type="FUT", exchange="CME", underlying_conid=11004968
    )

    def answer(call: Call) -> object:
        if call.path == "/iserver/secdef/search":
            section = {"secType": "FOP", "months": "JAN27", "exchange": "CME"}
            return [{"conid": "11004968", "symbol": "ES", "sections": [section]}]
        if call.path == "/iserver/secdef/strikes":
            return {"call": [6500], "put": []}
        return [
            {"conid": 7, "symbol": "ES", "secType": "FOP", "exchange": "CME", "currency": "USD",
             "right": "C", "strike": 6500.0, "maturityDate": "20270115", "tradingClass": "EW3"}
        ]  # fmt: skip

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(gateway.base_url) as client:
        chain = await client.contracts.option_chain(future)
        [option] = await chain.expiry("monthly", after=TODAY).strikes(right="C").contracts()
    assert (option.conid, option.trading_class, option.underlying_conid) == (7, "EW3", 515416632)
    for call in gateway.calls[1:]:
        assert (call.query["conid"], call.query["exchange"]) == ("11004968", "CME")
        assert call.query["sectype"] == "FOP"


async def test_a_failed_request_of_a_chain_is_no_shorter_chain(raw: RawGateway) -> None:
    chains = Chains(raw)
    async with AsyncClient(chains.base_url) as client:
        chain = await client.contracts.option_chain(SPX)
        near = chain.expiry("monthly", after=TODAY).strikes(within=100, around=6500)

        def failing(call: Call) -> object:
            if call.query.get("strike") == "6550":
                return Reply(503, {"error": "Service Unavailable", "statusCode": 503})
            return chains.answer(call)

        chains.gateway.answer = failing
        with pytest.raises(UpstreamError):
            await near.contracts()
        chains.gateway.answer = chains.answer
        assert len(await near.contracts()) == 18


async def test_a_chain_within_the_rate_limits(raw: RawGateway) -> None:
    """41 strikes at 10 requests per second: the calls wait longer than `max_wait`, and succeed."""
    chains = Chains(raw)
    async with AsyncClient(chains.base_url, pacing=True, max_wait=0.5) as client:
        chain = await client.contracts.option_chain(SPX)
        near = chain.expiry(date(2027, 1, 15)).strikes(within=100, around=6500)
        options = await near.contracts()
        assert len(options) == 2 * 41
