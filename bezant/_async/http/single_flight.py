"""One lookup at a time for each key, shared by all who ask meanwhile."""

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
    """Runs a piece of work once for all who want it at the same time."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._lock = rt.StateLock()

    async def run(self, key: Hashable, work: Callable[[], rt.Promise[T]]) -> T:
        """Do the work, or wait for whoever is doing it and share what comes of it."""
        while True:
            with self._lock:
                flight = self._flights.get(key)
                leading = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight()
            if leading:
                return await self._lead(key, flight, work)
            await flight.done.wait()
            if flight.results:
                return flight.results[0]
            if flight.error is not None:
                raise flight.error
            # Whoever was doing it was cancelled: somebody else does it.

    async def _lead(
        self, key: Hashable, flight: _Flight[T], work: Callable[[], rt.Promise[T]]
    ) -> T:
        try:
            result = await work()
        except BezantError as error:
            flight.error = error
            raise
        else:
            flight.results.append(result)
            return result
        finally:
            with self._lock:
                del self._flights[key]
            flight.done.set()
