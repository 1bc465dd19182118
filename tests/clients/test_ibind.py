"""Run the REST calls and the stream of ibind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import ibind

from bezant.sim import SimulatedGateway

AAPL = 265598


def _client(gateway: SimulatedGateway) -> Any:
    return ibind.IbkrClient(
        account_id=gateway.account_id,
        url=gateway.base_url + "/",
        cacert=False,
        auto_register_shutdown=False,
    )


def test_rest(gateway: SimulatedGateway) -> None:
    client = _client(gateway)
    account = gateway.account_id
    assert client.check_health()
    assert client.portfolio_accounts().data[0]["accountId"] == account
    assert account in client.receive_brokerage_accounts().data["accounts"]
    assert {row["conid"] for row in client.positions().data} >= {AAPL}
    assert client.search_contract_by_symbol("AAPL").data[0]["conid"] == str(AAPL)
    assert client.stock_conid_by_symbol("AAPL").data == {"AAPL": AAPL}
    client.live_marketdata_snapshot(str(AAPL), ["31", "84"])
    [row] = client.live_marketdata_snapshot(str(AAPL), ["31", "84"]).data
    assert row["31"].lstrip("CH") == "250.00"
    bars = client.marketdata_history_by_conid(str(AAPL), bar="1h", period="1d").data
    assert bars["data"][0]["o"] > 0

    order = ibind.OrderRequest(
        conid=AAPL, side="BUY", quantity=3, order_type="LMT", acct_id=account, price=10
    )
    answers = {ibind.QuestionType.PRICE_PERCENTAGE_CONSTRAINT: True}
    number = str(client.place_order([order], answers, account).data["order_id"])
    assert client.order_status(number).data["limit_price"] == "10.00"
    order.price, order.quantity = 11, 2
    changed = client.modify_order(number, order, answers, account).data
    assert str(changed["order_id"]) == number
    assert client.order_status(number).data["limit_price"] == "11.00"
    client.live_orders()
    assert [str(row["orderId"]) for row in client.live_orders().data["orders"]] == [number]
    assert client.cancel_order(number, account).data["msg"] == "Request was submitted"
    client.close()


def test_stream(gateway: SimulatedGateway) -> None:
    client = _client(gateway)
    sink = ibind.QueueSink()
    ws = ibind.IbkrWsClient(
        account_id=gateway.account_id,
        url=gateway.ws_url,
        ibkr_client=client,
        cacert=False,
        sink=sink,
    )
    quotes = sink.new_queue_accessor(ibind.events.MarketData)
    assert ws.start()
    try:
        client.receive_brokerage_accounts()
        ws.subscribe(ibind.subscriptions.MarketDataSubscription(conid=str(AAPL), fields=["31"]))
        assert _until(lambda: quotes.get(timeout=1))
    finally:
        ws.shutdown()
        client.close()


def _until(look: Callable[[], object]) -> object:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        found = look()
        if found is not None:
            return found
    return None
