"""Errors of WebSockets."""

from __future__ import annotations

from .base import BezantError


class WsError(BezantError):
    """Something about a WebSocket."""


class WsConnectFailed(WsError):
    """The WebSocket could not be opened.

    Attributes:
        status: the HTTP status of the refused handshake, else None.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, operation=operation)
        self.status = status


class WsTimeout(WsError, TimeoutError):
    """Nothing came in time."""

    retryable = True


class WsClosed(WsError):
    """The WebSocket is closed.

    Attributes:
        code: the close code. Through the gateway it is 1000 or 1006 whatever the cause.
        reason: the peer's reason, most often empty.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, code: int = 1006, reason: str = ""
    ) -> None:
        super().__init__(message, operation=operation)
        self.code = code
        self.reason = reason


class WsProtocolError(WsError):
    """The peer sent bytes that are not WebSocket frames."""


class OrdersUnknown(WsError):
    """``ws.orders`` was read while the orders are not known: wait with ``ws.orders.wait()``.

    They are not known until the first list of them has come, and again after each interruption.
    """

    retryable = True
