"""Places orders: single orders, brackets and groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..._core.contracts.increments import Rounding
from ..._core.trading.intents import Intent
from ..._core.trading.lookup import Lookup, Verdict
from ..._core.trading.orders import Bracket, OneCancelsAll, Order
from ..._core.trading.placement import Placement
from ..._core.trading.questions import Answers
from ..._core.trading.tickets import Leg, orders_of, ticket_for
from ..._core.trading.trade_state import Report
from ..._runtime import _async as rt
from ...errors import (
    BezantError,
    ChildrenUnproven,
    NeverArrived,
    OrderDeclined,
    OutcomeUnknown,
    PartlyPlaced,
    Refused,
)
from ...models.orders import LiveOrder, OrderReply, OrderStatus
from .asking import AsyncAsking
from .desk import AsyncOrderDesk, logger
from .looking import look
from .trade import AsyncBracketTrade, AsyncTrade

# Seconds to wait for the cancellation of orders whose bracket or group is not complete.
_TAKE_BACK: Final = 10.0


async def legs_for(
    desk: AsyncOrderDesk, intent: Order | Bracket | OneCancelsAll, rounding: Rounding | None
) -> tuple[Leg, ...]:
    """Return the orders of a placement, checked against their contracts, with ids."""
    legs: list[Leg] = []
    for order in orders_of(intent):
        child = isinstance(intent, Bracket) and bool(legs)
        parent = legs[0].name if child else ""
        legs.append(await desk.leg_for(order, rounding, named=not child, parent=parent))
    return tuple(legs)


class AsyncPlacing:
    """One request that places orders, up to the result.

    Args:
        desk: state of the account.
        intent: the order, bracket or group.
        legs: its orders.
        answers: answers to IBKR's questions.
    """

    def __init__(
        self,
        desk: AsyncOrderDesk,
        intent: Order | Bracket | OneCancelsAll,
        legs: Sequence[Leg],
        answers: Answers,
    ) -> None:
        self._desk = desk
        self._placement = Placement(legs)
        self._grouped = isinstance(intent, OneCancelsAll)
        self._trades = _trades_for(desk, intent, legs)
        self._asked_until = 0.0
        for trade in self._trades:
            trade._resolve = self.resolve
        self._asking = AsyncAsking(
            desk,
            self._placement,
            answers,
            finish=self._finish,
            lost=self._lost,
            failed=self._failed,
            broken_off=self._broken_off,
        )

    @property
    def trades(self) -> tuple[AsyncTrade, ...]:
        """Trades of the orders, in the order of the legs."""
        return self._trades

    async def run(self) -> AsyncTrade:
        """Send the request, answer the questions, and return the trade of the first order."""
        desk, legs = self._desk, self._placement.legs
        tickets = [ticket_for(leg, desk.account_id, grouped=self._grouped) for leg in legs]

        async def send() -> list[OrderReply]:
            return await desk.client.api.orders.submit_new_orders(
                account_id=desk.account_id, orders=tickets
            )

        return await self._asking.run(Intent("place", desk.account_id, legs), send)

    async def _finish(self) -> AsyncTrade:
        placement = self._placement
        if placement.unpaired:
            await self._pair()
        if not placement.complete:
            await self._take_back()
            reasons = "; ".join(placement.refusals) or "IBKR named no reason"
            if not placement.placed:
                raise Refused(f"the order was refused: {reasons}")
            raise self._partly(f"IBKR refused an order of this {self._what} ({reasons})")
        self._record()
        return self._trades[0]

    @property
    def _what(self) -> str:
        return "group" if self._grouped else "bracket"

    def _partly(self, what: str) -> PartlyPlaced:
        self._record()
        known = self._desk.trades
        placed = tuple(known[each] for each in self._placement.placed if each in known)
        states = ", ".join(
            f"order {each.order_id}: {each.status or 'not known'}" for each in placed
        )
        filled = any(each.filled for each in placed)
        if filled:
            done = "orders of it have filled, so you have a position, and its exits were kept"
        elif placed and all(each._state.ended for each in placed):
            done = "its other orders were cancelled"
        else:
            done = "not all of its other orders could be cancelled"
        error = PartlyPlaced(f"{what}; {done}: look at your orders ({states})")
        logger.error("%s", error)
        error.trades = placed
        error.reasons = tuple(self._placement.refusals)
        return error

    async def _pair(self) -> None:
        """Find out which exit is which, by their terms."""
        rows: dict[int, OrderStatus | LiveOrder] = {}
        for order_id in self._placement.unpaired:
            try:
                rows[order_id] = await self._desk.client.api.orders.get_order_status(
                    order_id=order_id
                )
            except BezantError as error:
                logger.info("pairing the orders of a bracket: %s", error)
        self._placement.pair(rows)
        if not self._placement.unpaired:
            return
        try:
            listed = await self._desk.client.orders(self._desk.account_id)
            self._placement.pair({each.order_id: each for each in listed if each.has("order_id")})
        except BezantError as error:
            logger.info("pairing the orders of a bracket: %s", error)

    def _record(self) -> None:
        """Store the placed orders, so that their trades know their ids."""
        placement, desk = self._placement, self._desk
        for at, order_id in placement.ids.items():
            trade = self._trades[at]
            trade._state.order_id = order_id
            status = placement.statuses.get(order_id)
            if status:
                trade._state.told(Report(status), rt.monotonic())
            if len(placement.ids) == len(self._trades):
                trade._resolve = None
            desk.trades[order_id] = trade
            if trade in desk.unresolved:
                desk.unresolved.remove(trade)

    async def _failed(self, error: BezantError) -> None:
        """Take back the orders of the request that are placed, after a refusal or a decline."""
        if not self._placement.placed and not self._placement.questions:
            return
        await self._take_back()
        if not self._placement.placed:
            return
        reason = "was declined" if isinstance(error, OrderDeclined) else f"was refused ({error})"
        raise self._partly(f"an order of this {self._what} {reason}") from error

    async def _take_back(self) -> None:
        """Cancel the placed orders of an incomplete request, and decline its other questions."""
        for question in tuple(self._placement.questions.values()):
            try:
                await self._asking.discard(question)
            except BezantError as error:
                logger.warning("could not decline a question of an incomplete order: %s", error)
        self._record()
        entry = self._trades[0]
        for order_id in self._placement.placed:
            if not self._grouped and entry.filled:
                return  # the exits that IBKR has placed protect the position
            trade = self._desk.trades.get(order_id)
            if trade is None:
                trade = AsyncTrade(self._desk, None)
                trade._state.order_id = order_id
                self._desk.trades[order_id] = trade
            try:
                await AsyncTrade.cancel(trade, timeout=_TAKE_BACK)
            except BezantError as error:
                logger.warning("could not cancel order %d: %s", order_id, error)

    async def _lost(self, error: OutcomeUnknown) -> None:
        """Look for the orders, because a response was lost."""
        self._broken_off()
        await self._look(error)

    async def _look(self, error: OutcomeUnknown) -> None:
        """Look for the orders; return normally if all of them were found.

        Raises:
            NeverArrived: IBKR does not have the orders.
            ChildrenUnproven: IBKR has some of the orders, and the others are not proven.
            OutcomeUnknown: the result is not known.
        """
        desk, placement = self._desk, self._placement
        others = set(desk.trades).difference(placement.placed)
        search = Lookup(placement.legs, desk.account_id, others, self._asked_until)
        verdict = await look(desk, search, desk.settle_within)
        if verdict is Verdict.ASKED:
            # The order is not recorded as placed, so that `resolve` looks for it again.
            found = OutcomeUnknown(
                f"IBKR has order {search.found[0]}, but waits for a reply to a question that was "
                "lost: the order can go live when you confirm a question about another order; "
                "call error.trade.resolve() in a minute",
                operation=error.operation,
            )
            found.client_order_ids = error.client_order_ids
            found.trade = self._trades[0]
            raise found from error
        placement.ids.update(search.found)
        placement._unpaired.clear()
        self._record()
        for trade in self._trades:
            row = search.rows.get(trade.order_id or 0)
            if row is not None:
                trade._told(row)
        if verdict is Verdict.FOUND:
            desk.release(placement)
            return
        if verdict is Verdict.ABSENT:
            desk.unresolved[:] = [each for each in desk.unresolved if each not in self._trades]
            raise NeverArrived(
                f"the request was lost, and account {desk.account_id} has no such order: nothing "
                "was placed"
            ) from error
        if verdict is Verdict.MISSING:
            left = max(self._asked_until - rt.monotonic(), 0.0)
            missing = OutcomeUnknown(
                f"the response was lost, and account {desk.account_id} has no such order yet; but "
                "IBKR may have asked a question about it, and the order can go live later: call "
                f"error.trade.resolve() in {left:.0f} s, and do not place the order again before",
                operation=error.operation,
            )
            missing.client_order_ids = tuple(leg.name for leg in placement.legs if leg.name)
            missing.trade = self._trades[0]
            raise missing from error
        if verdict is Verdict.PARENT_ONLY:
            lost = ChildrenUnproven(
                f"IBKR has order {search.found.get(0, '')} of this {self._what}, but it is not "
                "proven that IBKR has all the others: look at your orders now, and cancel them or "
                "call error.trade.resolve()"
            )
            lost.client_order_ids = tuple(leg.name for leg in placement.legs if leg.name)
            lost.trade = self._trades[0]
            logger.error("%s", lost)
            raise lost from error
        error.trade = self._trades[0]
        raise error

    async def resolve(self) -> None:
        """Look for the orders again, if their result is not known."""
        if all(trade.order_id is not None for trade in self._trades):
            return
        error = OutcomeUnknown(
            "it is still not known whether IBKR has this order; call resolve() again later"
        )
        error.client_order_ids = tuple(leg.name for leg in self._placement.legs if leg.name)
        if not any(trade in self._desk.unresolved for trade in self._trades):
            raise NeverArrived("IBKR does not have this order: it never arrived or was refused")
        await self._look(error)

    def _broken_off(self) -> None:
        """Remember that the result is not known, and that a question may be open."""
        self._asked_until = self._desk.hold(self._placement)
        for trade in self._trades:
            if trade.order_id is None and trade not in self._desk.unresolved:
                self._desk.unresolved.append(trade)


def _trades_for(
    desk: AsyncOrderDesk, intent: Order | Bracket | OneCancelsAll, legs: Sequence[Leg]
) -> tuple[AsyncTrade, ...]:
    """Return a trade for each leg."""
    if not isinstance(intent, Bracket):
        trades = tuple(AsyncTrade(desk, leg) for leg in legs)
    else:
        first = AsyncBracketTrade(desk, legs[0])
        trades = (first, *(AsyncTrade(desk, leg) for leg in legs[1:]))
        rest = list(trades[1:])
        first.profit = rest.pop(0) if intent.profit is not None else None
        first.stop = rest.pop(0) if intent.stop is not None else None
    for trade in trades:
        trade.group = trades
    return trades
