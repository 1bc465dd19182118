"""The session, as one place to look."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, cast

from ..._core.operations.session import GET_BROKERAGE_STATUS, INITIALIZE_SESSION, TICKLE
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
    """What is known about login and brokerage session, and how to wait for them or open the latter.

    The login is made in a browser. The brokerage session, which orders and market data need, hangs
    on it and can end alone: `initialize` opens it again. This learns from every call about the
    session, the keepalive's tickles included, from login pages and from brokerage calls that find
    no brokerage session; by itself it asks for nothing. Made by ``client.session``.
    """

    def __init__(self, pipeline: AsyncPipeline, settings: Settings) -> None:
        self._pipeline = pipeline
        self._settings = settings

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.value}>"

    @property
    def state(self) -> SessionState:
        """What is known of both now, in one word."""
        return self._pipeline.session.state

    @property
    def login(self) -> LoginState:
        """What is known of the login: only a login in the browser brings it back."""
        return self.state.login

    @property
    def brokerage(self) -> BrokerageState:
        """What is known of the brokerage session: `initialize` opens it if it is closed."""
        return self.state.brokerage

    @property
    def ready(self) -> bool:
        """Whether it could be used when it was last heard of."""
        return self.state is SessionState.ESTABLISHED

    @property
    def status(self) -> AuthStatus | None:
        """The flags that came last, None for none yet."""
        return self._pipeline.session.status

    @property
    def last_tickle(self) -> datetime | None:
        """When a tickle was last answered."""
        return _moment(self._pipeline.session.last_tickle)

    @property
    def sso_expires(self) -> datetime | None:
        """When the login's present token ends; None where the gateway has not said so.

        The token is valid for about ten minutes and renews itself, so this is not when somebody has
        to log in again: see `daily_end`. A time that has passed means that the session is gone.
        """
        return _moment(self._pipeline.session.sso_expires)

    def daily_end(self, region: Region = "america") -> datetime:
        """Return when the session will end next, whatever is done: at midnight of its region.

        Somebody has to log in again after it.

        Args:
            region: where IBKR's servers for the user are: ``america`` (New York), ``europe``
                (Zug) or ``asia`` (Hong Kong).

        Returns:
            A time of that region; subtract ``datetime.now(UTC)`` for what is left.

        Raises:
            InvalidRequest: there is no such region.
        """
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # few ask, and it takes a while

        zone = REGIONS.get(region) if isinstance(region, str) else None
        if zone is None:
            raise InvalidRequest(f"region must be one of {', '.join(REGIONS)}, not {shown(region)}")
        try:
            now = datetime.fromtimestamp(rt.wall_time(), ZoneInfo(zone))
        except ZoneInfoNotFoundError as error:  # Windows has none of its own
            raise InvalidRequest("the time zones are missing here: pip install tzdata") from error
        return next_midnight(now)

    def events(self) -> AsyncSessionEvents:
        """Return the changes of the session from now on, as they come.

        A context manager and an iterator of `SessionChange` that ends with the client:

        ```python
        async with client.session.events() as changes:
            async for change in changes:
                if change.needs_login:
                    ...
        ```
        """
        return AsyncSessionEvents(self._pipeline)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call a function with each `SessionChange`, and return what ends that.

        It is called by whichever call or keepalive learns of the change, so it should be quick. An
        error in it is logged and goes no further.
        """
        check_callable("listener", listener)
        listeners = self._pipeline.session_listeners
        listeners.append(listener)

        def end() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return end

    async def refresh(self) -> SessionState:
        """Ask the gateway (``POST /iserver/auth/status``) and return the state.

        A session that cannot be used is an answer here, not an error.

        Raises:
            BezantError: something else went wrong than the session or the connection.
        """
        try:
            await self._pipeline.call(GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings)
        except (SessionError, HttpError) as error:
            _logger.debug("%s", error)
        return self.state

    async def wait_ready(self, timeout: float = 60.0) -> AuthStatus:
        """Wait until the session can be used, and return its flags.

        Somebody may be logging in meanwhile, so being logged out is waited for, too.

        Args:
            timeout: seconds after which to give up.

        Raises:
            SessionError: what was wrong when the time was up.
            HttpError: the gateway did not answer when the time was up.
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
        """Open the brokerage session (``POST /iserver/auth/ssodh/init``) and wait for it.

        It leaves an open session alone, because opening it again would end it. If the session is
        authenticated but not established within a few seconds, it opens the session again. Several
        callers at once open it once.

        Args:
            compete: end another session of the same user name. It may be somebody's trading.
            timeout: seconds to wait until it is ready.

        Raises:
            NotAuthenticated: nobody is logged in, or the brokerage session could not be opened;
                only a login in the browser helps.
            CompetingSession: another session has the user name, and ``compete`` is False.
            NoSession: the gateway refuses without ``compete``, or has no line to the backend.
            SessionError: it could not be used when the time was up.
            InvalidRequest: an argument cannot be used.
        """
        if not isinstance(compete, bool):
            # It may end somebody's trading: a text that says "no" must not.
            raise InvalidRequest(f"compete must be True or False, not {shown(compete)}")
        check_seconds("timeout", timeout)
        pipeline = self._pipeline

        async def open_it() -> AuthStatus:
            # A gateway that has just been logged in to may deny it once; a tickle knows better.
            tickle = await pipeline.call(TICKLE.operation, Tickle, self._settings)
            status = tickle.status
            if status is None:
                status = await pipeline.call(
                    GET_BROKERAGE_STATUS.operation, AuthStatus, self._settings
                )
            if status.authenticated is True:
                if not isinstance(pipeline.session.error_for(status), NotEstablished):
                    return await self.wait_ready(timeout)
                waited = patience(timeout)
                try:
                    return await self.wait_ready(waited)
                except NotEstablished as error:
                    _logger.info("%s; initialize() opens it again", error)
                return await self._open(timeout - waited, compete=compete)
            return await self._open(timeout, compete=compete)

        return await pipeline.initializing.run(compete, open_it)

    async def _open(self, timeout: float, *, compete: bool) -> AuthStatus:
        pipeline = self._pipeline
        body = {"publish": True, "compete": compete}
        cause: BezantError | None = None
        try:
            anything = cast("type[object]", Any)
            answer = await pipeline.call(
                INITIALIZE_SESSION.operation, anything, self._settings, json=body
            )
        except (BadRequest, Refused, UpstreamError) as failure:
            cause = failure
            error: SessionError | None = cannot_open(
                f"the gateway refused to open the brokerage session: {failure.message}"
            )
        else:
            error = refused(answer, compete=compete)
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
            pipeline.cannot_open(error)
        raise error from cause


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
