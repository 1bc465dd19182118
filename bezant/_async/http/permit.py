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
from ..._core.pacing.limiter import Ticket
from ..._core.pacing.shared import (
    Claim,
    Refusal,
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


class AsyncTurn:
    """One call's turn: waits until it comes, and gives it back at the end of its context.

    First the process's own queue decides, which knows who is more urgent; then, where there is one,
    the ledger that is shared with other processes.

    Attributes:
        ticket: its place in the queue, until it has been given back.
    """

    def __init__(
        self,
        gate: rt.Gate,
        operation: Operation,
        settings: Settings,
        ledger: rt.Ledger | None = None,
        order_turns: rt.OrderTurns | None = None,
        hold: float = 0.0,
    ) -> None:
        self._gate = gate
        self._operation = operation
        self._settings = settings
        self._ledger = ledger
        self._order_turns = order_turns
        # For how many seconds it may still be held back for questions of other processes.
        self._hold = hold
        self.ticket: Ticket | None = None
        self._began = 0.0
        self._went = 0.0
        self._token = ""

    async def __aenter__(self) -> None:
        if not self._settings.pacing:
            return
        self._began = rt.monotonic()
        # Kept before it is queued: an interrupt may come as soon as it is.
        ticket = self.ticket = Ticket.of(self._operation)
        try:
            wait = self._gate.enter(ticket, self)
            if wait and ticket.is_urgent:
                await self._announce(wait)
            if wait > 1:
                _logger.info("%s waits %.1f s for its turn", self._operation.name, wait)
            while True:
                while not ticket.granted:
                    self._check(wait)
                    waker = rt.Waker()
                    wait = self._gate.seconds_until(ticket, waker.wake)
                    if not ticket.granted:
                        # At least a moment: those in flight may be what it waits for.
                        await waker.wait(max(wait, 0.01))
                        wait = self._gate.seconds_until(ticket)
                asked = rt.monotonic()
                refusal = await self._ask_others(ticket)
                if refusal is None:
                    self._went = rt.monotonic()
                    return
                if refusal.question:
                    wait = await self._hold_back(ticket, refusal, asked)
                    continue
                if refusal.penalty:
                    self._gate.penalise(refusal.seconds)
                wait = self._gate.postpone(ticket, refusal)
        except BaseException:
            await self.leave()
            raise

    async def _hold_back(self, ticket: Ticket, refusal: Refusal, asked: float) -> float:
        """Wait a moment for another process's question, outside the queue; return to the queue.

        Args:
            ticket: the call.
            refusal: how long to wait.
            asked: when it asked for a slot.
        """
        self._gate.withdraw(ticket)
        await rt.sleep(refusal.seconds)
        spent = rt.monotonic() - asked
        self._hold -= spent
        self._began += spent  # max_wait is about the limits
        return self._gate.enter(ticket, self)

    async def _announce(self, wait: float) -> None:
        """Have the reads of other processes let an urgent call pass that waits in this one."""
        if self._ledger is None:
            return
        self._token = os.urandom(16).hex()
        with contextlib.suppress(StoreError):  # asking for a slot will tell
            change = partial(announce, token=self._token, seconds=wait)
            await self._ledger.change(change, self._token)

    async def _ask_others(self, ticket: Ticket) -> Refusal | None:
        """Ask for a place among all processes."""
        if self._ledger is None:
            return None
        self._token = self._token or os.urandom(16).hex()
        lease = self._settings.timeout + _GRACE
        claim = Claim.of(
            ticket,
            self._token,
            lease,
            forgive=self._gate.take_forgiveness(),
            hold=self._hold,
            known=frozenset() if self._order_turns is None else self._order_turns.questions,
        )
        try:
            return await self._ledger.change(partial(reserve, claim=claim), self._token)
        except StoreError as trouble:
            if ticket.is_tickle:  # one a minute breaks no limit, and without it the session ends
                _logger.warning("%s; a tickle goes all the same", trouble)
                return None
            raise PacingError(
                f"{trouble}, so that it is not known what other processes send; nothing was sent",
                operation=self._operation.name,
                retry_after=1.0,
            ) from trouble

    def _check(self, wait: float) -> None:
        """Give up where the turn does not come in time."""
        penalty = self._gate.penalty_left
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
        if self.ticket is None:
            return
        answered_in: float | None = None
        try:
            if isinstance(exc, RateLimited):  # before anybody else is let go
                self._gate.penalise(exc.retry_after)
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
        ticket = self.ticket
        if ticket is None:
            return
        try:
            self._gate.leave(ticket, answered_in)
            if self._token:
                await self._release(ticket)
        except BaseException:
            # An interrupt or a cancellation in the middle. Twice does no harm; half done, the
            # slot would be occupied for as long as the process lives.
            self._gate.leave(ticket)
            if self._token:
                await self._release(ticket)
            raise
        self.ticket = None

    async def _release(self, ticket: Ticket) -> None:
        if self._ledger is not None:
            change = partial(release, token=self._token, return_time=ticket.return_time)
            await self._tell(self._ledger, change, self._token)

    async def _tell(
        self, ledger: rt.Ledger, change: Callable[[Shared, float], None], token: str
    ) -> None:
        try:
            await ledger.settle(change, token)
        except StoreError as trouble:  # the call itself is over, and its place ends by itself
            _logger.warning("%s", trouble)


class AsyncTurnGuard:
    """Gives a turn back where an interrupt has come just as the turn itself was to do that.

    Python looks for signals whenever it begins to run a function, such as the one that ends a
    context.
    """

    __slots__ = ("_turn",)

    def __init__(self, turn: AsyncTurn) -> None:
        self._turn = turn

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._turn.ticket is not None:
            await self._turn.leave()
