"""Symbol lookup: finds the contract of a stock or fund by its symbol."""

from __future__ import annotations

from collections.abc import Iterable

from ..._core.contracts import symbols as rules
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import AmbiguousSymbol, InvalidRequest, MissingValue, SymbolNotFound
from ...models._contracts import ContractDefinitions, StockCompany
from ...models._listing import Listing
from ..client import AsyncClient
from ..http.pipeline import AsyncPipeline
from ..http.single_flight import AsyncSingleFlight


class AsyncSymbolCache:
    """Cache that finds the contract of a stock or fund by its symbol.

    The cache does not find options, futures, bonds, currencies and indices, because a symbol does
    not identify one of them.

    Args:
        client: the client that makes the calls.
        forget_misses_after: seconds for which the cache remembers that a symbol is unknown, and
            does not look it up again; 300 by default.

    Raises:
        InvalidRequest: ``client`` is not an `AsyncClient`.
    """

    def __init__(
        self, client: AsyncClient, *, forget_misses_after: float = rules.FORGET_MISSES_AFTER
    ) -> None:
        wanted = AsyncClient.__name__
        if not isinstance(client, AsyncClient):
            raise InvalidRequest(f"client must be a {wanted}, not {shown(client)}")
        self._client = client
        self._table = rules.SymbolTable(forget_misses_after)
        self._flights: AsyncSingleFlight[int] = AsyncSingleFlight()

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._table)} contracts>"

    async def conid_for(
        self, symbol: str, *, exchange: str | None = None, currency: str | None = None
    ) -> int:
        """Return the conid of a stock or fund (``GET /trsrv/stocks``).

        Exactly one listing must match, with one exception: if you do not pass ``exchange``, and
        exactly one match is in the United States, the method returns that one.

        Args:
            symbol: the symbol, such as ``AAPL``, in upper or lower case; ``BRK.B`` also finds ``BRK
                B``.
            exchange: listing exchange, such as ``NASDAQ`` or ``IBIS``; None for any.
            currency: trading currency, such as ``EUR``; None for any. If you pass a currency, the
                first lookup of a symbol costs one more request.

        Raises:
            SymbolNotFound: no listing matches.
            AmbiguousSymbol: several listings match; the error lists them.
            MissingValue: a listing cannot be read, so it is not known whether it matches.
            InvalidRequest: the symbol, exchange or currency is invalid.
        """
        key = rules.key_for(symbol, exchange, currency)
        conid = self._table.get(key, rt.monotonic())
        if conid is not None:
            return conid

        async def look_up() -> int:
            return await self._look_up(key)

        return await self._flights.run(key, look_up)

    async def conids_for(
        self,
        symbols: Iterable[str],
        *,
        exchange: str | None = None,
        currency: str | None = None,
    ) -> dict[str, int]:
        """Return a dict of the conids of many stocks or funds.

        The keys are the symbols as you passed them.

        Works like `conid_for`, but hundreds of symbols share one call (``GET /trsrv/stocks``). If
        one symbol causes an error, the conids of the other symbols are cached: if you call the
        method again without the failed symbol, it sends no request.

        Args:
            symbols: the symbols, such as ``["AAPL", "BRK.B"]``.
            exchange: listing exchange of all symbols; None for any.
            currency: trading currency of all symbols; None for any. If you pass a currency, the
                lookup costs one more request for every 200 listings found.

        Raises:
            SymbolNotFound: a symbol has no matching listing.
            AmbiguousSymbol: a symbol has several matching listings.
            MissingValue: a listing of a symbol cannot be read.
            InvalidRequest: an argument is invalid; nothing was sent.
        """
        if isinstance(symbols, str):
            raise InvalidRequest("symbols must be a list of texts; for one symbol use conid_for()")
        if not isinstance(symbols, Iterable):
            raise InvalidRequest(f"symbols must be a list of texts, not {shown(symbols)}")
        keys = {symbol: rules.key_for(symbol, exchange, currency) for symbol in symbols}
        now = rt.monotonic()
        missing = {key[0]: key for key in keys.values() if not self._table.knows(key, now)}
        unclear: dict[rules.Key, AmbiguousSymbol | MissingValue] = {}
        for chunk in rules.chunks(missing):
            unclear |= await self._look_up_many([missing[symbol] for symbol in chunk])
        conids: dict[str, int] = {}
        for symbol, key in keys.items():
            if key in unclear:
                raise unclear[key]
            conid = self._table.get(key, rt.monotonic())
            conids[symbol] = await self._look_up(key) if conid is None else conid
        return conids

    async def _look_up_many(
        self, keys: list[rules.Key]
    ) -> dict[rules.Key, AmbiguousSymbol | MissingValue]:
        """Look up symbols with one call and cache their contracts; return the errors by symbol."""
        response = await self._client._pipeline.call(
            rules.STOCKS,
            dict[str, list[StockCompany]],
            self._client._settings,
            params={"symbols": [symbol for symbol, _, _ in keys]},
        )
        unclear: dict[rules.Key, AmbiguousSymbol | MissingValue] = {}
        found: dict[rules.Key, list[Listing]] = {}
        for key in keys:
            try:
                found[key] = rules.listings(key[0], response)
            except MissingValue as error:
                unclear[key] = error
        if keys[0][2]:
            every = [each for candidates in found.values() for each in candidates]
            known = {each.conid: each for each in await self._with_currencies(every)}
            found = {key: [known[each.conid] for each in rows] for key, rows in found.items()}
        for key, candidates in found.items():
            try:
                self._table.found(key, rules.choose(key, candidates).conid)
            except SymbolNotFound as error:
                self._table.missed(key, error, rt.monotonic())
            except (AmbiguousSymbol, MissingValue) as error:
                unclear[key] = error
        return unclear

    async def _look_up(self, key: rules.Key) -> int:
        # Another caller may have found the contract since `conid_for` looked into the cache.
        conid = self._table.get(key, rt.monotonic())
        if conid is not None:
            return conid
        symbol, exchange, currency = key
        candidates = await self._listings(symbol)
        if currency and candidates:
            if exchange:
                there = [each for each in candidates if each.exchange.upper() == exchange]
                candidates = there or candidates
            candidates = await self._with_currencies(candidates)
        try:
            conid = rules.choose(key, candidates).conid
        except SymbolNotFound as error:
            self._table.missed(key, error, rt.monotonic())
            raise
        self._table.found(key, conid)
        return conid

    async def listings(self, symbol: str) -> list[Listing]:
        """Return all listings of a symbol, so that you can choose one (``GET /trsrv/stocks``).

        The list is empty if the symbol is unknown.

        Raises:
            MissingValue: a listing has no contract id.
            InvalidRequest: the symbol is invalid.
        """
        return await self._listings(rules.normalise(symbol))

    async def _listings(self, symbol: str) -> list[Listing]:
        pipeline: AsyncPipeline = self._client._pipeline
        response = await pipeline.call(
            rules.STOCKS,
            dict[str, list[StockCompany]],
            self._client._settings,
            params={"symbols": symbol},
        )
        return rules.listings(symbol, response)

    async def _with_currencies(self, candidates: list[Listing]) -> list[Listing]:
        known: list[Listing] = []
        for first in range(0, len(candidates), rules.MAX_DEFINITIONS):
            part = candidates[first : first + rules.MAX_DEFINITIONS]
            response = await self._client._pipeline.call(
                rules.DEFINITIONS,
                ContractDefinitions,
                self._client._settings,
                params={"conids": [each.conid for each in part]},
            )
            known += rules.with_currencies(part, response)
        return known

    def forget(self, symbol: str) -> None:
        """Remove a symbol from the cache, on all exchanges, so that it is looked up again."""
        self._table.forget(rules.normalise(symbol))

    def clear(self) -> None:
        """Remove all symbols from the cache."""
        self._table.clear()
