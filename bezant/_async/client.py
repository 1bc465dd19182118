"""The client."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Self, TypeVar, overload

from msgspec import UNSET

from .._core import health as session_rules
from .._core import positions as position_rules
from .._core.bulk import Progress
from .._core.decode import Drift
from .._core.requests import fill_path, raw_operation
from .._core.settings import (
    DEFAULT_ANSWER_LIMIT,
    DEFAULT_CONCURRENCY,
    DEFAULT_CONNECT_TIMEOUT,
    DEFAULT_CONNECTIONS,
    DEFAULT_MAX_WAIT,
    DEFAULT_TIMEOUT,
    DEFAULT_USER_AGENT,
    check_count,
    check_seconds,
    resolve,
)
from .._runtime import _async as rt
from ..models._portfolio import Account, Position
from ..models._session import AuthStatus, Tickle
from .api import AsyncApi
from .bulk import AsyncBulk
from .channel import AsyncChannel
from .keepalive import AsyncKeepalive, Callback
from .session import AsyncSession

T = TypeVar("T")
R = TypeVar("R")


class AsyncClient:
    """A client of the Client Portal Gateway.

    Nothing is opened until the first call. Close it when done, or use it as a context manager.

    Args:
        base_url: where the gateway's API is; by default ``BEZANT_GATEWAY_URL`` or
            ``IBKR_GATEWAY_URL`` from the environment, else ``https://localhost:5000/v1/api``.
        timeout: seconds for a whole call, from its first byte to the last of the answer.
        connect_timeout: seconds to connect, within ``timeout``.
        user_agent: the User-Agent header; IBKR refuses requests without one.
        verify: how the certificate is checked. ``"auto"`` checks it except on loopback hosts,
            because the gateway's own is self-signed and expired; True always; False never; a path
            names a file of CA certificates; an ``ssl.SSLContext`` is used as it is.
        proxy: URL of an HTTP proxy; by default the environment's, and none for loopback hosts.
        max_connections: connections at a time. The gateway serves five requests at a time.
        max_answer_bytes: the longest answer that is read.
        strict: raise `DecodeError` where a field has another type than the model says, instead of
            leaving it ``UNSET``.
        on_drift: called with each such field, once; by default a `DriftWarning` is given.
        pacing: hold calls back to IBKR's limits, over all clients of the gateway in this process.
            ``"file:PATH"`` or ``"redis://HOST:PORT/NUMBER"`` share that with other processes; what
            follows a ``#`` names the gateway there. By default what ``BEZANT_PACING`` in the
            environment says, else True.
        max_wait: seconds for which a call may be held back; beyond it is a `PacingError`.
        retries: how often a call without an effect is made again when it fails in passing, within
            ``timeout``. By default 2, or ``BEZANT_RETRIES``.

    Raises:
        InvalidBaseUrl: the base URL does not parse.
        InvalidRequest: another argument cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        connect_timeout: float = DEFAULT_CONNECT_TIMEOUT,
        user_agent: str = DEFAULT_USER_AGENT,
        verify: object = "auto",
        proxy: str | None = None,
        max_connections: int = DEFAULT_CONNECTIONS,
        max_answer_bytes: int = DEFAULT_ANSWER_LIMIT,
        strict: bool = False,
        on_drift: Callable[[Drift], object] | None = None,
        pacing: bool | str | None = None,
        max_wait: float = DEFAULT_MAX_WAIT,
        retries: int | None = None,
    ) -> None:
        self._owner: AsyncClient | None = None
        self._settings = resolve(
            base_url,
            os.environ,
            verify=verify,
            proxy=proxy,
            timeout=timeout,
            connect_timeout=connect_timeout,
            user_agent=user_agent,
            max_connections=max_connections,
            max_answer_bytes=max_answer_bytes,
            strict=strict,
            pacing=pacing,
            max_wait=max_wait,
            retries=retries,
        )
        self._channel = AsyncChannel(self._settings, on_drift)

    def __repr__(self) -> str:
        state = " closed" if self._channel.closed else ""
        return f"<{type(self).__name__} {self.base_url}{state}>"

    @property
    def base_url(self) -> str:
        """Where the gateway's API is, such as ``https://localhost:5000/v1/api``."""
        return str(self._settings.base_url)

    @property
    def gateway_root(self) -> str:
        """The gateway's root, where its login page is, such as ``https://localhost:5000``."""
        return self._settings.base_url.root

    @property
    def session(self) -> AsyncSession:
        """What is known about the gateway's session, and how to wait for it or open it."""
        return AsyncSession(self._channel, self._settings)

    @property
    def penalty_left(self) -> float:
        """Seconds for which nothing is sent to the gateway after it answered 429; 0 for none."""
        return self._channel.gate.penalty_left

    def end_penalty(self) -> None:
        """Send again although the gateway's penalty may not be over.

        It is for the whole IP address, and IBKR lengthens it for those who go on.
        """
        self._channel.gate.forgive()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._channel.closed

    @cached_property
    def api(self) -> AsyncApi:
        """Every operation of the API, by group: ``client.api.portfolio.get_all_accounts()``.

        `bezant.operations` finds them by IBKR's operation id, by path or by words.
        """
        return AsyncApi(self._channel, self._settings)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        connect_timeout: float | None = None,
        user_agent: str | None = None,
        max_answer_bytes: int | None = None,
        strict: bool | None = None,
        max_wait: float | None = None,
        retries: int | None = None,
    ) -> Self:
        """Return a copy with other settings that shares session and connections.

        It costs nothing and needs no closing: closing it does nothing, closing the original closes
        both.
        """
        changes = {
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "user_agent": user_agent,
            "max_answer_bytes": max_answer_bytes,
            "strict": strict,
            "max_wait": max_wait,
            "retries": retries,
        }
        copy = object.__new__(type(self))
        copy._owner = self._owner or self
        copy._settings = self._settings.with_changes(changes)
        copy._channel = self._channel
        return copy

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = UNSET,
    ) -> Any: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = UNSET,
        type: type[T],
    ) -> T: ...

    @overload
    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = UNSET,
        type: None,
    ) -> None: ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: object = UNSET,
        type: Any = Any,
    ) -> Any:
        """Make any call of the API.

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
            path: below the base URL, such as ``/iserver/accounts``.
            params: query values. None is left out, flags become ``true`` and ``false``, lists are
                joined with commas.
            json: the body.
            type: what to make of the answer. By default plain Python values; a model, or a list or
                mapping of models; ``bytes`` or ``str`` for the body as it is; None for nothing.

        Raises:
            InvalidRequest: refused before anything was sent.
            OutcomeUnknown: a call other than GET failed after it may have been sent.
            BezantError: the kind that says what went wrong.
        """
        operation = raw_operation(method, path, self._settings)
        return await self._channel.call(operation, type, self._settings, params=params, json=json)

    async def auth_status(self) -> AuthStatus:
        """Return the session's flags as they are (``POST /iserver/auth/status``).

        Raises:
            NotAuthenticated: nobody is logged in to the gateway.
        """
        return await self._channel.call(session_rules.AUTH_STATUS, AuthStatus, self._settings)

    async def health(self) -> AuthStatus:
        """Return the session's flags if it can be used, else raise what is wrong.

        A gateway that has just been logged in to may deny it the first time, so a denial is
        checked with a tickle before it is believed.

        Raises:
            NotAuthenticated: nobody is logged in.
            CompetingSession: the user name is in use somewhere else.
            NotEstablished: authenticated, but not usable yet.
            NoSession: the gateway is not connected to the backend.
        """
        status = await self.auth_status()
        problem = session_rules.problem(status)
        if problem is None:
            return status
        checked = (await self.tickle()).status
        if checked is not None and session_rules.problem(checked) is None:
            return checked
        problem.login_url = self.gateway_root
        raise problem

    async def tickle(self) -> Tickle:
        """Keep the session alive once (``POST /tickle``) and return what the gateway says."""
        return await self._channel.call(session_rules.TICKLE, Tickle, self._settings)

    async def logout(self) -> None:
        """End the gateway's session (``POST /logout``).

        Only a login in the browser opens a new one.
        """
        await self._channel.call(session_rules.LOGOUT, None, self._settings)  # type: ignore[arg-type]
        self._channel.forget_session()

    def keepalive(
        self,
        interval: float = 60.0,
        *,
        on_lost: Callback | None = None,
        on_restored: Callable[[], object] | None = None,
    ) -> AsyncKeepalive:
        """Start to keep the session alive beside the program, and return the handle.

        It works from now until its ``stop()``, the end of its context, or the client's end.

        Args:
            interval: seconds between two tickles. IBKR ends a session after five to six idle
                minutes and wants no more than one tickle a second.
            on_lost: called with the error when a tickle fails after one that did not.
            on_restored: called when one succeeds again.
        """
        check_seconds("interval", interval)
        self._channel.check()
        return AsyncKeepalive(self._channel, interval, on_lost, on_restored)

    async def accounts(self) -> list[Account]:
        """Return the accounts that the user name can see (``GET /portfolio/accounts``).

        IBKR wants no more than one such call in five seconds.
        """
        return await self._channel.call(position_rules.ACCOUNTS, list[Account], self._settings)

    async def position_pages(self, account_id: str) -> AsyncIterator[list[Position]]:
        """Iterate over an account's positions, a page of up to a hundred at a time.

        ``GET /portfolio/{accountId}/positions/{pageId}``. No position comes twice. The gateway
        lists none until the accounts were asked for, so that is done first, once in a session.

        Args:
            account_id: such as ``DU123456``.
        """
        path = position_rules.POSITIONS.path
        fill_path(path, {"accountId": account_id})  # refuse it before anything is sent
        pager = position_rules.Pager()
        while not pager.done:
            rows = await self._channel.call(
                position_rules.POSITIONS,
                list[Position],
                self._settings,
                path=fill_path(path, {"accountId": account_id, "pageId": pager.page}),
                params=position_rules.SORTING,
            )
            page = pager.add(rows)
            if page:
                yield page

    async def all_positions(self, account_id: str) -> list[Position]:
        """Return all positions of an account, from every page, each once.

        ``GET /portfolio/{accountId}/positions/{pageId}``.

        Args:
            account_id: such as ``DU123456``.
        """
        positions: list[Position] = []
        async for page in self.position_pages(account_id):
            positions += page
        return positions

    def map(
        self,
        function: Callable[[T], rt.Promise[R]],
        items: Iterable[T],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_wait: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> AsyncBulk[T, R]:
        """Call a function for many items at once and iterate over what comes, as it comes.

        The limits are kept exactly full: each call waits for its turn as any other does, and as
        long as that takes. Use it in a ``with`` statement, whose end ends what is still going on::

            with client.map(fetch, conids) as outcomes:
                for outcome in outcomes:
                    if outcome.ok:
                        print(outcome.item, outcome.value)

        Args:
            function: makes the calls of one item; an error of it is the item's outcome.
            items: what it is called with, taken as they are needed.
            concurrency: how many items are in work at a time.
            max_wait: seconds for which each call may wait for its turn; None for as long as it
                takes. The end of a penalty is never waited for longer than the client's own
                ``max_wait``.
            on_progress: called before each outcome with a `Progress`.

        Raises:
            InvalidRequest: an argument cannot be used.
        """
        check_count("concurrency", concurrency, 1)
        if max_wait is not None:
            check_seconds("max_wait", max_wait)
        return AsyncBulk(
            self._channel,
            function,
            items,
            concurrency=concurrency,
            max_wait=math.inf if max_wait is None else max_wait,
            on_progress=on_progress,
        )

    async def gather(
        self,
        function: Callable[[T], rt.Promise[R]],
        items: Iterable[T],
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        max_wait: float | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> list[R]:
        """Call a function for many items at once and return its values in the items' order.

        As `map`, but the first error ends it: what is still going on is ended, too.

        Args:
            function: makes the calls of one item.
            items: what it is called with.
            concurrency: how many items are in work at a time.
            max_wait: seconds for which each call may wait for its turn; None for as long as it
                takes.
            on_progress: called with a `Progress` for each item.

        Raises:
            Exception: what the function raised first.
        """
        values: dict[int, R] = {}
        async with self.map(
            function, items, concurrency=concurrency, max_wait=max_wait, on_progress=on_progress
        ) as outcomes:
            async for outcome in outcomes:
                values[outcome.index] = outcome.value
        return [values[index] for index in sorted(values)]

    async def aclose(self) -> None:
        """Close every connection and end the keepalives. Doing so twice is fine."""
        if self._owner is None:
            await self._channel.aclose()

    async def __aenter__(self) -> Self:
        self._channel.check()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        channel = getattr(self, "_channel", None)
        if channel is not None and self._owner is None and channel.opened:
            warnings.warn(
                f"{self!r} was never closed; use it as a context manager",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
