"""Futures of one product: which of them is the front month, and which one is next."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from msgspec.structs import replace

from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models._base import peek
from ...models._contract import Contract
from ...models.contracts import FutureContract
from ..operations.contracts import GET_FUTURES_BY_SYMBOL
from .contract import ambiguous, missing

FUTURES: Final = GET_FUTURES_BY_SYMBOL.operation
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
# No time zone is further from UTC than these.
_BEHIND: Final = timedelta(hours=-12)
_AHEAD: Final = timedelta(hours=14)

_MONTH = re.compile(r"([A-Z]{3})([0-9]{2})")


def month_code(day: date) -> str:
    """Return a month in IBKR's spelling, such as ``DEC26``."""
    return f"{MONTHS[day.month - 1]}{day.year % 100:02}"


def month_of(code: str) -> tuple[int, int] | None:
    """Return year and month of IBKR's spelling of a month; None for any other text."""
    found = _MONTH.fullmatch(code)
    if found is None or found[1] not in MONTHS:
        return None
    return 2000 + int(found[2]), MONTHS.index(found[1]) + 1


def check_expiry(expiry: object) -> date | str | None:
    """Return an expiry: a day, a month such as ``DEC26``, or None.

    Raises:
        InvalidRequest: the value is none of them.
    """
    if isinstance(expiry, str):
        code = expiry.strip().upper()
        if month_of(code) is not None:
            return code
    elif expiry is None or (isinstance(expiry, date) and not isinstance(expiry, datetime)):
        return expiry
    raise InvalidRequest(
        f"expiry must be a date or a month such as 'DEC26', or None, not {shown(expiry)}"
    )


def with_rows(
    rows: Iterable[FutureContract], definitions: Mapping[int, Contract]
) -> list[Contract]:
    """Return the futures of a product in order of their expiry, with what their definitions add."""
    found: list[Contract] = []
    for row in rows:
        known = definitions.get(row.conid) or Contract(
            conid=row.conid, symbol=peek(row, "symbol") or "", sec_type="FUT"
        )
        found.append(
            replace(
                known,
                expiry=row.expiry,
                last_trading_day=peek(row, "last_trading_day") or known.last_trading_day,
                underlying_conid=peek(row, "underlying_conid") or known.underlying_conid,
            )
        )
    return sorted(found, key=expiry_of)


def expiry_of(contract: Contract) -> date:
    """Return the day on which a future or an option expires; the last possible day if unknown."""
    return contract.expiry or date.max


def check_product(symbol: str, wish: str, curve: Sequence[Contract]) -> None:
    """Check that all futures belong to one product.

    Raises:
        AmbiguousSymbol: they differ in their exchange, currency or multiplier.
    """
    products = {(each.exchange, each.currency, each.multiplier): each for each in reversed(curve)}
    if len(products) > 1:
        advice = "pass the exchange, the currency or the multiplier"
        raise ambiguous(symbol, wish, list(products.values())[::-1], advice, FUTURES.name)


def is_over(expiry: date, now: datetime, zone: tzinfo | None) -> bool | None:
    """Return whether a day has ended at an exchange.

    Args:
        expiry: the day.
        now: the time, in UTC.
        zone: time zone of the exchange; None if it is not known.

    Returns:
        None if the zone is not known and the result depends on it.
    """
    if zone is not None:
        return expiry < now.astimezone(zone).date()
    everywhere = expiry < (now.astimezone(UTC) + _BEHIND).date()
    somewhere = expiry < (now.astimezone(UTC) + _AHEAD).date()
    return everywhere if everywhere == somewhere else None


def needs_zone(curve: Sequence[Contract], now: datetime) -> bool:
    """Return whether only the exchange's time zone tells which futures have expired."""
    return any(is_over(expiry_of(each), now, None) is None for each in curve)


def live(curve: Sequence[Contract], now: datetime, zone: tzinfo | None) -> list[Contract]:
    """Return the futures that have not expired, in order."""
    return [each for each in curve if not is_over(expiry_of(each), now, zone)]


def pick(symbol: str, wish: str, curve: Sequence[Contract], expiry: date | str | None) -> Contract:
    """Return one future of a curve, with the next one as its ``roll``.

    Args:
        symbol: the symbol.
        wish: what was looked for, for errors.
        curve: the futures that have not expired, in order.
        expiry: day or month of the expiry; None for the first one.

    Raises:
        SymbolNotFound: there is no such future.
        AmbiguousSymbol: several futures expire on that day, or in that month.
    """
    if isinstance(expiry, str):
        found = [each for each in curve if month_code(expiry_of(each)) == expiry]
    else:
        day = expiry or (expiry_of(curve[0]) if curve else None)
        found = [each for each in curve if each.expiry == day]
    if not found:
        raise missing(symbol, wish, curve, FUTURES.name)
    if len(found) > 1:
        raise ambiguous(
            symbol, wish, found, "pass the day of the expiry, or by_conid", FUTURES.name
        )
    later = [each for each in curve if expiry_of(each) > expiry_of(found[0])]
    return replace(found[0], roll=later[0] if later else None)
