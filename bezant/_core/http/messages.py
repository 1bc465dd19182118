"""Requests, responses and transport errors, which `_core` exchanges with the code that does I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar, Final

from ..._wire.record import Record
from ..settings.connection import SecretHeader
from .operation import Operation

# Longest idle time, in seconds, of a connection that is used for a call with side effects. NATs and
# VPNs drop idle connections silently, some after half a minute. On a dropped connection, the call
# would wait for its whole timeout and then have an unknown outcome.
FRESH_SECONDS: Final = 5.0


class Request(Record, frozen=True):
    """HTTP request, ready to be sent.

    Attributes:
        operation: the kind of call that this request makes.
        target: path and query, percent-encoded.
        headers: all headers except Host.
        body: the body; empty for no body.
        credentials: headers for a proxy in front of the gateway.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "body", "credentials"})

    operation: Operation
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    credentials: tuple[SecretHeader, ...] = ()

    @property
    def longest_idle(self) -> float | None:
        """Longest time, in seconds, that the connection may have been idle; None for no limit.

        A call with a side effect is not retried after a connection failure, so it needs a
        connection that is new or was used recently.
        """
        return None if self.operation.idempotent else FRESH_SECONDS


class Payload(Record, frozen=True):
    """Request body in another format than JSON, or with headers of its own.

    Attributes:
        content: the body; None for no body.
        content_type: media type of the body.
        headers: further headers, as names and values.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"content", "headers"})

    content: bytes | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Response(Record, frozen=True):
    """Complete HTTP response.

    Attributes:
        status: HTTP status.
        headers: values by lower-case name; for a repeated header, its last value.
        body: the body, decompressed.
        set_cookies: values of all Set-Cookie headers.
        clean: True if the connection received exactly this response; False if it received other
            bytes before or after the response, so that the response may belong to another request.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "body", "set_cookies", "clean"})

    status: int
    headers: Mapping[str, str]
    body: bytes
    set_cookies: tuple[str, ...] = ()
    clean: bool = True


class Trouble(Enum):
    """Reason why there is no response."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    LOST = "lost"
    TOO_LARGE = "too large"
    STOPPED = "stopped"


class TransportError(Exception):
    """Raised by the code that does I/O if no complete response arrives.

    Attributes:
        kind: the reason.
        detail: what happened, such as the error text of the HTTP library.
        sent: whether any byte of the request may have been sent.
    """

    def __init__(self, kind: Trouble, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.sent = sent
