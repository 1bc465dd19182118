"""Lock around msgspec's first inspection of a type: one for all clients of the process."""

from __future__ import annotations

import os
import threading

from ..._core.decoding.inspection import use_lock

# The lock is reentrant, because the garbage collector and signal handlers may run in the thread
# that holds it.
_lock = threading.RLock()


def lock_inspections() -> None:
    """Make the core use this lock for inspections. You may call this function twice."""
    use_lock(_lock)


def _start_anew() -> None:
    global _lock
    _lock = threading.RLock()
    use_lock(_lock)


def _before_fork() -> None:
    # The lock is held during a fork, because a fork in the middle of an inspection would leave the
    # type half inspected in the child.
    _lock.acquire()


def _after_fork() -> None:
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_start_anew
    )
