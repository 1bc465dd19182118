"""Prerequisites: calls that others need first, and which of them this session has made."""

from __future__ import annotations

from typing import Final

from ..http.operation import Operation, OrderCall
from ..operations.accounts import GET_BROKERAGE_ACCOUNTS
from ..operations.portfolio import GET_ALL_ACCOUNTS

ACCOUNTS: Final = GET_ALL_ACCOUNTS.operation
TRADING_ACCOUNTS: Final = GET_BROKERAGE_ACCOUNTS.operation
PREREQUISITES: Final = frozenset({ACCOUNTS.path, TRADING_ACCOUNTS.path})
_ROWS: Final = {"": None, "accounts": ACCOUNTS, "trading accounts": TRADING_ACCOUNTS}


def prerequisite(operation: Operation) -> Operation | None:
    """Return the call that a session has to make once before this one.

    Without it the gateway refuses (brokerage) or answers as if there were nothing (portfolio).
    Cancels and replies have none: they are sent at once, and the gateway asks if it needs it.
    """
    return _ROWS[operation.requires]


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
        if self._wanted and operation.order is OrderCall.REPLY:
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
