"""Helpers for waiting with a timeout: for a value that a notifier announces, or by polling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .._core.http.backoff import Backoff
from .._runtime import _async as rt

T = TypeVar("T")


async def wait_for(
    notifier: rt.Notifier,
    take: Callable[[], T],
    ended: Callable[[], bool],
    timeout: float | None,
) -> T:
    """Wait until the function ``take`` returns a value, and return that value.

    Args:
        notifier: wakes this function whenever there may be a value, and when no further value can
            come.
        take: function that returns the value; None if there is no value yet.
        ended: function that returns whether no further value can come.
        timeout: seconds to wait; None for no limit.

    Returns:
        The value; None if no further value can come.

    Raises:
        TimeoutError: no value came in time.
    """
    deadline = None if timeout is None else rt.monotonic() + timeout
    while True:
        heard = notifier.count
        # `ended` is called before `take`: in the other order, a value that comes between the two
        # calls, just before the end, would be lost.
        over = ended()
        found = take()
        if found is not None or over:
            return found
        left = None if deadline is None else max(deadline - rt.monotonic(), 0.0)
        if not await notifier.wait(heard, left):
            raise TimeoutError


class AsyncPolling:
    """Pauses between polls, up to a deadline."""

    def __init__(self, backoff: Backoff, timeout: float) -> None:
        self._backoff = backoff
        self._deadline = rt.monotonic() + timeout
        self._polls = 0

    async def pause(self) -> bool:
        """Wait before the next poll; return False at once if the deadline would pass first."""
        self._polls += 1
        seconds = self._backoff.delay(self._polls)
        if rt.monotonic() + seconds >= self._deadline:
            return False
        await rt.sleep(seconds)
        return True
