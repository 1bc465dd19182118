"""State machine for the two parts of a session: the login and the brokerage session."""

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

# Pauses between requests for the state of a session that is not ready. They are short at first,
# because after a login the session is ready within about 3 seconds.
POLL: Final = Backoff(0.25, 2.0, factor=1.5)
# Pauses after failed attempts to open the brokerage session. A user's program once repeated the
# attempt every minute for hours; IBKR then refused the user even logins in the browser.
INIT: Final = Backoff(60.0, 1800.0)
_FREE_INITS: Final = 2
# In seconds. A brokerage session that takes longer than this to be established counts as stuck;
# after a login it takes less.
_STUCK: Final = 5.0


class LoginState(Enum):
    """State of the user's login at the gateway.

    Attributes:
        UNKNOWN: no request was sent yet, or the gateway does not respond.
        LOGGED_OUT: nobody is logged in; log in at the gateway's page in a browser.
        LOGGED_IN: somebody is logged in; calls for the portfolio work.
    """

    UNKNOWN = "unknown"
    LOGGED_OUT = "logged out"
    LOGGED_IN = "logged in"


class BrokerageState(Enum):
    """State of the brokerage session, which orders and market data need.

    Attributes:
        UNKNOWN: no request was sent yet, or the gateway does not respond.
        CLOSED: there is no brokerage session; ``client.session.initialize()`` opens one if somebody
            is logged in.
        COMPETING: another login with the same user name has the brokerage session.
        NOT_ESTABLISHED: the brokerage session is authenticated, but cannot be used yet.
        ESTABLISHED: the brokerage session can be used.
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
        LOGGED_OUT: nobody is logged in; log in at the gateway's page in a browser.
        CLOSED: logged in, but the brokerage session is closed; ``client.session.initialize()``
            opens it.
        CONNECTING: logged in, but the gateway is not connected to the brokerage backend.
        AUTHENTICATED: logged in, but the brokerage session cannot be used yet.
        ESTABLISHED: logged in, and the brokerage session can be used.
        COMPETING: logged in, but another session with the same user name has the brokerage session.
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
        before: state before the change; ``before.login`` and ``before.brokerage`` give its parts.
        after: state after the change; ``after.login`` and ``after.brokerage`` give its parts.
        at: time of the change, in seconds since 1970.
        error: error that revealed the change; None if a response revealed it.
        competing: whether another session with the same user name has appeared. This session is
            still authenticated, but IBKR may end it soon. ``before`` and ``after`` may then be
            equal.
    """

    before: SessionState
    after: SessionState
    at: float
    error: BezantError | None = None
    competing: bool = False

    @property
    def is_loss(self) -> bool:
        """Whether the session was usable before this change and is not usable after it."""
        usable = SessionState.ESTABLISHED
        return self.before is usable and self.after is not usable

    @property
    def is_gain(self) -> bool:
        """Whether the session became usable with this change; it may be a new session."""
        before = (SessionState.UNKNOWN, SessionState.ESTABLISHED)
        return self.before not in before and self.after is SessionState.ESTABLISHED

    @property
    def needs_login(self) -> bool:
        """Whether nobody is logged in after the change, so that a login in a browser is needed."""
        return self.after is SessionState.LOGGED_OUT

    @property
    def lost(self) -> Literal["login", "brokerage", "gateway"] | None:
        """Part of the session that was lost in this change; None if nothing was lost.

        ``brokerage``: the login remains; call ``client.session.initialize()``. ``login``: log in at
        the gateway's page in a browser. ``gateway``: the gateway does not respond.
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
    """State machine of the session. Its inputs are responses and errors of calls.

    Attributes:
        state: current state.
        status: the session's status flags that were received last; None before the first response.
        last_tickle: time of the last successful call of ``/tickle``, in seconds since 1970; None
            for never.
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
        """Return the error for the session's status flags and earlier events; None for no error.

        If the flags say that the brokerage session is closed, and an attempt to open it has failed
        before, the error says that a login is needed.
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
        """Process the session's status flags; return the change of state, None for no change."""
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
        """Process the response to a tickle; return the change of state, None for no change."""
        self.last_tickle = now
        if tickle.session:
            if tickle.session != self._token:  # a changed token means a new login
                self._cannot_open = False
                self._failed_inits = 0
            self._token = tickle.session
        if isinstance(tickle.sso_expires_ms, int):
            self.sso_expires = now + tickle.sso_expires_ms / 1000
        return None if tickle.status is None else self.answered(tickle.status, now)

    def failed(
        self, error: BezantError, now: float, *, about_session: bool
    ) -> SessionChange | None:
        """Process the error that a call raised; return the change of state, None for no change.

        Args:
            error: the error.
            now: seconds since 1970.
            about_session: whether the call was about the session. Errors of other calls are mostly
                ignored: a 401 may mean an unknown account, and a lost connection may have affected
                only that call. Two errors count for other calls, too: a login page as the response
                to any call, and a missing brokerage session as the error of a brokerage call.
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
            return None  # such a response does not tell the session's state
        return self._go(state_of(error), now, error)

    def cannot_open(self, error: NotAuthenticated, now: float) -> SessionChange | None:
        """Record that the brokerage session cannot be opened without a new login.

        Return the change of state, or None if the state does not change.
        """
        self._cannot_open = True
        return self._go(SessionState.LOGGED_OUT, now, error)

    def init_failed(self, now: float) -> None:
        """Record a failed attempt to open the brokerage session; `now` is a monotonic time."""
        self._failed_inits += 1
        tries = self._failed_inits - _FREE_INITS
        self._next_init = now + INIT.delay(tries) if tries > 0 else now

    def init_wait(self, now: float) -> float:
        """Return the seconds until the next attempt to open the brokerage session; 0 for now."""
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
    """Return the session state that an error reveals."""
    if isinstance(error, NoSession) and error.status and error.status.connected is False:
        return SessionState.CONNECTING
    return next((state for kind, state in _STATE_OF if isinstance(error, kind)), SessionState.LOST)


def patience(timeout: float) -> float:
    """Return how long to wait, in seconds, until an opened session is established.

    After this time, the session should be opened once more.
    """
    return min(timeout / 2, _STUCK)
