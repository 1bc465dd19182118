"""A gateway that omits, empties, nulls or mistypes each always-present value in turn."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from bezant import AsyncClient, AsyncSymbolCache, Drift, MissingValue, SymbolNotFound
from bezant.models import Account, Position, StockListing
from bezant.models._base import Model, required
from bezant.models.orders import LiveOrder, Trade
from tests.support import rows
from tests.support.raw import Peer, RawGateway, RawRequest

READY = {"authenticated": True, "established": True, "connected": True, "competing": False}
LISTING = {"conid": 5, "exchange": "NYSE", "isUS": True}


class FaultyGateway:
    """Gateway that serves one row of each list, one of them with a fault."""

    def __init__(self, raw: RawGateway) -> None:
        self.account = rows.account("U1")
        self.position = rows.position(5)
        self.order = rows.order(7)
        self.trade = rows.trade("e1")
        self.orders: object = None
        self.listing: rows.Row = LISTING
        raw.script(self._answer)

    def _answer(self, request: RawRequest, peer: Peer) -> None:
        path = urlsplit(request.target).path.removeprefix("/v1/api")
        answers: dict[str, object] = {
            "/iserver/accounts": {"accounts": ["U1"], "selectedAccount": "U1"},
            "/iserver/auth/status": READY,
            "/tickle": {"session": "x", "iserver": {"authStatus": READY}},
            "/portfolio/accounts": [self.account],
            "/portfolio/U1/positions/0": [self.position],
            "/iserver/account/orders": self.orders or {"orders": [self.order], "snapshot": True},
            "/iserver/account/trades": [self.trade],
            "/trsrv/stocks": {"A": [rows.company(self.listing)]},
            "/trsrv/secdef": {"secdef": [{"conid": 5, "currency": "USD", "assetClass": "STK"}]},
        }
        peer.json(json.dumps(answers.get(path, [])).encode())


FAULTS: dict[str, object] = {"null": None, "empty": "", "an object": {"x": 1}}


def faulty(row: rows.Row, wire: str, fault: str) -> rows.Row:
    if fault == "omitted":
        return {key: value for key, value in row.items() if key != wire}
    return row | {wire: FAULTS[fault]}


def fields(model: type[Model]) -> list[tuple[str, str]]:
    """Return name and IBKR's name of the always-present fields."""
    wires = dict(zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True))
    return [(name, wires[name]) for name in required(model)]


def read(model: Model) -> dict[str, object]:
    """Return all values that can be read."""
    return {name: getattr(model, name) for name in model.__struct_fields__ if model.has(name)}


async def listed(client: AsyncClient, model: type[Model]) -> list[Any]:
    found: list[Any]
    if model is Account:
        found = await client.accounts()
    elif model is Position:
        found = await client.all_positions("U1")
    elif model is LiveOrder:
        found = await client.orders()
    else:
        found = await client.trades()
    return found


ATTRIBUTES: dict[type[Model], str] = {
    Account: "account",
    Position: "position",
    LiveOrder: "order",
    Trade: "trade",
}


@pytest.mark.parametrize("fault", ["omitted", *FAULTS])
@pytest.mark.parametrize("model", ATTRIBUTES, ids=lambda model: model.__name__)
async def test_a_fault_costs_one_value(raw: RawGateway, model: type[Model], fault: str) -> None:
    gateway = FaultyGateway(raw)
    attribute = ATTRIBUTES[model]
    row: rows.Row = getattr(gateway, attribute)
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        (good,) = await listed(client, model)
        for name, wire in fields(model):
            setattr(gateway, attribute, faulty(row, wire, fault))
            drifts: list[Drift] = []
            async with AsyncClient(
                raw.base_url, pacing=False, retries=0, on_drift=drifts.append
            ) as other:
                (found,) = await listed(other, model)
            if fault == "empty" and isinstance(getattr(good, name), str):
                assert getattr(found, name) == ""
                continue
            assert isinstance(found, model)
            assert read(found) == {key: each for key, each in read(good).items() if key != name}
            with pytest.raises(MissingValue, match=r"^GET /.* has no value") as caught:
                getattr(found, name)
            assert (caught.value.field, caught.value.model) == (name, model.__name__)
            assert [(each.model, each.field) for each in drifts] == [(model.__name__, wire)]


@pytest.mark.parametrize("fault", ["omitted", *FAULTS])
async def test_a_symbol_lookup_survives_faults(raw: RawGateway, fault: str) -> None:
    gateway = FaultyGateway(raw)
    for name, wire in fields(StockListing):
        gateway.listing = faulty(LISTING, wire, fault)
        drifts: list[Drift] = []
        async with AsyncClient(
            raw.base_url, pacing=False, retries=0, on_drift=drifts.append
        ) as client:
            cache = AsyncSymbolCache(client)
            if name == "conid":
                with pytest.raises(SymbolNotFound):
                    await cache.conid_for("A")
            else:
                assert await cache.conid_for("A") == 5
        assert {each.field for each in drifts} <= {wire}


@pytest.mark.parametrize("orders", [None, {"x": 1}, 7])
async def test_no_list_of_orders_is_not_an_empty_one(raw: RawGateway, orders: object) -> None:
    gateway = FaultyGateway(raw)
    gateway.orders = {"snapshot": True} if orders is None else {"orders": orders, "snapshot": True}
    async with AsyncClient(
        raw.base_url, pacing=False, retries=0, on_drift=lambda drift: None
    ) as client:
        for call in (client.orders, client.open_orders):
            with pytest.raises(MissingValue, match=r"LiveOrders\.orders has no value"):
                await call()


def test_every_model_with_such_values_has_a_sample() -> None:
    for model, make in (
        (Account, rows.account("U1")),
        (Position, rows.position(5)),
        (LiveOrder, rows.order(7)),
        (Trade, rows.trade("e1")),
        (StockListing, LISTING),
    ):
        found = msgspec.json.decode(json.dumps(make).encode())
        assert {wire for _, wire in fields(model)} <= found.keys()
