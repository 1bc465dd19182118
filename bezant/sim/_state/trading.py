"""The account and the simulated exchange, advanced to the clock's time before each use."""

from __future__ import annotations

import contextlib
import threading
from decimal import Decimal
from typing import TYPE_CHECKING

from .._market.books import RATES
from .._market.day import TradingDay
from .._market.exchange import Exchange
from .._market.orders import OrderRefused, OrderSpec
from .._market.prices import Market, spread
from .._scenario.scenario import exact, find, seeded

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._market.calendar import Session
    from .._market.catalogue import Catalogue
    from .._scenario.clock import Clock
    from .._scenario.scenario import Amount, Scenario

_STEPS = 4
_TOTAL = 100


class Trading:
    """The simulated account and the exchange that it trades at. Thread-safe.

    Args:
        catalogue: the contracts.
        clock: the clock.
        scenario: what the account starts with.
        seed: seed from which prices and positions are generated.
        interval: simulated seconds between two changes of prices.

    Raises:
        ValueError: the scenario is invalid.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        clock: Clock,
        scenario: Scenario,
        *,
        seed: int,
        interval: float,
    ) -> None:
        unknown = set(scenario.cash) - set(RATES)
        if unknown:
            msg = f"unknown currency {min(unknown)!r}: use one of {', '.join(RATES)}"
            raise ValueError(msg)
        for contract in scenario.contracts:
            catalogue.add(contract)
        self.catalogue = catalogue
        self.scenario = scenario
        self.without_data: set[int] = {find(catalogue, each) for each in scenario.without_data}
        self._clock = clock
        self._lock = threading.RLock()
        now = clock.now()
        market = Market(
            catalogue.contracts,
            prices={find(catalogue, k): exact(price) for k, price in scenario.prices.items()},
            seed=seed,
            interval=interval,
            start=now,
            hours=scenario.hours,
        )
        exchange = self._exchange = Exchange(
            market,
            catalogue.contracts,
            {name: exact(amount) for name, amount in scenario.cash.items()},
            now=now,
            cancel_delay=scenario.cancel_delay,
            commissions=scenario.commissions,
        )
        held = seeded(catalogue.held, seed) if scenario.held is None else scenario.held
        for each in held:
            contract = catalogue.contracts[find(catalogue, each.contract)]
            price = each.average_price
            exchange.books.hold(
                contract,
                exact(each.quantity),
                market.quote(contract.conid, now).last if price is None else exact(price),
                exact(each.realized),
            )
        for order in scenario.orders:
            try:
                exchange.place([order.spec(find(catalogue, order.contract))])
            except OrderRefused as why:
                msg = f"the scenario's order {order!r} can't be placed: {why}"
                raise ValueError(msg) from why
        self._days: dict[int, TradingDay] = {}
        self._activity: _Activity | None = None
        if scenario.demo_orders:
            # If the account has too little margin for the demo orders, it starts without them.
            with contextlib.suppress(OrderRefused):
                self._activity = _Activity(exchange, catalogue)

    @contextlib.contextmanager
    def now(self) -> Generator[Exchange, None, None]:
        """Lock the exchange for a `with` block and advance it to the clock's time."""
        with self._lock:
            now = self._clock.now()
            if self._activity is not None:
                self._activity.run(now)
            self._exchange.advance(now)
            yield self._exchange

    def position(self, conid: int) -> Decimal:
        """Return the position in a contract."""
        with self.now() as exchange:
            return exchange.books.position(conid)

    def day(self, conid: int, session: Session) -> TradingDay:
        """Return a contract's figures for a trading day. Call it inside `with trading.now()`."""
        day = self._days.get(conid)
        if day is None or day.session.date != session.date:
            exchange = self._exchange
            last = exchange.market.last(conid, exchange.now)
            day = self._days[conid] = TradingDay(session, exchange.market.path(conid), last)
        return day

    def set_price(self, contract: str | int, last: Amount, size: int) -> None:
        """Fix a contract's price and the size that can trade at this price."""
        conid = find(self.catalogue, contract)
        price = exact(last)
        if not (price > 0 and size >= 0):
            msg = "a price must be above 0, and a size must not be negative"
            raise ValueError(msg)
        with self.now() as exchange:
            exchange.set_quote(conid, spread(price, size, size, min(size, 100)))

    def halt(self, contract: str | int) -> None:
        """Halt trading in a contract."""
        with self.now() as exchange:
            exchange.market.halt(find(self.catalogue, contract), exchange.now)

    def resume(self, contract: str | int) -> None:
        """Resume trading in a contract."""
        with self.now() as exchange:
            exchange.resume(find(self.catalogue, contract))

    def free_price(self, contract: str | int) -> None:
        """Let a contract's price move again."""
        with self.now() as exchange:
            exchange.market.unpin(find(self.catalogue, contract))


class _Activity:
    """Two orders that change by themselves, so that a stream of orders has updates.

    One order is filled share by share, except for its last share, so that it stays open. The limit
    price of the other order changes.
    """

    def __init__(self, exchange: Exchange, catalogue: Catalogue) -> None:
        self._exchange = exchange
        self._begin = exchange.now
        self._every = exchange.market.interval * _STEPS
        self._done = 0
        self._limit = Decimal(455)
        specs = [
            OrderSpec(
                conid=find(catalogue, symbol),
                side="BUY",
                kind="LMT",
                quantity=Decimal(quantity),
                limit=Decimal(limit),
                tif="GTC",
                client_id=f"sim-{symbol.lower()}",
            )
            for symbol, quantity, limit in (("AAPL", _TOTAL, 250), ("MSFT", 10, 455))
        ]
        self._filled, self._repriced = (exchange.place([each])[0].order_id for each in specs)

    def run(self, now: float) -> None:
        due = int((now - self._begin) / self._every)
        # If much time has passed since the last call, make only the latest changes, so that the
        # work stays bounded.
        for number in range(max(self._done + 1, due - _TOTAL), due + 1):
            self._exchange.advance(self._begin + number * self._every)
            self._change(number)
        self._done = due

    def _change(self, number: int) -> None:
        exchange = self._exchange
        if exchange.orders[self._filled].remaining > 1:
            exchange.trade_against(self._filled, Decimal(1))
        spec = exchange.orders[self._repriced].spec
        if spec.limit == self._limit:
            # Reprice the order only if it still has the price that the simulation set last. With
            # another price, the client has changed the order.
            self._limit = 455 + Decimal(number % 20) / 10
            exchange.reprice(self._repriced, self._limit)
