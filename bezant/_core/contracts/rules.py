"""`TradingRules`: what orders a contract allows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidRequest, MissingValue
from ...models._base import peek
from ...models.common import PriceIncrement
from ...models.contracts import ContractRules
from ..operations.contracts import GET_ALGOS_BY_INSTRUMENT, GET_CONTRACT_RULES
from .contract import names_in
from .increments import PriceIncrements

if TYPE_CHECKING:
    from ..._wire.field_types import AnyOrderType

RULES: Final = GET_CONTRACT_RULES.operation
ALGOS: Final = GET_ALGOS_BY_INSTRUMENT.operation
_IS_BUY: Final = {"BUY": True, "SELL": False}


class TradingRules(Record, frozen=True):
    """Rules for orders in a contract.

    `client.contracts.rules` returns this object.

    Attributes:
        conid: IBKR's id of the contract.
        side: the side of the orders for which the rules hold, ``BUY`` or ``SELL``.
        price_increments: which prices are allowed, and how to round a price to one of them.
        size_increment: step of the quantity in IBKR's order forms. Smaller quantities may be
            allowed: the step of many US stocks is 100, and one share can be bought.
        order_types: types of orders that are allowed, such as ``LMT``.
        outside_hours: types of orders that are allowed outside regular trading hours.
        fraction_types: types of orders that are allowed for fractions of a unit, in IBKR's
            spelling; empty if fractions are not allowed.
        cash_types: types of orders that are allowed for an amount of money instead of a quantity,
            in IBKR's spelling.
        times_in_force: how long orders may stay valid, such as ``DAY`` and ``GTC``.
        algo_types: types of orders that IBKR's algorithms allow; empty if the contract allows no
            algorithms. `client.contracts.algorithms` returns the algorithms.
        account_ids: ids of the accounts that may trade the contract.
        negative_prices: whether the contract may have prices of 0 and below.
    """

    conid: int
    side: str
    price_increments: PriceIncrements
    size_increment: Decimal | None
    order_types: tuple[AnyOrderType, ...]
    outside_hours: tuple[AnyOrderType, ...]
    fraction_types: tuple[str, ...]
    cash_types: tuple[str, ...]
    times_in_force: tuple[str, ...]
    algo_types: tuple[AnyOrderType, ...]
    account_ids: tuple[str, ...]
    negative_prices: bool = False


def is_buy(side: object) -> bool:
    """Return whether a side is ``BUY``.

    Raises:
        InvalidRequest: the side is neither ``BUY`` nor ``SELL``.
    """
    found = _IS_BUY.get(side.upper()) if isinstance(side, str) else None
    if found is None:
        raise InvalidRequest(f"side must be 'BUY' or 'SELL', not {shown(side)}")
    return found


def read_rules(conid: int, buy: bool, response: ContractRules) -> TradingRules:
    """Return the rules in a response.

    Raises:
        MissingValue: the response has no price increment.
    """

    def texts(name: str) -> tuple[str, ...]:
        return tuple(peek(response, name) or ())

    return TradingRules(
        conid=conid,
        side="BUY" if buy else "SELL",
        price_increments=_increments(response),
        size_increment=peek(response, "size_increment"),
        order_types=texts("order_types"),
        outside_hours=texts("order_types_outside"),
        fraction_types=texts("fraq_types"),
        cash_types=texts("cqt_types"),
        # "GTC/o,a" is the time in force GTC and the orders for which it is allowed.
        times_in_force=tuple(
            name for text in texts("tif_types") for name in names_in(text.partition("/")[0], ",")
        ),
        algo_types=texts("ib_algo_types"),
        account_ids=texts("can_trade_account_ids"),
        negative_prices=peek(response, "negative_capable") is True,
    )


def _increments(response: ContractRules) -> PriceIncrements:
    rows: list[PriceIncrement] = peek(response, "increment_rules") or []
    pairs: list[tuple[Decimal, Decimal]] = []
    for row in rows:
        edge, step = peek(row, "lower_edge"), peek(row, "increment")
        if edge is not None and step is not None and step > 0:
            pairs.append((edge, step))
    if len(pairs) < len(rows) or not pairs:
        step = peek(response, "increment")
        if rows or step is None or step <= 0:
            raise MissingValue(
                "the response does not say which prices are allowed, because its price increments "
                "are missing or unreadable; use client.api.contracts.get_contract_rules to see it",
                operation=RULES.name,
                field="increment_rules",
                model=ContractRules.__name__,
            )
        pairs = [(Decimal(0), step)]
    return PriceIncrements(pairs)
