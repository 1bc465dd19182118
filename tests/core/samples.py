"""Hand-written rows as the Client Portal API sends them, and hypothesis strategies."""

from __future__ import annotations

from typing import Any, TypeVar

from hypothesis import strategies as st

from bezant._core.decoding.drift import Drift
from bezant._core.http.messages import Response
from bezant._core.http.operation import Operation
from bezant._core.operations._lookup import known
from bezant.models._base import Model, incomplete, required

M = TypeVar("M", bound=Model)


def some(model: type[M], /, **values: Any) -> M:
    """Return an instance of a model with only these values, as if a response lacked all others."""
    if set(required(model)) <= values.keys():
        return model(**values)
    return incomplete(model, values, "GET /x")


READ = Operation("GET", "/things/{thingId}", idempotent=True)
WRITE = Operation("POST", "/orders", idempotent=False)
TOKEN = "5ec7e7b00c0ffee"

POSITION: dict[str, object] = {
    "acctId": "DU1000001",
    "conid": 4711,
    "contractDesc": "ACME",
    "position": 12.5,
    "mktPrice": 101.37,
    "mktValue": 1267.125,
    "currency": "USD",
    "avgCost": 99.9,
    "avgPrice": 99.9,
    "realizedPnl": 0.1,
    "unrealizedPnl": -3.25,
    "assetClass": "STK",
    "undConid": 4712,
    "expiry": "20270115",
    "putOrCall": "C",
    "strike": 0.5,
    "multiplier": 100.0,
    "ticker": "ACME",
    "name": "ACME CORP",
    "listingExchange": "NYSE",
    "sector": "Industrial",
    "group": "Machinery",
    "model": "Growth",
    "pageSize": 100,
    "somethingNew": {"a": [1]},
}
ACCOUNT: dict[str, object] = {
    "id": "DU1000001",
    "accountId": "DU1000001",
    "accountTitle": "A. Tester",
    "displayName": "A. Tester",
    "accountAlias": "play",
    "currency": "EUR",
    "type": "DEMO",
    "tradingType": "STKNOPT",
    "ibEntity": "IBLLC-US",
    "faclient": False,
    "clearingStatus": "O",
    "brokerageAccess": True,
    "noClientTrading": False,
    "desc": "DU1000001",
}
AUTH_STATUS: dict[str, object] = {
    "authenticated": True,
    "established": True,
    "connected": True,
    "competing": False,
    "message": "",
    "fail": "",
    "serverInfo": {"serverName": "JisfN1", "serverVersion": "Build 10"},
    "MAC": "00:00:00:00:00:00",
}
TICKLE: dict[str, object] = {
    "session": TOKEN,
    "ssoExpires": 540000,
    "collission": False,
    "hmds": {"error": "no bridge"},
    "iserver": {"authStatus": AUTH_STATUS},
}
STOCK_COMPANY: dict[str, object] = {
    "name": "ACME CORP",
    "assetClass": "STK",
    "contracts": [
        {"conid": 4711, "exchange": "NYSE", "isUS": True},
        {"conid": 4712, "exchange": "MEXI", "isUS": False},
    ],
}
ORDER: dict[str, object] = {
    "orderId": 987654321,
    "acct": "DU1000001",
    "conid": 4711,
    "ticker": "ACME",
    "secType": "STK",
    "status": "Submitted",
    "side": "BUY",
    "orderType": "LMT",
    "timeInForce": "DAY",
    "price": 101.5,
    "totalSize": 10.0,
    "filledQuantity": 4.0,
    "remainingQuantity": 6.0,
    "order_ref": "mine-1",
    "orderDesc": "Buy 10 ACME Limit 101.50, Day",
    "lastExecutionTime_r": 1757352788000,
}
PNL: dict[str, object] = {
    "rowType": 1,
    "dpl": -12.5,
    "upl": 30.25,
    "nl": 100000.5,
    "uel": 90000.125,
    "mv": 1267.5,
}

json_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
json_values = st.recursive(
    json_scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def row(method: str, path: str) -> Operation:
    """Return the operation of a call by its method and path."""
    return known(Operation(method, path, idempotent=method == "GET"))


class Drifts(list[Drift]):
    """List of drift reports; calling it adds one, so it can serve as the report function."""

    def __call__(self, drift: Drift) -> None:
        self.append(drift)

    @property
    def fields(self) -> list[str]:
        return [each.field for each in self]


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Response:
    """Return a response; in the header names, underscores stand for hyphens."""
    return Response(status, {key.replace("_", "-"): value for key, value in headers.items()}, body)
