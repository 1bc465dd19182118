"""Shared limit store on threads."""

from __future__ import annotations

from typing import TypeVar

from ..._core.settings.connection import PacingStore
from .._shared.stores import Change, open_store

T = TypeVar("T")


class SharedLimitStore:
    """State that several processes share about one gateway, in a file or on a Redis server."""

    def __init__(self, place: PacingStore) -> None:
        self._store = open_store(place)

    def change(self, change: Change[T], token: str = "") -> T:
        """Change the state in one transaction, and return the result of ``change``.

        Args:
            change: function that changes the state.
            token: unique name of the call; only the runtime on asyncio needs it.

        Raises:
            StoreError: the store cannot be used.
        """
        del token
        return self._store.change(change)

    def settle(self, change: Change[None], token: str) -> None:
        """Make the last change of a call, which must not be lost.

        Args:
            change: function that changes the state; calling it twice must do no harm.
            token: unique name of the call; only the runtime on asyncio needs it.

        Raises:
            StoreError: the store cannot be used.
        """
        del token
        self._store.change(change, always=True)

    def close(self) -> None:
        """Close the connections.

        Calls that are ending may still use the store afterwards, to release their slots.
        """
        self._store.close()
