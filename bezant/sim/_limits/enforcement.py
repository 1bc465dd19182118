"""Enforces IBKR's rate limits, and records requests and violations."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Literal

from .judge import DEFAULT_GROWTH, DEFAULT_PENALTY, Arrival, Judge, PenaltyBox, Violation

if TYPE_CHECKING:
    from collections.abc import Callable


_HERE = ("127.0.0.1", "::1")


class Pacing:
    """Enforces IBKR's rate limits, and records requests and violations. Thread-safe.

    Times are seconds of the gateway's clock.

    Args:
        clock: function that returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._box = PenaltyBox()
        self._judge: Judge | None = None

    def __repr__(self) -> str:
        if not self.enforced:
            return "<Pacing off>"
        return f"<Pacing enforced: {len(self.arrivals)} requests, {len(self.violations)} too many>"

    def enforce(self, penalty: float = DEFAULT_PENALTY, growth: float = DEFAULT_GROWTH) -> None:
        """Refuse requests beyond IBKR's rate limits with 429; counting starts again.

        Args:
            penalty: seconds for which an address that broke a limit gets 429 for every request.
                IBKR documents 10 to 15 minutes. With 0, only the request that broke the limit gets
                429.
            growth: factor between each penalty of an address and its next one.

        Raises:
            ValueError: `penalty` is negative or `growth` less than 1.
        """
        with self._lock:
            box = PenaltyBox(growth)
            self._judge = Judge(penalty, growth, box)
            self._box = box

    def off(self) -> None:
        """Accept every request, and end all penalties."""
        with self._lock:
            self._judge = None
            self._box = PenaltyBox()

    @property
    def enforced(self) -> bool:
        """Whether the limits are enforced."""
        return self._judge is not None

    @property
    def violations(self) -> list[Violation]:
        """The last 100,000 requests that broke a limit, in order."""
        with self._lock:
            return list(self._judge.violations) if self._judge is not None else []

    @property
    def arrivals(self) -> list[Arrival]:
        """The last 100,000 requests since enforcement started, in order."""
        with self._lock:
            return list(self._judge.arrivals) if self._judge is not None else []

    @property
    def penalty_left(self) -> float:
        """Seconds of penalty that requests from this machine have left; 0 for none."""
        return max(map(self.left, _HERE))

    def release(self) -> None:
        """End all penalties. Earlier penalties still make the next one longer."""
        with self._lock:
            self._box.release()

    def penalise(self, seconds: float) -> float:
        """Start a penalty for all addresses and return its length in seconds."""
        if not 0 < seconds < math.inf:
            msg = "seconds must be more than 0"
            raise ValueError(msg)
        with self._lock:
            return self._box.put("", seconds, self._clock())

    def left(self, address: str) -> float:
        """Return how many seconds of penalty an address has left."""
        with self._lock:
            return self._box.left(address, self._clock())

    def arrive(self, method: str, path: str, address: str) -> Judge | Literal[False] | None:
        """Record a request; return False to refuse it, otherwise the argument for `leave`."""
        with self._lock:
            now = self._clock()
            if self._judge is None:
                return False if self._box.left(address, now) else None
            return self._judge if self._judge.arrive(method, path, address, now) else False

    def leave(self, judge: Judge | None, method: str, path: str) -> None:
        """Record that an accepted request has got its response."""
        if judge is not None:
            with self._lock:
                judge.leave(method, path)
