"""Waiting for one's turn in front of a gateway."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Final, NoReturn

from ..._core.http.operation import Operation
from ..._core.pacing.limiter import QueuedCall
from ..._core.pacing.shared import (
    Denied,
    Reservation,
    Shared,
    StoreError,
    announce,
    penalise,
    release,
    reserve,
)
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...errors import PacingError, RateLimited

_logger = logging.getLogger("bezant.pacing")

# How long a bulk map's calls may wait; None where the client's own max_wait holds.
patience: Final[ContextVar[float | None]] = ContextVar("bezant_patience", default=None)
# A call is over after its time-out; the gateway may still be busy with it for a moment.
_GRACE: Final = 5.0


class AsyncPermit:
    """One call's turn: waits until it comes, and gives it back at the end of its context.

    First the process's own queue decides, which knows who is more urgent; then, where there is one,
    the ledger that is shared with other processes.

    Attributes:
        queued: its place in the queue, until it has been given back.
    """

    def __init__(
        self,
        limiter: rt.ProcessRateLimiter,
        operation: Operation,
        settings: Settings,
        ledger: rt.SharedLimitStore | None = None,
        order_turns: rt.OrderTurns | None = None,
        hold: float = 0.0,
    ) -> None:
        self._limiter = limiter
        self._operation = operation
        self._settings = settings
        self._ledger = ledger
        self._order_turns = order_turns
        # For how many seconds it may still be held back for questions of other processes.
        self._hold = hold
        self.queued: QueuedCall | None = None
        self._began = 0.0
        self._went = 0.0
        self._token = ""

    async def __aenter__(self) -> None:
        if not self._settings.pacing:
            return
        self._began = rt.monotonic()
        # Kept before it is queued: an interrupt may come as soon as it is.
        queued = self.queued = QueuedCall.of(self._operation)
        try:
            wait = self._limiter.enter(queued, self)
            if wait and queued.is_urgent:
                await self._announce(wait)
            if wait > 1:
                _logger.info("%s waits %.1f s for its turn", self._operation.name, wait)
            while True:
                while not queued.granted:
                    self._check(wait)
                    waker = rt.Waker()
                    wait = self._limiter.seconds_until(queued, waker.wake)
                    if not queued.granted:
                        # At least a moment: those in flight may be what it waits for.
                        await waker.wait(max(wait, 0.01))
                        wait = self._limiter.seconds_until(queued)
                asked = rt.monotonic()
                refusal = await self._ask_others(queued)
                if refusal is None:
                    self._went = rt.monotonic()
                    return
                if refusal.question:
                    wait = await self._hold_back(queued, refusal, asked)
                    continue
                if refusal.penalty:
                    self._limiter.penalise(refusal.seconds)
                wait = self._limiter.postpone(queued, refusal)
        except BaseException:
            await self.leave()
            raise

    async def _hold_back(self, queued: QueuedCall, refusal: Denied, asked: float) -> float:
        """Wait a moment for another process's question, outside the queue; return to the queue.

        Args:
            queued: the call.
            refusal: how long to wait.
            asked: when it asked for a slot.
        """
        self._limiter.withdraw(queued)
        await rt.sleep(refusal.seconds)
        spent = rt.monotonic() - asked
        self._hold -= spent
        self._began += spent  # max_wait is about the limits
        return self._limiter.enter(queued, self)

    async def _announce(self, wait: float) -> None:
        """Have the reads of other processes let an urgent call pass that waits in this one."""
        if self._ledger is None:
            return
        self._token = os.urandom(16).hex()
        with contextlib.suppress(StoreError):  # asking for a slot will tell
            change = partial(announce, token=self._token, seconds=wait)
            await self._ledger.change(change, self._token)

    async def _ask_others(self, queued: QueuedCall) -> Denied | None:
        """Ask for a place among all processes."""
        if self._ledger is None:
            return None
        self._token = self._token or os.urandom(16).hex()
        lease = self._settings.timeout + _GRACE
        claim = Reservation.of(
            queued,
            self._token,
            lease,
            forgive=self._limiter.take_forgiveness(),
            hold=self._hold,
            known=frozenset() if self._order_turns is None else self._order_turns.questions,
        )
        try:
            return await self._ledger.change(partial(reserve, claim=claim), self._token)
        except StoreError as trouble:
            if queued.is_tickle:  # one a minute breaks no limit, and without it the session ends
                _logger.warning("%s; a tickle goes all the same", trouble)
                return None
            raise PacingError(
                f"{trouble}, so that it is not known what other processes send; nothing was sent",
                operation=self._operation.name,
                retry_after=1.0,
            ) from trouble

    def _check(self, wait: float) -> None:
        """Give up where the turn does not come in time."""
        penalty = self._limiter.penalty_left
        patient = patience.get()
        # A penalty is waited out by nobody: it may be lengthened meanwhile.
        longest = self._settings.max_wait if patient is None or penalty else patient
        if rt.monotonic() - self._began + wait > longest:
            self._give_up(wait, penalty, longest)

    def _give_up(self, wait: float, penalty: float, longest: float) -> NoReturn:
        if penalty:
            text = (
                f"the gateway said that there were too many requests; nothing is sent to it for "
                f"{penalty:.0f} s, because going on lengthens the penalty"
            )
        else:
            text = (
                f"IBKR's limits allow this call in {wait:.1f} s, which is more than max_wait "
                f"({longest:g} s) allows to wait"
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
            if isinstance(exc, RateLimited):  # before anybody else is let go
                self._limiter.penalise(exc.retry_after)
                _logger.warning("%s; nothing is sent to this gateway meanwhile", exc)
                if self._ledger is not None:
                    change = partial(penalise, seconds=exc.retry_after)
                    await self._tell(self._ledger, change, f"{self._token} penalty")
            if exc_type is None:
                answered_in = rt.monotonic() - self._went
        finally:
            await self.leave(answered_in)

    async def leave(self, answered_in: float | None = None) -> None:
        """Give the turn back; nothing happens where that was done before.

        Args:
            answered_in: after how many seconds it was answered as it should be; None if it was not.
        """
        queued = self.queued
        if queued is None:
            return
        try:
            self._limiter.leave(queued, answered_in)
            if self._token:
                await self._release(queued)
        except BaseException:
            # An interrupt or a cancellation in the middle. Twice does no harm; half done, the
            # slot would be occupied for as long as the process lives.
            self._limiter.leave(queued)
            if self._token:
                await self._release(queued)
            raise
        self.queued = None

    async def _release(self, queued: QueuedCall) -> None:
        if self._ledger is not None:
            change = partial(release, token=self._token, return_time=queued.return_time)
            await self._tell(self._ledger, change, self._token)

    async def _tell(
        self, ledger: rt.SharedLimitStore, change: Callable[[Shared, float], None], token: str
    ) -> None:
        try:
            await ledger.settle(change, token)
        except StoreError as trouble:  # the call itself is over, and its place ends by itself
            _logger.warning("%s", trouble)


class AsyncPermitGuard:
    """Gives a turn back where an interrupt has come just as the turn itself was to do that.

    Python looks for signals whenever it begins to run a function, such as the one that ends a
    context.
    """

    __slots__ = ("_turn",)

    def __init__(self, turn: AsyncPermit) -> None:
        self._turn = turn

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._turn.queued is not None:
            await self._turn.leave()
