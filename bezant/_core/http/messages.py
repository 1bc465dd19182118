"""Requests and responses as plain values, between the core and whatever moves the bytes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar, Final

from ..._wire.record import Record
from ..settings.connection import SecretHeader
from .operation import Operation

# NATs and VPNs drop idle connections silently, some after half a minute. The result of a call with
# a side effect would then be unknown after its whole timeout.
FRESH_SECONDS: Final = 5.0


class Request(Record, frozen=True):
    """A request, ready to be sent.

    Attributes:
        operation: which call it is.
        target: path and query, percent-encoded.
        headers: all of them but Host.
        body: the body's bytes.
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
        """Longest idle time in seconds of the connection to use; None for any.

        A call with a side effect is never retried, so it needs a connection that is known to work:
        a new or a recently used connection.
        """
        return None if self.operation.idempotent else FRESH_SECONDS


class Payload(Record, frozen=True):
    """A body that is not simply JSON, or one with headers of its own.

    Attributes:
        content: the body's bytes; None for none.
        content_type: the body's type.
        headers: further headers.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"content", "headers"})

    content: bytes | None = None
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Response(Record, frozen=True):
    """An answer, read to its end.

    Attributes:
        status: HTTP status.
        headers: by lower-case name; the last of repeated ones.
        body: the body's bytes, decoded where the peer compressed it.
        set_cookies: every Set-Cookie header.
        clean: whether there was nothing else to read on the connection, before and after it.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "body", "set_cookies", "clean"})

    status: int
    headers: Mapping[str, str]
    body: bytes
    set_cookies: tuple[str, ...] = ()
    clean: bool = True


class Trouble(Enum):
    """Why no answer came."""

    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    LOST = "lost"
    TOO_LARGE = "too large"
    STOPPED = "stopped"


class TransportError(Exception):
    """No answer came: what the runtime tells the core.

    Attributes:
        kind: why.
        detail: the library's words.
        sent: whether any byte of the request may have left.
    """

    def __init__(self, kind: Trouble, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.sent = sent
