"""Sample user programs that trade and read orders, checked by type checkers."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import assert_type

import bezant
from bezant.models.orders import OrderTicket


def working_orders(client: bezant.Client) -> dict[int, Decimal]:
    """Return the remaining quantity of each open order."""
    return {each.order_id: each.remaining_quantity for each in client.open_orders()}


def executions_of(client: bezant.Client, day: date) -> dict[str, Decimal]:
    """Return the amount of money traded on a day, by symbol."""
    amounts: dict[str, Decimal] = {}
    for each in client.trades():
        assert_type(each.price, Decimal)
        assert_type(each.time, datetime)
        if each.time.astimezone().date() == day:
            amount = each.price * each.size
            amounts[each.symbol] = amounts.get(each.symbol, Decimal(0)) + amount
    return amounts


def buy(client: bezant.Client, account_id: str, symbol: str, limit: Decimal) -> None:
    """Place a limit order for one share, and print IBKR's reply."""
    ticket = OrderTicket(
        conid=bezant.SymbolCache(client).conid_for(symbol),
        side="BUY",
        order_type="LMT",
        price=limit,
        quantity=1,
        time_in_force="DAY",
    )
    for reply in client.api.orders.submit_new_orders(account_id=account_id, orders=[ticket]):
        print(reply.order_id, reply.status)


def raise_limits(client: bezant.Client, account_id: str, step: Decimal) -> None:
    """Raise the limit price of each open buy order."""
    for order in client.open_orders(account_id):
        side, kind, time_in_force = order.side, order.order_type, order.time_in_force
        if not (bezant.is_side(side) and bezant.is_order_type(kind)):
            continue  # skipped: the exercise of an option, or an order type that only TWS has
        if side == "BUY" and order.price is not None and bezant.is_time_in_force(time_in_force):
            assert_type(kind, bezant.OrderType)
            client.api.orders.modify_open_order(
                account_id=order.account_id,
                order_id=order.order_id,
                conid=order.conid,
                order_type=kind,
                side=side,
                time_in_force=time_in_force,
                quantity=order.remaining_quantity + order.filled_quantity,
                price=order.price + step,
            )


def ticket_of(
    conid: int,
    side: bezant.Side,
    kind: bezant.OrderType = "MKT",
    time_in_force: bezant.TimeInForce = "DAY",
) -> OrderTicket:
    """Return an order ticket for one share or contract."""
    return OrderTicket(
        conid=conid, side=side, order_type=kind, time_in_force=time_in_force, quantity=1
    )


def orders_by(client: bezant.Client, states: list[bezant.OrderFilter]) -> dict[str, int]:
    """Count the orders in these states, by side and type."""
    counts: dict[str, int] = {}
    for order in client.api.orders.get_open_orders(filters=states).orders:
        assert_type(order.side, bezant.Side | str)
        assert_type(order.status, bezant.OrderStatusName | str)
        key: str = f"{order.side} {order.order_type}"
        counts[key] = counts.get(key, 0) + (order.status != "Filled")
    return counts


def cancel_all(client: bezant.Client) -> list[int]:
    """Cancel the open orders; return the ids of the orders whose cancel the gateway accepted."""
    return [
        client.api.orders.cancel_open_order(
            account_id=order.account_id, order_id=order.order_id
        ).order_id
        for order in client.open_orders()
    ]


def rebalance(
    client: bezant.Client, account_id: str, targets: dict[str, Decimal], limits: dict[str, str]
) -> list[bezant.Trade]:
    """Buy the target quantities with limit orders; return the trades that are not filled."""
    with client.trading(account_id, answers={"o163": True}) as trading:
        trades = [
            trading.buy(symbol, quantity, limit=limits[symbol], time_in_force="GTC")
            for symbol, quantity in targets.items()
        ]
        return [trade for trade in trades if not trade.wait(timeout=60)]


def protected_entry(trading: bezant.Trading, symbol: str) -> Decimal | None:
    """Buy with a stop; return the commission of the entry."""
    order = bezant.bracket(bezant.Buy(symbol, 10, limit=240), stop=230)
    preview = trading.preview(order.entry)
    assert_type(preview.margin.initial.change, Decimal | None)
    try:
        bracket = trading.place(order)
    except bezant.OrderQuestion as question:
        assert_type(question.confirm(), bezant.Trade)
        return None
    assert_type(bracket, bezant.BracketTrade)
    assert_type(bracket.stop, bezant.Trade | None)
    trades = trading.place(bezant.one_cancels_all(order.entry, order.entry))
    assert_type(trades, tuple[bezant.Trade, ...])
    return bracket.commission


async def sell(client: bezant.AsyncClient, account_id: str, position: bezant.Position) -> str:
    """Sell a position at the market; return the order's status."""
    async with client.trading(account_id) as trading:
        trade = await trading.sell(position, position.quantity)
        assert_type(trade, bezant.AsyncTrade)
        return await trade.cancel()
