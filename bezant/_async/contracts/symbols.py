"""From a stock's symbol to its contract."""

from __future__ import annotations

from collections.abc import Iterable

from ..._core.contracts import symbols as rules
from ..._runtime import _async as rt
from ..._wire.redaction import shown
from ...errors import AmbiguousSymbol, InvalidRequest, SymbolNotFound
from ...models._contracts import ContractDefinitions, StockCompany
from ...models._listing import Listing
from ..client import AsyncClient
from ..http.pipeline import AsyncPipeline
from ..http.single_flight import AsyncSingleFlight


class AsyncSymbolCache:
    """Finds the contract of a stock or fund by its symbol, and remembers it.

    Options, futures, bonds, currencies and indices are out of its scope: a symbol does not name
    one of them.

    Args:
        client: whose session to use.
        forget_misses_after: seconds for which an unknown symbol is not asked for again.

    Raises:
        InvalidRequest: the client is none, or one of the other twin's.
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

        Without exchange and currency it is the only listing, or the only one in the United States.
        With either, exactly one listing must fit.

        Args:
            symbol: such as ``AAPL``; any case, and ``BRK.B`` for ``BRK B``.
            exchange: where it is listed, such as ``NASDAQ`` or ``IBIS``.
            currency: what it trades in, such as ``EUR``; costs one more request the first time.

        Raises:
            SymbolNotFound: no listing fits.
            AmbiguousSymbol: several fit; the error lists them.
            InvalidRequest: this cannot be a symbol.
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
        """Return the conids of many stocks or funds, by their symbols as they were given.

        As `conid_for`, but hundreds of symbols share one call (``GET /trsrv/stocks``).

        Args:
            symbols: such as ``["AAPL", "BRK.B"]``.
            exchange: where all of them are listed.
            currency: what all of them trade in; costs a request for each 200 listings.

        Raises:
            SymbolNotFound: no listing fits the first symbol that has none.
            AmbiguousSymbol: several fit the first symbol that is not clear.
            InvalidRequest: one of these cannot be a symbol. Nothing was sent.

        All others are remembered when one raises: asking again without it costs nothing.
        """
        if isinstance(symbols, str):
            raise InvalidRequest("symbols are a list of texts; conid_for takes a single one")
        if not isinstance(symbols, Iterable):
            raise InvalidRequest(f"symbols are a list of texts, not {shown(symbols)}")
        keys = {symbol: rules.key_for(symbol, exchange, currency) for symbol in symbols}
        now = rt.monotonic()
        missing = {key[0]: key for key in keys.values() if not self._table.knows(key, now)}
        unclear: dict[rules.Key, AmbiguousSymbol] = {}
        for chunk in rules.chunks(missing):
            unclear |= await self._look_up_many([missing[symbol] for symbol in chunk])
        conids: dict[str, int] = {}
        for symbol, key in keys.items():
            if key in unclear:
                raise unclear[key]
            conid = self._table.get(key, rt.monotonic())
            conids[symbol] = await self._look_up(key) if conid is None else conid
        return conids

    async def _look_up_many(self, keys: list[rules.Key]) -> dict[rules.Key, AmbiguousSymbol]:
        """Remember what one call finds; return what it leaves open."""
        answer = await self._client._pipeline.call(
            rules.STOCKS,
            dict[str, list[StockCompany]],
            self._client._settings,
            params={"symbols": [symbol for symbol, _, _ in keys]},
        )
        found = {key: rules.listings(key[0], answer) for key in keys}
        if keys[0][2]:
            every = [each for candidates in found.values() for each in candidates]
            known = {each.conid: each for each in await self._with_currencies(every)}
            found = {key: [known[each.conid] for each in found[key]] for key in keys}
        unclear: dict[rules.Key, AmbiguousSymbol] = {}
        for key, candidates in found.items():
            try:
                self._table.found(key, rules.choose(key, candidates).conid)
            except SymbolNotFound as error:
                self._table.missed(key, error, rt.monotonic())
            except AmbiguousSymbol as error:
                unclear[key] = error
        return unclear

    async def _look_up(self, key: rules.Key) -> int:
        # Somebody else may have found it between our look and our turn.
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
        """Return every listing of a symbol, for choosing by hand (``GET /trsrv/stocks``).

        The list is empty for an unknown symbol.
        """
        return await self._listings(rules.normalise(symbol))

    async def _listings(self, symbol: str) -> list[Listing]:
        pipeline: AsyncPipeline = self._client._pipeline
        answer = await pipeline.call(
            rules.STOCKS,
            dict[str, list[StockCompany]],
            self._client._settings,
            params={"symbols": symbol},
        )
        return rules.listings(symbol, answer)

    async def _with_currencies(self, candidates: list[Listing]) -> list[Listing]:
        known: list[Listing] = []
        for first in range(0, len(candidates), rules.MAX_DEFINITIONS):
            part = candidates[first : first + rules.MAX_DEFINITIONS]
            answer = await self._client._pipeline.call(
                rules.DEFINITIONS,
                ContractDefinitions,
                self._client._settings,
                params={"conids": [each.conid for each in part]},
            )
            known += rules.with_currencies(part, answer)
        return known

    def forget(self, symbol: str) -> None:
        """Forget a symbol on all exchanges, so that it is looked up anew."""
        self._table.forget(rules.normalise(symbol))

    def clear(self) -> None:
        """Forget all symbols."""
        self._table.clear()
