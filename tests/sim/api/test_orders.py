"""Tests of orders over REST and WebSocket, with a stopped clock."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from bezant.sim import Clock, Contract, Held, Scenario, SimulatedGateway, Working
from bezant.sim._market.books import Books

ACCOUNT = "DU1234567"
APPLE = 265598
ORDERS = f"/iserver/account/{ACCOUNT}/orders"
Open = Callable[..., Any]
Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    scenario = Scenario(
        held=[Held("AAPL", 100, 200), Held("SIE", 5)],
        cash={"USD": 100_000, "EUR": "500.5"},
        prices={"AAPL": 250, 272093: "400"},
        value_limit=100_000,
        without_data=frozenset({"KO"}),
    )
    with SimulatedGateway(
        scenario=scenario, clock=Clock.by_hand(), quote_interval=0.1, heartbeat_interval=1e6
    ) as running:
        running.set_price("AAPL", 250)
        yield running


@pytest.fixture
def trader(api: httpx.Client) -> httpx.Client:
    api.get("/iserver/accounts")
    api.get("/portfolio/accounts")
    api.get("/iserver/account/orders")
    api.get("/iserver/account/trades")
    return api


def row(side: str = "BUY", quantity: Any = 10, kind: str = "LMT", **more: Any) -> dict[str, Any]:
    ticket = {"conid": APPLE, "side": side, "quantity": quantity, "orderType": kind, "tif": "DAY"}
    return {name: value for name, value in (ticket | more).items() if value is not None}


def place(api: httpx.Client, *rows: dict[str, Any]) -> Any:
    answer = api.post(ORDERS, json={"orders": rows})
    assert answer.status_code == 200, answer.text
    return answer.json()


def orders(api: httpx.Client, **params: str) -> dict[int, dict[str, Any]]:
    found = api.get("/iserver/account/orders", params=params).json()["orders"]
    return {each["orderId"]: each for each in found}


def statuses(gateway: SimulatedGateway) -> list[str]:
    return [each.status for each in gateway.orders]


def test_accounts_come_first(api: httpx.Client) -> None:
    for method, path in (
        ("POST", ORDERS), ("GET", "/iserver/account/trades"), ("DELETE", f"{ORDERS[:-1]}/1"),
        ("POST", f"{ORDERS}/whatif"), ("GET", "/iserver/account/order/status/1"),
    ):  # fmt: skip
        answer = api.request(method, path, content=b"{}" if method == "POST" else None)
        assert answer.status_code == 500, path
        assert answer.json()["error"] == "Please query /accounts first"


def test_an_order_that_fills(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    [placed] = place(trader, row(kind="MKT", cOID="first"))
    assert placed == {
        "order_id": str(gateway.orders[0].order_id), "order_status": "PreSubmitted",
        "encrypt_message": "1", "local_order_id": "first",
    }  # fmt: skip
    number = int(placed["order_id"])
    shown = orders(trader)[number]
    assert shown["orderDesc"] == "Bought 10 AAPL Market, Day"
    assert (shown["status"], shown["avgPrice"], shown["price"]) == ("Filled", "250.01", "")
    assert (shown["order_ref"], shown["timeInForce"], shown["side"]) == ("first", "CLOSE", "BUY")
    assert (shown["filledQuantity"], shown["remainingQuantity"]) == (10.0, 0.0)
    [trade] = trader.get("/iserver/account/trades").json()
    assert (trade["order_id"], trade["order_ref"], trade["side"]) == (number, "first", "B")
    assert (trade["size"], trade["price"], trade["commission"]) == (10.0, "250.01", "1.00")
    assert trade["net_amount"] == 2500.1
    status = trader.get(f"/iserver/account/order/status/{number}").json()
    assert (status["order_status"], status["cum_fill"], status["size"]) == ("Filled", "10.0", "0.0")
    assert status["order_description_with_contract"] == "Bought 10 AAPL Market, Day"
    assert status["order_description"] == "Bought 10 Market, Day"
    [held] = trader.get(f"/portfolio/{ACCOUNT}/position/{APPLE}").json()
    assert (held["position"], held["mktValue"]) == (110.0, 27_500.0)
    assert held["avgCost"] == pytest.approx((100 * 200 + 2500.1 + 1) / 110, abs=1e-6)
    assert gateway.position("AAPL") == 110
    assert gateway.cash == {"USD": Decimal("97498.90"), "EUR": Decimal("500.5")}
    assert [each.quantity for each in gateway.executions] == [10]


def test_everything_says_the_same(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    place(trader, row(kind="MKT"))
    place(trader, row("SELL", 60, "MKT"))
    ledger = trader.get(f"/portfolio/{ACCOUNT}/ledger").json()
    summary = trader.get(f"/portfolio/{ACCOUNT}/summary").json()
    rows = trader.get(f"/portfolio/{ACCOUNT}/positions/0").json()
    allocation = trader.get(f"/portfolio/{ACCOUNT}/allocation").json()
    rate = ledger["EUR"]["exchangerate"]
    assert ledger["USD"]["cashbalance"] == float(gateway.cash["USD"])
    assert summary["totalcashvalue"]["amount"] == ledger["BASE"]["cashbalance"]
    net = summary["netliquidation"]["amount"]
    assert net == ledger["BASE"]["netliquidationvalue"]
    value = sum(each["mktValue"] * (rate if each["currency"] == "EUR" else 1) for each in rows)
    assert net == pytest.approx(ledger["BASE"]["cashbalance"] + value, abs=0.02)
    assert allocation["assetClass"]["long"]["STK"] == pytest.approx(value, abs=0.02)
    assert allocation["assetClass"]["long"]["CASH"] == ledger["BASE"]["cashbalance"]
    gain = next(each["realizedPnl"] for each in rows if each["conid"] == APPLE)
    assert ledger["USD"]["realizedpnl"] == gain > 0
    uncached = trader.get(f"/portfolio2/{ACCOUNT}/positions").json()
    assert [each["position"] for each in uncached] == [each["position"] for each in rows]
    meta = trader.get(f"/portfolio/{ACCOUNT}/meta").json()
    assert meta["id"] == ACCOUNT


def test_lists_begin_empty(api: httpx.Client) -> None:
    api.get("/iserver/accounts")
    place(api, row(kind="MKT"))
    assert api.get("/iserver/account/orders").json() == {"orders": [], "snapshot": False}
    assert len(orders(api)) == 1
    assert orders(api, force="true") == {}
    assert api.get("/iserver/account/trades").json() == []
    assert len(api.get("/iserver/account/trades").json()) == 1


def test_filters(trader: httpx.Client) -> None:
    place(trader, row(kind="MKT"))
    place(trader, row(price=249))
    assert [each["status"] for each in orders(trader).values()] == ["Filled", "Submitted"]
    assert [each["status"] for each in orders(trader, filters="submitted").values()] == [
        "Submitted"
    ]
    assert len(orders(trader, filters="filled,pre_submitted,sort_by_time")) == 1
    # Filters in the spelling of responses match nothing.
    assert orders(trader, filters="Filled,Submitted") == {}


def test_the_days_of_trades_hold_until_the_next_request_with_days(
    gateway: SimulatedGateway, trader: httpx.Client
) -> None:
    place(trader, row(kind="MKT"))
    gateway.clock.advance(2 * 86_400)
    path = "/iserver/account/trades"
    assert trader.get(path).json() == []
    assert len(trader.get(path, params={"days": 7}).json()) == 1
    assert len(trader.get(path).json()) == 1
    assert trader.get(path, params={"days": 1}).json() == trader.get(path).json() == []


def test_the_status_of_a_bracket_names_its_parts(
    gateway: SimulatedGateway, trader: httpx.Client
) -> None:
    child, parent = place(
        trader,
        row(price=249, cOID="entry"),
        row("SELL", kind="STP", price=240, parentId="entry"),
    )
    path = "/iserver/account/order/status"
    upper = trader.get(f"{path}/{parent['order_id']}").json()
    lower = trader.get(f"{path}/{child['order_id']}").json()
    assert upper["children_order_ids"] == [child["order_id"]]
    assert lower["parent_order_id"] == lower["oca_group_id"] == parent["order_id"]
    assert lower["oca_group_type"] == "ReduceOnFillNonBlock"
    assert (upper["limit_price"], upper["stop_price"]) == ("249.00", "")
    assert (lower["limit_price"], lower["stop_price"]) == ("", "240.00")
    assert "parent_order_id" not in upper
    assert "children_order_ids" not in lower
    assert upper["all_or_none"] is lower["all_or_none"] is False


def test_old_orders_and_trades_go(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    place(trader, row(kind="MKT"))
    place(trader, row(price=249, tif="GTC"))
    gateway.clock.advance(2 * 86_400)
    assert [each["status"] for each in orders(trader).values()] == ["Submitted"]
    assert trader.get("/iserver/account/trades").json() == []
    assert len(trader.get("/iserver/account/trades", params={"days": "7"}).json()) == 1


def test_modify_and_cancel(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    [placed] = place(trader, row(price=249, tif="GTC", cOID="x"))
    path = f"/iserver/account/{ACCOUNT}/order/{placed['order_id']}"
    [changed] = trader.post(path, json=row(price=248, quantity=20, tif="GTC")).json()
    assert changed["order_id"] == placed["order_id"]
    [order] = gateway.orders
    assert (order.spec.limit, order.spec.quantity) == (Decimal(248), Decimal(20))
    assert order.spec.client_id == "x"
    [asked] = trader.post(path, json=row(price=100, tif="GTC")).json()
    assert asked["messageIds"] == ["o163"]
    [changed] = trader.post(f"/iserver/reply/{asked['id']}", json={"confirmed": True}).json()
    assert changed["order_status"] == "Submitted"
    assert gateway.orders[0].spec.limit == 100
    answer = trader.delete(path)
    assert answer.json() == {
        "msg": "Request was submitted", "order_id": int(placed["order_id"]), "conid": -1,
        "account": None,
    }  # fmt: skip
    assert statuses(gateway) == ["PendingCancel"]
    gateway.clock.advance(1)
    assert statuses(gateway) == ["Cancelled"]
    for again in (trader.delete(path), trader.delete(path + "9"), trader.post(path + "9")):
        assert again.status_code == 400
        assert "error" in again.json()
    refused = trader.post(path, json=row(price=248))
    assert "Cancelled" in refused.json()["error"]
    assert trader.delete(path.replace(ACCOUNT, "DU1")).status_code == 400
    assert trader.post(path, json=row(kind="ODD")).status_code == 400


def test_cancelling_everything(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    place(trader, row(price=249))
    place(trader, row(price=248))
    trader.delete(f"/iserver/account/{ACCOUNT}/order/-1")
    gateway.clock.advance(1)
    assert [each.status for each in gateway.orders] == ["Cancelled", "Cancelled"]


def test_bracket(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    # The response lists the exits before the parent, as recorded responses do.
    gain, loss, parent = place(
        trader,
        row(price=249, cOID="entry"),
        row("SELL", price=260, parentId="entry", tif="GTC"),
        row("SELL", kind="STP", price=240, parentId="entry", tif="GTC"),
    )
    assert gain["parent_order_id"] == loss["parent_order_id"] == parent["order_id"]
    assert {each["order_status"] for each in (parent, gain, loss)} == {"PreSubmitted"}
    assert statuses(gateway) == ["Submitted", "PreSubmitted", "PreSubmitted"]
    gateway.set_price("AAPL", "248.5")
    gateway.set_price("AAPL", 230)
    rows = orders(trader)
    assert [each["status"] for each in rows.values()] == ["Filled", "Cancelled", "Filled"]
    assert rows[int(loss["order_id"])]["orderDesc"] == "Sold 10 AAPL Stop 240.00, GTC"
    assert rows[int(gain["order_id"])]["parentId"] == int(parent["order_id"])
    assert "order_cancellation_by_system_reason" in rows[int(gain["order_id"])]
    assert gateway.position(APPLE) == 100


def test_group(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    place(
        trader,
        row(price=249, isSingleGroup=True),
        row(conid=272093, price=398, isSingleGroup=True),
    )
    gateway.set_price("AAPL", 240)
    assert [each.status for each in gateway.orders] == ["Filled", "Cancelled"]


def test_questions_in_a_chain(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    gateway.ask("o10153")
    gateway.ask("p12")
    [asked] = place(trader, row(quantity=20_000, price=5))
    kinds: list[str] = []
    for _ in range(3):
        keys = {"id", "message", "isSuppressed", "messageIds", "messageOptions"}
        if asked["messageIds"] == ["o10153"]:
            keys |= {"isSuppressible", "defaultSuppressionOption"}
            assert asked["messageOptions"] == ["Decline", "Accept and Continue"]
        assert asked.keys() == keys
        kinds += asked["messageIds"]
        assert gateway.orders == []
        [asked] = trader.post(f"/iserver/reply/{asked['id']}", json={"confirmed": True}).json()
    assert kinds == ["o163", "o383", "o10153"]
    assert asked["order_status"] == "PreSubmitted"
    [asked] = place(trader, row(price=249))
    assert asked["messageIds"] == ["p12"]
    assert "order_id" in place(trader, row(price=249))[0]


@pytest.mark.parametrize(
    ("ticket", "kind"),
    [
        (row(price=300), "o163"),
        (row("SELL", kind="STP", price=240), "o10331"),
        (row(conid=8894, kind="MKT"), "o354"),
        (row(quantity=450, price=250), "o451"),
        (row(quantity=None, cashQty=1000, kind="MKT"), "o10223"),
    ],
)
def test_orders_that_raise_a_question(
    gateway: SimulatedGateway, trader: httpx.Client, ticket: dict[str, Any], kind: str
) -> None:
    [asked] = place(trader, ticket)
    assert asked["messageIds"] == [kind]
    answer = trader.post(f"/iserver/reply/{asked['id']}", json={"confirmed": False})
    assert answer.json() == {"error": "Order not confirmed"}
    assert gateway.orders == []
    path = "/iserver/questions/suppress"
    assert trader.post(path, json={"messageIds": [kind]}).json() == {"status": "submitted"}
    assert "order_id" in place(trader, ticket)[0]
    assert trader.post(f"{path}/reset").json() == {"status": "submitted"}
    assert "id" in place(trader, ticket)[0]


def test_money_instead_of_a_quantity(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    trader.post("/iserver/questions/suppress", json={"messageIds": ["o10223"]})
    place(trader, row(quantity=None, cashQty=1000, kind="MKT"))
    assert gateway.orders[0].filled == 3
    too_little = place(trader, row(quantity=None, cashQty=10, kind="MKT"))
    assert "one unit" in too_little["error"]


def test_questions_that_went(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    def reply(name: str) -> httpx.Response:
        return trader.post(f"/iserver/reply/{name}", json={"confirmed": True})

    answer = reply("none")
    assert (answer.status_code, answer.json()) == (200, {"error": "reply id not found: 'none'"})
    [first] = place(trader, row(price=300))
    [second] = place(trader, row(price=310))
    # The gateway keeps open questions about one order only: the question about the second order
    # replaced the first one.
    assert reply(first["id"]).status_code == 503
    gateway.clock.advance(61)
    answer = reply(second["id"])
    assert answer.status_code == 503
    assert answer.json() == {"error": "Service Unavailable", "statusCode": 503}
    [third] = place(trader, row(price=300))
    gateway.drop_brokerage()
    gateway.login()
    assert reply(third["id"]).status_code == 503
    trader.get("/iserver/accounts")
    [fourth] = place(trader, row(price=300, quantity=20))
    assert reply(fourth["id"]).json()[0]["order_status"] == "PreSubmitted"
    assert statuses(gateway) == ["Filled"]
    assert reply(fourth["id"]).status_code == 503
    assert len(gateway.orders) == 1


def test_another_order_ends_a_question(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    [question] = place(trader, row(price=300))
    assert "order_id" in place(trader, row(price=250))[0]
    answer = trader.post(f"/iserver/reply/{question['id']}", json={"confirmed": True})
    assert answer.status_code == 503
    assert len(gateway.orders) == 1


def test_another_request_ends_a_question_if_wanted(
    gateway: SimulatedGateway, trader: httpx.Client
) -> None:
    fault = gateway.faults.end_questions()
    for between, status in (("/tickle", 503), ("", 200)):
        [question] = place(trader, row(price=300))
        if between:
            trader.get(between)
        answer = trader.post(f"/iserver/reply/{question['id']}", json={"confirmed": True})
        assert answer.status_code == status
    assert (fault.hits, len(gateway.orders)) == (1, 1)
    assert gateway.faults.happened[-1].path == "/v1/api/tickle"
    fault.cancel()
    [question] = place(trader, row(price=300))
    trader.get("/tickle")
    answer = trader.post(f"/iserver/reply/{question['id']}", json={"confirmed": True})
    assert answer.status_code == 200


def test_trailing_stops(gateway: SimulatedGateway, trader: httpx.Client, open_ws: Open) -> None:
    trader.post("/iserver/questions/suppress", json={"messageIds": ["o163"]})
    [question] = place(trader, row("SELL", kind="TRAIL", trailingAmt=5, trailingType="amt"))
    assert question["messageIds"] == ["o10331"]
    answer = trader.post(f"/iserver/reply/{question['id']}", json={"confirmed": True})
    number = int(answer.json()[0]["order_id"])
    trader.post("/iserver/questions/suppress", json={"messageIds": ["o10331"]})
    limited = row("SELL", kind="TRAILLMT", price=243, auxPrice=245, trailingAmt=2, trailingType="%")
    other = int(place(trader, limited)[0]["order_id"])
    shown = orders(trader)
    assert (shown[number]["orderType"], shown[number]["price"]) == ("Trailing Stop", "245.00")
    assert shown[number]["origOrderType"] == "TRAILING_STOP"
    assert shown[number]["status"] == "PreSubmitted"
    assert (shown[other]["orderType"], shown[other]["price"]) == ("Trailing Stop Limit", "243.00")
    assert shown[other]["auxPrice"] == "245.00"
    ws = open_ws()
    ws.send("sor+{}")
    ws.message("sor")
    gateway.set_price("AAPL", 260)
    gateway.clock.advance(0.1)
    moved = {each["orderId"]: each for each in ws.message("sor")["args"]}
    assert (moved[number]["price"], moved[other]["auxPrice"]) == ("255.00", "254.80")
    assert moved[other]["price"] == "252.80"
    status = trader.get(f"/iserver/account/order/status/{number}").json()
    assert (status["order_type"], status["stop_price"]) == ("TRAILING_STOP", "255.00")
    change = row("SELL", 20, kind="TRAIL", trailingAmt=5, trailingType="amt")
    trader.post(f"/iserver/account/{ACCOUNT}/order/{number}", json=change)
    assert gateway.orders[0].spec.stop == 255
    gateway.set_price("AAPL", 255)
    assert statuses(gateway) == ["Filled", "PreSubmitted"]
    assert gateway.position("AAPL") == 80
    gateway.set_price("AAPL", 254)
    assert statuses(gateway) == ["Filled", "Filled"]


def test_midprice(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    [placed] = place(trader, row(kind="MIDPRICE"))
    shown = orders(trader)[int(placed["order_id"])]
    assert (shown["orderType"], shown["avgPrice"]) == ("MidPrice", "250.00")
    # For MIDPRICE, `price` is a cap. A cap far from the market raises no question.
    [waiting] = place(trader, row(kind="MIDPRICE", price=100))
    assert orders(trader)[int(waiting["order_id"])]["status"] == "Submitted"
    [future, *_] = gateway._state.catalogue.futures("ES")
    more: dict[str, Any] = {"conid": future.conid, "manualIndicator": True, "extOperator": "me"}
    refused = place(trader, row(kind="MIDPRICE", **more))["error"]
    assert refused == "Order type MIDPRICE is not supported for this contract"


def test_suppressing_needs_kinds(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    path = "/iserver/questions/suppress"
    for ids in ([], [f"o{number}" for number in range(52)], "o163", None):
        assert trader.post(path, json={"messageIds": ids}).status_code == 500
    trader.post(path, json={"messageIds": ["o163"]})
    gateway.login()
    trader.get("/iserver/accounts")
    assert "id" in place(trader, row(price=300))[0]


@pytest.mark.parametrize(
    ("ticket", "status", "text"),
    [
        (row(conid=None), 400, "conid or conidex is required"),
        (row(conid="265598"), 400, "java.lang.String cannot be cast to java.lang.Number"),
        (row(conid=True), 400, "parameter conid with incorrect type"),
        (row(conid=99, price=5), 200, "no sec defs returned forSecDef 99"),
        (row("HOLD"), 400, "Invalid Side"),
        (row(kind="SOMEHOW"), 400, "Unknown order type"),
        (row(kind="MOC", tif="GTC"), 200, '"BUY 10 AAPL NASDAQ.NMS"\nInvalid time-in-force'),
        (row(kind="LOC", tif="IOC", price=250), 200, "Invalid time-in-force for at-the-closing"),
        (row(kind="LOC"), 200, "Invalid order price fields"),
        (row(kind="MIDPRICE", price=0), 200, "Invalid order price fields"),
        (row(kind="TRAIL"), 200, "Invalid trailing amount or type"),
        (row(kind="TRAIL", trailingAmt=1), 200, "Invalid trailing amount or type"),
        (row(kind="TRAIL", trailingAmt=0, trailingType="amt"), 200, "Invalid trailing amount"),
        (row(kind="TRAIL", trailingAmt=100, trailingType="%"), 200, "Invalid trailing amount"),
        (row(kind="TRAIL", trailingAmt="0.005", trailingType="amt"), 200, "Invalid order price"),
        (row(kind="TRAILLMT", trailingAmt=1, trailingType="amt", price=5), 200, "Invalid order"),
        (row(tif=None, price=5), 200, "null time in force is not supported for this order"),
        (row(tif="OPG", price=5), 200, "opg time in force is not supported for this order"),
        (row(), 200, "Invalid order price fields"),
        (row(price="250.005"), 200, "Invalid order price fields"),
        (row(price=-1), 200, "Invalid order price fields"),
        (row(kind="STOP_LIMIT", price=1), 200, "Invalid order price fields"),
        (row(quantity=None, price=5), 400, "quantity or cashQty is required"),
        (row(quantity=0, price=5), 400, "quantity or cashQty is required"),
        (row(quantity="many", price=5), 400, "parameter quantity with incorrect type"),
        (row(quantity="1e1000", price=5), 400, "parameter quantity with incorrect type"),
        (row(cashQty=5, price=5), 400, "quantity or cashQty is required"),
        (row(cOID="x" * 65, price=5), 400, "cOID is longer"),
        (row(acctId="DU9", price=5), 400, "account DU9 is not available"),
        (row(quantity=9000, price=250), 200, "initial margin"),
        (row("SELL", price=250, parentId="nobody"), 200, "Parent order nobody"),
    ],
    ids=str,
)
def test_refusals(
    gateway: SimulatedGateway, trader: httpx.Client, ticket: dict[str, Any], status: int, text: str
) -> None:
    answer = trader.post(ORDERS, json={"orders": [ticket]})
    assert answer.status_code == status
    assert answer.json()["error"].startswith(text) or text in answer.json()["error"]
    assert gateway.orders == []


@pytest.mark.parametrize("kind", ["MIT", "LIT", "REL"])
def test_the_refusal_of_a_type_that_ibkr_accepts_is_marked_as_invented(
    gateway: SimulatedGateway, trader: httpx.Client, kind: str
) -> None:
    refused = trader.post(ORDERS, json={"orders": [row(kind=kind, price=250)]})
    assert refused.json()["error"] == f"Order type {kind} is not supported for this contract"
    assert refused.headers["x-simulated"] == "invented"
    assert [each.path for each in gateway.invented] == [f"/v1/api{ORDERS}"]


def test_orders_at_the_close(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    [market] = place(trader, row(kind="MOC", quantity=45))
    [limit] = place(trader, row(kind="LOC", price="249.50"))
    [low] = place(trader, row("SELL", kind="LOC", price="250.50"))
    shown = orders(trader)[int(market["order_id"])]
    # These values are recorded.
    assert {name: shown[name] for name in RECORDED_AT_CLOSE} == RECORDED_AT_CLOSE
    status = trader.get(f"/iserver/account/order/status/{limit['order_id']}").json()
    assert (status["order_type"], status["limit_price"]) == ("LIMITONCLOSE", "249.50")
    gateway.clock.advance(5 * 3600)  # 15:00 in New York
    assert statuses(gateway) == ["Submitted"] * 3
    gateway.set_price("AAPL", 249, size=1)
    gateway.clock.advance(3601)
    assert statuses(gateway) == ["Filled", "Filled", "Cancelled"]
    assert {each.price for each in gateway.executions} == {Decimal(249)}
    assert orders(trader)[int(low["order_id"])]["status"] == "Cancelled"
    assert gateway.position("AAPL") == 155


RECORDED_AT_CLOSE = {
    "orderDesc": "Buy 45 AAPL MKT CLS, Day", "orderType": "MARKETONCLOSE",
    "origOrderType": "MARKETONCLOSE", "status": "Submitted", "order_ccp_status": "Submitted",
    "sizeAndFills": "0/45", "price": "", "timeInForce": "CLOSE", "bgColor": "#000000",
    "fgColor": "#00F000",
}  # fmt: skip


def test_bodies_that_are_refused(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    for body in (b"no json", b"[]", b'{"orders":5}', b'{"orders":[]}', b'{"orders":[5]}'):
        answer = trader.post(ORDERS, content=body)
        assert answer.status_code == 400, body
    assert trader.post(ORDERS.replace(ACCOUNT, "DU1"), json={"orders": [row()]}).status_code == 400
    [contract, *_] = trader.get("/trsrv/futures", params={"symbols": "ES"}).json()["ES"]
    future = row(conid=contract["conid"], price=6890)
    answer = trader.post(ORDERS, json={"orders": [future]})
    assert (answer.status_code, answer.content) == (400, b"")
    place(trader, row(price=249, cOID="twice"))
    again = place(trader, row(price=249, cOID="twice"))
    assert again == {"error": "Local order ID=twice is already registered."}
    assert len(gateway.orders) == 1


def test_order_status_of_nothing(trader: httpx.Client) -> None:
    for number in ("5", "x"):
        answer = trader.get(f"/iserver/account/order/status/{number}")
        assert answer.status_code == 503
        assert answer.json() == {"error": f"Order {number} is not found", "statusCode": 503}
    [placed] = place(trader, row(price=249))
    status = trader.get(f"/iserver/account/order/status/{placed['order_id']}").json()
    assert (status["limit_price"], status["total_size"]) == ("249.00", "10.0")
    assert "average_price" not in status


def test_what_if(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    path = f"{ORDERS}/whatif"
    body = trader.post(path, json={"orders": [row(price=250)]}).json()
    assert body["amount"] == {
        "amount": "2,500.00 USD (10 Shares)", "commission": "1.00 USD", "total": "2,501.00 USD",
    }  # fmt: skip
    assert body["position"] == {"current": "100", "change": "10", "after": "110"}
    assert body["initial"]["change"] == "625.00"
    assert body["equity"]["change"] == "-1.00"
    assert body["error"] is None
    assert body["warn"].startswith("21/")
    trader.get("/iserver/marketdata/snapshot", params={"conids": APPLE, "fields": "31"})
    body = trader.post(path, json={"orders": [row(price=250, quantity=5000)]}).json()
    assert body["warn"] is None
    assert body["error"].startswith("Available converted to base: ")
    assert body["errors"] == [body["error"]]
    assert (body["equity"], body["amount"]["commission"]) == (None, "NA")
    assert {each["N"] for each in body["data"]} >= {"AFTER_POS", "AFTER_FUNDS"}
    body = trader.post(path, json={"orders": [row(kind="MKT")]}).json()
    assert body["warn"].startswith("23/")
    nothing = trader.post(path, json={"orders": [row(price=250, quantity=0)]})
    assert (nothing.status_code, nothing.json()["error"][:12]) == (500, "Order size 0")
    assert trader.post(path, json={"orders": [row("HOLD")]}).status_code == 400
    assert gateway.orders == []


def test_profit_and_loss(gateway: SimulatedGateway, trader: httpx.Client, open_ws: Open) -> None:
    path = "/iserver/account/pnl/partitioned"
    assert trader.get(path).json() == {"upnl": {}}
    ws = open_ws()
    ws.send("spl+{}")
    first = ws.message("spl")["args"][f"{ACCOUNT}.Core"]
    body = trader.get(path).json()["upnl"][f"{ACCOUNT}.Core"]
    assert body == {"el" if name == "uel" else name: value for name, value in first.items()}
    gateway.set_price("AAPL", 251)
    later = trader.get(path).json()["upnl"][f"{ACCOUNT}.Core"]
    assert later["upl"] - body["upl"] == later["dpl"] - body["dpl"] == pytest.approx(100)
    gateway.clock.advance(0.2)
    assert ws.message("spl")["args"][f"{ACCOUNT}.Core"]["rowType"] == 1


def test_switching_accounts(trader: httpx.Client) -> None:
    answer = trader.post("/iserver/account", json={"acctId": ACCOUNT})
    assert answer.json() == {"success": "Account already set"}
    assert trader.post("/iserver/account", json={"acctId": "DU1"}).status_code == 500


def test_a_contract_without_market_data(trader: httpx.Client, open_ws: Open) -> None:
    params = {"conids": "8894", "fields": "31"}
    trader.get("/iserver/marketdata/snapshot", params=params)
    [shown] = trader.get("/iserver/marketdata/snapshot", params=params).json()
    assert shown["6509"] == "N"
    assert "31" not in shown


def test_streams_report_an_order(
    gateway: SimulatedGateway, trader: httpx.Client, open_ws: Open
) -> None:
    place(trader, row(price=245, cOID="before"))
    ws, quiet, filtered = open_ws(), open_ws(), open_ws()
    ws.send("sor+{}")
    [before] = ws.message("sor")["args"]
    assert (before["order_ref"], before["status"]) == ("before", "Submitted")
    quiet.send('sor+{"realtimeUpdatesOnly":true}')
    filtered.send('sor+{"filters":["Filled"]}')
    ws.send('str+{"realtimeUpdatesOnly":true}')
    assert ws.message("str")["args"] == []
    for each in (ws, quiet, filtered):
        each.send("ech+hb")
        while each.raw() != b"ech+hb":
            pass
    gateway.set_price("AAPL", 250, size=6)
    [placed] = place(trader, row(kind="MKT", cOID="now"))
    gateway.clock.advance(0.1)
    number = int(placed["order_id"])
    assert placed["order_status"] == "PreSubmitted"
    [new] = ws.message("sor")["args"]
    assert (new["orderId"], new["sizeAndFills"], new["filledQuantity"]) == (number, "0/10", 0.0)
    assert (new["status"], new["order_ccp_status"]) == ("Inactive", "Pending Submit")
    for state in ("PendingSubmit", "PreSubmitted"):
        [step] = ws.message("sor")["args"]
        assert step.keys() <= {"acct", "orderId", "status", "bgColor", "fgColor"}
        assert (step["orderId"], step["status"]) == (number, state)
    [now] = ws.message("sor")["args"]
    assert (now["orderId"], now["filledQuantity"], now["status"]) == (number, 10.0, "Filled")
    bare, full = ws.message("str")["args"], ws.message("str")["args"]
    assert [each["size"] for each in full] == [6.0, 4.0]
    assert all("commission" not in each for each in bare)
    assert bare[0] | {"commission": "1.00"} == full[0]
    assert [each["orderId"] for each in quiet.message("sor")["args"]] == [number]
    gateway.clock.advance(0.1)
    [done] = filtered.message("sor")["args"]
    assert (done["orderId"], done["status"]) == (number, "Filled")


def test_a_filtered_list_silences_the_stream(
    gateway: SimulatedGateway, trader: httpx.Client, open_ws: Open
) -> None:
    ws = open_ws()
    ws.send("sor+{}")
    orders(trader, filters="filled")
    place(trader, row(price=249))
    gateway.clock.advance(0.1)
    assert ws.collect(0.05) == []
    orders(trader, force="true")
    gateway.clock.advance(0.1)
    assert len(ws.message("sor")["args"]) == 1


def test_trades_of_earlier_days(
    gateway: SimulatedGateway, trader: httpx.Client, open_ws: Open
) -> None:
    place(trader, row(kind="MKT"))
    gateway.clock.advance(2 * 86_400)
    place(trader, row("SELL", kind="MKT"))
    for days, count in ((1, 1), (5, 2)):
        ws = open_ws()
        ws.send(f'str+{{"days":{days}}}')
        assert ws.message("str")["args"] == []
        assert len(ws.message("str")["args"]) == count


def test_summary_and_ledger_follow_a_fill(
    gateway: SimulatedGateway, trader: httpx.Client, open_ws: Open
) -> None:
    ws = open_ws()
    ws.send(f'ssd+{ACCOUNT}+{{"keys":["TotalCashValue-S"],"fields":["monetaryValue"]}}')
    [first] = ws.message(f"ssd+{ACCOUNT}")["result"]
    assert first.keys() == {"key", "timestamp", "monetaryValue"}
    place(trader, row(kind="MKT"))
    gateway.clock.advance(2)
    [later] = ws.message(f"ssd+{ACCOUNT}")["result"]
    assert later["monetaryValue"] == pytest.approx(first["monetaryValue"] - 2501.1)


def test_market_data_follows_the_price(gateway: SimulatedGateway, open_ws: Open) -> None:
    ws = open_ws()
    ws.send(f'smd+{APPLE}+{{"fields":["31","84","86","7762"]}}')
    for _ in range(2):
        assert ws.message(f"smd+{APPLE}")["84"] == "249.99"
    gateway.set_price("AAPL", "251.5")
    gateway.clock.advance(0.1)
    assert ws.message(f"smd+{APPLE}")["86"] == "251.51"
    gateway.free_price("AAPL")
    gateway.clock.advance(60)
    assert ws.message(f"smd+{APPLE}")["31"] != "251.50"


def test_market_hours() -> None:
    scenario = Scenario(held=[], hours="regular")
    # The clock starts on a Saturday, when the market is closed.
    clock = Clock.by_hand(Clock.by_hand().now() + 3 * 86_400)
    with SimulatedGateway(scenario=scenario, clock=clock) as gateway:
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as api:
            api.get("/iserver/accounts")
            params = {"conids": str(APPLE), "fields": "31"}
            api.get("/iserver/marketdata/snapshot", params=params)
            [shown] = api.get("/iserver/marketdata/snapshot", params=params).json()
            assert shown["31"].startswith("C")
            [asked] = place(api, row(kind="MKT", tif="GTC"))
            assert asked["messageIds"] == ["o10151"]
            [placed] = api.post(f"/iserver/reply/{asked['id']}", json={"confirmed": True}).json()
            assert placed["order_status"] == "PreSubmitted"
            assert statuses(gateway) == ["PreSubmitted"]
            gateway.clock.advance(2 * 86_400)
            assert gateway.orders[0].status == "Filled"
            [shown] = api.get("/iserver/marketdata/snapshot", params=params).json()
            assert shown["31"][0].isdigit()


def test_a_halt(gateway: SimulatedGateway, trader: httpx.Client) -> None:
    params = {"conids": str(APPLE), "fields": "31,84"}
    trader.get("/iserver/marketdata/snapshot", params=params)
    gateway.halt("AAPL")
    gateway.set_price("AAPL", 240)
    gateway.clock.advance(60)
    [shown] = trader.get("/iserver/marketdata/snapshot", params=params).json()
    assert (shown["31"], shown["84"]) == ("H250.00", "249.99")
    [placed] = place(trader, row(kind="MKT"))
    assert placed["order_status"] == "PreSubmitted"
    assert statuses(gateway) == ["PreSubmitted"]
    gateway.resume("AAPL")
    assert statuses(gateway) == ["Filled"]
    [shown] = trader.get("/iserver/marketdata/snapshot", params=params).json()
    assert shown["31"].lstrip("CH") == "240.00"
    assert gateway.executions[0].price == Decimal("240.01")


def test_an_order_counts_although_its_response_is_lost(
    gateway: SimulatedGateway, trader: httpx.Client, until: Until
) -> None:
    body = json.dumps({"orders": [row(kind="MKT", cOID="lost")]}).encode()
    request = (
        f"POST /v1/api{ORDERS} HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", gateway.port)) as bare:
        with context.wrap_socket(bare) as connection:
            connection.sendall(request + body)
            until(lambda: gateway.orders)
    assert [each.spec.client_id for each in gateway.orders] == ["lost"]
    assert len(gateway.executions) == 1
    assert [each["order_ref"] for each in orders(trader).values()] == ["lost"]


def test_scenario_of_orders_and_positions() -> None:
    scenario = Scenario(
        held=[Held(8894, -5, "70.5")],
        orders=[
            Working("KO", "SELL", 3, limit=90),
            Working("MSFT", "BUY", 1, stop=500, kind="STP"),
        ],
        prices={"KO": 71},
        commissions=False,
    )
    gateway = SimulatedGateway(scenario=scenario, clock=Clock.by_hand())
    assert [each.status for each in gateway.orders] == ["Submitted", "PreSubmitted"]
    assert gateway.position("KO") == -5
    gateway.set_price("KO", 95)
    assert gateway.executions[0].commission == 0
    assert gateway.position("KO") == -8
    for wrong in ("NOSUCH", 5):
        with pytest.raises(ValueError, match="has no contract"):
            gateway.position(wrong)
        with pytest.raises(ValueError, match="has no contract"):
            SimulatedGateway(scenario=Scenario(held=[Held(wrong, 1)]))
    for price, size in ((0, 1), ("NaN", 1), ("x", 1), (5, -1)):
        with pytest.raises(ValueError, match=r"price|finite number"):
            gateway.set_price("KO", price, size=size)


def test_scenario_with_a_contract_of_its_own() -> None:
    mine = Contract(99, "MINE", "MY OWN INC", "LSE", 12.5)
    call = Contract(100, "MINE", "MY OWN INC", "LSE", 1.5, "OPT", "MINE CALL", 100, 12, right="C")
    scenario = Scenario(contracts=[mine, call], held=[Held("MINE", 10), Held(100, 2, 1)])
    with SimulatedGateway(scenario=scenario, clock=Clock.by_hand()) as gateway:
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as api:
            api.get("/portfolio/accounts")
            stock, option = api.get(f"/portfolio/{ACCOUNT}/positions/0").json()
            found = api.get("/trsrv/stocks", params={"symbols": "MINE"}).json()
    assert (stock["conid"], stock["mktValue"], stock["currency"]) == (99, 125.0, "GBP")
    assert (option["contractDesc"], option["mktValue"], option["avgCost"]) == (
        "MINE CALL", 300.0, 100.0,
    )  # fmt: skip
    assert found["MINE"][0]["contracts"][0]["conid"] == 99


@pytest.mark.parametrize(
    ("scenario", "text"),
    [
        (Scenario(contracts=[Contract(8894, "X", "X", "NYSE", 1)]), "conid is taken"),
        (Scenario(contracts=[Contract(9, "X", "X", "MOON", 1)]), "exchange is none of NASDAQ"),
        (Scenario(contracts=[Contract(9, "X", "X", "NYSE", 1, "CASH")]), "asset_class is none"),
        (Scenario(contracts=[Contract(9, "X", "X", "NYSE", 0)]), "price is not above 0"),
        (Scenario(cash={"XXX": 1}), "unknown currency 'XXX': use one of USD, EUR"),
        (Scenario(prices={"AAPL": "dear"}), "a finite number such as 100 or '1.5', not 'dear'"),
        (Scenario(held=[], cash={}, orders=[Working("KO", "BUY", 1, limit=9)]), "can't be placed"),
        (Scenario(orders=[Working("KO", "BUY", 1)]), "for LMT: limit"),
        (Scenario(orders=[Working("KO", "BUY", 1, limit=9, kind="MKT")]), "for MKT: none"),
        (Scenario(orders=[Working("KO", "BUY", -1, limit=9)]), "quantity above 0"),
        (Scenario(orders=[Working("KO", "BUY", 1, kind=cast("Any", "TRAIL"))]), "a kind that is"),
    ],
)
def test_scenarios_that_cannot_be(scenario: Scenario, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SimulatedGateway(scenario=scenario)


def test_an_account_without_funds_has_no_demo_orders() -> None:
    assert SimulatedGateway(scenario=Scenario(demo_orders=True, cash={})).orders == []
    given = [Working("KO", "BUY", 1, limit=9)]
    gateway = SimulatedGateway(scenario=Scenario(demo_orders=True, orders=given))
    assert len(gateway.orders) == 3


def test_the_two_orders_change_until_the_client_does_it() -> None:
    scenario = Scenario(demo_orders=True, prices={"MSFT": 467})
    gateway = SimulatedGateway(clock=Clock.by_hand(), scenario=scenario)
    filled, repriced = gateway.orders
    assert (filled.filled, repriced.spec.limit) == (Decimal(0), Decimal(455))
    gateway.clock.advance(10)
    filled, repriced = gateway.orders
    assert (filled.filled, repriced.spec.limit) == (Decimal(5), Decimal("455.5"))
    gateway.clock.advance(3600)
    filled, repriced = gateway.orders
    assert (filled.filled, filled.status) == (Decimal(99), "Submitted")
    assert len(gateway.executions) == 99


def test_the_order_that_is_repriced_costs_no_look_at_the_whole_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = Scenario(demo_orders=True)
    gateway = SimulatedGateway(clock=Clock.by_hand(), scenario=scenario)
    before = gateway.orders[1].spec.limit

    def looked(books: Books) -> None:
        raise AssertionError(books)

    monkeypatch.setattr(Books, "totals", looked)
    gateway.clock.advance(3)
    assert gateway.orders[1].spec.limit != before


def test_a_new_gateway_is_quick() -> None:
    SimulatedGateway(positions=250)
    begin = time.process_time()
    for _ in range(10):
        SimulatedGateway(positions=250)
    # Making a gateway takes about 10 ms. The limit of 100 ms leaves time for tests that run in
    # parallel.
    assert (time.process_time() - begin) / 10 < 0.1
