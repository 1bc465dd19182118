"""Waits until the gateway is ready to serve a new connection, which its ``system`` message shows.

The gateway serves five WebSockets at a time and makes further ones wait. A waiting WebSocket that
is closed loses its place in the queue. So the stream keeps its socket open as long as the gateway
responds.
"""

from __future__ import annotations

from .phases import Timing


class Readiness:
    """State of one connection's wait for the ``system`` message.

    Attributes:
        session: token of the gateway's session when the connection was opened.
        probe_due: whether it is time to check that the gateway still responds.
    """

    def __init__(self, timing: Timing) -> None:
        self.session = ""
        self.probe_due = False
        self._timing = timing
        self._since = 0.0
        self._probe_at = 0.0

    def opened(self, session: str, now: float) -> None:
        """Record that a connection was opened, and start waiting."""
        self.session = session
        self.probe_due = False
        self._since = now
        self._probe_at = now + self._timing.ready_timeout

    def advance(self, now: float) -> float | None:
        """Return how many seconds to wait until the next check of the gateway.

        Return None if the stream has waited for `Timing.queue_limit` seconds, which is the limit.
        The method also sets `probe_due`, which says whether a check is due now.
        """
        left = self._since + self._timing.queue_limit - now
        if left <= 0:
            return None
        self.probe_due = now >= self._probe_at
        return max(min(left, self._probe_at - now), 0.0)

    def probed(self, session: str | None, reason: str, now: float) -> str:
        """Record the result of a check that the gateway responds.

        Return the reason to stop waiting, or "" to wait longer.

        `session` is the token of the gateway's session. None means that the check failed, and
        `reason` says why.
        """
        self.probe_due = False
        if session is None:
            return reason
        if session != self.session:
            return "the gateway has another session now"
        self._probe_at = now + self._timing.ready_timeout
        return ""
