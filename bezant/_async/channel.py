"""The way to the gateway that a client and its copies share."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from msgspec import UNSET

from .._core.answers import read, transport_error
from .._core.cookies import CookieJar
from .._core.decode import Drift
from .._core.requests import build
from .._core.settings import Settings
from .._core.wire import Operation, TransportTrouble
from .._runtime import _async as rt
from ..errors import ClientClosed, DecodeError, DriftWarning, SessionError

T = TypeVar("T")

_logger = logging.getLogger("bezant.http")


class AsyncStoppable(Protocol):
    """Something that ends with the client."""

    async def stop(self) -> None:
        """End it."""


class AsyncChannel:
    """Connections, cookies, and what is known about the session."""

    def __init__(self, settings: Settings, on_drift: Callable[[Drift], object] | None) -> None:
        self.settings = settings
        self.owner = rt.Owner()
        self.closed = False
        self.portfolio_primed = False
        self.workers: list[AsyncStoppable] = []
        self._lock = rt.StateLock()
        self._transport: rt.HttpTransport | None = None
        self._cookies = CookieJar()
        self._on_drift = on_drift
        self._drifts: set[Drift] = set()

    @property
    def opened(self) -> bool:
        """Whether there is something to close."""
        return self._transport is not None and not self.closed and not self.owner.inherited

    def check(self) -> None:
        """Refuse to go on where the client cannot be used.

        Raises:
            ClientClosed: it was closed.
            WrongContext: it belongs to another process or event loop.
        """
        if self.closed:
            raise ClientClosed("this client was closed; make another one")
        self.owner.check()

    def _open_transport(self) -> rt.HttpTransport:
        with self._lock:
            if self._transport is None:
                self._transport = rt.HttpTransport(self.settings)
            return self._transport

    async def call(
        self,
        operation: Operation,
        type_: type[T],
        settings: Settings,
        *,
        path: str | None = None,
        params: Mapping[str, object] | None = None,
        json: object = UNSET,
    ) -> T:
        """Make a call and read its answer.

        Raises:
            BezantError: the kind that says what went wrong.
        """
        self.check()
        request = build(
            operation,
            settings,
            path=operation.path if path is None else path,
            params=params,
            json=json,
            cookies=self._cookies.header(),
        )
        started = rt.monotonic()
        try:
            answer = await self._open_transport().send(request, settings)
        except TransportTrouble as trouble:
            error = transport_error(
                trouble, operation, where=settings.base_url.root, timeout=settings.timeout
            )
            _logger.debug("%s", error)
            raise error from trouble.__cause__
        for cookie in answer.set_cookies:
            self._cookies.store(cookie)
        if _logger.isEnabledFor(logging.DEBUG):
            spent = (rt.monotonic() - started) * 1000
            _logger.debug("%s: HTTP %d in %.1f ms", operation.name, answer.status, spent)
        drifts: list[Drift] = []
        try:
            result = read(answer, operation, type_, drifts.append)
        except SessionError as error:
            self.portfolio_primed = False
            error.login_url = settings.base_url.root
            raise
        if drifts:
            self.report(drifts, strict=settings.strict)
        return result

    def report(self, drifts: list[Drift], *, strict: bool) -> None:
        """Tell the user of fields that had another type than the model says, once for each.

        Raises:
            DecodeError: the client is strict.
        """
        if strict:
            text = "; ".join(map(str, dict.fromkeys(drifts)))
            raise DecodeError(text, operation=drifts[0].operation)
        for drift in drifts:
            if drift in self._drifts:
                continue
            self._drifts.add(drift)
            if self._on_drift is not None:
                self._on_drift(drift)
            else:
                warnings.warn(str(drift), DriftWarning, stacklevel=4)

    async def aclose(self) -> None:
        """Close every connection, and end what works beside the client."""
        if self.closed:
            return
        self.closed = True
        if self.owner.inherited:
            return
        while self.workers:
            await self.workers.pop().stop()
        if self._transport is not None:
            await self._transport.aclose()
