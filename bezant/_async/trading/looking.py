"""Looks for the results of lost calls in an account's lists."""

from __future__ import annotations

from collections.abc import Callable

from ..._core.trading import lookup
from ..._core.trading.lookup import Change, Lookup, Verdict
from ..._runtime import _async as rt
from ..._wire.order_status import state_of_order
from ...errors import BezantError, ClientClosed, NotFound, WrongContext
from ...models._base import peek
from ...models.orders import OrderStatus
from ..client import AsyncClient
from .desk import AsyncOrderDesk, logger

# Seconds between two looks at an order's status.
_PAUSE = 1.0


async def look(desk: AsyncOrderDesk, search: Lookup, seconds: float) -> Verdict:
    """Look for lost orders until their result is known, or until the time is up.

    Args:
        desk: state of the account.
        search: the orders to look for.
        seconds: the longest time to look.
    """
    deadline = rt.monotonic() + seconds
    forced = False
    while True:
        began = rt.monotonic()
        client = _hurried(desk, deadline)
        try:
            await _look_once(desk, client, search, forced=forced)
        except (ClientClosed, WrongContext):
            raise
        except BezantError as error:
            logger.info("looking for a lost order: %s", error)
        verdict = search.verdict
        if verdict in (Verdict.FOUND, Verdict.ABSENT):
            return verdict
        forced = True
        pause = began + lookup.LIST_INTERVAL - rt.monotonic()
        if verdict is Verdict.MISSING and search.asked_until > began:
            # More lists prove nothing until the question has expired.
            pause = search.asked_until - rt.monotonic()
            if search.asked_until + lookup.LIST_INTERVAL >= deadline:
                return verdict
        if rt.monotonic() + max(pause, 0.0) >= deadline:
            return verdict
        if pause > 0:
            await rt.sleep(pause)


def _hurried(desk: AsyncOrderDesk, deadline: float) -> AsyncClient:
    """Return a client whose calls do not take longer than the rest of the time."""
    settings = desk.client._settings
    left = max(deadline - rt.monotonic(), 1.0)
    return desk.client.with_options(
        timeout=min(settings.timeout, left), max_wait=min(settings.max_wait, left)
    )


async def _look_once(
    desk: AsyncOrderDesk, client: AsyncClient, search: Lookup, *, forced: bool
) -> None:
    if forced:
        # The gateway caches its list. This call drops the cache.
        await client.api.orders.get_open_orders(force=True, account_id=desk.account_id)
    asked = rt.monotonic()
    orders = await client.orders(desk.account_id)
    search.listed(orders, asked, complete=forced)
    if search.verdict is Verdict.PARENT_ONLY and search.parent_id is not None:
        status = await client.api.orders.get_order_status(order_id=search.parent_id)
        search.children(status)
        search.listed(orders, asked, complete=False)
    if not search.found:
        search.executed(await client.trades(account_id=desk.account_id))


async def look_at(
    desk: AsyncOrderDesk,
    order_id: int,
    seconds: float,
    judge: Callable[[OrderStatus, float], bool],
) -> None:
    """Look at an order's status until a function says that it is enough, or the time is up.

    Args:
        desk: state of the account.
        order_id: id of the order.
        seconds: the longest time to look.
        judge: function called with each status and the time; it returns True to end the search.
    """
    deadline = rt.monotonic() + seconds
    while True:
        client = _hurried(desk, deadline)
        try:
            status = await client.api.orders.get_order_status(order_id=order_id)
            if judge(status, rt.monotonic()):
                return
        except (ClientClosed, WrongContext, NotFound):
            raise
        except BezantError as error:
            logger.info("looking at order %d: %s", order_id, error)
        pause = min(_PAUSE, max(lookup.LIST_INTERVAL, 0.01))
        if rt.monotonic() + pause >= deadline:
            return
        await rt.sleep(pause)


async def look_for_change(
    desk: AsyncOrderDesk, order_id: int, change: Change, seconds: float
) -> bool:
    """Look for the effect of a lost modification; return whether the order has ended.

    The object ``change`` then has the result.
    """
    ended: list[bool] = []
    too_late = change.asked_until + lookup.LIST_INTERVAL >= rt.monotonic() + seconds

    def judge(status: OrderStatus, now: float) -> bool:
        change.told(status, now)
        if state_of_order(peek(status, "status"), status.order_ccp_status).final:
            ended.append(True)
        if ended or change.applied or change.absent:
            return True
        return too_late and change.unchanged

    await look_at(desk, order_id, seconds, judge)
    return bool(ended)
