"""Reserves the rate limit slot of one request in the store that several processes share."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Final

from ..._core.http.operation import Operation
from ..._core.pacing.limiter import QueuedCall
from ..._core.pacing.shared import (
    Denied,
    Reservation,
    Shared,
    StoreError,
    announce,
    penalise,
    release,
    reserve,
)
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...errors import PacingError

_logger = logging.getLogger("bezant.pacing")

# Seconds added to a call's timeout, because the gateway may be busy with the call for longer than
# the client waits for it.
_GRACE: Final = 5.0


class AsyncSharedSlot:
    """Rate limit slot of one request in the shared store: reserved before the request is sent."""

    def __init__(
        self, limit_store: rt.SharedLimitStore, operation: Operation, settings: Settings
    ) -> None:
        self._limit_store = limit_store
        self._operation = operation
        self._settings = settings
        self._token = ""

    async def announce(self, seconds: float) -> None:
        """Announce this urgent call to the other processes, so that they hold back their reads."""
        self._token = os.urandom(16).hex()
        with contextlib.suppress(StoreError):  # `reserve` reports the error
            change = partial(announce, token=self._token, seconds=seconds)
            await self._limit_store.change(change, self._token)

    async def reserve(
        self, queued: QueuedCall, *, forgive: bool, hold: float, known: frozenset[str]
    ) -> Denied | None:
        """Reserve the slot; return None if it was reserved, otherwise the store's denial.

        Args:
            queued: the request in its process's queue.
            forgive: whether the user ended the penalty with `end_penalty`.
            hold: seconds for which the call may still wait while IBKR's questions about orders of
                other processes are open.
            known: ids of those of IBKR's open questions that are about orders of this process.

        Raises:
            PacingError: the store cannot be used.
        """
        self._token = self._token or os.urandom(16).hex()
        lease = self._settings.timeout + _GRACE
        reservation = Reservation.of(
            queued, self._token, lease, forgive=forgive, hold=hold, known=known
        )
        try:
            return await self._limit_store.change(
                partial(reserve, reservation=reservation), self._token
            )
        except StoreError as error:
            # a tickle per minute is within every limit, and keeps the session alive
            if queued.is_tickle:
                _logger.warning("%s; the tickle is sent anyway", error)
                return None
            raise PacingError(
                f"{error}. The number of requests of other processes is not known, so nothing was "
                "sent",
                operation=self._operation.name,
                retry_after=1.0,
            ) from error

    async def penalise(self, seconds: float | None) -> None:
        """Record the gateway's penalty: all processes send no requests until the penalty ends."""
        await self._settle(partial(penalise, seconds=seconds), f"{self._token} penalty")

    async def release(self, queued: QueuedCall) -> None:
        """Release the slot. You may call this method twice."""
        if self._token:
            change = partial(release, token=self._token, return_time=queued.return_time)
            await self._settle(change, self._token)

    async def _settle(self, change: Callable[[Shared, float], None], token: str) -> None:
        try:
            await self._limit_store.settle(change, token)
        except StoreError as error:  # harmless: the call has ended, and its slot expires by itself
            _logger.warning("%s", error)
