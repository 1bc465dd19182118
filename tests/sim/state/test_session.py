from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from bezant.sim import LoginStyle, SimulatedGateway

STATUS_KEYS = {
    "authenticated",
    "established",
    "competing",
    "connected",
    "message",
    "MAC",
    "serverInfo",
    "hardware_info",
}


def flags(api: httpx.Client) -> tuple[bool, bool, bool, bool]:
    body = api.post("/iserver/auth/status").json()
    return body["authenticated"], body["established"], body["connected"], body["competing"]


def test_healthy(api: httpx.Client) -> None:
    for method in ("GET", "POST"):
        body = api.request(method, "/iserver/auth/status").json()
        assert body.keys() == STATUS_KEYS | {"fail"}
        assert body["serverInfo"].keys() == {"serverName", "serverVersion"}
    assert flags(api) == (True, True, True, False)


def test_tickle(api: httpx.Client) -> None:
    for method in ("GET", "POST"):
        body = api.request(method, "/tickle").json()
        assert body["hmds"] == {"error": "no bridge"}
        assert body["collission"] is False
        assert isinstance(body["session"], str)
        assert isinstance(body["ssoExpires"], int)
        assert isinstance(body["userId"], int)
        assert body["iserver"]["authStatus"].keys() == STATUS_KEYS


@pytest.mark.parametrize("path", ["/tickle", "/iserver/auth/status", "/portfolio/accounts"])
def test_logged_out(gateway: SimulatedGateway, api: httpx.Client, path: str) -> None:
    gateway.logout()
    answer = api.get(path)
    assert answer.status_code == 302
    login = f"{gateway.root_url}/sso/Login?forwardTo=22&RL=1&ip2loc=US"
    assert answer.headers["location"] == login
    gateway.logout("unauthorized")
    answer = api.get(path)
    assert (answer.status_code, answer.content) == (401, b"")
    gateway.logout(style="html")
    answer = api.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<form" in answer.text
    gateway.login()
    assert api.get(path).headers["content-type"].startswith("application/json")


def test_unknown_style(gateway: SimulatedGateway) -> None:
    with pytest.raises(ValueError, match="unknown login style"):
        gateway.logout(cast("LoginStyle", "maybe"))


def test_logout_by_a_call_and_login_by_the_browsers_path(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    token = api.post("/tickle").json()["session"]
    assert api.post("/logout").json() == {"status": True}
    assert api.post("/tickle").status_code == 302
    answer = api.post(f"{gateway.root_url}/sso/Dispatcher")
    assert answer.text == "Client login succeeds"
    assert api.post("/tickle").json()["session"] != token


def test_drop_brokerage(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.drop_brokerage()
    assert flags(api) == (False, False, True, False)
    answer = api.get("/iserver/accounts")
    assert answer.status_code == 400
    assert answer.json() == {"error": "Init session first", "statusCode": 400}
    assert api.get("/trsrv/stocks?symbols=AAPL").status_code == 200
    # The login is still valid, so calls outside the brokerage session work.
    assert len(api.get("/portfolio/accounts").json()) == 1
    assert api.get("/portfolio/DU1234567/positions/0").json()
    assert api.post("/iserver/reauthenticate").json() == {"message": "triggered"}


def test_disconnect(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.disconnect()
    assert flags(api) == (False, False, False, False)
    answer = api.get("/iserver/accounts")
    assert answer.status_code == 400
    assert answer.json() == {"error": "Bad Request: no bridge", "statusCode": 400}


def test_unestablish(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.unestablish()
    assert flags(api) == (True, False, True, False)
    assert api.get("/portfolio/accounts").json() == []
    assert api.get("/portfolio/DU1234567/positions/0").json() == []
    assert api.get("/iserver/accounts").json()["accounts"] == []


def test_compete_and_init(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.compete()
    assert flags(api) == (False, False, True, True)
    path = "/iserver/auth/ssodh/init"
    polite = api.post(path, json={"publish": True, "compete": False}).json()
    assert polite.keys() == STATUS_KEYS
    assert (polite["authenticated"], polite["competing"]) == (False, True)
    taken = api.post(path, data={"publish": "true", "compete": "true"}).json()
    assert (taken["authenticated"], taken["established"], taken["competing"]) == (True, True, False)
    assert flags(api) == (True, True, True, False)
    # Calling it again on a working session changes nothing.
    assert api.post(path, json={"publish": True}).json()["authenticated"] is True


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'{"publish":false}', b"\xff"])
def test_init_needs_publish(api: httpx.Client, body: bytes) -> None:
    answer = api.post("/iserver/auth/ssodh/init", content=body)
    assert (answer.status_code, answer.content) == (500, b"")


@pytest.mark.parametrize(
    ("switch", "authenticated", "competing"),
    [
        ("logout", False, False),
        ("drop_brokerage", False, False),
        ("disconnect", False, False),
        ("unestablish", True, False),
        ("compete", False, True),
        ("login", True, False),
    ],
)
def test_open_sockets_receive_changes_of_the_session(
    gateway: SimulatedGateway,
    open_ws: Callable[..., Any],
    switch: str,
    authenticated: bool,
    competing: bool,
) -> None:
    sockets = [open_ws(), open_ws()]
    getattr(gateway, switch)()
    for ws in sockets:
        args = ws.message("sts")["args"]
        assert (args["authenticated"], args["competing"]) == (authenticated, competing)
        names = {"connected", "authenticated", "established", "competing", "message", "fail"}
        assert args.keys() == names


def test_open_sockets_receive_the_opening_by_a_call(
    gateway: SimulatedGateway, api: httpx.Client, open_ws: Callable[..., Any]
) -> None:
    ws = open_ws()
    gateway.drop_brokerage()
    assert ws.message("sts")["args"]["authenticated"] is False
    api.post("/iserver/auth/ssodh/init", json={"publish": True})
    assert ws.message("sts")["args"]["authenticated"] is True


@pytest.mark.parametrize("style", ["redirect", "unauthorized", "html"])
def test_operations_to_which_the_gateway_responds_itself(
    gateway: SimulatedGateway, api: httpx.Client, style: LoginStyle
) -> None:
    gateway.logout(style)
    answer = api.post("/iserver/reauthenticate")
    assert (answer.status_code, answer.json()) == (200, {"error": "not logged in"})


def test_clearing_the_cookies_ends_the_login(gateway: SimulatedGateway, api: httpx.Client) -> None:
    answer = api.get(f"{gateway.root_url}/clear")
    assert (answer.status_code, answer.text) == (200, "cleared")
    assert not gateway.session_state["logged_in"]


def test_after_a_logout_by_the_client_the_status_is_short(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    """Recorded in April 2026, with the JSON of `/logout` without a content type."""
    ended = api.post("/logout")
    assert (ended.json(), "content-type" in ended.headers) == ({"status": True}, False)
    status = api.get("/iserver/auth/status")
    flags = dict.fromkeys(("authenticated", "established", "competing", "connected"), False)
    assert (status.status_code, status.json()) == (200, flags | {"MAC": None})
    assert api.get("/portfolio/accounts").status_code == 302
    gateway.logout()
    assert api.get("/iserver/auth/status").status_code == 302
