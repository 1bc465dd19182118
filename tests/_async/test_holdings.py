"""Tests of `client.holdings`, with gateways that leave out, repeat and change what they list."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bezant import AsyncClient, IncompleteHoldings, IncompleteList, InvalidRequest, MissingValue
from bezant.sim import Held, Scenario, SimulatedGateway
from tests.support import rows
from tests.support.raw import Peer, RawGateway, RawRequest

META = "/portfolio/U1/meta"
POSITIONS = "/portfolio/U1/positions/"
LEDGER = "/portfolio/U1/ledger"
RATE = "/iserver/exchangerate"

Row = dict[str, Any]
Page = Callable[[int], list[Row]]

pytestmark = pytest.mark.filterwarnings("ignore::bezant.DriftWarning")


class Gateway:
    """Gateway with one account in USD, whose positions, ledger and rates a test can change."""

    def __init__(self, raw: RawGateway) -> None:
        self.raw = raw
        self.meta: object = rows.account("U1")
        self.pages: Page = lambda page: [] if page else [rows.position()]
        self.ledger: object = ledger(USD={})
        self.rate: object = {"rate": 1.17}
        self.rate_status = "200 OK"
        raw.script(self._answer)

    def _answer(self, request: RawRequest, peer: Peer) -> None:
        path, _, _ = request.target.removeprefix("/v1/api").partition("?")
        if path == RATE:
            peer.json(json.dumps(self.rate).encode(), self.rate_status)
            return
        if path.startswith(POSITIONS):
            answer: object = self.pages(int(path.removeprefix(POSITIONS)))
        else:
            answer = {
                "/portfolio/accounts": [rows.account("U1")],
                "/tickle": {"session": "x", "iserver": {"authStatus": {"authenticated": True}}},
                META: self.meta,
                LEDGER: self.ledger,
            }.get(path, [])
        peer.json(json.dumps(answer).encode())

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the query of each request for a path."""
        targets = [each.target.removeprefix("/v1/api") for each in self.raw.requests]
        return [
            dict(parse_qsl(each.partition("?")[2]))
            for each in targets
            if each.split("?")[0].startswith(path)
        ]


def ledger(**currencies: Row) -> Row:
    plain = {"stockmarketvalue": 0}
    base = {"BASE": rows.ledger("BASE") | {"netliquidationvalue": 106.5}}
    return {name: rows.ledger(name) | plain | more for name, more in currencies.items()} | base


def many(first: int, count: int) -> list[Row]:
    return [rows.position(conid) for conid in range(first, first + count)]


async def test_of_the_simulated_account() -> None:
    scenario = Scenario(
        held=[Held("AAPL", 100, 150), Held("7203", 100, 3000), Held("SPY", -5, 500)],
        cash={"USD": 1000, "EUR": 500, "JPY": -9},
    )
    with SimulatedGateway(scenario=scenario) as gateway:
        async with AsyncClient(gateway.base_url) as client:
            holdings = await client.holdings(gateway.account_id)
            assert holdings.base_currency == "USD"
            assert {row.currency for row in holdings.positions} == {"USD", "JPY"}
            assert [row.rate for row in holdings.cash] == [
                Decimal(1), Decimal("1.17"), Decimal("0.0064"),
            ]  # fmt: skip
            assert holdings.problems == ()
            assert holdings.cash_total == Decimal(1000) + 500 * Decimal("1.17") - 9 * Decimal(
                "0.0064"
            )
            assert holdings.difference is not None
            # Prices move between the requests for the positions and the ledger.
            assert abs(holdings.difference) < holdings.total / 100


async def test_futures_have_no_value_in_the_total() -> None:
    with SimulatedGateway(positions=250) as gateway:
        async with AsyncClient(gateway.base_url) as client:
            holdings = await client.holdings(gateway.account_id)
            assert {row.asset_class for row in holdings.problems} == {"FUT"}
            assert len(holdings.positions) == 249  # the account has closed one of 250
            with pytest.raises(IncompleteHoldings, match="the market value of a future"):
                _ = holdings.total
            assert holdings.net_liquidation is not None


async def test_rates_come_from_the_ledger(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: [rows.position(1), rows.position(2, currency="EUR")]
    gateway.ledger = ledger(USD={}, EUR={"exchangerate": 1.25, "cashbalance": 10})
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        assert [(row.base_value, row.rate_source) for row in holdings.rows] == [
            (6, "base currency"), (Decimal("7.5"), "ledger"),
            (Decimal("100.5"), "base currency"), (Decimal("12.5"), "ledger"),
        ]  # fmt: skip
        assert holdings.total == Decimal("126.5")
        assert gateway.asked(RATE) == []
        assert len(raw.requests) == 4  # accounts, meta, positions, ledger


@pytest.mark.parametrize("rate", [..., 0, -2, "NaN", None, "1E+999999999"])
async def test_a_rate_that_the_ledger_lacks_is_requested(raw: RawGateway, rate: object) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: [rows.position(1, currency="EUR")]
    if rate is not ...:
        gateway.ledger = ledger(USD={}, EUR={"exchangerate": rate, "cashbalance": 0})
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        assert gateway.asked(RATE) == [{"source": "EUR", "target": "USD"}]
        (row,) = holdings.positions
        assert (row.rate, row.rate_source) == (Decimal("1.17"), "exchange rate")
        assert holdings.total == 6 * Decimal("1.17") + Decimal("100.5")


@pytest.mark.parametrize(
    ("rate", "status", "said"),
    [
        ({"error": "Invalid currency pair"}, "400 Bad Request", "Invalid currency pair"),
        ({"error": "Invalid currency pair"}, "200 OK", "Invalid currency pair"),
        ({"rate": 0}, "200 OK", "returned the rate 0"),
        ({"rate": "NaN"}, "200 OK", "returned no rate"),
        ({}, "200 OK", "returned no rate"),
        ([], "200 OK", "EUR to USD"),
    ],
)
async def test_a_rate_that_nobody_knows(
    raw: RawGateway, rate: object, status: str, said: str
) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: [rows.position(1, currency="EUR"), rows.position(2)]
    gateway.rate, gateway.rate_status = rate, status
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        with pytest.raises(IncompleteHoldings, match=said) as caught:
            _ = holdings.total
        (row,) = caught.value.problems
        assert (row.currency, row.value, row.base_value) == ("EUR", Decimal(6), None)
        assert holdings.known_total == Decimal("106.5")


async def test_a_missing_price(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: [
        rows.position(1, mktPrice=None), rows.position(2, mktPrice="NaN", mktValue="NaN"),
        rows.position(3, mktPrice=0, mktValue=0), rows.position(4),
    ]  # fmt: skip
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        assert [row.conid for row in holdings.problems] == [1, 2, 3]
        with pytest.raises(IncompleteHoldings, match=r"no price; A: .* no .*; A: .* price 0"):
            _ = holdings.positions_total


async def test_a_repeated_page_counts_once(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: many(1, 100)
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        assert len(holdings.positions) == 100
        assert holdings.positions_total == 600


async def test_a_position_that_moves_to_a_page_that_was_read(raw: RawGateway) -> None:
    """Position 1 is closed between the two pages, so that 101 moves to the first page."""
    gateway = Gateway(raw)
    reads: list[int] = []

    def pages(page: int) -> list[Row]:
        listed = many(1, 102) if not reads else many(2, 101)
        reads.append(page)
        return listed[page * 100 : (page + 1) * 100]

    gateway.pages = pages
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        assert [row.conid for row in holdings.positions] == list(range(2, 103))
        assert reads == [0, 1] * 3


async def test_a_list_that_always_changes(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    reads: list[int] = []

    def pages(page: int) -> list[Row]:
        reads.append(page)
        return many(len(reads), 100) if not page else many(1000, 1)

    gateway.pages = pages
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(IncompleteList, match="changed while it was read") as caught:
            await client.holdings("U1")
        assert caught.value.retryable
        assert reads == [0, 1] * 4


async def test_a_list_on_one_page_is_read_once(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: many(1, 99)
    async with AsyncClient(raw.base_url) as client:
        assert len((await client.holdings("U1")).positions) == 99
        assert len(gateway.asked(POSITIONS)) == 1


async def test_empty_responses(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.pages = lambda page: []
    gateway.ledger = {}
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(IncompleteList):
            await client.holdings("U1")
        gateway.ledger = ledger(USD={"stockmarketvalue": 6})
        with pytest.raises(IncompleteList, match="worth 6 USD, but the list of positions has none"):
            await client.holdings("U1")
        gateway.ledger = ledger(USD={})  # an account that holds cash only
        holdings = await client.holdings("U1")
        assert (holdings.positions, holdings.total) == ((), Decimal("100.5"))


async def test_a_base_currency_that_is_not_known(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.meta = {"accountId": "U1"}
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(MissingValue, match="currency"):
            await client.holdings("U1")


async def test_a_ledger_in_another_base_currency(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.ledger = ledger(USD={"exchangerate": 0.85}, EUR={"cashbalance": 5})
    async with AsyncClient(raw.base_url) as client:
        holdings = await client.holdings("U1")
        assert holdings.problems == holdings.rows
        with pytest.raises(IncompleteHoldings, match=r"0\.85 and not 1"):
            _ = holdings.total


async def test_an_invalid_account_is_refused_at_once(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url) as client:
        for bad in ("", "."):
            with pytest.raises(InvalidRequest):
                await client.holdings(bad)
        assert raw.requests == []
