"""Tests of every operation with both clients: the simulated gateway supports it without drift."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bezant import AsyncClient, Client, NotFound
from bezant._runtime._shared.http_packages import httpx
from bezant.operations import OPERATIONS, OperationEntry
from bezant.sim import SimulatedGateway
from bezant.sim._api.examples import Examples, find

# Prefixes of the calls to make first (they create something) and last (they end something).
_FIRST = ("create_", "submit_", "preview_")
_LAST = ("close_md_stream", "delete_", "logout", "reset_")
# The calls of the order test, one after the other. They place an order that raises a question,
# confirm the question, and change and cancel the order.
_ORDERS = [
    "submit_new_orders",
    "confirm_order_reply",
    "get_order_status",
    "modify_open_order",
    "cancel_open_order",
]
# IBKR refuses the first of these calls for accounts without combination positions. The second
# responds with an empty list when it is first called in a session, as at the real gateway.
_REFUSED = {"get_combo_positions"}
_MAY_BE_EMPTY = {"get_trade_history"}
GROUPS = sorted({entry.group for entry in OPERATIONS.values()})
OAUTH_GROUPS = {entry.group for entry in OPERATIONS.values() if entry.needs_oauth}
AAPL = 265598
EVENT = 900_000_101
_VALUES: dict[str, Any] = {
    "acct_id": "DU1234567",
    "account_ids": ["DU1234567"],
    "conid": AAPL,
    "conids": [AAPL],
    "conditions": [
        {"conidex": "265598@SMART", "logicBind": "n", "operator": ">=", "type": 1}
        | {"triggerMethod": "0", "value": "300"}
    ],
    "currency": "USD",
    "exchange": "NASDAQ",
    "fields": ["31", "84"],
    "id_": "1234",
    "instrument": "STK",
    "location": "STK.US.MAJOR",
    "month": "MAR27",
    "page": 0,
    "period": "1d",
    "bar": "1h",
    "rows": [{"C": "265598"}, {"C": ""}],
    "sec_type": "STK",
    "asset_class": "STK",
    "source": "EUR",
    "symbol": "AAPL",
    "symbols": ["AAPL"],
    "target": "USD",
    "type_": "TOP_PERC_GAIN",
    "type_code": "BA",
}
# This price is so far from the market that the gateway asks for confirmation.
_TICKET = {"conid": AAPL, "side": "BUY", "orderType": "LMT", "price": 10, "tif": "DAY"} | {
    "quantity": 1
}
_SPECIAL: dict[str, dict[str, Any]] = {
    "get_dynamic_accounts": {"search_pattern": "du"},
    "get_futures_by_symbol": {"symbols": ["ES", "NONE"]},
    "get_instrument_info": {"conid": str(AAPL)},
    "get_forecast_contract": {"conid": EVENT},
    "get_forecast_market": {"underlying_conid": EVENT - 100},
    "get_forecast_rules": {"conid": EVENT},
    "get_forecast_schedule": {"conid": EVENT},
    "modify_fyi_delivery": {"device_id": "phone", "device_name": "Phone", "enabled": True},
    "submit_new_orders": {"orders": [_TICKET]},
    "preview_margin_impact": {"orders": [_TICKET]},
    "suppress_order_replies": {"message_ids": ["o163"]},
    "modify_open_order": {"order_type": "LMT", "side": "BUY", "price": 11, "quantity": 1}
    | {"time_in_force": "DAY", "conid": AAPL},
    "initialize_session": {"publish": True, "compete": True},
    "search_contracts": {"symbol": "AAPL"},
    "search_contracts_from_body": {"symbol": "AAPL"},
    "get_allocation": {"date": "20260630"},
    "get_performance": {"period": "1D"},
    "get_contract_info": {"conid": AAPL, "month": "MAR27", "sec_type": "OPT"}
    | {"strike": 204, "right": "C"},
}


def method_of(client: Any, entry: OperationEntry) -> Callable[..., Any]:
    """Return the method of a client that makes the call of an operation."""
    api = client.oauth_api if entry.needs_oauth else client.api
    found: Callable[..., Any] = getattr(getattr(api, entry.group), entry.python_name)
    return found


def in_order(group: str) -> list[OperationEntry]:
    def rank(entry: OperationEntry) -> tuple[int, str]:
        name = entry.python_name
        if name in _ORDERS:
            return (_ORDERS.index(name) - len(_ORDERS), name)
        return (name.startswith(_LAST) - name.startswith(_FIRST), name)

    found = [
        each
        for each in OPERATIONS.values()
        if each.group == group and each.python_name not in _REFUSED
    ]
    return sorted(found, key=rank)


class Caller:
    """Makes calls with arguments that the simulated gateway knows, and checks the responses."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self._gateway = gateway
        self._known: dict[str, Any] = {"account_id": gateway.account_id, "account": "DU1234567"}

    def arguments(self, entry: OperationEntry, method: Callable[..., Any]) -> dict[str, Any]:
        special = _SPECIAL.get(entry.python_name, {})
        return special | {
            name: self._value(name, str(each.annotation))
            for name, each in inspect.signature(method).parameters.items()
            if each.default is each.empty and name not in special
        }

    def _value(self, name: str, annotation: str) -> Any:
        if allowed := re.search(r"Literal\[(.+?)[,\]]", annotation):
            value = ast.literal_eval(allowed[1])
            return [value] if "Sequence" in annotation else value
        for table in (self._known, _VALUES):
            if name in table:
                return table[name]
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
        return {"a": 1}

    def look(self, entry: OperationEntry, answer: Any) -> None:
        assert self._gateway.requests[-1].method == entry.method
        if entry.response == "None":
            assert answer is None
        elif entry.python_name not in _MAY_BE_EMPTY:
            assert answer not in (None, [], {}), f"{entry} has an empty answer"
        if entry.python_name == "create_alert":
            self._known["alert_id"] = answer.order_id
        elif entry.python_name == "submit_new_orders":
            self._known["reply_id"] = answer[0].id
        elif entry.python_name == "confirm_order_reply":
            self._known["order_id"] = answer[0].order_id
        elif entry.python_name == "get_all_fyis":
            self._known["notification_id"] = answer[0].id


@pytest.mark.parametrize("group", GROUPS)
def test_blocking(gateway: SimulatedGateway, group: str) -> None:
    caller = Caller(gateway)
    options: dict[str, Any] = {"pacing": False, "retries": 0, "strict": True}
    # Without a custom transport, the client refuses operations that need OAuth.
    transport = httpx.HTTPTransport(verify=False) if group in OAUTH_GROUPS else None
    with Client(gateway.base_url, transport=transport, **options) as client:
        client.accounts()
        gateway._state.session.gains_asked = True
        for entry in in_order(group):
            method = method_of(client, entry)
            caller.look(entry, method(**caller.arguments(entry, method)))


@pytest.mark.parametrize("group", GROUPS)
def test_async(gateway: SimulatedGateway, group: str) -> None:
    async def run() -> None:
        caller = Caller(gateway)
        options: dict[str, Any] = {"pacing": False, "retries": 0, "strict": True}
        transport = httpx.AsyncHTTPTransport(verify=False) if group in OAUTH_GROUPS else None
        async with AsyncClient(gateway.base_url, transport=transport, **options) as client:
            await client.accounts()
            gateway._state.session.gains_asked = True
            for entry in in_order(group):
                method = method_of(client, entry)
                caller.look(entry, await method(**caller.arguments(entry, method)))

    asyncio.run(run())


def test_an_operation_in_no_table_is_unknown(gateway: SimulatedGateway) -> None:
    with Client(gateway.base_url, pacing=False, retries=0) as client:
        with pytest.raises(NotFound):
            client.request("GET", "/no/such")
    assert Examples("DU1").answer("GET", "/no/such") is None


def test_the_operation_with_the_fewest_parameters() -> None:
    found = find("GET", "/fyi/notifications/more")
    assert found is not None
    assert found.python_name == "get_more_fyis"
    named = find("GET", "/portfolio/DU1/ledger")
    assert named is not None
    assert named.path == "/portfolio/{accountId}/ledger"
