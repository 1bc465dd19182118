"""`AsyncTrading`: places, watches and cancels the orders of one account."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self, Unpack, overload

from ..._core.contracts.increments import Rounding
from ..._core.session.first_answer import check_account, is_open
from ..._core.settings.checks import check_seconds
from ..._core.trading.intents import Intent
from ..._core.trading.orders import (
    Bracket,
    Buy,
    ContractLike,
    OneCancelsAll,
    Order,
    OrderTerms,
    Sell,
)
from ..._core.trading.preview import Preview, preview_of
from ..._core.trading.questions import Answers, check_answers, merged
from ..._core.trading.tickets import Leg, check_prefix, ticket_for
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import BezantError, InvalidRequest, OutcomeUnknown, PartlyPlaced
from ...models._base import peek
from ..client import AsyncClient
from ..stream.client import AsyncWsClient
from .desk import AsyncOrderDesk, logger
from .placing import AsyncPlacing, legs_for
from .trade import AsyncBracketTrade, AsyncTrade

# Seconds for which the end of the context may decline open questions.
_DECLINING: Final = 5.0
_ALL: Final = -1


class AsyncTrading:
    """Places, watches and cancels the orders of one account: ``client.trading(account_id)``.

    Use it as a context manager: at the end of the context, questions that you left open are
    declined. A trading object sends each order at most once. If a response is lost, the object
    looks for the order in the account.

    Attributes:
        account_id: the account.
    """

    def __init__(
        self,
        client: AsyncClient,
        account_id: str,
        *,
        answers: Answers | None = None,
        client_order_id_prefix: str = "bezant",
        round_prices: Rounding | None = None,
        check_rules: bool = True,
        settle_within: float = 45.0,
        ws: AsyncWsClient | None = None,
    ) -> None:
        check_account(account_id)
        check_seconds("settle_within", settle_within)
        if ws is not None and not isinstance(ws, AsyncWsClient):
            raise InvalidRequest(f"ws must be an open stream, not {shown(ws)}")
        _check_rounding(round_prices)
        self.account_id: str = account_id
        self._client = client
        self._suppressed: list[str] = []
        self._desk = AsyncOrderDesk(
            client,
            account_id,
            answers=check_answers({} if answers is None else answers),
            prefix=check_prefix(client_order_id_prefix),
            rounding=round_prices,
            check_rules=check_rules,
            settle_within=settle_within,
            ws=ws,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.account_id}, {len(self.trades)} trades>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await self._decline_open_questions()
        if failure is None:
            return
        if exc is None:
            raise failure
        exc.add_note(str(failure))
        logger.error("%s", failure)

    async def _decline_open_questions(self) -> BezantError | None:
        """Decline the open questions, even if the program is interrupted or cancelled meanwhile.

        Returns:
            The error for the questions that could not be declined, or for brackets of which IBKR
            had placed some orders; None without one.
        """
        if not self._desk.open_questions:
            return None
        failed: list[BezantError] = []

        async def decline() -> None:
            for asking in set(self._desk.open_questions.values()):
                try:
                    await asking.abandon()
                except BezantError as error:
                    failed.append(error)

        complete = await _shielded(decline, _DECLINING)
        if complete and not failed:
            return None
        if complete and isinstance(failed[0], PartlyPlaced):
            return failed[0]
        self._desk.open_questions.clear()
        reason = str(failed[0]) if complete else f"no response within {_DECLINING:g} s"
        self._desk.hold(self)
        return OutcomeUnknown(
            f"a question about an order was left open and could not be declined ({reason}); the "
            "order may still go live: look for it before you place another"
        )

    @property
    def trades(self) -> tuple[AsyncTrade, ...]:
        """The trades that this object knows: its own, and those that `open_trades` has found."""
        return tuple(self._desk.trades.values())

    @property
    def unresolved(self) -> tuple[AsyncTrade, ...]:
        """Trades of which it is not known whether IBKR has them; ``resolve()`` looks for them."""
        return tuple(self._desk.unresolved)

    async def buy(
        self,
        contract: ContractLike,
        quantity: Decimal | float | str | None = None,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
        **terms: Unpack[OrderTerms],
    ) -> AsyncTrade:
        """Place an order to buy, as ``place(Buy(...))`` does.

        Args:
            contract: the contract, as in `Buy`.
            quantity: number of units; None if you pass ``cash_quantity``.
            answers: answers to IBKR's questions, as in `place`.
            round_prices: where to round prices, as in `place`.
            terms: the other arguments of `Buy`.
        """
        size: Any = {} if quantity is None else {"quantity": quantity}
        order = Buy(contract, **size, **terms)
        return await self.place(order, answers=answers, round_prices=round_prices)

    async def sell(
        self,
        contract: ContractLike,
        quantity: Decimal | float | str | None = None,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
        **terms: Unpack[OrderTerms],
    ) -> AsyncTrade:
        """Place an order to sell, as ``place(Sell(...))`` does.

        Args:
            contract: the contract, as in `Sell`.
            quantity: number of units; None if you pass ``cash_quantity``.
            answers: answers to IBKR's questions, as in `place`.
            round_prices: where to round prices, as in `place`.
            terms: the other arguments of `Sell`.
        """
        size: Any = {} if quantity is None else {"quantity": quantity}
        order = Sell(contract, **size, **terms)
        return await self.place(order, answers=answers, round_prices=round_prices)

    @overload
    async def place(
        self,
        order: Order,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
    ) -> AsyncTrade: ...

    @overload
    async def place(
        self,
        order: Bracket,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
    ) -> AsyncBracketTrade: ...

    @overload
    async def place(
        self,
        order: OneCancelsAll,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
    ) -> tuple[AsyncTrade, ...]: ...

    async def place(
        self,
        order: Order | Bracket | OneCancelsAll,
        *,
        answers: Answers | None = None,
        round_prices: Rounding | None = None,
    ) -> AsyncTrade | tuple[AsyncTrade, ...]:
        """Place an order, a bracket or a group of orders; return the trade, or trades.

        The request is sent at most once. If its response is lost, the method looks for the order
        in the account, up to ``settle_within`` seconds.

        Args:
            order: the order: a `Buy`, a `Sell`, or the result of `bracket` or `one_cancels_all`.
            answers: answers to IBKR's questions, by message id: ``{"o163": True}`` confirms,
                False declines. Or a function that receives the `Question` and returns True, False
                or, if it does not decide, None. By default the answers of the trading object.
            round_prices: ``down``, ``up`` or ``nearest`` to round prices to those that the contract
                allows; by default such prices are refused.

        Returns:
            The trade; of a bracket the trade of its entry, which has the trades of the exits; of a
            group a tuple of trades.

        Raises:
            AsyncOrderQuestion: IBKR asks a question that ``answers`` does not answer.
            OrderDeclined: ``answers`` declined a question.
            Refused: IBKR refused the order.
            PartlyPlaced: IBKR refused an order of a bracket or group; the others were cancelled.
            NeverArrived: the request did not reach IBKR, which does not have the order.
            ChildrenUnproven: IBKR has the entry of a bracket, but not provably all its exits.
            OutcomeUnknown: it is not known whether IBKR has the order; ``error.trade.resolve()``
                looks for it again.
            AccountBusy: another order of the account has an open question; nothing was sent.
            InvalidRequest: a price or the quantity does not fit the contract; nothing was sent.
        """
        _check_rounding(round_prices)
        chosen = self._desk.answers if answers is None else check_answers(answers)
        legs = await legs_for(self._desk, order, round_prices or self._desk.rounding)
        placing = AsyncPlacing(self._desk, order, legs, chosen)
        trade = await placing.run()
        return placing.trades if isinstance(order, OneCancelsAll) else trade

    async def preview(self, order: Order) -> Preview:
        """Return the commission and the margin that an order would have; nothing is placed.

        IBKR prices only the first order of a request. So preview the orders of a bracket one by
        one.

        Args:
            order: a `Buy` or a `Sell`.

        Raises:
            PreviewRefused: IBKR would refuse the order; the error names the reason.
            InvalidRequest: the argument is not a single order.
        """
        if not isinstance(order, Order):
            raise InvalidRequest(
                "preview() takes a Buy or a Sell, because IBKR prices only one order; preview the "
                f"orders of a bracket or group one by one, not {shown(order)}"
            )
        leg = Leg(order, await self._desk.conid_for(order))
        response = await self._client.api.orders.preview_margin_impact(
            account_id=self.account_id, orders=[ticket_for(leg, self.account_id)]
        )
        return preview_of(order, response)

    async def open_trades(self) -> list[AsyncTrade]:
        """Request the account's open orders, and return their trades.

        The list has orders of all programs, such as Trader Workstation. You can wait for these
        orders, change them and cancel them, too.

        Raises:
            IncompleteList: the list lacks open orders that the client knows of.
            SessionError: the session cannot be used.
        """
        found: list[AsyncTrade] = []
        for row in await self._client.orders(self.account_id):
            order_id = peek(row, "order_id")
            if order_id is None:
                continue
            trade = self._desk.trades.get(order_id)
            if trade is None and is_open(row):
                name = row.client_order_id or ""
                trade = AsyncTrade(self._desk, None, client_order_id=name)
                trade._state.order_id = order_id
                self._desk.trades[order_id] = trade
            if trade is not None:
                trade._told(row)
                if not trade.done:
                    found.append(trade)
        return found

    async def cancel_all(self) -> None:
        """Request the cancellation of all open orders of the account, those of TWS included.

        One request is sent. Orders can still fill until they are cancelled: `open_trades` shows
        which of them are still open.

        Raises:
            OutcomeUnknown: the response was lost; look at `open_trades`.
        """
        orders = self._client.api.orders

        async def send() -> object:
            return await orders.cancel_open_order(account_id=self.account_id, order_id=_ALL)

        await self._desk.carry_out(Intent("cancel", self.account_id, order_id=_ALL), send)

    async def suppress_questions(self, *message_ids: str) -> None:
        """Suppress questions of some kinds: IBKR does not ask them, and treats them as confirmed.

        The suppression applies to all programs and all accounts of the brokerage session, until the
        session ends. IBKR replaces its earlier list, so the method sends the ids of its earlier
        calls again.

        Args:
            message_ids: kinds of questions, such as ``o163``.

        Raises:
            InvalidRequest: there is no message id, or one of them is not text.
        """
        if not message_ids:
            raise InvalidRequest("pass the message ids of the questions to suppress, such as o163")
        ids = merged(self._suppressed, message_ids)
        await self._client.api.orders.suppress_order_replies(message_ids=ids)
        self._suppressed = ids


def _check_rounding(rounding: object) -> None:
    if rounding not in (None, "down", "up", "nearest"):
        raise InvalidRequest(
            f"round_prices must be 'down', 'up', 'nearest' or None, not {shown(rounding)}"
        )


async def _shielded(work: Callable[[], rt.Promise[None]], seconds: float) -> bool:
    """Run a function to its end, even if the caller is interrupted or cancelled meanwhile.

    Args:
        work: the function, which raises no errors.
        seconds: the longest time to wait for its end.

    Returns:
        Whether the function has ended. An interrupt or a cancellation is raised after that.
    """
    done = rt.Event()
    once = [work]

    async def run() -> None:
        try:
            own = once.pop()
        except IndexError:  # another worker has taken the function
            return
        try:
            await own()
        finally:
            done.set()

    worker: rt.Worker | None = None
    deadline = rt.monotonic() + seconds
    interrupted: BaseException | None = None
    while True:
        try:
            # An interrupt may come after the worker has begun but before this variable is set.
            # Then there is a second worker, which finds nothing to do.
            if worker is None:
                worker = rt.Worker(run, "bezant-decline")
            while not done.is_set() and (left := deadline - rt.monotonic()) > 0:
                await done.wait(left)
            break
        except BaseException as error:  # noqa: BLE001 - raised below
            interrupted = error
    complete = done.is_set()
    if not complete:
        await worker.stop()
    if interrupted is not None:
        raise interrupted
    return complete
