"""Waiting for an account's turn before an order is sent."""

from __future__ import annotations

import logging
import os
from types import TracebackType
from typing import Self

from .._core import order_turns as rules
from .._core.effects import OrderCall
from .._core.order_turns import (
    AccountTurn,
    Outcome,
    Told,
    busy,
    outcome_of,
    question_of,
    ran_out,
    told_by,
)
from .._core.settings import Settings
from .._core.wire import Request
from .._runtime import _async as rt
from ..errors import BezantError
from .turn import patience

_logger = logging.getLogger("bezant.http")
# A wait has no longest time on one of the event loops.
_LONGEST_WAIT = 60.0


class AsyncOrderTurn:
    """Context of one call that places, modifies or confirms: holds the account's turn.

    An order waits for its turn; a reply never waits, and continues the turn of its question. At the
    end the turn goes on where a question is open.
    """

    def __init__(
        self,
        turns: rt.OrderTurns,
        request: Request,
        settings: Settings,
        kind: OrderCall,
        names: tuple[str, ...],
    ) -> None:
        self._turns = turns
        self._request = request
        self._settings = settings
        self._kind = kind
        self._names = names
        self._question = question_of(request) if kind is OrderCall.REPLY else ""
        self._call = object()
        self._turn: AccountTurn | None = None
        self._outcome = Outcome.NOTHING
        self._told: Told | None = None

    async def __aenter__(self) -> Self:
        caller = rt.caller()
        if self._question:
            self._turn = self._turns.asked_about(self._question)
            if self._turn is not None:
                self._turns.begin_reply(self._turn, self._call, caller)
            return self
        token = os.urandom(16).hex()
        # Kept before it is queued: an interrupt may come as soon as it is.
        turn = AccountTurn.of(self._request, self._call, caller, self._names, token)
        self._turn = turn
        try:
            await self._wait(turn)
        except BaseException:
            self.leave()
            raise
        return self

    async def _wait(self, turn: AccountTurn) -> None:
        patient = patience.get()
        longest = self._settings.max_wait if patient is None else patient
        deadline = rt.monotonic() + longest
        waker = rt.Waker()
        self._turns.enter(turn, waker.wake)
        while not turn.granted:
            blocker, seconds = self._turns.blocker(turn)
            if blocker is None:
                continue
            left = deadline - rt.monotonic()
            if left <= 0 or blocker.holder == turn.holder:
                raise busy(blocker, self._request.operation, rt.monotonic())
            await waker.wait(min(left, max(seconds, 0.01), _LONGEST_WAIT))
        for expired in self._turns.take_expired():
            _logger.warning("%s", ran_out(expired))

    def sending(self) -> None:
        """Note that the request may leave from now on."""
        self._outcome = Outcome.LOST

    def answered(self, body: bytes) -> None:
        """Note a response."""
        self._told = told_by(body)
        self._outcome = Outcome.ANSWERED

    def failed(self, error: BezantError, *, untouched: bool) -> None:
        """Note an error.

        Args:
            error: the error.
            untouched: whether the response proves that the gateway did nothing with the request.
        """
        self._outcome = outcome_of(error, self._kind, untouched=untouched)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Note how the call ended; nothing happens where that was done before."""
        if self._turn is not None:
            turn = self._turn
            self._turns.finish(turn, self._call, self._outcome, self._told, self._question)
            self._turn = None


class AsyncOrderTurnGuard:
    """Gives a turn back where an interrupt came just as the turn itself was to do that.

    Python looks for signals whenever it begins to run a function, such as the one that ends a
    context.
    """

    def __init__(self, turn: AsyncOrderTurn) -> None:
        self._turn = turn

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._turn.leave()


async def hold_back(turns: rt.OrderTurns) -> None:
    """Wait a moment while a question is open that another thread or task has to answer."""
    limit = rt.monotonic() + rules.READS_WAIT
    while turns.asking:
        waker = rt.Waker()
        wake = waker.wake
        try:
            seconds = min(turns.watch(rt.caller(), wake), limit - rt.monotonic())
            if seconds <= 0:
                return
            await waker.wait(seconds)
        finally:
            turns.unwatch(wake)
