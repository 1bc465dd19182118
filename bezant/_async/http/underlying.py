"""Searches for the symbol of an underlying, which some calls need before they return data."""

from __future__ import annotations

from typing import Any, cast

from ..._core.contracts.definitions import ticker_in
from ..._core.http.operation import Operation
from ..._core.operations.contracts import GET_INSTRUMENT_DEFINITION, SEARCH_CONTRACTS
from ..._core.settings.settings import Settings
from ...errors import ApiError, IncompleteList
from .pipeline import AsyncPipeline


async def search_underlying(
    pipeline: AsyncPipeline, settings: Settings, operation: Operation, conid: object
) -> None:
    """Search for the symbol of a contract (``GET /iserver/secdef/search``).

    Raises:
        IncompleteList: the contract's symbol cannot be found. If the operation returns an empty
            response then, data may exist nevertheless.
    """
    symbol = None
    cause: ApiError | None = None
    try:
        found = await pipeline.call(
            GET_INSTRUMENT_DEFINITION.operation,
            cast("type[object]", Any),
            settings,
            params={"conids": str(conid)},
        )
    except ApiError as error:
        cause = error
    else:
        symbol = ticker_in(found)
    if symbol is None:
        raise IncompleteList(
            "the response is empty, which proves nothing: IBKR sends empty lists until the session "
            "has searched for the symbol, and the symbol of this contract could not be found; call "
            "client.api.contracts.search_contracts(symbol=...) first",
            operation=operation.name,
        ) from cause
    await pipeline.call(SEARCH_CONTRACTS.operation, type(None), settings, params={"symbol": symbol})
