"""Tests that simulated responses have the same status, keys and kinds of values as recorded ones.

`EXPLAINED` has the accepted differences, each with its reason.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from bezant.sim import Clock, Held, Scenario, SimulatedGateway

from .conftest import Ws
from .recorded import Recording, Shape, differences, frames, recordings

AAPL = 265598
EVENT = 900_000_101
LIMIT = {"conid": AAPL, "side": "BUY", "orderType": "LMT", "tif": "DAY", "quantity": 1}
ALERT = {
    "alertName": "AAPL", "alertMessage": "m", "alertRepeatable": 0, "outsideRth": 0, "tif": "GTC",
    "conditions": [
        {"type": 1, "conidex": f"{AAPL}@SMART", "operator": ">=", "triggerMethod": "0",
         "value": "300", "logicBind": "n", "timeZone": ""}
    ],
}  # fmt: skip
HELD = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA", "JPM")
FIELDS = "31,55,70,71,82,83,84,85,86,87,88,7059,7762"


class Simulated:
    """A simulated gateway, and methods that call it."""

    def __init__(self, gateway: SimulatedGateway, client: httpx.Client) -> None:
        self.gateway = gateway
        self.client = client
        self.account = gateway.account_id
        self.responses: list[httpx.Response] = []
        self.get("/iserver/accounts")
        self.get("/portfolio/accounts")

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path.replace("ACCOUNT", self.account), **options)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.ask("GET", path, params=params or None)

    def post(self, path: str, body: object = None) -> httpx.Response:
        return self.ask("POST", path, json={} if body is None else body)

    def place(self, **changes: Any) -> httpx.Response:
        order = LIMIT | {"price": 250} | changes
        return self.post("/iserver/account/ACCOUNT/orders", {"orders": [order]})

    def placed(self, **changes: Any) -> str:
        """Place an order that the exchange accepts; return its id."""
        return str(self.place(**changes).json()[0]["order_id"])

    def second_question(self) -> httpx.Response:
        """Place an order that raises two questions; confirm the first and return the second one."""
        self.gateway.ask("o163", "o10153")
        first = self.place().json()[0]["id"]
        return self.post(f"/iserver/reply/{first}", {"confirmed": True})

    def question(self) -> str:
        """Place an order that raises a question; return the question's id."""
        return str(self.place(price=1).json()[0]["id"])

    def orders(self) -> httpx.Response:
        """Place three orders, cancel one of them, and return the list of orders."""
        self.placed(orderType="MKT")
        self.placed(cOID="mine")
        cancelled = self.placed(price=249)
        self.ask("DELETE", f"/iserver/account/ACCOUNT/order/{cancelled}")
        self.get("/iserver/account/orders")
        return self.get("/iserver/account/orders")

    def trades(self) -> httpx.Response:
        self.placed(orderType="MKT")
        self.placed(orderType="MKT", side="SELL", cOID="mine")
        query = {"sectype": "OPT", "month": "MAR27", "strike": 204, "right": "C"}
        [option] = self.get("/iserver/secdef/info", conid=AAPL, **query).json()
        self.placed(orderType="MKT", conid=option["conid"])
        self.get("/iserver/account/trades")
        return self.get("/iserver/account/trades")

    def snapshot(self) -> httpx.Response:
        query = {"conids": f"{AAPL},1", "fields": FIELDS}
        self.get("/iserver/marketdata/snapshot", **query)
        return self.get("/iserver/marketdata/snapshot", **query)

    def alert(self) -> int:
        made = self.post("/iserver/account/ACCOUNT/alert", ALERT)
        return int(made.json()["order_id"])

    def watchlist(self) -> httpx.Response:
        rows = [{"C": AAPL}, {"H": ""}]
        return self.post("/iserver/watchlist", {"id": "77", "name": "Mine", "rows": rows})


def _after(*steps: Callable[[Simulated], object]) -> Callable[[Simulated], httpx.Response]:
    def run(sim: Simulated) -> httpx.Response:
        *before, last = steps
        for step in before:
            step(sim)
        response = last(sim)
        assert isinstance(response, httpx.Response)
        return response

    return run


def _logged_out_of_brokerage(sim: Simulated) -> None:
    sim.gateway.disconnect()


Situation = Callable[[Simulated], httpx.Response]

# Key: an operation, and a variant of its recorded responses. Value: a call with such a response.
SITUATIONS: dict[tuple[str, str], Situation] = {
    ("GET /contract/trading-schedule", "200"): lambda sim: sim.get(
        "/contract/trading-schedule", conid=AAPL
    ),
    ("GET /forecast/contract/details", "200"): lambda sim: sim.get(
        "/forecast/contract/details", conid=EVENT
    ),
    ("GET /forecast/contract/rules", "200"): lambda sim: sim.get(
        "/forecast/contract/rules", conid=EVENT
    ),
    ("GET /forecast/contract/schedules", "200"): lambda sim: sim.get(
        "/forecast/contract/schedules", conid=EVENT
    ),
    ("DELETE /fyi/deliveryoptions/{deviceId}", "200"): lambda sim: sim.ask(
        "DELETE", "/fyi/deliveryoptions/x"
    ),
    ("GET /fyi/disclaimer/{typecode}", "200"): lambda sim: sim.get("/fyi/disclaimer/BA"),
    ("GET /fyi/notifications", "200"): lambda sim: sim.get("/fyi/notifications"),
    ("PUT /fyi/notifications/{notificationID}", "200"): lambda sim: sim.ask(
        "PUT",
        f"/fyi/notifications/{sim.get('/fyi/notifications').json()[0]['ID']}",
        json={},
    ),
    ("GET /fyi/settings", "200"): lambda sim: sim.get("/fyi/settings"),
    ("POST /fyi/settings/{typecode}", "200"): lambda sim: sim.post(
        "/fyi/settings/BA", {"enabled": True}
    ),
    ("GET /fyi/unreadnumber", "200"): lambda sim: sim.get("/fyi/unreadnumber"),
    ("GET /hmds/history", "200"): lambda sim: sim.get(
        "/hmds/history", conid=AAPL, period="1d", bar="1h"
    ),
    ("POST /hmds/scanner", "200"): lambda sim: sim.post(
        "/hmds/scanner",
        {
            "instrument": "STK",
            "locations": "STK.US.MAJOR",
            "scanCode": "TOP_PERC_GAIN",
            "secType": "STK",
            "filters": [{}],
        },
    ),
    ("GET /iserver/account/{account}/ledger", "404"): lambda sim: sim.get(
        "/iserver/account/ACCOUNT/ledger"
    ),
    ("GET /iserver/account/{account}/positions", "404"): lambda sim: sim.get(
        "/iserver/account/ACCOUNT/positions"
    ),
    ("POST /reauthenticate", "404"): lambda sim: sim.post("/reauthenticate"),
    ("GET /iserver/marketdata/{conid}/unsubscribe", "404"): lambda sim: sim.get(
        "/iserver/marketdata/265598/unsubscribe"
    ),
    ("GET /iserver/account/allocation/group", "200"): lambda sim: sim.get(
        "/iserver/account/allocation/group"
    ),
    ("POST /iserver/account/allocation/group", "200"): lambda sim: sim.post(
        "/iserver/account/allocation/group",
        {"name": "G", "accounts": [{"name": sim.account, "amount": 1}], "default_method": "S"},
    ),
    ("POST /iserver/account/allocation/group/single", "200"): lambda sim: sim.post(
        "/iserver/account/allocation/group/single", {"name": "G"}
    ),
    ("GET /iserver/account/mta", "200"): lambda sim: sim.get("/iserver/account/mta"),
    ("GET /iserver/account/order/status/{orderId}", "200"): lambda sim: sim.get(
        f"/iserver/account/order/status/{sim.placed(orderType='MKT')}"
    ),
    ("GET /iserver/account/order/status/{orderId}", "503"): lambda sim: sim.get(
        "/iserver/account/order/status/999999999"
    ),
    ("GET /iserver/account/orders", "200"): lambda sim: sim.orders(),
    ("GET /iserver/account/pnl/partitioned", "200"): lambda sim: sim.get(
        "/iserver/account/pnl/partitioned"
    ),
    ("GET /iserver/account/search/{searchPattern}", "200"): lambda sim: sim.get(
        "/iserver/account/search/DU"
    ),
    ("GET /iserver/account/trades", "200"): lambda sim: sim.trades(),
    ("POST /iserver/account/{accountId}/alert/activate", "200"): lambda sim: sim.post(
        "/iserver/account/ACCOUNT/alert/activate", {"alertId": sim.alert(), "alertActive": 1}
    ),
    ("DELETE /iserver/account/{accountId}/alert/{alertId}", "200"): lambda sim: sim.ask(
        "DELETE", f"/iserver/account/ACCOUNT/alert/{sim.alert()}"
    ),
    ("GET /iserver/account/{accountId}/alerts", "200"): lambda sim: (
        sim.alert(),
        sim.get("/iserver/account/ACCOUNT/alerts"),
    )[1],
    ("DELETE /iserver/account/{accountId}/order/{orderId}", "200"): lambda sim: sim.ask(
        "DELETE", f"/iserver/account/ACCOUNT/order/{sim.placed()}"
    ),
    ("DELETE /iserver/account/{accountId}/order/{orderId}", "400"): lambda sim: sim.ask(
        "DELETE", "/iserver/account/ACCOUNT/order/101"
    ),
    ("DELETE /iserver/account/{accountId}/order/{orderId}", "error"): lambda sim: sim.ask(
        "DELETE", "/iserver/account/ACCOUNT/order/101"
    ),
    ("POST /iserver/account/{accountId}/order/{orderId}", "400"): lambda sim: sim.post(
        "/iserver/account/ACCOUNT/order/101", LIMIT | {"price": 1}
    ),
    ("POST /iserver/account/{accountId}/orders", "placed"): lambda sim: sim.place(cOID="mine"),
    ("POST /iserver/account/{accountId}/orders", "question"): lambda sim: sim.place(price=1),
    ("POST /iserver/account/{accountId}/orders", "error"): lambda sim: sim.place(
        orderType="MOC", tif="GTC"
    ),
    ("POST /iserver/account/{accountId}/orders/whatif", "200"): lambda sim: sim.post(
        "/iserver/account/ACCOUNT/orders/whatif", {"orders": [LIMIT | {"price": 250}]}
    ),
    ("POST /iserver/account/{accountId}/orders/whatif", "error"): lambda sim: sim.post(
        "/iserver/account/ACCOUNT/orders/whatif",
        {"orders": [LIMIT | {"orderType": "MKT", "quantity": 900_000}]},
    ),
    ("POST /iserver/account/{accountId}/orders/whatif", "500"): lambda sim: sim.post(
        "/iserver/account/ACCOUNT/orders/whatif", {"orders": [LIMIT | {"quantity": 0}]}
    ),
    ("GET /iserver/account/{accountId}/summary", "200"): lambda sim: sim.get(
        "/iserver/account/ACCOUNT/summary"
    ),
    ("GET /iserver/account/{accountId}/summary/available_funds", "200"): lambda sim: sim.get(
        "/iserver/account/ACCOUNT/summary/available_funds"
    ),
    ("GET /iserver/account/{accountId}/summary/margins", "200"): lambda sim: sim.get(
        "/iserver/account/ACCOUNT/summary/margins"
    ),
    ("GET /iserver/accounts", "200"): lambda sim: sim.get("/iserver/accounts"),
    ("POST /iserver/auth/ssodh/init", "200"): lambda sim: sim.post(
        "/iserver/auth/ssodh/init", {"publish": True, "compete": True}
    ),
    ("GET /iserver/auth/status", "200"): lambda sim: sim.get("/iserver/auth/status"),
    ("POST /iserver/contract/rules", "200"): lambda sim: sim.post(
        "/iserver/contract/rules", {"conid": AAPL, "isBuy": True}
    ),
    ("GET /iserver/contract/{conid}/algos", "200"): lambda sim: sim.get(
        f"/iserver/contract/{AAPL}/algos", addDescription=1, addParams=1
    ),
    ("GET /iserver/contract/{conid}/info", "200"): lambda sim: sim.get(
        f"/iserver/contract/{AAPL}/info"
    ),
    ("GET /iserver/contract/{conid}/info-and-rules", "200"): lambda sim: sim.get(
        f"/iserver/contract/{AAPL}/info-and-rules"
    ),
    ("GET /iserver/currency/pairs", "200"): lambda sim: sim.get(
        "/iserver/currency/pairs", currency="USD"
    ),
    ("POST /iserver/dynaccount", "200"): lambda sim: sim.post(
        "/iserver/dynaccount", {"acctId": sim.account}
    ),
    ("POST /iserver/dynaccount", "401"): lambda sim: sim.post(
        "/iserver/dynaccount", {"acctId": "DU0"}
    ),
    ("POST /iserver/dynaccount", "400"): _after(
        _logged_out_of_brokerage, lambda sim: sim.post("/iserver/dynaccount", {"acctId": "DU0"})
    ),
    ("GET /iserver/marketdata/history", "200"): lambda sim: sim.get(
        "/iserver/marketdata/history", conid=AAPL, period="1d", bar="1h"
    ),
    ("GET /iserver/marketdata/snapshot", "200"): lambda sim: sim.snapshot(),
    ("POST /iserver/marketdata/unsubscribe", "200"): _after(
        lambda sim: sim.snapshot(),
        lambda sim: sim.post("/iserver/marketdata/unsubscribe", {"conid": AAPL}),
    ),
    ("GET /iserver/marketdata/unsubscribeall", "200"): lambda sim: sim.get(
        "/iserver/marketdata/unsubscribeall"
    ),
    ("POST /iserver/notification", "200"): lambda sim: sim.post(
        "/iserver/notification", {"orderId": 1, "reqId": "1", "text": "Yes"}
    ),
    ("POST /iserver/questions/suppress/reset", "200"): lambda sim: sim.post(
        "/iserver/questions/suppress/reset"
    ),
    ("POST /iserver/reply/{replyId}", "placed"): lambda sim: sim.post(
        f"/iserver/reply/{sim.question()}", {"confirmed": True}
    ),
    ("POST /iserver/reply/{replyId}", "question"): lambda sim: sim.second_question(),
    ("GET /iserver/scanner/params", "200"): lambda sim: sim.get("/iserver/scanner/params"),
    ("POST /iserver/scanner/run", "200"): lambda sim: sim.post(
        "/iserver/scanner/run",
        {"instrument": "STK", "location": "STK.US.MAJOR", "type": "TOP_PERC_GAIN", "filter": []},
    ),
    ("GET /iserver/secdef/bond-filters", "200"): lambda sim: sim.get(
        "/iserver/secdef/bond-filters", symbol="BOND", issuerId="e1"
    ),
    ("GET /iserver/secdef/info", "200"): lambda sim: sim.get("/iserver/secdef/info", conid=AAPL),
    ("GET /iserver/secdef/info", "500"): lambda sim: sim.get("/iserver/secdef/info", conid=1),
    ("GET /iserver/secdef/search", "200"): lambda sim: sim.get(
        "/iserver/secdef/search", symbol="AAPL"
    ),
    ("POST /iserver/watchlist", "200"): lambda sim: sim.watchlist(),
    ("GET /iserver/watchlist", "200"): _after(
        lambda sim: sim.watchlist(), lambda sim: sim.get("/iserver/watchlist", id=77)
    ),
    ("DELETE /iserver/watchlist", "200"): _after(
        lambda sim: sim.watchlist(),
        lambda sim: sim.ask("DELETE", "/iserver/watchlist", params={"id": 77}),
    ),
    ("POST /pa/allperiods", "200"): lambda sim: sim.post(
        "/pa/allperiods", {"acctIds": [sim.account]}
    ),
    ("POST /pa/performance", "200"): lambda sim: sim.post(
        "/pa/performance", {"acctIds": [sim.account], "period": "1M"}
    ),
    ("POST /pa/transactions", "200"): _after(
        lambda sim: sim.placed(orderType="MKT"),
        lambda sim: sim.post(
            "/pa/transactions",
            {"acctIds": [sim.account], "conids": [AAPL], "currency": "USD", "days": 30},
        ),
    ),
    ("GET /portfolio/accounts", "200"): lambda sim: sim.get("/portfolio/accounts"),
    ("GET /portfolio/subaccounts", "200"): lambda sim: sim.get("/portfolio/subaccounts"),
    ("GET /portfolio/positions/{conid}", "200"): lambda sim: sim.get(
        f"/portfolio/positions/{AAPL}"
    ),
    ("GET /portfolio/{accountId}/allocation", "200"): lambda sim: sim.get(
        "/portfolio/ACCOUNT/allocation"
    ),
    ("GET /portfolio/{accountId}/combo/positions", "500"): lambda sim: sim.get(
        "/portfolio/ACCOUNT/combo/positions"
    ),
    ("GET /portfolio/{accountId}/ledger", "200"): lambda sim: sim.get("/portfolio/ACCOUNT/ledger"),
    ("GET /portfolio/{accountId}/meta", "200"): lambda sim: sim.get("/portfolio/ACCOUNT/meta"),
    ("POST /portfolio/{accountId}/positions/invalidate", "200"): lambda sim: sim.post(
        "/portfolio/ACCOUNT/positions/invalidate"
    ),
    ("GET /portfolio/{accountId}/positions/{pageId}", "200"): lambda sim: sim.get(
        "/portfolio/ACCOUNT/positions/0"
    ),
    ("GET /portfolio/{accountId}/summary", "200"): lambda sim: sim.get(
        "/portfolio/ACCOUNT/summary"
    ),
    ("GET /portfolio/{accountid}/position/{conid}", "200"): lambda sim: sim.get(
        f"/portfolio/ACCOUNT/position/{AAPL}"
    ),
    ("GET /portfolio2/{accountId}/positions", "200"): lambda sim: sim.get(
        "/portfolio2/ACCOUNT/positions"
    ),
    ("GET /sso/validate", "200"): lambda sim: sim.get("/sso/validate"),
    ("POST /tickle", "200"): lambda sim: sim.post("/tickle"),
    ("GET /trsrv/all-conids", "200"): lambda sim: sim.get("/trsrv/all-conids", exchange="NYSE"),
    ("GET /trsrv/futures", "200"): lambda sim: sim.get("/trsrv/futures", symbols="ES"),
    ("GET /trsrv/secdef/schedule", "200"): lambda sim: sim.get(
        "/trsrv/secdef/schedule", symbol="AAPL", assetClass="STK"
    ),
    ("GET /trsrv/stocks", "200"): lambda sim: sim.get("/trsrv/stocks", symbols="AAPL"),
}


def _variant(recording: Recording) -> str:
    """Return the variant of a response: its status, or a word such as "question" for its body."""
    return _variant_of(recording.operation, recording.status, recording.body)


def _variant_of(operation: str, status: int, body: Any) -> str:
    if status != 200:
        return str(status)
    first = body[0] if isinstance(body, list) and body else body
    if isinstance(first, dict):
        if operation.endswith(("/orders", "/reply/{replyId}")) and operation.startswith("POST"):
            if "message" in first:
                return "question"
            return "error" if "error" in first else "placed"
        if first.get("error"):
            return "error"
    return "200"


def _operation(recording: Recording) -> str:
    """Return a response's operation, with placeholders for ids even in paths that do not exist."""
    words = _SAME.get(recording.operation, recording.operation).split("/")
    return "/".join(
        "{account}" if word == "U1234567" else "{conid}" if word == "265598" else word
        for word in words
    )


# The gateway accepts both methods for these calls and responds in the same way.
_SAME = {
    "POST /iserver/auth/status": "GET /iserver/auth/status",
    "GET /tickle": "POST /tickle",
    "POST /iserver/secdef/search": "GET /iserver/secdef/search",
}
# Operations whose outermost object has symbols or names of figures as its keys.
_KEYED = {"GET /trsrv/stocks", "GET /trsrv/futures", "GET /portfolio/{accountId}/summary"}


def by_situation() -> dict[tuple[str, str], list[Recording]]:
    found: defaultdict[tuple[str, str], list[Recording]] = defaultdict(list)
    for each in recordings():
        if not each.path.startswith("/oauth/"):
            found[_operation(each), _variant(each)].append(each)
    return found


RECORDED = by_situation()

# Reasons and accepted differences, by operation; `*` stands for any operation.
_BEFORE_2026 = "in recordings before 2026 only"
_OLD_LIST = "a form of 2021: an object instead of a list of one"
_ACCOUNTS = "recordings of 2026 have it (`GET /portfolio/subaccounts`); those are older"
_STATUS = "recordings of 2026 have it (`GET /iserver/auth/status`); this one is older"
EXPLAINED: dict[str, dict[str, str]] = {
    "GET /forecast/contract/details": {"-? .party": "of an election only"},
    "GET /iserver/marketdata/history": {
        "-? .chartPanStartTime": _BEFORE_2026,
        "-? .direction": _BEFORE_2026,
    },
    "GET /iserver/account/order/status/{orderId}": {
        f"+ .{key}": "live accounts of September 2026 have it; the recordings are older"
        for key in ("all_or_none", "stop_price")
    },
    "POST /pa/allperiods": {
        f"+ .{{account}}.{period}": "the recordings are shortened, or of accounts of 60 days"
        for period in ("3M", "6M", "12M")
    },
    "POST /iserver/account/{accountId}/orders": {
        "- .order_id": _OLD_LIST,
        "- .order_status": _OLD_LIST,
    },
    "POST /iserver/account/{accountId}/orders/whatif": {
        "- .allocations": "recorded for a group of an adviser only; the account is a single one",
    },
    "DELETE /iserver/account/{accountId}/order/{orderId}": {
        "! 400 for error": "recorded with 400 (2024) and with 200 (2026); the simulation sends 400",
    },
    "GET /sso/validate": {
        "+ .LOGIN_TYPE": "a gateway's session of 2026 has it; this recording is of 2024",
    },
    "POST /iserver/auth/ssodh/init": {
        "- .fail": "in a refusal only, which a test makes with `faults.fail_next`",
        "- .passed": "in a refusal only, which a test makes with `faults.fail_next`",
        "+ .established": _STATUS,
        "+ .hardware_info": _STATUS,
    },
    "POST /iserver/contract/rules": {
        f"+ .{key}": "the rules of `info-and-rules` have it; this page is older"
        for key in ("allOrNoneEligible", "displayMessage", "tifDefaults.PMALGO")
    },
    "GET /trsrv/secdef/schedule": {
        f"+ [].{key}": "IBKR's OpenAPI document has it; its page does not"
        for key in ("description", "exchange")
    },
    "GET /iserver/watchlist": {
        "+ .instruments[].H": "an empty row; the recorded lists have none",
    },
    "GET /portfolio/{accountId}/meta": {
        "+ .acctCustType": _ACCOUNTS,
        "+ .category": _ACCOUNTS,
    },
    "GET /portfolio/{accountId}/summary": {
        "-? .{key}.isNone": "one document's spelling of `isNull`, which all others have",
    },
    "GET /portfolio/accounts": {"+ [].acctCustType": _ACCOUNTS, "+ [].category": _ACCOUNTS},
}


@pytest.fixture
def sim() -> Iterator[Simulated]:
    scenario = Scenario(held=[Held(each, 10) for each in HELD], cash={"USD": 100_000})
    with SimulatedGateway(scenario=scenario, clock=Clock.by_hand()) as gateway:
        gateway.set_price("AAPL", 255)
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as client:
            yield Simulated(gateway, client)


def found_differences(sim: Simulated, situation: tuple[str, str]) -> list[str]:
    response = SITUATIONS[situation](sim)
    keyed = situation[0] in _KEYED
    real, allowed, simulated = Shape(keyed=keyed), Shape(keyed=keyed), Shape(keyed=keyed)
    only_documented = all(each.documented for each in RECORDED[situation])
    for each in RECORDED[situation]:
        (allowed if each.documented and not only_documented else real).add(each.body)
    try:
        body = response.json()
    except json.JSONDecodeError:
        body = response.text
    simulated.add(body)
    variant = _variant_of(situation[0], response.status_code, body)
    found = [] if variant == situation[1] else [f"! {variant} for {situation[1]}"]
    return found + list(differences(simulated, real, allowed))


@pytest.mark.parametrize("situation", RECORDED, ids=" ".join)
def test_the_simulated_response_is_like_the_recorded_ones(
    sim: Simulated, situation: tuple[str, str]
) -> None:
    explained = EXPLAINED.get(situation[0], {}) | EXPLAINED.get("*", {})
    found = found_differences(sim, situation)
    assert [each for each in found if each not in explained] == []


@pytest.mark.skipif(
    not RECORDED, reason="users' recordings belong to their authors and are not in this repository"
)
@pytest.mark.parametrize("operation", EXPLAINED)
def test_every_explanation_is_needed(sim: Simulated, operation: str) -> None:
    situations = [each for each in RECORDED if each[0] == operation]
    found = {each for situation in situations for each in found_differences(sim, situation)}
    assert EXPLAINED[operation].keys() <= found


def test_the_status_of_a_new_order_is_a_recorded_one(sim: Simulated) -> None:
    recorded = {
        row["order_status"]
        for situation, found in RECORDED.items()
        for each in found
        if situation[1] == "placed" and not each.documented
        for row in (each.body if isinstance(each.body, list) else [each.body])
    }
    if not recorded:
        pytest.skip("users' recordings belong to their authors and are not in this repository")
    for responses in (
        sim.place(),
        sim.place(orderType="MKT"),
        SITUATIONS["POST /iserver/reply/{replyId}", "placed"](sim),
    ):
        assert {row["order_status"] for row in responses.json()} <= recorded


# Topics that the simulation does not send: IBKR sends them of its own accord, or for exercises.
NOT_SENT = {"shs", "inp", "blt"}
# Every difference of frames that stays, by topic.
FRAMES_EXPLAINED: dict[str, dict[str, str]] = {
    "sts": {f"-? .args.{key}": _BEFORE_2026 for key in ("serverName", "serverVersion", "username")},
    "sor": {
        "+ .args[].avgPrice": "no recorded frame is of a filled order; the list of orders has it",
    },
}


def by_topic() -> dict[str, list[tuple[Any, bool]]]:
    found: defaultdict[str, list[tuple[Any, bool]]] = defaultdict(list)
    for body, documented in frames():
        found[_topic_of(body)].append((body, documented))
    return {name: rows for name, rows in found.items() if name not in NOT_SENT}


FIELDS_OF_FRAMES = ",".join(f'"{each}"' for each in FIELDS.split(","))


def _topic_of(body: Any) -> str:
    topic = str(body.get("topic", "error")).partition("+")[0]
    if "error" in body:
        return "refusal" if topic != "error" else "error"
    if topic == "system":
        return "heartbeat" if "hb" in body else "system"
    return topic


FRAMES_RECORDED = by_topic()


@pytest.mark.parametrize("topic", FRAMES_RECORDED)
def test_the_simulated_frames_are_like_the_recorded_ones(
    sim: Simulated, open_ws: Callable[..., Ws], topic: str
) -> None:
    ws = open_ws(ready=False, url=sim.gateway.ws_url)
    bodies: list[Any] = []

    def read() -> None:
        ws.send("ech+hb")
        while (data := ws.raw()) != b"ech+hb":
            bodies.append(json.loads(data))

    while "sts" not in [each["topic"] for each in bodies]:
        bodies.append(json.loads(ws.raw()))
    sim.gateway.faults.ws_refuse("sor")
    account = sim.account
    for command in (
        "sor+{}", "sor+{}", "str+{}", f"smd+{AAPL}+{{\"fields\":[{FIELDS_OF_FRAMES}]}}",
        f"sld+{account}+{{}}", "tic", "nosuch",
    ):  # fmt: skip
        ws.send(command)
    read()
    sim.placed(orderType="MKT")
    sim.ask("DELETE", f"/iserver/account/ACCOUNT/order/{sim.placed()}")
    sim.gateway.set_price("AAPL", 256)
    for _ in range(3):
        sim.gateway.clock.advance(10)
        read()
    real, allowed, simulated = Shape(), Shape(), Shape()
    for body, documented in FRAMES_RECORDED[topic]:
        (allowed if documented else real).add(body)
    found = [body for body in bodies if _topic_of(body) == topic]
    assert found, f"no frame of {topic}"
    for body in found:
        simulated.add(body)
    explained = FRAMES_EXPLAINED.get(topic, {})
    different = list(differences(simulated, real, allowed))
    assert [each for each in different if each not in explained] == []
    assert explained.keys() <= set(different)


# Values of an order's rows that say how far the order is.
PROGRESS = ("status", "order_ccp_status", "sizeAndFills", "bgColor", "fgColor")


def test_the_rows_of_an_order_have_the_recorded_statuses(
    sim: Simulated, open_ws: Callable[..., Ws]
) -> None:
    """Place an order and cancel it, as in the recording."""
    recorded = [
        {name: row[name] for name in PROGRESS if name in row}
        for body, documented in FRAMES_RECORDED.get("sor", [])
        if not documented
        for row in body["args"]
    ]
    if not recorded:
        pytest.skip("users' recordings belong to their authors and are not in this repository")
    ws = open_ws(url=sim.gateway.ws_url)
    ws.send("sor+{}")
    ws.drain()
    number = sim.placed()
    sim.gateway.clock.advance(1)
    rows = [ws.message("sor")["args"][0] for _ in range(4)]
    # The stream's next update comes during the 0.25 s that a cancellation takes.
    sim.gateway.clock.advance(0.4)
    sim.ask("DELETE", f"/iserver/account/ACCOUNT/order/{number}")
    for seconds in (0.1, 0.5):
        sim.gateway.clock.advance(seconds)
        rows.append(ws.message("sor")["args"][0])
    assert rows[3]["status"] == "Submitted"  # in the recording's description, not in its frames
    del rows[3]
    shown = [{name: row[name] for name in PROGRESS if name in row} for row in rows]
    assert shown == recorded
    assert rows[3].keys() >= rows[0].keys() - {"outsideRTH"}
