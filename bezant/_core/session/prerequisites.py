"""Prerequisites: calls that the gateway requires before other calls, and those already made."""

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
    """Return the call that a session has to make once before `operation`; None for none.

    Without this prerequisite, the gateway refuses the call (brokerage) or sends an empty response
    (portfolio). Cancels and replies have no prerequisite: they are sent at once, and the gateway
    responds with an error if it requires a prerequisite.
    """
    return _ROWS[operation.requires]


# After this many seconds without a response, somebody may have logged out and in again unnoticed.
QUIET: Final = 30.0


class Prerequisites:
    """Prerequisites that the client has already sent in the current session."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._wanted = False
        self._heard = 0.0
        self._token = ""

    def has(self, path: str) -> bool:
        """Return whether this session has had a response to a call of a path."""
        return path in self._paths

    @property
    def knows_session(self) -> bool:
        """Whether a tickle has shown the session's token, so that later tokens can be compared."""
        return bool(self._token)

    @property
    def token(self) -> str:
        """Session token of the last tickle; empty before the first."""
        return self._token

    def needed(self, operation: Operation) -> Operation | None:
        """Return the prerequisite that has to be sent before a call; None for none.

        A reply needs a prerequisite only after the gateway has refused a call for lack of it.
        """
        first = prerequisite(operation)
        if self._wanted and operation.order is OrderCall.REPLY:
            first = TRADING_ACCOUNTS
        return None if first is None or first.path in self._paths else first

    def begin(self, now: float) -> None:
        """Record that a call begins; after a long silence, all prerequisites are needed again."""
        if now - self._heard > QUIET:
            self._paths.clear()

    def answered(self, path: str, now: float) -> None:
        """Record that a call of a path has had a response."""
        self._heard = now
        if path in PREREQUISITES:
            self._paths.add(path)
            if path == TRADING_ACCOUNTS.path:
                self._wanted = False

    def started(self, path: str) -> None:
        """Record a response to a list call, whose first response may only start the list."""
        self._paths.add(path)

    def tickled(self, token: str | None) -> None:
        """Record a tickle's session token; another token means another login."""
        if token:
            if self._token not in ("", token):
                self._paths.clear()
            self._token = token

    def forget(self, path: str) -> None:
        """Remove a call whose response was wrong, so that the call is sent again."""
        self._paths.discard(path)

    def refused(self) -> None:
        """Record that the gateway has lost the prerequisites and needs them again."""
        self._paths.clear()
        self._wanted = True

    def clear(self) -> None:
        """Remove all calls, because the session was lost or is new."""
        self._paths.clear()
