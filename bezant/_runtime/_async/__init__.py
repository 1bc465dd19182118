"""The asyncio side of the pair."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING

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
    monotonic,
    sleep,
    wall_time,
)
from .http import HttpTransport
from .store import SharedLimitStore

if TYPE_CHECKING:
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
    "limiter_for",
    "monotonic",
    "order_turns_for",
    "sleep",
    "wall_time",
]


def __getattr__(name: str) -> object:
    """Load the WebSocket, and with it the WebSocket libraries, with the first stream."""
    if name != "WebSocket":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .websocket import WebSocket

    return WebSocket


def __dir__() -> list[str]:
    return __all__


def caller() -> object:
    """Return what identifies the task, without keeping it alive; compare with ``==``."""
    task = asyncio.current_task()
    return object() if task is None else weakref.ref(task)
