"""Runtime on asyncio, for the asynchronous client: its public names."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

# The packages are imported here and not by functions called later: at a greater depth of the stack,
# CPython would allocate and free memory for the frames of the imports again and again.
from .._shared import http_packages  # noqa: F401  # pyright: ignore[reportUnusedImport]
from .._shared.contract_store import ContractStore
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
    run_blocking,
    sleep,
    wall_time,
)
from .http import HttpTransport

if TYPE_CHECKING:
    from .store import SharedLimitStore
    from .websocket import WebSocket

__all__ = [
    "Connecting",
    "ContractStore",
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
    "run_blocking",
    "sleep",
    "wall_time",
]


def __getattr__(name: str) -> object:
    """Import the store of shared limits, or the WebSocket with its libraries, on first use."""
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
    """Return a value that identifies the running task; compare such values by ``==``.

    The value does not keep the task alive.
    """
    task = asyncio.current_task()
    return object() if task is None else weakref.ref(task)
