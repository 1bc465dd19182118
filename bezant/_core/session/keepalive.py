"""State of the keepalive, which calls ``/tickle`` regularly so that the session does not end."""

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
    """Change of the session that the keepalive reports to the user's callbacks."""

    LOST = "lost"
    RESTORED = "restored"


class KeepaliveState:
    """Results of the calls of ``/tickle`` so far.

    Attributes:
        last_success: time of the last tickle that found a usable session; None for never.
        last_failure: time of the last tickle that did not find a usable session; None for never.
        last_error: error of the last tickle that failed; None if none has failed.
        failures: number of failed tickles since the last successful one.
        lost: whether the session is lost, as of the last tickle.
    """

    def __init__(self) -> None:
        self.last_success: float | None = None
        self.last_failure: float | None = None
        self.last_error: BezantError | None = None
        self.failures = 0
        self.lost = False
        self._told_login = False

    def answered(self, tickle: Tickle, now: float) -> Change | None:
        """Record the response to a tickle; return the change to report, or None for no report."""
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
        """Record that a tickle failed; return the change to report, or None for no report."""
        self.last_failure = now
        self.last_error = error
        self.failures += 1
        # A loss is reported once, except that the loss of the login is reported even if the loss of
        # the brokerage session was reported before.
        needs_login = isinstance(error, SessionError) and error.needs_login
        if self.lost and (self._told_login or not needs_login):
            return None
        self.lost = True
        self._told_login = needs_login
        return Change.LOST

    def pause(self, interval: float) -> float:
        """Return the seconds until the next tickle: `interval`, or more after several failures.

        IBKR keeps a session for 5 minutes without a tickle, so a few failures do no harm. A session
        that has ended comes back only by a login, so frequent tickles are useless then.
        """
        backoff = Backoff(interval, _SLOWEST * interval)
        return backoff.delay(max(self.failures - _PATIENT_FAILURES, 0) + 1)
