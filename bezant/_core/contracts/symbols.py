"""Stock symbol lookup: normalises symbols, chooses among a stock's listings, caches the results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from ..._wire.redaction import shown
from ...errors import AmbiguousSymbol, InvalidRequest, MissingValue, SymbolNotFound
from ...models._base import Model, peek
from ...models._contract import Contract
from ...models._contracts import ContractDefinition, StockCompany, StockListing
from ...models._listing import Listing
from ..http.request import MAX_REQUEST_LINE
from ..operations.contracts import GET_INSTRUMENT_DEFINITION, GET_STOCKS_BY_SYMBOL

STOCKS: Final = GET_STOCKS_BY_SYMBOL.operation
DEFINITIONS: Final = GET_INSTRUMENT_DEFINITION.operation

# IBKR accepts up to 200 contracts in one call.
MAX_DEFINITIONS: Final = 200
# In seconds. After this time an unknown symbol is looked up again, because it may be listed by
# then.
FORGET_MISSES_AFTER: Final = 300.0
# In seconds. A symbol can get another contract, for example after a merger.
FORGET_STOCKS_AFTER: Final = 7 * 86_400.0

# IBKR writes "BRK B" for what other systems write as BRK.B, BRK-B or BRK/B. The pattern leaves a
# dot at the end alone, because "BP." is a symbol in London.
_SHARE_CLASS = re.compile(r"([A-Z0-9]+)[./-]([A-Z]{1,2})")

Key = tuple[str, str, str]


def normalise(symbol: str) -> str:
    """Return a symbol in IBKR's spelling.

    Raises:
        InvalidRequest: `symbol` cannot be the symbol of a stock.
    """
    if not isinstance(symbol, str):
        raise InvalidRequest(f"a symbol must be text such as 'AAPL', not {type(symbol).__name__}")
    text = " ".join(symbol.split()).upper()
    if not text or len(text) > 40 or "," in text or not text.isprintable():
        raise InvalidRequest(
            f"{symbol[:60]!r} is not a stock symbol; pass one symbol such as 'AAPL'"
        )
    share_class = _SHARE_CLASS.fullmatch(text)
    return f"{share_class[1]} {share_class[2]}" if share_class else text


def key_for(symbol: str, exchange: str | None, currency: str | None) -> Key:
    """Return the cache key of a lookup: symbol, exchange and currency, with "" for None.

    Raises:
        InvalidRequest: the symbol, exchange or currency is invalid.
    """
    for name, value in (("exchange", exchange), ("currency", currency)):
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise InvalidRequest(
                f"{name} must be text such as 'NASDAQ' or 'USD', or None, not {shown(value)}"
            )
    return (
        normalise(symbol),
        (exchange or "").strip().upper(),
        (currency or "").strip().upper(),
    )


def room_for_symbols(base_path: str) -> int:
    """Return how many bytes of symbols fit into one call.

    Args:
        base_path: path of the API, such as ``/v1/api``.
    """
    line = f"{STOCKS.method} {base_path}{STOCKS.path}?symbols= HTTP/1.1\r\n"
    return MAX_REQUEST_LINE - len(line)


def chunks(symbols: Iterable[str], room: int) -> Iterator[list[str]]:
    """Split the symbols into lists; each list fits into one call and is as long as possible.

    Args:
        symbols: the symbols.
        room: how many bytes the symbols of one list and the commas between them may have.
    """
    chunk: list[str] = []
    size = -1  # There is no comma before the first symbol.
    for symbol in symbols:
        length = 1 + len(quote(symbol, safe=""))
        if chunk and size + length > room:
            yield chunk
            chunk, size = [], -1
        chunk.append(symbol)
        size += length
    if chunk:
        yield chunk


def listings(symbol: str, response: Mapping[str, list[StockCompany]]) -> list[Listing]:
    """Return the listings that a response has for a symbol, without duplicate contracts.

    Raises:
        MissingValue: a company's listings or a listing's conid cannot be read, so that the listing
            that the caller is looking for may be missing.
    """
    found: dict[int, Listing] = {}
    for company in response.get(symbol) or []:
        for contract in company.contracts:
            if contract.conid:
                found.setdefault(
                    contract.conid,
                    Listing(
                        conid=contract.conid,
                        symbol=symbol,
                        exchange=peek(contract, "exchange") or "",
                        name=peek(company, "name") or "",
                        is_us=peek(contract, "is_us") is True,
                    ),
                )
    return list(found.values())


def with_currencies(found: Sequence[Listing], contracts: Mapping[int, Contract]) -> list[Listing]:
    """Return copies of the listings, with the currencies of their contracts."""
    currencies = {conid: each.currency for conid, each in contracts.items()}
    return [
        Listing(
            conid=each.conid,
            symbol=each.symbol,
            exchange=each.exchange,
            name=each.name,
            is_us=each.is_us,
            currency=currencies.get(each.conid) or None,
        )
        for each in found
    ]


def choose(key: Key, candidates: Sequence[Listing]) -> Listing:
    """Return the one candidate that matches the key of a lookup.

    If several candidates match, the key has no exchange, and exactly one match is in the United
    States, that match is the result.

    Raises:
        SymbolNotFound: no listing matches.
        AmbiguousSymbol: several listings match, and the rule above does not decide between them.
        MissingValue: no listing is known to match, but one might: its exchange or currency is
            missing in the response.
    """
    symbol, exchange, currency = key
    fitting = [
        each
        for each in candidates
        if (not exchange or each.exchange.upper() == exchange)
        and (not currency or (each.currency or "").upper() == currency)
    ]
    wish = "".join((f" on {exchange}" if exchange else "", f" in {currency}" if currency else ""))
    if not fitting:
        for each in candidates:
            _refuse_unknown(each, "exchange", each.exchange, exchange, StockListing)
            _refuse_unknown(each, "currency", each.currency, currency, ContractDefinition)
        others = f"; its listings are {_list(candidates)}" if candidates else ""
        raise SymbolNotFound(
            f"IBKR knows no stock {symbol!r}{wish}{others}. For futures, options, indices and "
            "currencies use the other methods of client.contracts",
            operation=STOCKS.name,
            symbol=symbol,
            candidates=candidates,
        )
    if len(fitting) > 1:
        in_us = [each for each in fitting if each.is_us]
        if len(in_us) == 1 and not exchange:
            return in_us[0]
        raise AmbiguousSymbol(
            f"{len(fitting)} listings match {symbol!r}{wish}: {_list(fitting)}; pass the exchange "
            "or the currency",
            operation=STOCKS.name,
            symbol=symbol,
            candidates=fitting,
        )
    return fitting[0]


def _refuse_unknown(
    listing: Listing, name: str, value: str | None, wanted: str, model: type[Model]
) -> None:
    """Raise an error if `wanted` is given but the listing's `value` is missing.

    Nobody can tell then whether the listing matches.

    Raises:
        MissingValue: `wanted` is not empty, and `value` is None or empty.
    """
    if wanted and not value:
        raise MissingValue(
            f"the {name} of {listing.conid}, a listing of {listing.symbol!r}, is missing, so it is "
            f"not known whether it matches {wanted!r}; pass no {name}, or use listings()",
            operation=STOCKS.name,
            field=name,
            model=model.__name__,
        )


def _list(candidates: Sequence[Listing], limit: int = 8) -> str:
    text = "; ".join(str(each) for each in candidates[:limit])
    return text if len(candidates) <= limit else f"{text}; and {len(candidates) - limit} more"


class SymbolTable:
    """Cache of symbol lookups. Contracts expire after a week, unknown symbols much earlier.

    Args:
        forget_misses_after: seconds until an unknown symbol expires; 300 by default.
    """

    def __init__(self, forget_misses_after: float = FORGET_MISSES_AFTER) -> None:
        self._found: dict[Key, tuple[float, int]] = {}
        self._missed: dict[Key, tuple[float, SymbolNotFound]] = {}
        self._forget_after = forget_misses_after

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Key, now: float) -> int | None:
        """Return the cached conid (contract id) of a key; None if the symbol has to be looked up.

        Raises:
            SymbolNotFound: a recent lookup found nothing.
        """
        found = self._found.get(key)
        if found is not None:
            until, conid = found
            if now < until:
                return conid
            self._found.pop(key, None)
        miss = self._missed.get(key)
        if miss is not None:
            until, error = miss
            if now < until:
                raise SymbolNotFound(
                    error.message,
                    operation=error.operation,
                    symbol=error.symbol,
                    candidates=error.candidates,
                )
            self._missed.pop(key, None)
        return None

    def knows(self, key: Key, now: float) -> bool:
        """Return whether the cache has the result of a lookup, be it a conid or "not found"."""
        try:
            return self.get(key, now) is not None
        except SymbolNotFound:
            return True

    def found(self, key: Key, conid: int, now: float) -> None:
        """Store the conid that a lookup has found."""
        self._found[key] = (now + FORGET_STOCKS_AFTER, conid)
        self._missed.pop(key, None)

    def missed(self, key: Key, error: SymbolNotFound, now: float) -> None:
        """Store that a lookup has found nothing."""
        self._missed[key] = (now + self._forget_after, error)

    def forget(self, symbol: str) -> None:
        """Remove all lookups of a symbol from the cache, whatever their exchange and currency."""
        for table in (self._found, self._missed):
            for key in [key for key in list(table) if key[0] == symbol]:
                table.pop(key, None)

    def clear(self) -> None:
        """Remove all lookups from the cache."""
        self._found.clear()
        self._missed.clear()
