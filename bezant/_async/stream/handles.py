"""Handles of subscriptions, and objects with live data: quotes and orders."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Self

from ..._core.settings.checks import check_seconds
from ..._core.stream.order_book import OrderBook
from ..._core.stream.quotes import LiveQuote
from ..._core.stream.subscriptions import Interest
from ...errors import OrdersUnknown
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


class AsyncQuote(AsyncSubscription):
    """The newest market data of one contract, always current.

    ``ws.quote(conid)`` returns this object. A field is None until the gateway has sent it. The
    first message on a new connection replaces all values of the old one.
    """

    def __init__(self, stream: AsyncSubscribing, interest: Interest, live: LiveQuote) -> None:
        super().__init__(stream, interest)
        self._live = live
        self._stream_worker = stream._stream_worker
        self._seen = 0

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
    def stale(self) -> bool:
        """Whether all values are old: none came on the current connection, or no more will come.

        No more values come after the end of the stream or of all subscriptions to the contract.
        """
        return self._stream_worker.ended or not self._live.fresh

    def get(self, field: str) -> Decimal | int | bool | str | None:
        """Return a field by bezant's name, such as ``volume``, or by IBKR's id."""
        return self._live.complete().get(field)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until a value of the contract has changed since the last wait.

        Args:
            timeout: seconds to wait; None to wait without a limit.

        Returns:
            True if a value has changed; False if the timeout or the end of the stream came first.
        """
        found = await _changed(
            self._stream_worker, lambda: self._live.version != self._seen, timeout
        )
        self._seen = self._live.version
        return found


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
