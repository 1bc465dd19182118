"""Pacing as the gateway's edge enforces it, and as a test reads it."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Literal

from .judge import DEFAULT_GROWTH, DEFAULT_PENALTY, Arrival, Judge, PenaltyBox, Violation

if TYPE_CHECKING:
    from collections.abc import Callable


_HERE = ("127.0.0.1", "::1")


class Pacing:
    """Whether IBKR's limits on requests are enforced, and what came of it.

    Any thread may use it. Times are seconds of the gateway's clock.
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
        """Answer 429 to requests beyond IBKR's limits; counting begins anew.

        Args:
            penalty: seconds for which everything from the address is answered with 429 after it
                has broken a limit. IBKR's pages say 10 to 15 minutes; 0 for the one request only.
            growth: by how much each further penalty of an address is longer.

        Raises:
            ValueError: `penalty` is negative or `growth` less than 1.
        """
        with self._lock:
            box = PenaltyBox(growth)
            self._judge = Judge(penalty, growth, box)
            self._box = box

    def off(self) -> None:
        """Let everything through, and end all penalties."""
        with self._lock:
            self._judge = None
            self._box = PenaltyBox()

    @property
    def enforced(self) -> bool:
        """Whether the limits are enforced."""
        return self._judge is not None

    @property
    def violations(self) -> list[Violation]:
        """The requests that broke a limit, in order; the last 100,000."""
        with self._lock:
            return list(self._judge.violations) if self._judge is not None else []

    @property
    def arrivals(self) -> list[Arrival]:
        """Every request since the limits are enforced, in order; the last 100,000."""
        with self._lock:
            return list(self._judge.arrivals) if self._judge is not None else []

    @property
    def penalty_left(self) -> float:
        """Seconds for which requests from this machine are answered with 429; 0 for none."""
        return max(map(self.left, _HERE))

    def release(self) -> None:
        """End all penalties; the next one is longer all the same."""
        with self._lock:
            self._box.release()

    def penalise(self, seconds: float) -> float:
        """Begin a penalty for everybody, and return its length: longer with each time."""
        if not 0 < seconds < math.inf:
            msg = "seconds must be more than 0"
            raise ValueError(msg)
        with self._lock:
            return self._box.put("", seconds, self._clock())

    def left(self, address: str) -> float:
        """Return for how many seconds nothing more is answered to an address."""
        with self._lock:
            return self._box.left(address, self._clock())

    def arrive(self, method: str, path: str, address: str) -> Judge | Literal[False] | None:
        """Take a request: False where it is refused, else what `leave` is to be told."""
        with self._lock:
            now = self._clock()
            if self._judge is None:
                return False if self._box.left(address, now) else None
            return self._judge if self._judge.arrive(method, path, address, now) else False

    def leave(self, judge: Judge | None, method: str, path: str) -> None:
        """Note that a request which was let through has been answered."""
        if judge is not None:
            with self._lock:
                judge.leave(method, path)
