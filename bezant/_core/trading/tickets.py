"""Turns orders into the tickets that IBKR takes, with ids that find them again."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models.orders import OrderTicket
from .combos import Combo
from .orders import Bracket, OneCancelsAll, Order, contract_name

_MOST_CHARACTERS: Final = 64
_PREFIX: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,23}"


class Leg(Record, frozen=True):
    """One order of a placement.

    Attributes:
        order: the order, with prices that the contract allows.
        conid: the contract's id; 0 for a combination.
        name: the client order id; empty for the child of a bracket.
        parent: client order id of the parent, or its order id; empty without a parent.
    """

    order: Order
    conid: int
    name: str = ""
    parent: str = ""


def orders_of(intent: Order | Bracket | OneCancelsAll) -> tuple[Order, ...]:
    """Return the single orders of an order, a bracket or a group, a parent first.

    Raises:
        InvalidRequest: the argument is something else.
    """
    if isinstance(intent, Order):
        return (intent,)
    if isinstance(intent, Bracket):
        return (intent.entry, *intent.children)
    if isinstance(intent, OneCancelsAll):
        return intent.orders
    raise InvalidRequest(
        f"place() takes a Buy, a Sell, a bracket or a group of orders, not {shown(intent)}"
    )


def check_prefix(prefix: object) -> str:
    """Check the prefix of client order ids, and return it.

    Raises:
        InvalidRequest: the prefix is not 1 to 24 letters, digits, dots, hyphens or underscores.
    """
    if not isinstance(prefix, str) or not re.fullmatch(_PREFIX, prefix):
        raise InvalidRequest(
            "client_order_id_prefix must be 1 to 24 letters, digits, dots, hyphens or "
            f"underscores, not {shown(prefix)}"
        )
    return prefix


def name_for(order: Order, prefix: str, unique: str) -> str:
    """Return a client order id such as ``bezant-buy-AAPL-5f0c9d2b7a41``.

    Args:
        order: the order.
        prefix: first part of the id.
        unique: last part of the id, which no other order has.
    """
    symbol = re.sub(r"[^A-Za-z0-9.]+", "-", contract_name(order.contract)).strip("-")[:16]
    return f"{prefix}-{order.side.lower()}-{symbol}-{unique}"[:_MOST_CHARACTERS]


def ticket_for(leg: Leg, account_id: str, *, grouped: bool = False) -> OrderTicket:
    """Return the ticket of an order.

    Args:
        leg: the order.
        account_id: the account.
        grouped: whether the orders of the request form an OCA group.
    """
    order, row = leg.order, leg.order.row
    fields: dict[str, Any] = {}
    if row.limit and order.limit is not None:
        fields[row.limit] = order.limit
    if row.stop and order.stop is not None:
        fields[row.stop] = order.stop
    for distance, unit in ((order.trail, "amt"), (order.trail_percent, "%")):
        if distance is not None:
            fields |= {"trailing_amount": distance, "trailing_type": unit}
    if isinstance(order.contract, Combo):
        fields["conid_ex"] = order.contract.conid_ex
    elif order.exchange is not None:
        fields["conid_ex"] = f"{leg.conid}@{order.exchange}"
    else:
        fields["conid"] = leg.conid
    if order.currency_conversion:
        fields |= {"is_currency_conversion": True, "fx_quantity": order.cash_quantity}
    elif order.cash_quantity is not None:
        fields["cash_quantity"] = order.cash_quantity
    if order.quantity is not None:
        fields["quantity"] = order.quantity
    for flag, name in (
        (order.outside_rth, "outside_rth"),
        (order.all_or_none, "all_or_none"),
        (order.adaptive, "use_adaptive"),
        (grouped, "is_single_group"),
    ):
        if flag:
            fields[name] = True
    if order.algo is not None:
        fields["strategy"] = order.algo
        if order.algo_parameters:
            fields["strategy_parameters"] = dict(order.algo_parameters)
    return OrderTicket(
        account_id=account_id,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        client_order_id=leg.name or None,
        parent_id=leg.parent or None,
        manual_indicator=order.manual_indicator,
        ext_operator=order.ext_operator,
        **fields,
    )


def price_shown(order: Order) -> tuple[Decimal | None, Decimal | None]:
    """Return the limit and the stop price under which IBKR lists an order."""
    return (order.limit if order.row.limit else None, order.stop if order.row.stop else None)
