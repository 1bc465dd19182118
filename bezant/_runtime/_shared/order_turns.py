"""The order turns of each gateway: one set for the whole process, for both twins alike."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..._core.pacing import order_turns as core
from ..._core.pacing.order_turns import AccountTurn, Outcome, Told

T = TypeVar("T")


class OrderTurns:
    """A gateway's order turns, safe for threads and event loops at once.

    Attributes:
        questions: the ids of the open questions.
    """

    def __init__(self) -> None:
        self.questions: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._turns = core.OrderTurns()
        self._wakers: dict[AccountTurn, Callable[[], None]] = {}
        self._watchers: set[Callable[[], None]] = set()
        # The garbage collector may end a call in a thread that holds the lock: its changes wait.
        self._changes: deque[Callable[[float], object]] = deque()
        self._expired: deque[AccountTurn] = deque()

    def enter(self, turn: AccountTurn, wake: Callable[[], None]) -> None:
        """Queue a request; ``turn.granted`` says whether it may go, ``wake`` is called then."""

        def change(_: float) -> None:
            self._wakers[turn] = wake
            self._turns.enter(turn)

        self._now(change)

    def blocker(self, turn: AccountTurn) -> tuple[AccountTurn | None, float]:
        """Return the turn that a queued one waits for, and the seconds until it ends by itself."""

        def change(now: float) -> tuple[AccountTurn | None, float]:
            self._dispatch(now)
            found = None if turn.granted else self._turns.blocker(turn)
            return found, 0.0 if found is None else found.seconds_left(now)

        return self._now(change)

    def asked_about(self, question: str) -> AccountTurn | None:
        """Return the turn with this open question, or None."""
        return self._now(lambda _: self._turns.asked_about(question))

    def refresh(self, turn: AccountTurn, questions: Mapping[str, str] | None) -> None:
        """Note what all processes know of a turn's questions; None where it has ended."""
        self._now(lambda _: self._turns.refresh(turn, questions))

    def begin_reply(self, turn: AccountTurn, call: object, caller: object) -> None:
        """Note that a question of a turn is being answered, and by whom."""
        self._now(lambda _: self._turns.begin_reply(turn, call, caller))

    def finish(
        self,
        turn: AccountTurn,
        call: object,
        outcome: Outcome,
        told: Told | None = None,
        question: str = "",
    ) -> None:
        """Note how a call of a turn ended. Doing so twice is fine."""

        def change(now: float) -> None:
            self._turns.finish(turn, call, now, outcome, told, question)
            self._wakers.pop(turn, None)

        self._later(change)

    def watch(self, caller: object, wake: Callable[[], None]) -> float:
        """Return how long a call that is no order waits; ``wake`` is called when a turn changes."""

        def change(now: float) -> float:
            self._watchers.add(wake)
            return self._turns.hold_back(caller, now)

        return self._now(change)

    def unwatch(self, wake: Callable[[], None]) -> None:
        """Remove a watcher."""
        self._later(lambda _: self._watchers.discard(wake))

    def take_expired(self) -> list[AccountTurn]:
        """Return the turns that ended because their questions ran out, each once."""
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
        # Whoever holds the lock makes the changes: it may be this thread, further down its stack.
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
    """Return the order turns of a gateway.

    Args:
        key: names the gateway.
    """
    with _registry_lock:
        found = _registry.get(key)
        if found is None:
            found = _registry[key] = OrderTurns()
        return found


def _start_anew() -> None:
    # A lock that another thread held during the fork would stay locked in the child.
    global _registry_lock
    _registry_lock = threading.Lock()
    _registry.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
