"""WebSocket handshake: builds the headers of the request, and checks the response."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from ..._wire.redaction import Secret
from ...errors import NotAuthenticated, SessionError, WsConnectFailed
from ..http.messages import Response
from ..settings.base_url import BaseUrl

# Longest response to the handshake, in bytes. The gateway's response has a few hundred.
MAX_HEAD: Final = 64 * 1024

_SWITCHING = 101
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # fixed value from RFC 6455

# These statuses mean that nobody is logged in: the gateway redirects to its login page, or responds
# with 401.
_LOGIN = frozenset({301, 302, 303, 307, 308, 401})

Header = tuple[str, str | Secret]


def upgrade_headers(base_url: BaseUrl, headers: Sequence[Header], key: bytes) -> list[Header]:
    """Return the headers of the request that opens a WebSocket.

    Args:
        base_url: the gateway.
        headers: headers to send in addition to those of the handshake.
        key: 16 random bytes; pass the same bytes to `check_upgrade`.
    """
    return [
        ("Host", base_url.authority),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", base64.b64encode(key).decode()),
        ("Sec-WebSocket-Version", "13"),
        *headers,
    ]


def check_upgrade(
    base_url: BaseUrl, status: int, headers: Sequence[tuple[bytes, bytes]], key: bytes
) -> None:
    """Check that the response to the handshake opens a WebSocket.

    Args:
        base_url: the gateway.
        status: the response's status.
        headers: the response's headers.
        key: the random bytes that were passed to `upgrade_headers`.

    Raises:
        NotAuthenticated: the status means that nobody is logged in.
        WsConnectFailed: the response does not open a WebSocket.
    """
    if status != _SWITCHING:
        raise refusal(base_url, status, headers)
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEAD:
        raise WsConnectFailed(
            f"{base_url.ws_url} is not a WebSocket: the head of its response is longer than "
            f"{MAX_HEAD:,} bytes; check base_url"
        )
    found = {name.lower(): value.strip() for name, value in headers}
    connection = [each.strip() for each in found.get(b"connection", b"").lower().split(b",")]
    accept = base64.b64encode(hashlib.sha1(base64.b64encode(key) + _GUID).digest())  # noqa: S324
    if (
        found.get(b"upgrade", b"").lower() != b"websocket"
        or b"upgrade" not in connection
        or found.get(b"sec-websocket-accept") != accept
    ):
        raise WsConnectFailed(
            f"{base_url.ws_url} is not a WebSocket: its response lacks the headers of a WebSocket "
            "handshake; check base_url and the proxy"
        )


def refusal(
    base_url: BaseUrl, status: int, headers: Sequence[tuple[bytes, bytes]] = ()
) -> WsConnectFailed | SessionError:
    """Return the error for a response to the handshake with another status than 101.

    Args:
        base_url: the gateway.
        status: the response's status.
        headers: the response's headers, which may name another server than the gateway.
    """
    # imported here because only errors need it
    from ..http.responder import PROXY_ADVICE, proxy_of_location, responder_of

    found = {name.decode("latin-1").lower(): text.decode("latin-1") for name, text in headers}
    other = responder_of(Response(status, found, b""))
    if proxy_of_location(found.get("location", "")):
        other = PROXY_ADVICE
    if other:
        return WsConnectFailed(
            f"{base_url.ws_url} refused the WebSocket with HTTP {status}: {other}", status=status
        )
    if status in _LOGIN:
        return NotAuthenticated(
            f"nobody is logged in: the gateway refused the WebSocket with HTTP {status}; log in at "
            "the gateway's page in a browser, then try again",
            login_url=base_url.root,
        )
    return WsConnectFailed(
        f"{base_url.ws_url} refused the WebSocket with HTTP {status}; check base_url, or try again",
        status=status,
    )
