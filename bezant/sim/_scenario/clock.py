"""Clock of the simulation. It runs in real time or faster, or moves only when a test moves it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from typing import Self

BY_HAND_START = 1_772_636_400.0
"""Start of a clock that is moved by hand: Wednesday 2026-03-04, 10:00 in New York, market open."""


class Clock:
    """Clock of a simulated gateway: its streams, prices, orders and session follow this clock.

    The clock starts when you create it. It is thread-safe, and several gateways may share it.

    ```python
    from bezant.sim import Clock, SimulatedGateway

    with SimulatedGateway(clock=Clock.by_hand()) as gateway:
        gateway.clock.advance(3600)  # an hour later
    ```

    Args:
        speed: simulated seconds per real second. 1 is real time; with 60, a simulated hour takes a
            real minute; with 0, only `advance` moves the clock.
        start: simulated time when the clock starts, in seconds since 1970; now by default.

    Raises:
        ValueError: `speed` is negative, or a number is not finite.
    """

    def __init__(self, *, speed: float = 1.0, start: float | None = None) -> None:
        begin = time.time() if start is None else start
        if not (math.isfinite(speed) and speed >= 0 and math.isfinite(begin)):
            msg = "speed must be 0 or more, and speed and start must be finite"
            raise ValueError(msg)
        self._speed = float(speed)
        self._start = float(begin)
        self._added = 0.0
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._sleepers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    @classmethod
    def by_hand(cls, start: float = BY_HAND_START) -> Self:
        """Return a clock that only `advance` moves.

        Args:
            start: simulated time when the clock starts, in seconds since 1970. The default is a
                fixed moment of a trading day, so that a test sees the same prices each time.
        """
        return cls(speed=0.0, start=start)

    def __repr__(self) -> str:
        return f"<Clock {self.now():.3f} speed {self._speed:g}>"

    @property
    def speed(self) -> float:
        """Simulated seconds per real second; 0 for a clock moved by hand."""
        return self._speed

    def now(self) -> float:
        """Return the simulated time in seconds since 1970."""
        return self._start + self.elapsed()

    def elapsed(self) -> float:
        """Return how many simulated seconds have passed since the clock was created."""
        ran = (time.monotonic() - self._begun) * self._speed if self._speed else 0.0
        return ran + self._added

    def advance(self, seconds: float) -> None:
        """Move the clock forward, and wake the tasks that sleep until a time that is now past.

        Args:
            seconds: how many simulated seconds to move forward.

        Raises:
            ValueError: `seconds` is negative or not finite.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            msg = f"a clock can't be advanced by {seconds!r} seconds: give 0 or more"
            raise ValueError(msg)
        with self._lock:
            self._added += seconds
            sleepers = list(self._sleepers.items())
        for event, loop in sleepers:
            # A loop that was closed in the meantime raises RuntimeError. It has no tasks any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of simulated time."""
        await self.sleep_until(self.elapsed() + seconds)

    async def sleep_until(self, until: float) -> None:
        """Wait until `elapsed()` reaches `until`."""
        if until <= self.elapsed():
            await asyncio.sleep(0)
            return
        event = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._lock:
            self._sleepers[event] = loop
        try:
            # Read the time only now, after the event has been registered. An `advance` before the
            # registration changes this time; a later one sets the event.
            while (left := until - self.elapsed()) > 0:
                timer = loop.call_later(left / self._speed, event.set) if self._speed else None
                try:
                    await event.wait()
                finally:
                    if timer is not None:
                        timer.cancel()
                event.clear()
        finally:
            with self._lock:
                del self._sleepers[event]
