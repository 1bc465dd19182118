"""Tests of the WebSocket handshake."""

from __future__ import annotations

import pytest

from bezant import NotAuthenticated, WsConnectFailed
from bezant._core.settings.base_url import BaseUrl
from bezant._core.stream.handshake import MAX_HEAD, check_upgrade, refusal, upgrade_headers
from bezant._wire.redaction import Secret

WHERE = BaseUrl("https", "localhost", 5000, "/v1/api")
# RFC 6455 has this key and this accept value as its example.
KEY = b"the sample nonce"
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HEADERS = [
    (b"Upgrade", b"WebSocket"),
    (b"Connection", b"keep-alive, Upgrade"),
    (b"Sec-WebSocket-Accept", ACCEPT),
]


def test_the_handshakes_request() -> None:
    secret = Secret("api=1")
    assert upgrade_headers(WHERE, [("Origin", "me"), ("Cookie", secret)], KEY) == [
        ("Host", "localhost:5000"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
        ("Origin", "me"),
        ("Cookie", secret),
    ]


def test_a_response_that_opens_it() -> None:
    check_upgrade(WHERE, 101, HEADERS, KEY)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_response_that_lacks_something(left_out: int) -> None:
    headers = [each for at, each in enumerate(HEADERS) if at != left_out]
    with pytest.raises(WsConnectFailed, match="lacks the headers"):
        check_upgrade(WHERE, 101, headers, KEY)


def test_a_response_with_too_long_a_head() -> None:
    with pytest.raises(WsConnectFailed, match="is not a WebSocket: the head of its response"):
        check_upgrade(WHERE, 101, [*HEADERS, (b"a", b"x" * MAX_HEAD)], KEY)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401])
def test_the_login_page(status: int) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        check_upgrade(WHERE, status, [], KEY)
    assert caught.value.login_url == WHERE.root


@pytest.mark.parametrize(
    ("status", "header", "text"),
    [
        (403, (b"Server", b"AirTunes/1"), "AirPlay"),
        (403, (b"server", b"AkamaiGHost"), "IBKR's edge"),
        (302, (b"Location", b"https://a.cloudflareaccess.com/"), "login proxy"),
    ],
)
def test_another_server_refuses(status: int, header: tuple[bytes, bytes], text: str) -> None:
    with pytest.raises(WsConnectFailed, match=text):
        check_upgrade(WHERE, status, [header], KEY)


@pytest.mark.parametrize("status", [200, 403, 500, 999])
def test_other_refusals(status: int) -> None:
    with pytest.raises(WsConnectFailed, match=f"HTTP {status}") as caught:
        check_upgrade(WHERE, status, [], KEY)
    assert caught.value.status == status
    assert isinstance(refusal(WHERE, status), WsConnectFailed)
