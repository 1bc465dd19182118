"""What all groups share."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from ..._core.endpoints._base import Endpoint, arrange, text_of
from ..._core.lists import brings_nothing, may_be_more
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
        channel, operation = self._channel, endpoint.operation
        first = endpoint.starts and channel.is_new(operation)
        answer = await channel.call(
            operation, type_, self._settings, path=path, params=params, json=json
        )
        if endpoint.starts:
            channel.started(operation)
        if first and not brings_nothing(values) and may_be_more(answer):
            answer = await channel.call(
                operation, type_, self._settings, path=path, params=params, json=json
            )
        return cast("T", text_of(answer)) if isinstance(answer, str) else answer

    async def _plain(self, endpoint: Endpoint, /, **values: object) -> Any:
        return await self._call(endpoint, cast("type[Any]", Any), **values)
