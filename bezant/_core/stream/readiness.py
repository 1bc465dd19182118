"""Waiting for the gateway's ``system`` message on a new connection.

A gateway with five WebSockets open lets the next one wait, and a place that it gives to one that
has gone meanwhile is lost: so the socket is kept for as long as the gateway lives.
"""

from __future__ import annotations

from .phases import Timing


class Readiness:
    """How long a connection has waited for its place, and when to ask after the gateway.

    Attributes:
        session: the token of the session that the connection was opened with.
        probe_due: whether the gateway should be asked if it is still there.
    """

    def __init__(self, timing: Timing) -> None:
        self.session = ""
        self.probe_due = False
        self._timing = timing
        self._since = 0.0
        self._probe_at = 0.0

    def opened(self, session: str, now: float) -> None:
        """Begin to wait."""
        self.session = session
        self.probe_due = False
        self._since = now
        self._probe_at = now + self._timing.ready_timeout

    def advance(self, now: float) -> float | None:
        """Return the seconds until something is due; None where there has been enough waiting."""
        left = self._since + self._timing.queue_limit - now
        if left <= 0:
            return None
        self.probe_due = now >= self._probe_at
        return max(min(left, self._probe_at - now), 0.0)

    def probed(self, session: str | None, reason: str, now: float) -> str:
        """Take what the gateway has answered; return why to wait no longer, "" to go on."""
        self.probe_due = False
        if session is None:
            return reason
        if session != self.session:
            return "the gateway has another session meanwhile"
        self._probe_at = now + self._timing.ready_timeout
        return ""
