from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bezant.sim import Clock, Scenario, SimulatedGateway

ACCOUNT = "DU1234567"
SHORT_KEYS = {
    "acctId",
    "conid",
    "contractDesc",
    "position",
    "mktPrice",
    "mktValue",
    "currency",
    "avgCost",
    "avgPrice",
    "realizedPnl",
    "unrealizedPnl",
    "exchs",
    "expiry",
    "putOrCall",
    "multiplier",
    "strike",
    "exerciseStyle",
    "conExchMap",
    "assetClass",
    "undConid",
    "model",
}
LONG_KEYS = SHORT_KEYS | {
    "ticker",
    "name",
    "isUS",
    "isEventContract",
    "fullName",
    "listingExchange",
    "countryCode",
    "type",
    "hasOptions",
    "pageSize",
    "time",
    "chineseName",
    "allExchanges",
    "lastTradingDay",
    "group",
    "sector",
    "sectorGroup",
}
RULES = {"incrementRules", "displayRule"}


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    # The clock is stopped, so that prices do not move and equal requests get equal responses.
    scenario = Scenario(demo_orders=True)
    with SimulatedGateway(positions=250, scenario=scenario, clock=Clock.by_hand()) as running:
        yield running


@pytest.fixture
def primed(api: httpx.Client) -> httpx.Client:
    assert api.get("/portfolio/accounts").status_code == 200
    return api


def page(api: httpx.Client, number: int | str, **params: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get(
        f"/portfolio/{ACCOUNT}/positions/{number}", params=params
    ).json()
    return rows


@pytest.mark.parametrize("path", ["/portfolio/accounts", "/portfolio/subaccounts"])
def test_accounts_prime_the_portfolio(
    gateway: SimulatedGateway, api: httpx.Client, path: str
) -> None:
    for what in ("positions/0", "position/265598", "ledger", "summary"):
        assert api.get(f"/portfolio/{ACCOUNT}/{what}").json() == []
    [account] = api.get(path).json()
    assert account["accountId"] == account["id"] == ACCOUNT
    assert account["parent"].keys() == {"mmc", "accountId", "isMParent", "isMChild", "isMultiplex"}
    assert len(page(api, 0)) == 250
    gateway.login()
    assert page(api, 0) == []


def test_unknown_account(primed: httpx.Client) -> None:
    for path in (
        "/portfolio/DU1/positions/0",
        "/portfolio/DU1/positions",
        "/portfolio/DU1/position/1",
        "/portfolio/DU1/ledger",
        "/portfolio/DU1/summary",
        "/portfolio2/DU1/positions",
    ):
        answer = primed.get(path)
        assert (answer.status_code, answer.content) == (401, b"")


def test_without_sort_the_page_number_is_ignored(primed: httpx.Client) -> None:
    everything = page(primed, 0)
    assert len(everything) == 250
    for number in (1, 2, 999):
        assert page(primed, number) == everything
    assert page(primed, "") == everything
    assert primed.get(f"/portfolio/{ACCOUNT}/positions").json() == everything


@pytest.mark.parametrize("sort", ["name", "position"])
@pytest.mark.parametrize("direction", ["a", "d"])
def test_sorted_pages(primed: httpx.Client, sort: str, direction: str) -> None:
    pages = [page(primed, n, sort=sort, direction=direction) for n in (0, 1, 2, 3)]
    assert [len(rows) for rows in pages] == [100, 100, 50, 0]
    rows = list(itertools.chain(*pages))
    assert len({row["conid"] for row in rows}) == 250
    key = "contractDesc" if sort == "name" else "position"
    values = [row[key] for row in rows]
    assert values == sorted(values, reverse=direction == "d")
    assert page(primed, -1, sort=sort) == []


def test_page_that_is_no_number(primed: httpx.Client) -> None:
    assert primed.get(f"/portfolio/{ACCOUNT}/positions/x?sort=name").status_code == 400


def test_position_quirks(primed: httpx.Client) -> None:
    rows = page(primed, 0)
    # Some rows have the key `expired` although their contract still trades.
    forms = (SHORT_KEYS, LONG_KEYS | RULES, LONG_KEYS | {"expired"})
    assert {frozenset(row) for row in rows} == set(map(frozenset, forms))
    assert len({row["contractDesc"] for row in rows}) == len(rows)
    assert all(type(row["conid"]) is int for row in rows)
    assert all(type(row["unrealizedPnl"]) is float for row in rows)
    assert [row["position"] for row in rows].count(0.0) == 1
    kinds = Counter(row["assetClass"] for row in rows)
    assert kinds == {"STK": 175, "OPT": 50, "FUT": 25}
    stocks = [row for row in rows if row["assetClass"] == "STK"]
    assert {str(type(row["strike"]).__name__) for row in stocks} == {"str", "float"}
    assert {"0"} == {row["strike"] for row in stocks if isinstance(row["strike"], str)}
    assert {row["multiplier"] for row in stocks} == {None, 0.0}
    option = next(row for row in rows if row["assetClass"] == "OPT")
    assert option["putOrCall"] in ("C", "P")
    assert len(option["expiry"]) == 8
    assert option["multiplier"] == 100.0
    assert option["undConid"] > 0


def test_positions_are_repeatable() -> None:
    def rows(seed: int, positions: int = 120) -> list[dict[str, Any]]:
        clock = Clock.by_hand()  # the clock is stopped, so that no order fills
        with SimulatedGateway(
            seed=seed, positions=positions, account_id="U1", clock=clock
        ) as gateway:
            with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as api:
                api.get("/portfolio/accounts")
                result: list[dict[str, Any]] = api.get("/portfolio/U1/positions/0").json()
                return result

    assert rows(1) == rows(1)
    assert rows(1) != rows(2)
    assert rows(1, 0) == []
    [only] = rows(1, 1)
    assert only["position"] > 0
    assert only["acctId"] == "U1"
    many = rows(3, 5000)
    assert len({row["conid"] for row in many}) == len({r["contractDesc"] for r in many}) == 5000


def test_uncached_positions(primed: httpx.Client) -> None:
    rows = primed.get(f"/portfolio2/{ACCOUNT}/positions").json()
    assert len(rows) == 250
    assert all(row["conid"].isdecimal() for row in rows)
    assert rows[0].keys() == {
        "position",
        "conid",
        "avgCost",
        "avgPrice",
        "currency",
        "description",
        "isLastToLoq",
        "marketPrice",
        "marketValue",
        "realizedPnl",
        "secType",
        "timestamp",
        "unrealizedPnl",
        "assetClass",
        "sector",
        "group",
        "model",
    }


def test_one_position(primed: httpx.Client) -> None:
    [row] = primed.get(f"/portfolio/{ACCOUNT}/position/265598").json()
    assert row["contractDesc"] == "AAPL"
    assert primed.get(f"/portfolio/{ACCOUNT}/position/1").json() == []
    assert primed.get(f"/portfolio/{ACCOUNT}/position/x").json() == []


def test_invalidate(primed: httpx.Client) -> None:
    answer = primed.post(f"/portfolio/{ACCOUNT}/positions/invalidate")
    assert answer.json() == {"message": "success"}


def test_ledger(primed: httpx.Client) -> None:
    body = primed.get(f"/portfolio/{ACCOUNT}/ledger").json()
    assert body.keys() == {"USD", "EUR", "JPY", "BASE"}
    assert body["USD"].keys() == body["BASE"].keys()
    assert len(body["USD"]) == 31
    assert body["BASE"]["currency"] == body["BASE"]["secondkey"] == "BASE"
    parts = [body[name] for name in ("USD", "EUR", "JPY")]
    for key in ("cashbalance", "netliquidationvalue", "stockmarketvalue", "unrealizedpnl"):
        expected = sum(part[key] * part["exchangerate"] for part in parts)
        assert body["BASE"][key] == pytest.approx(expected)


def test_summary(primed: httpx.Client) -> None:
    body = primed.get(f"/portfolio/{ACCOUNT}/summary").json()
    assert {"accountcode", "netliquidation", "buyingpower", "totalcashvalue"} <= body.keys()
    for item in body.values():
        assert item.keys() == {"amount", "currency", "isNull", "timestamp", "value", "severity"}
    assert body["accountcode"]["value"] == ACCOUNT
    assert float(body["netliquidation"]["value"]) == body["netliquidation"]["amount"]


def test_brokerage_accounts(api: httpx.Client) -> None:
    body = api.get("/iserver/accounts").json()
    assert body["accounts"] == [ACCOUNT]
    assert body["selectedAccount"] == ACCOUNT
    assert body["isPaper"] is True
    assert body["acctProps"].keys() == {ACCOUNT}


def test_orders(gateway: SimulatedGateway, api: httpx.Client) -> None:
    path = "/iserver/account/orders"
    refused = api.get(path)
    assert refused.status_code == 500
    assert refused.json() == {"error": "Please query /accounts first", "statusCode": 500}
    api.get("/iserver/accounts")
    empty = {"orders": [], "snapshot": False}
    assert api.get(path).json() == empty
    first, second = api.get(path).json()["orders"]
    assert first["orderId"] != second["orderId"]
    assert first["status"] == "Submitted"
    assert type(first["totalSize"]) is float
    assert type(first["price"]) is str
    assert len(first["lastExecutionTime"]) == 12
    assert api.get(path, params={"force": "true"}).json() == empty
    assert len(api.get(path).json()["orders"]) == 2
    gateway.login()
    assert api.get(path).status_code == 500
