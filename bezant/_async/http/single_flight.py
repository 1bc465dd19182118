"""Single flight: callers that need the same work at the same time share one run of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..._runtime import _async as rt
from ...errors import BezantError

T = TypeVar("T")


class _Flight(Generic[T]):
    def __init__(self) -> None:
        self.done = rt.Event()
        self.results: list[T] = []
        self.error: BezantError | None = None


class AsyncSingleFlight(Generic[T]):
    """Runs a piece of work once for all callers that need its result at the same time."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._lock = rt.StateLock()

    async def run(self, key: Hashable, work: Callable[[], rt.Promise[T]]) -> T:
        """Do the work and return its result, or wait for another caller that is doing the work."""
        while True:
            mine: _Flight[T] = _Flight()
            try:
                try:
                    with self._lock:
                        flight = self._flights.setdefault(key, mine)
                    if flight is mine:
                        return await self._lead(mine, work)
                finally:
                    self._end(key, mine)
            except BaseException:
                # An interrupt may have cut `_end` short; calling `_end` twice does no harm.
                self._end(key, mine)
                raise
            await flight.done.wait()
            if flight.results:
                return flight.results[0]
            if flight.error is not None:
                raise flight.error
            # The caller that did the work was cancelled or interrupted, so another caller does the
            # work.

    async def _lead(self, flight: _Flight[T], work: Callable[[], rt.Promise[T]]) -> T:
        try:
            result = await work()
        except BezantError as error:
            flight.error = error
            raise
        flight.results.append(result)
        return result

    def _end(self, key: Hashable, mine: _Flight[T]) -> None:
        """End this caller's run of the work, and wake the callers that wait for its result."""
        with self._lock:
            if self._flights.get(key) is mine:
                del self._flights[key]
        mine.done.set()
