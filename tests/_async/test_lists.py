"""Tests of lists and quotes whose first response is empty although values exist."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    InvalidRequest,
    MarketDataFields,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    PacingError,
)
from bezant._core.pacing import limits
from bezant.models.orders import OrderTicket
from bezant.sim import Clock, Held, Scenario, SimulatedGateway
from tests.support._async import gather
from tests.support.raw import Peer, RawGateway, RawRequest

APPLE = 265598
MICROSOFT = 272093
ACCOUNT = "DU1234567"
ORDERS = "/iserver/account/orders"
TRADES = "/iserver/account/trades"


@pytest.fixture
def gateway(_no_threads_left: None) -> Iterator[SimulatedGateway]:
    """Simulated gateway with fixed prices and a stopped clock."""
    scenario = Scenario(held=[Held("AAPL", 100, 200)], cash={"USD": 100_000})
    with SimulatedGateway(scenario=scenario, clock=Clock.by_hand()) as simulated:
        simulated.set_price("AAPL", 250)
        yield simulated


async def buy(client: AsyncClient, price: str) -> None:
    """Place an order without requesting a list beforehand."""
    ticket = OrderTicket(
        conid=APPLE, side="BUY", order_type="LMT", time_in_force="GTC", quantity=Decimal(1),
        price=Decimal(price),
    )  # fmt: skip
    await client.api.orders.suppress_order_replies(message_ids=["o163", "o354"])
    await client.api.orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket])


async def test_the_first_list_of_a_session_is_not_taken_for_empty(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await buy(client, "249")
        await buy(client, "300")
        [order] = await client.open_orders()
        assert (order.status, order.price) == ("Submitted", Decimal(249))
        assert gateway.count("GET", ORDERS) == 2
        [trade] = await client.trades()
        assert trade.size == 1
        assert gateway.count("GET", TRADES) == 2
        # From now on, one request suffices, because the first calls have made the gateway load the
        # lists.
        assert [each.status for each in await client.orders()] == ["Submitted", "Filled"]
        assert len(await client.trades(days=1)) == 1
        assert (gateway.count("GET", ORDERS), gateway.count("GET", TRADES)) == (3, 3)
        assert gateway.count("POST", "/iserver/auth/status") == 0


async def test_the_typed_operations_do_so_too_and_raw_calls_show_the_wire(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await buy(client, "300")
        assert await client.request("GET", ORDERS) == {"orders": [], "snapshot": False}
        assert await client.request("GET", TRADES) == []
    gateway.logout()
    gateway.login()
    async with AsyncClient(gateway.base_url) as client:
        listed = await client.api.orders.get_open_orders(filters=["filled"])
        assert listed.snapshot is True
        assert listed.orders
        assert len(await client.api.orders.get_trade_history(days=7)) == 1
        asked = [each.query for each in gateway.requests if each.path.endswith(ORDERS)]
        assert asked[-2:] == [{"filters": "filled", "accountId": ACCOUNT}] * 2


async def test_a_list_that_is_dropped_is_started_again(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await buy(client, "249")
        orders = client.api.orders
        assert (await orders.get_open_orders(force=True)).orders == []
        assert gateway.count("GET", ORDERS) == 1
        assert len(await client.open_orders()) == 1
        assert gateway.count("GET", ORDERS) == 2


async def test_an_account_without_orders_has_an_empty_list(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        assert await client.open_orders() == []
        assert gateway.count("GET", ORDERS) == 2
        assert await client.open_orders() == []
        assert gateway.count("GET", ORDERS) == 3
        # The gateway marks an empty list of orders as complete. It has no such mark for executions,
        # so the client also checks that the session works.
        assert gateway.count("POST", "/iserver/auth/status") == 0
        assert await client.trades() == []
        assert gateway.count("POST", "/iserver/auth/status") == 1


async def test_a_new_login_starts_the_lists_again(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await buy(client, "249")
        assert len(await client.open_orders()) == 1
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await client.open_orders()
        gateway.login()
        assert len(await client.open_orders()) == 1
        # This time no call fails between logout and login. The client notices the new login only by
        # the token in the response to the tickle.
        await client.tickle()
        gateway.logout()
        gateway.login()
        await client.tickle()
        assert len(await client.open_orders()) == 1


async def test_an_empty_list_of_a_session_that_cannot_be_used_is_not_believed(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await buy(client, "249")
        assert len(await client.open_orders()) == 1
        gateway.unestablish()
        for call in (client.open_orders, client.orders, client.trades):
            with pytest.raises(NotEstablished, match="return empty lists"):
                await call()
        gateway.login()
        assert len(await client.open_orders()) == 1


async def test_a_session_that_is_established_later_starts_the_lists_again(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await client.auth_status()
        gateway.unestablish()
        orders = client.api.orders
        assert not (await orders.get_open_orders()).orders
        await client.auth_status()
        gateway.login()
        before = gateway.count("GET", ORDERS)
        await client.auth_status()
        await buy(client, "249")
        assert (await orders.get_open_orders()).orders
        assert gateway.count("GET", ORDERS) == before + 2


async def test_the_second_request_of_a_list_waits_for_its_slot(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.LIMITS, f"GET {ORDERS}", (limits.Limit(1, 0.1),))
    async with AsyncClient(gateway.base_url, pacing=True) as client:
        await buy(client, "249")
        began = time.monotonic()
        assert len(await client.open_orders()) == 1
        assert time.monotonic() - began > 0.1


async def test_a_second_request_that_exceeds_max_wait_is_an_error(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (ORDERS, TRADES):
        monkeypatch.setitem(limits.LIMITS, f"GET {path}", (limits.Limit(1, 600.0),))
    async with AsyncClient(gateway.base_url, pacing=True, max_wait=0.1) as client:
        await buy(client, "249")
        for call in (client.open_orders, client.trades):
            with pytest.raises(PacingError) as caught:
                await call()
            assert 500 < caught.value.retry_after < 602
        assert (gateway.count("GET", ORDERS), gateway.count("GET", TRADES)) == (1, 1)


async def test_several_first_calls_at_once(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await buy(client, "249")
        results = await gather(*[client.open_orders for _ in range(4)])
        assert [len(each) for each in results if not isinstance(each, BaseException)] == [1] * 4


async def test_a_gateway_that_never_calls_a_list_complete(raw: RawGateway) -> None:
    def answer(request: RawRequest, peer: Peer) -> None:
        body: Any = {"authenticated": True, "connected": True, "established": True}
        if ORDERS in request.target:
            body = {"orders": [], "snapshot": False}
        elif request.target.endswith("/iserver/accounts"):
            body = {"accounts": [ACCOUNT]}
        peer.json(json.dumps(body).encode())

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        assert await client.open_orders() == []
        called = [each.target.removeprefix("/v1/api") for each in raw.requests]
        asked = f"{ORDERS}?accountId={ACCOUNT}"
        assert called == ["/iserver/accounts", asked, asked, "/iserver/auth/status"]
        assert await client.open_orders() == []
        assert len(raw.requests) == 6


async def test_a_gateway_that_has_lost_its_line(raw: RawGateway) -> None:
    def answer(request: RawRequest, peer: Peer) -> None:
        body: Any = {"authenticated": True, "connected": False, "accounts": [ACCOUNT]}
        peer.json(b"[]" if TRADES in request.target else json.dumps(body).encode())

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NoSession):
            await client.trades()


# Tests of quotes.

FIELDS = MarketDataFields.from_names("last", "bid", "ask")


async def test_quotes_come_whole(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        first, apple, again = await client.quotes([MICROSOFT, APPLE, APPLE], FIELDS)
        assert [each.contract for each in (first, apple, again)] == [MICROSOFT, APPLE, APPLE]
        assert (apple.last, apple.conid) == (Decimal(250), APPLE)
        assert all(each.bid and each.ask for each in (first, apple, again))
        assert gateway.count("GET", "/iserver/marketdata/snapshot") == 2
        (row,) = await client.quotes([APPLE], FIELDS)
        assert row.last == Decimal(250)
        assert gateway.count("GET", "/iserver/marketdata/snapshot") == 3
        (usual,) = await client.quotes([APPLE])
        assert usual.bid_size


async def test_quotes_that_come_one_after_the_other(raw: RawGateway) -> None:
    rounds = iter(
        [
            [{"conid": 1}, {"conid": 2, "6509": "N"}],
            [{"conid": 1, "31": "5"}, {"conid": 2, "6509": "N"}, {"conid": 9, "31": "1"}],
            [{"conid": 1, "84": "4", "86": ""}],
        ]
    )

    def answer(request: RawRequest, peer: Peer) -> None:
        body: Any = next(rounds) if "snapshot" in request.target else {}
        peer.json(json.dumps(body).encode())

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        one, two = await client.quotes([1, 2], FIELDS)
    # The quote of contract 1 keeps the last price of the second response. The client does not wait
    # for contract 2, because "N" says that its data is not subscribed.
    assert (one.last, one.bid, one.ask) == (Decimal(5), Decimal(4), None)
    assert (two.last, two.missing("last")) == (None, "not subscribed")
    asked = [each.target.partition("conids=")[2].partition("&")[0] for each in raw.requests]
    assert asked == ["", "1,2", "1,2", "1"]


async def test_quotes_that_do_not_come_in_time(raw: RawGateway) -> None:
    raw.script(lambda request, peer: peer.json(b'[{"conid":1,"84":"4"}]'))
    async with AsyncClient(raw.base_url) as client:
        one, two = await client.quotes([1, 2], FIELDS, timeout=0.05)
        assert (one.bid, one.last, two.data) == (Decimal(4), None, None)
        assert (one.missing("last"), two.missing("last")) == ("no value", "no data")
        assert len(raw.requests) == 2


async def test_a_hundred_contracts_in_one_call(raw: RawGateway) -> None:
    def answer(request: RawRequest, peer: Peer) -> None:
        conids = request.target.partition("conids=")[2].partition("&")[0]
        rows = [{"conid": int(each), "31": "1", "99": ""} for each in conids.split(",") if each]
        peer.json(json.dumps(rows).encode())

    raw.script(answer)
    async with AsyncClient(raw.base_url, max_market_data_lines=250) as client:
        quotes = await client.quotes(range(1, 251), MarketDataFields.from_codes(31, 99))
    assert [each.contract for each in quotes] == list(range(1, 251))
    assert len(raw.requests) == 1 + 3


async def test_quotes_of_nothing(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        bad: Any
        for bad in ([], [0], ["AAPL"], [True], "265598", [None], [1.5]):
            with pytest.raises(InvalidRequest):
                await client.quotes(bad)
        with pytest.raises(InvalidRequest):
            await client.quotes([APPLE], timeout=-1)
        assert gateway.requests == []


async def test_the_days_of_executions_are_checked_before_anything_is_sent(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url) as client:
        for days in (-1, 8, True):
            with pytest.raises(InvalidRequest, match="days must be a whole number from 0 to 7"):
                await client.trades(days)
    assert raw.requests == []
