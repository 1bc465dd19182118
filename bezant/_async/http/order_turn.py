"""Order turn: makes an order wait until no other order of the same account is in progress."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from itertools import count
from types import TracebackType
from typing import Final, Self, TypeVar

from ..._core.http.backoff import Backoff
from ..._core.http.messages import Request
from ..._core.http.operation import OrderCall
from ..._core.pacing.order_turns import (
    AccountTurn,
    OrderResults,
    Outcome,
    busy,
    expiry_warning,
    order_results,
    outcome_of,
    question_of,
)
from ..._core.pacing.shared import Shared, StoreError
from ..._core.pacing.shared_order_turns import (
    LONGEST_WAIT,
    TurnResult,
    begin_reply,
    finish_turn,
    questions_of,
    take_turn,
)
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...errors import BezantError, PacingError
from .permit import patience

T = TypeVar("T")

_logger = logging.getLogger("bezant.http")
# Seconds added to a call's timeout, because the gateway may be busy with the call for longer than
# the client waits for it.
_GRACE: Final = 5.0
# The shared state is polled, because other processes cannot wake this one.
_POLL: Final = Backoff(0.02, 0.25)


class AsyncOrderTurn:
    """Context of one call that places, modifies or confirms an order: holds the account's turn.

    Only one order of an account is in progress at a time, and that order has the turn. IBKR may
    respond to an order with a question, which the user answers with a reply (a second call).

    An order waits for its turn. A reply never waits, because it belongs to the turn of the order
    that caused the question. If a question is open when the call ends, the turn continues until the
    reply.
    """

    def __init__(
        self,
        turns: rt.OrderTurns,
        request: Request,
        settings: Settings,
        kind: OrderCall,
        names: tuple[str, ...],
        limit_store: rt.SharedLimitStore | None = None,
    ) -> None:
        self._limit_store = limit_store
        self._shared = False
        self._notices: list[str] = []
        self._turns = turns
        self._request = request
        self._settings = settings
        self._kind = kind
        self._names = names
        self._question = question_of(request) if kind is OrderCall.REPLY else ""
        self._call = object()
        # Names a reply in the shared state. The call that places the orders has its turn's name.
        self._call_name = os.urandom(16).hex() if self._question else ""
        self._turn: AccountTurn | None = None
        self._outcome = Outcome.NOTHING
        self._results: OrderResults | None = None

    async def __aenter__(self) -> Self:
        caller = rt.caller()
        if self._question:
            self._turn = self._turns.find_by_question(self._question)
            if self._turn is not None:
                self._turns.begin_reply(self._turn, self._call, caller)
            return self
        token = os.urandom(16).hex()
        # The attribute is set before the turn is queued: if an interrupt comes right after that,
        # `leave` can still remove the turn.
        turn = AccountTurn.of(self._request, self._call, caller, self._names, token)
        self._turn = turn
        try:
            await self._wait(turn)
        except BaseException:
            await self.leave()
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
            if blocker.shared and not blocker.calls and self._limit_store is not None:
                # Another process may have replied to the question, so the shared state is read
                # again.
                change = partial(questions_of, token=blocker.token)
                self._turns.refresh(blocker, await self._change(self._limit_store, change))
                if blocker.over:
                    continue
                seconds = min(seconds, _POLL.maximum)
            left = deadline - rt.monotonic()
            if left <= 0 or blocker.holder == turn.holder:
                raise busy(blocker, self._request.operation, rt.monotonic())
            await waker.wait(min(left, max(seconds, 0.01), LONGEST_WAIT))
        for expired in self._turns.take_expired():
            _logger.warning("%s", expiry_warning(expired))
        if self._limit_store is None:
            return
        lease = min(longest, LONGEST_WAIT) + self._settings.timeout + _GRACE
        for polls in count(1):
            taken = await self._take(self._limit_store, turn, lease)
            if taken.blocker is None:
                return
            left = deadline - rt.monotonic()
            if left <= 0:
                raise taken.blocker(self._request.operation)
            await rt.sleep(min(_POLL.delay(polls), left))

    async def _take(
        self, limit_store: rt.SharedLimitStore, turn: AccountTurn, lease: float
    ) -> TurnResult:
        """Begin the turn in the state that all processes share, or extend its expiry time there."""
        self._shared = True
        taken = await self._change(limit_store, partial(take_turn, turn=turn, lease=lease))
        turn.shared = turn.shared or taken.blocker is None
        for notice in taken.notices:
            _logger.warning("%s", notice)
            self._notices.append(notice)
        return taken

    async def _change(
        self, limit_store: rt.SharedLimitStore, change: Callable[[Shared, float], T]
    ) -> T:
        try:
            return await limit_store.change(change, self._name)
        except StoreError as error:
            raise PacingError(
                f"{error}; nothing was sent, because other processes may have an order open",
                operation=self._request.operation.name,
                retry_after=1.0,
            ) from error

    async def _tell_all(
        self, limit_store: rt.SharedLimitStore, change: Callable[[Shared, float], None]
    ) -> None:
        try:
            await limit_store.settle(change, self._name)
        except StoreError as error:  # not fatal: the turn ends anyway when its lease expires
            _logger.warning("%s", error)

    @property
    def _name(self) -> str:
        """Name under which this call changes the shared state."""
        return f"order turn {id(self._call)}"

    async def sending(self) -> None:
        """Record that from now on the request may have been sent.

        Raises:
            AccountBusy: the turn expired while the call waited for the rate limits, and an order of
                another process took the next turn.
            PacingError: the shared state cannot be used.
        """
        if self._limit_store is not None:
            lease = self._settings.timeout + _GRACE
            if self._question:
                token = self._turn.token if self._turn is not None else ""
                change = partial(
                    begin_reply,
                    token=token,
                    question=self._question,
                    lease=lease,
                    call=self._call_name,
                )
                self._shared = True
                await self._tell_all(self._limit_store, change)
            elif self._turn is not None:
                taken = await self._take(self._limit_store, self._turn, lease)
                if taken.blocker is not None:
                    raise taken.blocker(self._request.operation)
        self._outcome = Outcome.LOST

    def answered(self, body: bytes) -> None:
        """Record the body of the response to the call."""
        self._results = order_results(body)
        self._outcome = Outcome.ANSWERED

    def failed(self, error: BezantError, *, untouched: bool) -> None:
        """Record the error of the call.

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
        if exc is not None:
            for notice in self._notices:
                exc.add_note(notice)
        await self.leave()

    async def leave(self) -> None:
        """Record how the call ended. You may call this method twice."""
        try:
            await self._leave()
        except BaseException:
            # An interrupt or a cancellation may have cut the recording short, so it is done again;
            # recording twice does no harm.
            await self._leave()
            raise

    async def _leave(self) -> None:
        turn = self._turn
        if turn is not None:
            self._turns.finish(turn, self._call, self._outcome, self._results, self._question)
        if self._shared and self._limit_store is not None:
            await self._tell(self._limit_store, "" if turn is None else turn.token)
        self._shared = False
        self._turn = None

    async def _tell(self, limit_store: rt.SharedLimitStore, token: str) -> None:
        """Record in the shared state how the call ended."""
        found: list[bool] = []

        def change(shared: Shared, now: float) -> None:
            there = finish_turn(
                shared, now, token, self._outcome, self._results, self._question, self._call_name
            )
            found.append(there)

        await self._tell_all(limit_store, change)
        asked = self._results is not None and self._results.questions
        if asked and found and not found[-1]:
            _logger.warning(
                "the turn of %s ended with its lease before its response came; look for the order, "
                "because an open question may remain and a later order may make it live",
                self._request.operation.name,
            )


class AsyncOrderTurnGuard:
    """Records the end of a call if an interrupt prevents the ``__exit__`` of its order turn.

    Python handles signals at the start of any function, so Ctrl-C can end an ``__exit__`` before
    its first line.
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
        await self._turn.leave()


async def hold_back(turns: rt.OrderTurns, seconds: float) -> float:
    """Wait while an order of another thread or task has an unanswered question from IBKR.

    Args:
        turns: the order turns of this process.
        seconds: maximum seconds to wait; then the function returns although a question is open.

    Returns:
        How many of the ``seconds`` are left; 0 if all are used up.
    """
    limit = rt.monotonic() + seconds
    while turns.questions:
        waker = rt.Waker()
        wake = waker.wake
        try:
            wait = min(turns.watch(rt.caller(), wake), limit - rt.monotonic())
            if wait <= 0:
                break
            await waker.wait(wait)
        finally:
            turns.unwatch(wake)
    return max(limit - rt.monotonic(), 0.0)
