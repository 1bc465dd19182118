"""Symbol lookup: finds the conid of a stock or fund by its symbol."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..._core.contracts import symbols as rules
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models._listing import Listing
from .contracts import AsyncContracts
from .resolver import AsyncResolver

if TYPE_CHECKING:
    from ..client import AsyncClient


class AsyncSymbolCache:
    """Cache that finds the conid of a stock or fund by its symbol.

    `client.contracts` finds the contracts of other kinds, too, and returns more than the conid.
    Both use the same lookup.

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
        contracts: object = getattr(client, "contracts", None)
        if not isinstance(contracts, AsyncContracts):
            raise InvalidRequest(f"client must be a client of this library, not {shown(client)}")
        self._resolver: AsyncResolver = contracts._resolver_for(forget_misses_after)

    def __len__(self) -> int:
        return len(self._resolver.table)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} contracts>"

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
        return await self._resolver.conid_for(rules.key_for(symbol, exchange, currency))

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
        return await self._resolver.conids_for(symbols, exchange, currency)

    async def listings(self, symbol: str) -> list[Listing]:
        """Return all listings of a symbol, so that you can choose one (``GET /trsrv/stocks``).

        The list is empty if the symbol is unknown.

        Raises:
            MissingValue: a listing has no contract id.
            InvalidRequest: the symbol is invalid.
        """
        return await self._resolver.listings(rules.normalise(symbol))

    def forget(self, symbol: str) -> None:
        """Remove a symbol from the cache, on all exchanges, so that it is looked up again."""
        self._resolver.forget(rules.normalise(symbol))

    def clear(self) -> None:
        """Remove all symbols from the cache."""
        self._resolver.clear()
