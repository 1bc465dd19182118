"""The WebSocket's handshake."""

from __future__ import annotations

import pytest

from bezant import NotAuthenticated, WsConnectFailed
from bezant._core.settings.base_url import BaseUrl
from bezant._core.stream.handshake import check_head, refusal, request_head
from bezant._wire.redaction import Secret

WHERE = BaseUrl("https", "localhost", 5000, "/v1/api")
# The example of RFC 6455.
KEY = b"the sample nonce"
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HEAD = [
    b"HTTP/1.1 101 Switching Protocols",
    b"Upgrade: WebSocket",
    b"Connection: keep-alive, Upgrade",
    b"Sec-WebSocket-Accept:" + ACCEPT,
]


def test_what_is_asked() -> None:
    head = request_head(WHERE, [("Origin", "me"), ("Cookie", Secret("api=1"))], KEY)
    assert head == (
        b"GET /v1/api/ws HTTP/1.1\r\nHost: localhost:5000\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Version: 13\r\nOrigin: me\r\nCookie: api=1\r\n\r\n"
    )


def test_an_answer_that_opens_it() -> None:
    check_head(b"\r\n".join(HEAD), WHERE, KEY)


@pytest.mark.parametrize("left_out", [1, 2, 3])
def test_an_answer_that_lacks_something(left_out: int) -> None:
    head = b"\r\n".join(each for at, each in enumerate(HEAD) if at != left_out)
    with pytest.raises(WsConnectFailed, match="lacks what a handshake needs"):
        check_head(head, WHERE, KEY)


@pytest.mark.parametrize("first", [b"", b"nonsense", b"SMTP/1.1 101", b"HTTP/1.1 x", b"HTTP/1.1"])
def test_what_is_no_answer(first: bytes) -> None:
    with pytest.raises(WsConnectFailed, match="is no WebSocket: it answers"):
        check_head(first, WHERE, KEY)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 401])
def test_the_login_page(status: int) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        check_head(b"HTTP/1.1 %d" % status, WHERE, KEY)
    assert caught.value.login_url == WHERE.root


@pytest.mark.parametrize("status", [200, 403, 500, 9999])
def test_other_refusals(status: int) -> None:
    with pytest.raises(WsConnectFailed, match=f"HTTP {status}") as caught:
        check_head(b"HTTP/1.1 %d" % status + b"9" * (5000 if status == 9999 else 0), WHERE, KEY)
    assert caught.value.status == status
    assert isinstance(refusal(WHERE, status), WsConnectFailed)
