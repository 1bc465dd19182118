"""Which failures are tried again, and after how long; and what has to be asked first."""

from __future__ import annotations

from typing import Final

from ..errors import BezantError, ConnectFailed, ConnectionLost, HttpTimeout, UpstreamError
from .positions import ACCOUNTS
from .wire import Operation

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 4.0

TRADING_ACCOUNTS: Final = Operation("GET", "/iserver/accounts", idempotent=True)
PREREQUISITES: Final = frozenset({ACCOUNTS.path, TRADING_ACCOUNTS.path})
_AFTER_TRADING_ACCOUNTS = (
    "/iserver/account",
    "/iserver/marketdata/snapshot",
    "/iserver/reply/",
)
_ASK_FIRST = "please query /accounts first"


def may_repeat(error: BezantError, operation: Operation) -> bool:
    """Say whether a failed call is made again: never one that has an effect."""
    if not operation.idempotent or not error.retryable:
        return False
    return isinstance(error, ConnectFailed | ConnectionLost | HttpTimeout | UpstreamError)


def pause(attempt: int, chance: float) -> float:
    """Return the seconds before the next attempt: anything up to a limit that doubles."""
    return chance * min(_FIRST_PAUSE * 2.0 ** (attempt - 1), _LONGEST_PAUSE)


def asks_for_accounts(error: BezantError) -> bool:
    """Say whether the gateway wants its accounts asked for first."""
    return isinstance(error, UpstreamError) and _ASK_FIRST in error.message.lower()


def prerequisite(operation: Operation) -> Operation | None:
    """Return the call that has to be made once in a session before this one.

    Without it the gateway refuses (brokerage) or answers as if there were nothing (portfolio).
    """
    path = operation.path
    if path.startswith("/portfolio/") and path not in (
        "/portfolio/accounts",
        "/portfolio/subaccounts",
        "/portfolio/subaccounts2",
    ):
        return ACCOUNTS
    if path.startswith(_AFTER_TRADING_ACCOUNTS) and path != TRADING_ACCOUNTS.path:
        return TRADING_ACCOUNTS
    return None
