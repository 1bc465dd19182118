"""Tests of orders that the typed client sends to a simulated exchange."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from bezant import (
    ApiError,
    AsyncClient,
    AsyncWsClient,
    InvalidRequest,
    OrderUpdate,
    OutcomeUnknown,
    PreviewRefused,
    TradeUpdate,
)
from bezant.models.orders import OrderReply, OrderTicket
from bezant.sim import Clock, Held, Scenario, SimulatedGateway
from tests.support._async import until

APPLE = 265598
ACCOUNT = "DU1234567"


@pytest.fixture
def gateway(_no_threads_left: None) -> Iterator[SimulatedGateway]:
    """Simulated gateway with fixed prices and a stopped clock."""
    scenario = Scenario(held=[Held("AAPL", 100, 200)], cash={"USD": 100_000})
    with SimulatedGateway(
        scenario=scenario, clock=Clock.by_hand(), quote_interval=0.1
    ) as simulated:
        simulated.set_price("AAPL", 250)
        yield simulated


def ticket(
    side: Literal["BUY", "SELL"] = "BUY",
    order_type: Literal["LMT", "MKT", "STP"] = "LMT",
    price: str | None = None,
    quantity: str = "10",
    name: str | None = None,
    parent: str | None = None,
) -> OrderTicket:
    return OrderTicket(
        conid=APPLE,
        side=side,
        order_type=order_type,
        time_in_force="GTC",
        quantity=Decimal(quantity),
        price=None if price is None else Decimal(price),
        client_order_id=None if name is None else name,
        parent_id=None if parent is None else parent,
    )


async def ready(client: AsyncClient) -> None:
    """Make the calls that IBKR requires beforehand, so that the next order is sent at once."""
    await client.api.accounts.get_brokerage_accounts()
    await client.accounts()
    await client.api.orders.get_open_orders()
    await client.api.orders.get_trade_history()


async def position(client: AsyncClient) -> Decimal:
    for each in await client.all_positions(ACCOUNT):
        if each.conid == APPLE:
            assert isinstance(each.quantity, Decimal)
            return each.quantity
    return Decimal(0)


async def test_from_the_question_to_the_position(gateway: SimulatedGateway) -> None:
    gateway.ask("o354", "o10153")
    async with AsyncClient(gateway.base_url) as client:
        await ready(client)
        orders = client.api.orders
        [reply] = await orders.submit_new_orders(
            account_id=ACCOUNT, orders=[ticket(price="260", name="mine")]
        )
        kinds: list[str] = []
        while not reply.order_id:
            assert isinstance(reply.id, str)
            assert isinstance(reply.message_ids, list)
            kinds += reply.message_ids
            [reply] = await orders.confirm_order_reply(reply_id=reply.id, confirmed=True)
        assert kinds == ["o163", "o354", "o10153"]
        assert reply == OrderReply(
            order_id=reply.order_id, status="PreSubmitted", encrypt_message="1",
            client_order_id="mine",
        )  # fmt: skip
        assert await position(client) == 110
        [trade] = await orders.get_trade_history(days=7)
        assert (trade.order_id, trade.client_order_id) == (reply.order_id, "mine")
        assert (trade.size, trade.price, trade.commission) == (
            Decimal(10), Decimal("250.01"), Decimal(1),
        )  # fmt: skip
        listed = await orders.get_open_orders()
        assert isinstance(listed.orders, list)
        [order] = listed.orders
        assert (order.order_id, order.status, order.client_order_id) == (
            trade.order_id,
            "Filled",
            "mine",
        )
        assert order.average_price == Decimal("250.01")
        assert isinstance(order.order_id, int)
        status = await orders.get_order_status(order_id=order.order_id)
        assert (status.status, status.filled_quantity) == ("Filled", Decimal(10))
        ledger = await client.api.portfolio.get_portfolio_ledger(account_id=ACCOUNT)
        assert ledger["USD"].cash_balance == Decimal("97498.9")


async def test_modify_and_cancel(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await ready(client)
        orders = client.api.orders
        [reply] = await orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket(price="249")])
        assert reply.status == "PreSubmitted"
        number = reply.order_id
        assert isinstance(number, int)
        [changed] = await orders.modify_open_order(
            account_id=ACCOUNT, order_id=number, order_type="LMT", side="BUY",
            time_in_force="GTC", price=Decimal("248.5"), quantity=Decimal(5),
        )  # fmt: skip
        assert changed.order_id == number
        status = await orders.get_order_status(order_id=number)
        assert (status.limit_price, status.quantity) == (Decimal("248.5"), Decimal(5))
        asked = await orders.cancel_open_order(account_id=ACCOUNT, order_id=number)
        assert (asked.order_id, asked.message) == (number, "Request was submitted")
        status = await orders.get_order_status(order_id=number)
        assert status.status == "PendingCancel"
        gateway.clock.advance(1)
        status = await orders.get_order_status(order_id=number)
        assert status.status == "Cancelled"
        with pytest.raises(ApiError, match="can't be changed or cancelled"):
            await orders.cancel_open_order(account_id=ACCOUNT, order_id=number)
        with pytest.raises(ApiError, match="doesn't exist"):
            await orders.cancel_open_order(account_id=ACCOUNT, order_id=5)


async def test_bracket(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await ready(client)
        replies = await client.api.orders.submit_new_orders(
            account_id=ACCOUNT,
            orders=[
                ticket(price="249", name="entry"),
                ticket("SELL", price="255", parent="entry"),
                ticket("SELL", "STP", price="240", parent="entry"),
            ],
        )
        assert {each.status for each in replies} == {"PreSubmitted"}
        *exits, entry = replies
        assert entry.client_order_id == "entry"
        assert {each.parent_order_id for each in exits} == {entry.order_id}
        gateway.set_price("AAPL", 248)
        assert await position(client) == 110
        gateway.set_price("AAPL", 256)
        assert await position(client) == 100
        listed = await client.api.orders.get_open_orders()
        assert isinstance(listed.orders, list)
        assert [each.status for each in listed.orders] == ["Filled", "Filled", "Cancelled"]


async def test_what_if(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await ready(client)
        preview = await client.api.orders.preview_margin_impact(
            account_id=ACCOUNT, orders=[ticket(price="250")]
        )
        assert preview.amount
        assert (preview.amount.commission, preview.error) == (Decimal(1), None)
        assert preview.position
        assert (preview.position.current, preview.position.after) == (Decimal(100), Decimal(110))
        with pytest.raises(PreviewRefused, match="Available converted to base") as caught:
            await client.api.orders.preview_margin_impact(
                account_id=ACCOUNT, orders=[ticket(price="250", quantity="9000")]
            )
        # The error contains the preview, with the amount that the order would have cost.
        refused = caught.value.preview
        assert refused.error == caught.value.message
        assert refused.amount
        assert refused.amount.amount == Decimal(2_250_000)
        assert refused.initial is None
        assert refused.warns
        assert not caught.value.retryable
        with pytest.raises(PreviewRefused, match="no sec defs") as bare:
            await client.api.orders.preview_margin_impact(
                account_id=ACCOUNT,
                orders=[msgspec.structs.replace(ticket(price="250"), conid=1)],
            )
        assert not bare.value.preview.amount
    assert gateway.orders == []


async def test_refusals(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await ready(client)
        orders = client.api.orders
        for refused, text in (
            (ticket(price="250", quantity="9000"), "initial margin"),
            (ticket(price=None), "Invalid order price fields"),
        ):
            with pytest.raises(ApiError, match=text) as caught:
                await orders.submit_new_orders(account_id=ACCOUNT, orders=[refused])
            assert not caught.value.retryable
        wrong = msgspec.structs.replace(ticket(price="250"), side="HOLD")
        with pytest.raises(InvalidRequest, match="side must be one of 'BUY', 'SELL', not 'HOLD'"):
            await orders.submit_new_orders(account_id=ACCOUNT, orders=[wrong])
        [asked] = await orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket(price="300")])
        assert isinstance(asked.id, str)
        [declined] = await orders.confirm_order_reply(reply_id=asked.id, confirmed=False)
        assert declined.error == "Order not confirmed"
        [asked] = await orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket(price="300")])
        gateway.clock.advance(100)
        assert isinstance(asked.id, str)
        with pytest.raises(OutcomeUnknown) as gone:
            await orders.confirm_order_reply(reply_id=asked.id, confirmed=True)
        assert not gone.value.retryable
        done = await orders.suppress_order_replies(message_ids=["o163"])
        assert done.status == "submitted"
        [reply] = await orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket(price="300")])
        assert reply.status == "PreSubmitted"
        assert gateway.orders[0].status == "Filled"
        await orders.reset_order_suppression()
        [asked] = await orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket(price="300")])
        assert asked.message_ids == ["o163"]
    assert len(gateway.orders) == 1


async def test_the_stream_reports_an_order(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await ready(client)
        async with AsyncWsClient.connect(client) as ws:
            await ws.subscribe_orders()
            await ws.subscribe_trades(days=1)
            connection = gateway.ws_connections[0]
            await until(lambda: any(each.startswith("str") for each in connection.received))
            gateway.set_price("AAPL", 250, size=4)
            [reply] = await client.api.orders.submit_new_orders(
                account_id=ACCOUNT, orders=[ticket(price="251", quantity="6", name="told")]
            )
            assert reply.status == "PreSubmitted"
            statuses: list[object] = []
            fills: dict[str, list[object]] = {}
            while statuses[-1:] != ["Filled"] or len(fills) < 2 or len(fills[max(fills)]) < 2:
                gateway.clock.advance(0.1)
                message = await ws.next_message(timeout=30)
                if isinstance(message, OrderUpdate):
                    assert message.order_id == reply.order_id
                    if message.status:
                        statuses.append(message.status)
                if isinstance(message, TradeUpdate):
                    assert message.client_order_id == "told"
                    assert isinstance(message.execution_id, str)
                    fills.setdefault(message.execution_id, []).append(message.size)
            assert list(fills.values()) == [[4, 4], [2, 2]]
            assert isinstance(reply.order_id, int)
            # `ws.orders` contains only open orders, and this order is filled.
            assert await ws.orders.wait(timeout=60)
            assert reply.order_id not in ws.orders
            assert await position(client) == 106
