"""Always-present fields that the gateway omits, empties, nulls or mistypes, over a socket."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import bezant
from bezant import Account, Drift, MissingValue, Position
from bezant.models import Model
from bezant.models.contracts import SearchHit
from bezant.models.market_data import Bar
from bezant.models.orders import LiveOrder, Trade
from bezant.models.portfolio import LedgerRow
from tests.support.raw import Peer, RawGateway, RawRequest

READY = {"authenticated": True, "established": True, "connected": True, "competing": False}
PLAIN: dict[object, Any] = {int: 7, Decimal: 1.5, bool: True, str: "x"}
OMITTED = object()
FAULTS = {"omitted": OMITTED, "empty": "", "null": None, "of another type": {"x": 1}}


@dataclass
class Case:
    """A call that returns rows of a model."""

    model: type[Model]
    path: str
    call: Callable[[Any], Any]
    body: Callable[[list[dict[str, Any]]], object] = lambda rows: rows
    rows: Callable[[Any], list[Any]] = lambda found: found


CASES = [
    Case(Position, "/portfolio/U1/positions/0", lambda client: client.all_positions("U1")),
    Case(Account, "/portfolio/accounts", lambda client: client.accounts()),
    *(
        Case(
            LiveOrder,
            "/iserver/account/orders",
            call,
            lambda rows: {"orders": rows, "snapshot": True},
        )
        for call in (lambda client: client.orders(), lambda client: client.open_orders("U1"))
    ),
    Case(Trade, "/iserver/account/trades", lambda client: client.trades()),
    Case(
        SearchHit,
        "/iserver/secdef/search",
        lambda client: client.api.contracts.search_contracts(symbol="ACME"),
    ),
    Case(
        LedgerRow,
        "/portfolio/U1/ledger",
        lambda client: client.api.portfolio.get_portfolio_ledger(account_id="U1"),
        lambda rows: {str(number): row for number, row in enumerate(rows)},
        lambda found: list(found.values()),
    ),
    Case(
        Bar,
        "/iserver/marketdata/history",
        lambda client: client.api.market_data.get_md_history(conid=7, period="1d", bar="1h"),
        lambda rows: {"symbol": "ACME", "data": rows},
        lambda found: found.data,
    ),
]


def whole(model: type[Model]) -> dict[str, Any]:
    """Return a row with all always-present fields."""
    fields = msgspec.structs.fields(model)
    return {each.encode_name: PLAIN.get(each.type, []) for each in fields if each.required}


def damaged(row: dict[str, Any], field: str, fault: object) -> dict[str, Any]:
    if fault is OMITTED:
        return {name: value for name, value in row.items() if name != field}
    return {**row, field: fault}


def serve(raw: RawGateway, answers: dict[str, object]) -> None:
    """Let the gateway respond to each path with a value."""

    def respond(request: RawRequest, peer: Peer) -> None:
        path = request.target.removeprefix("/v1/api").partition("?")[0]
        peer.json(json.dumps(answers.get(path, [])).encode())

    raw.script(respond)


def answers() -> dict[str, object]:
    return {
        "/iserver/accounts": {"accounts": ["U1"]},
        "/portfolio/accounts": [whole(Account)],
        "/iserver/auth/status": READY,
        "/tickle": {"session": "x", "iserver": {"authStatus": READY}},
    }


def called(kind: str, raw: RawGateway, drifts: list[Drift], call: Callable[[Any], Any]) -> Any:
    """Return a call's result with a new client of one twin."""
    options: dict[str, Any] = {"pacing": False, "on_drift": drifts.append}

    async def in_asyncio() -> Any:
        async with bezant.AsyncClient(raw.base_url, **options) as client:
            found = call(client)
            return await found if inspect.isawaitable(found) else found

    if kind == "asyncio":
        return asyncio.run(in_asyncio())
    with bezant.Client(raw.base_url, **options) as client:
        return call(client)


@pytest.mark.parametrize("kind", ["asyncio", "threads"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.model.__name__)
def test_only_the_missing_value_raises(raw: RawGateway, case: Case, kind: str) -> None:
    given = answers()
    serve(raw, given)
    row = whole(case.model)
    names = {each.encode_name: each.name for each in msgspec.structs.fields(case.model)}
    # A bar without a time is left out: IBKR sends it for a window without trades.
    for field in row.keys() - ({"t"} if case.model is Bar else set()):
        for how, fault in FAULTS.items():
            given[case.path] = case.body([damaged(row, field, fault), row])
            drifts: list[Drift] = []
            found = case.rows(called(kind, raw, drifts, case.call))
            where = f"{case.model.__name__}.{names[field]} {how}"
            if fault == "" and isinstance(row[field], str):  # empty text is still text
                assert any(getattr(each, names[field]) == "" for each in found), where
                assert drifts == [], where
                continue
            bad = next((each for each in found if not each.has(names[field])), None)
            assert bad is not None, f"{where}: {found}"
            with pytest.raises(MissingValue) as caught:
                getattr(bad, names[field])
            error = caught.value
            assert (error.field, error.model) == (names[field], case.model.__name__), where
            assert error.operation, where
            assert [(each.model, each.field) for each in drifts] == [
                (case.model.__name__, field)
            ], where
            for other in row.keys() - {field}:
                assert getattr(bad, names[other]) == getattr(found[-1], names[other]), where
