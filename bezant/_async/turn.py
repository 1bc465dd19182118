"""Waiting for one's turn in front of a gateway."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from types import TracebackType
from typing import Final, NoReturn

from .._core.pacing import Ticket
from .._core.settings import Settings
from .._core.wire import Operation
from .._runtime import _async as rt
from ..errors import PacingError, RateLimited

_logger = logging.getLogger("bezant.pacing")

# How long a bulk map's calls may wait; None where the client's own max_wait holds.
patience: Final[ContextVar[float | None]] = ContextVar("bezant_patience", default=None)


class AsyncTurn:
    """One call's turn: waits until it comes, and gives it back at the end of its context."""

    def __init__(self, gate: rt.Gate, operation: Operation, settings: Settings) -> None:
        self._gate = gate
        self._operation = operation
        self._settings = settings
        self._ticket: Ticket | None = None

    async def __aenter__(self) -> None:
        if not self._settings.pacing:
            return
        waker = rt.Waker()
        ticket, wait = self._gate.enter(self._operation, waker.wake)
        self._ticket = ticket
        try:
            began = rt.monotonic()
            if wait > 1:
                _logger.info("%s waits %.1f s for its turn", self._operation.name, wait)
            while not ticket.granted:
                if rt.monotonic() - began + wait > self._longest():
                    self._give_up(wait)
                # At least a moment: those in flight may be what it waits for.
                await waker.wait(max(wait, 0.01))
                wait = self._gate.seconds_until(ticket)
        except BaseException:
            self._gate.leave(ticket)
            raise

    def _longest(self) -> float:
        patient = patience.get()
        # A penalty is waited out by nobody: it may be lengthened meanwhile.
        return self._settings.max_wait if patient is None or self._gate.penalty_left else patient

    def _give_up(self, wait: float) -> NoReturn:
        penalty = self._gate.penalty_left
        if penalty:
            text = (
                f"the gateway said that there were too many requests; nothing is sent to it for "
                f"{penalty:.0f} s, because going on lengthens the penalty"
            )
        else:
            text = (
                f"IBKR's limits allow this call in {wait:.1f} s, which is more than max_wait "
                f"({self._longest():g} s) allows to wait"
            )
        raise PacingError(text, operation=self._operation.name, retry_after=wait)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._ticket is None:
            return
        if isinstance(exc, RateLimited):  # before anybody else is let go
            self._gate.penalise(exc.retry_after)
            _logger.warning("%s; nothing is sent to this gateway meanwhile", exc)
        self._gate.leave(self._ticket)
