"""Handles of subscriptions, and objects with live data: quotes and orders."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence, ValuesView
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from ..._core.marketdata.liveness import StaleReason
from ..._core.settings.checks import check_seconds
from ..._core.stream.order_book import OrderBook
from ..._core.stream.quotes import LiveQuote, QuoteReader, read_many
from ..._core.stream.subscriptions import Interest
from ..._wire.availability import Availability
from ...errors import OrdersUnknown, WsClosed
from ...models.stream import MarketData, OrderUpdate
from ..waiting import wait_for
from .worker import AsyncStreamWorker

if TYPE_CHECKING:
    from .subscribing import AsyncSubscribing


class AsyncSubscription:
    """Subscription to one topic; ends with ``cancel()`` or at the end of a ``with`` block."""

    def __init__(self, stream: AsyncSubscribing, interest: Interest) -> None:
        self._stream = stream
        self._interest = interest
        self._active = True

    def __repr__(self) -> str:
        state = "" if self._active else " cancelled"
        return f"<{type(self).__name__} s{self._interest.key}{state}>"

    @property
    def active(self) -> bool:
        """Whether the subscription still runs: True until it is cancelled."""
        return self._active

    async def cancel(self) -> None:
        """End the subscription. You may call this method twice, or after the stream has ended."""
        if self._active:
            self._active = False
            self._stream._stream_worker.bell.ring()
            await self._stream._unsubscribe(self._interest)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cancel()


async def _changed(
    worker: AsyncStreamWorker, has: Callable[[], bool], timeout: float | None
) -> bool:
    """Wait until ``has`` returns True, and return True.

    Return False if the timeout or the end of the stream comes first.
    """
    if timeout is not None:
        check_seconds("timeout", timeout)
    try:
        found = await wait_for(worker.bell, lambda: has() or None, lambda: worker.ended, timeout)
    except TimeoutError:
        return has()
    return found is not None


C = TypeVar("C")
T = TypeVar("T")


async def _news(
    handle: AsyncSubscription, read: Callable[[], T], nothing: T, timeout: float | None
) -> T:
    """Wait until ``read`` returns a value that is true, and return that value.

    Return ``nothing`` if the timeout comes first.

    Raises:
        WsClosed: the stream has ended, or the subscription was cancelled.
    """
    if timeout is not None:
        check_seconds("timeout", timeout)
    worker = handle._stream._stream_worker

    def look() -> T | None:
        with worker.lock:
            if worker.ended:
                raise _closed(worker)
            if not handle.active:
                raise WsClosed("this subscription was cancelled; subscribe again")
            return read() or None

    try:
        found = await wait_for(worker.bell, look, lambda: False, timeout)
    except TimeoutError:
        found = look()
    return nothing if found is None else found


def _closed(worker: AsyncStreamWorker) -> WsClosed:
    reason = worker.state.end_reason
    why = worker.close_reason
    code, said = (1006, "") if why is None else (why.code, why.reason)
    return WsClosed(
        f"the stream has ended ({reason}), so no more values will come; connect again",
        code=code,
        reason=said,
    )


class AsyncQuote(AsyncSubscription):
    """The newest market data of one contract.

    ``ws.quote(conid)`` returns this object. A field is None until the gateway has sent it. The
    first message on a new connection replaces all values of the old one.

    While `stale` is True, the values may be outdated: `stale_reason` says why, `stale_since` since
    when, and `stale_text` what to do. `wait` raises `StaleData` when the values become stale.
    """

    def __init__(self, stream: AsyncSubscribing, interest: Interest, live: LiveQuote) -> None:
        super().__init__(stream, interest)
        self._live = live
        self._reader = QuoteReader(live)
        self._stream_worker = stream._stream_worker

    @property
    def conid(self) -> int:
        """Contract id; for a combination, IBKR's common id of all spreads in its currency."""
        return self._live.conid

    @property
    def conid_ex(self) -> str:
        """The contract with its exchange and its legs, as subscribed to."""
        return self._live.conid_ex

    @property
    def snapshot(self) -> MarketData:
        """The current values, as one message that does not change afterwards."""
        return self._live.complete()

    @property
    def last(self) -> Decimal | None:
        """Last price; `is_close` and `halted` tell how current it is."""
        return self._live.complete().last

    @property
    def bid(self) -> Decimal | None:
        """Best bid price."""
        return self._live.complete().bid

    @property
    def ask(self) -> Decimal | None:
        """Best ask price."""
        return self._live.complete().ask

    @property
    def bid_size(self) -> Decimal | None:
        """Size at the best bid."""
        return self._live.complete().bid_size

    @property
    def ask_size(self) -> Decimal | None:
        """Size at the best ask."""
        return self._live.complete().ask_size

    @property
    def last_size(self) -> Decimal | None:
        """Size of the last trade."""
        return self._live.complete().last_size

    @property
    def is_close(self) -> bool:
        """Whether `last` is the prior day's close."""
        return bool(self._live.complete().is_close)

    @property
    def halted(self) -> bool:
        """Whether trading is halted."""
        return bool(self._live.complete().halted)

    @property
    def updated(self) -> datetime | None:
        """Time of the last change, by the gateway's clock."""
        return self._live.complete().updated

    @property
    def availability(self) -> Availability | None:
        """Availability of the data, such as ``real time``; None if the gateway has not said."""
        return self._live.complete().availability

    @property
    def stale(self) -> bool:
        """Whether the values may be outdated, or no value has come yet."""
        return not self._live.fresh

    @property
    def stale_reason(self) -> StaleReason | None:
        """Reason why the values are stale; None if they are current.

        - ``no value yet``: no value has come since the subscription.
        - ``connection lost``: the stream has lost its connection and is reconnecting.
        - ``login lost``: nobody is logged in to the gateway.
        - ``session closed``: the brokerage session is closed.
        - ``competing session``: another session of the user name may receive the market data.
        - ``new session``: the gateway has logged in again, and the stream has subscribed again.
        - ``refused``: the gateway refuses the subscription.
        - ``silent``: the gateway sends nothing, although a snapshot shows another price.
        - ``ended``: the stream or the subscription has ended.
        """
        staleness = self._live.staleness
        return None if staleness is None else staleness.reason

    @property
    def stale_since(self) -> datetime | None:
        """Time of the last moment at which the values were known to be current; None if they are.

        Before the first value, it is the time of the subscription.
        """
        staleness = self._live.staleness
        return None if staleness is None else staleness.since

    @property
    def stale_text(self) -> str:
        """Text that says why the values are stale and what to do; empty if they are current."""
        staleness = self._live.staleness
        return "" if staleness is None else staleness.text

    def get(self, field: str) -> Decimal | int | bool | str | None:
        """Return a field by bezant's name, such as ``volume``, or by IBKR's id."""
        return self._live.complete().get(field)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until a value of the contract has changed since the last wait.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Returns:
            True if a value has changed and the values are current; False if the timeout came first.

        Raises:
            StaleData: the values have become stale, or stale for another reason, since the last
                wait. The next wait waits until they are current again.
            WsClosed: the stream has ended, or this subscription was cancelled.
        """
        return await _news(self, self._reader.read, False, timeout)


class AsyncQuotes(Generic[C]):
    """Live quotes of several contracts, in the order in which you passed the contracts.

    ``ws.quotes([...])`` returns this object. Iterate over it for the quotes, or read one with the
    contract as you passed it: ``quotes[265598]``. `changed` waits until any of them has changed.
    """

    def __init__(self, contracts: Sequence[C], quotes: Sequence[AsyncQuote]) -> None:
        self._contracts = tuple(contracts)
        self._quotes = tuple(quotes)
        self._readers = [QuoteReader(each._live) for each in quotes]

    def __len__(self) -> int:
        return len(self._quotes)

    def __iter__(self) -> Iterator[AsyncQuote]:
        return iter(self._quotes)

    def __getitem__(self, contract: C) -> AsyncQuote:
        for given, quote in zip(self._contracts, self._quotes, strict=True):
            if given == contract:
                return quote
        raise KeyError(contract)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._quotes)} contracts>"

    @property
    def contracts(self) -> tuple[C, ...]:
        """The contracts, as you passed them."""
        return self._contracts

    @property
    def stale(self) -> list[AsyncQuote]:
        """The quotes whose values may be outdated, or that have no value yet."""
        return [each for each in self._quotes if each.stale]

    async def changed(self, timeout: float | None = None) -> list[AsyncQuote]:
        """Wait until any quote has changed since the last call, and return the changed quotes.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Returns:
            The quotes that have changed and are current; an empty list if the timeout came first.

        Raises:
            StaleData: quotes have become stale, or stale for another reason, since the last call;
                ``error.contracts`` names them. The next call waits for the other quotes, and for
                these until they are current again.
            WsClosed: the stream has ended, or a subscription was cancelled.
        """
        positions = await _news(
            self._quotes[0], lambda: read_many(self._readers), list[int](), timeout
        )
        return [self._quotes[each] for each in positions]

    async def cancel(self) -> None:
        """End all subscriptions. You may call this method twice."""
        for each in self._quotes:
            await each.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.cancel()


class AsyncOrders(Mapping[int, OrderUpdate]):
    """Mapping of the working orders by order id, each with all its known fields, always current.

    Working orders may still be filled. ``ws.orders`` is this mapping; `subscribe_orders` fills it.
    An order that is filled, cancelled or rejected leaves the mapping.

    Before the gateway has sent its list, and again after each interruption, `known` is False, and
    reading the mapping raises `OrdersUnknown`; `wait` waits until the orders are known. The gateway
    does not mark the end of its list. The list counts as complete if it has every order that was
    working before, and no further order comes for 1 second. Otherwise the stream calls ``GET
    /iserver/account/orders``, and requests the status of each order that was working before and
    that this list lacks.
    """

    def __init__(self, worker: AsyncStreamWorker) -> None:
        self._stream_worker = worker
        self._seen = 0

    @property
    def known(self) -> bool:
        """Whether the orders are known: False at first, and after each loss of the connection."""
        return self._stream_worker.state.orders.known

    @property
    def unconfirmed(self) -> frozenset[int]:
        """Ids of the orders for which IBKR returned no status after an interruption.

        These orders may have been filled or cancelled. They stay in the mapping without a status,
        and the stream requests their status again.
        """
        with self._stream_worker.lock:
            return frozenset(self._book().unconfirmed)

    def _book(self) -> OrderBook:
        book = self._stream_worker.state.orders
        if not book.known:
            raise OrdersUnknown(book.reason)
        return book

    def __getitem__(self, order_id: int) -> OrderUpdate:
        with self._stream_worker.lock:
            order = self._book().get(order_id)
        if order is None:
            raise KeyError(order_id)
        return order

    def __iter__(self) -> Iterator[int]:
        with self._stream_worker.lock:
            return iter(self._book().working())

    def __len__(self) -> int:
        with self._stream_worker.lock:
            return len(self._book())

    def items(self) -> ItemsView[int, OrderUpdate]:
        """Return the orders with their ids as they are now."""
        return self._copy().items()

    def values(self) -> ValuesView[OrderUpdate]:
        """Return the orders as they are now."""
        return self._copy().values()

    def _copy(self) -> dict[int, OrderUpdate]:
        # The method returns a copy, because an order may be filled while the program iterates.
        with self._stream_worker.lock:
            return self._book().orders()

    def __repr__(self) -> str:
        with self._stream_worker.lock:
            book = self._stream_worker.state.orders
            state = f"{len(book)} working" if book.known else "not known"
        return f"<{type(self).__name__} {state}>"

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until the orders are known and one of them has changed since the last wait.

        This method does not raise an error while the orders are not known: it waits until they are.
        Pass a timeout and check `known` if your program has to notice that.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Returns:
            True if an order has changed; False if the timeout or the end of the stream came first.
        """
        book = self._stream_worker.state.orders
        found = await _changed(
            self._stream_worker, lambda: book.known and book.version != self._seen, timeout
        )
        if found:
            self._seen = book.version
        return found
