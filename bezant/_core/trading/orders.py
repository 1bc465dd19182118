"""Orders as values: `Buy`, `Sell`, brackets and groups, checked when they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType
from typing import (
    Any,
    ClassVar,
    Final,
    NoReturn,
    Self,
    TypeAlias,
    TypedDict,
    Unpack,
    cast,
    get_args,
)

import msgspec

from ..._wire.record import Record
from ..._wire.redaction import shown
from ..._wire.terms import SPELLINGS, OrderType, Side, TimeInForce, is_order_type
from ...errors import InvalidRequest
from ..marketdata.contract import HasConid
from .combos import Combo, conid_of
from .numbers import Number, check_sign, exact, plain
from .order_types import ABSENT_TIMES, INFERRED, MEANINGS, PRICES, TYPES, PriceField, TypeRow

ContractLike: TypeAlias = "int | str | HasConid | Combo"

# Default of arguments that an order may lack. It differs from None, so that a price that a program
# failed to calculate, and that is None, does not turn a limit order into a market order.
_ABSENT: Final[Any] = msgspec.UNSET


class OrderTerms(TypedDict, total=False):
    """Keyword arguments of `Buy` and `Sell`."""

    limit: Number
    stop: Number
    trail: Number
    trail_percent: Number
    order_type: OrderType
    time_in_force: TimeInForce
    outside_rth: bool
    all_or_none: bool
    cash_quantity: Number
    currency_conversion: bool
    adaptive: bool
    algo: str
    algo_parameters: Mapping[str, object]
    exchange: str
    manual_indicator: bool
    ext_operator: str


class Order:
    """Order to buy or sell a contract: the base class of `Buy` and `Sell`, which you use.

    An order is a value: it does not change, and you can use it several times. Prices and quantities
    are exact: pass text, an int or a `Decimal`. A float is taken by its shortest spelling; the
    result of a calculation with floats, such as ``0.1 + 0.2``, is refused.

    If you name no ``order_type``, the prices decide: an order without a price is a market order,
    ``limit`` makes a limit order, ``stop`` a stop order, both together a stop limit order,
    ``trail`` or ``trail_percent`` a trailing stop order. None is refused as a price, so that a
    price that you failed to calculate does not make a market order.

    Args:
        contract: the contract: a conid, the symbol of a stock or fund, an object with a ``conid``,
            or a combination made with `combo`.
        quantity: number of units; leave it out if you give ``cash_quantity``.
        limit: limit price; the highest or lowest price of ``MIDPRICE`` and ``REL`` orders.
        stop: stop price; the trigger price of ``MIT`` and ``LIT`` orders.
        trail: distance of a trailing stop from the market, in money.
        trail_percent: distance of a trailing stop from the market, in percent.
        order_type: type of the order, such as ``MIDPRICE`` or ``LOC``; by default the prices
            decide.
        time_in_force: how long the order works: ``DAY`` (the default), ``GTC``, ``IOC``, ``OPG``,
            ``OVT``, ``OND`` or ``PAX``.
        outside_rth: whether the order may also fill outside regular trading hours.
        all_or_none: whether the order fills either completely or not at all.
        cash_quantity: amount of money to trade for, instead of a quantity.
        currency_conversion: whether the order converts currencies without opening a position;
            ``cash_quantity`` is then the amount to convert.
        adaptive: whether to use IBKR's price management algorithm.
        algo: id of one of IBKR's order algorithms, such as ``Adaptive``.
        algo_parameters: parameters of the algorithm, under IBKR's names.
        exchange: exchange for direct routing, such as ``NYSE``; IBKR chooses one by default.
        manual_indicator: for US futures and options on them: True if a person entered the order,
            False if a program did.
        ext_operator: name of the person who entered the order, for futures.

    Raises:
        InvalidRequest: an argument is invalid, or does not fit the type of the order.
    """

    side: ClassVar[Side]

    __slots__ = (
        "adaptive",
        "algo",
        "algo_parameters",
        "all_or_none",
        "cash_quantity",
        "contract",
        "currency_conversion",
        "exchange",
        "ext_operator",
        "limit",
        "manual_indicator",
        "order_type",
        "outside_rth",
        "quantity",
        "stop",
        "time_in_force",
        "trail",
        "trail_percent",
    )

    contract: ContractLike
    quantity: Decimal | None
    limit: Decimal | None
    stop: Decimal | None
    trail: Decimal | None
    trail_percent: Decimal | None
    order_type: OrderType
    time_in_force: TimeInForce
    outside_rth: bool
    all_or_none: bool
    cash_quantity: Decimal | None
    currency_conversion: bool
    adaptive: bool
    algo: str | None
    algo_parameters: Mapping[str, object]
    exchange: str | None
    manual_indicator: bool | None
    ext_operator: str | None

    def __init__(
        self,
        contract: ContractLike,
        quantity: Number = _ABSENT,
        *,
        limit: Number = _ABSENT,
        stop: Number = _ABSENT,
        trail: Number = _ABSENT,
        trail_percent: Number = _ABSENT,
        order_type: OrderType = _ABSENT,
        time_in_force: TimeInForce = "DAY",
        outside_rth: bool = False,
        all_or_none: bool = False,
        cash_quantity: Number = _ABSENT,
        currency_conversion: bool = False,
        adaptive: bool = False,
        algo: str = _ABSENT,
        algo_parameters: Mapping[str, object] = _ABSENT,
        exchange: str = _ABSENT,
        manual_indicator: bool = _ABSENT,
        ext_operator: str = _ABSENT,
    ) -> None:
        if type(self) not in (Buy, Sell):
            raise InvalidRequest(
                "an order must be a bezant.Buy or bezant.Sell; Order is only their common type"
            )
        _check_contract(contract)
        prices: dict[PriceField, object] = {
            "limit": limit,
            "stop": stop,
            "trail": trail,
            "trail_percent": trail_percent,
        }
        given: frozenset[PriceField] = frozenset(
            name for name in PRICES if prices[name] is not _ABSENT
        )
        exacts: dict[str, Decimal | None] = dict.fromkeys(PRICES)
        for name in given:
            positive = name in ("trail", "trail_percent")
            exacts[name] = exact(name, prices[name], above_zero=positive)
        row = _row(order_type, given)
        _check_prices(row, given)
        for name in ("limit", "stop"):
            check_sign(name, exacts[name], negative=not isinstance(contract, str))
        if exacts["trail_percent"] is not None and exacts["trail_percent"] >= 100:
            raise InvalidRequest(f"trail_percent must be below 100, not {shown(trail_percent)}")
        flags = {
            "outside_rth": outside_rth,
            "all_or_none": all_or_none,
            "currency_conversion": currency_conversion,
            "adaptive": adaptive,
        }
        if manual_indicator is not _ABSENT:
            flags["manual_indicator"] = manual_indicator
        for flag, answer in flags.items():
            if not isinstance(answer, bool):
                raise InvalidRequest(f"{flag} must be True or False, not {shown(answer)}")
        _check_time(row, time_in_force)
        if outside_rth and not row.outside_rth:
            raise InvalidRequest(f"outside_rth does not fit a {row.name} order; leave it out")
        size, cash = _sizes(row, quantity, cash_quantity, conversion=currency_conversion)
        texts = {"algo": algo, "exchange": exchange, "ext_operator": ext_operator}
        for field, text in texts.items():
            if text is not _ABSENT and (not isinstance(text, str) or not text.strip()):
                raise InvalidRequest(f"{field} must be text, not {shown(text)}")
        if algo_parameters is not _ABSENT and algo is _ABSENT:
            raise InvalidRequest("algo_parameters needs algo, the algorithm that they are for")
        if algo_parameters is not _ABSENT and not isinstance(algo_parameters, Mapping):
            raise InvalidRequest(
                f"algo_parameters must be a mapping such as {{'adaptivePriority': 'Urgent'}}, not "
                f"{shown(algo_parameters)}"
            )
        if exchange is not _ABSENT and isinstance(contract, Combo):
            raise InvalidRequest("name the exchange of a combination in combo(exchange=...)")
        values: dict[str, object] = {
            "contract": contract,
            "quantity": size,
            "cash_quantity": cash,
            **exacts,
            "order_type": row.type,
            "time_in_force": time_in_force,
            **flags,
            "manual_indicator": _given(manual_indicator),
            "algo": _given(algo),
            "algo_parameters": MappingProxyType(dict(_given(algo_parameters) or {})),
            "exchange": _given(exchange),
            "ext_operator": _given(ext_operator),
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def replace(
        self,
        contract: ContractLike = _ABSENT,
        quantity: Number = _ABSENT,
        **changes: Unpack[OrderTerms],
    ) -> Self:
        """Return a copy of the order with other values; arguments that you leave out are kept.

        Raises:
            InvalidRequest: an argument is invalid, or does not fit the type of the order.
        """
        kept = self.terms()
        if contract is not _ABSENT:
            kept["contract"] = contract
        if quantity is not _ABSENT:
            kept["quantity"] = quantity
        if "trail" in changes:
            kept.pop("trail_percent", None)
        elif "trail_percent" in changes:
            kept.pop("trail", None)
        return type(self)(**(kept | cast("dict[str, Any]", changes)))

    def terms(self) -> dict[str, Any]:
        """Return the arguments that make this order, without those that have no value."""
        found: dict[str, Any] = {name: getattr(self, name) for name in Order.__slots__}
        return {
            name: value
            for name, value in found.items()
            if value is not None and not (name == "algo_parameters" and not value)
        }

    @property
    def row(self) -> TypeRow:
        """The row of the order's type."""
        return TYPES[self.order_type]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"the fields of an order cannot be set; use order.replace({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("the fields of an order cannot be deleted")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Order):
            return NotImplemented
        return type(self) is type(other) and self.terms() == other.terms()

    def __hash__(self) -> int:
        return hash((type(self), self.order_type, self.quantity, self.limit, self.stop))

    def __reduce__(self) -> tuple[object, ...]:
        terms = self.terms()
        if "algo_parameters" in terms:
            terms["algo_parameters"] = dict(terms["algo_parameters"])
        return (_make, (type(self), terms))

    def __repr__(self) -> str:
        return f"<{self}>"

    def __str__(self) -> str:
        if self.quantity is not None:
            size = plain(self.quantity)
        else:
            size = f"{plain(self.cash_quantity or Decimal(0))} of money"
        words = [self.side, size, contract_name(self.contract), self.order_type]
        for name in PRICES:
            value: Decimal | None = getattr(self, name)
            if value is not None:
                words.append(f"{name} {plain(value)}")
        words.append(self.time_in_force)
        return " ".join(words)


class Buy(Order):
    """Order to buy; `Order` describes the arguments."""

    __slots__ = ()
    side: ClassVar[Side] = "BUY"


class Sell(Order):
    """Order to sell; `Order` describes the arguments."""

    __slots__ = ()
    side: ClassVar[Side] = "SELL"


def _make(kind: type[Order], terms: dict[str, Any]) -> Order:
    return kind(**terms)


def _given(value: Any) -> Any:
    return None if value is _ABSENT else value


def contract_name(contract: ContractLike) -> str:
    """Return a short name of a contract: its symbol if it has one, otherwise its conid."""
    if isinstance(contract, Combo):
        return "combo " + ",".join(f"{conid}/{ratio}" for conid, ratio in contract.legs)
    if isinstance(contract, str):
        return contract
    symbol = getattr(contract, "symbol", None)
    return symbol if isinstance(symbol, str) and symbol else str(conid_of(contract))


def _check_contract(contract: object) -> None:
    if isinstance(contract, Combo) or (isinstance(contract, str) and contract.strip()):
        return
    if isinstance(contract, str) or conid_of(contract) is None:
        raise InvalidRequest(
            "contract must be a conid, the symbol of a stock, an object with a conid or a "
            f"combination, not {shown(contract)}"
        )


def _row(order_type: object, given: frozenset[PriceField]) -> TypeRow:
    if order_type is _ABSENT:
        if {"trail", "trail_percent"} <= given:
            raise InvalidRequest("pass either trail or trail_percent, not both")
        inferred = INFERRED.get(given)
        if inferred is None:
            raise InvalidRequest(
                "no order type has exactly the prices "
                f"{', '.join(sorted(given))}; a trailing stop limit order needs stop, too"
            )
        return TYPES[inferred]
    if not isinstance(order_type, str) or not is_order_type(order_type):
        known = SPELLINGS["OrderType"].get(order_type) if isinstance(order_type, str) else None
        hint = f"; did you mean {known!r}?" if known else ""
        raise InvalidRequest(
            f"order_type must be one of {', '.join(TYPES)}, not {shown(order_type)}{hint}"
        )
    return TYPES[order_type]


def _check_prices(row: TypeRow, given: frozenset[PriceField]) -> None:
    for name in row.needs:
        if name not in given:
            raise InvalidRequest(f"a {row.name} order needs {name} ({MEANINGS[name]})")
    trails = given & {"trail", "trail_percent"}
    if row.trails and len(trails) != 1:
        raise InvalidRequest(f"a {row.name} order needs either trail or trail_percent")
    allowed = {*row.needs, *row.allows, *(("trail", "trail_percent") if row.trails else ())}
    for name in PRICES:
        if name in given and name not in allowed:
            raise InvalidRequest(
                f"a {row.name} order has no {name} ({MEANINGS[name]}); leave it out, or choose "
                "another order_type"
            )


def _check_time(row: TypeRow, time_in_force: object) -> None:
    times = get_args(TimeInForce)
    if not isinstance(time_in_force, str) or time_in_force not in times:
        advice = ABSENT_TIMES.get(time_in_force) if isinstance(time_in_force, str) else None
        if advice:
            raise InvalidRequest(f"time_in_force: {advice}")
        raise InvalidRequest(
            f"time_in_force must be one of {', '.join(times)}, not {shown(time_in_force)}"
        )
    if row.times and time_in_force not in row.times:
        raise InvalidRequest(
            f"time_in_force of a {row.name} order must be {' or '.join(row.times)}, not "
            f"{time_in_force}"
        )


def _sizes(
    row: TypeRow, quantity: object, cash_quantity: object, *, conversion: bool
) -> tuple[Decimal | None, Decimal | None]:
    """Return the quantity and the amount of money of an order, of which one is None."""
    if (quantity is _ABSENT) == (cash_quantity is _ABSENT):
        raise InvalidRequest("an order needs either quantity or cash_quantity")
    if cash_quantity is _ABSENT:
        if conversion:
            raise InvalidRequest(
                "currency_conversion needs cash_quantity, the amount of money to convert"
            )
        return exact("quantity", quantity, above_zero=True), None
    if not row.cash:
        raise InvalidRequest(f"cash_quantity does not fit a {row.name} order; pass quantity")
    return None, exact("cash_quantity", cash_quantity, above_zero=True)


class Bracket(Record, frozen=True):
    """Entry order with exits that wait for it; make it with `bracket`.

    Attributes:
        entry: the order that opens the position.
        profit: exit that takes the profit; None without one.
        stop: exit that limits the loss; None without one.
        more: further orders that wait for the entry.
    """

    entry: Order
    profit: Order | None = None
    stop: Order | None = None
    more: tuple[Order, ...] = ()

    @property
    def children(self) -> tuple[Order, ...]:
        """All orders that wait for the entry."""
        return (*(each for each in (self.profit, self.stop) if each is not None), *self.more)


def bracket(
    entry: Order,
    *,
    profit: Number | Order = _ABSENT,
    stop: Number | Order = _ABSENT,
    more: Sequence[Order] = (),
    time_in_force: TimeInForce = "GTC",
) -> Bracket:
    """Return a bracket: an entry, and exits that IBKR activates when the entry fills.

    If one of the exits fills, IBKR cancels the others. None is refused as a price, so that a price
    that you failed to calculate does not make a bracket without its stop.

    Args:
        entry: the order that opens the position.
        profit: price of a limit order that takes the profit; or such an order.
        stop: price of a stop order that limits the loss; or an order of another type, such as
            ``Sell("AAPL", 10, trail_percent=5)``.
        more: further orders that wait for the entry.
        time_in_force: how long exits given by a price work. The default is ``GTC`` even if the
            entry's is ``DAY``, because a position should not lose its stop at the end of the day.

    Raises:
        InvalidRequest: there is no exit, a price is on the wrong side of the entry's limit, or an
            exit does not close what the entry opens.
    """
    if not isinstance(entry, Order):
        raise InvalidRequest(f"entry must be a Buy or a Sell, not {shown(entry)}")
    exit_class: type[Order] = Sell if isinstance(entry, Buy) else Buy

    def made(argument: str, name: PriceField, given: Number | Order) -> Order | None:
        if given is _ABSENT:
            return None
        if isinstance(given, Order):
            return given
        shared = ("exchange", "manual_indicator", "ext_operator")
        terms = {key: value for key, value in entry.terms().items() if key in shared}
        if entry.quantity is None:
            raise InvalidRequest(
                "the entry of a bracket needs quantity, because IBKR does not know how much its "
                "exits have to close"
            )
        terms[name] = exact(argument, given)
        return exit_class(entry.contract, entry.quantity, time_in_force=time_in_force, **terms)

    found = Bracket(entry, made("profit", "limit", profit), made("stop", "stop", stop), tuple(more))
    if not found.children:
        raise InvalidRequest("a bracket needs profit or stop")
    for child in found.children:
        _check_child(entry, child)
    _check_order_of_prices(found)
    return found


def _check_child(entry: Order, child: object) -> None:
    if not isinstance(child, Order):
        raise InvalidRequest(f"more must hold orders, not {shown(child)}")
    if child.side == entry.side:
        raise InvalidRequest(
            "the exits of a bracket must have the opposite side of its entry; the entry is "
            f"{entry}, and an exit is {child}"
        )
    if contract_name(child.contract) != contract_name(entry.contract):
        raise InvalidRequest(
            "the exits of a bracket must have the contract of its entry; the entry is "
            f"{entry}, and an exit is {child}"
        )
    if child.quantity is None or entry.quantity is None:
        raise InvalidRequest("the orders of a bracket need quantity instead of cash_quantity")
    if child.quantity > entry.quantity:
        raise InvalidRequest(
            f"an exit of a bracket must not be larger than its entry: {child} after {entry}"
        )


def _check_order_of_prices(found: Bracket) -> None:
    """Raise an error if an exit's price would fill it at once, or the prices are swapped."""
    sign = 1 if found.entry.side == "BUY" else -1
    stop = found.stop.stop if found.stop is not None else None
    profit = found.profit.limit if found.profit is not None else None
    prices = [
        (name, price)
        for name, price in (("stop", stop), ("entry limit", found.entry.limit), ("profit", profit))
        if price is not None
    ]
    for (low, lower), (high, higher) in pairwise(prices):
        if sign * lower >= sign * higher:
            word = "below" if sign > 0 else "above"
            raise InvalidRequest(
                f"the {low} price ({plain(lower)}) of this bracket must be {word} the {high} price "
                f"({plain(higher)})"
            )


class OneCancelsAll(Record, frozen=True):
    """Orders of which a fill of one cancels the others; make it with `one_cancels_all`."""

    orders: tuple[Order, ...]


def one_cancels_all(*orders: Order) -> OneCancelsAll:
    """Return a group of orders (an OCA group): if one of them fills, IBKR cancels the others.

    Raises:
        InvalidRequest: there are fewer than two orders.
    """
    for each in orders:
        if not isinstance(each, Order):
            raise InvalidRequest(f"a group must hold orders, not {shown(each)}")
    if len(orders) < 2:
        raise InvalidRequest("a group needs two or more orders")
    return OneCancelsAll(orders)
