"""Run ibkr-core-mcp, except for orders, which it sends only after a fingerprint check.

This client has a fault: it requests pages of positions without `sort=`. The gateway then sends the
whole list for each page, so the client never stops requesting pages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ibkr_core_mcp
import pytest
from ibkr_core_mcp.exceptions import HumanAuthError, IBKRAPIError
from ibkr_core_mcp.streaming import IBKRWebSocket, PnLUpdate

from bezant.sim import SimulatedGateway

AAPL = 265598
ORDER = {"conid": AAPL, "side": "BUY", "quantity": 3, "orderType": "LMT", "price": 10, "tif": "DAY"}


@pytest.fixture
def client(gateway: SimulatedGateway, tmp_path: Path) -> Any:
    file = tmp_path / "x"
    config = ibkr_core_mcp.Config(gateway.base_url, "", file, file, file)
    return ibkr_core_mcp.IBKRClient(config, ibkr_core_mcp.NoAuth())


def test_rest(gateway: SimulatedGateway, client: Any) -> None:
    account = gateway.account_id
    assert client.ping()
    assert client.get_auth_status().authenticated is True
    assert client.get_accounts()[0].account_id == account
    assert {row.conid for row in client.get_positions(account)} >= {AAPL}
    assert str(client.search_contract("AAPL")[0].conid) == str(AAPL)
    client.get_brokerage_accounts()
    client.get_market_snapshot([AAPL], ["31", "84"])
    rows = client.get_market_snapshot([AAPL], ["31", "84"])
    assert str(rows[0]["31"]).lstrip("CH") == "250.00"
    assert client.get_market_history(AAPL, "1d", "1h")
    assert client.get_order_preview(account, ORDER)
    with pytest.raises(HumanAuthError):
        client.place_order(account, ORDER)
    assert gateway.orders == []
    assert client.get_live_orders() == []


def test_it_never_ends_to_page_positions(gateway: SimulatedGateway, client: Any) -> None:
    client.get_accounts()
    with pytest.raises(IBKRAPIError, match="max_pages=3"):
        client.get_all_positions(gateway.account_id, max_pages=3)
    assert {request.query.get("sort") for request in gateway.requests} == {None}


def test_stream(gateway: SimulatedGateway) -> None:
    async def first(messages: AsyncIterator[Any]) -> Any:
        return await anext(messages)

    async def run() -> None:
        ws = IBKRWebSocket(gateway.base_url, "api=1")
        await ws.connect()
        # The gateway drops commands that arrive before its first message, and this client does not
        # wait for that message.
        await asyncio.sleep(0.2)
        # This client reads quotes from a key `data`, which no recorded quote has. So no quote
        # arrives below.
        await ws.subscribe(AAPL)
        await ws.subscribe_pnl()
        update = await asyncio.wait_for(first(ws.listen()), 30)
        assert isinstance(update, PnLUpdate)
        await ws.disconnect()

    asyncio.run(run())
