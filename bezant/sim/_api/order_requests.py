"""Reads orders from the JSON body of a request."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from .._market.order_types import NAMES, NOT_SIMULATED, ORDER_TYPES
from .._market.orders import OrderSpec
from .._wire_forms.orders import plain, venue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._market.catalogue import Contract
    from .._market.orders import Side, Tif

_SIDES: dict[str, Side] = {"BUY": "BUY", "SELL": "SELL"}
_TIFS: dict[str, Tif] = {"DAY": "DAY", "GTC": "GTC", "IOC": "IOC"}
_MAX_ID = 64
_TOO_MUCH = 10**10
_CENT = Decimal("0.01")


class BadOrder(Exception):
    """The request for an order is invalid, so the order never reaches the simulated exchange.

    Args:
        text: the error message.
        status: the HTTP status of the response.
        invented: whether IBKR accepts such an order, and only the simulation refuses it.
    """

    def __init__(self, text: str, status: int = 400, *, invented: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.invented = invented


@dataclass(frozen=True, slots=True)
class Request:
    """One order, read from the body of a request.

    Attributes:
        spec: the order. If `money` is not None, the quantity in `spec` is a placeholder, to be
            replaced.
        money: the amount of money to trade for (`cashQty`); None if the order has a quantity.
    """

    spec: OrderSpec
    money: Decimal | None


def _number(row: Mapping[str, Any], name: str) -> Decimal | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or abs(number) >= _TOO_MUCH:
        msg = f"parameter {name} with incorrect type"
        raise BadOrder(msg)
    return number


def _conid(row: Mapping[str, Any]) -> int:
    value = row.get("conid")
    if value is None:
        value = str(row.get("conidex") or "").partition("@")[0]
    if value in (None, ""):
        msg = "conid or conidex is required"
        raise BadOrder(msg)
    if isinstance(value, str) and row.get("conid") is not None:
        msg = "java.lang.String cannot be cast to java.lang.Number"
        raise BadOrder(msg)
    text = str(value)
    if isinstance(value, (bool, float)) or not text.isdecimal():
        msg = "parameter conid with incorrect type"
        raise BadOrder(msg)
    return int(text)


def _price(row: Mapping[str, Any], name: str) -> Decimal:
    price = _number(row, name)
    if price is None or price <= 0 or price % _CENT:
        msg = "Invalid order price fields"
        raise BadOrder(msg, 200)
    return price


def _price_of(row: Mapping[str, Any], field: str, *, needed: bool) -> Decimal | None:
    if not field or (not needed and row.get(field) in (None, "")):
        return None
    return _price(row, field)


def _trail(row: Mapping[str, Any]) -> tuple[Decimal, bool]:
    """Return a trailing stop's distance from the market, and whether the distance is in percent.

    Raises:
        BadOrder: the distance or its unit is invalid.
    """
    amount, kind = _number(row, "trailingAmt"), row.get("trailingType")
    percent = kind == "%"
    if amount is None or amount <= 0 or kind not in ("amt", "%") or (percent and amount >= 100):
        msg = "Invalid trailing amount or type"
        raise BadOrder(msg, 200)
    if not percent and amount % _CENT:
        msg = "Invalid order price fields"
        raise BadOrder(msg, 200)
    return amount, percent


def read(row: Mapping[str, Any], account: str, contracts: Mapping[int, Contract]) -> Request:
    """Read one order from its JSON object.

    Raises:
        BadOrder: the order cannot be read, or its type is not simulated.
    """
    conid = _conid(row)
    if row.get("acctId") not in (None, "", account):
        msg = f"account {row['acctId']} is not available"
        raise BadOrder(msg)
    side = _SIDES.get(str(row.get("side") or "").upper())
    if side is None:
        msg = "Invalid Side"
        raise BadOrder(msg)
    name = str(row.get("orderType") or "").upper()
    kind = NAMES.get(name)
    if kind is None:
        if name in NOT_SIMULATED:
            msg = f"Order type {name} is not supported for this contract"
            raise BadOrder(msg, 200, invented=True)
        msg = "Unknown order type"
        raise BadOrder(msg)
    order_type = ORDER_TYPES[kind]
    tif = _TIFS.get(str(row.get("tif") or "").upper())
    if tif is None:
        msg = (
            f"{str(row.get('tif') or 'null').lower()} time in force is not supported for this order"
        )
        raise BadOrder(msg, 200)
    contract = contracts.get(conid)
    future = contract is not None and contract.asset_class == "FUT"
    if future and (row.get("manualIndicator") is None or not row.get("extOperator")):
        raise BadOrder("")
    quantity, money = _number(row, "quantity"), _number(row, "cashQty")
    if (quantity is None) == (money is None) or (quantity or money or Decimal(0)) <= 0:
        msg = "quantity or cashQty is required, and has to be above 0"
        raise BadOrder(msg)
    client_id = str(row.get("cOID") or "")
    if len(client_id) > _MAX_ID:
        msg = f"cOID is longer than {_MAX_ID} characters"
        raise BadOrder(msg)
    if order_type.stocks_only and contract is not None and contract.asset_class != "STK":
        msg = f"Order type {name} is not supported for this contract"
        raise BadOrder(msg, 200)
    if order_type.at_close and contract is not None and tif != "DAY":
        order = f'"{side} {plain(quantity or Decimal(1))} {contract.symbol} {venue(contract)}"'
        msg = f"{order}\nInvalid time-in-force for at-the-closing order."  # the wording of IBKR
        raise BadOrder(msg, 200)
    trail, percent = _trail(row) if order_type.trails else (None, False)
    spec = OrderSpec(
        conid=conid,
        side=side,
        kind=kind,
        quantity=quantity or Decimal(1),
        limit=_price_of(row, order_type.limit, needed=order_type.needs_price),
        stop=_price_of(row, order_type.stop, needed=order_type.needs_price),
        tif=tif,
        outside_rth=row.get("outsideRTH") is True and not order_type.at_close,
        client_id=client_id,
        parent=str(row.get("parentId") or ""),
        group=row.get("isSingleGroup") is True,
        trail=trail,
        percent=percent,
    )
    return Request(spec, money)
