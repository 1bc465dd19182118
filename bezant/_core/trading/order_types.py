"""Table of order types and times in force, one row for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from ..._wire.record import Record
from ..._wire.terms import OrderType, TimeInForce

# Names of the arguments of an order that only some types have.
PriceField: TypeAlias = Literal["limit", "stop", "trail", "trail_percent"]
PRICES: Final[tuple[PriceField, ...]] = ("limit", "stop", "trail", "trail_percent")
# Key: such an argument. Value: its meaning, for errors.
MEANINGS: Final[Mapping[PriceField, str]] = {
    "limit": "limit price",
    "stop": "stop or trigger price",
    "trail": "distance of the trailing stop, in money",
    "trail_percent": "distance of the trailing stop, in percent",
}


class TypeRow(Record, frozen=True):
    """One order type. The wire's spellings in responses are in `bezant._wire.terms.SPELLINGS`.

    Attributes:
        type: name in requests.
        name: name in words, for errors.
        needs: arguments that the order must have.
        allows: arguments that the order may have in addition.
        limit: field of the ticket for ``limit``; empty if the type has no limit price.
        stop: field of the ticket for ``stop``; empty if the type has no stop price.
        trails: whether the order needs exactly one of ``trail`` and ``trail_percent``.
        times: times in force that the type allows; empty for all.
        outside_rth: whether ``outside_rth`` is allowed.
        cash: whether ``cash_quantity`` is allowed.
    """

    type: OrderType
    name: str
    needs: tuple[PriceField, ...] = ()
    allows: tuple[PriceField, ...] = ()
    limit: Literal["", "price", "aux_price"] = ""
    stop: Literal["", "price", "aux_price"] = ""
    trails: bool = False
    times: tuple[TimeInForce, ...] = ()
    outside_rth: bool = True
    cash: bool = True


_CLOSE: Final[tuple[TimeInForce, ...]] = ("DAY",)

TYPES: Final[Mapping[OrderType, TypeRow]] = {
    row.type: row
    for row in (
        TypeRow("MKT", "market"),
        TypeRow("LMT", "limit", needs=("limit",), limit="price"),
        TypeRow("STP", "stop", needs=("stop",), stop="price"),
        TypeRow(
            "STOP_LIMIT", "stop limit", needs=("limit", "stop"), limit="price", stop="aux_price"
        ),
        # `price` is the first stop price. Without it, IBKR starts from the market price.
        TypeRow("TRAIL", "trailing stop", allows=("stop",), stop="price", trails=True),
        TypeRow(
            "TRAILLMT",
            "trailing stop limit",
            needs=("limit", "stop"),
            limit="price",
            stop="aux_price",
            trails=True,
        ),
        # The limit price is a cap.
        TypeRow(
            "MIDPRICE",
            "midprice",
            allows=("limit",),
            limit="price",
            outside_rth=False,
            cash=False,
        ),
        TypeRow("MOC", "market on close", times=_CLOSE, outside_rth=False, cash=False),
        TypeRow(
            "LOC",
            "limit on close",
            needs=("limit",),
            limit="price",
            times=_CLOSE,
            outside_rth=False,
            cash=False,
        ),
        TypeRow("MIT", "market if touched", needs=("stop",), stop="price"),
        TypeRow(
            "LIT", "limit if touched", needs=("limit", "stop"), limit="price", stop="aux_price"
        ),
        # The limit price is a cap.
        TypeRow("REL", "relative", allows=("limit",), limit="price", cash=False),
    )
}

# Key: the price arguments of an order for which the program names no type. Value: the type.
INFERRED: Final[Mapping[frozenset[PriceField], OrderType]] = {
    frozenset(): "MKT",
    frozenset({"limit"}): "LMT",
    frozenset({"stop"}): "STP",
    frozenset({"limit", "stop"}): "STOP_LIMIT",
    frozenset({"trail"}): "TRAIL",
    frozenset({"trail_percent"}): "TRAIL",
    frozenset({"trail", "stop"}): "TRAIL",
    frozenset({"trail_percent", "stop"}): "TRAIL",
    frozenset({"trail", "limit", "stop"}): "TRAILLMT",
    frozenset({"trail_percent", "limit", "stop"}): "TRAILLMT",
}

# Times in force that other APIs of IBKR have and CPAPI lacks, with the advice for errors.
ABSENT_TIMES: Final[Mapping[str, str]] = {
    "FOK": "CPAPI has no FOK (fill or kill); use 'IOC', or all_or_none=True",
    "GTD": "CPAPI has no GTD (good till date); use 'GTC' and cancel the order yourself",
    "DTC": "CPAPI has no DTC (day till cancelled); use 'DAY'",
}
