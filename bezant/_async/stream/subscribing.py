"""What a stream can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._core.marketdata.fields import MarketDataFields
from ..._core.stream.subscriptions import Interest
from ..._core.stream.topics import (
    ORDERS,
    PNL,
    TRADES,
    account_topic,
    bars_arguments,
    bars_topic,
    chosen,
    ladder_topic,
    market_data_topic,
    orders_arguments,
    trades_arguments,
)
from ..._runtime import _async as rt
from ...errors import InvalidRequest, WsClosed, WsError
from .handles import AsyncOrders, AsyncQuote, AsyncSubscription
from .worker import AsyncStreamWorker


class AsyncSubscribing:
    """The topics of a stream; the base of `AsyncWsClient`."""

    def __init__(self, worker: AsyncStreamWorker) -> None:
        self._stream_worker = worker
        self._client = worker.client
        self._orders = AsyncOrders(worker)

    async def subscribe_market_data(
        self,
        conid: int,
        fields: MarketDataFields | None = None,
        *,
        exchange: str | None = None,
    ) -> AsyncSubscription:
        """Receive `MarketData` of a contract (topic ``smd``).

        The fields of all subscriptions to a contract are one set at the gateway, and each message
        has only those that changed. IBKR ends such a subscription silently about 15 minutes after
        it was made; the stream renews it before.

        Args:
            conid: the contract.
            fields: which fields; by default last, bid and ask with their sizes.
            exchange: one exchange instead of IBKR's choice of the best.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        topic = market_data_topic(conid, exchange)
        return AsyncSubscription(self, await self._subscribe(topic, _checked(fields)))

    async def quote(
        self,
        conid: int,
        fields: MarketDataFields | None = None,
        *,
        exchange: str | None = None,
    ) -> AsyncQuote:
        """Receive market data of a contract, and return an object that always has the newest.

        The messages come in the iteration, too.

        Args:
            conid: the contract.
            fields: which fields; by default last, bid and ask with their sizes.
            exchange: one exchange instead of IBKR's choice of the best.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        topic = market_data_topic(conid, exchange)
        chosen_fields = _checked(fields)
        self._check_open()
        with self._stream_worker.lock:
            live = self._stream_worker.state.live_quote(conid, topic.partition("+")[2])
        return AsyncQuote(self, await self._subscribe(topic, chosen_fields), live)

    @property
    def orders(self) -> AsyncOrders:
        """The working orders by order id, always current, from `subscribe_orders` on.

        Reading them raises `OrdersUnknown` while they are not known.
        """
        return self._orders

    async def subscribe_orders(
        self,
        *,
        statuses: Sequence[str] | None = None,
        days: int | None = None,
        realtime_only: bool = False,
    ) -> AsyncSubscription:
        """Receive `OrderUpdate` for every order of the session (topic ``sor``).

        The whole of each order stands in `orders`, as far as it was asked for. Where the stream
        does not tell of all orders, ``GET /iserver/account/orders`` is called for that; IBKR allows
        one such call in five seconds.

        Args:
            statuses: only orders of these, such as ``Submitted``; by default all. The gateway may
                not tell when an order leaves them, so the orders are asked for once a minute.
            days: how many days of orders come first, 1 to 7; by default today's.
            realtime_only: whether only changes come, and not first what there is.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        arguments = orders_arguments(statuses, days, realtime_only=realtime_only)
        interest = await self._subscribe(ORDERS, arguments=arguments)
        self._stream_worker.check_orders()
        return AsyncSubscription(self, interest)

    async def subscribe_trades(
        self, *, days: int = 1, realtime_only: bool = False
    ) -> AsyncSubscription:
        """Receive `TradeUpdate` for every execution (topic ``str``).

        Args:
            days: how many days of executions come first, 1 to 7.
            realtime_only: whether only new ones come.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        arguments = trades_arguments(days, realtime_only=realtime_only)
        return AsyncSubscription(self, await self._subscribe(TRADES, arguments=arguments))

    async def subscribe_pnl(self) -> AsyncSubscription:
        """Receive `Pnl` of the accounts, about once a second (topic ``spl``)."""
        return AsyncSubscription(self, await self._subscribe(PNL))

    async def subscribe_summary(
        self,
        account: str,
        *,
        keys: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
    ) -> AsyncSubscription:
        """Receive `SummaryUpdate` for the values of an account's summary (topic ``ssd``).

        Args:
            account: the account's id.
            keys: which values, such as ``NetLiquidation-S``; by default all.
            fields: which fields of them, such as ``monetaryValue``; by default all.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        topic = account_topic("sd", account)
        interest = await self._subscribe(topic, arguments=chosen(keys, fields))
        return AsyncSubscription(self, interest)

    async def subscribe_ledger(
        self,
        account: str,
        *,
        keys: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
    ) -> AsyncSubscription:
        """Receive `LedgerUpdate` for an account's ledger in each currency (topic ``sld``).

        Args:
            account: the account's id.
            keys: which currencies, such as ``LedgerListEUR``; by default all.
            fields: which fields of them, such as ``cashBalance``; by default all.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        topic = account_topic("ld", account)
        interest = await self._subscribe(topic, arguments=chosen(keys, fields))
        return AsyncSubscription(self, interest)

    async def subscribe_bars(
        self,
        conid: int,
        *,
        period: str = "1d",
        bar: str = "5min",
        source: str = "trades",
        outside_rth: bool = False,
        exchange: str | None = None,
    ) -> AsyncSubscription:
        """Receive `BarsUpdate` with historical bars of a contract (topic ``smh``).

        IBKR serves five such subscriptions at a time.

        Args:
            conid: the contract.
            period: how far back, such as ``1d``.
            bar: length of a bar, such as ``5min``.
            source: ``trades``, ``midpoint``, ``bid_ask``, ``bid`` or ``ask``.
            outside_rth: whether to include what is outside regular trading hours.
            exchange: one exchange instead of IBKR's choice.

        Raises:
            InvalidRequest: an argument cannot be used, or five are open.
            WsClosed: the stream is closed.
        """
        arguments = bars_arguments(period, bar, source, outside_rth=outside_rth)
        if exchange is not None:
            arguments["exchange"] = exchange
        topic = bars_topic(conid, exchange)
        return AsyncSubscription(self, await self._subscribe(topic, arguments=arguments))

    async def subscribe_ladder(
        self, account: str, conid: int, *, exchange: str | None = None
    ) -> AsyncSubscription:
        """Receive `LadderUpdate` with the rows of a contract's price ladder (topic ``sbd``).

        It needs a subscription to depth of market at IBKR.

        Args:
            account: the account's id.
            conid: the contract.
            exchange: one exchange; by default all that have depth.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        interest = await self._subscribe(ladder_topic(account, conid, exchange))
        return AsyncSubscription(self, interest)

    async def _subscribe(
        self,
        topic: str,
        fields: MarketDataFields | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Interest:
        self._check_open()
        worker = self._stream_worker
        with worker.lock:
            interest = worker.state.subscribe(topic, fields, arguments, now=rt.monotonic())
        try:
            await worker.flush()
        except WsError:
            # The worker meets the same; what is wanted is asked for on the next connection.
            if worker.ended:
                raise
        except BaseException:
            with worker.lock:
                worker.state.unsubscribe(interest)
            raise
        return interest

    async def _unsubscribe(self, interest: Interest) -> None:
        worker = self._stream_worker
        if worker.ended or self._client._pipeline.owner.inherited:
            return
        with worker.lock:
            worker.state.unsubscribe(interest)
        try:
            await worker.flush()
        except WsError:
            return  # the next connection does not ask for it

    async def send_text(self, text: str) -> None:
        """Send a command of your own, such as ``ech+hb``.

        While the stream reconnects it is held, and sent as soon as the gateway is ready. It is not
        repeated on later connections.

        Raises:
            InvalidRequest: it is longer than the gateway takes.
            WsClosed: the stream is closed, or lost its connection just now.
        """
        self._check_open()
        with self._stream_worker.lock:
            self._stream_worker.state.command(text)
        await self._stream_worker.flush()

    def _check_open(self) -> None:
        self._client._pipeline.owner.check()
        if self._stream_worker.ended:
            raise WsClosed("this stream is closed; connect again")


def _checked(fields: MarketDataFields | None) -> MarketDataFields:
    chosen_fields = MarketDataFields.default_l1() if fields is None else fields
    if not isinstance(chosen_fields, MarketDataFields):
        raise InvalidRequest("fields must be MarketDataFields, such as .default_l1()")
    return chosen_fields
