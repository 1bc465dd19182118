"""The keepalive's bookkeeping: what happened last, and whether that is news."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ...errors import BezantError, SessionError
from ...models._session import Tickle
from ..operations.session import TICKLE
from .status import error_for

_PATIENT_FAILURES: Final = 3
_SLOWEST: Final = 5.0


class Change(Enum):
    """What the keepalive's user is told."""

    LOST = "lost"
    RESTORED = "restored"


class KeepaliveState:
    """What is known from the tickles so far.

    Attributes:
        last_success: when the session last answered that it can be used, None for never.
        last_failure: when it last did not, None for never.
        last_error: why it did not, None for never.
        failures: how many tickles in a row have failed.
        lost: whether the session is lost now.
    """

    def __init__(self) -> None:
        self.last_success: float | None = None
        self.last_failure: float | None = None
        self.last_error: BezantError | None = None
        self.failures = 0
        self.lost = False
        self._told_login = False

    def answered(self, tickle: Tickle, now: float) -> Change | None:
        """Take a tickle's answer; the flags in it may say that the session is lost."""
        status = tickle.status
        if status is not None and (error := error_for(status, TICKLE.operation)) is not None:
            return self.failed(error, now)
        self.last_success = now
        self.failures = 0
        self._told_login = False
        if self.lost:
            self.lost = False
            return Change.RESTORED
        return None

    def failed(self, error: BezantError, now: float) -> Change | None:
        """Take a tickle's failure."""
        self.last_failure = now
        self.last_error = error
        self.failures += 1
        # Another thing is wrong when the login goes after the brokerage session.
        needs_login = isinstance(error, SessionError) and error.needs_login
        if self.lost and (self._told_login or not needs_login):
            return None
        self.lost = True
        self._told_login = needs_login
        return Change.LOST

    def pause(self, interval: float) -> float:
        """Return the seconds until the next tickle: more where many have failed in a row.

        A few may fail in passing, and the session lives for five minutes without; after that only
        somebody who logs in helps.
        """
        doublings = min(max(self.failures - _PATIENT_FAILURES, 0), 8)
        return interval * min(2.0**doublings, _SLOWEST)
