"""`AsyncContracts`: finds contracts by symbol, conid and other properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from ..._core.contracts import contract as rules
from ..._core.contracts import found, futures
from ..._core.contracts import symbols as lookup
from ..._core.contracts.chains import check_day, underlying_of
from ..._core.contracts.hours import SCHEDULE, MarketHours, exchange_zone, read_hours
from ..._core.contracts.rules import ALGOS, RULES, TradingRules, is_buy, read_rules
from ..._core.http.request import fill_path
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...models._contract import Contract
from ...models._listing import Listing
from ...models.contracts import Algo, Algos, ContractRules, TradingHours
from ..http.pipeline import AsyncPipeline
from .chains import AsyncOptionChain
from .resolver import AsyncResolver


class AsyncContracts:
    """Finds contracts; `client.contracts` is such an object.

    Each method that returns one contract returns exactly one, or raises an error that lists the
    candidates. Contracts that were found are kept in memory, so the second lookup sends no request.
    """

    def __init__(
        self,
        pipeline: AsyncPipeline,
        settings: Settings,
        price: Callable[[Contract], rt.Promise[Decimal]],
        original: AsyncContracts | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._price = price
        self._settings = settings
        if original is None:
            self._resolver = AsyncResolver(pipeline, settings)
        else:
            self._resolver = original._resolver

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._resolver.cache)} contracts>"

    def _resolver_for(self, forget_misses_after: float) -> AsyncResolver:
        if forget_misses_after == lookup.FORGET_MISSES_AFTER:
            return self._resolver
        return AsyncResolver(
            self._pipeline,
            self._settings,
            forget_misses_after=forget_misses_after,
            other=self._resolver,
        )

    async def by_conid(self, conid: int) -> Contract:
        """Return the contract with a conid (``GET /trsrv/secdef``).

        Args:
            conid: IBKR's id of the contract.

        Raises:
            SymbolNotFound: IBKR knows no such contract.
            InvalidRequest: the conid is not a whole number above 0.
        """
        return (await self.by_conids([conid]))[0]

    async def by_conids(self, conids: Iterable[int]) -> list[Contract]:
        """Return the contracts with given conids, in their order; 200 of them share one call.

        ``GET /trsrv/secdef``.

        Args:
            conids: IBKR's ids of the contracts.

        Raises:
            SymbolNotFound: IBKR does not know one of the contracts.
            InvalidRequest: a conid is not a whole number above 0.
        """
        wanted = [rules.check_conid(conid) for conid in conids]
        known = await self._resolver.definitions(wanted)
        for conid in wanted:
            if conid not in known:
                wish = f"contract with the conid {conid}"
                raise rules.missing(str(conid), wish, (), lookup.DEFINITIONS.name)
        return [known[conid] for conid in wanted]

    async def stock(
        self, symbol: str, *, exchange: str | None = None, currency: str | None = None
    ) -> Contract:
        """Return the contract of a stock or an exchange-traded fund (ETF).

        Exactly one listing must match, with one exception: if you do not pass ``exchange``, and
        exactly one match is in the United States, the method returns that one. The first lookup
        costs two requests (``GET /trsrv/stocks`` and ``GET /trsrv/secdef``).

        Args:
            symbol: the symbol, such as ``AAPL``, in upper or lower case; ``BRK.B`` also finds ``BRK
                B``.
            exchange: listing exchange, such as ``NASDAQ`` or ``IBIS``; None for any.
            currency: trading currency, such as ``EUR``; None for any.

        Raises:
            SymbolNotFound: no listing matches.
            AmbiguousSymbol: several listings match; the error lists them.
            MissingValue: a listing cannot be read, so it is not known whether it matches.
            InvalidRequest: the symbol, exchange or currency is invalid.
        """
        key = lookup.key_for(symbol, exchange, currency)
        return await self.by_conid(await self._resolver.conid_for(key))

    async def stocks(
        self,
        symbols: Iterable[str],
        *,
        exchange: str | None = None,
        currency: str | None = None,
    ) -> dict[str, Contract]:
        """Return a dict of the contracts of many stocks or ETFs, by the symbols as you passed them.

        Works like `stock`, but hundreds of symbols share one call of ``GET /trsrv/stocks``, and 200
        contracts share one call of ``GET /trsrv/secdef``. If one symbol causes an error, the other
        symbols are kept: if you call the method again without that symbol, it does not look them up
        again.

        Args:
            symbols: the symbols, such as ``["AAPL", "BRK.B"]``.
            exchange: listing exchange of all symbols; None for any.
            currency: trading currency of all symbols; None for any.

        Raises:
            SymbolNotFound: a symbol has no matching listing.
            AmbiguousSymbol: a symbol has several matching listings.
            MissingValue: a listing of a symbol cannot be read.
            InvalidRequest: an argument is invalid; nothing was sent.
        """
        conids = await self._resolver.conids_for(symbols, exchange, currency)
        return dict(zip(conids, await self.by_conids(conids.values()), strict=True))

    async def future(
        self,
        symbol: str,
        *,
        expiry: date | str | None = None,
        exchange: str | None = None,
        currency: str | None = None,
        multiplier: Decimal | int | None = None,
    ) -> Contract:
        """Return the front month of a future, or the future with a given expiry.

        The front month is the first future that has not expired, by the date at its exchange. The
        result's ``roll`` is the next future. The first lookup costs two requests (``GET
        /trsrv/futures`` and ``GET /trsrv/secdef``), and a third one for the exchange's time zone if
        a future expires within a day of now.

        Args:
            symbol: the root symbol, such as ``ES``.
            expiry: day of the expiry, or its month, such as ``DEC26``; None for the front month.
            exchange: exchange, such as ``CME``; None for any.
            currency: currency, such as ``USD``; None for any.
            multiplier: multiplier, such as 50; None for any.

        Raises:
            SymbolNotFound: no future matches.
            AmbiguousSymbol: futures of several products match, or several with this expiry.
            MissingValue: the expiry of a future is missing in the response.
            InvalidRequest: an argument is invalid.
        """
        wanted = futures.check_expiry(expiry)
        root = rules.check_symbol(symbol)
        curve = await self.futures(
            root, exchange=exchange, currency=currency, multiplier=multiplier
        )
        wish = rules.wish_for(
            "future",
            root,
            expiry=expiry,
            exchange=exchange,
            currency=currency,
            multiplier=multiplier,
        )
        return futures.pick(root, wish, curve, wanted)

    async def futures(
        self,
        symbol: str,
        *,
        exchange: str | None = None,
        currency: str | None = None,
        multiplier: Decimal | int | None = None,
    ) -> list[Contract]:
        """Return the futures of a product that have not expired, in order of their expiry.

        Costs the same requests as `future`.

        Args:
            symbol: the root symbol, such as ``ES``.
            exchange: exchange, such as ``CME``; None for any.
            currency: currency, such as ``USD``; None for any.
            multiplier: multiplier, such as 50; None for any.

        Raises:
            SymbolNotFound: no future matches.
            AmbiguousSymbol: futures of several products match; the error lists one of each.
            MissingValue: the expiry of a future is missing in the response.
            InvalidRequest: an argument is invalid.
        """
        root = rules.check_symbol(symbol)
        venue = rules.check_text("exchange", exchange, "CME")
        money = rules.check_text("currency", currency, "USD")
        size = rules.check_multiplier(multiplier)
        wish = rules.wish_for("future", root, exchange=venue, currency=money, multiplier=size)
        every = await self._resolver.curve(root)
        curve = rules.matching(every, exchange=venue, currency=money, multiplier=size)
        now = datetime.fromtimestamp(rt.wall_time(), UTC)
        if curve and futures.needs_zone(curve, now):
            zone = await self._resolver.zone_of(curve[0].conid)
            curve = futures.live(curve, now, exchange_zone(zone))
        else:
            curve = futures.live(curve, now, None)
        if not curve:
            raise rules.missing(root, wish, every, futures.FUTURES.name)
        futures.check_product(root, wish, curve)
        return curve

    async def index(
        self, symbol: str, *, exchange: str | None = None, currency: str | None = None
    ) -> Contract:
        """Return the contract of an index, such as ``SPX``.

        The lookup costs two requests (``GET /iserver/secdef/search`` and ``GET /trsrv/secdef``).

        Args:
            symbol: the symbol.
            exchange: exchange, such as ``CBOE``; None for any.
            currency: currency, such as ``USD``; None for any.

        Raises:
            SymbolNotFound: no index matches.
            AmbiguousSymbol: several indices match.
            InvalidRequest: an argument is invalid.
        """
        return await self._searched("index", "IND", symbol, exchange, currency)

    async def crypto(
        self, symbol: str, *, exchange: str | None = None, currency: str | None = None
    ) -> Contract:
        """Return the contract of a cryptocurrency, such as ``BTC``.

        The lookup costs two requests (``GET /iserver/secdef/search`` and ``GET /trsrv/secdef``).

        Args:
            symbol: the symbol.
            exchange: exchange, such as ``PAXOS``; None for any.
            currency: currency, such as ``USD``; None for any.

        Raises:
            SymbolNotFound: no cryptocurrency matches.
            AmbiguousSymbol: several contracts match.
            InvalidRequest: an argument is invalid.
        """
        return await self._searched("cryptocurrency", "CRYPTO", symbol, exchange, currency)

    async def _searched(
        self, kind: str, sec_type: str, symbol: str, exchange: str | None, currency: str | None
    ) -> Contract:
        name = rules.check_symbol(symbol)
        venue = rules.check_text("exchange", exchange, "CBOE")
        money = rules.check_text("currency", currency, "USD")
        hits = found.hits_of(await self._resolver.search(name), name, sec_type)
        known = await self._resolver.definitions(each.conid for each in hits)
        every = [known.get(each.conid, each) for each in hits]
        fitting = rules.matching(every, exchange=venue, currency=money)
        wish = rules.wish_for(kind, name, exchange=venue, currency=money)
        return rules.one(name, wish, fitting, every, rules.SEARCH.name)

    async def forex(self, symbol: str, currency: str) -> Contract:
        """Return the contract of a currency pair, such as ``EUR`` in ``USD``.

        The lookup costs one request (``GET /iserver/currency/pairs``). Each pair exists in one
        direction only: IBKR trades ``USD.CHF``, and no ``CHF.USD``.

        Args:
            symbol: currency that is bought and sold, such as ``EUR``.
            currency: currency in which the price is, such as ``USD``.

        Raises:
            SymbolNotFound: IBKR has no such pair; the error lists the pairs with this currency.
            InvalidRequest: an argument is invalid.
        """
        base, quote = rules.check_symbol(symbol), rules.check_symbol(currency)
        pairs = found.pairs_of(await self._resolver.pairs(base), base)
        fitting = [each for each in pairs if (each.symbol, each.currency) == (base, quote)]
        wish = f"currency pair {base}.{quote}"
        return rules.one(base, wish, fitting, pairs, rules.PAIRS.name)

    async def option_chain(self, underlying: Contract | int) -> AsyncOptionChain:
        """Return the option chain of a stock, an ETF, an index or a future.

        Costs one request, the search without which IBKR sends no strikes (``GET
        /iserver/secdef/search``). Expiries and options are looked up when you need them.

        Args:
            underlying: the contract of the underlying, or its conid. For options on a future, any
                future of the product.

        Raises:
            SymbolNotFound: there are no options on this contract.
            InvalidRequest: ``underlying`` is invalid.
        """
        contract = underlying
        if not isinstance(contract, Contract):
            contract = await self.by_conid(contract)
        hits = await self._resolver.search(contract.symbol)
        return AsyncOptionChain(self._resolver, underlying_of(contract, hits), self._price)

    async def option(
        self,
        underlying: Contract | int,
        expiry: date,
        strike: Decimal | float,
        right: str,
        *,
        trading_class: str | None = None,
    ) -> Contract:
        """Return one option.

        Costs two requests: the search of `option_chain`, and one for the strike.

        Args:
            underlying: the contract of the underlying, or its conid.
            expiry: day of the expiry.
            strike: strike price.
            right: ``C`` for a call option, ``P`` for a put option.
            trading_class: trading class, such as ``SPXW``; None for any.

        Raises:
            SymbolNotFound: there is no such option.
            AmbiguousSymbol: there are options of several trading classes; pass ``trading_class``.
            InvalidRequest: an argument is invalid.
        """
        check_day("expiry", expiry)
        chain = await self.option_chain(underlying)
        wanted = chain.expiry(expiry, trading_class=trading_class).strikes(strike, right=right)
        options = await wanted.contracts()
        return options[0]

    async def hours(self, contract: Contract | int, *, exchange: str | None = None) -> MarketHours:
        """Return when a contract trades, on about six days around the current trading day.

        ``GET /contract/trading-schedule``. One request; the result is not kept.

        Args:
            contract: the contract, or its conid.
            exchange: exchange whose hours to return; None for the contract's primary exchange.

        Raises:
            MissingValue: some of the hours are missing or cannot be read.
            InvalidRequest: an argument is invalid.
        """
        conid = rules.conid_of(contract)
        venue = rules.check_text("exchange", exchange, "NASDAQ")
        response = await self._resolver.call(SCHEDULE, TradingHours, conid=conid, exchange=venue)
        return read_hours(response, datetime.fromtimestamp(rt.wall_time(), UTC))

    async def rules(self, contract: Contract | int, *, side: str = "BUY") -> TradingRules:
        """Return which orders a contract allows: prices, sizes, order types, times in force.

        ``POST /iserver/contract/rules``. One request; the result is not kept.

        Args:
            contract: the contract, or its conid.
            side: side of the orders, ``BUY`` or ``SELL``.

        Raises:
            MissingValue: IBKR sent no price increments, or they cannot be read.
            InvalidRequest: an argument is invalid.
        """
        conid, buy = rules.conid_of(contract), is_buy(side)
        response = await self._pipeline.call(
            RULES, ContractRules, self._settings, json={"conid": conid, "isBuy": buy}
        )
        return read_rules(conid, buy, response)

    async def algorithms(self, contract: Contract | int) -> list[Algo]:
        """Return IBKR's order algorithms that a contract allows, with their parameters.

        ``GET /iserver/contract/{conid}/algos``.

        Args:
            contract: the contract, or its conid.

        Raises:
            InvalidRequest: the contract is invalid.
        """
        path = fill_path(ALGOS.path, {"conid": rules.conid_of(contract)})
        response = await self._pipeline.call(
            ALGOS,
            Algos,
            self._settings,
            path=path,
            params={"addDescription": 1, "addParams": 1},
        )
        return response.algos

    async def listings(self, symbol: str) -> list[Listing]:
        """Return all listings of a stock's symbol, so that you can choose one.

        ``GET /trsrv/stocks``. The list is empty if the symbol is unknown.

        Raises:
            MissingValue: a listing has no contract id.
            InvalidRequest: the symbol is invalid.
        """
        return await self._resolver.listings(lookup.normalise(symbol))

    def forget(self, symbol: str) -> None:
        """Forget a stock's symbol, so that it is looked up again."""
        self._resolver.forget(lookup.normalise(symbol))

    def clear(self) -> None:
        """Forget all contracts."""
        self._resolver.clear()
