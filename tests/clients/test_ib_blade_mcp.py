"""Run the REST calls of ib-blade-mcp.

This client has a fault: it never calls `/iserver/accounts`, so IBKR refuses its orders.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from ib_mcp.client import IBClient
from ib_mcp.models import IBError

from bezant.sim import SimulatedGateway

AAPL = 265598
ORDER: dict[str, Any] = {
    "conid": AAPL, "side": "BUY", "quantity": 3, "orderType": "LMT", "price": 10, "tif": "DAY",
}  # fmt: skip


def test_rest(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IB_GATEWAY_URL", gateway.root_url)
    monkeypatch.setenv("IB_SSL_VERIFY", "false")
    asyncio.run(_walk(gateway, IBClient()))


async def _walk(gateway: SimulatedGateway, client: Any) -> None:
    account = gateway.account_id
    assert (await client.check_auth())["authenticated"] is True
    assert (await client.list_accounts())[0]["accountId"] == account
    assert {row["conid"] for row in await client.get_positions()} >= {AAPL}
    assert (await client.search_contracts("AAPL"))[0]["conid"] == str(AAPL)
    bars = await client.get_history(AAPL, "1d", "1h")
    assert bars["data"]
    with pytest.raises(IBError, match="returned HTTP 500"):
        await client.place_order(account, [ORDER])
    # Call `/iserver/accounts`, as another program in the same session could.
    async with httpx.AsyncClient(verify=False) as other:
        await other.get(f"{gateway.base_url}/iserver/accounts")
    await client.get_snapshot([AAPL], ["31"])
    rows = await client.get_snapshot([AAPL], ["31"])
    assert rows[0]["31"].lstrip("CH") == "250.00"
    [asked] = await client.place_order(account, [ORDER])
    [placed] = await client.reply_to_order(asked["id"], confirmed=True)
    number = placed["order_id"]
    assert (await client.get_order_status(number))["limit_price"] == "10.00"
    [asked] = await client.modify_order(account, number, ORDER | {"price": 11})
    [changed] = await client.reply_to_order(asked["id"], confirmed=True)
    assert changed["order_id"] == number
    await client.list_orders()
    [row] = (await client.list_orders())["orders"]
    assert (str(row["orderId"]), row["price"]) == (number, "11.00")
    assert (await client.cancel_order(account, number))["msg"] == "Request was submitted"
