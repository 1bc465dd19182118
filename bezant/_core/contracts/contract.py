"""Builds `Contract` values from the gateway's responses, and chooses among candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from ..._wire.redaction import shown
from ...errors import AmbiguousSymbol, InvalidRequest, SymbolNotFound
from ...models._base import peek
from ...models._contract import Contract
from ...models._contracts import ContractDefinition, ContractDefinitions
from ...models.contracts import ContractRow
from ..operations.contracts import (
    GET_CONTRACT_INFO,
    GET_CURRENCY_PAIRS,
    SEARCH_CONTRACTS,
)

PAIRS: Final = GET_CURRENCY_PAIRS.operation
SEARCH: Final = SEARCH_CONTRACTS.operation
INFO: Final = GET_CONTRACT_INFO.operation

_RIGHTS: Final = {"C": "C", "CALL": "C", "P": "P", "PUT": "P"}


def check_conid(conid: object) -> int:
    """Return a conid.

    Raises:
        InvalidRequest: the value is not a positive whole number.
    """
    if not isinstance(conid, int) or isinstance(conid, bool) or conid < 1:
        raise InvalidRequest(f"a conid must be a whole number above 0, not {shown(conid)}")
    return conid


def conid_of(contract: object) -> int:
    """Return the conid of a `Contract`, or of a conid itself.

    Raises:
        InvalidRequest: the value is neither of them.
    """
    return contract.conid if isinstance(contract, Contract) else check_conid(contract)


def check_symbol(symbol: object) -> str:
    """Return a symbol in upper case.

    Raises:
        InvalidRequest: the value is no text that can be a symbol.
    """
    text = symbol.strip().upper() if isinstance(symbol, str) else ""
    if not text or len(text) > 40 or "," in text or not text.isprintable():
        raise InvalidRequest(f"a symbol must be text such as 'ES', not {shown(symbol)}")
    return text


def check_multiplier(value: object) -> Decimal | None:
    """Return a multiplier; None if it is None.

    Raises:
        InvalidRequest: the value is no number above 0.
    """
    if value is None:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and number > 0:
            return number
    raise InvalidRequest(f"multiplier must be a number above 0 such as 50, not {shown(value)}")


def check_text(name: str, value: object, example: str) -> str | None:
    """Return a filter in upper case; None if it is None.

    Raises:
        InvalidRequest: the value is neither None nor text with content.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise InvalidRequest(
            f"{name} must be text such as {example!r}, or None, not {shown(value)}"
        )
    return value.strip().upper()


def right_of(value: object) -> str | None:
    """Return the right of an option as ``C`` or ``P``; None for any other text."""
    return _RIGHTS.get(value.upper()) if isinstance(value, str) else None


def names_in(text: str | None, separator: str) -> tuple[str, ...]:
    """Return the names in a text in which a separator joins them."""
    parts = (part.strip() for part in (text or "").split(separator))
    return tuple(part for part in parts if part)


def defined(row: ContractDefinition) -> Contract | None:
    """Return the contract of a definition; None if the definition has no conid."""
    conid = peek(row, "conid")
    if conid is None:
        return None
    return Contract(
        conid=conid,
        symbol=peek(row, "ticker") or "",
        sec_type=peek(row, "asset_class") or "",
        exchange=peek(row, "listing_exchange"),
        exchanges=names_in(peek(row, "all_exchanges"), ","),
        currency=peek(row, "currency"),
        name=peek(row, "name"),
        multiplier=peek(row, "multiplier"),
        expiry=peek(row, "expiry"),
        last_trading_day=peek(row, "last_trading_day"),
        strike=peek(row, "strike"),
        right=right_of(peek(row, "right")),
        underlying_conid=peek(row, "underlying_conid"),
        is_us=peek(row, "is_us"),
    )


def all_defined(response: ContractDefinitions) -> list[Contract]:
    """Return the contracts of all definitions in a response."""
    rows: list[ContractDefinition] = peek(response, "secdef") or []
    return [contract for row in rows if (contract := defined(row)) is not None]


def listed(rows: Iterable[ContractRow], underlying: int) -> list[Contract]:
    """Return the contracts of the rows that ``GET /iserver/secdef/info`` returned."""
    return [
        Contract(
            conid=row.conid,
            symbol=peek(row, "symbol") or peek(row, "ticker") or "",
            sec_type=peek(row, "sec_type") or "",
            exchange=peek(row, "listing_exchange") or peek(row, "exchange"),
            exchanges=names_in(peek(row, "valid_exchanges"), ","),
            currency=peek(row, "currency"),
            name=peek(row, "contract_description_2") or peek(row, "company_name"),
            multiplier=peek(row, "multiplier") or None,
            expiry=peek(row, "maturity_date"),
            strike=peek(row, "strike"),
            right=right_of(peek(row, "right")),
            underlying_conid=None if row.conid == underlying else underlying,
            trading_class=peek(row, "trading_class"),
        )
        for row in rows
    ]


def missing(
    symbol: str, wish: str, candidates: Sequence[Contract], operation: str
) -> SymbolNotFound:
    """Return the error for a contract that IBKR does not know."""
    others = f"; it knows {described(candidates)}" if candidates else ""
    return SymbolNotFound(
        f"IBKR knows no {wish}{others}", operation=operation, symbol=symbol, candidates=candidates
    )


def ambiguous(
    symbol: str, wish: str, candidates: Sequence[Contract], advice: str, operation: str
) -> AmbiguousSymbol:
    """Return the error for several contracts that match."""
    return AmbiguousSymbol(
        f"{len(candidates)} contracts match {wish}: {described(candidates)}; {advice}",
        operation=operation,
        symbol=symbol,
        candidates=candidates,
    )


def described(candidates: Sequence[Contract], limit: int = 8) -> str:
    """Return a text that lists contracts, at most ``limit`` of them."""
    text = "; ".join(str(each) for each in candidates[:limit])
    return text if len(candidates) <= limit else f"{text}; and {len(candidates) - limit} more"


def one(
    symbol: str, wish: str, found: Sequence[Contract], known: Sequence[Contract], operation: str
) -> Contract:
    """Return the only contract of a list.

    Args:
        symbol: the symbol that was looked for.
        wish: what was looked for, for errors.
        found: the contracts that match.
        known: all contracts that IBKR knows for the symbol, for errors.
        operation: the call that returned them.

    Raises:
        SymbolNotFound: the list is empty.
        AmbiguousSymbol: the list has several contracts.
    """
    unique = list(dict.fromkeys(found))
    if not unique:
        raise missing(symbol, wish, known, operation)
    if len(unique) > 1:
        advice = "pass the exchange or the currency"
        raise ambiguous(symbol, wish, unique, advice, operation)
    return unique[0]


def matching(
    contracts: Iterable[Contract],
    *,
    exchange: str | None = None,
    currency: str | None = None,
    multiplier: Decimal | None = None,
    trading_class: str | None = None,
) -> list[Contract]:
    """Return the contracts that have the given values; None matches any value."""
    return [
        each
        for each in contracts
        if (exchange is None or exchange in (each.exchange or "", *each.exchanges))
        and (currency is None or each.currency == currency)
        and (multiplier is None or each.multiplier == multiplier)
        and (trading_class is None or each.trading_class == trading_class)
    ]


def wish_for(kind: str, symbol: str, **filters: object) -> str:
    """Return a text for errors that says what was looked for."""
    given = [f"{name}={value}" for name, value in filters.items() if value is not None]
    return f"{kind} {symbol!r}" + (f" with {', '.join(given)}" if given else "")
