"""Tests of account summaries by segment, positions by contract, performance and transactions."""

from __future__ import annotations

import re

import httpx
import pytest

from bezant import Client
from bezant.sim import Clock, Held, Scenario, SimulatedGateway

ACCOUNT = "DU1234567"
AAPL = 265598


@pytest.fixture
def filled() -> SimulatedGateway:
    scenario = Scenario(held=[Held("AAPL", 100), Held("MSFT", 10)], cash={"USD": 10_000, "EUR": 5})
    return SimulatedGateway(scenario=scenario, clock=Clock.by_hand())


@pytest.mark.parametrize("part", ["available_funds", "balances", "margins"])
def test_parts_of_the_summary_are_texts_by_segment(filled: SimulatedGateway, part: str) -> None:
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        body = api.get(f"/iserver/account/{ACCOUNT}/summary/{part}").json()
        assert api.get(f"/iserver/account/DU0/summary/{part}").status_code == 401
        assert api.get(f"/iserver/account/{ACCOUNT}/summary/nosuch").status_code == 404
    assert body.keys() == {"total", "securities", "commodities", "Crypto at Paxos"}
    texts = {text for segment in body.values() for text in segment.values()}
    assert all(re.fullmatch(r"-?[\d,]+ USD|\d\.\d\d", text) for text in texts)


def test_market_values_are_by_currency(filled: SimulatedGateway) -> None:
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        body = api.get(f"/iserver/account/{ACCOUNT}/summary/market_value").json()
        whole = api.get(f"/iserver/account/{ACCOUNT}/summary").json()
    assert body.keys() == {"USD", "EUR"}
    assert (body["USD"]["total_cash"], body["EUR"]["total_cash"]) == ("10,000", "5")
    assert whole["totalCashValue"] == pytest.approx(10_000 + 5 * 1.17)
    assert {each["currency"] for each in whole["cashBalances"]} == {"USD", "EUR"}


def test_positions_by_contract(filled: SimulatedGateway) -> None:
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        path = f"/portfolio/positions/{AAPL}"
        assert api.get(path).json() == {}  # empty, because the accounts have not been requested yet
        api.get("/portfolio/accounts")
        [row] = api.get(path).json()[ACCOUNT]
        assert (row["conid"], row["position"]) == (AAPL, 100.0)
        assert api.get("/portfolio/positions/1").json() == {}
        assert api.get("/portfolio/DU0/combo/positions").status_code == 401
        assert api.get(f"/portfolio/{ACCOUNT}/combo/positions").status_code == 500
        one = api.post("/portfolio/allocation", json={"acctIds": [ACCOUNT]})
        assert one.json() == api.get(f"/portfolio/{ACCOUNT}/allocation").json()
        assert api.post("/portfolio/allocation", json={}).status_code == 400


@pytest.mark.parametrize("period", ["1D", "7D", "MTD", "1M", "3M", "6M", "12M", "YTD"])
def test_performance(filled: SimulatedGateway, period: str) -> None:
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        body = {"acctIds": [ACCOUNT], "period": period}
        found = api.post("/pa/performance", json=body).json()["nav"]
    [row] = found["data"]
    assert len(row["navs"]) == len(found["dates"]) >= 1
    assert found["dates"] == sorted(found["dates"])


def test_what_the_analyst_refuses(filled: SimulatedGateway) -> None:
    bodies: list[tuple[str, dict[str, object]]] = [
        ("allperiods", {}),
        ("performance", {"acctIds": [ACCOUNT]}),
        ("performance", {"acctIds": [ACCOUNT], "period": "1W"}),
        ("performance", {"acctIds": ["DU0"], "period": "1D"}),
        ("transactions", {"acctIds": [ACCOUNT], "conids": [AAPL]}),
        ("transactions", {"acctIds": [ACCOUNT], "conids": ["x"], "currency": "USD"}),
        ("transactions", {"acctIds": [ACCOUNT], "conids": 5, "currency": "USD"}),
    ]
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        for path, body in bodies:
            assert api.post(f"/pa/{path}", json=body).status_code == 400, (path, body)


def test_transactions_are_the_executions(filled: SimulatedGateway) -> None:
    with filled, Client(filled.base_url, pacing=False, retries=0) as client:
        client.api.accounts.get_brokerage_accounts()
        order = {"conid": AAPL, "side": "SELL", "orderType": "MKT", "tif": "DAY", "quantity": 3}
        client.request("POST", f"/iserver/account/{ACCOUNT}/orders", json={"orders": [order]})
        found = client.api.analyst.get_transactions(
            account_ids=[ACCOUNT], conids=[AAPL], currency="USD", days=3
        )
        [row] = found.transactions or []
        assert row.conid == AAPL
        assert row.quantity == -3
        assert row.amount
        assert row.amount > 0


def test_history_of_the_other_service(filled: SimulatedGateway) -> None:
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        params: dict[str, str | int] = {"conid": AAPL, "period": "2d", "bar": "1h"}
        body = api.get("/hmds/history", params=params).json()
        assert len(body["data"]) == body["points"] > 7
        assert re.fullmatch(r"\d{8}-09:30:00", body["startTime"])
        assert api.get("/hmds/history", params=params | {"period": "x"}).status_code == 400
        assert api.post("/hmds/scanner", json={}).status_code == 400


def test_a_bare_list_of_orders_is_refused(filled: SimulatedGateway) -> None:
    with filled, httpx.Client(base_url=filled.base_url, verify=False, timeout=60) as api:
        api.get("/iserver/accounts")
        answer = api.post(f"/iserver/account/{ACCOUNT}/orders", json=[{"conid": AAPL}])
        assert (answer.status_code, answer.json()) == (
            400,
            {"error": "Bad Request: Missing order parameters"},
        )
