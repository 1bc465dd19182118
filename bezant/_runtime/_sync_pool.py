"""The threads side's connections: each is used by one thread at a time.

httpcore's own pool is not shared between threads: it looks whether a connection is idle outside any
lock, and now and then closes one that another thread has just begun to use.
"""

from __future__ import annotations

import threading
import time

import httpx

from .._core.settings import Settings
from .._core.wire import TransportTrouble, Trouble
from ._shared import Attempt, tls_context
from ._sync_network import Backend


class Lane:
    """At most one connection, opened when it is first used and again when it was lost."""

    def __init__(self, settings: Settings) -> None:
        self.transport = httpx.HTTPTransport(
            verify=tls_context(settings.tls) if settings.tls.mode != "none" else False,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=None),
            proxy=settings.proxy,
        )
        # httpx makes it from its own parameters, but has none for the network backend.
        self.pool = self.transport._pool  # noqa: SLF001
        self.pool._network_backend = Backend()  # noqa: SLF001


class Lanes:
    """A bounded number of connections; who finds none free waits for one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._freed = threading.Condition()
        # The one used last is taken first, so that the others can be spared.
        self._free: list[Lane] = []
        self._lanes = 0

    def take(self, attempt: Attempt) -> Lane:
        """Return a connection that nobody else uses until it is given back.

        Raises:
            TransportTrouble: none was free before the deadline, or the call was stopped.
        """
        attempt.stream = self
        with self._freed:
            while not self._free and self._lanes >= self._settings.max_connections:
                if attempt.aborted:
                    raise TransportTrouble(Trouble.STOPPED, "stopped", sent=False)
                left = attempt.deadline - time.monotonic()
                if left <= 0:
                    detail = "all connections of this client are in use"
                    raise TransportTrouble(Trouble.TIMEOUT, detail, sent=False)
                self._freed.wait(left)
            if self._free:
                return self._free.pop()
            lane = Lane(self._settings)
            self._lanes += 1
            return lane

    def give_back(self, lane: Lane) -> None:
        """Let somebody else use a connection."""
        with self._freed:
            self._free.append(lane)
            self._freed.notify()

    def abort(self) -> None:
        """Wake those who wait, to see whether they were stopped."""
        with self._freed:
            self._freed.notify_all()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._freed:
            free, self._free = self._free, []
        for lane in free:
            lane.transport.close()
