"""State of the login and of the brokerage session, and the changes between states."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from ..._wire.record import Record
from ...errors import (
    BezantError,
    CompetingSession,
    HttpError,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    OutcomeUnknown,
    SessionError,
)
from ...models._session import AuthStatus, Tickle
from ..http.backoff import Backoff
from ..http.error_mapping import LOG_IN
from ..http.operation import Operation
from .status import AUTH_STATUS, error_for

# Pauses between polls of a session that is not ready. They are short at first, because the gateway
# needs about 3 seconds after a login.
POLL: Final = Backoff(0.25, 2.0, factor=1.5)
# The client pauses after calls that did not open the brokerage session. IBKR refused even browser
# logins to a user whose program had repeated the call every minute for hours.
INIT: Final = Backoff(60.0, 1800.0)
_FREE_INITS: Final = 2
# A session that is not established after this many seconds is stuck; after a login it needs less.
_STUCK: Final = 5.0


class LoginState(Enum):
    """State of the login.

    Attributes:
        UNKNOWN: no request was sent yet, or the gateway does not respond.
        LOGGED_OUT: nobody is logged in; only a login in the browser helps.
        LOGGED_IN: somebody is logged in; the gateway serves the portfolio.
    """

    UNKNOWN = "unknown"
    LOGGED_OUT = "logged out"
    LOGGED_IN = "logged in"


class BrokerageState(Enum):
    """State of the brokerage session, which orders and market data need.

    Attributes:
        UNKNOWN: no request was sent yet, or the gateway does not respond.
        CLOSED: the brokerage session is closed; ``client.session.initialize()`` opens it if
            somebody is logged in.
        COMPETING: another login of the same user name has the brokerage session.
        NOT_ESTABLISHED: the brokerage session is authenticated, but not usable yet.
        ESTABLISHED: the brokerage session is usable.
    """

    UNKNOWN = "unknown"
    CLOSED = "closed"
    COMPETING = "competing"
    NOT_ESTABLISHED = "not established"
    ESTABLISHED = "established"


class SessionState(Enum):
    """State of the session: login and brokerage session together.

    Attributes:
        UNKNOWN: no request was sent yet.
        LOGGED_OUT: the login is gone; only a login in the browser helps.
        CLOSED: logged in, but the brokerage session is closed; ``client.session.initialize()``
            opens it.
        CONNECTING: logged in, but the gateway is not connected to the brokerage backend.
        AUTHENTICATED: logged in, but the brokerage session is not usable yet.
        ESTABLISHED: logged in, and the brokerage session is usable.
        COMPETING: logged in, but the user name is in use somewhere else.
        LOST: the gateway itself does not respond.
    """

    UNKNOWN = "unknown"
    LOGGED_OUT = "logged out"
    CLOSED = "closed"
    CONNECTING = "connecting"
    AUTHENTICATED = "authenticated"
    ESTABLISHED = "established"
    COMPETING = "competing"
    LOST = "lost"

    @property
    def login(self) -> LoginState:
        """State of the login."""
        return _LOGIN.get(self, LoginState.LOGGED_IN)

    @property
    def brokerage(self) -> BrokerageState:
        """State of the brokerage session."""
        return _BROKERAGE.get(self, BrokerageState.CLOSED)


_LOGIN: Final = {
    SessionState.UNKNOWN: LoginState.UNKNOWN,
    SessionState.LOST: LoginState.UNKNOWN,
    SessionState.LOGGED_OUT: LoginState.LOGGED_OUT,
}
_BROKERAGE: Final = {
    SessionState.UNKNOWN: BrokerageState.UNKNOWN,
    SessionState.LOST: BrokerageState.UNKNOWN,
    SessionState.COMPETING: BrokerageState.COMPETING,
    SessionState.AUTHENTICATED: BrokerageState.NOT_ESTABLISHED,
    SessionState.ESTABLISHED: BrokerageState.ESTABLISHED,
}


class SessionChange(Record, frozen=True):
    """Change of the session from one state to another.

    Attributes:
        before: state before the change; its parts are ``before.login`` and ``before.brokerage``.
        after: state after the change; its parts are ``after.login`` and ``after.brokerage``.
        at: time of the change, in seconds since 1970.
        error: error that revealed the change; None if a response revealed it.
        competing: whether another session of the user name has appeared next to this one, which is
            still authenticated but may be ended soon. ``before`` and ``after`` may be the same.
    """

    before: SessionState
    after: SessionState
    at: float
    error: BezantError | None = None
    competing: bool = False

    @property
    def is_loss(self) -> bool:
        """Whether the session was usable before and is not now."""
        usable = SessionState.ESTABLISHED
        return self.before is usable and self.after is not usable

    @property
    def is_gain(self) -> bool:
        """Whether the session is usable now and was not before; this may be a new session."""
        before = (SessionState.UNKNOWN, SessionState.ESTABLISHED)
        return self.before not in before and self.after is SessionState.ESTABLISHED

    @property
    def needs_login(self) -> bool:
        """Whether the login is gone: only a login in the browser helps."""
        return self.after is SessionState.LOGGED_OUT

    @property
    def lost(self) -> Literal["login", "brokerage", "gateway"] | None:
        """Part of the session that was lost with this change; None if nothing was lost.

        After ``brokerage`` the login remains: call ``client.session.initialize()``.
        """
        if self.after is SessionState.LOST:
            return "gateway"
        if self.needs_login:
            return "login"
        return "brokerage" if self.is_loss else None


_STATE_OF: Final[tuple[tuple[type[BezantError], SessionState], ...]] = (
    (CompetingSession, SessionState.COMPETING),
    (NotAuthenticated, SessionState.LOGGED_OUT),
    (NotEstablished, SessionState.AUTHENTICATED),
    (NoSession, SessionState.CLOSED),
    (HttpError, SessionState.LOST),
)


class SessionMachine:
    """State machine of the session; its inputs are the responses and errors about the session.

    Attributes:
        state: current state.
        status: flags of the session as last received; None before the first response.
        last_tickle: time of the last successful tickle, in seconds since 1970; None for never.
        sso_expires: expiry of the login's token, in seconds since 1970; None if it is unknown.
    """

    def __init__(self) -> None:
        self.state: SessionState = SessionState.UNKNOWN
        self.status: AuthStatus | None = None
        self.last_tickle: float | None = None
        self.sso_expires: float | None = None
        self._token = ""
        self._cannot_open = False
        self._competing = False
        self._failed_inits = 0
        self._next_init = 0.0

    def error_for(
        self, status: AuthStatus, operation: Operation = AUTH_STATUS
    ) -> SessionError | None:
        """Return the error that the flags mean, given the earlier events, or None.

        If the flags call the brokerage session closed and opening it has failed before, a login is
        needed.
        """
        error = error_for(status, operation)
        if type(error) is NoSession and self._cannot_open and status.connected is not False:
            return NotAuthenticated(
                f"the brokerage session is closed and could not be opened; {LOG_IN}",
                operation=operation.name,
                status=status,
            )
        return error

    def answered(self, status: AuthStatus, now: float) -> SessionChange | None:
        """Process the session's flags; return the change of state, or None."""
        self.status = status
        error = self.error_for(status)
        if error is None or isinstance(error, NotEstablished | CompetingSession):
            self._cannot_open = False
        if status.authenticated is True:
            self._failed_inits = 0
        before, self._competing = self._competing, bool(status.authenticated and status.competing)
        state = SessionState.ESTABLISHED if error is None else state_of(error)
        return self._go(state, now, error, competing=self._competing and not before)

    def tickled(self, tickle: Tickle, now: float) -> SessionChange | None:
        """Process the response to a tickle; return the change of state, or None."""
        self.last_tickle = now
        if tickle.session:
            if tickle.session != self._token:  # another token means a new login
                self._cannot_open = False
                self._failed_inits = 0
            self._token = tickle.session
        if isinstance(tickle.sso_expires_ms, int):
            self.sso_expires = now + tickle.sso_expires_ms / 1000
        return None if tickle.status is None else self.answered(tickle.status, now)

    def failed(
        self, error: BezantError, now: float, *, about_session: bool
    ) -> SessionChange | None:
        """Process the error of a call; return the change of state, or None.

        Args:
            error: the error.
            now: seconds since 1970.
            about_session: whether the call was about the session. For other calls, a 401 may mean
                an unknown account, and a lost connection proves little. A login page counts for
                every call, and a missing brokerage session for every brokerage call.
        """
        if isinstance(error, NotAuthenticated):
            if not error.needs_login:
                return None
        elif isinstance(error, NoSession):
            if not about_session and " /iserver/" not in (error.operation or ""):
                return None
        elif not about_session or not isinstance(error, SessionError | HttpError):
            return None
        if isinstance(error, OutcomeUnknown) and error.status not in (None, 502, 503, 504):
            return None  # this response says nothing about the session
        return self._go(state_of(error), now, error)

    def cannot_open(self, error: NotAuthenticated, now: float) -> SessionChange | None:
        """Record that the brokerage session could not be opened; return the change, or None."""
        self._cannot_open = True
        return self._go(SessionState.LOGGED_OUT, now, error)

    def init_failed(self, now: float) -> None:
        """Record that IBKR did not open the brokerage session; `now` is a monotonic time."""
        self._failed_inits += 1
        tries = self._failed_inits - _FREE_INITS
        self._next_init = now + INIT.delay(tries) if tries > 0 else now

    def init_wait(self, now: float) -> float:
        """Return the seconds until the brokerage session may be opened again; 0 for now."""
        return max(self._next_init - now, 0.0) if self._failed_inits else 0.0

    def _go(
        self,
        state: SessionState,
        now: float,
        error: BezantError | None,
        *,
        competing: bool = False,
    ) -> SessionChange | None:
        if state is self.state and not competing:
            return None
        change = SessionChange(self.state, state, now, error, competing)
        self.state = state
        return change


def state_of(error: BezantError) -> SessionState:
    """Return the session state that an error means."""
    if isinstance(error, NoSession) and error.status and error.status.connected is False:
        return SessionState.CONNECTING
    return next((state for kind, state in _STATE_OF if isinstance(error, kind)), SessionState.LOST)


def patience(timeout: float) -> float:
    """Return the seconds to wait for a session to be established before opening it again."""
    return min(timeout / 2, _STUCK)
