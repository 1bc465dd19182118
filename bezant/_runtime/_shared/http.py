"""Shared parts of the HTTP transports on asyncio and on threads: attempts, requests, errors."""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from ..._core.http.body import ACCEPTED_ENCODING
from ..._core.http.messages import Request, Response, TransportError, Trouble
from ..._core.settings.settings import Settings
from .debug_logs import Extensions, Hide
from .http_packages import httpcore
from .inspection import lock_inspections

lock_inspections()


def addresses(host: str) -> list[str]:
    """Return the addresses to try for a host, in order.

    For localhost, IPv4 comes first: the gateway listens on IPv4 only, and some systems resolve
    localhost to ::1 first.
    """
    return ["127.0.0.1", "::1"] if host == "localhost" else [host]


def is_name(host: str) -> bool:
    """Return whether a host is a name, which needs a DNS lookup."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


class Attempt:
    """One attempt to send a request: its deadline and its progress.

    Attributes:
        deadline: end of the attempt, in monotonic time.
        connect_timeout: seconds to connect.
        sent: whether any byte of the request may have been sent.
        queued: whether the attempt waits for a connection.
        stream: what `stop` has to abort: the connection, or the wait for a connection; None if
            there is nothing to abort.
        aborted: whether the attempt was stopped.
    """

    __slots__ = (
        "__weakref__",
        "_stopping",
        "aborted",
        "connect_timeout",
        "deadline",
        "queued",
        "sent",
        "stream",
    )

    def __init__(self, deadline: float, connect_timeout: float) -> None:
        self.deadline = deadline
        self.connect_timeout = connect_timeout
        self.sent = False
        self.queued = False
        self.stream: Any = None
        self.aborted = False
        # The lock is reentrant, because the garbage collector may stop a forgotten worker's attempt
        # in this thread.
        self._stopping = threading.RLock()

    def stop(self) -> None:
        """End the attempt. Another thread may call this."""
        with self._stopping:
            self.aborted = True
            if self.stream is not None:
                self.stream.abort()

    def let_go(self) -> None:
        """Detach the connection from this attempt.

        A later `stop` then does not abort the next attempt that uses the connection.
        """
        with self._stopping:
            self.stream = None


def origin_of(settings: Settings) -> httpcore.Origin:
    """Return the gateway's origin for httpcore."""
    base_url = settings.base_url
    return httpcore.Origin(
        base_url.scheme.encode("ascii"), base_url.host.encode("ascii"), base_url.port
    )


def proxy_of(settings: Settings) -> httpcore.Proxy | None:
    """Return the proxy for httpcore; None for none."""
    if settings.proxy is None:
        return None
    parts = urlsplit(settings.proxy)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    url = httpcore.URL(scheme=parts.scheme, host=host, port=port, target="/")
    if parts.username is None and parts.password is None:
        return httpcore.Proxy(url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return httpcore.Proxy(url, auth=(user.encode(), password.encode()))


def core_request(
    request: Request, settings: Settings, timeout: float, hide: Hide
) -> httpcore.Request:
    """Return a request as httpcore's type."""
    base_url = settings.base_url
    headers = [(b"Host", base_url.authority.encode("ascii"))]
    headers += [
        (name.encode("ascii"), value.encode("ascii"))
        for name, value in (ACCEPTED_ENCODING, *request.headers)
    ]
    if request.credentials:
        headers += credential_headers(request)
    connect = min(settings.connect_timeout, timeout)
    limits = {"connect": connect, "read": timeout, "write": timeout, "pool": timeout}
    return httpcore.Request(
        request.operation.method,
        httpcore.URL(
            scheme=base_url.scheme,
            host=base_url.host,
            port=base_url.port,
            target=request.target,
        ),
        headers=headers,
        content=request.body or None,
        extensions=Extensions(timeout=limits, trace=hide),
    )


def credential_headers(request: Request) -> list[tuple[bytes, bytes]]:
    """Return the headers for a proxy in front of the gateway."""
    return [
        (name.encode("ascii"), secret.value.encode("latin-1"))
        for name, secret in request.credentials
    ]


def response_from(
    status: int, raw: Sequence[tuple[bytes, bytes]], body: bytes, *, clean: bool = True
) -> Response:
    """Return a `Response` for a response of httpcore or httpx that was read to its end.

    Args:
        status: HTTP status.
        raw: headers as received.
        body: whole body, decompressed.
        clean: whether the connection had no bytes after the response.
    """
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in raw}
    cookies: tuple[str, ...] = ()
    if "set-cookie" in headers:
        cookies = tuple(
            value.decode("latin-1") for name, value in raw if name.lower() == b"set-cookie"
        )
    return Response(status, headers, body, cookies, clean)


class LastUse:
    """Time of the last proof that a connection works.

    The monotonic clock stops while a machine sleeps, and the wall clock can be set. So the time
    since the last proof is measured on both clocks, and the longer one counts.

    Attributes:
        monotonic: the time on the monotonic clock.
    """

    __slots__ = ("_wall", "monotonic")

    def __init__(self) -> None:
        self.monotonic = time.monotonic()
        self._wall = time.time()

    def is_within(self, seconds: float | None) -> bool:
        """Return whether the last proof is at most `seconds` old; True if `seconds` is None."""
        if seconds is None:
            return True
        passed = time.monotonic() - self.monotonic
        return passed <= seconds and abs(time.time() - self._wall) <= seconds


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def transport_error_from(error: Exception, attempt: Attempt) -> TransportError:
    """Return the `TransportError` for an error of httpcore."""
    detail = str(error) or type(error).__name__
    if isinstance(error, httpcore.ConnectTimeout):
        return TransportError(Trouble.CONNECT, "timeout while connecting", sent=False)
    if isinstance(error, httpcore.TimeoutException):
        return TransportError(Trouble.TIMEOUT, waiting_for(attempt), sent=attempt.sent)
    tls = next((each for each in _chain(error) if isinstance(each, ssl.SSLError)), None)
    if tls is not None and not attempt.sent:
        return TransportError(Trouble.TLS, str(tls), sent=False)
    if isinstance(error, _NOT_CONNECTED):
        return TransportError(Trouble.CONNECT, detail, sent=False)
    return TransportError(Trouble.LOST, detail, sent=attempt.sent)


def waiting_for(attempt: Attempt) -> str:
    """Return a text that says what the attempt was waiting for when the timeout passed."""
    if attempt.sent:
        return "the gateway received the request and did not finish its response"
    if attempt.queued:
        return (
            "the request was not sent, because all connections of this client are in use "
            "(max_connections)"
        )
    return "the request was not sent yet"


_NOT_CONNECTED = (httpcore.ConnectError, httpcore.ProxyError)

# A connection raises these errors: those of httpcore and the operating system, and a ValueError of
# h11 for an invalid header.
TRANSPORT_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,
    RuntimeError,
)
