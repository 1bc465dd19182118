"""Checks whether the session's accounts hold positions, for calls that are empty without any."""

from __future__ import annotations

from urllib.parse import quote

from ..._core.operations.portfolio import GET_PAGINATED_POSITIONS
from ..._core.session.first_answer import pause_before
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...errors import ApiError
from .pipeline import AsyncPipeline


async def hold_nothing(pipeline: AsyncPipeline, settings: Settings) -> bool:
    """Return whether no account of the session has a position.

    The result is False if that is not known, for example because the gateway lists no accounts.
    """
    operation = GET_PAGINATED_POSITIONS.operation
    accounts = await pipeline.trading_accounts(settings)
    for account in accounts:
        path = f"/portfolio/{quote(account, safe='')}/positions/0"
        try:
            rows = await pipeline.call(operation, list[object], settings, path=path)
            if not rows:  # the first response may be empty although there are positions
                await rt.sleep(pause_before(1))
                rows = await pipeline.call(operation, list[object], settings, path=path)
        except ApiError:
            return False
        if rows:
            return False
    return bool(accounts)
