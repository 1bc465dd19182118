"""Functions that return complete JSON objects as they occur in responses of IBKR's gateway."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def account(name: str = "DU1", **more: object) -> Row:
    """Return an account as in the response to ``/portfolio/accounts``."""
    return {"id": name, "accountId": name, "currency": "USD", "type": "DEMO", **more}


def position(conid: int = 1, account_id: str = "U1", **more: object) -> Row:
    """Return a position as in the response to ``/portfolio/{accountId}/positions``."""
    return {
        "acctId": account_id, "conid": conid, "contractDesc": "A", "position": 3, "mktPrice": 2,
        "mktValue": 6, "currency": "USD", "avgCost": 1, "avgPrice": 1, "realizedPnl": 0,
        "unrealizedPnl": 3, "assetClass": "STK", **more,
    }  # fmt: skip


def order(order_id: int, account_id: str = "U1", status: str = "Submitted", **more: object) -> Row:
    """Return an order as in the response to ``/iserver/account/orders``."""
    return {
        "orderId": order_id, "acct": account_id, "status": status, "conid": 265598, "ticker": "A",
        "side": "BUY", "orderType": "Limit", "timeInForce": "CLOSE", "secType": "STK",
        "orderDesc": "Buy 3 Limit 1", "filledQuantity": 0, "remainingQuantity": 3, **more,
    }  # fmt: skip


def trade(key: str, account_id: str = "U1", **more: object) -> Row:
    """Return an execution as in the response to ``/iserver/account/trades``."""
    return {
        "execution_id": key, "account": account_id, "size": 1, "price": "5", "order_id": 7,
        "conid": 265598, "symbol": "A", "side": "B", "sec_type": "STK",
        "trade_time": "20261126-10:00:00", "trade_time_r": 1_795_687_200_000, **more,
    }  # fmt: skip


def order_status(order_id: int, status: str, **more: object) -> Row:
    """Return the status of an order as in the response to a request for it."""
    return {
        "order_id": order_id, "order_status": status, "conid": 265598, "symbol": "A", "side": "B",
        "order_type": "LIMIT", "tif": "DAY", "sec_type": "STK", "size": "3", "total_size": "3",
        **more,
    }  # fmt: skip


def company(*listings: Row, name: str = "A") -> Row:
    """Return a company with its listings, as in the response to ``/trsrv/stocks``."""
    return {"name": name, "assetClass": "STK", "contracts": list(listings)}


def search_hit(conid: int = 5) -> Row:
    """Return a contract as in the response to a search."""
    return {"conid": str(conid), "symbol": "A", "sections": [{"secType": "STK"}]}


def ledger(currency: str = "USD") -> Row:
    """Return the entry of one currency in an account's ledger."""
    return {
        "acctcode": "U1", "currency": currency, "exchangerate": 1, "cashbalance": 100.5,
        "settledcash": 100.5, "interest": 0, "netliquidationvalue": 106.5, "realizedpnl": 0,
        "unrealizedpnl": 3, "stockmarketvalue": 6,
    }  # fmt: skip
