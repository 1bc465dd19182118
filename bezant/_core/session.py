"""What is known about the gateway's session: one state, and what changed it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import Enum
from typing import Final

from ..errors import (
    BezantError,
    CompetingSession,
    HttpError,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    OutcomeUnknown,
    SessionError,
)
from ..models._session import AuthStatus, Tickle
from .health import problem
from .value import Value
from .wire import Operation

INIT: Final = Operation("POST", "/iserver/auth/ssodh/init", idempotent=False)

# How often a session that is not ready is looked at: soon at first, because a gateway that has just
# been logged in to takes about three seconds.
FIRST_POLL: Final = 0.25
SLOWEST_POLL: Final = 2.0


class SessionState(Enum):
    """What is known of the session.

    Attributes:
        UNKNOWN: nothing was asked yet.
        LOGGED_OUT: nobody is logged in; only a login in the browser helps.
        CONNECTING: the gateway has no line to the backend.
        AUTHENTICATED: logged in, but the brokerage session is not usable yet.
        ESTABLISHED: usable.
        COMPETING: the user name is in use somewhere else.
        LOST: the gateway itself does not answer.
    """

    UNKNOWN = "unknown"
    LOGGED_OUT = "logged out"
    CONNECTING = "connecting"
    AUTHENTICATED = "authenticated"
    ESTABLISHED = "established"
    COMPETING = "competing"
    LOST = "lost"


class SessionChange(Value, frozen=True):
    """The session went from one state to another.

    Attributes:
        before: the state before.
        after: the state now.
        at: seconds since 1970.
        error: what showed it, None where an answer did.
    """

    before: SessionState
    after: SessionState
    at: float
    error: BezantError | None = None

    @property
    def is_loss(self) -> bool:
        """Whether a session that could be used cannot be any more."""
        return self.before is SessionState.ESTABLISHED

    @property
    def is_gain(self) -> bool:
        """Whether a session can be used that could not before; it may be another one."""
        known = self.before is not SessionState.UNKNOWN
        return known and self.after is SessionState.ESTABLISHED

    @property
    def needs_login(self) -> bool:
        """Whether only a login in the browser helps."""
        return self.after is SessionState.LOGGED_OUT


_STATE_OF: Final[tuple[tuple[type[BezantError], SessionState], ...]] = (
    (CompetingSession, SessionState.COMPETING),
    (NotAuthenticated, SessionState.LOGGED_OUT),
    (NotEstablished, SessionState.AUTHENTICATED),
    (NoSession, SessionState.CONNECTING),
    (HttpError, SessionState.LOST),
)


class SessionMachine:
    """The session's state, fed with every answer and error that says something about it.

    Attributes:
        state: the state now.
        status: the flags that came last, None for none yet.
        last_tickle: when a tickle was last answered, in seconds since 1970; None for never.
        sso_expires: when the login ends, in seconds since 1970; None where it is not known.
    """

    def __init__(self) -> None:
        self.state: SessionState = SessionState.UNKNOWN
        self.status: AuthStatus | None = None
        self.last_tickle: float | None = None
        self.sso_expires: float | None = None

    def answered(self, status: AuthStatus, now: float) -> SessionChange | None:
        """Take the session's flags; return what they changed."""
        self.status = status
        error = problem(status)
        return self._go(SessionState.ESTABLISHED if error is None else state_of(error), now, error)

    def tickled(self, tickle: Tickle, now: float) -> SessionChange | None:
        """Take a tickle's answer; return what it changed."""
        self.last_tickle = now
        if tickle.sso_expires_ms:
            self.sso_expires = now + tickle.sso_expires_ms / 1000
        return None if tickle.status is None else self.answered(tickle.status, now)

    def failed(
        self, error: BezantError, now: float, *, about_session: bool
    ) -> SessionChange | None:
        """Take an error; return what it changed.

        Args:
            error: what a call ended in.
            now: seconds since 1970.
            about_session: whether the call was about the session. Of others, a 401 may mean an
                unknown account, and a broken connection says little.
        """
        if not about_session or not isinstance(error, SessionError | HttpError):
            return None
        if isinstance(error, OutcomeUnknown) and error.status not in (None, 502, 503, 504):
            return None  # an answer came, which says nothing about the session
        return self._go(state_of(error), now, error)

    def _go(
        self, state: SessionState, now: float, error: BezantError | None
    ) -> SessionChange | None:
        if state is self.state:
            return None
        change = SessionChange(self.state, state, now, error)
        self.state = state
        return change


def state_of(error: BezantError) -> SessionState:
    """Return the state that an error shows."""
    return next((state for kind, state in _STATE_OF if isinstance(error, kind)), SessionState.LOST)


# IBKR ends every session at midnight where its servers are; tickling does not prevent it.
REGIONS: Final = {
    "america": "America/New_York",
    "europe": "Europe/Zurich",
    "asia": "Asia/Hong_Kong",
}


def next_midnight(now: datetime) -> datetime:
    """Return the end of a day, in the day's own time zone."""
    day = now.date() + timedelta(days=1)
    return datetime.combine(day, time(), now.tzinfo)


def next_poll(pause: float) -> float:
    """Return the pause after this one, while a session is not ready."""
    return min(pause * 1.5, SLOWEST_POLL)
