"""Catalogue of all contracts of the simulated gateway."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import calendar, options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Key: an exchange. Value: its currency, its country, and whether a listing there counts as US.
_EXCHANGES = {
    "NASDAQ": ("USD", "US", True),
    "NYSE": ("USD", "US", True),
    "ARCA": ("USD", "US", True),
    "CME": ("USD", "US", True),
    "SMART": ("USD", "US", True),
    "MEXI": ("MXN", "MX", False),
    "EBS": ("CHF", "CH", False),
    "TSE": ("CAD", "CA", False),
    "VENTURE": ("CAD", "CA", False),
    "LSE": ("GBP", "GB", False),
    "LSEETF": ("USD", "GB", False),
    "IBIS": ("EUR", "DE", False),
    "AEB": ("EUR", "NL", False),
    "TSEJ": ("JPY", "JP", False),
}

# Each row has a symbol, a company, a price, and the company's listings as pairs of conid and
# exchange. A position in the company is held in the first listing.
_COMPANIES: tuple[tuple[str, str, float, tuple[tuple[int, str], ...]], ...] = (
    ("AAPL", "APPLE INC", 255.3, ((265598, "NASDAQ"), (38708077, "MEXI"), (273982664, "EBS"))),
    ("AAPL", "APPLE INC-CDR", 36.4, ((532640894, "TSE"),)),
    ("MSFT", "MICROSOFT CORP", 467.2, ((272093, "NASDAQ"), (38708990, "MEXI"))),
    ("GOOGL", "ALPHABET INC-CL A", 312.9, ((208813719, "NASDAQ"), (147406791, "MEXI"))),
    ("AMZN", "AMAZON.COM INC", 231.4, ((3691937, "NASDAQ"), (29652134, "MEXI"))),
    ("NVDA", "NVIDIA CORP", 184.6, ((4815747, "NASDAQ"), (273544200, "EBS"))),
    ("META", "META PLATFORMS INC-CLASS A", 642.1, ((107113386, "NASDAQ"), (118089500, "MEXI"))),
    ("TSLA", "TESLA INC", 437.7, ((76792991, "NASDAQ"), (78046366, "MEXI"))),
    ("JPM", "JPMORGAN CHASE & CO", 309.8, ((1520593, "NYSE"), (29653000, "MEXI"))),
    ("KO", "COCA-COLA CO/THE", 70.9, ((8894, "NYSE"), (29653120, "MEXI"))),
    ("IBM", "INTL BUSINESS MACHINES CORP", 301.5, ((8314, "NYSE"), (41645598, "LSE"))),
    ("DIS", "WALT DISNEY CO/THE", 112.6, ((6459, "NYSE"), (29653240, "MEXI"))),
    ("BRK B", "BERKSHIRE HATHAWAY INC-CL B", 497.3, ((72063691, "NYSE"),)),
    ("SPY", "SS SPDR S&P 500 ETF TRUST-US", 685.2, ((756733, "ARCA"), (237937002, "MEXI"))),
    ("QQQ", "INVESCO QQQ TRUST SERIES 1", 616.4, ((320227571, "NASDAQ"), (322082470, "MEXI"))),
    ("VOD", "VODAFONE GROUP PLC-SP ADR", 12.4, ((149061024, "NASDAQ"),)),
    ("VOD", "VODAFONE GROUP PLC", 0.93, ((149061025, "LSE"), (149061026, "AEB"))),
    # Two companies share the symbol SIE, and neither has a US listing. Clients must handle such an
    # ambiguous symbol.
    ("SIE", "SIEMENS AG-REG", 221.7, ((14216, "IBIS"), (411720500, "MEXI"))),
    ("SIE", "SIERRA ROJA MINING LTD", 0.42, ((611720501, "VENTURE"),)),
    # A company with a single listing, which is outside the US.
    ("7203", "TOYOTA MOTOR CORP", 3120.0, ((13905883, "TSEJ"),)),
)

_FUTURES = (("ES", "E-mini S&P 500", 6890.0, 50.0), ("NQ", "E-MINI NASDAQ 100", 25300.0, 20.0))


@dataclass(frozen=True, slots=True)
class Root:
    """Underlying that a search for its symbol finds, such as an index or a currency.

    The underlying itself cannot be traded at the simulated exchange; futures on it may exist.

    Attributes:
        conid: IBKR's contract id.
        name: the name.
        exchange: the exchange.
        kinds: the security types that the search result lists besides futures, such as `IND`.
    """

    conid: int
    name: str
    exchange: str
    kinds: tuple[str, ...]


ROOTS: Mapping[str, Root] = {
    "ES": Root(11004968, "E-mini S&P 500", "CME", ("IND",)),
    "NQ": Root(11004969, "E-MINI NASDAQ 100", "CME", ("IND",)),
    "SPX": Root(416904, "S&P 500 Stock Index", "CBOE", ("IND",)),
    "EUR": Root(12087792, "European Monetary Union Euro", "IDEALPRO", ("CASH",)),
    "BTC": Root(479624278, "Bitcoin cryptocurrency", "PAXOS", ("CRYPTO",)),
}
_MONTHS = (("MAR", 3), ("JUN", 6), ("SEP", 9), ("DEC", 12))
MONTH_NAMES = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_STRIKES = 9  # strike prices per expiry month
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST = ("AMBER", "CEDAR", "DELTA", "FALCON", "GRANITE", "HARBOR", "LUMEN", "NORTH", "SOLAR")
_SECOND = ("BIOTECH", "CAPITAL", "ENERGY", "FOODS", "LOGISTICS", "METALS", "SYSTEMS", "WATER")


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract of the simulation, and its price at the start.

    Attributes:
        conid: IBKR's contract id.
        symbol: the symbol. Options and futures have the symbol of their underlying.
        name: name of the company or product.
        exchange: exchange of the listing; must be one of those that the simulated gateway knows.
        price: the price at the start.
        asset_class: `STK`, `OPT` or `FUT`.
        description: the contract's name in a portfolio; the symbol by default.
        multiplier: the multiplier; 0 means that the contract has no multiplier, so that 1 is used
            in calculations.
        strike: strike price of an option.
        expiry: expiry date of an option or future, `YYYYMMDD`.
        right: `C` for a call option, `P` for a put option.
        underlying: conid of the underlying of an option or future.
        volatility: yearly volatility from which the price of an option follows, such as 0.25. 0
            means that it follows from `price`, if the underlying exists; other prices of options
            move by themselves.
    """

    conid: int
    symbol: str
    name: str
    exchange: str
    price: float
    asset_class: str = "STK"
    description: str = ""
    multiplier: float = 0.0
    strike: float = 0.0
    expiry: str | None = None
    right: str | None = None
    underlying: int = 0
    volatility: float = 0.0

    @property
    def currency(self) -> str:
        """The currency of the listing."""
        return _EXCHANGES[self.exchange][0]

    @property
    def country(self) -> str:
        """The country of the listing, as a code of two letters."""
        return _EXCHANGES[self.exchange][1]

    @property
    def is_us(self) -> bool:
        """Whether the contract is listed in the US."""
        return _EXCHANGES[self.exchange][2]

    @property
    def base_volatility(self) -> float:
        """The volatility of options whose strike price is the price of this underlying."""
        return 0.2 + self.conid % 7 * 0.05

    @property
    def title(self) -> str:
        """The contract's name in a portfolio."""
        return self.description or self.symbol

    def secdef(self) -> dict[str, Any]:
        """Return the contract in the form of `GET /trsrv/secdef`."""
        return {
            "conid": self.conid,
            "currency": self.currency,
            "name": self.name,
            "assetClass": self.asset_class,
            "expiry": self.expiry,
            "lastTradingDay": self.expiry,
            "group": None,
            "putOrCall": self.right,
            "sector": None,
            "sectorGroup": None,
            "strike": f"{self.strike:g}",
            "ticker": self.symbol,
            "undConid": self.underlying,
            "multiplier": self.multiplier,
            "type": "COMMON" if self.asset_class == "STK" else "",
            "hasOptions": self.asset_class == "STK" and self.is_us,
            "fullName": self.title,
            "isUS": self.is_us,
            "isEventContract": False,
            "listingExchange": self.exchange,
            "countryCode": self.country,
        }


class Catalogue:
    """All contracts by conid, and the companies of each stock symbol.

    Args:
        seed: seed from which the invented companies are generated.
        positions: how many contracts the account holds.
        now: function that returns the time, in seconds since 1970. Options and futures exist for
            the next four quarters from then on, but not before March 2027.
    """

    def __init__(self, seed: int, positions: int, now: Callable[[], float]) -> None:
        self.contracts: dict[int, Contract] = {}
        self._now = now
        self._begin: float = now()
        self._first = self._made = self._quarter()
        self._companies: dict[str, list[tuple[str, list[Contract]]]] = {}
        primary: list[Contract] = []
        for symbol, name, price, listings in _COMPANIES:
            contracts = [Contract(conid, symbol, name, venue, price) for conid, venue in listings]
            if symbol not in self._companies:
                primary.append(contracts[0])
            self._add_company(symbol, name, contracts)
        self.known: tuple[Contract, ...] = tuple(primary)
        self.held: list[Contract] = self._choose(random.Random(f"{seed}/contracts"), positions)

    def _add_company(self, symbol: str, name: str, contracts: list[Contract]) -> None:
        self._companies.setdefault(symbol, []).append((name, contracts))
        self.contracts.update((contract.conid, contract) for contract in contracts)

    def _choose(self, rng: random.Random, count: int) -> list[Contract]:
        """Choose `count` contracts for the account to hold.

        Of each ten contracts, seven are stocks, two are options and one is a future. The stocks of
        real companies come first, then those of invented ones.
        """
        stocks = itertools.chain(self.known, self._invented(rng))
        options = self._options(self._first)
        futures = self._futures(self._first)
        chosen: list[Contract] = []
        for index in range(count):
            source = futures if index % 10 == 9 else options if index % 10 in (4, 7) else stocks
            contract = next(source)
            chosen.append(contract)
            self.contracts[contract.conid] = contract
        return chosen

    def _invented(self, rng: random.Random) -> Iterator[Contract]:
        for number in itertools.count():
            symbol = "".join(rng.choice(_LETTERS) for _ in range(5))
            name = f"{rng.choice(_FIRST)} {rng.choice(_SECOND)} {symbol} INC"
            venue = rng.choice(("NASDAQ", "NYSE"))
            price = round(rng.uniform(4, 400), 2)
            # Skip a symbol that already belongs to a company: it would become ambiguous by
            # accident.
            if symbol not in self._companies:
                contract = Contract(700_000_003 + 7 * number, symbol, name, venue, price)
                self._add_company(symbol, name, [contract])
                yield contract

    def _quarter(self) -> int:
        """Return the number of the first quarter whose contracts have not expired."""
        today = f"{calendar.day_of(self._now()):%Y%m%d}"
        return next(each for each in itertools.count() if _third_friday(each)[1] >= today)

    def _options(self, first: int) -> Iterator[Contract]:
        underlyings = [contract for contract in self.known if contract.is_us]
        for number in itertools.count(first * len(underlyings) * 2 * _STRIKES):
            rest, index = divmod(number, len(underlyings))
            rest, side = divmod(rest, 2)
            rest, step = divmod(rest, _STRIKES)
            under, right = underlyings[index], "CP"[side]
            strike = round(under.price * (0.8 + 0.05 * step) * 2) / 2
            month, expiry = _third_friday(rest)
            volatility = _volatility(under, strike)
            years = (calendar.expires(expiry) - self._begin) / options.YEAR
            price = options.value(right, under.price, strike, years, volatility)
            occ = f"{under.symbol:<6}{expiry[2:]}{right}{round(strike * 1000):08d}"
            yield Contract(
                800_000_011 + 11 * number,
                under.symbol,
                under.name,
                "SMART",
                max(0.01, round(price, 2)),
                asset_class="OPT",
                description=f"{under.symbol:<6} {month} {strike:g} {right} [{occ} 100]",
                multiplier=100.0,
                strike=strike,
                expiry=expiry,
                right=right,
                underlying=under.conid,
                volatility=volatility,
            )

    @staticmethod
    def _futures(first: int) -> Iterator[Contract]:
        for number in itertools.count(first * len(_FUTURES)):
            rest, index = divmod(number, len(_FUTURES))
            root, name, price, multiplier = _FUTURES[index]
            month, expiry = _third_friday(rest)
            yield Contract(
                600_000_013 + 13 * number,
                root,
                name,
                "CME",
                price + 10.0 * rest,
                asset_class="FUT",
                description=f"{root:<8} {month}",
                multiplier=multiplier,
                expiry=expiry,
                underlying=11004968 + index,
            )

    def search(self, text: str, *, by_name: bool = False) -> list[Contract]:
        """Return the listings of all companies whose symbol is `text`.

        If `by_name` is True, return instead the listings of all companies whose name contains
        `text`.
        """
        if by_name:
            found = [
                contracts
                for companies in self._companies.values()
                for name, contracts in companies
                if text.lower() in name.lower()
            ]
        else:
            found = [contracts for _, contracts in self._companies.get(text.upper(), ())]
        return [contract for contracts in found for contract in contracts]

    def months(self, conid: int) -> list[str]:
        """Return the expiry months of options on a stock, such as `MAR27`."""
        return list(dict.fromkeys(_month(each) for each in self.chain(conid)))

    def chain(self, conid: int, month: str = "") -> list[Contract]:
        """Return the options on a stock, sorted by expiry and strike.

        Args:
            conid: the stock.
            month: expiry month, such as `MAR27`; empty for all months.
        """
        today = self._have_derivatives()
        found = [
            each
            for each in self.contracts.values()
            if each.underlying == conid
            and each.asset_class == "OPT"
            and (each.expiry or today) >= today
            and month in ("", _month(each))
        ]
        return sorted(found, key=lambda each: (each.expiry or "", each.strike, each.right or ""))

    def futures(self, symbol: str) -> list[Contract]:
        """Return all futures with a symbol, sorted by expiry."""
        today = self._have_derivatives()
        found = [
            each
            for each in self.contracts.values()
            if each.asset_class == "FUT"
            and each.symbol == symbol
            and (each.expiry or today) >= today
        ]
        return sorted(found, key=lambda each: each.expiry or "")

    def future_months(self, symbol: str) -> list[str]:
        """Return the expiry months of a future, such as `MAR27`."""
        return list(dict.fromkeys(_month(each) for each in self.futures(symbol)))

    def _have_derivatives(self) -> str:
        """Create the options and futures of the next four quarters that do not exist yet.

        Returns:
            Today's date in New York, `YYYYMMDD`.
        """
        end = self._quarter() + len(_MONTHS)
        new = end - self._made
        if new:
            count = new * _STRIKES * 2 * sum(each.is_us for each in self.known)
            for contract in itertools.chain(
                itertools.islice(self._options(self._made), count),
                itertools.islice(self._futures(self._made), new * len(_FUTURES)),
            ):
                # A contract that the account holds is already in the dict; keep that object.
                self.contracts.setdefault(contract.conid, contract)
            self._made = end
        return f"{calendar.day_of(self._now()):%Y%m%d}"

    def add(self, contract: Contract) -> None:
        """Add a contract.

        Raises:
            ValueError: the contract is invalid.
        """
        problem = ""
        if contract.conid in self.contracts:
            problem = "its conid is taken"
        elif contract.exchange not in _EXCHANGES:
            problem = f"its exchange is none of {', '.join(_EXCHANGES)}"
        elif contract.asset_class not in ("STK", "OPT", "FUT"):
            problem = "its asset_class is none of STK, OPT, FUT"
        elif not contract.price > 0:
            problem = "its price is not above 0"
        if problem:
            msg = f"the simulated gateway can't have {contract!r}: {problem}"
            raise ValueError(msg)
        self.contracts[contract.conid] = contract
        if contract.asset_class == "STK":
            self._add_company(contract.symbol, contract.name, [contract])

    def primary(self, symbol: str) -> int | None:
        """Return the conid of the first listing of a stock symbol; None for an unknown symbol."""
        companies = self._companies.get(symbol)
        return companies[0][1][0].conid if companies else None

    def stocks(self, symbol: str) -> list[dict[str, Any]]:
        """Return the companies with a stock symbol, in the form of `GET /trsrv/stocks`."""
        return [
            {
                "name": name,
                "chineseName": name.title(),
                "assetClass": "STK",
                "contracts": [
                    {"conid": item.conid, "exchange": item.exchange, "isUS": item.is_us}
                    for item in contracts
                ],
            }
            for name, contracts in self._companies.get(symbol, ())
        ]


def _month(contract: Contract) -> str:
    """Return the expiry month of a contract as IBKR's search spells it, such as `MAR27`."""
    expiry = contract.expiry or ""
    try:
        day = dt.datetime.strptime(expiry, "%Y%m%d").replace(tzinfo=dt.UTC)
    except ValueError:
        return ""
    return f"{MONTH_NAMES[day.month - 1]}{expiry[2:4]}"


def _volatility(under: Contract, strike: float) -> float:
    """Return the volatility of the options on a stock with a strike price: a smile."""
    return round(under.base_volatility * (1 + 2 * math.log(strike / under.price) ** 2), 4)


def _third_friday(index: int) -> tuple[str, str]:
    """Return month and date of a quarterly expiry, such as `MAR2027` and `20270319`.

    Args:
        index: 0 for March 2027, 1 for June 2027, and so on.
    """
    years, quarter = divmod(index, len(_MONTHS))
    month, number = _MONTHS[quarter]
    first = dt.date(2027 + years, number, 1)
    day = first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14)
    return f"{month}{day.year}", day.strftime("%Y%m%d")
