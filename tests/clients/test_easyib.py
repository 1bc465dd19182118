"""Run the REST calls of easyib, and of ibcp, which is derived from it.

Neither client calls `/iserver/accounts`, which IBKR requires before orders and snapshots. Both work
only if the user, or another program in the same session, has made this call.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import requests

from bezant.sim import SimulatedGateway

AAPL = 265598


@pytest.mark.parametrize("name", ["easyib", "ibcp"])
def test_rest(gateway: SimulatedGateway, name: str) -> None:
    client: Any = import_module(name).REST(gateway.root_url)
    assert client.id == gateway.account_id
    assert client.get_auth_status()["authenticated"] is True
    assert client.ping_server()["session"]
    assert client.get_conid("AAPL") == AAPL
    assert client.get_portfolio()["AAPL"] == 100
    assert client.get_bars("AAPL", period="1d", bar="1h")["data"]

    order: dict[str, Any] = {
        "conid": AAPL, "side": "BUY", "quantity": 3, "orderType": "LMT", "price": 10, "tif": "DAY",
    }  # fmt: skip
    with pytest.raises(AssertionError, match="Please query /accounts first"):
        client.submit_orders([order])
    requests.get(f"{client.url}iserver/accounts", verify=False, timeout=30)
    if name == "ibcp":
        client.get_marketdata_snapshot("AAPL")
        assert client.get_stock_last_price("AAPL") == 250
    # The client itself answers IBKR's question with yes.
    number = client.submit_orders([order])["order_id"]
    assert client.get_order(number)["limit_price"] == "10.00"
    changed = client.modify_order(number, order | {"price": 11})
    assert changed["order_id"] == number
    client.get_live_orders()
    [row] = client.get_live_orders()["orders"]
    assert (str(row["orderId"]), row["price"]) == (number, "11.00")
    assert client.cancel_order(number)["msg"] == "Request was submitted"
