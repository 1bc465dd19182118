"""A toy bot: it buys a stock at a limit, once, and takes its orders back when told to.

It shows what every bot needs: a name of its own for each order, so that an order whose answer was
lost is found again and never placed twice, and answers to the questions that the gateway asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import bezant
from bezant.models.orders import LiveOrder, OrderReply, OrderTicket

# "The limit is further from the market than usual": meant so. Any other question is a reason to
# stop and look.
EXPECTED_QUESTIONS = {"o163"}
ENDED = {"Filled", "Cancelled", "Inactive"}


class UnexpectedQuestionError(Exception):
    """The gateway asked something about an order that the bot has no answer to."""


@dataclass
class Bot:
    """Buys for one account.

    Attributes:
        client: the way to the gateway.
        account_id: the account.
        name: what all names of its orders begin with.
    """

    client: bezant.Client
    account_id: str
    name: str = "toy"

    def buy(self, symbol: str, quantity: Decimal, limit: Decimal) -> int:
        """Place an order for the day, unless there is one already; return its id."""
        reference = f"{self.name}-{symbol}"
        known = self._find(reference)
        if known is not None:
            return known
        conid = bezant.SymbolCache(self.client).conid_for(symbol)
        ticket = OrderTicket(
            conid=conid,
            side="BUY",
            order_type="LMT",
            time_in_force="DAY",
            quantity=quantity,
            price=limit,
            client_order_id=reference,
        )
        try:
            return self._place(ticket)
        except bezant.OutcomeUnknown:
            # It may have been placed or not: never send it again without having looked.
            placed = self._find(reference)
            if placed is None:
                raise
            return placed

    def cancel_all(self) -> list[int]:
        """Take back what has not been filled; return the orders' ids."""
        cancelled: list[int] = []
        for order in self.orders():
            if order.order_id and order.status not in ENDED:
                self.client.api.orders.cancel_open_order(
                    account_id=self.account_id, order_id=order.order_id
                )
                cancelled.append(order.order_id)
        return cancelled

    def orders(self) -> list[LiveOrder]:
        """Return the bot's own orders of today, those that have ended too."""
        mark = f"{self.name}-"
        today = self.client.orders(self.account_id)
        return [each for each in today if (each.client_order_id or "").startswith(mark)]

    def held(self, symbol: str) -> Decimal:
        """Return how much of a stock the account holds."""
        conid = bezant.SymbolCache(self.client).conid_for(symbol)
        for position in self.client.all_positions(self.account_id):
            if position.conid == conid:
                return position.quantity or Decimal(0)
        return Decimal(0)

    def _find(self, reference: str) -> int | None:
        for order in self.orders():
            if order.client_order_id == reference and order.order_id:
                return order.order_id
        return None

    def _place(self, ticket: OrderTicket) -> int:
        orders = self.client.api.orders
        reply = _only(orders.submit_new_orders(account_id=self.account_id, orders=[ticket]))
        while not reply.order_id:
            unexpected = set(reply.message_ids or []) - EXPECTED_QUESTIONS
            if unexpected or not reply.id:
                raise UnexpectedQuestionError(f"{unexpected}: {reply.message}")
            reply = _only(orders.confirm_order_reply(reply_id=reply.id, confirmed=True))
        return reply.order_id


def _only(replies: list[OrderReply]) -> OrderReply:
    (reply,) = replies
    return reply
