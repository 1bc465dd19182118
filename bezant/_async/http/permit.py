"""`AsyncPermit`: waits until one request may be sent within the rate limits."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn

from ..._core.http.operation import Operation
from ..._core.pacing.limiter import QueuedCall
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...errors import PacingError, RateLimited

if TYPE_CHECKING:
    from ..._core.pacing.shared import Denied
    from .shared_limits import AsyncSharedSlot

_logger = logging.getLogger("bezant.pacing")

# A call of `client.map` may wait this many seconds for the rate limits; None means the client's
# max_wait.
patience: Final[ContextVar[float | None]] = ContextVar("bezant_patience", default=None)


class AsyncPermit:
    """Context manager of one request: waits for the permit to send it, and releases it at the end.

    First the queue of this process has to allow the request, because the queue knows the priorities
    of the waiting requests. Then, if several processes share a store for the rate limits, the store
    has to allow the request, too.

    Attributes:
        queued: the request in the queue; None after the release.
    """

    def __init__(
        self,
        limiter: rt.ProcessRateLimiter,
        operation: Operation,
        settings: Settings,
        limit_store: rt.SharedLimitStore | None = None,
        order_turns: rt.OrderTurns | None = None,
        hold: float = 0.0,
    ) -> None:
        self._limiter = limiter
        self._operation = operation
        self._settings = settings
        self._shared: AsyncSharedSlot | None = None
        if limit_store is not None:
            from .shared_limits import AsyncSharedSlot

            self._shared = AsyncSharedSlot(limit_store, operation, settings)
        self._order_turns = order_turns
        # The call waits at most this many more seconds for open order questions of other processes.
        self._hold = hold
        self.queued: QueuedCall | None = None
        self._began = 0.0
        self._sent_at = 0.0

    async def __aenter__(self) -> None:
        if not self._settings.pacing:
            return
        self._began = rt.monotonic()
        # The attribute is set before the call is queued: if an interrupt comes right after that,
        # `leave` can still remove the call.
        queued = self.queued = QueuedCall.of(self._operation)
        try:
            wait = self._limiter.enter(queued, self)
            if wait and queued.is_urgent and self._shared is not None:
                await self._shared.announce(wait)
            if wait > 1:
                _logger.info("%s waits %.1f s for a rate limit", self._operation.name, wait)
            while True:
                while not queued.granted:
                    self._check(wait)
                    waker = rt.Waker()
                    wait = self._limiter.seconds_until(queued, waker.wake)
                    if not queued.granted:
                        # The wait is at least 0.01 seconds long: the call may be waiting for the
                        # response to another request, and nothing tells how long that takes.
                        await waker.wait(max(wait, 0.01))
                        wait = self._limiter.seconds_until(queued)
                asked_at = rt.monotonic()
                denied = await self._reserve(queued)
                if denied is None:
                    self._sent_at = rt.monotonic()
                    return
                if denied.question:
                    wait = await self._hold_back(queued, denied, asked_at)
                    continue
                if denied.penalty:
                    self._limiter.penalise(denied.seconds)
                wait = self._limiter.postpone(queued, denied)
        except BaseException:
            await self.leave()
            raise

    async def _hold_back(self, queued: QueuedCall, denied: Denied, asked_at: float) -> float:
        """Leave the queue, wait for the end of another process's order question, and queue again.

        Args:
            queued: the call.
            denied: the store's denial, which says how many seconds to wait.
            asked_at: time when the store was asked for a slot, by the monotonic clock.

        Returns:
            The minimum number of seconds that the call still has to wait.
        """
        self._limiter.withdraw(queued)
        await rt.sleep(denied.seconds)
        spent = rt.monotonic() - asked_at
        self._hold -= spent
        self._began += spent  # `max_wait` limits only the wait for the rate limits
        return self._limiter.enter(queued, self)

    async def _reserve(self, queued: QueuedCall) -> Denied | None:
        """Reserve a slot in the shared store; return the denial if that fails."""
        if self._shared is None:
            return None
        return await self._shared.reserve(
            queued,
            forgive=self._limiter.take_forgiveness(),
            hold=self._hold,
            known=frozenset() if self._order_turns is None else self._order_turns.questions,
        )

    def _check(self, wait: float) -> None:
        """Raise `PacingError` if ``wait`` more seconds would exceed the longest allowed wait."""
        penalty = self._limiter.penalty_left
        patient = patience.get()
        # During a penalty the client's `max_wait` applies, because a penalty may be extended.
        bulk = patient is not None and not penalty
        longest = patient if bulk and patient is not None else self._settings.max_wait
        if rt.monotonic() - self._began + wait > longest:
            self._give_up(wait, penalty, longest, bulk=bulk)

    def _give_up(self, wait: float, penalty: float, longest: float, *, bulk: bool) -> NoReturn:
        if penalty:
            text = (
                f"the gateway reported too many requests, and further requests would extend the "
                f"penalty; nothing is sent to it for {penalty:.0f} s, try again after that"
            )
        else:
            setting = "the max_wait of client.map or client.gather" if bulk else "max_wait"
            text = (
                f"IBKR's rate limits allow this call in {wait:.1f} s, which exceeds {setting} "
                f"({longest:g} s); try again later or raise {setting}"
            )
        raise PacingError(text, operation=self._operation.name, retry_after=wait)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.queued is None:
            return
        answered_in: float | None = None
        try:
            if isinstance(exc, RateLimited):  # must come before another call gets the slot
                self._limiter.penalise(exc.retry_after)
                _logger.warning("%s; nothing is sent to this gateway until the penalty ends", exc)
                if self._shared is not None:
                    await self._shared.penalise(exc.retry_after)
            if exc_type is None:
                answered_in = rt.monotonic() - self._sent_at
        finally:
            await self.leave(answered_in)

    async def leave(self, answered_in: float | None = None) -> None:
        """Release the permit. You may call this method twice.

        Args:
            answered_in: seconds from sending the request to its response; None if the call failed.
        """
        queued = self.queued
        if queued is None:
            return
        try:
            self._limiter.leave(queued, answered_in)
            if self._shared is not None:
                await self._shared.release(queued)
        except BaseException:
            # An interrupt or a cancellation may have cut the release short, so it is done again;
            # releasing twice does no harm. A half-released slot would stay occupied until the
            # process ends.
            self._limiter.leave(queued)
            if self._shared is not None:
                await self._shared.release(queued)
            raise
        self.queued = None


class AsyncPermitGuard:
    """Releases a permit if an interrupt prevents the permit's own ``__exit__``.

    Python handles signals at the start of any function, so Ctrl-C can end an ``__exit__`` before
    its first line.
    """

    __slots__ = ("_permit",)

    def __init__(self, permit: AsyncPermit) -> None:
        self._permit = permit

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._permit.queued is not None:
            await self._permit.leave()
