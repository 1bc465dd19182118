"""Releases market data lines that only old snapshots use."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ..._core.marketdata.lines import DEFAULT_LINES
from ..._core.operations.market_data import CLOSE_MD_STREAM
from ..._core.settings.settings import Settings
from ...errors import ApiError
from ..http.pipeline import AsyncPipeline

_logger = logging.getLogger("bezant.http")


async def release(pipeline: AsyncPipeline, settings: Settings, contracts: Iterable[str]) -> None:
    """End the subscriptions of contracts (``POST /iserver/marketdata/unsubscribe``)."""
    for contract in contracts:
        try:
            await pipeline.call(
                CLOSE_MD_STREAM.operation, type(None), settings, json={"conid": int(contract)}
            )
        except ApiError as error:
            _logger.info("the market data line of %s has ended already: %s", contract, error)


async def make_room(pipeline: AsyncPipeline, settings: Settings, contracts: list[str]) -> None:
    """Release lines of old snapshots if IBKR's limit leaves too few lines for the contracts."""
    surplus, count = pipeline.limiter.surplus_lines(contracts)
    await release(pipeline, settings, surplus)
    if count > DEFAULT_LINES:
        _logger.warning(
            "%d contracts have market data, and IBKR gives %d lines by default; further contracts "
            "may receive nothing",
            count,
            DEFAULT_LINES,
        )
