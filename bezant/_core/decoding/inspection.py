"""Lock around msgspec's first inspection of each type.

msgspec publishes a type's description before it is complete. If another thread decodes into the
type at that moment, the interpreter crashes (docs/upstream-msgspec.md). Once msgspec has inspected
a type, decoding into it needs no lock. `use_lock` installs the lock, because the modules in `_core`
must not use threads themselves.
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
# The errors that msgspec and bezant's converters raise for a value that they cannot read.
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError, ArithmeticError)


class Reentered(Exception):
    """Raised if a signal handler or finaliser needs a type while its own thread inspects one.

    msgspec's description of the type is then incomplete. The thread cannot wait until it is
    complete, because the interrupted code continues only after the handler.
    """


def use_lock(lock: AbstractContextManager[object]) -> None:
    """Install the lock for inspections of types; `lock` must be reentrant."""
    global _lock
    _lock = lock


def inspect(build: Callable[[], T]) -> T:
    """Call `build`, which makes msgspec inspect a type, under the lock, and return its result.

    Raises:
        Reentered: this thread already runs an inspection, which a signal or finaliser interrupted.
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
    """Convert plain values to a type with msgspec's lax mode, which also accepts numbers as text.

    Raises:
        Reentered: this thread already runs an inspection, which a signal or finaliser interrupted.
        msgspec.ValidationError: the values do not fit the type.
        TypeError: msgspec does not support the type.
    """
    if type_ not in _inspected:
        inspect(lambda: msgspec.json.Decoder(type_, dec_hook=read))
        if len(_inspected) >= _REMEMBERED:  # limits memory if types are made at run time
            _inspected.clear()
        _inspected.add(type_)
    return msgspec.convert(value, type_, strict=False, dec_hook=read)
