"""`AsyncContracts`: finds contracts by symbol, conid and other properties."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from ..._core.contracts import contract as rules
from ..._core.contracts import symbols as lookup
from ..._core.contracts.hours import SCHEDULE, MarketHours, read_hours
from ..._core.contracts.rules import ALGOS, RULES, TradingRules, is_buy, read_rules
from ..._core.http.request import fill_path
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ...models._contract import Contract
from ...models._listing import Listing
from ...models.contracts import Algo, Algos, ContractRules, TradingHours
from ..http.pipeline import AsyncPipeline
from .resolver import AsyncResolver


class AsyncContracts:
    """Finds contracts; `client.contracts` is such an object.

    Each method that returns one contract returns exactly one, or raises an error that lists the
    candidates. Contracts that were found are kept in memory, so the second lookup sends no request.
    """

    def __init__(
        self, pipeline: AsyncPipeline, settings: Settings, original: AsyncContracts | None = None
    ) -> None:
        self._pipeline = pipeline
        self._settings = settings
        if original is None:
            self._resolver = AsyncResolver(pipeline, settings)
        else:
            self._resolver = original._resolver

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._resolver.contracts)} contracts>"

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
        found = await self._resolver.definitions(wanted)
        for conid in wanted:
            if conid not in found:
                wish = f"contract with the conid {conid}"
                raise rules.missing(str(conid), wish, (), lookup.DEFINITIONS.name)
        return [found[conid] for conid in wanted]

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
        found = await self.by_conids(conids.values())
        return dict(zip(conids, found, strict=True))

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
