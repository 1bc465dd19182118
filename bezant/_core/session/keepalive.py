"""State of the keepalive: results of the tickles, and changes to report to callbacks."""

from __future__ import annotations

from enum import Enum
from typing import Final

from ...errors import BezantError, SessionError
from ...models._session import Tickle
from ..http.backoff import Backoff
from ..operations.session import TICKLE
from .status import error_for

_PATIENT_FAILURES: Final = 3
_SLOWEST: Final = 5.0


class Change(Enum):
    """Change that the keepalive's callbacks report."""

    LOST = "lost"
    RESTORED = "restored"


class KeepaliveState:
    """Results of the tickles so far.

    Attributes:
        last_success: time of the last tickle that found a usable session; None for never.
        last_failure: time of the last tickle that did not find a usable session; None for never.
        last_error: error of the last tickle that failed; None for never.
        failures: failed tickles in a row.
        lost: whether the session is lost.
    """

    def __init__(self) -> None:
        self.last_success: float | None = None
        self.last_failure: float | None = None
        self.last_error: BezantError | None = None
        self.failures = 0
        self.lost = False
        self._told_login = False

    def answered(self, tickle: Tickle, now: float) -> Change | None:
        """Process the response to a tickle, and return the change to report, or None."""
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
        """Process the error of a tickle, and return the change to report, or None."""
        self.last_failure = now
        self.last_error = error
        self.failures += 1
        # The loss of the login is reported even if the loss of the brokerage session was already
        # reported.
        needs_login = isinstance(error, SessionError) and error.needs_login
        if self.lost and (self._told_login or not needs_login):
            return None
        self.lost = True
        self._told_login = needs_login
        return Change.LOST

    def pause(self, interval: float) -> float:
        """Return the seconds until the next tickle; more after several failures in a row.

        The session survives 5 minutes without a tickle, so a few failures do no harm. After that
        only a login helps.
        """
        backoff = Backoff(interval, _SLOWEST * interval)
        return backoff.delay(max(self.failures - _PATIENT_FAILURES, 0) + 1)
