"""Runtime of the blocking twin on threads: its public names."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

# The packages are imported here, because imports at a deeper level would make CPython map memory
# again and again for their frames.
from .._shared import http_packages  # noqa: F401  # pyright: ignore[reportUnusedImport]
from .._shared.limiters import ProcessRateLimiter, limiter_for
from .._shared.order_turns import OrderTurns, order_turns_for
from .concurrency import (
    Connecting,
    Event,
    Lock,
    Notifier,
    Owner,
    Promise,
    StateLock,
    Waker,
    Worker,
    call,
    call_within,
    chance,
    connecting,
    guarded,
    monotonic,
    sleep,
    wall_time,
)
from .http import HttpTransport

if TYPE_CHECKING:
    from .store import SharedLimitStore
    from .websocket import WebSocket

__all__ = [
    "Connecting",
    "Event",
    "HttpTransport",
    "Lock",
    "Notifier",
    "OrderTurns",
    "Owner",
    "ProcessRateLimiter",
    "Promise",
    "SharedLimitStore",
    "StateLock",
    "Waker",
    "WebSocket",
    "Worker",
    "call",
    "call_within",
    "caller",
    "chance",
    "connecting",
    "guarded",
    "limiter_for",
    "monotonic",
    "order_turns_for",
    "sleep",
    "wall_time",
]


def __getattr__(name: str) -> object:
    """Import the shared limits and the WebSocket with its libraries at their first use."""
    if name == "SharedLimitStore":
        from .store import SharedLimitStore

        return SharedLimitStore
    if name == "WebSocket":
        from .websocket import WebSocket

        return WebSocket
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


def caller() -> object:
    """Return an identity of the running thread that does not keep it alive; compare by ``==``."""
    return weakref.ref(threading.current_thread())
