"""Builds the JSON that IBKR's API returns about orders and executions."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .._market.catalogue import MONTH_NAMES
from .._market.order_types import ORDER_TYPES
from .._market.orders import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from .._market.catalogue import Contract
    from .._market.orders import Execution, Order, Status

_TIFS = {"DAY": ("Day", "CLOSE"), "GTC": ("GTC", "GTC"), "IOC": ("IOC", "IOC")}
# Key: an order status. Value: the code of the FIX protocol for it, which the response to the status
# call contains as `order_ccp_status`.
_CODES = {"Filled": "2", "Cancelled": "4", "PendingCancel": "6"}
_CHARTS = "#R|1"
# Background and foreground colour of an order by its status, as recorded.
_COLOURS: Mapping[Status, tuple[str, str]] = {
    "PreSubmitted": ("#FFFFFF", "#997EE5"),
    "Submitted": ("#000000", "#00F000"),
    "PendingCancel": ("#000000", "#FF64FF"),
    "Filled": ("#FFFFFF", "#000000"),
    "Cancelled": ("#FFFFFF", "#AA0000"),
}
_FIRM = "SIMULATED"
_REDUCE = "ReduceOnFillNonBlock"


def plain(number: Decimal) -> str:
    """Return a number as text, without trailing zeros after the decimal point."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(number: Decimal) -> str:
    """Return an amount of money as text, with two decimal places."""
    return f"{number:.2f}"


def venue(contract: Contract) -> str:
    """Return the contract's exchange, with the name that IBKR uses in orders."""
    return "NASDAQ.NMS" if contract.exchange == "NASDAQ" else contract.exchange


def _prices(order: Order) -> str:
    spec = order.spec
    shown = [money(each) for each in (spec.stop, spec.limit) if each is not None]
    order_type = ORDER_TYPES[spec.kind]
    return " ".join([order_type.described or order_type.shown, *shown])


def option_text(contract: Contract) -> str:
    """Return an option's name in orders and executions, such as `FEB 17 '23 88 Call`.

    For a contract that is not an option, return its name in a portfolio.
    """
    expiry = contract.expiry or ""
    if contract.asset_class != "OPT" or len(expiry) != len("YYYYMMDD"):
        return contract.title
    month = MONTH_NAMES[int(expiry[4:6]) - 1]
    right = {"C": "Call", "P": "Put"}[contract.right or "C"]
    return f"{month} {expiry[6:]} '{expiry[2:4]} {contract.strike:g} {right}"


def describe(order: Order, contract: Contract) -> str:
    """Describe an order in one line, in IBKR's words: `Buy 10 AAPL Limit 250.00, GTC`."""
    spec = order.spec
    verb = {"BUY": "Buy", "SELL": "Sell"}[spec.side]
    if order.status == "Filled":
        verb = {"BUY": "Bought", "SELL": "Sold"}[spec.side]
    tif = _TIFS[spec.tif][0]
    return f"{verb} {plain(spec.quantity)} {contract.symbol} {_prices(order)}, {tif}"


def _sizes(order: Order) -> str:
    total = plain(order.spec.quantity)
    return f"{plain(order.filled)}/{total}" if order.remaining else total


def fresh(order: Order) -> Order:
    """Return a copy of an order without its progress: not filled, status `PreSubmitted`."""
    return replace(
        order, status="PreSubmitted", filled=ZERO, average_price=ZERO, updated=order.placed
    )


def order_row(order: Order, contract: Contract, account: str) -> dict[str, Any]:
    """Return an order in the form of the list of orders and of the WebSocket topic `sor`."""
    spec = order.spec
    price = spec.limit if spec.limit is not None else spec.stop
    background, foreground = _COLOURS[order.status]
    row: dict[str, Any] = {
        "acct": account,
        "conidex": str(contract.conid),
        "conid": contract.conid,
        "account": account,
        "orderId": order.order_id,
        "cashCcy": contract.currency,
        "sizeAndFills": _sizes(order),
        "orderDesc": describe(order, contract),
        "description1": contract.symbol,
        "ticker": contract.symbol,
        "secType": contract.asset_class,
        "listingExchange": venue(contract),
        "remainingQuantity": float(order.remaining),
        "filledQuantity": float(order.filled),
        "totalSize": float(spec.quantity),
        "companyName": contract.name,
        "status": order.status,
        # While a cancellation is pending, IBKR's backend still has the order as submitted.
        "order_ccp_status": "Submitted" if order.status == "PendingCancel" else order.status,
        "origOrderType": ORDER_TYPES[spec.kind].original,
        "supportsTaxOpt": "1",
        "lastExecutionTime": time.strftime("%y%m%d%H%M%S", time.gmtime(order.updated)),
        "orderType": ORDER_TYPES[spec.kind].shown,
        "bgColor": background,
        "fgColor": foreground,
        "isEventTrading": "0",
        "price": "" if price is None else money(price),
        "timeInForce": _TIFS[spec.tif][1],
        "lastExecutionTime_r": int(order.updated) * 1000,
        "side": spec.side,
    }
    if contract.asset_class != "STK":
        row["description2"] = option_text(contract)
    if spec.client_id:
        row["order_ref"] = spec.client_id
    if order.filled:
        row["avgPrice"] = money(order.average_price)
    if spec.limit is not None and spec.stop is not None:
        row["auxPrice"] = money(spec.stop)
    if order.parent_id is not None:
        row["parentId"] = order.parent_id
    if order.status == "Cancelled" and order.reason:
        row["order_cancellation_by_system_reason"] = order.reason
    return row


def status_body(
    order: Order, contract: Contract, account: str, children: Sequence[int]
) -> dict[str, Any]:
    """Return an order in the form of `GET /iserver/account/order/status/{orderId}`.

    In this form, prices and quantities are text.

    Args:
        order: the order.
        contract: the order's contract.
        account: the account's id.
        children: ids of the orders that wait for this order, such as the exits of a bracket.
    """
    spec = order.spec
    background, foreground = _COLOURS[order.status]
    price = spec.limit if spec.limit is not None else spec.stop
    description = describe(order, contract)
    code = _CODES.get(order.status, "1" if order.filled else "0")
    body: dict[str, Any] = {
        "sub_type": None,
        "request_id": str(order.order_id % 100_000),
        "server_id": "0",
        "order_id": order.order_id,
        "conidex": str(contract.conid),
        "conid": contract.conid,
        "symbol": contract.symbol,
        "side": spec.side[0],
        "contract_description_1": contract.symbol,
        "listing_exchange": venue(contract),
        "option_acct": "c",
        "company_name": contract.name,
        "limit_price": "" if spec.limit is None else money(spec.limit),
        "stop_price": "" if spec.stop is None else money(spec.stop),
        "all_or_none": False,
        "order_status": order.status,
        "order_ccp_status": code,
        "order_status_description": f"Order {order.status}",
        "order_type": ORDER_TYPES[spec.kind].original,
        "size": str(float(order.remaining)),
        "cum_fill": str(float(order.filled)),
        "total_size": str(float(spec.quantity)),
        "currency": contract.currency,
        "account": account,
        "tif": spec.tif,
        "bg_color": background,
        "fg_color": foreground,
        "order_not_editable": order.done,
        "editable_fields": "" if order.done else "\x1e",
        "cannot_cancel_order": order.done,
        "deactivate_order": False,
        "sec_type": contract.asset_class,
        "available_chart_periods": _CHARTS,
        "order_description": description.replace(f" {contract.symbol}", "", 1),
        "order_description_with_contract": description,
        "clearing_id": _FIRM,
        "clearing_name": _FIRM,
        "alert_active": 0,
        "child_order_type": "0",
        "order_clearing_account": account,
        "size_and_fills": _sizes(order),
        "exit_strategy_display_price": "" if price is None else money(price),
        "exit_strategy_chart_description": "",
        "exit_strategy_tool_availability": "1",
        "allowed_duplicate_opposite": True,
        "order_time": time.strftime("%y%m%d%H%M%S", time.gmtime(order.placed)),
    }
    if children:
        body["children_order_ids"] = [str(each) for each in children]
    if order.parent_id is not None:
        parent = str(order.parent_id)
        body |= {"parent_order_id": parent, "oca_group_id": parent, "oca_group_type": _REDUCE}
    if order.filled:
        body["average_price"] = money(order.average_price)
    return body


def execution_row(
    execution: Execution, contract: Contract, account: str, held: Decimal
) -> dict[str, Any]:
    """Return an execution in the form of the list of trades and of the WebSocket topic `str`.

    Args:
        execution: the execution.
        contract: the contract that was traded.
        account: the account's id.
        held: the account's current position in the contract.
    """
    buying = execution.side == "BUY"
    size, price = plain(execution.quantity), money(execution.price)
    place = "ISLAND" if contract.asset_class == "STK" else contract.exchange
    multiplier = contract.multiplier or 1.0
    row: dict[str, Any] = {
        "execution_id": execution.execution_id,
        "symbol": contract.symbol,
        "supports_tax_opt": "1",
        "side": "B" if buying else "S",
        "order_description": f"{'Bot' if buying else 'Sold'} {size} @ {price} on {place}",
        "order_id": execution.order_id,
        "trade_time": time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(execution.when)),
        "trade_time_r": int(execution.when) * 1000,
        "size": float(execution.quantity),
        "price": price,
        "submitter": "simulated",
        "exchange": place,
        "commission": money(execution.commission),
        "net_amount": round(float(execution.quantity * execution.price) * multiplier, 2),
        "account": account,
        "accountCode": account,
        "account_allocation_name": account,
        "company_name": contract.name,
        "contract_description_1": contract.symbol,
        "sec_type": contract.asset_class,
        "listing_exchange": venue(contract),
        "conid": contract.conid,
        "conidEx": str(contract.conid),
        "clearing_id": _FIRM,
        "clearing_name": _FIRM,
        "open_close": "???",
        "liquidation_trade": "0",
        "is_event_trading": "0",
    }
    if execution.client_id:
        row["order_ref"] = execution.client_id
    if held:
        row["position"] = plain(held)
    if contract.asset_class != "STK":
        row["contract_description_2"] = option_text(contract)
    return row
