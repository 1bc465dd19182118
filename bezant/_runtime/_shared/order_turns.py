"""Order turns of the process: one set for each gateway, shared by all clients of the gateway."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..._core.pacing import order_turns as core
from ..._core.pacing.order_turns import AccountTurn, OrderResults, Outcome

T = TypeVar("T")


class OrderTurns:
    """Order turns of one gateway, safe for threads and event loops at once.

    An order turn lets an account have only one order in progress, including IBKR's questions about
    it.

    Attributes:
        questions: ids of the open questions.
    """

    def __init__(self) -> None:
        self.questions: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._turns = core.OrderTurns()
        self._wakers: dict[AccountTurn, Callable[[], None]] = {}
        self._watchers: set[Callable[[], None]] = set()
        # Changes are queued, because the garbage collector may end a call in a thread that already
        # holds the lock.
        self._changes: deque[Callable[[float], object]] = deque()
        self._expired: deque[AccountTurn] = deque()

    def enter(self, turn: AccountTurn, wake: Callable[[], None]) -> None:
        """Queue a turn; when it begins, set ``turn.granted`` and call ``wake``."""

        def change(_: float) -> None:
            self._wakers[turn] = wake
            self._turns.enter(turn)

        self._now(change)

    def blocker(self, turn: AccountTurn) -> tuple[AccountTurn | None, float]:
        """Return the turn for which `turn` waits, and the seconds until the returned turn expires.

        The result is None and 0 if `turn` does not have to wait.
        """

        def change(now: float) -> tuple[AccountTurn | None, float]:
            self._dispatch(now)
            found = None if turn.granted else self._turns.blocker(turn)
            return found, 0.0 if found is None else found.seconds_left(now)

        return self._now(change)

    def find_by_question(self, question: str) -> AccountTurn | None:
        """Return the turn that has an open question with this id; None if there is no such turn."""
        return self._now(lambda _: self._turns.find_by_question(question))

    def refresh(self, turn: AccountTurn, questions: Mapping[str, str] | None) -> None:
        """Set a turn's open questions to those in the state that the processes share.

        Pass None as `questions` if the turn has ended there.
        """
        self._now(lambda _: self._turns.refresh(turn, questions))

    def begin_reply(self, turn: AccountTurn, call: object, caller: object) -> None:
        """Record that a thread or task answers a question of a turn."""
        self._now(lambda _: self._turns.begin_reply(turn, call, caller))

    def finish(
        self,
        turn: AccountTurn,
        call: object,
        outcome: Outcome,
        results: OrderResults | None = None,
        question: str = "",
    ) -> None:
        """Record the result of an order call in its turn; the same call is recorded only once."""

        def change(now: float) -> None:
            self._turns.finish(turn, call, now, outcome, results, question)
            self._wakers.pop(turn, None)

        self._later(change)

    def watch(self, caller: object, wake: Callable[[], None]) -> float:
        """Register ``wake``; return how many seconds a call that is not about orders has to wait.

        0 means no wait. From now on, ``wake()`` runs whenever the turns change, until you pass
        ``wake`` to `unwatch`.
        """

        def change(now: float) -> float:
            self._watchers.add(wake)
            return self._turns.hold_back(caller, now)

        return self._now(change)

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Remove a watcher that `watch` has added."""
        self._later(lambda _: self._watchers.discard(wake))

    def take_expired(self) -> list[AccountTurn]:
        """Return the turns that ended because their questions expired, and forget these turns."""
        found: list[AccountTurn] = []
        while self._expired:
            found.append(self._expired.popleft())
        return found

    def _now(self, change: Callable[[float], T]) -> T:
        with self._lock:
            self._catch_up()
            now = time.monotonic()
            result = change(now)
            self._dispatch(now)
        self._drain()
        return result

    def _later(self, change: Callable[[float], object]) -> None:
        self._changes.append(change)
        self._drain()

    def _drain(self) -> None:
        # If the lock is taken, the thread that holds it makes the changes. Waiting for the lock
        # could block forever, because that thread may be this one, in a function further down its
        # stack.
        while self._changes and not self._lock.locked():
            with self._lock:
                self._catch_up()

    def _catch_up(self) -> None:
        if not self._changes:
            return
        now = time.monotonic()
        while self._changes:
            self._changes.popleft()(now)
        self._dispatch(now)
        for wake in self._watchers:
            wake()

    def _dispatch(self, now: float) -> None:
        begun, expired = self._turns.dispatch(now)
        self._expired.extend(expired)
        self.questions = self._turns.questions
        for turn in begun:
            wake = self._wakers.pop(turn, None)
            if wake is not None:
                wake()


_registry: dict[str, OrderTurns] = {}
_registry_lock = threading.Lock()


def order_turns_for(key: str) -> OrderTurns:
    """Return the order turns that this process keeps for a gateway.

    Args:
        key: the gateway's `gateway_key`.
    """
    with _registry_lock:
        found = _registry.get(key)
        if found is None:
            found = _registry[key] = OrderTurns()
        return found


def _reset_after_fork() -> None:
    # The child process gets a new lock, because a lock that another thread held during the fork
    # would stay locked.
    global _registry_lock
    _registry_lock = threading.Lock()
    _registry.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
