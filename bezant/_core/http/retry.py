"""Retries: which failures are retried, and after how long."""

from __future__ import annotations

from typing import Final

from ...errors import (
    ApiError,
    BezantError,
    ConnectFailed,
    ConnectionLost,
    HttpTimeout,
    OutcomeUnknown,
    UpstreamError,
)
from .operation import Operation, OrderCall
from .unknown_outcome import ASK_FIRST

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 4.0
# What is sent once more when the gateway did nothing but ask for its accounts.
SENT_AGAIN: Final = (OrderCall.PLACE, OrderCall.CANCEL)


def may_repeat(error: BezantError, operation: Operation) -> bool:
    """Say whether a failed call is retried: never a call with side effects."""
    if not operation.idempotent or not error.retryable:
        return False
    if asks_for_accounts(error):
        return True
    return isinstance(error, ConnectFailed | ConnectionLost | HttpTimeout | UpstreamError)


def pause(attempt: int, chance: float) -> float:
    """Return the seconds before the next attempt: anything up to a limit that doubles."""
    return chance * min(_FIRST_PAUSE * 2.0 ** (attempt - 1), _LONGEST_PAUSE)


def asks_for_accounts(error: BezantError) -> bool:
    """Say whether the gateway wants its accounts asked for first, whatever the status."""
    if not isinstance(error, ApiError | OutcomeUnknown):
        return False
    return ASK_FIRST in error.message.lower()
