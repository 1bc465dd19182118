"""Tests of the bot with a simulated gateway; the fixtures come with bezant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from trading_bot import Bot, UnexpectedQuestionError

from bezant import Client, OutcomeUnknown
from bezant.sim import SimulatedGateway

# `market.toml` fixes the prices, and with `time="hand"` the simulated clock stands still.
pytestmark = pytest.mark.ibkr(scenario="market.toml", time="hand")


@pytest.fixture
def bot(ibkr_gateway: SimulatedGateway, ibkr_client: Client) -> Bot:
    ibkr_gateway.set_price("AAPL", 250)
    return Bot(ibkr_client, ibkr_gateway.account_id)


def test_it_places_an_order_once(bot: Bot, ibkr_gateway: SimulatedGateway) -> None:
    order_id = bot.buy("AAPL", Decimal(10), Decimal(200))
    assert bot.buy("AAPL", Decimal(10), Decimal(200)) == order_id
    (order,) = ibkr_gateway.orders
    assert (order.order_id, order.spec.limit) == (order_id, 200)
    assert bot.held("AAPL") == 0


def test_its_order_is_filled_when_the_price_falls(bot: Bot, ibkr_gateway: SimulatedGateway) -> None:
    bot.buy("AAPL", Decimal(10), Decimal(245))
    ibkr_gateway.set_price("AAPL", 244)
    assert bot.held("AAPL") == 10
    assert bot.cancel_all() == []
    assert ibkr_gateway.cash["USD"] < 50_000 - 2_440


def test_it_takes_its_orders_back(bot: Bot, ibkr_gateway: SimulatedGateway) -> None:
    order_id = bot.buy("AAPL", Decimal(10), Decimal(245))
    assert bot.cancel_all() == [order_id]
    ibkr_gateway.clock.advance(1)
    assert [each.status for each in bot.orders()] == ["Cancelled"]
    ibkr_gateway.set_price("AAPL", 200)
    assert bot.held("AAPL") == 0


def test_an_answer_that_is_lost_buys_nothing_twice(
    bot: Bot, ibkr_gateway: SimulatedGateway
) -> None:
    lost = ibkr_gateway.faults.drop_next("/orders", method="POST", when="after")
    order_id = bot.buy("AAPL", Decimal(10), Decimal(245))
    assert lost.hits == 1
    assert [each.order_id for each in ibkr_gateway.orders] == [order_id]


def test_an_order_that_never_arrived_is_not_repeated_blindly(
    bot: Bot, ibkr_gateway: SimulatedGateway
) -> None:
    ibkr_gateway.faults.drop_next("/orders", method="POST", when="before")
    with pytest.raises(OutcomeUnknown):
        bot.buy("AAPL", Decimal(10), Decimal(245))
    assert ibkr_gateway.orders == []


def test_it_stops_at_a_question_that_it_does_not_know(
    bot: Bot, ibkr_gateway: SimulatedGateway
) -> None:
    ibkr_gateway.ask("o354")
    with pytest.raises(UnexpectedQuestionError, match="o354"):
        bot.buy("AAPL", Decimal(10), Decimal(245))
    assert ibkr_gateway.orders == []
