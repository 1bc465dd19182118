"""What all groups share."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from ..._core.endpoints._base import Endpoint, arrange, text_of
from ..._core.settings import Settings
from ..channel import AsyncChannel

T = TypeVar("T")


class AsyncGroup:
    """A group of operations."""

    def __init__(self, channel: AsyncChannel, settings: Settings) -> None:
        self._channel = channel
        self._settings = settings

    async def _call(self, endpoint: Endpoint, type_: type[T], /, **values: object) -> T:
        path, params, json = arrange(endpoint, values)
        answer = await self._channel.call(
            endpoint.operation, type_, self._settings, path=path, params=params, json=json
        )
        return cast("T", text_of(answer)) if isinstance(answer, str) else answer

    async def _plain(self, endpoint: Endpoint, /, **values: object) -> Any:
        return await self._call(endpoint, cast("type[Any]", Any), **values)
