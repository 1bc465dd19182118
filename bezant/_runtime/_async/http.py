"""HTTP transport on asyncio."""

from __future__ import annotations

import asyncio
from typing import Any

from ..._core.http.messages import Request, Response, TransportError, Trouble
from ..._core.settings.settings import Settings
from ...errors import InvalidRequest
from .._shared.http import TRANSPORT_ERRORS, Attempt, transport_error_from, waiting_for
from .concurrency import monotonic
from .lanes import Lanes


class HttpTransport:
    """Sends requests over a limited number of connections, which it keeps open.

    Args:
        settings: settings of the client.
        custom: transport of the user; None for the client's own connections.
    """

    def __init__(self, settings: Settings, custom: object = None) -> None:
        self._lanes = Lanes(settings)
        self._custom = custom

    @staticmethod
    def check_custom(transport: object) -> None:
        """Check that a user's transport has the method to send requests; accept None as well.

        Raises:
            InvalidRequest: the method is missing.
        """
        if transport is not None and not callable(getattr(transport, "handle_async_request", None)):
            raise InvalidRequest(
                f"transport must have a method handle_async_request, as httpx's asynchronous "
                f"transports have, and {type(transport).__name__} has none"
            )

    async def send(self, request: Request, settings: Settings, seconds: float) -> Response:
        """Send a request and read its whole response, within ``seconds``.

        Raises:
            TransportError: no complete response arrived.
        """
        attempt = Attempt(monotonic() + seconds, settings.connect_timeout)
        task = asyncio.current_task()
        try:
            # The timeout is set here for the whole call, because httpcore's own timeouts start
            # again with each read.
            async with asyncio.timeout(seconds):
                if self._custom is not None:
                    return await self._send_custom(attempt, request, settings, seconds)
                lane = await self._lanes.take(attempt)
                try:
                    return await lane.exchange(attempt, request, settings, seconds)
                finally:
                    self._lanes.give_back(lane)
        except TimeoutError as error:
            detail = waiting_for(attempt)
            raise TransportError(Trouble.TIMEOUT, detail, sent=attempt.sent) from error
        except TRANSPORT_ERRORS as error:
            if current_task() is not task:
                # The garbage collector is ending this call after its event loop was closed. The
                # error comes from httpcore, which has tried to await, and there is no caller left
                # to receive it.
                raise GeneratorExit from None
            trouble = transport_error_from(error, attempt)
            if self._lanes.closed:
                trouble = TransportError(Trouble.STOPPED, "stopped", sent=attempt.sent)
            raise trouble from error

    async def _send_custom(
        self, attempt: Attempt, request: Request, settings: Settings, seconds: float
    ) -> Response:
        from .._shared.custom import send_async

        # assumed, because a user's transport does not report whether it sent anything
        attempt.sent = True
        return await send_async(self._custom, request, settings, seconds)

    async def aclose(self) -> None:
        """Close all connections, and end the calls that other tasks are making."""
        self._lanes.close()
        if self._custom is not None:
            from .._shared.custom import aclose

            await aclose(self._custom)
        await asyncio.sleep(0)  # gives the event loop a turn to close the sockets


def current_task() -> asyncio.Task[Any] | None:
    """Return the running task; None outside a task or an event loop."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
