"""Results of the orders of one request: pairs IBKR's replies with the orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from ...models._base import peek
from ...models.orders import LiveOrder, OrderReply, OrderStatus
from .questions import Question, question_of
from .tickets import Leg, price_shown


class Placement:
    """Results of the orders of one request, as far as they are known.

    IBKR's replies come in any order: in a bracket, the children's come first. So replies are paired
    by ids, never by position.

    Attributes:
        legs: the orders of the request, a parent first.
        ids: order id of each leg, by the leg's position; legs without a result are missing.
        statuses: status of each placed order, by order id.
        questions: open questions, by id.
        refusals: reasons for which IBKR refused orders of the request.
    """

    def __init__(self, legs: Sequence[Leg]) -> None:
        self.legs: tuple[Leg, ...] = tuple(legs)
        self.ids: dict[int, int] = {}
        self.statuses: dict[int, str] = {}
        self.questions: dict[str, Question] = {}
        self.refusals: list[str] = []
        self._unpaired: list[int] = []
        self._parents: dict[int, int] = {}

    @property
    def placed(self) -> tuple[int, ...]:
        """Ids of all orders that IBKR has placed."""
        return (*self.ids.values(), *self._unpaired)

    @property
    def unpaired(self) -> tuple[int, ...]:
        """Ids of children of which it is not known yet to which leg they belong."""
        return tuple(self._unpaired)

    @property
    def complete(self) -> bool:
        """Whether each leg has an order id, or will have one after the children are paired.

        False also if IBKR has attached a child to another parent.
        """
        wrong = [each for each in self._parents.values() if each != self.ids.get(0)]
        return len(self.placed) >= len(self.legs) and not self.questions and not wrong

    def add(self, replies: Iterable[OrderReply]) -> None:
        """Add the replies in a response."""
        for reply in replies:
            if reply.order_id is not None:
                self._add_order(reply.order_id, reply)
            elif (question := question_of(reply)) is not None:
                self.questions[question.id] = question
            elif reply.error:
                self.refusals.append(reply.error)
        self._pair_the_last()

    def _add_order(self, order_id: int, reply: OrderReply) -> None:
        self.statuses[order_id] = reply.status or ""
        if reply.parent_order_id is not None and len(self.legs) > 1:
            self._parents[order_id] = reply.parent_order_id
        if order_id in self.placed:
            return
        names = {leg.name: at for at, leg in enumerate(self.legs) if leg.name}
        at = names.get(reply.client_order_id or "")
        if at is None and len(self.legs) == 1:
            at = 0
        if at is not None:
            self.ids[at] = order_id
        else:
            self._unpaired.append(order_id)

    def _pair_the_last(self) -> None:
        """Pair the last unpaired order, if all other orders are paired."""
        left = [at for at in range(len(self.legs)) if at not in self.ids]
        if len(left) == 1 and len(self._unpaired) == 1:
            self.ids[left[0]] = self._unpaired.pop()

    def pair(self, rows: Mapping[int, OrderStatus | LiveOrder]) -> None:
        """Pair the unpaired orders by their terms; `rows` has their states, by order id."""
        for order_id in self.unpaired:
            row = rows.get(order_id)
            left = [at for at in range(len(self.legs)) if at not in self.ids]
            same = [at for at in left if row is not None and fits(self.legs[at], row)]
            # Legs with equal terms are interchangeable.
            if same and all(self.legs[at] == self.legs[same[0]] for at in same):
                self.ids[same[0]] = order_id
                self._unpaired.remove(order_id)
        self._pair_the_last()


def fits(leg: Leg, row: OrderStatus | LiveOrder) -> bool:
    """Return whether an order has the contract, side, type and prices of a leg."""
    order = leg.order
    if leg.conid and peek(row, "conid") not in (None, leg.conid):
        return False
    kinds = {peek(row, "order_type"), getattr(row, "original_order_type", None)}
    if peek(row, "side") != order.side or order.order_type not in kinds:
        return False
    limit, stop = price_shown(order)
    if isinstance(row, OrderStatus):
        prices = (row.limit_price, row.stop_price)
        if prices == (None, None):
            return _same(row.price, limit if limit is not None else stop)
        return _same(prices[0], limit) and _same(prices[1], stop)
    # A list gives one price only: the limit price if there is one.
    return _same(row.price, limit) or _same(row.price, stop)


def _same(shown: Decimal | None, wanted: Decimal | None) -> bool:
    # IBKR writes 0 or nothing for a price that an order does not have.
    return (shown or None) == (wanted or None)
