"""Two working orders that change a little now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezant.sim._clock import Clock

_TOTAL = 100
_STEPS = 4


class OrderBook:
    """Two working orders: one is being filled bit by bit, the other is repriced.

    Both keep working for as long as the gateway runs.
    """

    def __init__(self, account_id: str, interval: float, clock: Clock) -> None:
        self._account_id = account_id
        self._interval = interval
        self._clock = clock
        self._begin = clock.elapsed()
        self._started = int(clock.now())

    def rows(self) -> list[dict[str, Any]]:
        """Return both orders in full, as they are now."""
        changes = int((self._clock.elapsed() - self._begin) / self._interval / _STEPS)
        filled = min(changes, _TOTAL - 1)
        limit = f"{455 + changes % 20 / 10:.2f}"
        return [
            self._row(1_370_093_238, 265598, "AAPL", "APPLE INC", _TOTAL, filled, "250.00"),
            self._row(1_370_093_239, 272093, "MSFT", "MICROSOFT CORP", 10, 0, limit),
        ]

    def executions(self) -> list[dict[str, Any]]:
        """Return an execution for every share of the first order that has been filled."""
        first = self.rows()[0]
        return [
            {
                "execution_id": f"0000e0d5.{number:08x}.01.01",
                "symbol": "AAPL",
                "supports_tax_opt": "1",
                "side": "B",
                "order_description": "Bot 1 @ 250.00 on ISLAND",
                "trade_time": time.strftime("%Y%m%d-%H:%M:%S", time.gmtime(self._started)),
                "trade_time_r": self._started * 1000,
                "size": 1.0,
                "price": "250.00",
                "order_ref": first["order_ref"],
                "exchange": "ISLAND",
                "net_amount": 250.0,
                "account": self._account_id,
                "accountCode": self._account_id,
                "company_name": "APPLE INC",
                "contract_description_1": "AAPL",
                "sec_type": "STK",
                "conid": first["conid"],
                "conidEx": first["conidex"],
                "open_close": "???",
                "liquidation_trade": "0",
                "is_event_trading": "0",
                "commission": "1.00",
            }
            for number in range(1, int(first["filledQuantity"]) + 1)
        ]

    def _row(
        self,
        order_id: int,
        conid: int,
        symbol: str,
        company: str,
        total: int,
        filled: int,
        price: str,
    ) -> dict[str, Any]:
        when = time.gmtime(self._started)
        return {
            "acct": self._account_id,
            "conidex": str(conid),
            "conid": conid,
            "account": self._account_id,
            "orderId": order_id,
            "cashCcy": "USD",
            "sizeAndFills": f"{filled}/{total}" if filled else str(total),
            "orderDesc": f"Buy {total} {symbol} Limit {price}, GTC",
            "description1": symbol,
            "ticker": symbol,
            "secType": "STK",
            "listingExchange": "NASDAQ.NMS",
            "remainingQuantity": float(total - filled),
            "filledQuantity": float(filled),
            "totalSize": float(total),
            "companyName": company,
            "status": "Submitted",
            "order_ccp_status": "Submitted",
            "origOrderType": "LIMIT",
            "supportsTaxOpt": "1",
            "lastExecutionTime": time.strftime("%y%m%d%H%M%S", when),
            "lastExecutionTime_r": self._started * 1000,
            "order_ref": f"sim-{symbol.lower()}",
            "orderType": "Limit",
            "side": "BUY",
            "timeInForce": "GTC",
            "price": price,
            "bgColor": "#000000",
            "fgColor": "#00F000",
            "isEventTrading": "0",
        }


def changed(before: dict[int, dict[str, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return per order what differs from the rows sent before; remembers the new rows.

    An order that was not sent before is returned in full, one without changes not at all.
    """
    deltas: list[dict[str, Any]] = []
    for row in rows:
        order_id = row["orderId"]
        old = before.get(order_id)
        if old != row:
            old = old or {}
            delta = {key: value for key, value in row.items() if old.get(key) != value}
            deltas.append({"orderId": order_id} | delta)
        before[order_id] = row
    return deltas
