"""The topics of orders and executions, for one WebSocket connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from .._wire_forms.orders import execution_row, order_row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._market.orders import Order
    from .._state.state import State

Message = dict[str, Any]
_DAY = 86_400.0


def arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a command, none where they can't be read."""
    try:
        found: object = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def texts(given: object) -> list[str]:
    """Return what a list in a command's arguments names, none where it is no list."""
    return [str(each) for each in cast("list[object]", given)] if isinstance(given, list) else []


class OrderFeed:
    """What was told of each order: the whole once, then what changes."""

    def __init__(self, state: State, given: dict[str, Any]) -> None:
        self._state = state
        # "PreSubmitted" and "pre_submitted" both occur.
        self._wanted = {each.replace("_", "").lower() for each in texts(given.get("filters"))} - {
            "sortbytime"
        }
        self._told: dict[int, tuple[object, Message]] = {}
        if given.get("realtimeUpdatesOnly") is True:
            for _ in self.tick():
                pass

    def tick(self) -> Iterator[Message]:
        """Yield what changed since the last tick."""
        state = self._state
        if state.session.orders_filtered:
            # A filtered list over REST silences the stream until one is forced.
            return
        since = state.clock.now() - _DAY
        with state.trading.now() as exchange:
            rows = [
                delta
                for order in exchange.orders.values()
                if (delta := self._change(order, since)) is not None
            ]
        if rows:
            yield {"topic": "sor", "args": rows}

    def _change(self, order: Order, since: float) -> Message | None:
        told = self._told.get(order.order_id)
        state = (order.status, order.filled, order.spec, order.updated)
        if told is not None and told[0] == state:
            return None
        if told is None and order.done and order.updated < since:
            return None
        if self._wanted and order.status.lower() not in self._wanted:
            return None
        contract = self._state.catalogue.contracts[order.spec.conid]
        row = order_row(order, contract, self._state.account_id)
        self._told[order.order_id] = (state, row)
        old = told[1] if told is not None else {}
        delta = {key: value for key, value in row.items() if old.get(key) != value}
        return {"orderId": order.order_id} | delta if delta else None


class TradeFeed:
    """Which executions were told."""

    def __init__(self, state: State, given: dict[str, Any]) -> None:
        self._state = state
        days: object = given.get("days")
        self._since = state.clock.now() - (days if isinstance(days, int) else 1) * _DAY
        self._told = 0
        if given.get("realtimeUpdatesOnly") is True:
            with state.trading.now() as exchange:
                self._told = len(exchange.executions)

    def tick(self) -> Iterator[Message]:
        """Yield the executions since the last tick."""
        state = self._state
        with state.trading.now() as exchange:
            fresh = exchange.executions[self._told :]
            self._told = len(exchange.executions)
        rows = [
            execution_row(each, state.catalogue.contracts[each.conid], state.account_id)
            for each in fresh
            if each.when >= self._since
        ]
        if rows:
            # The commission is known a little later: the execution is told twice.
            yield {"topic": "str", "args": [_without_commission(row) for row in rows]}
            yield {"topic": "str", "args": rows}


def _without_commission(row: Message) -> Message:
    return {key: value for key, value in row.items() if key != "commission"}
