"""HTTP transport on threads."""

from __future__ import annotations

import time

from ..._core.http.messages import Request, Response, TransportError, Trouble
from ..._core.settings.settings import Settings
from ...errors import InvalidRequest
from .._shared.http import TRANSPORT_ERRORS, Attempt, transport_error_from
from .concurrency import attempting, monotonic
from .lanes import Lanes

# `close` waits at most this many seconds for the calls that it ends. Usually they end within
# milliseconds.
_CLOSING_GRACE = 1.0


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
        if transport is not None and not callable(getattr(transport, "handle_request", None)):
            raise InvalidRequest(
                f"transport must have a method handle_request, as httpx's transports have, and "
                f"{type(transport).__name__} has none"
            )

    def send(self, request: Request, settings: Settings, seconds: float) -> Response:
        """Send a request and read its whole response, within ``seconds``.

        Raises:
            TransportError: no complete response arrived.
        """
        if self._custom is not None:
            from .._shared.custom import send

            return send(self._custom, request, settings, seconds)
        attempt = Attempt(monotonic() + seconds, settings.connect_timeout)
        with attempting(attempt):
            try:
                lane = self._lanes.take(attempt)
                return lane.exchange(attempt, request, settings, seconds)
            except TRANSPORT_ERRORS as error:
                trouble = transport_error_from(error, attempt)
                if attempt.aborted:
                    trouble = TransportError(Trouble.STOPPED, "stopped", sent=attempt.sent)
                raise trouble from error
            finally:
                attempt.let_go()
                self._lanes.give_back(attempt)

    def close(self) -> None:
        """Close all connections, and end the calls that other threads are making."""
        deadline = monotonic() + _CLOSING_GRACE
        while self._lanes.stop() and monotonic() < deadline:
            time.sleep(0.02)
        self._lanes.close()
        if self._custom is not None:
            from .._shared.custom import close

            close(self._custom)
