"""Option chains: which months, expiries and strikes to request, and which of them to return."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidRequest, MissingValue, SymbolNotFound
from ...models._contract import Contract
from ...models.contracts import SearchHit
from ..operations.market_data import GET_MD_SNAPSHOT
from .contract import INFO, SEARCH, ambiguous, missing
from .found import section_of
from .futures import expiry_of, month_code, month_of

if TYPE_CHECKING:
    from ...models.stream import MarketData

ExpiryKind: TypeAlias = Literal["monthly", "weekly", "daily"]
Right: TypeAlias = Literal["C", "P"]
KINDS: Final = ("monthly", "weekly", "daily")
_DAY: Final = timedelta(days=1)
_FRIDAY: Final = 4
_STEPS: Final = tuple(map(Decimal, ("1000", "500", "100", "50", "25", "10", "5", "2.5", "1")))
_PERCENT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")


class Underlying(Record, frozen=True):
    """Underlying of an option chain, with what a search tells about its options.

    Attributes:
        contract: the contract of the underlying.
        conid: the conid that requests for the options name; for an option on a future it is not the
            future's.
        symbol: the symbol that a search needs.
        sec_type: kind of the options, ``OPT`` or ``FOP``.
        months: months in which options expire, such as ``JAN27``.
        exchanges: exchanges at which the options trade.
    """

    contract: Contract
    conid: int
    symbol: str
    sec_type: Literal["OPT", "FOP"]
    months: tuple[str, ...]
    exchanges: tuple[str, ...]

    @property
    def exchange(self) -> str | None:
        """The exchange that requests name; IBKR needs it for options on futures only."""
        return self.exchanges[0] if self.sec_type == "FOP" and self.exchanges else None


class ExpiryChoice(Record, frozen=True):
    """Choice of one expiry of a chain.

    Attributes:
        day: the day of the expiry; None if `kind` says which one.
        kind: ``monthly``, ``weekly`` or ``daily``; None if `day` says which one.
        after: the expiry must be after this day.
        trading_class: trading class of the options; None for the usual one.
    """

    day: date | None
    kind: ExpiryKind | None
    after: date
    trading_class: str | None


def check_choice(
    which: object, after: object, trading_class: str | None, today: date
) -> ExpiryChoice:
    """Return the choice of an expiry.

    Raises:
        InvalidRequest: the choice is neither a day nor one of the kinds, or ``after`` is no day.
    """
    if after is not None and not _is_day(after):
        raise InvalidRequest(f"after must be a date, or None for today, not {shown(after)}")
    start = today if after is None else cast("date", after)
    if _is_day(which):
        return ExpiryChoice(cast("date", which), None, start, trading_class)
    if which not in KINDS:
        raise InvalidRequest(
            f"an expiry must be a date, 'monthly', 'weekly' or 'daily', not {shown(which)}"
        )
    return ExpiryChoice(None, which, start, trading_class)


def check_day(name: str, day: object) -> None:
    """Check that a value is a day.

    Raises:
        InvalidRequest: it is not.
    """
    if not _is_day(day):
        raise InvalidRequest(f"{name} must be a date, not {shown(day)}")


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def check_rights(right: object) -> tuple[str, ...]:
    """Return the wanted rights: both for None.

    Raises:
        InvalidRequest: the right is neither None nor ``C`` nor ``P``.
    """
    if right is None:
        return ("C", "P")
    if right not in ("C", "P"):
        raise InvalidRequest(
            f"right must be 'C' for calls, 'P' for puts or None, not {shown(right)}"
        )
    return (right,)


def to_strike(value: object) -> Decimal:
    """Return a strike price or another price as a Decimal.

    Raises:
        InvalidRequest: the value is no finite number above 0.
    """
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(str(value))
        if number.is_finite() and number > 0:
            return number
    raise InvalidRequest(f"a strike must be a number above 0, not {shown(value)}")


def plain(strike: Decimal) -> Decimal:
    """Return a strike without zeros at its end and without an exponent: 6550 for 6550.0."""
    return Decimal(f"{strike.normalize():f}")


def check_within(within: object) -> tuple[Decimal, bool]:
    """Return the width of a range of strikes, and whether it is a part of the price.

    Raises:
        InvalidRequest: the width is neither a percentage such as ``10%`` nor a number above 0.
    """
    if isinstance(within, str):
        found = _PERCENT.fullmatch(within.strip())
        if found is not None and Decimal(found[1]) > 0:
            return Decimal(found[1]) / 100, True
    elif isinstance(within, int | float | Decimal) and not isinstance(within, bool):
        number = Decimal(str(within))
        if number.is_finite() and number > 0:
            return number, False
    raise InvalidRequest(
        f"within must be a percentage such as '10%', or a number above 0, not {shown(within)}"
    )


def near(strikes: Iterable[Decimal], width: tuple[Decimal, bool], price: Decimal) -> list[Decimal]:
    """Return the strikes within a distance of a price, those next to the price first."""
    amount = width[0] * price if width[1] else width[0]
    found = {strike for strike in strikes if abs(strike - price) <= amount}
    return sorted(found, key=lambda strike: (abs(strike - price), strike))


def price_in(contract: Contract, quote: MarketData | None) -> Decimal:
    """Return the last price of a quote; without one, the middle of bid and ask.

    Raises:
        MissingValue: the quote has neither.
    """
    price = None
    if quote is not None:
        price = quote.last
        if price is None and quote.bid is not None and quote.ask is not None:
            price = (quote.bid + quote.ask) / 2
    if price is None:
        raise MissingValue(
            f"no price of {contract} is known, so no strikes near it can be chosen; pass around=",
            operation=GET_MD_SNAPSHOT.operation.name,
            field="last",
            model="MarketData",
        )
    return price


def roundest(strikes: Sequence[Decimal]) -> Decimal:
    """Return the strike that most likely exists for all expiries: a round one in the middle.

    Strikes between the round ones often exist for some expiries only.
    """
    ordered = sorted(strikes)
    middle = ordered[len(ordered) // 2]
    quarter = len(ordered) // 4
    central = ordered[quarter : len(ordered) - quarter]

    def rank(strike: Decimal) -> tuple[int, Decimal]:
        step = next((n for n, step in enumerate(_STEPS) if not strike % step), len(_STEPS))
        return step, abs(strike - middle)

    return min(central, key=rank)


def third_friday(year: int, month: int) -> date:
    """Return the third Friday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)


def _friday_of(day: date) -> date:
    """Return the Friday of a day's week; the day itself on a weekend."""
    return day + max(_FRIDAY - day.weekday(), 0) * _DAY


def _last_day(year: int, month: int) -> date:
    return (date(year, month, 28) + 4 * _DAY).replace(day=1) - _DAY


def months_for(choice: ExpiryChoice, months: Sequence[str], *, is_index: bool) -> list[str]:
    """Return the months of a chain that can have the wanted expiry, in order.

    Args:
        choice: the wanted expiry.
        months: the months of the chain, such as ``JAN27``.
        is_index: whether the underlying is an index. Monthly options on an index need not expire in
            the week of the third Friday.
    """
    known = sorted((found, code) for code in months if (found := month_of(code)) is not None)
    if choice.day is not None:
        return [code for _, code in known if code == month_code(choice.day)]
    if choice.kind == "monthly":
        return [
            code
            for (year, month), code in known
            if choice.after < (_last_day(year, month) if is_index else third_friday(year, month))
        ]
    first = choice.after + _DAY
    while first.weekday() > _FRIDAY:
        first += _DAY
    return [code for found, code in known if found >= (first.year, first.month)]


def choose_day(
    choice: ExpiryChoice, days: Iterable[date], read: Iterable[str], later: Iterable[str]
) -> date | None:
    """Return the wanted expiry among days on which options expire; None if it is not known yet.

    Args:
        choice: the wanted expiry.
        days: days on which options expire.
        read: the months of these days.
        later: the months of the chain that were not read yet.
    """
    every = sorted(set(days))
    if choice.day is not None:
        return choice.day if choice.day in every else None
    left = [day for day in every if day > choice.after]
    if choice.kind == "daily":
        return left[0] if left else None
    if choice.kind == "weekly":
        for day in left:
            friday = _friday_of(day)
            if month_code(friday) in later:
                return None
            return max(each for each in left if _friday_of(each) == friday)
        return None
    found = (monthly([day for day in every if month_code(day) == code]) for code in read)
    return min((day for day in found if day is not None and day > choice.after), default=None)


def monthly(days: Sequence[date]) -> date | None:
    """Return the monthly expiry among the expiries of one month; None if there is none.

    It is the last one of the week up to the third Friday. A month with a single expiry has no
    other: options on VIX expire on a Wednesday, which can be in another week.
    """
    if not days:
        return None
    friday = third_friday(days[0].year, days[0].month)
    week = [day for day in days if friday - 4 * _DAY <= day <= friday]
    return max(week) if week else (days[0] if len(set(days)) == 1 else None)


def usual(symbol: str, choice: ExpiryChoice, options: Sequence[Contract]) -> list[Contract]:
    """Return the options of the wanted trading class.

    Without a wish, options of an adjusted class such as ``2AAPL`` are left out. For a monthly
    expiry, those of other classes than the symbol's own are left out, too, if it has its own.
    """
    if choice.trading_class is not None:
        return [each for each in options if each.trading_class == choice.trading_class]
    plain = [each for each in options if not _is_adjusted(symbol, each.trading_class)]
    own = [each for each in plain if each.trading_class == symbol]
    return own if choice.kind == "monthly" and own else plain


def _is_adjusted(symbol: str, trading_class: str | None) -> bool:
    name = trading_class or ""
    return name != symbol and name[:1].isdecimal() and name[1:] == symbol


def on_day(symbol: str, options: Iterable[Contract], day: date) -> list[Contract]:
    """Return the options that expire on a day, by strike and right.

    Raises:
        AmbiguousSymbol: several trading classes expire on this day, and none was chosen.
    """
    found = [each for each in options if each.expiry == day]
    classes = sorted({each.trading_class or "" for each in found})
    if len(classes) > 1:
        examples = [
            next(each for each in found if (each.trading_class or "") == name) for name in classes
        ]
        wish = f"options on {symbol} that expire on {day}, of the classes {', '.join(classes)}"
        raise ambiguous(symbol, wish, examples, "pass trading_class", INFO.name)
    unique = {each.conid: each for each in found}
    return sorted(unique.values(), key=lambda each: (each.strike or 0, each.right or ""))


def days_and_classes(
    options: Iterable[Contract], trading_class: str | None
) -> list[tuple[date, str]]:
    """Return the days on which options expire, each with its trading class, in order."""
    pairs = {
        (each.expiry, each.trading_class or "")
        for each in options
        if each.expiry is not None and trading_class in (None, each.trading_class)
    }
    return sorted(pairs)


def underlying_of(contract: Contract, hits: Iterable[SearchHit]) -> Underlying:
    """Return what a search tells about the options on a contract.

    Raises:
        SymbolNotFound: the contract has no options.
    """
    is_future = contract.sec_type == "FUT"
    kind: Literal["OPT", "FOP"] = "FOP" if is_future else "OPT"
    conid = (contract.underlying_conid or contract.conid) if is_future else contract.conid
    found = section_of(hits, conid, kind)
    if found is None:
        raise missing(
            contract.symbol, f"options on {contract}; its search result has none", (), SEARCH.name
        )
    return Underlying(contract, conid, contract.symbol, kind, *found)


def no_expiry(
    symbol: str, choice: ExpiryChoice, options: Sequence[Contract], months: Sequence[str]
) -> SymbolNotFound:
    """Return the error for an expiry that the chain does not have."""
    which = choice.day or f"{choice.kind} after {choice.after}"
    text = f"options on {symbol} with the expiry {which}"
    if choice.trading_class is not None:
        text += f" and the trading class {choice.trading_class}"
    days = sorted({expiry_of(each).isoformat() for each in options})
    known = f"; the expiries that were read are {', '.join(days[:20])}" if days else ""
    return SymbolNotFound(
        f"IBKR knows no {text}{known}; the months of the chain are {', '.join(months)}",
        operation=INFO.name,
        symbol=symbol,
    )


def check_complete(
    symbol: str, day: date, wanted: Iterable[Decimal], options: Sequence[Contract]
) -> None:
    """Check that there is an option for each strike that the user named.

    Raises:
        SymbolNotFound: there is none for some of the strikes.
    """
    known = {each.strike for each in options}
    absent = sorted(strike for strike in wanted if strike not in known)
    if absent:
        texts = ", ".join(str(plain(strike)) for strike in absent)
        raise missing(
            symbol,
            f"options on {symbol} that expire on {day} with the strike {texts}",
            options,
            INFO.name,
        )
