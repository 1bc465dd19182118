"""`AsyncSession`: state of the gateway's session, with methods to open it and to wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, cast

from ..._core.operations.session import (
    GET_BROKERAGE_STATUS,
    INITIALIZE_SESSION,
    REAUTHENTICATE,
    TICKLE,
)
from ..._core.session.calendar import REGIONS, next_midnight
from ..._core.session.state import (
    POLL,
    BrokerageState,
    LoginState,
    SessionChange,
    SessionState,
    patience,
)
from ..._core.session.status import cannot_open, refused
from ..._core.settings.checks import check_callable, check_seconds
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import (
    BadRequest,
    BezantError,
    CompetingSession,
    HttpError,
    InvalidRequest,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    PacingError,
    Refused,
    SessionError,
    UpstreamError,
)
from ...models._session import AuthStatus, Tickle
from ..http.pipeline import AsyncPipeline
from ..waiting import AsyncPolling
from .events import AsyncSessionEvents

_logger = logging.getLogger("bezant.session")

Listener = Callable[[SessionChange], object]
Region = Literal["america", "europe", "asia"]


class AsyncSession:
    """State of the login and of the brokerage session, with methods to open it and to wait.

    You log in with a browser. The brokerage session, which orders and market data need, depends on
    the login and can end alone; `initialize` opens it again. The client learns the state from the
    responses to all calls: from those about the session (keepalive tickles included), from login
    pages, and from errors that say that there is no brokerage session. Reading the state sends no
    request. ``client.session`` returns this object.
    """

    def __init__(self, pipeline: AsyncPipeline, settings: Settings) -> None:
        self._pipeline = pipeline
        self._settings = settings

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.value}>"

    @property
    def state(self) -> SessionState:
        """Last known state of the login and the brokerage session, as one value."""
        return self._pipeline.session.state

    @property
    def login(self) -> LoginState:
        """Last known state of the login. If the login is lost, log in with a browser."""
        return self.state.login

    @property
    def brokerage(self) -> BrokerageState:
        """Last known state of the brokerage session. `initialize` opens a closed session."""
        return self.state.brokerage

    @property
    def ready(self) -> bool:
        """Whether the session can be used, as far as the client knows."""
        return self.state is SessionState.ESTABLISHED

    @property
    def status(self) -> AuthStatus | None:
        """The session's flags as last received; None before the first response with flags."""
        return self._pipeline.session.status

    @property
    def last_tickle(self) -> datetime | None:
        """Time of the last response to a tickle, in UTC; None before the first tickle."""
        return _moment(self._pipeline.session.last_tickle)

    @property
    def sso_expires(self) -> datetime | None:
        """Expiry of the login's current token, in UTC; None if the gateway did not send it.

        The token is valid for about 10 minutes and renews itself, so you need not log in again when
        it expires; `daily_end` returns the time when you have to. A time in the past means that the
        session has ended.
        """
        return _moment(self._pipeline.session.sso_expires)

    def daily_end(self, region: Region = "america") -> datetime:
        """Return the next midnight of the session's region, when IBKR ends every session.

        After that time you have to log in again.

        Args:
            region: location of IBKR's servers for the user: ``america`` (New York, the default),
                ``europe`` (Zug) or ``asia`` (Hong Kong).

        Returns:
            A time in the time zone of that region; subtract ``datetime.now(UTC)`` to get the time
            that is left.

        Raises:
            InvalidRequest: the region is unknown.
        """
        # imported here because it is slow to import and rarely needed
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        zone = REGIONS.get(region) if isinstance(region, str) else None
        if zone is None:
            raise InvalidRequest(f"region must be one of {', '.join(REGIONS)}, not {shown(region)}")
        try:
            now = datetime.fromtimestamp(rt.wall_time(), ZoneInfo(zone))
        except ZoneInfoNotFoundError as error:  # the usual cause: Windows has no time zone database
            raise InvalidRequest(
                "this system has no time zone database; run: pip install tzdata"
            ) from error
        return next_midnight(now)

    def events(self) -> AsyncSessionEvents:
        """Return an iterator over the session's changes from now on.

        The iterator is a context manager, yields `SessionChange` objects, and ends with the client:

        ```python
        async with client.session.events() as changes:
            async for change in changes:
                if change.needs_login:
                    ...
        ```
        """
        return AsyncSessionEvents(self._pipeline)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Register a callback for each `SessionChange`; return a function that removes it.

        The call or keepalive that detects the change runs the callback, so the callback should be
        quick. An error of the callback is logged and ignored.
        """
        check_callable("listener", listener)
        listeners = self._pipeline.session_listeners
        listeners.append(listener)

        def end() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return end

    async def refresh(self) -> SessionState:
        """Request the state from the gateway (``POST /iserver/auth/status``) and return it.

        If the session cannot be used or the gateway cannot be reached, the method raises no error:
        the returned state says so.

        Raises:
            BezantError: the call failed for another reason than the session or the connection.
        """
        try:
            await self._pipeline.call(GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings)
        except (SessionError, HttpError) as error:
            _logger.debug("%s", error)
        return self.state

    async def wait_ready(self, timeout: float = 60.0) -> AuthStatus:
        """Wait until the session can be used, and return its flags.

        The method also waits while nobody is logged in, because somebody may be logging in right
        now.

        Args:
            timeout: maximum seconds to wait; 60 by default.

        Raises:
            SessionError: the session is open, but cannot be used when the time is up; usually
                `NotEstablished`.
            HttpError: the gateway did not respond when the time was up.
        """
        check_seconds("timeout", timeout)
        polling = AsyncPolling(POLL, timeout)
        while True:
            error: BezantError | None
            try:
                status = await self._pipeline.call(
                    GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings
                )
                error = self._pipeline.session.error_for(status)
                if error is None:
                    return status
            except (SessionError, HttpError) as failure:
                error = failure
            if not await polling.pause():
                if isinstance(error, SessionError):
                    error.login_url = self._settings.base_url.root
                raise error

    async def initialize(self, *, compete: bool = False, timeout: float = 60.0) -> AuthStatus:
        """Open the brokerage session (``POST /iserver/auth/ssodh/init``), and wait for it.

        If the session is open already, the client sends no request, because opening the session
        again would end it. There is one exception: if an authenticated session is not established
        within a few seconds, the client opens it again. Concurrent calls send only one request.
        After several failures in a row, the client enforces a pause before the next call. The pause
        grows from one to 30 minutes: IBKR refuses logins, even in a browser, to users whose program
        repeats the call. The log ``bezant.session`` says what was sent, or why nothing was sent.

        Args:
            compete: whether to end another session of the same user name, in which somebody may be
                trading.
            timeout: seconds to wait until the session is ready; 60 by default.

        Raises:
            NotAuthenticated: nobody is logged in, the gateway refuses to open the brokerage
                session, or the session is still closed when the time is up; you have to log in
                with a browser.
            CompetingSession: the user name is in use somewhere else, and ``compete`` is False.
            NoSession: the gateway refuses to open the session while ``compete`` is False, or has no
                connection to IBKR's backend.
            SessionError: the session is open, but cannot be used when the time is up; usually
                `NotEstablished`.
            PacingError: several attempts in a row to open the session failed, and the pause after
                the last attempt is not over; nothing was sent.
            InvalidRequest: an argument is invalid.
        """
        if not isinstance(compete, bool):
            # Only True and False are accepted: a text such as "no" is truthy and would end
            # somebody's trading.
            raise InvalidRequest(f"compete must be True or False, not {shown(compete)}")
        check_seconds("timeout", timeout)
        pipeline = self._pipeline

        async def open_it() -> AuthStatus:
            # Right after a login, the status may wrongly say once that the session is not
            # authenticated. So the client looks at the response to a tickle, which is reliable.
            tickle = await pipeline.call(TICKLE.operation, Tickle, self._settings)
            status = tickle.status
            if status is None:
                status = await pipeline.call(
                    GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings
                )
            if status.authenticated is True:
                if not isinstance(pipeline.session.error_for(status), NotEstablished):
                    _logger.info("initialize() sent nothing: the session is authenticated")
                    return await self._wait_for_open(timeout)
                waited = patience(timeout)
                try:
                    return await self.wait_ready(waited)
                except NotEstablished as error:
                    _logger.info("%s; initialize() opens it again", error)
                return await self._open(timeout - waited, compete=compete)
            return await self._open(timeout, compete=compete)

        return await pipeline.initializing.run(compete, open_it)

    async def _wait_for_open(self, timeout: float) -> AuthStatus:
        """Wait until a session that is already open can be used, and return its flags.

        If the timeout ends first, the error's message says that `initialize` has sent nothing.
        """
        try:
            return await self.wait_ready(timeout)
        except SessionError as error:
            error.message += (
                "; initialize() sent nothing, because the session is authenticated and opening it "
                "again would end it; client.session.reauthenticate() renews it"
            )
            raise

    async def reauthenticate(self, *, timeout: float = 60.0) -> AuthStatus:
        """Renew the brokerage session (``POST /iserver/reauthenticate``), and wait for it.

        Use this method if the session is authenticated but does not work: responses stay empty, or
        the session is not established or not connected for minutes. The method needs no login. IBKR
        calls the request deprecated, so first try `initialize`. Responses may be incomplete for 60
        to 90 seconds afterwards.

        Args:
            timeout: seconds to wait until the session is ready; 60 by default.

        Raises:
            NotAuthenticated: nobody is logged in.
            SessionError: the session is open, but cannot be used when the time is up; usually
                `NotEstablished`.
            InvalidRequest: ``timeout`` is invalid.
        """
        check_seconds("timeout", timeout)
        pipeline = self._pipeline
        anything = cast("type[object]", Any)
        _logger.info("sending %s", REAUTHENTICATE.operation.name)
        await pipeline.call(REAUTHENTICATE.operation, anything, self._settings)
        pipeline.forget_session()
        return await self.wait_ready(timeout)

    async def _open(self, timeout: float, *, compete: bool) -> AuthStatus:
        pipeline = self._pipeline
        if wait := pipeline.session.init_wait(rt.monotonic()):
            raise PacingError(
                "several attempts to open the brokerage session failed; nothing was sent, call "
                f"again in {wait:.0f} s or log in at the gateway's page",
                operation=INITIALIZE_SESSION.operation.name,
                retry_after=wait,
            )
        body = {"publish": True, "compete": compete}
        _logger.info("sending %s with compete=%s", INITIALIZE_SESSION.operation.name, compete)
        cause: BezantError | None = None
        try:
            anything = cast("type[object]", Any)
            response = await pipeline.call(
                INITIALIZE_SESSION.operation, anything, self._settings, json=body
            )
        except (BadRequest, Refused, UpstreamError) as failure:
            cause = failure
            error: SessionError | None = cannot_open(
                f"the gateway refused to open the brokerage session: {failure.message}"
            )
        else:
            error = refused(response, compete=compete)
        pipeline.forget_session()
        if error is None:
            try:
                return await self.wait_ready(timeout)
            except NoSession as closed:
                line_is_down = closed.status is not None and closed.status.connected is False
                if line_is_down or isinstance(closed, CompetingSession):
                    raise
                error = cannot_open(f"the brokerage session was not opened within {timeout:g} s")
        error.login_url = self._settings.base_url.root
        if isinstance(error, NotAuthenticated):
            pipeline.session.init_failed(rt.monotonic())
            pipeline.cannot_open(error)
        raise error from cause


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
