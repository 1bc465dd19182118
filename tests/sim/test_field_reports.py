"""Tests of the field reports about the simulated gateway: P1, P2 and P3.

One more test is of a report about the client (S8) whose cause the simulation reproduces.

`tests/support/field_reports.py` has the table of all reports.
"""

from __future__ import annotations

import http.cookiejar
import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from bezant.sim import Clock, SimulatedGateway
from bezant.sim._scenario.clock import BY_HAND_START

from .conftest import Ws

AAPL = 265598


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    with SimulatedGateway(tls=False, clock=Clock(start=BY_HAND_START)) as running:
        yield running


def test_a_client_with_an_ordinary_cookie_jar_stays_logged_in(gateway: SimulatedGateway) -> None:
    # The cookies are marked as secure. Let the jar send them without TLS, too.
    policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("https", "wss", "http"))
    jar = http.cookiejar.CookieJar(policy)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )
    for method, path in (
        ("GET", "/portfolio/accounts"),
        ("POST", "/tickle"),
        ("GET", "/portfolio/accounts"),
        ("POST", "/iserver/auth/status"),
        ("POST", "/tickle"),
    ):
        data = b"" if method == "POST" else None
        request = urllib.request.Request(gateway.base_url + path, data, method=method)
        with opener.open(request, timeout=60) as response:
            assert response.status == 200, path
    assert sorted((each.name, each.path) for each in jar) == [
        ("x-sess-uuid", "/"), ("x-sess-uuid", "/v1/api"),
    ]  # fmt: skip


OPTION = {"sectype": "OPT", "month": "MAR27", "right": "C"}
UNAFFORDABLE = {"conid": AAPL, "orderType": "MKT", "side": "BUY", "quantity": 900_000, "tif": "DAY"}
FORM = "compete=true&locale=en_US&mac=02-00-00-00-00-01&machineId=5110c0de&username=-"


@pytest.mark.parametrize(
    ("path", "params", "status", "part"),
    [
        ("/iserver/secdef/info", {"conid": AAPL}, 200, '{"conid":265598,'),
        ("/iserver/secdef/info", {"conid": 999999999}, 500, "Details currently unavailable"),
        (
            "/iserver/secdef/info",
            {"conid": AAPL, "strike": 999} | OPTION,
            500,
            '{"error":"No Contracts retrieved"}',
        ),
        (
            "/iserver/secdef/info",
            {"conid": AAPL} | OPTION,
            400,
            "Bad Request: strike is required for warrant and option",
        ),
        (
            "/iserver/secdef/strikes",
            {"conid": AAPL, "sectype": "OPT", "month": "2026-07"},
            503,
            "Service Unavailable",
        ),
        (
            "/iserver/marketdata/history",
            {"conid": AAPL, "period": "16min", "bar": "1S"},
            200,
            '"barLength":1,',
        ),
        (
            "/iserver/marketdata/history",
            {"conid": AAPL, "period": "210m", "bar": "1w"},
            200,
            '"barLength":604800,',
        ),
        (f"/iserver/marketdata/{AAPL}/unsubscribe", {}, 404, "<h1>Resource not found</h1>"),
        ("/iserver/secdef/search", {"symbol": "ES"}, 200, '"secType":"FUT"'),
        ("/iserver/secdef/search", {"symbol": "SPX"}, 200, '"secType":"IND"'),
        ("/iserver/secdef/search", {"symbol": "EUR"}, 200, '"secType":"CASH"'),
        ("/iserver/secdef/search", {"symbol": "BTC"}, 200, '"secType":"CRYPTO"'),
    ],
)
def test_lookups_are_responded_to_as_recorded(
    api: httpx.Client, path: str, params: dict[str, Any], status: int, part: str
) -> None:
    api.get("/iserver/accounts")
    response = api.get(path, params=params)
    assert response.status_code == status
    assert part in response.text


def test_orders_and_logins_are_responded_to_as_recorded(api: httpx.Client) -> None:
    account = api.get("/iserver/accounts").json()["selectedAccount"]
    path = f"/iserver/account/{account}/orders/whatif"
    preview = api.post(path, json={"orders": [UNAFFORDABLE]})
    assert preview.status_code == 200
    assert preview.json()["error"].startswith("Available converted to base: ")
    kind = {"content-type": "application/x-www-form-urlencoded"}
    login = api.post("/iserver/auth/ssodh/init", content=FORM, headers=kind)
    assert (login.status_code, login.json()["authenticated"]) == (200, True)


def test_a_stream_begins_as_recorded(open_ws: Callable[..., Ws]) -> None:
    ws = open_ws(ready=False)
    frames = [json.loads(ws.raw()) for _ in range(3)]
    # Most clients first send the session's token. The gateway does not respond to it.
    ws.send('{"session":"0123456789abcdef0123456789abcdef"}')
    ws.send("tic")
    ws.send('str+{"realtimeUpdatesOnly":false}')
    frames += [json.loads(ws.raw()) for _ in range(5)]
    assert [each["topic"] for each in frames] == ["system", "act", "sts", *["tic"] * 4, "str"]
    assert frames[2]["args"].keys() >= {"connected", "established"}
    assert frames[-1]["args"] == []


def test_a_session_that_has_not_searched_a_symbol_gets_no_strikes(api: httpx.Client) -> None:
    """S8: empty lists, as often as the client asks, until it has searched."""
    asked: dict[str, str | int] = {"conid": AAPL, "sectype": "OPT", "month": "MAR27"}
    for _ in range(3):
        found = api.get("/iserver/secdef/strikes", params=asked)
        assert (found.status_code, found.json()) == (200, {"call": [], "put": []})
    api.get("/iserver/secdef/search", params={"symbol": "AAPL"})
    found = api.get("/iserver/secdef/strikes", params=asked)
    assert found.json()["call"] == found.json()["put"] != []
