"""`AsyncOrderDesk`: state and helpers that the orders of one account share."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from ..._core.contracts.increments import Rounding
from ..._core.contracts.rules import TradingRules
from ..._core.trading import lookup
from ..._core.trading.combos import Combo, conid_of
from ..._core.trading.intents import Intent
from ..._core.trading.orders import Order
from ..._core.trading.questions import Answers
from ..._core.trading.rules import fitted
from ..._core.trading.tickets import Leg, name_for
from ..._runtime import _async as rt
from ..._wire.terms import Side
from ...errors import AccountBusy, MissingValue, OutcomeUnknown
from ...models.orders import Execution
from ..client import AsyncClient
from ..contracts.symbols import AsyncSymbolCache
from ..http.account_gate import AsyncAccountGate
from ..http.single_flight import AsyncSingleFlight
from ..stream.client import AsyncWsClient

if TYPE_CHECKING:
    from .asking import AsyncAsking
    from .trade import AsyncTrade

T = TypeVar("T")

logger: Final = logging.getLogger("bezant.trading")


class AsyncOrderDesk:
    """State and helpers that the orders of one account share.

    Attributes:
        client: the client that makes the calls.
        account_id: the account.
        answers: answers to questions, unless a call names others.
        rounding: where to round prices, unless a call says otherwise; None to refuse them.
        settle_within: seconds within which a call looks for the result of a lost call.
        trades: the known trades, by order id.
        unresolved: trades whose result is not known.
        open_questions: calls with an open question, by the question's id.
    """

    def __init__(
        self,
        client: AsyncClient,
        account_id: str,
        *,
        answers: Answers,
        prefix: str,
        rounding: Rounding | None,
        check_rules: bool,
        settle_within: float,
        ws: AsyncWsClient | None,
    ) -> None:
        self.client = client
        self.account_id = account_id
        self.answers = answers
        self.rounding: Rounding | None = rounding
        self.settle_within = settle_within
        self.trades: dict[int, AsyncTrade] = {}
        self.unresolved: list[AsyncTrade] = []
        self.open_questions: dict[str, AsyncAsking] = {}
        self._prefix = prefix
        self._check_rules = check_rules
        self._ws = ws
        self._symbols = AsyncSymbolCache(client)
        self._rules: dict[tuple[int, Side], TradingRules | None] = {}
        self._executions: AsyncSingleFlight[list[Execution]] = AsyncSingleFlight()
        gates = client._pipeline.account_gates
        self._gate = gates.setdefault(account_id.upper(), AsyncAccountGate())

    async def carry_out(
        self, intent: Intent, send: Callable[[], rt.Promise[T]], request: object = None
    ) -> T:
        """Send a call that changes an order; every such call passes through this method.

        Args:
            intent: what the call does.
            send: function that makes the call.
            request: identifies the request about orders to which the call belongs; None for a
                cancel.
        """
        logger.debug("%s", intent)
        if intent.kind not in ("place", "modify"):
            return await self._sent(send, request)
        call = object()
        try:
            await self._gate.enter(call, self.client._settings.max_wait)
            await self._wait_for_lost_questions()
            return await self._sent(send, request)
        finally:
            try:
                self._gate.leave(call)
            finally:  # an interrupt may have cut the first attempt short
                self._gate.leave(call)

    async def _sent(self, send: Callable[[], rt.Promise[T]], request: object) -> T:
        try:
            return await send()
        except OutcomeUnknown:
            # Before the gate opens, so that no order that waits at the gate is sent meanwhile.
            if request is not None:
                self.hold(request)
            raise

    def hold(self, request: object) -> float:
        """Hold further orders back, because a question about a lost order may be open.

        Args:
            request: identifies the request whose response was lost.

        Returns:
            The monotonic time until which the question may be open.
        """
        until = rt.monotonic() + lookup.QUESTION_LASTS
        self._gate.hold(request, until)
        return until

    def release(self, request: object) -> None:
        """Allow further orders, because the lost orders of a request were found."""
        self._gate.release(request)

    async def _wait_for_lost_questions(self) -> None:
        now = rt.monotonic()
        left = self._gate.held_until(now) - now
        if left <= 0:
            return
        if left > self.client._settings.max_wait:
            error = AccountBusy(
                "nothing was sent: the response to an earlier order of the account was lost, and "
                "IBKR may have asked a question about it; another order could make that order "
                f"live. Send this one again in {left:.0f} s"
            )
            error.retry_after = left
            raise error
        await rt.sleep(left)

    async def leg_for(
        self, order: Order, rounding: Rounding | None, *, named: bool = True, parent: str = ""
    ) -> Leg:
        """Return an order with its contract's id, allowed prices and a client order id.

        Args:
            order: the order.
            rounding: where to round prices; None to refuse prices that the contract does not allow.
            named: whether the order gets a client order id.
            parent: client order id of the parent; empty without a parent.

        Raises:
            InvalidRequest: the contract does not allow a price or the quantity.
            SymbolError: the symbol does not name one contract.
        """
        conid = await self.conid_for(order)
        if self._check_rules and conid:
            rules = await self._rules_for(conid, order.side)
            if rules is not None:
                order = fitted(order, rules, rounding)
        name = name_for(order, self._prefix, os.urandom(6).hex()) if named else ""
        return Leg(order, conid, name, parent)

    async def conid_for(self, order: Order) -> int:
        """Return the conid of an order's contract; 0 for a combination."""
        contract = order.contract
        if isinstance(contract, Combo):
            return 0
        if isinstance(contract, str):
            return await self._symbols.conid_for(contract)
        return conid_of(contract) or 0

    async def _rules_for(self, conid: int, side: Side) -> TradingRules | None:
        """Return a contract's rules; None if IBKR's response has no price increments."""
        key = (conid, side)
        if key not in self._rules:
            try:
                self._rules[key] = await self.client.contracts.rules(conid, side=side)
            except MissingValue as error:
                logger.warning("the prices of orders in conid %d are not checked: %s", conid, error)
                self._rules[key] = None
        return self._rules[key]

    async def load_executions(self) -> list[Execution]:
        """Request the account's executions, and merge them into the known trades."""

        async def request() -> list[Execution]:
            return await self.client.trades(account_id=self.account_id)

        found = await self._executions.run("executions", request)
        for each in found:
            trade = self.trades.get(each.order_id or 0)
            if trade is not None:
                trade._state.execute(each)
        return found

    async def pause(self, seconds: float) -> None:
        """Wait until the stream reports a change of an order, or until the time is up."""
        ws = self._ws
        began = rt.monotonic()
        if ws is not None and not ws.closed and await ws.orders.wait(timeout=seconds):
            return
        left = began + seconds - rt.monotonic()
        if left > 0:
            await rt.sleep(left)
