"""The WebSocket's handshake: what is asked, and what the answer means."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Final

from ..._wire.redaction import Secret, excerpt
from ...errors import NotAuthenticated, SessionError, WsConnectFailed
from ..settings.base_url import BaseUrl

# The gateway's answer has a few hundred bytes.
MAX_HEAD: Final = 64 * 1024

HEAD_END: Final = b"\r\n\r\n"

_SWITCHING = 101
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455

# A redirect leads to the login page.
_LOGIN = frozenset({301, 302, 303, 307, 308, 401})

Header = tuple[str, str | Secret]


def request_head(base_url: BaseUrl, headers: Sequence[Header], key: bytes) -> bytes:
    """Return what asks for a WebSocket, with the headers' secrets.

    Args:
        base_url: the gateway.
        headers: what to send beside those of the handshake.
        key: 16 random bytes.
    """
    target = base_url.ws_url.partition("://")[2].partition("/")[2]
    lines = [
        f"GET /{target} HTTP/1.1",
        f"Host: {base_url.authority}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}",
        "Sec-WebSocket-Version: 13",
    ]
    return "\r\n".join(
        [
            *lines,
            *(
                f"{name}: {value.value if isinstance(value, Secret) else value}"
                for name, value in headers
            ),
            "\r\n",
        ]
    ).encode("latin-1")


def check_head(head: bytes, base_url: BaseUrl, key: bytes) -> None:
    """Look at the answer to the handshake.

    Args:
        head: its bytes up to the empty line.
        base_url: the gateway.
        key: what was sent.

    Raises:
        NotAuthenticated: it leads to the login page.
        WsConnectFailed: it does not open a WebSocket.
    """
    first, *rest = head.split(b"\r\n")
    words = first.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise WsConnectFailed(
            f"{base_url.ws_url} is no WebSocket: it answers {excerpt(first, 80)!r}"
        )
    if int(words[1][:4]) != _SWITCHING:
        raise refusal(base_url, int(words[1][:4]))
    found: dict[bytes, bytes] = {}
    for line in rest:
        name, _, value = line.partition(b":")
        found[name.strip().lower()] = value.strip()
    upgrade = found.get(b"upgrade", b"").lower()
    connection = [each.strip() for each in found.get(b"connection", b"").lower().split(b",")]
    accept = base64.b64encode(hashlib.sha1(base64.b64encode(key) + _GUID).digest())  # noqa: S324
    if (
        upgrade != b"websocket"
        or b"upgrade" not in connection
        or found.get(b"sec-websocket-accept") != accept
    ):
        raise WsConnectFailed(
            f"{base_url.ws_url} is no WebSocket: its answer lacks what a handshake needs"
        )


def refusal(base_url: BaseUrl, status: int) -> WsConnectFailed | SessionError:
    """Return the error for an answer that is not the one hoped for."""
    if status in _LOGIN:
        return NotAuthenticated(
            f"nobody is logged in: the gateway refused the WebSocket with HTTP {status}; log in at "
            "its page in a browser, then try again",
            login_url=base_url.root,
        )
    return WsConnectFailed(
        f"{base_url.ws_url} refused the WebSocket with HTTP {status}", status=status
    )
