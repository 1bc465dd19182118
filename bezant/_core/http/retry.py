"""Retries: which failed calls are sent again, and the pauses between attempts."""

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
from .backoff import Backoff
from .operation import Operation, OrderCall
from .unknown_outcome import ASK_FIRST

# Full jitter spreads the retries, so that clients that failed at the same time do not retry at the
# same time.
BACKOFF: Final = Backoff(0.25, 4.0, jitter=(0.0, 1.0))
# These calls are sent once more if the gateway requires a request for the accounts first.
SENT_AGAIN: Final = (OrderCall.PLACE, OrderCall.CANCEL)


def may_repeat(error: BezantError, operation: Operation) -> bool:
    """Return whether a failed call is retried; calls with side effects never are."""
    if not operation.idempotent or not error.retryable:
        return False
    if asks_for_accounts(error):
        return True
    return isinstance(error, ConnectFailed | ConnectionLost | HttpTimeout | UpstreamError)


def asks_for_accounts(error: BezantError) -> bool:
    """Return whether an error says that the gateway requires a request for the accounts first."""
    if not isinstance(error, ApiError | OutcomeUnknown):
        return False
    return ASK_FIRST in error.message.lower()
