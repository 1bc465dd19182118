"""`AsyncAccountGate`: lets one order call of an account pass at a time, and holds others back."""

from __future__ import annotations

from collections.abc import Callable

from ..._runtime import _async as rt
from ...errors import AccountBusy


class AsyncAccountGate:
    """Lets one call that places or modifies orders of an account pass at a time.

    If the response to such a call is lost, IBKR may have asked a question about its orders, and
    another order could make them live. So the next call checks `held_until` only after the result
    of the call before it is recorded. All trading objects of a client share the gate of an account.
    """

    def __init__(self) -> None:
        self._lock = rt.StateLock()
        self._holder: object = None
        self._waiting: list[Callable[[], None]] = []
        # Key: a request whose response was lost. Value: the time until which others are held back.
        self._holds: dict[object, float] = {}

    async def enter(self, call: object, longest: float) -> None:
        """Wait until no other call is in progress.

        Args:
            call: identifies the call.
            longest: the longest time to wait, in seconds.

        Raises:
            AccountBusy: another call is still in progress.
        """
        deadline = rt.monotonic() + longest
        waker = rt.Waker()
        try:
            while not self._take(call, waker.wake):
                left = deadline - rt.monotonic()
                if left <= 0:
                    raise AccountBusy(
                        "nothing was sent: another order of the account has no response yet; send "
                        "this one again after its response"
                    )
                await waker.wait(left)
                waker = rt.Waker()
        finally:
            with self._lock:
                self._waiting = [each for each in self._waiting if each != waker.wake]

    def _take(self, call: object, wake: Callable[[], None]) -> bool:
        with self._lock:
            if self._holder is None:
                self._holder = call
                return True
            self._waiting.append(wake)
            return False

    def leave(self, call: object) -> None:
        """End a call. You may call this method twice."""
        with self._lock:
            if self._holder is not call:
                return
            self._holder = None
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def hold(self, request: object, until: float) -> None:
        """Hold other calls back, because a question about a lost order may be open.

        Args:
            request: identifies the request whose response was lost.
            until: the monotonic time until which the question may be open.
        """
        with self._lock:
            self._holds[request] = until

    def release(self, request: object) -> None:
        """Allow other calls, because the lost orders of a request were found."""
        with self._lock:
            self._holds.pop(request, None)

    def held_until(self, now: float) -> float:
        """Return the monotonic time until which calls are held back; 0 if they are not."""
        with self._lock:
            self._holds = {key: until for key, until in self._holds.items() if until > now}
            return max(self._holds.values(), default=0.0)
