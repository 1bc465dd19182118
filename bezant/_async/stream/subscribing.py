"""Subscriptions of a stream: one method for each topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from ..._core.marketdata.contract import HasConid, contract_text
from ..._core.marketdata.fields import MarketDataFields
from ..._core.stream.subscriptions import Interest
from ..._core.stream.topic import SubscriptionRequest
from ..._core.stream.topics import bars, ladder, ledger, market_data, orders, pnl, summary, trades
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import InvalidRequest, WsClosed, WsError
from ..marketdata.lines import AsyncReservation
from .handles import AsyncOrders, AsyncQuote, AsyncQuotes, AsyncSubscription
from .worker import AsyncStreamWorker

Q = TypeVar("Q", bound=int | str | HasConid)


class AsyncSubscribing:
    """Subscriptions of a stream; the base class of `AsyncWsClient`."""

    def __init__(self, worker: AsyncStreamWorker) -> None:
        self._stream_worker = worker
        self._client = worker.client
        self._orders = AsyncOrders(worker)

    async def subscribe_market_data(
        self,
        conid: int | str,
        fields: MarketDataFields | None = None,
        *,
        exchange: str | None = None,
    ) -> AsyncSubscription:
        """Receive `MarketData` of a contract (topic ``smd``).

        The gateway keeps one set of fields for each contract, for all subscriptions together. Each
        message has all known fields, and names the fields that changed. IBKR silently ends a market
        data subscription about 15 minutes after the last subscribe command, so the stream repeats
        the command before that.

        Args:
            conid: IBKR's contract id (conid); for a combination, a text such as
                ``28812380;;;43645865/1,9408/-1``.
            fields: the fields to receive; by default last, bid and ask with their sizes.
            exchange: the exchange; by default IBKR chooses the best exchange.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        request = market_data.request(conid, _checked(fields), exchange)
        return AsyncSubscription(self, await self._subscribe(request))

    async def quote(
        self,
        conid: int | str | HasConid,
        fields: MarketDataFields | None = None,
        *,
        exchange: str | None = None,
    ) -> AsyncQuote:
        """Receive market data of a contract, and return an object that is always current.

        The stream still delivers each `MarketData` message of the subscription, too.

        Args:
            conid: IBKR's contract id (conid), or an object with a ``conid`` such as a `Contract`;
                for a combination, a text such as ``28812380;;;43645865/1,9408/-1``.
            fields: the fields to receive; by default last, bid and ask with their sizes.
            exchange: the exchange; by default IBKR chooses the best exchange.

        Raises:
            TooManyLines: there is no free market data line.
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        return await self._quote(market_data.request(conid, _checked(fields), exchange))

    async def quotes(
        self, contracts: Iterable[Q], fields: MarketDataFields | None = None
    ) -> AsyncQuotes[Q]:
        """Receive market data of several contracts, and return live quotes of them.

        Each contract needs a market data line, of which a user has 100 by default. For more
        contracts, request snapshots with ``client.quotes``.

        Args:
            contracts: the contracts: IBKR's contract ids (conids), objects with a ``conid``, or
                texts such as ``265598@NYSE``.
            fields: the fields to receive; by default last, bid and ask with their sizes.

        Raises:
            TooManyLines: there are not enough market data lines; no subscription was made.
            InvalidRequest: an argument is not valid, or there are no contracts.
            WsClosed: the stream is closed.
        """
        if isinstance(contracts, str):
            raise InvalidRequest(f"contracts must be a list of contracts, not {shown(contracts)}")
        given = list(contracts)
        if not given:
            raise InvalidRequest("no contract was given; pass at least one conid")
        asked = _checked(fields)
        requests = [market_data.request(contract_text(each), asked, None) for each in given]
        self._check_open()
        texts = [request.key.partition("+")[2] for request in requests]
        made: list[AsyncQuote] = []
        async with AsyncReservation(self._client._pipeline, self._client._settings, texts):
            try:
                for request in requests:
                    # one by one, so that an error ends the subscriptions made so far
                    made.append(await self._quote(request))  # noqa: PERF401
            except BaseException:
                for quote in made:
                    await quote.cancel()
                raise
        return AsyncQuotes(given, made)

    async def _quote(self, request: SubscriptionRequest) -> AsyncQuote:
        interest = await self._subscribe(request)
        with self._stream_worker.lock:
            live = self._stream_worker.state.live_quote(request.key.partition("+")[2])
        return AsyncQuote(self, interest, live)

    @property
    def orders(self) -> AsyncOrders:
        """The working orders by order id, always current; call `subscribe_orders` first.

        Reading the orders raises `OrdersUnknown` while the orders are not known.
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

        The mapping `orders` has the working orders among them, with all known fields. If the
        gateway does not send all orders, the stream requests the list (``GET
        /iserver/account/orders``). IBKR allows one such call every 5 seconds.

        Args:
            statuses: receive only orders with these statuses, such as ``Submitted``; by default
                all. If you pass statuses, the gateway may send nothing when an order changes to
                another status, so the stream requests the list of orders once a minute.
            days: number of past days, 1 to 7, whose orders the stream sends first; by default only
                those of today.
            realtime_only: whether to receive only changes from now on, and not the existing orders
                first.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        request = orders.request(statuses, days, realtime_only=realtime_only)
        interest = await self._subscribe(request)
        self._stream_worker.check_orders()
        return AsyncSubscription(self, interest)

    async def subscribe_trades(
        self, *, days: int = 1, realtime_only: bool = False
    ) -> AsyncSubscription:
        """Receive `TradeUpdate` for every execution (topic ``str``).

        If the connection was interrupted, or if the gateway sends no execution, the stream calls
        ``GET /iserver/account/trades`` and delivers the executions that are missing.

        Args:
            days: number of past days, 1 to 7, whose executions the stream sends first.
            realtime_only: whether to receive only new executions, and not the existing ones first.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        request = trades.request(days, realtime_only=realtime_only)
        interest = await self._subscribe(request)
        self._stream_worker.check_executions()
        return AsyncSubscription(self, interest)

    async def subscribe_pnl(self) -> AsyncSubscription:
        """Receive `Pnl` of the accounts, about once a second (topic ``spl``)."""
        return AsyncSubscription(self, await self._subscribe(pnl.request()))

    async def subscribe_summary(
        self,
        account_id: str,
        *,
        keys: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
    ) -> AsyncSubscription:
        """Receive `SummaryUpdate` for the values of an account's summary (topic ``ssd``).

        Args:
            account_id: the account's id, such as ``DU123456``.
            keys: names of the values to receive, such as ``NetLiquidation-S``; by default all.
            fields: the fields to receive of each value, such as ``monetaryValue``; by default all.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        request = summary.request(account_id, keys, fields)
        return AsyncSubscription(self, await self._subscribe(request))

    async def subscribe_ledger(
        self,
        account_id: str,
        *,
        keys: Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
    ) -> AsyncSubscription:
        """Receive `LedgerUpdate` for an account's ledger in each currency (topic ``sld``).

        Args:
            account_id: the account's id, such as ``DU123456``.
            keys: the currencies to receive, such as ``LedgerListEUR``; by default all.
            fields: the fields to receive of each currency, such as ``cashBalance``; by default all.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        request = ledger.request(account_id, keys, fields)
        return AsyncSubscription(self, await self._subscribe(request))

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

        IBKR allows 5 such subscriptions at a time.

        Args:
            conid: the contract's id.
            period: how far back the bars go, such as ``1d``.
            bar: length of a bar, such as ``5min``.
            source: ``trades``, ``midpoint``, ``bid_ask``, ``bid`` or ``ask``.
            outside_rth: whether to include trades outside regular trading hours.
            exchange: the exchange; by default IBKR chooses it.

        Raises:
            InvalidRequest: an argument is not valid, or there are five subscriptions already.
            WsClosed: the stream is closed.
        """
        request = bars.request(
            conid, exchange, period=period, bar=bar, source=source, outside_rth=outside_rth
        )
        return AsyncSubscription(self, await self._subscribe(request))

    async def subscribe_ladder(
        self, account_id: str, conid: int, *, exchange: str | None = None
    ) -> AsyncSubscription:
        """Receive `LadderUpdate` with a contract's price ladder (topic ``sbd``).

        The price ladder needs a market depth subscription at IBKR.

        Args:
            account_id: the account's id, such as ``DU123456``.
            conid: the contract's id.
            exchange: the exchange; by default all exchanges with market depth.

        Raises:
            InvalidRequest: an argument is not valid.
            WsClosed: the stream is closed.
        """
        request = ladder.request(account_id, conid, exchange)
        return AsyncSubscription(self, await self._subscribe(request))

    async def _subscribe(self, request: SubscriptionRequest) -> Interest:
        self._check_open()
        worker = self._stream_worker
        topic, _, contract = request.key.partition("+")
        if topic != market_data.MARKET_DATA.key or contract in worker.market_data:
            return await self._send_request(request)
        pipeline = self._client._pipeline
        async with AsyncReservation(pipeline, self._client._settings, [contract]):
            return await self._send_request(request)

    async def _send_request(self, request: SubscriptionRequest) -> Interest:
        worker = self._stream_worker
        with worker.lock:
            interest = worker.state.subscribe(request, now=rt.monotonic())
            worker.market_data = worker.state.market_data
        try:
            await worker.flush()
        except WsError:
            # The error is not raised if the stream will reconnect: the worker sees the error, too,
            # and subscribes on the next connection.
            if worker.ended:
                raise
        except BaseException:
            with worker.lock:
                worker.state.unsubscribe(interest)
                worker.market_data = worker.state.market_data
            raise
        return interest

    async def _unsubscribe(self, interest: Interest) -> None:
        worker = self._stream_worker
        if worker.ended or self._client._pipeline.owner.inherited:
            return
        with worker.lock:
            worker.state.unsubscribe(interest)
            before, worker.market_data = worker.market_data, worker.state.market_data
        for contract in before - worker.market_data:
            # The gateway now ends its data for the contract altogether, also for snapshots, so the
            # line is free.
            self._client._pipeline.limiter.released_line(contract)
        try:
            await worker.flush()
        except WsError:
            return  # nothing to cancel: the next connection will not have this subscription

    async def send_text(self, text: str) -> None:
        """Send a command of your own, such as ``ech+hb``.

        While the stream reconnects, the command waits until the gateway is ready. The stream sends
        the command only once, and not again on later connections.

        Raises:
            InvalidRequest: the command is too long for the gateway, or empty.
            WsClosed: the stream is closed, or the connection was lost while the command was sent.
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
    if fields is None:
        return MarketDataFields.default_l1()
    if not isinstance(fields, MarketDataFields):
        raise InvalidRequest(
            f"fields must be MarketDataFields, such as MarketDataFields.default_l1(), not "
            f"{shown(fields)}"
        )
    return fields
