"""Toy bot that buys a stock once with a limit order, and cancels its orders on request.

The example shows two things that every bot needs. A client order id for each order lets the bot
find an order after a lost response, so that it never places an order twice. And the bot replies to
the gateway's questions about its orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import bezant
from bezant.models.orders import LiveOrder, OrderReply, OrderTicket

# The gateway asks this question if the limit price is far from the market price, which the bot
# intends. At any other question, the bot stops.
EXPECTED_QUESTIONS = {"o163"}
ENDED = {"Filled", "Cancelled", "Inactive"}


class UnexpectedQuestionError(Exception):
    """The gateway asked a question about the bot's order that the bot does not expect."""


@dataclass
class Bot:
    """Bot that buys for one account.

    Attributes:
        client: client of the gateway.
        account_id: account to buy for.
        name: text with which the client order ids of all of the bot's orders begin.
    """

    client: bezant.Client
    account_id: str
    name: str = "toy"

    def buy(self, symbol: str, quantity: Decimal, limit: Decimal) -> int:
        """Place a day order to buy a stock, and return its order id.

        If the bot has already placed an order for this stock today, return the id of that order.
        """
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
            # The response was lost, but the order may exist: look for it, do not send it again.
            placed = self._find(reference)
            if placed is None:
                raise
            return placed

    def cancel_all(self) -> list[int]:
        """Cancel all open orders of the bot; return their order ids."""
        cancelled: list[int] = []
        for order in self.orders():
            if order.order_id and order.status not in ENDED:
                self.client.api.orders.cancel_open_order(
                    account_id=self.account_id, order_id=order.order_id
                )
                cancelled.append(order.order_id)
        return cancelled

    def orders(self) -> list[LiveOrder]:
        """Return all orders that the bot has placed today, including those that have ended."""
        mark = f"{self.name}-"
        today = self.client.orders(self.account_id)
        return [
            each for each in today if each.client_order_id and each.client_order_id.startswith(mark)
        ]

    def held(self, symbol: str) -> Decimal:
        """Return how much of a stock the account holds."""
        conid = bezant.SymbolCache(self.client).conid_for(symbol)
        for position in self.client.all_positions(self.account_id):
            if position.conid == conid:
                return position.quantity
        return Decimal(0)

    def _find(self, reference: str) -> int | None:
        for order in self.orders():
            if order.client_order_id == reference:
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
