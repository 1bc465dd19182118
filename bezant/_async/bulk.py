"""Bulk work: calls one function for many items, as fast as the rate limits allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sized
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from .._core.http.unknown_outcome import left_unknown, note_unknown
from .._core.settings.checks import check_callable
from .._runtime import _async as rt
from .._wire.redaction import shown
from ..errors import ClientClosed, InvalidRequest, OutcomeUnknown
from ..models.bulk import Outcome, Progress
from .http.permit import patience
from .http.pipeline import AsyncPipeline, unknown_outcomes

if TYPE_CHECKING:
    from .._core.http.captured import CapturedResponses

T = TypeVar("T")
R = TypeVar("R")


class AsyncBulk(Generic[T, R]):
    """Context manager and iterator over the outcomes of a function for many items.

    ``client.map(...)`` returns this object. Outcomes come in the order in which they finish.
    Leaving the context cancels unfinished calls. If that cuts off calls with side effects, such as
    orders, the error that leaves the context lists them in ``unknown_outcomes``. If no error leaves
    the context, the context raises an `OutcomeUnknown` that lists them.
    """

    def __init__(
        self,
        pipeline: AsyncPipeline,
        function: Callable[[T], rt.Promise[R]],
        items: Iterable[T],
        *,
        concurrency: int,
        max_wait: float,
        on_progress: Callable[[Progress], object] | None,
    ) -> None:
        if not callable(function):
            raise InvalidRequest(f"function must be a function, not {shown(function)}")
        check_callable("on_progress", on_progress)
        try:
            self._items = enumerate(items)
        except TypeError:
            raise InvalidRequest(
                f"items must be iterable, such as a list, not {shown(items)}"
            ) from None
        self._pipeline = pipeline
        self._function = function
        self._total = len(items) if isinstance(items, Sized) else None
        self._concurrency = concurrency
        self._max_wait = max_wait
        self._on_progress = on_progress
        self._lock = rt.StateLock()
        # Workers ring `_finished` when an item is finished. The consumer rings `_taken` when it
        # takes an outcome.
        self._finished = rt.Notifier()
        self._taken = rt.Notifier()
        self._ready: deque[Outcome[T, R]] = deque()
        self._workers: list[rt.Worker] = []
        self._capturing: tuple[CapturedResponses, ...] = ()
        self._at_work = 0
        self._begun = 0
        self._exhausted = False
        self._done = 0
        self._failed = 0
        self._fatal: BaseException | None = None
        # Key: the index of an item. Value: the item, and those of its calls with an unknown outcome
        # that were not reported yet.
        self._unknown: dict[int, tuple[T, list[OutcomeUnknown]]] = {}
        self._entered = False
        self._closed = False

    def __repr__(self) -> str:
        total = "?" if self._total is None else self._total
        return f"<{type(self).__name__} {self._done} of {total}>"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise InvalidRequest(
                "this bulk map was used in a with block already; call client.map() again"
            )
        self._pipeline.check()
        self._entered = True
        count = self._concurrency
        if self._total is not None:
            count = max(min(count, self._total), 1)
        self._at_work = count
        if self._pipeline.captures:
            from .._core.http.captured import capturing

            self._capturing = capturing.get()
        for _ in range(count):
            self._workers.append(rt.Worker(self._work, "bezant-bulk"))
        self._pipeline.workers.append(self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        error = exc
        try:
            await self.stop()
        except BaseException as stopping:
            error = stopping
            raise
        finally:
            unknown = self._take_unknown()
            if error is not None:
                note_unknown(error, unknown)
        if unknown and exc is None:
            raise left_unknown(unknown)

    def _take_unknown(self) -> list[OutcomeUnknown]:
        """Return an error for each call that was cut off since this method was last called."""
        found: list[OutcomeUnknown] = []
        with self._lock:
            entries = [self._unknown[index] for index in sorted(self._unknown)]
            self._unknown.clear()
        for item, noted in entries:
            for each in noted:
                each.item = item
                found.append(each)
        outer = unknown_outcomes.get()
        # this bulk work runs within an item of other bulk work, which has to report the calls
        if outer is not None:
            outer.extend(found)
        return found

    async def stop(self) -> None:
        """Cancel the unfinished calls. You may call this method twice."""
        self._closed = True
        if self in self._pipeline.workers:
            self._pipeline.workers.remove(self)
        for worker in self._workers:
            worker.abandon()
        for worker in self._workers:
            await worker.stop()
        self._finished.ring()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[T, R]:
        if not self._entered:
            raise InvalidRequest(
                "the bulk map was not entered; use client.map(...) in a with statement, which "
                "cancels unfinished calls at its end"
            )
        while True:
            heard = self._finished.count
            with self._lock:
                outcome = self._ready.popleft() if self._ready else None
                complete = self._exhausted and self._done == self._begun
            if outcome is not None:
                self._taken.ring()
                self._unknown.pop(outcome.index, None)
                self._report(outcome)
                return outcome
            if self._fatal is not None:
                raise self._fatal
            if complete:
                raise StopAsyncIteration
            if self._closed or self._at_work == 0:
                ended = ClientClosed(
                    "this bulk map was stopped before it was complete; call client.map() again for "
                    "the remaining items"
                )
                note_unknown(ended, self._take_unknown())
                raise ended
            await self._finished.wait(heard)

    def _report(self, outcome: Outcome[T, R]) -> None:
        self._done += 1
        self._failed += not outcome.ok
        if self._on_progress is not None:
            self._on_progress(Progress(self._done, self._failed, self._total))

    async def _work(self) -> None:
        patience.set(self._max_wait)
        if self._capturing:
            from .._core.http.captured import capturing

            capturing.set(self._capturing)
        try:
            while not self._closed:
                entry = self._next()
                if entry is None:
                    return
                await self._hand_over(await self._try(*entry))
        except Exception as error:  # noqa: BLE001 - from the items; __anext__ raises it
            self._fatal = error
        except BaseException as error:
            if not self._closed:
                self._fatal = error
            raise
        finally:
            with self._lock:
                self._at_work -= 1
            self._finished.ring()

    def _next(self) -> tuple[int, T] | None:
        with self._lock:
            if self._exhausted:
                return None
            entry = next(self._items, None)
            if entry is None:
                self._exhausted = True
            else:
                self._begun += 1
            return entry

    async def _try(self, index: int, item: T) -> Outcome[T, R]:
        noted: list[OutcomeUnknown] = []
        self._unknown[index] = (item, noted)
        unknown_outcomes.set(noted)
        try:
            return Outcome(item, index, None, await self._function(item))
        except Exception as error:  # noqa: BLE001 - it is the item's outcome
            return Outcome(item, index, error)

    async def _hand_over(self, outcome: Outcome[T, R]) -> None:
        with self._lock:
            self._ready.append(outcome)
        self._finished.ring()
        while True:  # wait for a slow consumer, because the items may be endless
            heard = self._taken.count
            if len(self._ready) <= 2 * self._concurrency or self._closed:
                return
            await self._taken.wait(heard)
