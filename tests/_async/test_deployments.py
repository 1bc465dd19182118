"""Tests of servers that respond in place of the gateway: errors name them and say what to do."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    BezantError,
    OutcomeUnknown,
    PermissionDenied,
    SessionError,
    TlsFailed,
    UnexpectedRedirect,
    UpstreamError,
)
from tests.support.raw import Peer, RawGateway, RawRequest

AKAMAI = (
    b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>You don't have "
    b"permission to access this server.<P>Reference&#32;&#35;18&#46;6b1c1202</BODY></HTML>"
)
NGINX = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
CLOUDFLARE = b"<html><head><title>Sign in - Cloudflare Access</title></head></html>"
PROXY = "https://team.cloudflareaccess.com/cdn-cgi/access/login/gw.example.org"
HTML = "Content-Type: text/html"

SERVERS: dict[str, tuple[str, bytes, tuple[str, ...], type[BezantError], str]] = {
    "AirPlay": ("403 Forbidden", b"", ("Server: AirTunes/775.3.1",), PermissionDenied, "AirPlay"),
    "edge": ("403 Forbidden", AKAMAI, (HTML,), PermissionDenied, "data-centre addresses"),
    "edge's header": ("403 X", b"", ("Server: AkamaiGHost",), PermissionDenied, "IBKR's edge"),
    "redirect": ("302 Found", b"", (f"Location: {PROXY}",), UnexpectedRedirect, "headers=|auth="),
    "login page": ("200 OK", CLOUDFLARE, (HTML,), BezantError, "login proxy is in front"),
    "web server": ("502 Bad Gateway", NGINX, (HTML,), UpstreamError, "start the gateway"),
    "gateway": ("500 X", b"Internal Server Error", (), UpstreamError, r"ips\.allow"),
}


def answers(raw: RawGateway, name: str) -> tuple[type[BezantError], str]:
    """Make the server respond to every request like one of `SERVERS`; return the error expected."""
    status, body, headers, error, text = SERVERS[name]

    def script(_: RawRequest, peer: Peer) -> None:
        peer.answer(status, body, *headers)

    raw.script(script)
    return error, text


@pytest.mark.parametrize("name", SERVERS)
async def test_the_error_of_a_call_says_who_answered(raw: RawGateway, name: str) -> None:
    error, text = answers(raw, name)
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        with pytest.raises(error, match=text) as caught:
            await client.accounts()
        assert not isinstance(caught.value, SessionError)


@pytest.mark.parametrize("name", SERVERS)
async def test_the_error_of_a_stream_says_who_answered(raw: RawGateway, name: str) -> None:
    _, text = answers(raw, name)
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        with pytest.raises(BezantError, match=text):
            await AsyncWsClient.connect(client)


@pytest.mark.parametrize("name", ["AirPlay", "edge's header", "redirect"])
async def test_the_error_of_a_handshake_says_who_answered(raw: RawGateway, name: str) -> None:
    """Only headers tell, because the body of a response to a handshake is not read."""
    status, body, headers, _, text = SERVERS[name]

    def script(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/ws"):
            peer.answer(status, body, *headers)
        else:
            peer.json(b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true}}}')

    raw.script(script)
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        with pytest.raises(BezantError, match=text):
            await AsyncWsClient.connect(client)


async def test_a_body_that_the_edge_refuses_is_a_definite_refusal(raw: RawGateway) -> None:
    """The edge did not pass the order on, so its outcome is not unknown."""
    answers(raw, "edge")
    async with AsyncClient(raw.base_url, pacing=False) as client:
        with pytest.raises(PermissionDenied, match="such as a text with '>='") as caught:
            await client.request("POST", "/iserver/watchlist", json={"name": "P/E >= 3"})
        assert not isinstance(caught.value, OutcomeUnknown)
    assert len(raw.requests) == 1


class _PlainHttp(socketserver.BaseRequestHandler):
    """Server without TLS that takes the first bytes of a TLS handshake for a bad request."""

    def handle(self) -> None:
        self.request.recv(4096)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def url() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _PlainHttp) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}/v1/api"
        server.shutdown()
        thread.join()


async def test_a_server_without_tls_is_named(url: str) -> None:
    async with AsyncClient(url, pacing=False, retries=0) as client:
        with pytest.raises(TlsFailed, match="does not speak TLS; use http://"):
            await client.accounts()
        with pytest.raises(BezantError, match="does not speak TLS"):
            await AsyncWsClient.connect(client)
