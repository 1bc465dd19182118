"""Tests of the methods of all operations, group by group, over real sockets."""

from __future__ import annotations

import ast
import base64
import inspect
import json
import re
from decimal import Decimal
from typing import Any, get_origin
from urllib.parse import quote

import pytest

from bezant import (
    AsyncClient,
    DecodeError,
    Drift,
    DriftWarning,
    InvalidRequest,
    MissingValue,
    NotAuthenticated,
    OAuthRequired,
    OutcomeUnknown,
    Refused,
)
from bezant.models import Account, Position
from bezant.models.market_data import Snapshot
from bezant.models.orders import OrderReply, OrderTicket
from bezant.models.reports import StmtRequest
from bezant.sim import SimulatedGateway
from tests.api.catalogue import ENDPOINTS, GROUPS, OAUTH_GROUPS, answer_of, group_of, name_of
from tests.support import rows
from tests.support._async import direct
from tests.support.raw import Peer, RawGateway, RawRequest, Script

ACCOUNTS = b'{"accounts":["DU1"]}'


def says(body: object, content_type: str = "application/json") -> Script:
    """Return a script that responds with `body`, except to queries of the accounts."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def script(request: RawRequest, peer: Peer) -> None:
        if request.target == "/v1/api/iserver/accounts":
            peer.json(ACCOUNTS)
        elif request.target == "/v1/api/portfolio/accounts":
            peer.json(json.dumps([rows.account("U1")]).encode())
        else:
            peer.answer("200 OK", content, f"Content-Type: {content_type}")

    return script


def last(raw: RawGateway) -> RawRequest:
    return raw.requests[-1]


async def test_portfolio(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        accounts = await client.api.portfolio.get_all_accounts()
        assert accounts
        assert all(isinstance(each, Account) for each in accounts)
        account_id = accounts[0].account_id
        assert isinstance(account_id, str)
        page = await client.api.portfolio.get_paginated_positions(
            account_id=account_id, page=0, sort="position", direction="d"
        )
        assert page
        assert all(isinstance(each, Position) for each in page)
        assert all(isinstance(each.market_price, Decimal) for each in page)
        everything = await client.api.portfolio.get_uncached_positions(account_id=account_id)
        assert len(everything) >= len(page)
        assert {each.conid for each in page} <= {each.conid for each in everything}
        with pytest.raises(NotAuthenticated):
            await client.api.portfolio.get_uncached_positions(account_id="DU0")


async def test_session(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        status = await client.api.session.get_brokerage_status()
        assert status.authenticated is True
        assert status == await client.api.session.get_brokerage_status_by_get()
        tickle = await client.api.session.tickle()
        assert tickle.iserver
        assert gateway.count("POST", "/tickle") == 1
        await client.api.session.logout()
        # As at IBKR, the status can still be requested after a client's logout.
        status = await client.api.session.get_brokerage_status()
        assert (status.authenticated, status.connected, status.mac) == (False, False, None)
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await client.api.session.get_brokerage_status()


async def test_trading_accounts_and_orders(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        accounts = await client.api.accounts.get_brokerage_accounts()
        assert accounts.accounts
        orders = await client.api.orders.get_open_orders()
        assert isinstance(orders.orders, list)


async def test_contracts_and_quotes(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        stocks = await client.api.contracts.get_stocks_by_symbol(symbols=["AAPL"])
        contracts = stocks["AAPL"][0].contracts
        assert contracts
        conid = contracts[0].conid
        assert isinstance(conid, int)
        found = await client.api.contracts.get_instrument_definition(conids=[conid])
        assert found.secdef
        assert found.secdef[0].conid == conid
        await client.api.market_data.get_md_snapshot(conids=[conid], fields=["31"])
        quotes = await client.api.market_data.get_md_snapshot(
            conids=[conid], fields=["31", "84", "86"]
        )
        assert [type(each) for each in quotes] == [Snapshot]
        assert quotes[0].conid == conid
        history = await client.api.market_data.get_md_history(
            conid=conid, period="1w", bar="1d", outside_rth=False
        )
        assert history.data
        assert all(isinstance(each.close, Decimal) for each in history.data)
        assert (await client.api.market_data.close_all_md_streams()).unsubscribed is True


async def test_an_order_and_its_question(raw: RawGateway) -> None:
    question = {"id": "q-1", "message": ["Really?"], "messageIds": ["o163"]}
    raw.script(says([question]))
    ticket = OrderTicket(
        conid=265598, side="BUY", order_type="MKT", time_in_force="DAY", quantity=Decimal("1.0")
    )
    async with AsyncClient(raw.base_url) as client:
        replies = await client.api.orders.submit_new_orders(account_id="DU1", orders=[ticket])
        assert last(raw).line == "POST /v1/api/iserver/account/DU1/orders HTTP/1.1"
        assert last(raw).body == (
            b'{"orders":[{"conid":265598,"orderType":"MKT","quantity":1.0,"side":"BUY","tif":"DAY"}]}'
        )
        assert replies == [OrderReply(id="q-1", message=["Really?"], message_ids=["o163"])]
        assert not replies[0].order_id


async def test_a_response_to_a_reply_may_be_a_bare_object(raw: RawGateway) -> None:
    raw.script(says({"order_id": "77", "order_status": "Submitted"}))
    async with AsyncClient(raw.base_url) as client:
        replies = await client.api.orders.confirm_order_reply(reply_id="q/1", confirmed=True)
        assert [(each.order_id, each.status) for each in replies] == [(77, "Submitted")]
        assert last(raw).line == "POST /v1/api/iserver/reply/q%2F1 HTTP/1.1"
        assert last(raw).body == b'{"confirmed":true}'


async def test_a_refused_order(raw: RawGateway) -> None:
    raw.script(says({"error": "Order not confirmed"}))
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(Refused, match="not confirmed"):
            await client.api.orders.cancel_open_order(account_id="DU1", order_id=7)
        assert last(raw).line == "DELETE /v1/api/iserver/account/DU1/order/7 HTTP/1.1"
        assert last(raw).headers["content-length"] == "0"


async def test_an_order_without_a_response(raw: RawGateway) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.target == "/v1/api/iserver/accounts":
            peer.json(ACCOUNTS)
        else:
            peer.reset()

    raw.script(script)
    ticket = OrderTicket(side="BUY", order_type="MKT", time_in_force="DAY")
    async with AsyncClient(raw.base_url, retries=5) as client:
        with pytest.raises(OutcomeUnknown):
            await client.api.orders.submit_new_orders(account_id="DU1", orders=[ticket])
        assert sum(each.method == "POST" for each in raw.requests) == 1


async def test_mappings(raw: RawGateway) -> None:
    figure = {"amount": 1.5, "currency": "USD", "isNull": False, "value": None, "severity": 0}
    raw.script(says({"netliquidation": figure, "somethingnew": figure}))
    async with AsyncClient(raw.base_url) as client:
        summary = await client.api.portfolio.get_portfolio_summary(account_id="DU 1")
        assert summary["somethingnew"].amount == Decimal("1.5")
        assert summary["netliquidation"].value is None
        assert summary["netliquidation"].timestamp is None
        assert last(raw).target == "/v1/api/portfolio/DU%201/summary"


async def test_the_host_root(raw: RawGateway) -> None:
    raw.script(says({"accountId": "U1", "status": "A"}))
    async with AsyncClient(raw.base_url, transport=direct()) as client:
        status = await client.oauth_api.account_management.get_account_status(account_id="U1")
        assert (status.account_id, status.status) == ("U1", "A")
        assert last(raw).target == "/gw/api/v1/accounts/U1/status"
        await client.oauth_api.account_management.update_account_status(
            account_id="U1", body="a.b.c"
        )
        assert (last(raw).method, last(raw).body) == ("PATCH", b"a.b.c")
        assert last(raw).headers["content-type"] == "application/jwt"


async def test_files(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url, transport=direct()) as client:
        raw.script(says(b"%PDF-1.7", "application/pdf"))
        voucher = await client.oauth_api.tax_vouchers.download_voucher(request_id="7")
        assert (voucher.content, voucher.content_type) == (b"%PDF-1.7", "application/pdf")


async def test_a_file_in_an_envelope(raw: RawGateway) -> None:
    value = base64.b64encode(b"<html>").decode()
    raw.script(says({"data": {"value": value, "mimeType": "text/html"}}))
    wanted = StmtRequest(account_id="U1", start_date="20260101", end_date="20260131")
    async with AsyncClient(raw.base_url, transport=direct()) as client:
        statement = await client.oauth_api.reports.get_statement(
            body=wanted, authorization="Bearer t"
        )
        assert (statement.content, statement.content_type) == (b"<html>", "text/html")
        assert last(raw).headers["authorization"] == "Bearer t"


async def test_text_and_nothing(raw: RawGateway) -> None:
    raw.script(says(b'"Request was submitted"'))
    async with AsyncClient(raw.base_url) as client:
        text = await client.api.orders.ack_server_prompt(order_id=1, request_id="2", text="Yes")
        assert text == "Request was submitted"
        assert last(raw).body == b'{"orderId":1,"reqId":"2","text":"Yes"}'


async def test_an_empty_response(raw: RawGateway) -> None:
    raw.script(says(b"", "text/plain"))
    async with AsyncClient(raw.base_url) as client:
        await client.api.notifications.delete_fyi_device(device_id="a b")
        assert last(raw).target == "/v1/api/fyi/deliveryoptions/a%20b"


async def test_responses_without_a_model(raw: RawGateway) -> None:
    raw.script(says({"ids": [1, 2]}))
    async with AsyncClient(raw.base_url, transport=direct()) as client:
        found: Any = await client.oauth_api.restrictions.get_account_restrictions(
            query={"accountId": "U1"}
        )
        assert found == {"ids": [1, 2]}
        assert last(raw).target == "/gw/api/v1/restrictions/account?accountId=U1"


@pytest.mark.parametrize("group", OAUTH_GROUPS)
async def test_what_needs_oauth_is_not_sent_to_a_gateway(raw: RawGateway, group: str) -> None:
    async with AsyncClient(raw.base_url) as client:
        assert not hasattr(client.api, group)
        for endpoint in ENDPOINTS:
            if group_of(endpoint) != group:
                continue
            method = getattr(getattr(client.oauth_api, group), name_of(endpoint))
            arguments = {
                name: anything(each.annotation)
                for name, each in inspect.signature(method).parameters.items()
            }
            arguments.update(dict.fromkeys(endpoint.path, "a b"))
            with pytest.raises(OAuthRequired, match="nothing was sent") as caught:
                await method(**arguments)
            assert caught.value.operation == endpoint.operation.name
    assert not raw.requests


async def test_a_raw_call_that_needs_oauth_is_not_sent_to_a_gateway(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(OAuthRequired):
            await client.request("GET", "/gw/api/v1/accounts")
    assert not raw.requests


async def test_ibkrs_own_host_gets_what_needs_oauth() -> None:
    url = "https://api.ibkr.com/v1/api"
    pipeline = AsyncClient(url)._pipeline
    for endpoint in ENDPOINTS:
        pipeline._check_oauth(endpoint.operation)


async def test_a_copy_has_operations_of_its_own(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url) as client:
        assert client.oauth_api is client.oauth_api
        assert client.oauth_api.echo is client.oauth_api.echo
        assert client.with_options(strict=True).oauth_api is not client.oauth_api


async def test_refused_before_anything_is_sent(raw: RawGateway) -> None:
    raw.script(says({}))
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(InvalidRequest):
            await client.api.portfolio.get_portfolio_ledger(account_id="..")
        assert raw.requests == []


async def test_drift_is_reported_and_copies_have_their_own_options(raw: RawGateway) -> None:
    raw.script(says([rows.account() | {"accountId": {"a": 1}}]))
    async with AsyncClient(raw.base_url, pacing=False) as client:
        assert client.api is client.api
        assert client.api.portfolio is client.api.portfolio
        with pytest.warns(DriftWarning, match="Account"):
            (account,) = await client.api.portfolio.get_all_subaccounts()
        assert (account.has("account_id"), account.currency) == (False, "USD")
        with pytest.raises(MissingValue, match=r"subaccounts: Account\.account_id has no value"):
            _ = account.account_id
        strict = client.with_options(strict=True)
        assert strict.api is not client.api
        with pytest.raises(DecodeError):
            await strict.api.portfolio.get_all_subaccounts()


def anything(annotation: str) -> Any:
    """Return a valid argument for a parameter with this annotation."""
    if allowed := re.search(r"Literal\[(.+?)[,\]]", annotation):
        value = ast.literal_eval(allowed[1])
        return [value] if "Sequence" in annotation else value
    for mark, value in (
        ("| str", "a.b.c"),
        ("Sequence", []),
        ("Mapping", {}),
        ("bool", True),
        ("int", 7),
        ("str", "a b"),
        ("Number", Decimal("1.50")),
    ):
        if mark in annotation:
            return value
    return {}  # an empty model, because none of its fields is required


OF_FORM: dict[str, object] = {
    "bar": "1h", "day": "20270131", "digits": "5", "message ids": ["o163"], "month": "JAN27",
    "period": "1d", "quantity": 1, "tickets": [],
    "time": "20270131-14:30:00", "number": "-5", "fyi code": "BA", "fyi codes": "BA,OE",
    "scanner code": "STK.US", "up to 10": 10, "scan conditions": [], "watchlist rows": [],
    "alert conditions": [
        {"conidex": "1", "logicBind": "n", "operator": ">=", "type": 1, "value": "5"}
        | {"triggerMethod": "0"}
    ],
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
async def test_every_method_makes_its_call_once(raw: RawGateway, group: str) -> None:
    bodies: list[object] = []
    raw.script(lambda request, peer: says(bodies[-1])(request, peer))
    transport = direct() if group in OAUTH_GROUPS else None
    # The responses are empty, and the client reports each missing always-present field as drift.
    drifts: list[Drift] = []
    async with AsyncClient(
        raw.base_url, pacing=False, transport=transport, on_drift=drifts.append
    ) as client:
        api = client.oauth_api if transport else client.api
        called: set[str] = set()
        for endpoint in ENDPOINTS:
            if group_of(endpoint) != group:
                continue
            returned = answer_of(endpoint)
            bodies.append([] if get_origin(returned) is list else {})
            if returned == list[OrderReply]:
                # A response to an order must not be empty, so the body has one row.
                bodies[-1] = [{"order_id": 1}]
            method = getattr(getattr(api, group), name_of(endpoint))
            arguments = {
                name: anything(each.annotation)
                for name, each in inspect.signature(method).parameters.items()
            }
            arguments.update(dict.fromkeys(endpoint.path, "a b"))
            arguments.update((name, OF_FORM[form]) for name, form in endpoint.forms.items())
            arguments.update(
                (name, allowed[0])
                for name, allowed in endpoint.choices.items()
                if arguments[name] != []
            )
            if endpoint.operation.empty_until_searched:
                info = get_origin(returned) is list
                bodies[-1] = [{"conid": 1}] if info else {"call": [1], "put": [1]}
            if endpoint.operation.never_empty:
                bodies[-1] = [{"id": "a"}] if get_origin(returned) is list else {"upnl": {"a": {}}}
            before = len(raw.requests)
            await method(**arguments)
            operation = endpoint.operation
            path = ("" if operation.root else "/v1/api") + operation.path
            for name, wire in endpoint.path.items():
                path = path.replace("{" + wire + "}", quote(str(arguments[name])))
            calls = [(each.method, each.target.split("?")[0]) for each in raw.requests[before:]]
            # After an empty first response the client repeats the request, because the gateway may
            # only have begun to load the list.
            twice = operation.empty_until_ready and operation.path not in called
            called.add(operation.path)
            twice = twice or (operation.may_be_empty and "force" not in arguments)
            assert calls.count((operation.method, path)) == 1 + twice
            assert calls[-1] == (operation.method, path)
            query = last(raw).target.partition("?")[2]
            given = {part.split("=")[0] for part in query.split("&")} - {"", "a"}
            assert given == set(endpoint.query.values())
