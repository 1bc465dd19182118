"""WebSocket topic `sor`: orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._wire_forms.orders import fresh, order_row
from .messages import arguments, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._market.orders import Order
    from .._state.state import State
    from .messages import Message

_DAY = 86_400.0
# Values of a new order in its first three messages: `_NEW`, then each of `_STEPS`. Recorded from
# IBKR in 2026.
_NEW = {
    "status": "Inactive",
    "order_ccp_status": "Pending Submit",
    "bgColor": "#000000",
    "fgColor": "#AFAFAF",
}
_STEPS = (
    {"status": "PendingSubmit", "fgColor": "#3399CC"},
    {"status": "PreSubmitted", "bgColor": "#FFFFFF", "fgColor": "#997EE5"},
)


class Orders:
    """Subscription to orders.

    An order's first row and the row of a pending cancellation have all values, other rows only the
    changes.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._active = False
        self._wanted: set[str] = set()
        self._sent: dict[int, tuple[object, Message]] = {}
        self._known = 0

    def begin(self, rest: str) -> Iterator[Message]:
        """Begin the subscription, and yield the message with all orders.

        With the argument `realtimeUpdatesOnly`, no message is sent until an order changes.

        Args:
            rest: the client's command without `sor+`.
        """
        given = arguments(rest)
        self._active = True
        # IBKR accepts a status in two spellings, such as "PreSubmitted" and "pre_submitted".
        self._wanted = {each.replace("_", "").lower() for each in texts(given.get("filters"))} - {
            "sortbytime"
        }
        self._sent = {}
        with self._state.trading.now() as exchange:
            self._known = max(exchange.orders, default=0)
        if given.get("realtimeUpdatesOnly") is True:
            for _ in self.tick():
                pass
        yield from self.tick()

    def end(self, _rest: str) -> Iterator[Message]:
        """End the subscription. As at IBKR, there is no response."""
        self._active = False
        yield from ()

    def tick(self) -> Iterator[Message]:
        """Yield messages with the changes of orders since the last call."""
        state = self._state
        # As at IBKR, once a client requests a filtered list of orders over REST, this topic stays
        # silent until a list is requested with `force=true`.
        if not self._active or state.session.orders_filtered:
            return
        since = state.clock.now() - _DAY
        with state.trading.now() as exchange:
            beginnings = [
                row
                for order in exchange.orders.values()
                if order.order_id > self._known and not self._wanted
                for row in self._beginning(order)
            ]
            self._known = max(exchange.orders, default=0)
            rows = [
                delta
                for order in exchange.orders.values()
                if (delta := self._change(order, since)) is not None
            ]
        for row in beginnings:
            yield {"topic": "sor", "args": [row]}
        if rows:
            yield {"topic": "sor", "args": rows}

    def _beginning(self, order: Order) -> Iterator[Message]:
        """Yield the first three rows of a new order, which come before the row with its status.

        As at IBKR, the first row says `Inactive`. This does not mean that the order was refused.
        """
        contract = self._state.catalogue.contracts[order.spec.conid]
        row = order_row(fresh(order), contract, self._state.account_id)
        row |= {"outsideRTH": order.spec.outside_rth, **_NEW}
        yield dict(row)
        head = {"acct": self._state.account_id, "orderId": order.order_id}
        for step in _STEPS:
            yield head | step
            row |= step
        self._sent[order.order_id] = (None, row)

    def _change(self, order: Order, since: float) -> Message | None:
        sent = self._sent.get(order.order_id)
        version = (order.status, order.filled, order.spec, order.updated)
        if sent is not None and sent[0] == version:
            return None
        if sent is None and order.done and order.updated < since:
            return None
        if self._wanted and order.status.lower() not in self._wanted:
            return None
        contract = self._state.catalogue.contracts[order.spec.conid]
        row = order_row(order, contract, self._state.account_id)
        self._sent[order.order_id] = (version, row)
        # As recorded, the row that says `PendingCancel` has all values again.
        old = {} if sent is None or order.status == "PendingCancel" else sent[1]
        delta = {key: value for key, value in row.items() if old.get(key) != value}
        head = {"acct": self._state.account_id, "orderId": order.order_id}
        return head | delta if delta else None
