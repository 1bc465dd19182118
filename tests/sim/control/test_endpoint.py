"""Tests of the simulated gateway's control endpoint, over plain HTTP as other languages use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from bezant import Client
from bezant.sim import Clock, SimulatedGateway

AAPL = 265598
STATUS = "/iserver/auth/status"


@pytest.fixture
def control(gateway: SimulatedGateway) -> Iterator[httpx.Client]:
    url = f"{gateway.root_url}/_control"
    with httpx.Client(base_url=url, verify=False, timeout=60) as client:
        yield client


def wrong(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    text: str = answer.json()["error"]
    return text


def test_the_overview_names_every_call_and_fault(control: httpx.Client) -> None:
    overview = control.get("/").json()
    assert "POST /_control/faults/*" in overview["calls"]
    assert overview["faults"]["drop_next"] == {
        "path": "''",
        "times": "1",
        "when": "'before'",
        "method": "None",
    }
    assert overview["faults"]["slow"]["seconds"] == "required"


def test_state_and_requests(
    gateway: SimulatedGateway, control: httpx.Client, api: httpx.Client
) -> None:
    api.post("/tickle?x=1", content=b"{}")
    state = control.get("/state").json()
    assert (state["base_url"], state["account_id"]) == (gateway.base_url, gateway.account_id)
    assert (state["requests"], state["session"]["authenticated"]) == (1, True)
    (request,) = control.get("/requests").json()
    assert (request["method"], request["path"], request["body"]) == ("POST", "/v1/api/tickle", "{}")
    assert request["query"] == {"x": "1"}
    control.delete("/requests")
    assert gateway.requests == []


def test_the_session(control: httpx.Client, api: httpx.Client) -> None:
    assert control.post("/session", json={"state": "logout", "style": "unauthorized"}).json() == {
        "logged_in": False,
        "authenticated": False,
        "established": False,
        "connected": False,
        "competing": False,
    }
    assert api.get(STATUS).status_code == 401
    control.post("/session", json={"state": "compete"})
    control.post("/session", json={"state": "login"})
    assert api.get(STATUS).status_code == 200
    assert "login, logout" in wrong(control.post("/session", json={"state": "asleep"}))
    assert "style" in wrong(control.post("/session", json={"state": "login", "style": "html"}))
    wrong(control.post("/session", json={"state": "logout", "style": "loud"}))


def test_faults(gateway: SimulatedGateway, control: httpx.Client, api: httpx.Client) -> None:
    fault = control.post(
        "/faults/fail_next", json={"path": STATUS, "status": 500, "body": "oops", "times": 2}
    ).json()
    assert fault == {
        "kind": "fail",
        "path": STATUS,
        "method": None,
        "when": "before",
        "hits": 0,
        "waiting": True,
    }
    assert (api.get(STATUS).status_code, api.get(STATUS).text) == (500, "oops")
    control.post("/faults/drop_next", json={"when": "after"})
    with pytest.raises(httpx.TransportError):
        api.get(STATUS)
    faults = control.get("/faults").json()
    assert faults["counts"] == {"fail": 2, "drop": 1}
    assert [each["kind"] for each in faults["happened"]] == ["fail", "fail", "drop"]
    control.post("/faults/slow", json={"seconds": 9})
    control.delete("/faults")
    assert api.get(STATUS).status_code == 200
    assert gateway.faults.waiting == []


@pytest.mark.parametrize(
    ("name", "body", "complaint"),
    [
        ("explode", {}, "there are fail_next, drop_next"),
        ("slow", {}, "slow needs seconds"),
        ("slow", {"seconds": "a"}, "seconds: Expected `float`"),
        ("drop_next", {"when": "soon"}, "when: Invalid enum value 'soon'"),
        ("drop_next", {"path": "", "size": 1}, "unknown: size; allowed are path"),
        ("drop_next", {"times": 0}, "times must be at least 1"),
        ("drop_next", [1], "must be a JSON object"),
    ],
)
def test_a_fault_that_is_wrong(
    gateway: SimulatedGateway, control: httpx.Client, name: str, body: Any, complaint: str
) -> None:
    answer = control.post(f"/faults/{name}", json=body)
    assert complaint in wrong(answer, 404 if name == "explode" else 400)
    assert gateway.faults.waiting == []


def reachable(control: httpx.Client) -> bool:
    try:
        return control.get("/state").status_code == 200
    except httpx.TransportError:
        return False


def test_every_fault_can_be_made(
    gateway: SimulatedGateway,
    control: httpx.Client,
    open_ws: Callable[..., Any],
    until: Callable[[Callable[[], object]], None],
) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "fail_next": {"path": "/x"},
        "slow": {"seconds": 0.01, "path": "/x"},
        "silence": {"path": "/x"},
        "drop_next": {"path": "/x"},
        "logout_after": {"messages": 10_000},
        "ws_flood": {"messages": 10},
        "penalise": {"seconds": 1},
    }
    last = ("restart", "refuse")
    names = sorted(control.get("/").json()["faults"], key=lambda name: name in last)
    assert len(names) == 20
    for name in names:
        if name == "end_market_data" or name.startswith("ws_"):
            open_ws()
        answer = control.post(f"/faults/{name}", json=arguments.get(name, {}))
        assert answer.status_code == 200, answer.text
        if name in last:
            until(lambda: reachable(control))
        control.post("/pacing", json={"enforced": False})
    assert set(gateway.faults.counts) >= {"penalty", "restart", "refuse", "ws_close", "ws_flood"}


def test_a_storm(control: httpx.Client, api: httpx.Client) -> None:
    control.post("/storm", json={"seed": 1, "one_in": 2, "kinds": ["fail"]})
    assert [api.get(STATUS).status_code for _ in range(4)] == [200, 503, 200, 503]
    report = control.delete("/storm").json()
    assert report["requests"] == 4
    assert [each["kind"] for each in report["injected"]] == ["fail", "fail"]
    assert [api.get(STATUS).status_code for _ in range(2)] == [200, 200]
    assert control.get("/storm").json() == report
    wrong(control.post("/storm", json={"kinds": ["rain"]}))


def test_pacing(control: httpx.Client, api: httpx.Client) -> None:
    control.post("/pacing", json={"enforced": True, "penalty": 60})
    codes = [api.get("/portfolio/accounts").status_code for _ in range(2)]
    assert codes == [200, 429]
    pacing = control.get("/pacing").json()
    assert (pacing["enforced"], pacing["arrivals"]) == (True, 2)
    assert 50 < pacing["penalty_left"] <= 60
    assert pacing["violations"][0]["limit"] == "GET /portfolio/accounts: 1 in 5 s"
    assert control.post("/pacing", json={"enforced": False}).json()["enforced"] is False
    wrong(control.post("/pacing", json={"penalty": -1}))


def test_the_clock_and_prices() -> None:
    with SimulatedGateway(positions=1, clock=Clock.by_hand()) as gateway:
        with httpx.Client(
            base_url=f"{gateway.root_url}/_control", verify=False, timeout=60
        ) as control:
            before = gateway.clock.now()
            assert control.post("/clock", json={"advance": 60}).json() == {"now": before + 60}
            wrong(control.post("/clock", json={"advance": -1}))
            wrong(control.post("/clock", json={}))
            control.post("/prices", json={"AAPL": 123.25, "272093": "99.5"})
            wrong(control.post("/prices", json={"NONE": 1}))
        with Client(gateway.base_url, pacing=False, retries=0) as client:
            client.accounts()
            asked = {"conids": f"{AAPL},272093", "fields": "7635"}
            path = "/iserver/marketdata/snapshot"
            # The first call has no values: it only starts the data.
            client.request("GET", path, params=asked)
            rows = client.request("GET", path, params=asked)
            assert [row["7635"] for row in rows] == ["123.25", "99.50"]


def test_halts_questions_and_orders(gateway: SimulatedGateway, control: httpx.Client) -> None:
    assert control.post("/halts", json={"AAPL": True}).json() == {"AAPL": True}
    control.post("/halts", json={"AAPL": False})
    wrong(control.post("/halts", json={"AAPL": "maybe"}))
    control.post("/questions", json={"ask": ["o354"]})
    wrong(control.post("/questions", json={"ask": "o354"}))
    known = control.get("/orders").json()
    assert [each["order_id"] for each in known["orders"]] == [
        each.order_id for each in gateway.orders
    ]
    assert known["cash"].keys() == gateway.cash.keys()


SCENARIO = """
[cash]
USD = 5000
[[positions]]
contract = "AAPL"
quantity = 3
"""


def test_scenario_and_reset(gateway: SimulatedGateway, control: httpx.Client) -> None:
    def held() -> int:
        with Client(gateway.base_url, pacing=False, retries=0) as client:
            return len(client.all_positions(gateway.account_id))

    assert held() == 250
    gateway.logout()
    gateway.faults.slow(9)
    assert control.post("/scenario", content=SCENARIO).status_code == 200
    assert held() == 1
    assert gateway.count("GET", "/portfolio/accounts") == 1
    positions = [{"contract": "MSFT", "quantity": 1}, {"contract": AAPL, "quantity": 1}]
    control.post("/scenario", json={"positions": positions})
    assert held() == 2
    complaint = wrong(control.post("/scenario", json={"postions": []}))
    assert "allowed are contracts, positions" in complaint
    assert "'NONE'" in wrong(
        control.post("/scenario", json={"positions": [{"contract": "NONE", "quantity": 1}]})
    )
    assert held() == 2
    control.post("/reset")
    assert held() == 250


def test_a_reset_ends_streams(
    gateway: SimulatedGateway, control: httpx.Client, open_ws: Callable[..., Any]
) -> None:
    ws = open_ws()
    control.post("/reset")
    with pytest.raises(Exception, match="no close frame"):
        ws.collect(30)
    assert gateway.ws_connections == []
    open_ws()


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_browsers_are_refused(control: httpx.Client, header: str) -> None:
    assert "browsers" in wrong(control.get("/state", headers={header: "http://localhost"}), 403)


def test_it_is_not_part_of_the_gateway(gateway: SimulatedGateway, control: httpx.Client) -> None:
    gateway.faults.fail_next("", times=5)
    gateway.faults.penalise(60)
    assert control.get("/state").status_code == 200
    assert gateway.requests == []
    assert "GET /state" in wrong(control.get("/nothing"), 404)


def test_without_it() -> None:
    with SimulatedGateway(positions=0, control=False) as gateway:
        answer = httpx.get(f"{gateway.root_url}/_control/state", verify=False, timeout=60)
        assert answer.status_code == 302


def test_pacing_is_switched_by_true_or_false_only(
    gateway: SimulatedGateway, control: httpx.Client
) -> None:
    control.post("/pacing", json={"enforced": True})
    for wrong_one in ({"enforced": "yes"}, {"enforced": 0}, {"penalty": "long"}):
        wrong(control.post("/pacing", json=wrong_one))
        assert gateway.pacing.enforced
    assert control.post("/pacing", json={"enforced": False}).json()["enforced"] is False
