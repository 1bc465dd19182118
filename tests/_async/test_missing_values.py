"""Tests of responses in which one required value is missing, empty, null or of a wrong type."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from bezant import AsyncClient, AsyncSymbolCache, Drift, MissingValue
from bezant.models import Account, Position, StockListing
from bezant.models._base import Model, required
from bezant.models.contracts import SearchHit
from bezant.models.market_data import Bar
from bezant.models.orders import Execution, LiveOrder
from bezant.models.portfolio import LedgerRow
from tests.support import rows
from tests.support.raw import Peer, RawGateway, RawRequest

READY = {"authenticated": True, "established": True, "connected": True, "competing": False}
LISTING: rows.Row = {"conid": 5, "exchange": "NYSE", "isUS": True}
ORDERS = "/iserver/account/orders"
STOCKS = "/trsrv/stocks"


@dataclass
class Case:
    """A call, and a response to it with one row, which becomes one instance of a model.

    Attributes:
        model: the model class of the row.
        path: the call's path.
        row: a row with a value for each required field.
        call: function that makes the call and returns its result.
        body: function that wraps a row into the call's response.
        rows: function that returns the model instances in the call's result.
    """

    model: type[Model]
    path: str
    row: rows.Row
    call: Callable[[AsyncClient], Any]
    body: Callable[[rows.Row], object] = lambda row: [row]
    rows: Callable[[Any], list[Any]] = lambda found: found


CASES = [
    Case(
        Position, "/portfolio/U1/positions/0", rows.position(5),
        lambda client: client.all_positions("U1"),
    ),
    Case(Account, "/portfolio/accounts", rows.account("U1"), lambda client: client.accounts()),
    Case(
        LiveOrder, ORDERS, rows.order(7), lambda client: client.orders(),
        lambda row: {"orders": [row], "snapshot": True},
    ),
    Case(
        LiveOrder, ORDERS, rows.order(7), lambda client: client.open_orders("U1"),
        lambda row: {"orders": [row], "snapshot": True},
    ),
    Case(Execution, "/iserver/account/trades", rows.trade("e1"), lambda client: client.trades()),
    Case(
        SearchHit, "/iserver/secdef/search", rows.search_hit(5),
        lambda client: client.api.contracts.search_contracts(symbol="A"),
    ),
    Case(
        LedgerRow, "/portfolio/U1/ledger", rows.ledger(),
        lambda client: client.api.portfolio.get_portfolio_ledger(account_id="U1"),
        lambda row: {"USD": row}, lambda found: list(found.values()),
    ),
    Case(
        Bar, "/iserver/marketdata/history", {"t": 1, "o": 1.5, "h": 2, "l": 1, "c": 1.25},
        lambda client: client.api.market_data.get_md_history(conid=5, period="1d", bar="1h"),
        lambda row: {"symbol": "A", "data": [row]}, lambda found: found.data,
    ),
]  # fmt: skip
TYPES = {
    case.model: {each.name: each.type for each in msgspec.structs.fields(case.model)}
    for case in CASES
}
FAULTS: dict[str, object] = {"null": None, "empty": "", "an object": {"x": 1}}


def serve(raw: RawGateway) -> dict[str, object]:
    """Let the gateway respond by path; return the responses, keyed by path, for tests to change."""
    answers: dict[str, object] = {
        "/iserver/accounts": {"accounts": ["U1"], "selectedAccount": "U1"},
        "/iserver/auth/status": READY,
        "/tickle": {"session": "x", "iserver": {"authStatus": READY}},
        "/trsrv/secdef": {"secdef": [{"conid": 5, "currency": "USD", "assetClass": "STK"}]},
    }
    answers |= {case.path: case.body(case.row) for case in CASES}

    def respond(request: RawRequest, peer: Peer) -> None:
        path = urlsplit(request.target).path.removeprefix("/v1/api")
        peer.json(json.dumps(answers.get(path, [])).encode())

    raw.script(respond)
    return answers


def faulty(row: rows.Row, wire: str, fault: str) -> rows.Row:
    if fault == "omitted":
        return {key: value for key, value in row.items() if key != wire}
    return row | {wire: FAULTS[fault]}


def fields(model: type[Model]) -> list[tuple[str, str]]:
    """Return the Python name and IBKR's name of each required field of a model."""
    wires = dict(zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True))
    return [(name, wires[name]) for name in required(model)]


def read(model: Model) -> dict[str, object]:
    """Return the values of a model by field name, without the fields that have no value."""
    return {name: getattr(model, name) for name in model.__struct_fields__ if model.has(name)}


def connect(raw: RawGateway, drifts: list[Drift]) -> AsyncClient:
    return AsyncClient(raw.base_url, pacing=False, retries=0, on_drift=drifts.append)


@pytest.mark.parametrize("fault", ["omitted", *FAULTS])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model.__name__)
async def test_a_fault_costs_one_value(raw: RawGateway, case: Case, fault: str) -> None:
    answers = serve(raw)
    drifts: list[Drift] = []
    async with connect(raw, drifts) as client:
        (good,) = case.rows(await case.call(client))
    assert drifts == []
    assert {wire for _, wire in fields(case.model)} <= case.row.keys()
    for name, wire in fields(case.model):
        # For a time without trades, IBKR sends a bar without a time, and the client leaves this bar
        # out. So there is no row to check here.
        if (case.model, wire) == (Bar, "t"):
            continue
        answers[case.path] = case.body(faulty(case.row, wire, fault))
        drifts = []
        async with connect(raw, drifts) as client:
            (found,) = case.rows(await case.call(client))
        if fault == "empty" and TYPES[case.model][name] is str:  # an empty text is a valid value
            assert getattr(found, name) == ""
            continue
        assert isinstance(found, case.model)
        assert read(found) == {key: each for key, each in read(good).items() if key != name}
        with pytest.raises(MissingValue, match=r"^GET /.* has no value") as caught:
            getattr(found, name)
        assert (caught.value.field, caught.value.model) == (name, case.model.__name__)
        assert [(each.model, each.field) for each in drifts] == [(case.model.__name__, wire)]


@pytest.mark.parametrize("fault", ["omitted", *FAULTS])
async def test_a_symbol_lookup_survives_faults(raw: RawGateway, fault: str) -> None:
    answers = serve(raw)
    for name, wire in fields(StockListing):
        answers[STOCKS] = {"A": [rows.company(faulty(LISTING, wire, fault))]}
        drifts: list[Drift] = []
        async with connect(raw, drifts) as client:
            cache = AsyncSymbolCache(client)
            if name == "conid":
                with pytest.raises(MissingValue, match=r"StockListing\.conid"):
                    await cache.conid_for("A")
                with pytest.raises(MissingValue, match=r"StockListing\.conid"):
                    await cache.conids_for(["A"])
            else:
                assert await cache.conid_for("A") == 5
        assert {each.field for each in drifts} <= {wire}


@pytest.mark.parametrize("orders", [None, {"x": 1}, 7])
async def test_no_list_of_orders_is_not_an_empty_one(raw: RawGateway, orders: object) -> None:
    answers = serve(raw)
    answers[ORDERS] = {"snapshot": True} | ({} if orders is None else {"orders": orders})
    async with connect(raw, []) as client:
        for call in (client.orders, client.open_orders):
            with pytest.raises(MissingValue, match=r"LiveOrders\.orders has no value"):
                await call()
