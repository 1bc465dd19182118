"""Tests that compare raw responses of the simulated and the real gateway.

docs/gateway.md has the table of the differences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bezant.sim import SimulatedGateway
from tests.gateway.chain import Chain
from tests.gateway.wire import asked, frame, opened, request, tls_facts

API = "/v1/api"
LINE = len("GET  HTTP/1.1\r\n")


def _line(size: int) -> bytes:
    """Return a request whose first line has `size` bytes, including the line end."""
    target = f"{API}/nosuch?q="
    return request("GET", target + "x" * (size - LINE - len(target)))


def _headers(size: int) -> bytes:
    """Return a request whose header lines have `size` bytes in total, without the line ends."""
    lines = ("Host: localhost", "User-Agent: bezant-tests")
    return request("GET", f"{API}/nosuch", "X: " + "x" * (size - sum(map(len, lines)) - 3))


Probe = Callable[[int], str]


def _ask(data: bytes) -> Probe:
    return lambda port: asked(port, data)


PROBES: dict[str, Probe] = {
    "TLS": tls_facts,
    "plain HTTP": lambda port: asked(port, request("GET", "/"), tls=False),
    "GET /": _ask(request("GET", "/")),
    "GET /nosuch": _ask(request("GET", "/nosuch")),
    "GET /V1/api/tickle": _ask(request("GET", "/V1/api/tickle")),
    "GET /v1/api": _ask(request("GET", "/v1/api")),
    "GET /v1/api/nosuch": _ask(request("GET", f"{API}/nosuch")),
    "GET /v1/portal/tickle": _ask(request("GET", "/v1/portal/tickle")),
    "GET /v1/tws/x": _ask(request("GET", "/v1/tws/x")),
    "GET /demo": _ask(request("GET", "/demo")),
    "GET /status": _ask(request("GET", "/status")),
    "GET /sso/Login": _ask(request("GET", "/sso/Login?forwardTo=22&RL=1")),
    "reauthenticate": _ask(request("GET", f"{API}/iserver/reauthenticate")),
    "GET tickle": _ask(request("GET", f"{API}/tickle")),
    "POST tickle without a length": _ask(request("POST", f"{API}/tickle")),
    "POST tickle, length 0": _ask(request("POST", f"{API}/tickle", "Content-Length: 0")),
    "POST tickle, chunked": _ask(
        request("POST", f"{API}/tickle", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
    ),
    "no User-Agent": _ask(request("GET", f"{API}/tickle", "only", "Host: localhost")),
    "no Host": _ask(request("GET", f"{API}/tickle", "only", "User-Agent: x")),
    "HTTP/1.0": _ask(request("GET", f"{API}/tickle", version="1.0")),
    "Connection: close": _ask(request("GET", f"{API}/tickle", "Connection: close")),
    "Upgrade: h2c": _ask(
        request(
            "GET",
            f"{API}/tickle",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        )
    ),
    "Expect: 100-continue": _ask(
        request("POST", f"{API}/tickle", "Expect: 100-continue", "Content-Length: 2")
    ),
    "request line 4096": _ask(_line(4096)),
    "request line 4097": _ask(_line(4097)),
    "request line 4098": _ask(_line(4098)),
    "request line 4099": _ask(_line(4099)),
    "headers just short enough": _ask(_headers(8192)),
    "headers too long": _ask(_headers(8193)),
    "two cookies of one name": _ask(request("GET", f"{API}/tickle", "Cookie: a=1; a=2")),
    "WebSocket": opened,
    "WebSocket, another path": lambda port: opened(port, path="/v1/api/nosuch"),
    "WebSocket, version 99": lambda port: opened(port, version="99"),
    "WebSocket, ping": lambda port: opened(port, frame(b"hi", 9)),
    "WebSocket, echo": lambda port: opened(port, frame(b"ech+hb")),
    "WebSocket, binary echo": lambda port: opened(port, frame(b"ech+hb", 2)),
    "WebSocket, echo at once": lambda port: opened(port, frame(b"ech+hb"), wait=0.0),
    "WebSocket, close": lambda port: opened(port, frame(b"\x03\xe8", 8)),
    "WebSocket, fragments": lambda port: opened(
        port, frame(b"ech+", final=False), frame(b"ech+2", 0)
    ),
    "WebSocket, command of 65536": lambda port: opened(port, frame(b"ech+" + b"x" * 65_532)),
    "WebSocket, command of 65537": lambda port: opened(port, frame(b"ech+" + b"x" * 65_533)),
    "WebSocket, unmasked": lambda port: opened(port, b"\x81\x03tic"),
}

# Key: a probe. Value: the responses of the real and of the simulated gateway, which differ here.
DIFFERENT: dict[str, tuple[str, str]] = {
    "GET /status": ("nothing", "302 Found, to status, chunked"),
    "reauthenticate": ("200 OK, with a length", "200 OK, chunked"),
    "no Host": (
        "200 OK, chunked",
        "400 Bad Request, 'Invalid HTTP request received.', closed",
    ),
    "HTTP/1.0": ("200 OK, chunked, closed", "200 OK, closed"),
    "Upgrade: h2c": ("101 Switching Protocols", "200 OK, chunked"),
    "Expect: 100-continue": ("nothing", "100 Continue"),
    "request line 4099": (
        "414 Request-URI Too Long, closed",
        "414 Request-URI Too Long, chunked, closed",
    ),
    "headers too long": ("400 Bad Request, closed", "400 Bad Request, chunked, closed"),
    "WebSocket, version 99": ("426 Upgrade Required", "400 Bad Request"),
    "WebSocket, close": ("TCP closed", "close 1000, TCP closed"),
    "WebSocket, fragments": ("ech+, ech+2", "ech+ech+2"),
    "WebSocket, command of 65537": ("TCP closed", "close 1009, TCP closed"),
    "WebSocket, unmasked": ("TCP closed", "close 1002, TCP closed"),
}


@pytest.fixture(scope="module")
def simulated() -> Iterator[SimulatedGateway]:
    with SimulatedGateway(quote_interval=0.02) as gateway:
        yield gateway


@pytest.mark.parametrize("name", PROBES)
def test_probe(gateway: Chain, simulated: SimulatedGateway, name: str) -> None:
    probe = PROBES[name]
    with ThreadPoolExecutor(2) as pool:
        real, pretended = pool.map(probe, (gateway.port, simulated.port))
    assert (real, pretended) == DIFFERENT.get(name, (real, real))
