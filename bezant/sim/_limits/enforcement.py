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
        """Refuse requests beyond IBKR's rate limits with 429 from now on.

        Requests before this call do not count against the limits, and earlier penalties end.

        Args:
            penalty: seconds for which every request from a client's IP address gets 429 after the
                address has exceeded a limit. IBKR documents 10 to 15 minutes. With 0, only the
                request beyond the limit gets 429.
            growth: each further penalty of an address is this many times as long as the one before.

        Raises:
            ValueError: `penalty` is negative or `growth` less than 1.
        """
        with self._lock:
            box = PenaltyBox(growth)
            self._judge = Judge(penalty, growth, box)
            self._box = box

    def off(self) -> None:
        """Stop enforcing rate limits, and end all penalties."""
        with self._lock:
            self._judge = None
            self._box = PenaltyBox()

    @property
    def enforced(self) -> bool:
        """Whether the rate limits are enforced."""
        return self._judge is not None

    @property
    def violations(self) -> list[Violation]:
        """The last 100,000 requests beyond a rate limit, in order of arrival."""
        with self._lock:
            return list(self._judge.violations) if self._judge is not None else []

    @property
    def arrivals(self) -> list[Arrival]:
        """The last 100,000 requests since enforcement started, in order of arrival."""
        with self._lock:
            return list(self._judge.arrivals) if self._judge is not None else []

    @property
    def penalty_left(self) -> float:
        """For how many more seconds requests from this machine get 429; 0 without a penalty."""
        return max(map(self.left, _HERE))

    def release(self) -> None:
        """End all penalties. They still count as earlier penalties, so the next one is longer."""
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
        """Return how many seconds are left of an address's penalty; 0 without a penalty."""
        with self._lock:
            return self._box.left(address, self._clock())

    def arrive(self, method: str, path: str, address: str) -> Judge | Literal[False] | None:
        """Record a request from an address, and decide whether to accept it.

        Returns:
            False if the request must be refused with 429. Otherwise a value to pass to `leave` as
            `judge`, once the request has got its response.
        """
        with self._lock:
            now = self._clock()
            if self._judge is None:
                return False if self._box.left(address, now) else None
            return self._judge if self._judge.arrive(method, path, address, now) else False

    def leave(self, judge: Judge | None, method: str, path: str) -> None:
        """Record that an accepted request has got its response, so it no longer runs.

        Args:
            judge: the value that `arrive` returned for the request.
            method: the request's HTTP method.
            path: the request's path without `/v1/api`.
        """
        if judge is not None:
            with self._lock:
                judge.leave(method, path)
