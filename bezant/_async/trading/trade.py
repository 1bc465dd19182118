"""`AsyncTrade`: one order and its progress."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeAlias, Unpack, cast

from ..._core.contracts.increments import Rounding
from ..._core.http.backoff import Backoff
from ..._core.settings.checks import check_seconds
from ..._core.trading import lookup
from ..._core.trading.intents import Intent
from ..._core.trading.lookup import Change
from ..._core.trading.numbers import plain
from ..._core.trading.orders import Order, OrderTerms
from ..._core.trading.placement import Placement
from ..._core.trading.questions import Answers, check_answers
from ..._core.trading.rebuilding import order_in
from ..._core.trading.tickets import Leg, ticket_for
from ..._core.trading.trade_state import TradeState, report_of
from ..._runtime import _async as rt
from ..._wire.order_status import state_of_order
from ...errors import (
    ApiError,
    BezantError,
    DecodeError,
    IncompleteList,
    InvalidRequest,
    NeverArrived,
    NotFound,
    OutcomeUnknown,
    Refused,
    UpstreamError,
)
from ...models._base import peek
from ...models.orders import Execution, LiveOrder, OrderCancellation, OrderReply, OrderStatus
from .asking import AsyncAsking
from .desk import AsyncOrderDesk, logger
from .looking import look_at, look_for_change

_POLL: Final = Backoff(0.2, 2.0)
# So many unreadable responses in a row are an error. Other failures may pass later.
_MOST_FAILURES: Final = 10
# Seconds for which `wait` waits for the commission of an order that has ended.
_COMMISSION: Final = 15.0
# Function that looks for an order whose response was lost.
_Resolve: TypeAlias = Callable[[], rt.Promise[None]]


class AsyncTrade:
    """One order and its progress: status, fills, commission.

    A trading object creates the trades. A trade changes when you `wait` or `refresh`; the
    properties show the newest known state. Fills that arrive twice, late or out of order do not
    confuse a trade.

    Attributes:
        order: the order; None if another program placed it, until the trade is modified.
        client_order_id: the client order id; empty for the exits of a bracket.
        account_id: the account.
        group: the trades of all orders that were placed together, this one included.
    """

    def __init__(self, desk: AsyncOrderDesk, leg: Leg | None, *, client_order_id: str = "") -> None:
        self.order: Order | None = None if leg is None else leg.order
        self.client_order_id: str = client_order_id if leg is None else leg.name
        self.account_id: str = desk.account_id
        self.group: tuple[AsyncTrade, ...] = (self,)
        self._desk = desk
        self._conid = 0 if leg is None else leg.conid
        self._state = TradeState(None if leg is None else leg.order.quantity)
        self._resolve: _Resolve | None = None
        self._failures = 0

    @property
    def order_id(self) -> int | None:
        """IBKR's id of the order; None if it is not known whether IBKR has the order."""
        return self._state.order_id

    @property
    def status(self) -> str:
        """IBKR's status of the order, such as ``Submitted``; empty until it is known."""
        return self._state.status

    @property
    def done(self) -> bool:
        """Whether the order has ended: filled, cancelled, rejected or expired."""
        return self._state.done(rt.monotonic())

    @property
    def quantity(self) -> Decimal | None:
        """Ordered quantity; None until it is known."""
        return self._state.quantity

    @property
    def filled(self) -> Decimal:
        """Quantity filled so far."""
        return self._state.filled

    @property
    def remaining(self) -> Decimal | None:
        """Quantity that is not filled, also of a cancelled order; None until it is known."""
        return self._state.remaining

    @property
    def average_price(self) -> Decimal | None:
        """Average price of the fills; None if nothing is filled."""
        return self._state.average_price

    @property
    def commission(self) -> Decimal | None:
        """Commission of all fills; None until IBKR has reported it for each of them."""
        return self._state.commission

    @property
    def fills(self) -> tuple[Execution, ...]:
        """The known executions of the order, in order of arrival."""
        return tuple(self._state.executions.values())

    def __repr__(self) -> str:
        what = self.order or f"order {self.order_id}"
        state = self.status or "not known"
        if self.filled:
            state += f", {self.filled} filled"
        return f"<{type(self).__name__} {what}: {state}>"

    async def refresh(self) -> None:
        """Request the order's state (``GET /iserver/account/order/status/{orderId}``).

        Raises:
            OutcomeUnknown: it is not known whether IBKR has the order; see `resolve`.
            NotFound: IBKR does not know the order any more.
        """
        order_id = await self._known_id()
        row: OrderStatus | LiveOrder
        try:
            row = await self._desk.client.api.orders.get_order_status(order_id=order_id)
        except NotFound:
            # IBKR gives the status of orders of the current session only; the list has the day's.
            listed = await self._desk.client.orders(self.account_id)
            rows = [each for each in listed if peek(each, "order_id") == order_id]
            if not rows:
                raise
            row = rows[0]
        self._told(row)

    def _told(self, row: OrderStatus | LiveOrder) -> None:
        self._state.told(report_of(row), rt.monotonic())
        self._conid = self._conid or peek(row, "conid") or 0

    async def _known_id(self) -> int:
        if self._state.order_id is None:
            await self.resolve()
        if self._state.order_id is None:
            raise OutcomeUnknown(
                "it is not known whether IBKR has this order; call resolve() again later"
            )
        return self._state.order_id

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the order has ended and its commission is known.

        An order has ended when it is filled, cancelled, rejected or expired. After that, the method
        waits up to 15 seconds for the executions with their commission.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Returns:
            True if the order has ended; False if the timeout came first.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        deadline = None if timeout is None else rt.monotonic() + timeout
        polls = 0
        while True:
            await self._try(self.refresh)
            if self.done:
                break
            polls += 1
            pause = _POLL.delay(polls)
            if deadline is not None:
                pause = min(pause, deadline - rt.monotonic())
                if pause <= 0:
                    return False
            await self._desk.pause(pause)
        await self._collect(deadline)
        return True

    async def _collect(self, deadline: float | None) -> None:
        """Request the executions until they explain the fills, or until the time is up."""
        until = rt.monotonic() + _COMMISSION
        if deadline is not None:
            until = min(until, deadline)
        polls = 0
        while not self._state.settled:
            polls += 1
            await self._try(self._load_executions)
            pause = _POLL.delay(polls)
            if self._state.settled or rt.monotonic() + pause >= until:
                return
            await rt.sleep(pause)

    async def _load_executions(self) -> None:
        await self._desk.load_executions()

    async def _try(self, request: Callable[[], rt.Promise[None]]) -> None:
        """Make a request that may fail for a moment; log such a failure.

        Raises:
            BezantError: the failure will not pass by itself, or has repeated itself too often.
        """
        try:
            await request()
        except BezantError as error:
            passes = isinstance(error, IncompleteList | UpstreamError | DecodeError)
            self._failures += 1
            if not error.retryable and not (passes and self._failures < _MOST_FAILURES):
                raise
            logger.info("%s", error)
        else:
            self._failures = 0

    async def cancel(self, *, timeout: float = 30.0) -> str:
        """Cancel the order, and wait for the result: the order can fill first.

        The request is sent at most once. If its response is lost, the method looks at the order.

        Args:
            timeout: seconds to wait for the result; 30 by default.

        Returns:
            The order's status, usually ``Cancelled`` or ``Filled``; ``PendingCancel`` if the time
            was up first.

        Raises:
            NeverArrived: the request did not reach IBKR, and the order still works.
            OutcomeUnknown: no response came, and the order may be cancelled or still work.
            ApiError: IBKR refused the request, and the order still works.
        """
        check_seconds("timeout", timeout)
        order_id = await self._known_id()
        # An inactive order is not known to have ended, so it is cancelled, too.
        if self._state.ended:
            return self.status
        failure = await self._send_cancel(order_id)
        deadline = rt.monotonic() + timeout
        if failure is None:
            polls = 0
            while not self.done:
                await self._try(self.refresh)
                polls += 1
                pause = min(_POLL.delay(polls), deadline - rt.monotonic())
                if self.done or pause <= 0:
                    break
                await self._desk.pause(pause)
            return self.status
        await self._look_after_cancel(order_id, failure)
        return self.status

    async def _send_cancel(self, order_id: int) -> BezantError | None:
        """Send the cancellation; return the error if the order's state has to explain it."""
        order = self.order
        orders = self._desk.client.api.orders

        async def send() -> OrderCancellation:
            return await orders.cancel_open_order(
                account_id=self.account_id,
                order_id=order_id,
                manual_indicator=None if order is None else order.manual_indicator,
                ext_operator=None if order is None else order.ext_operator,
            )

        try:
            intent = Intent("cancel", self.account_id, order_id=order_id)
            response = await self._desk.carry_out(intent, send)
        except (OutcomeUnknown, ApiError) as error:
            return error
        if response.has("message") or response.has("order_id"):
            return None
        return OutcomeUnknown(
            f"the response does not say whether order {order_id} is being cancelled; look at it"
        )

    async def _look_after_cancel(self, order_id: int, failure: BezantError) -> None:
        """Look at the order after a cancel that was lost or refused.

        Raises:
            NeverArrived: the cancel was lost, and the order works as before.
            BezantError: IBKR refused the cancel, or the order's state is not known.
        """
        working: list[float] = []

        def judge(status: OrderStatus, now: float) -> bool:
            self._told(status)
            state = state_of_order(peek(status, "status"), status.order_ccp_status)
            if state.final or not isinstance(failure, OutcomeUnknown):
                return True
            if "cancel" in self.status.lower():
                working.clear()
                return False
            working.append(now)
            return working[-1] - working[0] >= lookup.LIST_INTERVAL

        try:
            await look_at(self._desk, order_id, self._desk.settle_within, judge)
        except NotFound:
            await self._try(self.refresh)
        if self._state.ended:
            return
        if not isinstance(failure, OutcomeUnknown):
            raise failure
        if len(working) > 1 and working[-1] - working[0] >= lookup.LIST_INTERVAL:
            raise NeverArrived(
                f"the request to cancel order {order_id} was lost, and the order still works "
                f"({self.status}); call cancel() again"
            ) from failure
        if "cancel" in self.status.lower():
            return
        failure.trade = self
        raise failure

    async def modify(
        self,
        quantity: Decimal | float | str | None = None,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
        **changes: Unpack[OrderTerms],
    ) -> AsyncTrade:
        """Change the order: its quantity, prices or other terms, as in ``order.replace()``.

        IBKR gets the whole order with the changes. The request is sent at most once. If its
        response is lost, the method looks at the order's terms.

        Args:
            quantity: the new quantity, with the filled part; None to keep it.
            answers: answers to IBKR's questions; None for those of the trading object.
            round_prices: where to round prices that the contract does not allow.
            changes: the terms to change, such as ``limit="241"``.

        Returns:
            This trade.

        Raises:
            AsyncOrderQuestion: IBKR asks a question that ``answers`` does not answer.
            Refused: IBKR refused the change; the order works as before.
            NeverArrived: the request did not reach IBKR, and the order has its old terms.
            OutcomeUnknown: no response came, and the order's terms are not known, or IBKR may
                have asked a question about the change; ``resolve()`` looks again.
            InvalidRequest: an argument is invalid, or does not fit the type of the order.
        """
        if "contract" in changes:
            raise InvalidRequest(
                "an order's contract cannot be changed; cancel the order and place another one"
            )
        order_id = await self._known_id()
        if self._state.ended:
            raise InvalidRequest(
                f"order {order_id} has ended ({self.status}) and cannot be changed; nothing was "
                "sent"
            )
        before = self.order or await self._rebuilt(order_id)
        terms = cast("dict[str, Any]", changes)
        if quantity is not None:
            terms["quantity"] = quantity
        after = before.replace(**terms)
        if after.quantity is not None and after.quantity <= self.filled:
            raise InvalidRequest(
                f"quantity must be above the {plain(self.filled)} that are filled already; to keep "
                "only these, cancel the order"
            )
        rounding = round_prices or self._desk.rounding
        leg = await self._desk.leg_for(after, rounding, named=False)
        ticket = ticket_for(leg, self.account_id)
        values = {
            name: getattr(ticket, name)
            for name in ticket.__struct_fields__
            if name not in ("account_id", "client_order_id", "parent_id", "is_single_group")
        }
        orders = self._desk.client.api.orders

        async def send() -> list[OrderReply]:
            return await orders.modify_open_order(
                account_id=self.account_id, order_id=order_id, **values
            )

        placement = Placement((leg,))

        async def finish() -> AsyncTrade:
            if not placement.placed:
                reasons = "; ".join(placement.refusals) or "IBKR named no reason"
                raise Refused(f"order {order_id} was not changed: {reasons}")
            self.order = leg.order
            if leg.order.quantity is not None:
                self._state.changed(leg.order.quantity)
            return self

        asked_until: list[float] = [0.0]

        def broken_off() -> None:
            asked_until[0] = self._desk.hold(placement)
            self._resolve = resolve
            if self not in self._desk.unresolved:
                self._desk.unresolved.append(self)

        def known() -> None:
            self._resolve = None
            if self in self._desk.unresolved:
                self._desk.unresolved.remove(self)

        async def look(error: OutcomeUnknown) -> None:
            change = Change(before, leg.order, asked_until[0])
            ended = False
            try:
                seconds = self._desk.settle_within
                ended = await look_for_change(self._desk, order_id, change, seconds)
            except NotFound:
                pass
            if change.applied:
                known()
                self._desk.release(placement)
                placement.ids[0] = order_id
                return
            if ended or change.absent:
                await self._try(self.refresh)
                known()
                what = f"has ended ({self.status})" if ended else "has its old terms"
                raise NeverArrived(
                    f"the change of order {order_id} was lost, and the order {what}"
                ) from error
            if self.client_order_id:
                error.client_order_ids = (self.client_order_id,)
            error.trade = self
            raise error

        async def lost(error: OutcomeUnknown) -> None:
            broken_off()
            await look(error)

        async def resolve() -> None:
            await look(
                OutcomeUnknown(
                    f"it is not known whether order {order_id} has its new terms: a question about "
                    "the change may be open; call resolve() again in a minute"
                )
            )
            await finish()

        async def failed(_: BezantError) -> None:
            pass

        asking = AsyncAsking(
            self._desk,
            placement,
            self._desk.answers if answers is None else check_answers(answers),
            finish=finish,
            lost=lost,
            failed=failed,
            broken_off=broken_off,
        )
        intent = Intent("modify", self.account_id, (leg,), order_id=order_id)
        return await asking.run(intent, send)

    async def _rebuilt(self, order_id: int) -> Order:
        status = await self._desk.client.api.orders.get_order_status(order_id=order_id)
        self._told(status)
        return order_in(status)

    async def resolve(self) -> None:
        """Look for the order's result, if it is not known; return at once if it is known.

        Raises:
            NeverArrived: IBKR does not have the order.
            ChildrenUnproven: IBKR has the entry of the bracket, but not provably all its exits.
            OutcomeUnknown: the result is still not known; call the method again later.
        """
        if self._resolve is not None:
            await self._resolve()


class AsyncBracketTrade(AsyncTrade):
    """Trade of a bracket's entry, with the trades of its exits.

    Attributes:
        profit: trade of the exit that takes the profit; None without one.
        stop: trade of the exit that limits the loss; None without one.
    """

    profit: AsyncTrade | None = None
    stop: AsyncTrade | None = None

    @property
    def children(self) -> tuple[AsyncTrade, ...]:
        """Trades of all orders that wait for the entry."""
        return self.group[1:]

    async def cancel(self, *, timeout: float = 30.0) -> str:
        """Cancel the entry, with which IBKR cancels the exits; if it is filled, cancel the exits.

        Args:
            timeout: seconds to wait for each result; 30 by default.

        Returns:
            The entry's status, usually ``Cancelled`` or ``Filled``.

        Raises:
            NeverArrived: a request was lost, and its order still works.
            OutcomeUnknown: a request was lost, and its order's state is not known.
            ApiError: IBKR refused a request, and its order still works.
        """
        status = await super().cancel(timeout=timeout)
        for child in self.children:
            if child.order_id is not None:
                if not self.filled:
                    await child.wait(timeout=1.0)
                await child.cancel(timeout=timeout)
        return status
