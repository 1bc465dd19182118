"""What every error has, and errors of calls that were never made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .calls import OutcomeUnknown


class BezantError(Exception):
    """The root of all errors of this package.

    Attributes:
        message: what happened and what to do about it.
        operation: the call that failed, such as ``GET /iserver/accounts``, or None.
        retryable: whether the same call may succeed later.
        attempts: how often the call was made.
        unknown_outcomes: the calls with side effects, such as orders, that were cut off in
            ``client.map`` or ``client.gather`` because of this error: each may have been carried
            out.
    """

    retryable: bool = False
    attempts: int = 1
    unknown_outcomes: tuple[OutcomeUnknown, ...] = ()

    def __init__(self, message: str, *, operation: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation

    def __str__(self) -> str:
        text = f"{self.operation}: {self.message}" if self.operation else self.message
        count = len(self.unknown_outcomes)
        return f"{text} ({cut_off(count)})" if count else text


def cut_off(count: int) -> str:
    """Return what to say of calls with side effects that were cut off in bulk work."""
    calls = "1 call" if count == 1 else f"{count} calls"
    return f"{calls} with side effects cut off, outcome unknown: see unknown_outcomes"


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
