"""Base class of the groups of operations in `client.api`."""

from __future__ import annotations

from typing import Any, TypeVar, cast

from ..._core.operations._arrange import arrange, text_of
from ..._core.operations._base import Endpoint
from ..._core.session.first_answer import (
    brings_nothing,
    is_empty,
    may_be_incomplete,
    never_empty,
    pause_before,
    requests_again,
)
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ..http.pipeline import AsyncPipeline

T = TypeVar("T")


class AsyncGroup:
    """Group of related operations, such as `client.api.portfolio`; each operation is a method."""

    def __init__(self, pipeline: AsyncPipeline, settings: Settings) -> None:
        self._pipeline = pipeline
        self._settings = settings

    async def _call(self, endpoint: Endpoint, type_: type[T], /, **values: object) -> T:
        path, params, json = arrange(endpoint, values)
        pipeline, operation = self._pipeline, endpoint.operation
        account = ""
        if operation.may_be_empty:
            params, account = await self._of_one_account(endpoint, params)
        first = operation.may_be_empty and pipeline.is_new(operation, account)
        answer = await pipeline.call(
            operation, type_, self._settings, path=path, params=params, json=json
        )
        if operation.may_be_empty:
            pipeline.started(operation, account)
        searchable = operation.empty_until_searched and values.get("conid") is not None
        if searchable and is_empty(answer):
            # imported here because it is rarely needed
            from ..http.underlying import search_underlying

            await search_underlying(pipeline, self._settings, operation, values.get("conid"))
            answer = await pipeline.call(
                operation, type_, self._settings, path=path, params=params, json=json
            )
        again = first and not brings_nothing(values) and may_be_incomplete(answer)
        if not again and is_empty(answer):
            again = await pipeline.was_not_ready(operation, self._settings)
        if again:
            answer = await pipeline.call(
                operation, type_, self._settings, path=path, params=params, json=json
            )
        if operation.empty_until_ready or operation.never_empty:
            account = str(values.get("account_id", ""))
            times = requests_again(operation, new=pipeline.is_new(operation, account))
            if operation.empty_without_positions and is_empty(answer):
                # imported here because it is rarely needed
                from ..http.holdings import hold_nothing

                if await hold_nothing(pipeline, self._settings):
                    return answer
            for number in range(1, times + 1):
                if not is_empty(answer):
                    break
                await rt.sleep(pause_before(number))
                answer = await pipeline.call(
                    operation, type_, self._settings, path=path, params=params, json=json
                )
            if operation.never_empty and is_empty(answer):
                raise never_empty(operation)
            pipeline.started(operation, account)
        return cast("T", text_of(answer)) if isinstance(answer, str) else answer

    async def _of_one_account(
        self, endpoint: Endpoint, params: dict[str, object] | None
    ) -> tuple[dict[str, object] | None, str]:
        """Return the query parameters of a request for a list, and the account id among them.

        If `params` contains no account id and the session has only one account, the method adds its
        id. If the parameters still contain no account id, the second value is an empty string.

        The reason: gateways have been seen to send an empty list if a request names no account.
        """
        wire = endpoint.query["account_id"]
        asked = dict(params or {})
        if wire not in asked:
            accounts = await self._pipeline.trading_accounts(self._settings)
            if len(accounts) == 1:
                asked[wire] = accounts[0]
        return asked or None, str(asked.get(wire, ""))

    async def _plain(self, endpoint: Endpoint, /, **values: object) -> Any:
        return await self._call(endpoint, cast("type[Any]", Any), **values)
