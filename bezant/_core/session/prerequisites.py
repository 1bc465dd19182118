"""Tracks prerequisites: calls that a session has to make before the gateway serves other calls."""

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
    """Return the call that a session has to make once before `operation`; None without one.

    Without this prerequisite, the gateway refuses the call (for orders and market data) or sends an
    empty response (for the portfolio). For cancels and replies the result is None, because they are
    sent at once. If the gateway requires a prerequisite for one of them, it responds with an error.
    """
    return _ROWS[operation.requires]


# In seconds. If the client gets no response for this long, somebody may have logged out and in
# again meanwhile, which begins a new session.
QUIET: Final = 30.0


class Prerequisites:
    """Remembers which prerequisites the client has already sent in the current session."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._wanted = False
        self._heard = 0.0
        self._token = ""

    def has(self, path: str) -> bool:
        """Return whether the current session has had a response to a call with this path."""
        return path in self._paths

    @property
    def knows_session(self) -> bool:
        """Whether the session's token is known, so that a changed token reveals a new session."""
        return bool(self._token)

    @property
    def token(self) -> str:
        """Session token from the last call of ``/tickle``; empty before the first call."""
        return self._token

    def needed(self, operation: Operation) -> Operation | None:
        """Return the prerequisite that still has to be sent before a call; None without one.

        A reply to an order question needs a prerequisite only after the gateway has refused a call
        because a prerequisite was missing.
        """
        first = prerequisite(operation)
        if self._wanted and operation.order is OrderCall.REPLY:
            first = TRADING_ACCOUNTS
        return None if first is None or first.path in self._paths else first

    def begin(self, now: float) -> None:
        """Record that a call begins; forget all responses if the last one is too old (`QUIET`)."""
        if now - self._heard > QUIET:
            self._paths.clear()

    def answered(self, path: str, now: float) -> None:
        """Record that a call with this path has had a response."""
        self._heard = now
        if path in PREREQUISITES:
            self._paths.add(path)
            if path == TRADING_ACCOUNTS.path:
                self._wanted = False

    def started(self, path: str) -> None:
        """Record that a call for a list has had its first response, which may be wrongly empty."""
        self._paths.add(path)

    def tickled(self, token: str | None) -> None:
        """Record the session token from a tickle's response; a changed token means a new login."""
        if token:
            if self._token not in ("", token):
                self._paths.clear()
            self._token = token

    def forget(self, path: str) -> None:
        """Forget that a call has had a response, because the response was wrong.

        The call is then sent again when it is needed.
        """
        self._paths.discard(path)

    def refused(self) -> None:
        """Record that the gateway refused a call because a prerequisite was missing."""
        self._paths.clear()
        self._wanted = True

    def clear(self) -> None:
        """Forget all calls, because the session was lost or a new one has begun."""
        self._paths.clear()
