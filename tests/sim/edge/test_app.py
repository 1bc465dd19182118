from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from bezant.sim import RecordedRequest, SimulatedGateway

JSON = "application/json; charset=utf-8"


@pytest.fixture
def speak(gateway: SimulatedGateway) -> Callable[[bytes], str]:
    """Return a function that sends exactly the given bytes and returns the whole response."""

    def run(data: bytes) -> str:
        context = ssl.create_default_context(cadata=gateway.certificate_pem.decode())
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(data)
                answer = b""
                while part := secure.recv(65536):
                    answer += part
                return answer.decode()

    return run


def test_requests_are_recorded_in_order(gateway: SimulatedGateway, api: httpx.Client) -> None:
    api.post("/tickle", headers={"X-Two": "a"})
    api.get("/trsrv/stocks", params={"symbols": "BRK B"})
    api.post("/iserver/auth/ssodh/init", content=b'{"publish":true}')
    first, second, third = gateway.requests
    assert isinstance(first, RecordedRequest)
    assert (first.method, first.path, first.body) == ("POST", "/v1/api/tickle", b"")
    assert first.headers["x-two"] == "a"
    assert first.headers["content-length"] == "0"
    assert second.query == {"symbols": "BRK B"}
    assert second.target in {
        "/v1/api/trsrv/stocks?symbols=BRK%20B",
        "/v1/api/trsrv/stocks?symbols=BRK+B",
    }
    assert third.body == b'{"publish":true}'
    assert gateway.count("post", "/tickle") == gateway.count("POST", "/v1/api/tickle") == 1
    assert gateway.count("GET", "/tickle") == 0
    gateway.clear_requests()
    assert gateway.requests == []


def test_path_is_recorded_decoded_and_the_target_as_sent(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    assert api.get("/portfolio/a%20b/ledger").status_code == 401
    [request] = gateway.requests
    assert request.path == "/v1/api/portfolio/a b/ledger"
    assert request.target == "/v1/api/portfolio/a%20b/ledger"


def test_repeated_headers_are_joined(gateway: SimulatedGateway, api: httpx.Client) -> None:
    api.get("/tickle", headers=[("X-Many", "1"), ("X-Many", "2")])
    assert gateway.requests[0].headers["x-many"] == "1, 2"


def test_responses_are_chunked_and_have_the_type_json(api: httpx.Client) -> None:
    answer = api.get("/iserver/auth/status")
    assert answer.headers["content-type"] == JSON
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    assert "server" not in answer.headers


def test_post_without_length(speak: Callable[[bytes], str]) -> None:
    answer = speak(
        b"POST /v1/api/tickle HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nConnection: close\r\n\r\n"
    )
    assert answer.startswith("HTTP/1.1 411 ")
    assert "content-type: text/html" in answer


def test_no_user_agent(speak: Callable[[bytes], str], api: httpx.Client) -> None:
    answer = speak(b"GET /v1/api/tickle HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403 ")
    assert "content-type: text/html" in answer
    assert api.get("/tickle", headers={"User-Agent": ""}).status_code == 403


def test_request_line_over_4096_bytes(api: httpx.Client) -> None:
    rest = len("GET /v1/api/trsrv/stocks?symbols= HTTP/1.1")
    assert api.get(f"/trsrv/stocks?symbols={'A' * (4096 - rest)}").status_code == 200
    answer = api.get(f"/trsrv/stocks?symbols={'A' * (4097 - rest)}")
    assert answer.status_code == 414
    assert answer.headers["connection"] == "close"


def test_headers_over_8192_bytes(api: httpx.Client) -> None:
    assert api.get("/tickle", headers={"X-Long": "a" * 7000}).status_code == 200
    assert api.get("/tickle", headers={"X-Long": "a" * 8192}).status_code == 400


def test_chunked_body_is_lost(gateway: SimulatedGateway, api: httpx.Client) -> None:
    answer = api.post("/iserver/auth/ssodh/init", content=iter([b'{"publish":', b"true}"]))
    assert answer.status_code == 411
    assert gateway.requests[0].headers["transfer-encoding"] == "chunked"
    assert gateway.requests[0].body == b""


def test_unknown_operation(api: httpx.Client) -> None:
    for answer in (api.get("/no/such"), api.get("/logout"), api.delete("/tickle")):
        assert answer.status_code == 404
        assert answer.text == "<html><body><h1>Resource not found</h1></body></html>"
        assert answer.headers["content-type"].startswith("text/html")


def test_made_up_responses_say_so(gateway: SimulatedGateway, api: httpx.Client) -> None:
    made_up = api.get("/iserver/account/allocation/group")
    assert made_up.headers["x-simulated"] == "invented"
    assert "x-simulated" not in api.get("/iserver/accounts").headers
    [request] = gateway.invented
    assert request.is_for("GET", "/iserver/account/allocation/group")
    gateway.clear_requests()
    assert gateway.invented == []


def test_outside_the_api(gateway: SimulatedGateway, api: httpx.Client) -> None:
    for path in ("/nosuch", "/v1/api", "/a%20b"):
        answer = api.get(gateway.root_url + path)
        assert answer.status_code == 302
        assert answer.headers["location"] == f"https://api.ibkr.com{path}"
    answer = api.get(gateway.root_url + "/")
    assert answer.status_code == 302
    assert answer.headers["location"] == "/sso/Login?forwardTo=22&RL=1&ip2loc=US"
    page = api.get(gateway.root_url + "/sso/Login")
    assert page.status_code == 200
    assert "<form" in page.text


def test_tickle_sets_one_cookie_twice_and_both_together_are_accepted(
    gateway: SimulatedGateway, api: httpx.Client
) -> None:
    cookies = api.post("/tickle").headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert {cookie.partition("=")[0] for cookie in cookies} == {"x-sess-uuid"}
    assert len({cookie.partition(";")[0] for cookie in cookies}) == 2
    assert {part for c in cookies for part in c.split("; ") if part.startswith("Path")} == {
        "Path=/",
        "Path=/v1/api",
    }
    one, two = (cookie.partition(";")[0] for cookie in cookies)
    assert api.get("/tickle", headers={"Cookie": one}).status_code == 200
    assert api.get("/tickle", headers={"Cookie": f"{one}; {two}"}).status_code == 200
    # httpx's cookie jar distinguishes cookies by name and path, so it sends both cookies.
    with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as naive:
        paths = ("/portfolio/accounts", "/tickle", "/portfolio/accounts", "/iserver/auth/status")
        assert [naive.post(path).status_code for path in paths[1::2]] == [200, 200]
        assert [naive.get(path).status_code for path in paths] == [200] * 4
        assert gateway.requests[-1].headers["cookie"].count("x-sess-uuid") == 2


def test_fail_next(gateway: SimulatedGateway, api: httpx.Client) -> None:
    gateway.faults.fail_next("/tickle")
    gateway.faults.fail_next(
        "/auth/status", 429, b'{"error":"slow"}', times=2, headers={"Retry-After": "7"}
    )
    assert api.get("/trsrv/stocks?symbols=AAPL").status_code == 200
    failed = api.post("/tickle")
    assert (failed.status_code, failed.content) == (503, b"")
    assert api.post("/tickle").status_code == 200
    for _ in range(2):
        answer = api.post("/iserver/auth/status")
        assert answer.status_code == 429
        assert answer.json() == {"error": "slow"}
        assert answer.headers["retry-after"] == "7"
        assert answer.headers["content-type"] == JSON
    assert api.post("/iserver/auth/status").status_code == 200
    with pytest.raises(ValueError, match="times"):
        gateway.faults.fail_next("/tickle", times=0)


def test_fail_next_of_a_handshake(gateway: SimulatedGateway, open_ws: Callable[..., Any]) -> None:
    gateway.faults.fail_next("/ws", 401)
    with pytest.raises(InvalidStatus) as caught:
        open_ws()
    assert caught.value.response.status_code == 401
    open_ws()
    assert gateway.count("GET", "/ws") == 2
    assert len(gateway.ws_connections) == 1


def test_many_threads_at_once(gateway: SimulatedGateway) -> None:
    codes: list[int] = []

    def work() -> None:
        with httpx.Client(base_url=gateway.base_url, verify=False, timeout=60) as client:
            codes.extend(client.get("/iserver/auth/status").status_code for _ in range(10))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        gateway.drop_brokerage()
        gateway.login()
    for thread in threads:
        thread.join(10)
    assert codes == [200] * 50
    assert gateway.count("GET", "/iserver/auth/status") == 50


def test_a_body_that_is_nested_too_deep_is_no_json(
    gateway: SimulatedGateway, api: httpx.Client, open_ws: Callable[..., Any]
) -> None:
    deep = b"[" * 100_000
    assert api.post("/iserver/auth/ssodh/init", content=deep).status_code == 500
    api.get("/iserver/accounts")
    answer = api.post(f"/iserver/account/{gateway.account_id}/orders", content=deep)
    assert (answer.status_code, answer.json()["error"]) == (400, "Failed to parse body as JSON")
    answer = api.post(f"{gateway.root_url}/_control/clock", content=deep)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "the body is nested too deeply; send a simple JSON object",
    )
    ws = open_ws()
    for topic in ("smd+1+", "sor+", "ssd+X+"):
        ws.send(topic + "[" * 30_000)
    ws.send("ech+here")
    while ws.raw() != b"ech+here":
        pass


def test_a_gateway_that_runs_for_long_forgets_the_oldest(
    api: httpx.Client, gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        api.get("/tickle")
    monkeypatch.setattr(gateway._edge, "_requests", deque(gateway.requests, maxlen=3))
    api.get("/iserver/accounts")
    assert [each.path.rpartition("/")[2] for each in gateway.requests] == [
        "tickle", "tickle", "accounts",
    ]  # fmt: skip
