"""Calls that others need first, and which of them this session has seen."""

from __future__ import annotations

from typing import Final

from ..http.operation import Operation
from ..http.unknown_outcome import OrderCall, order_call

ACCOUNTS = Operation("GET", "/portfolio/accounts", idempotent=True)


TRADING_ACCOUNTS: Final = Operation("GET", "/iserver/accounts", idempotent=True)
PREREQUISITES: Final = frozenset({ACCOUNTS.path, TRADING_ACCOUNTS.path})
_AFTER_TRADING_ACCOUNTS = ("/iserver/account", "/iserver/marketdata/snapshot")
# Nothing may delay them.
_ALONE: Final = (OrderCall.CANCEL, OrderCall.REPLY)


def prerequisite(operation: Operation) -> Operation | None:
    """Return the call that has to be made once in a session before this one.

    Without it the gateway refuses (brokerage) or answers as if there were nothing (portfolio).
    Cancels and replies have none: they are sent at once, and the gateway asks if it needs it.
    """
    path = operation.path
    if order_call(operation) in _ALONE:
        return None
    if path.startswith("/portfolio/") and path not in (
        "/portfolio/accounts",
        "/portfolio/subaccounts",
        "/portfolio/subaccounts2",
    ):
        return ACCOUNTS
    if path.startswith(_AFTER_TRADING_ACCOUNTS) and path != TRADING_ACCOUNTS.path:
        return TRADING_ACCOUNTS
    return None


# Seconds without an answer in which somebody may have logged out and in again, which nobody notices
# who asked for nothing meanwhile.
QUIET: Final = 30.0


class Prerequisites:
    """The calls that this session has seen, of those that others need first."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._wanted = False
        self._heard = 0.0
        self._token = ""

    def has(self, path: str) -> bool:
        """Say whether this session has seen a call."""
        return path in self._paths

    @property
    def knows_session(self) -> bool:
        """Whether a tickle has told which session it is: the next one tells whether it still is."""
        return bool(self._token)

    @property
    def token(self) -> str:
        """The token of the session of the last tickle; empty before the first."""
        return self._token

    def needed(self, operation: Operation) -> Operation | None:
        """Return the prerequisite that has to be sent before a call; None for none.

        A reply gets one only after the gateway has refused a call for want of it.
        """
        first = prerequisite(operation)
        if self._wanted and order_call(operation) is OrderCall.REPLY:
            first = TRADING_ACCOUNTS
        return None if first is None or first.path in self._paths else first

    def begin(self, now: float) -> None:
        """Note that a call begins."""
        if now - self._heard > QUIET:
            self._paths.clear()

    def answered(self, path: str, now: float) -> None:
        """Note that a call was answered."""
        self._heard = now
        if path in PREREQUISITES:
            self._paths.add(path)
            if path == TRADING_ACCOUNTS.path:
                self._wanted = False

    def started(self, path: str) -> None:
        """Note that a call was answered whose first answer may only start a list."""
        self._paths.add(path)

    def tickled(self, token: str | None) -> None:
        """Note the token of the session that a tickle has told; another one is another login."""
        if token:
            if self._token not in ("", token):
                self._paths.clear()
            self._token = token

    def forget(self, path: str) -> None:
        """Note that the response to one call is worth nothing, so that it is sent again."""
        self._paths.discard(path)

    def refused(self) -> None:
        """Note that the gateway has lost the prerequisites and needs them again."""
        self._paths.clear()
        self._wanted = True

    def clear(self) -> None:
        """Note that the session is lost, or a new one."""
        self._paths.clear()
