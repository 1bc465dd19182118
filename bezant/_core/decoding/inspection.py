"""Lock around msgspec's first inspection of each type.

msgspec publishes a type's description before it is complete. If another thread decodes into the
type at that moment, the interpreter crashes (docs/upstream-msgspec.md). A type that was inspected
once needs no lock. The runtime installs the lock, because the core must not use threads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, TypeVar

import msgspec

from ..._wire.field_types import read

T = TypeVar("T")

_lock: AbstractContextManager[object] = nullcontext()
_inspecting = False
_inspected: set[Hashable] = set()
_REMEMBERED: Final = 1024
# msgspec and the converters raise these errors for a value that they cannot read.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, ArithmeticError)


class Reentered(Exception):
    """Error: a signal handler or finaliser interrupts this thread's own inspection of a type.

    msgspec's description of the type is incomplete, and the thread cannot wait until it is
    complete.
    """


def use_lock(lock: AbstractContextManager[object]) -> None:
    """Install the lock, which must be reentrant."""
    global _lock
    _lock = lock


def inspect(build: Callable[[], T]) -> T:
    """Call a function that makes msgspec inspect a type, and return its result.

    Raises:
        Reentered: this thread is already in the middle of an inspection.
    """
    global _inspecting
    with _lock:
        if _inspecting:
            raise Reentered
        try:
            _inspecting = True
            return build()
        finally:
            _inspecting = False


def convert(value: object, type_: Any) -> Any:
    """Convert plain values to a type with msgspec, in its lax mode.

    Raises:
        Reentered: this thread is in the middle of an inspection.
        msgspec.ValidationError: the values do not fit the type.
        TypeError: msgspec cannot convert into the type.
    """
    if type_ not in _inspected:
        inspect(lambda: msgspec.json.Decoder(type_, dec_hook=read))
        if len(_inspected) >= _REMEMBERED:  # the program creates types at run time
            _inspected.clear()
        _inspected.add(type_)
    return msgspec.convert(value, type_, strict=False, dec_hook=read)
