"""What every error has, and errors of calls that were never made."""

from __future__ import annotations


class BezantError(Exception):
    """The root of all errors of this package.

    Attributes:
        message: what happened and what to do about it.
        operation: the call that failed, such as ``GET /iserver/accounts``, or None.
        retryable: whether the same call may succeed later.
        attempts: how often the call was made.
    """

    retryable: bool = False
    attempts: int = 1

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation

    def __str__(self) -> str:
        return f"{self.operation}: {self.message}" if self.operation else self.message


class InvalidBaseUrl(BezantError, ValueError):
    """The base URL does not parse, or is not one that a gateway can have."""


class InvalidRequest(BezantError, ValueError):
    """The call was refused before anything was sent: a bad path, parameter or body."""


class ClientClosed(BezantError):
    """The client was used after it had been closed."""


class WrongContext(BezantError):
    """The client was used from another event loop, or in a process forked from its own.

    One client belongs to one process, and an asynchronous one to one event loop.
    """


class PacingError(BezantError):
    """IBKR's limits do not allow the call within ``max_wait``; nothing was sent.

    Attributes:
        retry_after: seconds after which it may be made.
    """

    retryable = True

    def __init__(
        self, message: str, *, operation: str | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(message, operation=operation)
        self.retry_after = retry_after


class DriftWarning(UserWarning):
    """A field of an answer had another type than the model says; the field was left ``UNSET``."""
