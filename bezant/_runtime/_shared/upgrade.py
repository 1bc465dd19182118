"""Requests that open a WebSocket, and errors if that fails; for asyncio and threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._core.http.messages import TransportError, Trouble
from ..._core.settings.settings import Settings
from ..._core.stream.handshake import Header, upgrade_headers
from ..._wire.redaction import Secret
from ...errors import WsConnectFailed, WsError, WsTimeout
from .debug_logs import Extensions, Hide
from .http import TRANSPORT_ERRORS, Attempt, transport_error_from
from .http_packages import httpcore

# Opening a WebSocket can raise these errors, in addition to the errors about the response.
UPGRADE_ERRORS = (TransportError, *TRANSPORT_ERRORS)


def upgrade_request(
    settings: Settings, headers: Sequence[Header], key: bytes, timeout: float, hide: Hide
) -> httpcore.Request:
    """Return the request that opens a WebSocket to the gateway."""
    base_url = settings.base_url
    agent: Header = ("User-Agent", settings.user_agent)
    return httpcore.Request(
        "GET",
        httpcore.URL(
            scheme=base_url.scheme,
            host=base_url.host,
            port=base_url.port,
            target=f"{base_url.path}/ws",
        ),
        headers=[
            (name.encode("ascii"), _text_of(value).encode("latin-1"))
            for name, value in upgrade_headers(base_url, [*headers, agent], key)
        ],
        extensions=_extensions(settings, timeout, hide),
    )


def tunnel_request(
    settings: Settings, proxy: httpcore.Proxy, timeout: float, hide: Hide
) -> httpcore.Request:
    """Return the request that asks an HTTP proxy for a tunnel to the gateway.

    httpcore makes tunnels only for TLS. It sends requests without TLS to the proxy itself, and not
    every proxy forwards the handshake of a WebSocket.
    """
    base_url = settings.base_url
    host = f"[{base_url.host}]" if ":" in base_url.host else base_url.host
    target = f"{host}:{base_url.port}".encode("ascii")
    url = proxy.url
    return httpcore.Request(
        "CONNECT",
        httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=target),
        headers=[(b"Host", target), *proxy.headers],
        extensions=_extensions(settings, timeout, hide),
    )


def _extensions(settings: Settings, timeout: float, hide: Hide) -> Extensions:
    connect = min(settings.connect_timeout, timeout)
    limits = {"connect": connect, "read": timeout, "write": timeout, "pool": timeout}
    return Extensions(timeout=limits, trace=hide)


def _text_of(value: str | Secret) -> str:
    return value.value if isinstance(value, Secret) else value


def network_stream(response: Any) -> Any:
    """Return the connection that an upgrade or a tunnel leaves open after its response."""
    return response.extensions["network_stream"]


def upgrade_error_from(
    error: Exception, attempt: Attempt, settings: Settings, timeout: float
) -> WsError:
    """Return the error for a WebSocket that was not opened."""
    base_url = settings.base_url
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return WsTimeout(
            f"{base_url.ws_url} did not open a WebSocket within {timeout:g} s; try again or raise "
            "connect_timeout"
        )
    if isinstance(error, TransportError):
        return WsConnectFailed(error.detail)
    if isinstance(error, httpcore.LocalProtocolError):  # this error's text quotes the header
        return WsConnectFailed(
            f"cannot connect to {base_url.ws_url}: a header is invalid; check user_agent"
        )
    trouble = transport_error_from(error, attempt)
    if trouble.kind is Trouble.TLS:
        return WsConnectFailed(
            f"TLS with {base_url.root} failed: {trouble.detail}; check the client's argument verify"
        )
    if trouble.kind is Trouble.CONNECT or isinstance(error, httpcore.NetworkError):
        return WsConnectFailed(
            f"cannot connect to {base_url.root}: {trouble.detail}; start the gateway or check "
            "base_url"
        )
    return WsConnectFailed(
        f"{base_url.ws_url} did not open a WebSocket: {trouble.detail}; check base_url or try again"
    )
