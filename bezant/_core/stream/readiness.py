"""Readiness of a new connection: the wait for the gateway's ``system`` message.

A gateway that serves five WebSockets makes the next one wait. A waiting WebSocket that closes loses
its place. So the stream keeps its socket open as long as the gateway responds.
"""

from __future__ import annotations

from .phases import Timing


class Readiness:
    """Wait of one connection for the ``system`` message, and the time of the next check.

    Attributes:
        session: token of the session in which the connection was opened.
        probe_due: whether to check that the gateway still responds.
    """

    def __init__(self, timing: Timing) -> None:
        self.session = ""
        self.probe_due = False
        self._timing = timing
        self._since = 0.0
        self._probe_at = 0.0

    def opened(self, session: str, now: float) -> None:
        """Start waiting on a connection that was just opened."""
        self.session = session
        self.probe_due = False
        self._since = now
        self._probe_at = now + self._timing.ready_timeout

    def advance(self, now: float) -> float | None:
        """Return the seconds until something is due; None if the wait has reached its limit."""
        left = self._since + self._timing.queue_limit - now
        if left <= 0:
            return None
        self.probe_due = now >= self._probe_at
        return max(min(left, self._probe_at - now), 0.0)

    def probed(self, session: str | None, reason: str, now: float) -> str:
        """Record the result of a check; return the reason to stop waiting, or "" to wait longer."""
        self.probe_due = False
        if session is None:
            return reason
        if session != self.session:
            return "the gateway has another session now"
        self._probe_at = now + self._timing.ready_timeout
        return ""
