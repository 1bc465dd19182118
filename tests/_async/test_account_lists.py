"""Tests of lists that the gateway sends empty although the account has entries for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    IncompleteList,
    InvalidRequest,
    NoAccounts,
    NoSession,
    NotEstablished,
    OrderUpdate,
    PacingError,
    TradeUpdate,
)
from bezant._core.pacing import limits as pacing
from bezant.models.orders import OrderTicket
from tests.support import rows
from tests.support.raw import Peer, RawGateway, RawRequest

ORDERS = "/iserver/account/orders"
TRADES = "/iserver/account/trades"
ACCOUNTS = "/iserver/accounts"
HELD = "/portfolio/accounts"
READY = {"authenticated": True, "established": True, "connected": True, "competing": False}
CLOSED = {"authenticated": False, "established": False, "connected": True, "competing": False}

Response = Callable[[dict[str, str]], object]


def order(order_id: int, account: str = "U1", status: str = "Submitted") -> dict[str, Any]:
    return rows.order(order_id, account, status)


def trade(key: str, account: str = "U1") -> dict[str, Any]:
    return rows.trade(key, account)


class Gateway:
    """Gateway that responds to each path with a fixed value, or with the result of a function."""

    def __init__(self, raw: RawGateway, *accounts: str) -> None:
        self.raw = raw
        self.answers: dict[str, object] = {
            ACCOUNTS: {"accounts": list(accounts)},
            HELD: [rows.account(each) for each in accounts],
            ORDERS: {"orders": [], "snapshot": True},
            TRADES: [],
            "/iserver/auth/status": READY,
            "/tickle": {"session": "x", "iserver": {"authStatus": READY}},
        }
        raw.script(self._answer)

    def _answer(self, request: RawRequest, peer: Peer) -> None:
        path, _, query = request.target.removeprefix("/v1/api").partition("?")
        answer = self.answers.get(path, [])
        if callable(answer):
            answer = answer(dict(parse_qsl(query)))
        peer.json(json.dumps(answer).encode())

    def asked(self, path: str) -> list[str]:
        """Return the `accountId` parameter of each request for a path; "" if it has none."""
        targets = [each.target.removeprefix("/v1/api") for each in self.raw.requests]
        queries = [each.partition("?")[2] for each in targets if each.split("?")[0] == path]
        return [dict(parse_qsl(each)).get("accountId", "") for each in queries]


def by_account(**rows: list[dict[str, Any]]) -> Response:
    """Return a function that responds with the orders of the account that the query names.

    If the query names no account, the list is empty.
    """
    return lambda query: {"orders": rows.get(query.get("accountId", ""), []), "snapshot": True}


async def place(client: AsyncClient, account: str = "U1") -> None:
    ticket = OrderTicket(
        conid=265598, side="BUY", order_type="MKT", quantity=1, time_in_force="DAY",
        client_order_id="mine",
    )  # fmt: skip
    await client.api.orders.submit_new_orders(account_id=account, orders=[ticket])


async def test_the_only_account_is_named(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1")
    gateway.answers[ORDERS] = by_account(U1=[order(1), order(2, status="Filled")])
    gateway.answers[TRADES] = lambda query: [trade("a")] if "accountId" in query else []
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.orders()] == [1, 2]
        assert [each.order_id for each in await client.open_orders()] == [1]
        assert [each.execution_id for each in await client.trades()] == ["a"]
        assert len((await client.api.orders.get_open_orders()).orders or ()) == 2
        assert len(await client.api.orders.get_trade_history(days=7)) == 1
        assert gateway.asked(ORDERS) == ["U1"] * 3
        assert gateway.asked(TRADES) == ["U1"] * 2
        assert len(gateway.asked(ACCOUNTS)) == 1


async def test_an_account_can_be_named(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1", "U2")
    gateway.answers[ORDERS] = by_account(U2=[order(1, "U2")])
    gateway.answers[TRADES] = lambda query: [trade("a")] if query.get("accountId") == "U2" else []
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.orders(account_id="U2")] == [1]
        assert [each.order_id for each in await client.open_orders(account_id="U2")] == [1]
        assert len(await client.trades(account_id="U2")) == 1
        listed = await client.api.orders.get_open_orders(account_id="U2", filters=["submitted"])
        assert len(listed.orders or ()) == 1
        assert len(await client.api.orders.get_trade_history(days=3, account_id="U2")) == 1
        assert set(gateway.asked(ORDERS)) == {"U2"}
        assert await client.open_orders("U1") == []
        for bad in ("", " ", 5):
            with pytest.raises(InvalidRequest, match="account_id must be text"):
                await client.orders(account_id=bad)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="days must be"):
            await client.trades(days=-1)


async def test_an_account_that_the_session_does_not_name(raw: RawGateway) -> None:
    Gateway(raw, "U1")
    async with AsyncClient(raw.base_url) as client:
        for call in (client.orders, client.open_orders):
            with pytest.raises(IncompleteList, match=r"'U7' is not among .* \(U1\)") as caught:
                await call(account_id="U7")
            assert not caught.value.retryable
        with pytest.raises(IncompleteList, match="'U7'"):
            await client.trades(account_id="U7")


async def test_an_empty_list_is_believed_only_after_a_request_per_account(
    raw: RawGateway,
) -> None:
    gateway = Gateway(raw, "U1", "U2")
    gateway.answers[ORDERS] = by_account(U2=[order(5, "U2")])
    gateway.answers[TRADES] = lambda query: [trade("b")] if query.get("accountId") == "U2" else []
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.open_orders()] == [5]
        assert gateway.asked(ORDERS) == ["", "U1", "U2"]
        assert [each.execution_id for each in await client.trades()] == ["b"]
        # The client requests the whole list twice, because the first request of a session may only
        # make the gateway load the list and return it empty.
        assert gateway.asked(TRADES) == ["", "", "U1", "U1", "U2"]


async def test_a_list_with_the_placed_order_is_believed(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1", "U2")
    gateway.answers[ORDERS] = {"orders": [order(1)], "snapshot": True}
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.open_orders()] == [1]
        assert gateway.asked(ORDERS) == [""]


async def test_orders_that_are_done_hide_no_open_ones_of_another_account(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1", "U2")
    done = [order(1, status="Filled")]
    lists = {"": done, "U1": done, "U2": [order(5, "U2")]}
    gateway.answers[ORDERS] = lambda query: {
        "orders": lists[query.get("accountId", "")],
        "snapshot": True,
    }
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.orders()] == [1]
        assert [each.order_id for each in await client.open_orders()] == [5]


async def test_lists_of_several_accounts_that_exceed_max_wait(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(raw, "U1", "U2", "U3")
    limits = (pacing.Limit(1, 0.1),)
    for path in (ORDERS, TRADES):
        monkeypatch.setitem(pacing.LIMITS, f"GET {path}", limits)
    async with AsyncClient(raw.base_url, pacing=True, max_wait=0.28) as client:
        for call in (client.orders, client.open_orders, client.trades):
            with pytest.raises(PacingError, match="each of 3 accounts take") as caught:
                await call()
            assert caught.value.retry_after == pytest.approx(0.1)
        assert set(gateway.asked(ORDERS)) == {""}
        patient = client.with_options(max_wait=5)
        assert await patient.open_orders() == []
        assert gateway.asked(ORDERS)[-3:] == ["U1", "U2", "U3"]
        # A bulk call (`client.gather`) does not obey the `max_wait` of the client: it waits as long
        # as the rate limits require.
        assert await client.gather(lambda _: client.open_orders(), [1]) == [[]]


async def test_the_list_of_a_single_account_that_exceeds_max_wait(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = Gateway(raw, "U1")
    gateway.answers[ORDERS] = {"orders": [], "snapshot": False}
    monkeypatch.setitem(pacing.LIMITS, f"GET {ORDERS}", (pacing.Limit(1, 60),))
    async with AsyncClient(raw.base_url, pacing=True, max_wait=0.05) as client:
        with pytest.raises(PacingError):
            await client.open_orders()


async def test_a_session_without_accounts_has_no_empty_lists(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    async with AsyncClient(raw.base_url) as client:
        for call in (client.orders, client.open_orders, client.trades):
            with pytest.raises(NoAccounts, match="lists no account") as caught:
                await call()
            assert caught.value.retryable
            assert caught.value.operation == "GET /iserver/accounts"
        with pytest.raises(NoAccounts):
            await client.orders(account_id="U1")
        before = len(gateway.asked(ACCOUNTS))
        gateway.answers[ACCOUNTS] = {"accounts": ["U1", "U2"]}
        gateway.answers[ORDERS] = by_account(U2=[order(5, "U2")])
        assert [each.order_id for each in await client.orders()] == [5]
        assert len(gateway.asked(ACCOUNTS)) == before + 1


async def test_accounts_that_come_with_the_second_request(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    answers = iter(
        [{"accounts": []}, {"accounts": ["U1"]}, {"accounts": None}, {"accounts": ["U1"]}]
    )
    gateway.answers[ACCOUNTS] = lambda _: next(answers)
    lists = iter([[], [order(1)], [], [order(2)]])
    gateway.answers[ORDERS] = lambda _: {"orders": next(lists), "snapshot": True}
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.orders()] == [1]
        assert gateway.asked(ORDERS) == ["", "U1"]
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.orders(account_id="U1")] == [2]
        assert gateway.asked(ORDERS)[2:] == ["U1", "U1"]


async def test_no_accounts_in_a_session_that_cannot_be_used_say_why(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    gateway.answers["/iserver/auth/status"] = CLOSED
    gateway.answers["/tickle"] = {"session": "x", "iserver": {"authStatus": CLOSED}}
    async with AsyncClient(raw.base_url) as client:
        for call in (client.accounts, client.orders, client.trades):
            with pytest.raises(NoSession):
                await call()


async def test_no_accounts_are_no_empty_portfolio(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    for name in ("summary", "ledger"):
        gateway.answers[f"/portfolio/U1/{name}"] = {}
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NotEstablished, match="lists no account"):
            await client.accounts()
        assert len(gateway.asked(HELD)) == 2
        for _ in range(2):
            with pytest.raises(NoAccounts):
                await client.all_positions("U1")
        portfolio = client.api.portfolio
        for call in (
            lambda: portfolio.get_portfolio_summary(account_id="U1"),
            lambda: portfolio.get_portfolio_ledger(account_id="U1"),
        ):
            with pytest.raises(NoAccounts):
                await call()


async def test_a_portfolio_that_comes_with_the_second_request(raw: RawGateway) -> None:
    gateway = Gateway(raw)
    position = rows.position()
    accounts = iter([[], [rows.account("U1")]] * 3)
    gateway.answers[HELD] = lambda _: next(accounts)
    answers: Any = iter([[], [position], {}, {"netliquidation": {"amount": 5}}])
    gateway.answers["/portfolio/U1/positions/0"] = lambda _: next(answers)
    gateway.answers["/portfolio/U1/summary"] = lambda _: next(answers)
    async with AsyncClient(raw.base_url) as client:
        assert len(await client.all_positions("U1")) == 1
    async with AsyncClient(raw.base_url) as client:
        summary = await client.api.portfolio.get_portfolio_summary(account_id="U1")
        assert "netliquidation" in summary
    async with AsyncClient(raw.base_url) as client:
        assert len(await client.accounts()) == 1


async def test_an_account_that_holds_nothing(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1")
    async with AsyncClient(raw.base_url) as client:
        assert await client.all_positions("U1") == []
        assert len(gateway.asked(HELD)) == 1


PLACED = [{"order_id": "1001", "local_order_id": "mine", "order_status": "Submitted"}]


async def test_an_empty_list_after_an_order_is_an_error(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1", "U2")
    gateway.answers["/iserver/account/U1/orders"] = PLACED
    async with AsyncClient(raw.base_url) as client:
        await place(client.with_options(timeout=60))
        for call in (client.orders, client.open_orders):
            with pytest.raises(
                IncompleteList, match=r"order 1001 \(client order id mine\)"
            ) as caught:
                await call()
            assert caught.value.order_ids == (1001,)
            assert caught.value.retryable
            with pytest.raises(IncompleteList):
                await call(account_id="U1")
            assert await call(account_id="U2") == []
        # The first list contains only another, finished order, so order 1001 is still missing. The
        # second list shows order 1001 as finished.
        gateway.answers[ORDERS] = {"orders": [order(7, status="Filled")], "snapshot": True}
        with pytest.raises(IncompleteList):
            await client.open_orders()
        gateway.answers[ORDERS] = {"orders": [order(1001, status="Cancelled")], "snapshot": True}
        assert await client.open_orders() == []
        gateway.answers[ORDERS] = {"orders": [], "snapshot": True}
        assert await client.open_orders() == []
        assert await client.orders() == []


@pytest.mark.parametrize("status", ["Filled", "Cancelled", "Rejected"])
async def test_the_state_of_an_order_ends_the_doubt(raw: RawGateway, status: str) -> None:
    gateway = Gateway(raw, "U1")
    gateway.answers["/iserver/account/U1/orders"] = PLACED
    gateway.answers["/iserver/account/order/status/1001"] = rows.order_status(1001, status)
    async with AsyncClient(raw.base_url) as client:
        await place(client)
        with pytest.raises(IncompleteList, match=r"get_order_status\(order_id=1001\)"):
            await client.orders()
        await client.api.orders.get_order_status(order_id=1001)
        assert await client.orders() == []
        if status == "Filled":
            with pytest.raises(IncompleteList, match="the executions of order 1001"):
                await client.trades()
        else:
            assert await client.trades() == []


async def test_an_order_that_was_placed_by_a_reply_or_a_raw_call(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1", "U2")
    gateway.answers["/iserver/account/U2/orders"] = [{"id": "q1", "message": ["sure?"]}]
    gateway.answers["/iserver/reply/q1"] = [{"order_id": 1002, "order_status": "Inactive"}]
    gateway.answers["/iserver/account/U1/orders"] = PLACED
    async with AsyncClient(raw.base_url) as client:
        await place(client, "U2")
        assert await client.orders() == []
        await client.request("POST", "/iserver/reply/q1", json={"confirmed": True})
        with pytest.raises(IncompleteList) as caught:
            await client.orders(account_id="U2")
        assert caught.value.order_ids == (1002,)
        body = {"orders": [{"conid": 1}]}
        path = "/iserver/account/U1/orders"
        await client.request("POST", path, json=body, type=bytes)
        with pytest.raises(IncompleteList, match=r"1002, 1001") as caught:
            await client.orders()
        assert caught.value.order_ids == (1002, 1001)


async def test_executions_do_not_vanish(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1", "U2")
    gateway.answers[TRADES] = [trade("a")]
    async with AsyncClient(raw.base_url) as client:
        assert len(await client.trades()) == 1
        gateway.answers[TRADES] = []
        for account in (None, "U1"):
            with pytest.raises(IncompleteList, match="execution a") as caught:
                await client.trades(account_id=account)
            assert caught.value.execution_ids == ("a",)
        assert await client.trades(account_id="U2") == []


async def test_stream_messages_contradict_an_empty_list(raw: RawGateway) -> None:
    gateway = Gateway(raw, "U1")

    def answer(request: RawRequest, peer: Peer) -> None:
        if "upgrade" not in request.headers:
            gateway._answer(request, peer)
            return
        peer.upgrade(request)
        row = order(1001)
        peer.frames(
            b'{"topic":"system","success":"x"}',
            json.dumps({"topic": "str", "args": [trade("a")]}).encode(),
            json.dumps({"topic": "sor", "args": [row]}).encode(),
        )
        peer.silence()

    raw._scripts.clear()
    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        async with AsyncWsClient.connect(client, reconnect=False) as ws:
            await ws.subscribe_trades()
            await ws.subscribe_orders()
            message = await ws.next_message(timeout=30)
            while not isinstance(message, TradeUpdate):
                message = await ws.next_message(timeout=30)
            while not isinstance(message, OrderUpdate):
                message = await ws.next_message(timeout=30)
        copy = client.with_options(timeout=60)
        with pytest.raises(IncompleteList) as caught:
            await copy.trades()
        assert caught.value.execution_ids == ("a",)
        with pytest.raises(IncompleteList) as caught:
            await copy.open_orders()
        assert caught.value.order_ids == (1001,)
