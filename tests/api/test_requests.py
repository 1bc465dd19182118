"""Tests of the exact bytes of the requests of each kind of call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from bezant import InvalidRequest
from bezant._core.http.messages import Request
from bezant._core.http.operation import Operation
from bezant._core.http.request import build
from bezant._core.operations import (
    account_management,
    advisors,
    alerts,
    analyst,
    banking,
    market_data,
    oauth,
    orders,
    portfolio,
    reports,
    scanner,
    session,
    watchlists,
)
from bezant._core.operations._arrange import arrange, text_of
from bezant._core.operations._base import Endpoint
from bezant._core.settings.base_url import BaseUrl
from bezant._core.settings.connection import Tls
from bezant._core.settings.settings import Settings
from bezant.models.banking import (
    FopInstruction,
    TradingInstrument,
    TransferAssetRequest,
)
from bezant.models.orders import OrderTicket
from bezant.models.reports import StmtRequest
from bezant.models.scanner import ScanCondition

from .catalogue import ENDPOINTS

SETTINGS = Settings(BaseUrl.parse("https://localhost:5000/v1/api"), Tls("insecure"))


def request(endpoint: Endpoint, **values: object) -> Request:
    """Build the request of an endpoint's method, with None for all arguments that are not given."""
    names = [*endpoint.path, *endpoint.query, *endpoint.header, *endpoint.body, "body", "query"]
    path, params, json = arrange(endpoint, {**dict.fromkeys(names), **values})
    return build(endpoint.operation, SETTINGS, path=path, params=params, json=json)


def header(made: Request, name: str) -> str | None:
    return next((value for key, value in made.headers if key == name), None)


def test_placing_an_order() -> None:
    ticket = OrderTicket(
        conid=265598,
        side="BUY",
        order_type="LMT",
        time_in_force="DAY",
        price=Decimal("180.10"),
        quantity=5,
        client_order_id="mine-1",
    )
    made = request(orders.SUBMIT_NEW_ORDERS, account_id="DU1", orders=[ticket])
    assert made.target == "/v1/api/iserver/account/DU1/orders"
    assert made.body == (
        b'{"orders":[{"cOID":"mine-1","conid":265598,"orderType":"LMT","price":180.10,'
        b'"quantity":5,"side":"BUY","tif":"DAY"}]}'
    )
    assert header(made, "Content-Type") == "application/json"
    assert not made.operation.idempotent


def test_changing_an_order() -> None:
    made = request(
        orders.MODIFY_OPEN_ORDER,
        account_id="DU1",
        order_id=77,
        conid=265598,
        order_type="LMT",
        price=Decimal("1.50"),
        quantity=Decimal(5),
        side="SELL",
        time_in_force="GTC",
    )
    assert made.target == "/v1/api/iserver/account/DU1/order/77"
    assert made.body == (
        b'{"conid":265598,"orderType":"LMT","price":1.50,"quantity":5,"side":"SELL","tif":"GTC"}'
    )


def test_opening_the_session() -> None:
    made = request(session.INITIALIZE_SESSION, compete=True, publish=None)
    assert (made.target, made.body) == ("/v1/api/iserver/auth/ssodh/init", b'{"compete":true}')
    assert request(session.INITIALIZE_SESSION).body == b"{}"


def test_running_a_scanner() -> None:
    made = request(
        scanner.GET_SCANNER_RESULTS,
        instrument="STK",
        location="STK.US.MAJOR",
        type_="TOP_PERC_GAIN",
        filter_=[ScanCondition(code="priceAbove", value=5)],
    )
    assert made.body == (
        b'{"filter":[{"code":"priceAbove","value":5}],"instrument":"STK",'
        b'"location":"STK.US.MAJOR","type":"TOP_PERC_GAIN"}'
    )


def test_a_body_that_is_a_list() -> None:
    # No operation in IBKR's current document has a list as its body. If one had, the code generator
    # would write this `Endpoint`.
    operation = Operation("POST", "/somewhere", idempotent=True)
    row = Endpoint("id", "Do it.", operation, "Any", sends="whole")
    assert request(row, body=["a", {"b": Decimal("1.50")}]).body == b'["a",{"b":1.50}]'


def test_cancelling_an_order() -> None:
    made = request(orders.CANCEL_OPEN_ORDER, account_id="DU1", order_id=-1, manual_indicator=True)
    assert made.target == "/v1/api/iserver/account/DU1/order/-1?manualIndicator=true"
    assert made.body == b""


def test_an_object_without_fields() -> None:
    made = request(alerts.DELETE_ALERT, account_id="DU1", alert_id=0)
    assert (made.target, made.body) == ("/v1/api/iserver/account/DU1/alert/0", b"{}")


def test_no_body_and_no_query() -> None:
    made = request(session.TICKLE)
    assert (made.target, made.body) == ("/v1/api/tickle", b"")
    assert header(made, "Content-Length") == "0"
    assert header(made, "Content-Type") is None


def test_lists_in_a_query_are_joined() -> None:
    made = request(market_data.GET_MD_SNAPSHOT, conids=[1, 2], fields=["31", "84"])
    assert made.target == "/v1/api/iserver/marketdata/snapshot?conids=1,2&fields=31,84"
    made = request(orders.GET_OPEN_ORDERS, filters=["filled", "cancelled"], force=False)
    assert made.target.endswith("?filters=filled,cancelled&force=false")


def test_an_object_in_a_query_is_sent_field_by_field() -> None:
    made = request(
        account_management.GET_ACCOUNT_STATUSES, start_date="2026-01-01", end_date="2026-02-01"
    )
    assert made.target == ("/gw/api/v1/accounts/status?endDate=2026-02-01&startDate=2026-01-01")


@pytest.mark.parametrize("value", ["", ".", "..", " ", None, 1.5, True])
def test_path_values_that_cannot_be_sent(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        request(portfolio.GET_PORTFOLIO_LEDGER, account_id=value)


def test_path_values_are_encoded() -> None:
    made = request(portfolio.GET_PORTFOLIO_LEDGER, account_id="a/b?c d%")
    assert made.target == "/v1/api/portfolio/a%2Fb%3Fc%20d%25/ledger"


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.operation.name)
def test_every_path_is_filled(endpoint: Endpoint) -> None:
    values: dict[str, Any] = dict.fromkeys(endpoint.path, "a b")
    values |= {name: "BA" for name, form in endpoint.forms.items() if form == "fyi code"}
    made = request(endpoint, **values, **({"body": "x.y.z"} if endpoint.sends else {}))
    assert "{" not in made.target
    assert made.target.count("a%20b") == list(values.values()).count("a b")
    base = "" if endpoint.operation.path.startswith(("/gw/", "/oauth2/")) else "/v1/api"
    assert made.target.startswith(base + endpoint.operation.path.split("{")[0])


TRANSFER = TransferAssetRequest(
    instruction=FopInstruction(
        account_id="U1",
        client_instruction_id=5,
        contra_broker_account_id="x",
        contra_broker_dtc_code="534",
        direction="IN",
        quantity=Decimal("1.5"),
        trading_instrument=TradingInstrument(conid=1, currency="USD"),
    ),
    instruction_type="FOP",
)


def test_an_instruction() -> None:
    made = request(banking.TRANSFER_ASSET, body=TRANSFER, client_id="me")
    assert made.target == "/gw/api/v1/external-asset-transfers?client-id=me"
    assert made.body == (
        b'{"instruction":{"accountId":"U1","clientInstructionId":5,"contraBrokerAccountId":"x",'
        b'"contraBrokerDtcCode":"534","direction":"IN","quantity":1.5,'
        b'"tradingInstrument":{"conid":1,"currency":"USD"}},"instructionType":"FOP"}'
    )
    assert header(made, "Content-Type") == "application/json"


def test_a_signed_instruction_is_sent_as_it_is() -> None:
    made = request(banking.TRANSFER_ASSET, body="aaa.bbb.ccc")
    assert made.body == b"aaa.bbb.ccc"
    assert header(made, "Content-Type") == "application/jwt"
    made = request(account_management.CREATE_ACCOUNTS, body="aaa.bbb.ccc")
    assert (made.target, made.body) == ("/gw/api/v1/accounts", b"aaa.bbb.ccc")


@pytest.mark.parametrize("body", ["", " ", "é", None, b"aaa.bbb.ccc"])
def test_invalid_bodies(body: Any) -> None:
    with pytest.raises(InvalidRequest):
        request(banking.TRANSFER_ASSET, body=body)


def test_headers() -> None:
    body = StmtRequest(account_id="U1", start_date="20260101", end_date="20260131")
    made = request(reports.GET_STATEMENT, body=body, authorization="Bearer x")
    assert header(made, "authorization") == "Bearer x"
    assert made.body == b'{"accountId":"U1","endDate":"20260131","startDate":"20260101"}'
    made = request(oauth.REQUEST_TEMPORARY_TOKEN, authorization='OAuth a="b"')
    assert header(made, "Authorization") == 'OAuth a="b"'
    assert header(made, "Content-Type") is None
    assert "Bearer" not in repr(made)
    with pytest.raises(InvalidRequest, match="authorization"):
        request(reports.GET_STATEMENT, body=body, authorization="a\r\nb: c")


def test_a_form() -> None:
    made = request(oauth.GENERATE_TOKEN, client_id="a&b", client_assertion="x.y")
    assert made.target == "/oauth2/api/v1/token"
    assert made.body == b"clientAssertion=x.y&clientId=a%26b"
    assert header(made, "Content-Type") == "application/x-www-form-urlencoded"


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        request(advisors.SET_MODEL_TARGET_POSITIONS, position_targets=[{"target": float("nan")}])


@pytest.mark.parametrize(
    ("text", "read"), [('"done"', "done"), ("done", "done"), ('"a', '"a'), ("", "")]
)
def test_text_responses(text: str, read: str) -> None:
    assert text_of(text) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", True),
        ("price", "dear"),
        ("price", "NaN"),
        ("price", float("nan")),
        ("price", Decimal("Infinity")),
        ("price", b"1"),
        ("price", [1]),
        ("price", object),
        ("quantity", False),
        ("conid", 1.5),
        ("conid", "AAPL"),
        ("conid", True),
        ("outside_rth", "perhaps"),
        ("outside_rth", 7),
        ("side", 1),
        ("side", b"BUY"),
        ("side", True),
    ],
    ids=str,
)
def test_a_field_that_cannot_mean_what_it_holds(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest, match=f"{name} must be .*, not "):
        request(orders.MODIFY_OPEN_ORDER, account_id="DU1", order_id=77, **{name: value})


def test_a_list_is_no_single_value() -> None:
    ticket = OrderTicket(side="BUY", order_type="MKT", time_in_force="DAY")
    for endpoint, values in (
        (orders.SUBMIT_NEW_ORDERS, {"account_id": "DU1", "orders": ticket}),
        (orders.SUPPRESS_ORDER_REPLIES, {"message_ids": "o163"}),
        (orders.SUPPRESS_ORDER_REPLIES, {"message_ids": [1]}),
        (orders.CONFIRM_ORDER_REPLY, {"reply_id": "q", "confirmed": "sure"}),
    ):
        with pytest.raises(InvalidRequest, match=r"must be .*, not this"):
            request(endpoint, **values)


def test_unusual_but_valid_values_are_sent_unchanged() -> None:
    made = request(
        orders.MODIFY_OPEN_ORDER, account_id="DU1", order_id=77, price="1.50", quantity=2.5,
        conid=265598, outside_rth=False, side="BUY", ticker=None,
    )  # fmt: skip
    assert made.body == (
        b'{"conid":265598,"outsideRTH":false,"price":"1.50","quantity":2.5,"side":"BUY"}'
    )


def test_a_field_that_is_refused_is_not_shown() -> None:
    with pytest.raises(InvalidRequest) as caught:
        request(orders.MODIFY_OPEN_ORDER, account_id="DU1", order_id=77, ticker=b"geheim")
    assert "geheim" not in str(caught.value)


TICKET = OrderTicket(conid=1, side="BUY", order_type="LMT", time_in_force="DAY", quantity=1)
MODIFY = {"account_id": "DU1", "order_id": 1, "conid": 1, "quantity": 1}
GOOD = {"side": "BUY", "order_type": "LMT", "time_in_force": "DAY"}
WRONG: list[tuple[Endpoint, dict[str, Any], str]] = [
    (
        orders.SUBMIT_NEW_ORDERS,
        {"account_id": "DU1", "orders": [TICKET, msgspec.structs.replace(TICKET, side="BYU")]},
        r"orders\[1\]\.side must be one of 'BUY', 'SELL', not 'BYU'; nothing was sent",
    ),
    (
        orders.SUBMIT_NEW_ORDERS,
        {"account_id": "DU1", "orders": [msgspec.structs.replace(TICKET, time_in_force="FOK")]},
        r"orders\[0\]\.time_in_force must be one of 'DAY', ",
    ),
    (
        orders.PREVIEW_MARGIN_IMPACT,
        {"account_id": "DU1", "orders": (msgspec.structs.replace(TICKET, order_type="Limit"),)},
        r"orders\[0\]\.order_type must be one of 'LMT', .*, not 'Limit'",
    ),
    (orders.MODIFY_OPEN_ORDER, {**MODIFY, **GOOD, "side": "buy"}, "side must be one of 'BUY'"),
    (orders.MODIFY_OPEN_ORDER, {**MODIFY, **GOOD, "trailing_type": "percent"}, "trailing_type"),
    (orders.GET_OPEN_ORDERS, {"filters": ["filled", "Cancelled"]}, r"filters\[1\] must be one of"),
    (orders.GET_OPEN_ORDERS, {"filters": "Filled"}, "filters must be one of"),
    (analyst.GET_PERFORMANCE, {"account_ids": ["DU1"], "period": "5D"}, "period must be one of"),
    (portfolio.GET_UNCACHED_POSITIONS, {"account_id": "DU1", "direction": "up"}, "direction"),
    (market_data.GET_MD_HISTORY, {"conid": 1, "bar": "1d", "direction": 5}, "one of -1, 1, not 5"),
    (watchlists.GET_ALL_WATCHLISTS, {"scope": "MINE"}, "scope must be 'USER_WATCHLIST', not"),
]


@pytest.mark.parametrize(("endpoint", "values", "error"), WRONG)
def test_a_value_that_is_not_allowed_is_never_sent(
    endpoint: Endpoint, values: dict[str, Any], error: str
) -> None:
    with pytest.raises(InvalidRequest, match=error) as caught:
        request(endpoint, **values)
    assert str(caught.value).startswith(endpoint.operation.name)


PLAIN: dict[str, Any] = {"conid": 1, "side": "BUY", "orderType": "LMT", "tif": "DAY", "quantity": 1}
WRONG_PLAIN = [
    ({"side": "BYU"}, r"orders\[1\]\.side must be one of 'BUY', 'SELL', not 'BYU'"),
    ({"orderType": "Limit"}, r"orders\[1\]\.order_type must be one of 'LMT'"),
    ({"quantity": 0}, r"orders\[1\]\.quantity must be above 0"),
    ({"ordertype": "LMT"}, r"orders\[1\] has no field 'ordertype'; use the fields of OrderTicket"),
    ({5: "LMT"}, r"orders\[1\] has no field 5"),
    ({"order_type": "MKT"}, r"orders\[1\] has 'order_type' twice"),
    ({"side": None}, r"orders\[1\] has no side, which OrderTicket requires; nothing was sent"),
    ({"price": True}, r"OrderTicket: .*bool.*orders\[1\].price"),
    ({"price": float("nan")}, r"orders\[1\]\.price is not a finite number"),
]


@pytest.mark.parametrize(("wrong", "error"), WRONG_PLAIN)
@pytest.mark.parametrize("endpoint", [orders.SUBMIT_NEW_ORDERS, orders.PREVIEW_MARGIN_IMPACT])
def test_a_plain_ticket_is_checked_as_a_typed_one(
    endpoint: Endpoint, wrong: dict[Any, Any], error: str
) -> None:
    with pytest.raises(InvalidRequest, match=error):
        request(endpoint, account_id="DU1", orders=[TICKET, {**PLAIN, **wrong}])


def test_a_plain_ticket_is_sent_as_a_typed_one() -> None:
    ours = {"conid": 1, "side": "BUY", "order_type": "LMT", "time_in_force": "DAY", "quantity": 1}
    made = [
        request(orders.SUBMIT_NEW_ORDERS, account_id="DU1", orders=tickets).body
        for tickets in ([TICKET], [PLAIN], (ours,), [{**ours, "price": None}])
    ]
    assert len(set(made)) == 1


def test_plain_values_in_place_of_other_models() -> None:
    allocation = {"allocation_profile": {"alloc_type": "SHARE"}}
    made = request(orders.MODIFY_OPEN_ORDER, **MODIFY, **GOOD, json_payload=allocation)
    assert b'"jsonPayload":{"allocation_profile":{"alloc_type":"SHARE"}}' in made.body
    with pytest.raises(InvalidRequest, match="json_payload has no field 'allocation'"):
        request(orders.MODIFY_OPEN_ORDER, **MODIFY, **GOOD, json_payload={"allocation": 1})
    with pytest.raises(InvalidRequest, match="orders must be a list"):
        request(orders.SUBMIT_NEW_ORDERS, account_id="DU1", orders=PLAIN)


def test_allowed_values_are_sent() -> None:
    for side, kind in (("BUY", "MKT"), ("SELL", "MOC")):
        values = {**MODIFY, **GOOD, "side": side, "order_type": kind}
        made = request(orders.MODIFY_OPEN_ORDER, **values)
        assert f'"side":"{side}"'.encode() in made.body
    # The client also accepts ids of questions that it does not know.
    assert b"o99999" in request(orders.SUPPRESS_ORDER_REPLIES, message_ids=["o99999"]).body
    made = request(orders.GET_OPEN_ORDERS, filters=("filled", "sort_by_time"))
    assert made.target.endswith("?filters=filled,sort_by_time")


def test_values_of_calls_through_oauth_are_not_checked() -> None:
    assert all(not each.choices for each in ENDPOINTS if each.operation.needs_oauth)
