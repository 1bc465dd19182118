"""Tests of finding the contract of a symbol."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bezant import (
    AmbiguousSymbol,
    AsyncClient,
    AsyncSymbolCache,
    ConnectionLost,
    InvalidRequest,
    SymbolNotFound,
)
from bezant.sim import SimulatedGateway
from tests.support import rows
from tests.support._async import gather, later, result, until
from tests.support.raw import Peer, RawGateway, RawRequest


async def test_the_second_time_comes_from_the_cache(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        cache = AsyncSymbolCache(client)
        assert await cache.conid_for("AAPL") == 265598
        assert await cache.conid_for(" aapl ") == 265598
        assert gateway.count("GET", "/trsrv/stocks") == 1
        assert len(cache) == 1
        cache.forget("aapl")
        assert await cache.conid_for("AAPL") == 265598
        assert gateway.count("GET", "/trsrv/stocks") == 2
        cache.clear()
        assert len(cache) == 0
        assert "0 contracts" in repr(cache)


async def test_one_listing_by_exchange_or_currency(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        cache = AsyncSymbolCache(client)
        listings = await cache.listings("AAPL")
        foreign = next(each for each in listings if not each.is_us)
        assert await cache.conid_for("AAPL", exchange=foreign.exchange.lower()) == foreign.conid
        assert await cache.conid_for("AAPL", currency="usd") == 265598
        assert await cache.conid_for("AAPL", exchange="NASDAQ", currency="USD") == 265598
        with pytest.raises(SymbolNotFound, match="on NOWHERE") as caught:
            await cache.conid_for("AAPL", exchange="NOWHERE")
        assert 265598 in [each.conid for each in caught.value.candidates]


async def test_several_listings_are_an_error_that_lists_them(raw: RawGateway) -> None:
    body = (
        b'{"X":[{"name":"ONE","assetClass":"STK","contracts":[{"conid":1,"exchange":"LSE","isUS":false}]},'
        b'{"name":"TWO","assetClass":"STK","contracts":[{"conid":2,"exchange":"ASX","isUS":false}]}]}'
    )
    raw.script(lambda request, peer: peer.json(body))
    async with AsyncClient(raw.base_url) as client:
        cache = AsyncSymbolCache(client)
        with pytest.raises(AmbiguousSymbol, match="X LSE conid 1") as caught:
            await cache.conid_for("X")
        assert caught.value.symbol == "X"
        assert [each.conid for each in caught.value.candidates] == [1, 2]
        assert await cache.conid_for("X", exchange="ASX") == 2


async def test_a_miss_is_remembered_for_a_while(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        cache = AsyncSymbolCache(client)
        for _ in range(3):
            with pytest.raises(SymbolNotFound, match="ZZZZ") as caught:
                await cache.conid_for("ZZZZ")
            assert caught.value.operation == "GET /trsrv/stocks"
        assert gateway.count("GET", "/trsrv/stocks") == 1
        short = AsyncSymbolCache(client, forget_misses_after=0.0)
        for _ in range(2):
            with pytest.raises(SymbolNotFound):
                await short.conid_for("ZZZZ")
        assert gateway.count("GET", "/trsrv/stocks") == 3


async def test_one_lookup_in_flight_for_each_symbol(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        cache = AsyncSymbolCache(client)
        results = await gather(*[lambda: cache.conid_for("AAPL") for _ in range(20)])
        assert results == [265598] * 20
        assert gateway.count("GET", "/trsrv/stocks") == 1


async def test_a_failed_lookup_is_shared_and_not_remembered(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = {"conid": 1, "exchange": "LSE", "isUS": False}
    body = json.dumps({"X": [rows.company(listing, name="ONE")]}).encode()
    over = threading.Event()
    waiting: list[object] = []

    def resets(request: RawRequest, peer: Peer) -> None:
        over.wait(60)
        peer.reset()

    raw.script(resets, lambda request, peer: peer.json(body))
    async with AsyncClient(raw.base_url, timeout=60) as client:
        cache = AsyncSymbolCache(client)
        first = later(lambda: cache.conid_for("X"))
        await until(lambda: raw.requests)
        [flight] = cache._resolver.flights._flights.values()
        wait = flight.done.wait

        async def noting() -> None:
            waiting.append(object())
            await wait()

        monkeypatch.setattr(flight.done, "wait", noting)
        others = [later(lambda: cache.conid_for("X")) for _ in range(5)]
        await until(lambda: len(waiting) == 5)
        over.set()
        for each in (first, *others):
            with pytest.raises(ConnectionLost):
                await result(each)
        assert len(raw.requests) == 1
        assert await cache.conid_for("X") == 1


async def test_an_object_that_is_no_client_is_refused_at_once(gateway: SimulatedGateway) -> None:
    for client in (None, gateway.base_url, gateway):
        with pytest.raises(InvalidRequest, match="client must be"):
            AsyncSymbolCache(client)  # type: ignore[arg-type]


@pytest.mark.parametrize("symbols", [None, 265598, 1.5, "AAPL"])
async def test_an_invalid_list_of_symbols_is_refused(
    gateway: SimulatedGateway, symbols: Any
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest, match="symbols must be a list"):
            await AsyncSymbolCache(client).conids_for(symbols)
    assert gateway.requests == []


@pytest.mark.parametrize("symbol", ["", " ", "A,B", None, 5, "x" * 50, "A\x00B"])
async def test_values_that_are_no_symbols(gateway: SimulatedGateway, symbol: Any) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with pytest.raises(InvalidRequest):
            await AsyncSymbolCache(client).conid_for(symbol)
        with pytest.raises(InvalidRequest):
            await AsyncSymbolCache(client).conid_for("AAPL", exchange="")
    assert gateway.requests == []


async def test_share_classes_are_spelled_as_ibkr_does(raw: RawGateway) -> None:
    def answer(request: RawRequest, peer: Peer) -> None:
        listing = {"conid": 72063691, "exchange": "NYSE", "isUS": True}
        peer.json(json.dumps({"BRK B": [rows.company(listing)]}).encode())

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        cache = AsyncSymbolCache(client)
        for spelling in ("BRK.B", "brk b", "BRK-B", "BRK/B"):
            assert await cache.conid_for(spelling) == 72063691
    assert len(raw.requests) == 1
    assert raw.requests[0].target.endswith("?symbols=BRK%20B")


def every(request: RawRequest, peer: Peer) -> None:
    """Respond with one listing per symbol; none for symbols with Z at the start, two with W."""
    names = parse_qs(urlsplit(request.target).query)["symbols"][0].split(",")
    answer: dict[str, Any] = {}
    for name in names:
        count = {"Z": 0, "W": 2}.get(name[0], 1)
        rows = [
            {"conid": int(name[1:]) * 10 + each, "exchange": "LSE", "isUS": False}
            for each in range(count)
        ]
        answer[name] = [{"name": name, "assetClass": "STK", "contracts": rows}] if rows else []
    peer.json(json.dumps(answer).encode())


async def test_many_symbols_share_few_calls(raw: RawGateway) -> None:
    raw.script(every)
    symbols = [f"S{number}" for number in range(1, 1001)]
    async with AsyncClient(raw.base_url) as client:
        cache = AsyncSymbolCache(client)
        found = await cache.conids_for([*symbols, "s7"])
        assert found == {**{name: int(name[1:]) * 10 for name in symbols}, "s7": 70}
        assert len(raw.requests) == 2
        assert all(len(each.line) <= 4094 for each in raw.requests)
        assert await cache.conids_for(reversed(symbols)) == {
            name: found[name] for name in reversed(symbols)
        }
        assert await cache.conid_for("S12") == 120
        assert len(raw.requests) == 2
        assert await cache.conids_for([]) == {}


async def test_one_of_many_that_is_unknown_or_unclear_leaves_the_others_known(
    raw: RawGateway,
) -> None:
    raw.script(every)
    async with AsyncClient(raw.base_url) as client:
        cache = AsyncSymbolCache(client)
        with pytest.raises(SymbolNotFound, match="'Z2'"):
            await cache.conids_for(["S1", "Z2", "W3", "S4"])
        assert await cache.conids_for(["S1", "S4"]) == {"S1": 10, "S4": 40}
        assert len(raw.requests) == 1
        with pytest.raises(AmbiguousSymbol, match="2 listings match 'W3'"):
            await cache.conids_for(["S1", "W3", "Z2"])
        assert len(raw.requests) == 2
        for wrong in ("AAPL", ["A,B"], [None]):
            with pytest.raises(InvalidRequest):
                await cache.conids_for(wrong)  # type: ignore[arg-type]
        assert len(raw.requests) == 2


async def test_many_symbols_in_a_currency(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client, AsyncClient(gateway.base_url) as other:
        cache = AsyncSymbolCache(client)
        found = await cache.conids_for(["AAPL", "MSFT"], currency="USD", exchange="NASDAQ")
        alone = AsyncSymbolCache(other)
        for name, conid in found.items():
            assert await alone.conid_for(name, currency="USD", exchange="NASDAQ") == conid
    assert gateway.count("GET", "/trsrv/stocks") == 3
