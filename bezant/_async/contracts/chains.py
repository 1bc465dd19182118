"""`AsyncOptionChain`: the options on an underlying, looked up only as far as they are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from ..._core.contracts import chains as rules
from ..._core.contracts.contract import check_text
from ..._core.contracts.hours import zone_of
from ..._core.settings.settings import DEFAULT_CONCURRENCY
from ..._runtime import _async as rt
from ...errors import InvalidRequest
from ...models._contract import Contract
from ...models.bulk import Progress
from ..bulk import AsyncBulk
from .resolver import AsyncResolver

# No large exchange is west of New York. So "after today" never skips an expiry that is still ahead.
_TODAY_IN: Final = "America/New_York"


class AsyncOptionChain:
    """Options on an underlying. `client.contracts.option_chain` returns this object.

    Attributes:
        underlying: contract of the underlying.
        months: months in which options expire, such as ``JAN27``.
        exchanges: exchanges at which the options trade.
    """

    def __init__(
        self,
        resolver: AsyncResolver,
        source: rules.Underlying,
        price: Callable[[Contract], rt.Promise[Decimal]],
    ) -> None:
        self._resolver = resolver
        self._source = source
        self._price = price
        self.underlying: Contract = source.contract
        self.months: tuple[str, ...] = source.months
        self.exchanges: tuple[str, ...] = source.exchanges

    def __repr__(self) -> str:
        symbol, count = self.underlying.symbol, len(self.months)
        return f"<{type(self).__name__} of {symbol}, {count} months>"

    def expiry(
        self,
        which: date | str,
        *,
        after: date | None = None,
        trading_class: str | None = None,
    ) -> AsyncOptionExpiry:
        """Return one expiry of the chain; nothing is requested yet.

        Args:
            which: the day of the expiry; or ``monthly`` (the third Friday of a month, or the last
                trading day before it), ``weekly`` (the last expiry of a week, which may be a
                monthly one) or ``daily`` (any).
            after: the expiry is the first one after this day; None for today in New York. A day
                that you pass as ``which`` need not be after it.
            trading_class: trading class, such as ``SPXW``. If None, a monthly expiry is one of
                the class that has the underlying's symbol, if there is such a class; adjusted
                classes such as ``2AAPL`` are left out.

        Raises:
            InvalidRequest: an argument is invalid.
        """
        today = datetime.fromtimestamp(rt.wall_time(), zone_of(_TODAY_IN)).date()
        chosen = check_text("trading_class", trading_class, "SPXW")
        choice = rules.check_choice(which, after, chosen, today)
        return AsyncOptionExpiry(self._resolver, self._source, self._price, choice)

    async def expiries(
        self, month: str | None = None, *, trading_class: str | None = None
    ) -> list[tuple[date, str]]:
        """Return the expiries of a month, as pairs of day and trading class.

        IBKR's search names only the months, so this costs two requests: for the month's strikes,
        and for the options with one round strike. The list has the expiries of that strike.

        Args:
            month: the month, such as ``JAN27``; None for the first month of the chain.
            trading_class: trading class, such as ``SPXW``; None for all.

        Raises:
            InvalidRequest: the chain has no such month.
        """
        code = check_text("month", month, "JAN27") or self.months[0]
        if code not in self.months:
            raise InvalidRequest(
                f"month must be one of {', '.join(self.months)}, or None, not {code!r}"
            )
        chosen = check_text("trading_class", trading_class, "SPXW")
        strikes = await self._resolver.strikes(self._source, code)
        if not strikes:
            return []
        options = await self._resolver.options(self._source, code, rules.roundest(strikes))
        return rules.days_and_classes(options, chosen)


class AsyncOptionExpiry:
    """One expiry of an option chain. `AsyncOptionChain.expiry` returns this object."""

    def __init__(
        self,
        resolver: AsyncResolver,
        source: rules.Underlying,
        price: Callable[[Contract], rt.Promise[Decimal]],
        choice: rules.ExpiryChoice,
    ) -> None:
        self._resolver = resolver
        self._source = source
        self._price = price
        self._choice = choice

    def __repr__(self) -> str:
        choice = self._choice
        which = choice.day or f"{choice.kind} after {choice.after}"
        return f"<{type(self).__name__} of {self._source.contract.symbol}, {which}>"

    def strikes(
        self,
        *strikes: Decimal | float,
        within: str | Decimal | float | None = None,
        around: Decimal | float | None = None,
        right: str | None = None,
    ) -> AsyncOptionContracts:
        """Return options of this expiry; nothing is requested yet.

        Args:
            strikes: the strikes; none for all strikes, or for those that ``within`` chooses.
            within: distance of the strikes from the underlying's price: a percentage such as
                ``"10%"``, or a number.
            around: the price from which ``within`` counts; None for the last price of the
                underlying, for which a snapshot is requested.
            right: ``C`` for calls only, ``P`` for puts only; None for both.

        Raises:
            InvalidRequest: an argument is invalid.
        """
        if strikes and within is not None:
            raise InvalidRequest("pass strikes or within, not both")
        if around is not None and within is None:
            raise InvalidRequest("around needs within, such as within='10%'")
        return AsyncOptionContracts(
            self._resolver,
            self._source,
            self._price,
            self._choice,
            strikes=tuple(dict.fromkeys(rules.to_strike(strike) for strike in strikes)),
            within=None if within is None else rules.check_within(within),
            around=None if around is None else rules.to_strike(around),
            rights=rules.check_rights(right),
        )


class AsyncOptionContracts:
    """Options of one expiry, looked up when you need them.

    `AsyncOptionExpiry.strikes` returns this object. Iterate over it, or call `contracts`; the first
    use looks up the options.
    """

    def __init__(
        self,
        resolver: AsyncResolver,
        source: rules.Underlying,
        price: Callable[[Contract], rt.Promise[Decimal]],
        choice: rules.ExpiryChoice,
        *,
        strikes: tuple[Decimal, ...],
        within: tuple[Decimal, bool] | None,
        around: Decimal | None,
        rights: tuple[str, ...],
    ) -> None:
        self._resolver = resolver
        self._source = source
        self._price = price
        self._choice = choice
        self._strikes = strikes
        self._within = within
        self._around = around
        self._rights = rights
        self._found: list[Contract] | None = None

    def __repr__(self) -> str:
        count = "not looked up" if self._found is None else f"{len(self._found)} contracts"
        return f"<{type(self).__name__} of {self._source.contract.symbol}, {count}>"

    async def __aiter__(self) -> AsyncIterator[Contract]:
        for contract in await self.contracts():
            yield contract

    async def contracts(
        self, *, on_progress: Callable[[Progress], object] | None = None
    ) -> list[Contract]:
        """Return the options, by strike and right.

        Costs one request for each strike (``GET /iserver/secdef/info``; its response has the calls
        and puts of all expiries of the month), and one for the month's strikes if you did not name
        the day of the expiry and the strikes. The calls wait for the rate limits as long as it
        takes. The second call returns the same list without a request.

        Args:
            on_progress: function called with a `Progress` after each request for a strike.

        Raises:
            SymbolNotFound: there is no such expiry, or no option with a strike that you named.
            AmbiguousSymbol: several trading classes expire on the day; pass ``trading_class``.
            MissingValue: no price of the underlying is known; pass ``around``.
        """
        if self._found is None:
            self._found = await self._look_up(on_progress)
        return list(self._found)

    async def _look_up(self, on_progress: Callable[[Progress], object] | None) -> list[Contract]:
        symbol, choice = self._source.contract.symbol, self._choice
        is_index = self._source.contract.sec_type == "IND"
        months = rules.months_for(choice, self._source.months, is_index=is_index)
        price = await self._price_around() if self._within is not None and months else None
        every: list[Contract] = []
        for number, month in enumerate(months):
            wanted, probe = await self._wanted(month, price)
            if probe is not None:
                every += await self._resolver.options(self._source, month, probe)
                if self._day(every, months, number) is None:
                    continue
            every += await self._read(month, wanted, on_progress)
            day = self._day(every, months, number)
            if day is not None:
                options = rules.on_day(symbol, rules.usual(symbol, choice, every), day)
                found = [
                    each
                    for each in options
                    if each.right in self._rights and each.strike in set(wanted)
                ]
                rules.check_complete(symbol, day, self._strikes, found)
                return found
        raise rules.no_expiry(symbol, choice, every, self._source.months)

    def _day(self, every: list[Contract], months: list[str], number: int) -> date | None:
        options = rules.usual(self._source.contract.symbol, self._choice, every)
        days = [each.expiry for each in options if each.expiry is not None]
        return rules.choose_day(self._choice, days, months[: number + 1], months[number + 1 :])

    async def _price_around(self) -> Decimal:
        return await self._price(self._source.contract) if self._around is None else self._around

    async def _wanted(
        self, month: str, price: Decimal | None
    ) -> tuple[list[Decimal], Decimal | None]:
        """Return the strikes to read in a month, and the one whose expiries are known to be all."""
        if self._strikes and self._choice.day is not None:
            return list(self._strikes), None
        listed = await self._resolver.strikes(self._source, month)
        if not listed:
            return [], None
        wanted = listed
        if self._strikes:
            wanted = list(self._strikes)
        elif self._within is not None and price is not None:
            wanted = rules.near(listed, self._within, price)
        if self._choice.day is not None:
            return wanted, None
        return wanted, rules.roundest(listed if self._strikes or not wanted else wanted)

    async def _read(
        self,
        month: str,
        strikes: Iterable[Decimal],
        on_progress: Callable[[Progress], object] | None,
    ) -> list[Contract]:
        async def read(strike: Decimal) -> list[Contract]:
            return await self._resolver.options(self._source, month, strike)

        found: list[Contract] = []
        bulk = AsyncBulk(
            self._resolver.pipeline,
            read,
            list(strikes),
            concurrency=DEFAULT_CONCURRENCY,
            max_wait=float("inf"),
            on_progress=on_progress,
        )
        async with bulk as outcomes:
            async for outcome in outcomes:
                found += outcome.value
        await self._resolver.file.write()
        return found
