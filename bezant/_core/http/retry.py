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

# The jitter covers the whole pause, so that clients that failed at the same moment do not retry at
# the same moment.
BACKOFF: Final = Backoff(0.25, 4.0, jitter=(0.0, 1.0))
# These calls are sent once more if the gateway's error says that the session has to request its
# list of accounts first. In this case the gateway has not carried out the call.
SENT_AGAIN: Final = (OrderCall.PLACE, OrderCall.CANCEL)


def may_repeat(error: BezantError, operation: Operation) -> bool:
    """Return whether a failed call may be retried; always False for calls with side effects."""
    if not operation.idempotent or not error.retryable:
        return False
    if asks_for_accounts(error):
        return True
    return isinstance(error, ConnectFailed | ConnectionLost | HttpTimeout | UpstreamError)


def asks_for_accounts(error: BezantError) -> bool:
    """Return whether an error says that the session has to request its list of accounts first."""
    if not isinstance(error, ApiError | OutcomeUnknown):
        return False
    return ASK_FIRST in error.message.lower()
