"""Reserves market data lines, and releases lines that only old snapshots use."""

from __future__ import annotations

import logging
from collections.abc import Iterable

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


class AsyncReservation:
    """Market data lines reserved for contracts during a ``with`` block.

    At the beginning of the block, the lines of old snapshots are released if necessary.
    """

    def __init__(self, pipeline: AsyncPipeline, settings: Settings, contracts: list[str]) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._contracts = contracts

    async def __aenter__(self) -> None:
        limiter = self._pipeline.limiter
        surplus = limiter.reserve_lines(self._contracts, self._settings.max_market_data_lines)
        try:
            await release(self._pipeline, self._settings, surplus)
        except BaseException:
            limiter.unreserve_lines(self._contracts)
            raise

    async def __aexit__(self, *exc_info: object) -> None:
        self._pipeline.limiter.unreserve_lines(self._contracts)
