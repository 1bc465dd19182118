"""Streams."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

from .._core.settings import check_count, check_seconds
from .._core.stream.fields import MarketDataFields
from .._core.stream.inbox import DEFAULT_BUFFER, Inbox
from .._core.stream.timing import READY_TIMEOUT, Timing
from .._core.stream.topics import (
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
from .._core.stream.wanted import Ticket
from .._runtime import _async as rt
from ..errors import InvalidRequest, WsClosed, WsError, WsTimeout
from ..models.stream import Message, StreamStats
from .client import AsyncClient
from .link import AsyncLink
from .live import AsyncOrders, AsyncQuote, AsyncSubscription


class AsyncWsClient:
    """A stream of messages from the gateway that can be left running.

    Made by ``AsyncWsClient.connect(client)``. Iterate over it for messages:

    ```python
    async with AsyncWsClient.connect(client) as ws:
        await ws.subscribe_market_data(265598)
        async for message in ws:
            ...
    ```

    Beside the program it reads the socket, keeps it alive, renews market data before IBKR ends it,
    and makes a new connection when one is lost; a `Gap` then stands before the first message that
    follows.
    """

    def __init__(self, link: AsyncLink) -> None:
        self._link = link
        self._client = link.client
        self._orders = AsyncOrders(link)
        self._reading = False

    def __repr__(self) -> str:
        state = self._link.state.phase.value
        return f"<{type(self).__name__} {self._client._settings.base_url.ws_url} {state}>"

    @property
    def closed(self) -> bool:
        """Whether it has ended: nothing comes any more but what was not read yet."""
        return self._link.ended

    @property
    def close_reason(self) -> WsClosed | None:
        """Why it ended by itself; None while it is open and after ``close()``."""
        return self._link.close_reason

    @property
    def stats(self) -> StreamStats:
        """How it is doing: what came, was merged or missed, and how far the reader is behind."""
        state = self._link.state
        with self._link.lock:
            return StreamStats(
                received=state.received,
                conflated=state.inbox.merged,
                missed=state.inbox.missed,
                buffered=len(state.inbox),
                reconnects=state.reconnects,
                last_heard=state.moment(state.last_heard),
                lag=state.inbox.lag(rt.monotonic()),
            )

    @classmethod
    def connect(
        cls,
        client: AsyncClient,
        *,
        reconnect: bool = True,
        ready_timeout: float = READY_TIMEOUT,
        buffer: int = DEFAULT_BUFFER,
        quote_backlog: int = 0,
    ) -> rt.Connecting[AsyncWsClient]:
        """Open a stream and wait until the gateway is ready on it.

        The session comes from ``POST /tickle``, for each connection anew; address, certificates and
        proxy are the client's.

        Args:
            client: whose session to use. Closing it does not close the stream, which then cannot
                reconnect any more.
            reconnect: whether to make a new connection when one is lost. False: the iteration ends.
            ready_timeout: seconds to wait for the gateway's ``system`` message.
            buffer: how many messages that nobody has read are held. What comes beyond is counted
                in a `Gap` for each topic.
            quote_backlog: how many quotes that nobody has read are held before those of one
                contract are merged into one. With 0 a reader never gets an outdated quote; with
                more it gets every single one, as long as it keeps up.

        Raises:
            NotAuthenticated: nobody is logged in.
            NoSession: the gateway is not connected to the backend.
            WsConnectFailed: the WebSocket could not be opened, or this process has five open to
                the gateway already, which serves no more.
            WsTimeout: it opened, but the gateway never became ready.
            InvalidRequest: an argument cannot be used.
        """
        check_seconds("ready_timeout", ready_timeout)
        check_count("buffer", buffer, 1)
        check_count("quote_backlog", quote_backlog, 0)
        timing = Timing(ready_timeout=ready_timeout)
        inbox = Inbox(buffer, quote_backlog)
        return rt.connecting(cls._open(client, timing, inbox, reconnect=reconnect))

    @classmethod
    async def _open(
        cls, client: AsyncClient, timing: Timing, inbox: Inbox, *, reconnect: bool
    ) -> AsyncWsClient:
        link = AsyncLink(client, timing, inbox, reconnect=reconnect)
        await link.open()
        return cls(link)

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
        with self._link.lock:
            live = self._link.state.live_quote(conid, topic.partition("+")[2])
        return AsyncQuote(self, await self._subscribe(topic, chosen_fields), live)

    @property
    def orders(self) -> AsyncOrders:
        """The working orders by order id, always current, from `subscribe_orders` on."""
        return self._orders

    async def subscribe_orders(
        self,
        *,
        statuses: Sequence[str] | None = None,
        days: int | None = None,
        realtime_only: bool = False,
    ) -> AsyncSubscription:
        """Receive `OrderUpdate` for every order of the session (topic ``sor``).

        The whole of each order stands in `orders`, as far as it was asked for.

        Args:
            statuses: only orders of these, such as ``Submitted``; by default all.
            days: how many days of orders come first, 1 to 7; by default today's.
            realtime_only: whether only changes come, and not first what there is.

        Raises:
            InvalidRequest: an argument cannot be used.
            WsClosed: the stream is closed.
        """
        arguments = orders_arguments(statuses, days, realtime_only=realtime_only)
        return AsyncSubscription(self, await self._subscribe(ORDERS, arguments=arguments))

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
        ticket = await self._subscribe(topic, arguments=chosen(keys, fields))
        return AsyncSubscription(self, ticket)

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
        ticket = await self._subscribe(topic, arguments=chosen(keys, fields))
        return AsyncSubscription(self, ticket)

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
        ticket = await self._subscribe(ladder_topic(account, conid, exchange))
        return AsyncSubscription(self, ticket)

    async def _subscribe(
        self,
        topic: str,
        fields: MarketDataFields | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> Ticket:
        self._check_open()
        link = self._link
        with link.lock:
            ticket = link.state.subscribe(topic, fields, arguments, now=rt.monotonic())
        try:
            await link.flush()
        except WsError:
            # The worker meets the same; what is wanted is asked for on the next connection.
            if link.ended:
                raise
        except BaseException:
            with link.lock:
                link.state.unsubscribe(ticket)
            raise
        return ticket

    async def _unsubscribe(self, ticket: Ticket) -> None:
        link = self._link
        if link.ended or self._client._channel.owner.inherited:
            return
        with link.lock:
            link.state.unsubscribe(ticket)
        try:
            await link.flush()
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
        with self._link.lock:
            self._link.state.command(text)
        await self._link.flush()

    def _check_open(self) -> None:
        self._client._channel.owner.check()
        if self._link.ended:
            raise WsClosed("this stream is closed; connect again")

    async def next_message(self, timeout: float | None = None) -> Message | None:
        """Return the next message, or None when the stream has ended.

        Args:
            timeout: seconds to wait; None for as long as it takes.

        Raises:
            WsTimeout: none came in time; or, without reconnection, the gateway fell silent.
            WsProtocolError: without reconnection: what came is not WebSocket.
            WsError: somebody else is waiting already.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        link = self._link
        if link.drifts:
            self._tell_drifts()
        message = link.take()
        if message is not None:
            return message
        self._client._channel.owner.check()
        with link.lock:
            if self._reading:
                raise WsError("somebody else is already waiting for the next message")
            self._reading = True
        try:
            return await self._wait_for_message(timeout)
        finally:
            self._reading = False

    async def _wait_for_message(self, timeout: float | None) -> Message | None:
        link = self._link
        deadline = None if timeout is None else rt.monotonic() + timeout
        while True:
            heard = link.bell.count
            ended = link.ended
            if link.drifts:
                self._tell_drifts()
            message = link.take()
            if message is not None:
                return message
            if ended:
                error, link.error = link.error, None
                if error is not None:
                    raise error
                return None
            left = None if deadline is None else max(deadline - rt.monotonic(), 0.0)
            if not await link.bell.wait(heard, left):
                raise WsTimeout("no message came in time")

    def _tell_drifts(self) -> None:
        drifts = list(self._link.drifts)
        del self._link.drifts[: len(drifts)]
        self._client._channel.report(drifts, strict=False)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        link = self._link
        message = None if link.drifts else link.take()
        if message is None:
            message = await self.next_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def aclose(self) -> None:
        """Close the stream; whoever waits for a message gets None. Doing so twice is fine."""
        if not self._client._channel.owner.inherited:
            await self._link.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        link = getattr(self, "_link", None)
        if link is None or link.ended or link.client._channel.owner.inherited:
            return
        # The worker must not go on for nobody.
        link.abandon()
        warnings.warn(
            f"{self!r} was never closed; use it as a context manager",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )


def _checked(fields: MarketDataFields | None) -> MarketDataFields:
    chosen_fields = MarketDataFields.default_l1() if fields is None else fields
    if not isinstance(chosen_fields, MarketDataFields):
        raise InvalidRequest("fields must be MarketDataFields, such as .default_l1()")
    return chosen_fields
