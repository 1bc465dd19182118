"""Tests of responses that users of the Client Portal API (CPAPI) have reported."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncWsClient,
    BadRequest,
    DecodeError,
    MarketData,
    MarketDataFields,
    NotAuthenticated,
    NotFound,
    OutcomeUnknown,
    SessionState,
)
from bezant.models.orders import OrderTicket
from tests.support import rows
from tests.support.raw import Peer, RawGateway
from tests.support.scripted import ACCOUNT, STATUS, TOKEN, Call, Reply, ScriptedGateway

MARKET = OrderTicket(
    conid=265598, side="BUY", order_type="MKT", quantity=300, time_in_force="DAY",
    client_order_id="mine-1",
)  # fmt: skip


async def test_the_logins_token_renews_itself_and_may_be_gone(raw: RawGateway) -> None:
    left = [103_000, 587_000, 0]

    def answer(call: Call) -> object:
        if call.path != "/tickle":
            return None
        return {
            "session": TOKEN,
            "ssoExpires": left.pop(0),
            "iserver": {"authStatus": STATUS},
        }

    ScriptedGateway(raw, answer)
    seconds: list[float] = []
    async with AsyncClient(raw.base_url, pacing=False) as client:
        session = client.session
        for _ in range(3):
            await client.tickle()
            assert session.sso_expires is not None
            assert session.last_tickle is not None
            seconds.append((session.sso_expires - session.last_tickle).total_seconds())
            assert session.state is SessionState.ESTABLISHED
    assert [round(each) for each in seconds] == [103, 587, 0]


async def test_an_advisors_preview_has_the_split_over_the_accounts(raw: RawGateway) -> None:
    group = "UPRO_BUY_713.0_61228752"
    nothing = {"current": "NA", "change": "NA", "after": "NA"}
    preview = {
        "amount": {
            "amount": "51,000 USD (300 Shares)", "commission": "1.29 ... 1.50 USD",
            "total": "~ 51,001.39 USD",
        },
        "equity": nothing, "initial": nothing, "maintenance": nothing,
        "position": {"current": "", "change": "", "after": ""},
        "warn": "21/You are trying to submit an order without having market data.", "error": None,
        "allocations": [
            {"account": "DU2", "desiredAllocation": "57", "actualAllocation": "57"},
            {"account": "DU3", "desiredAllocation": "135", "actualAllocation": "134"},
        ],
    }  # fmt: skip
    known = {
        "accounts": ["All", "DU2", "DU3", group],
        "acctProps": {
            "DU2": {"hasChildAccounts": False, "supportsCashQty": True, "supportsFractions": True},
        },
        "aliases": {"All": "All", "DU2": "DU2"},
        "groups": ["All"], "profiles": [group], "selectedAccount": "DU2",
    }  # fmt: skip

    def answer(call: Call) -> object:
        if call.path == f"/iserver/account/{group}/orders/whatif":
            return preview
        return known if call.path == "/iserver/accounts" else None

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, strict=True) as client:
        accounts = await client.api.accounts.get_brokerage_accounts()
        found = await client.api.orders.preview_margin_impact(account_id=group, orders=[MARKET])
    assert (accounts.groups, accounts.profiles) == (["All"], [group])
    assert [
        (each.account_id, each.desired_allocation, each.actual_allocation)
        for each in found.allocations or []
    ] == [("DU2", Decimal(57), Decimal(57)), ("DU3", Decimal(135), Decimal(134))]


async def test_an_empty_body_is_no_empty_portfolio(raw: RawGateway) -> None:
    status = 200

    def answer(call: Call) -> object:
        return Reply(status, b"") if "/positions/" in call.path else None

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(DecodeError, match="response is empty"):
            await client.all_positions(ACCOUNT)
        status = 401
        with pytest.raises(NotAuthenticated):
            await client.all_positions(ACCOUNT)


async def test_an_order_for_an_account_that_is_not_valid_is_sent_once(raw: RawGateway) -> None:
    reason = {"error": "Bad Request: accountId is not valid: DUH000001", "statusCode": 400}
    gateway = ScriptedGateway(
        raw, lambda call: Reply(400, reason) if "DUH000001" in call.path else None
    )
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(BadRequest, match="accountId is not valid") as caught:
            await client.api.orders.submit_new_orders(account_id="DUH000001", orders=[MARKET])
    assert not isinstance(caught.value, OutcomeUnknown)
    assert len(gateway.names("DUH000001")) == 1


async def test_a_contract_may_come_alone_and_has_no_placeholders(raw: RawGateway) -> None:
    contract = {
        "conid": 265598, "ticker": "AAPL", "secType": "STK", "listingExchange": "NASDAQ.NMS",
        "exchange": "SMART", "companyName": "APPLE INC", "currency": "USD",
        "validExchanges": "SMART,AMEX", "priceRendering": None, "maturityDate": None,
        "right": "?", "strike": 0.0,
    }  # fmt: skip
    ScriptedGateway(raw, lambda call: contract if call.path.endswith("/info") else None)
    async with AsyncClient(raw.base_url, strict=True) as client:
        (found,) = await client.api.contracts.get_contract_info(conid=265598, sec_type="STK")
    assert (found.conid, found.right, found.strike) == (265598, None, None)


async def test_both_spellings_of_a_trading_date(raw: RawGateway) -> None:
    hours = {"openingTime": "0930", "closingTime": "1600", "prop": "LIQUID"}
    days: list[dict[str, object]] = [
        {"tradingScheduleDate": "2000-01-03", "sessions": [], "tradingtimes": [hours]},
        {"tradingScheduleDate": "20260525", "sessions": [], "tradingtimes": []},
    ]
    venues: list[dict[str, object]] = [
        {"id": "p1", "exchange": "A", "timezone": "America/New_York", "schedules": []},
        {"id": "p2", "exchange": "B", "timezone": "America/New_York", "schedules": days},
    ]
    ScriptedGateway(raw, lambda call: venues if "schedule" in call.path else None)
    async with AsyncClient(raw.base_url, strict=True) as client:
        _, found = await client.api.contracts.get_trading_schedule_by_symbol(
            asset_class="STK", symbol="AAPL"
        )
    schedules = found.schedules or []
    assert [each.trading_schedule_date for each in schedules] == [
        date(2000, 1, 3),
        date(2026, 5, 25),
    ]
    assert [len(each.trading_times or []) for each in schedules] == [1, 0]


async def test_responses_to_unsubscribing(raw: RawGateway) -> None:
    def answer(call: Call) -> object:
        match call.name:
            case "GET /iserver/marketdata/unsubscribeall":
                return {"unsubscribed": True}
            case "POST /iserver/marketdata/unsubscribe":
                known = call.body == {"conid": 265598}
                return {"success": True} if known else Reply(500, {"error": "unknown"})
            case _:
                return None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        data = client.api.market_data
        assert (await data.close_md_stream(conid=265598)).success is True
        assert (await data.close_all_md_streams()).unsubscribed is True
        with pytest.raises(NotFound):
            await data.close_md_stream(conid=1)
        with pytest.raises(NotFound):
            await client.request("GET", "/iserver/marketdata/265598/unsubscribe")
    assert len(gateway.names("unsubscribe")) == 4


async def test_executions_of_fractions_and_of_currencies(raw: RawGateway) -> None:
    usual = rows.trade("e1", ACCOUNT, order_id=96335105)
    part = {**rows.trade("e2", ACCOUNT, size=0.0008, price="195.51"), "position": "4.6964"}
    currency = rows.trade(
        "e3", ACCOUNT, sec_type="CASH", liquidation_trade="1", order_id=1777439171105
    )
    found = [usual, part, currency]
    ScriptedGateway(raw, lambda call: found if call.path.endswith("/trades") else None)
    async with AsyncClient(raw.base_url, strict=True) as client:
        trades = await client.trades()
    assert [each.order_id for each in trades] == [96335105, 7, 1777439171105]
    assert (trades[1].size, trades[1].position) == (Decimal("0.0008"), Decimal("4.6964"))


async def test_quotes_of_older_gateways(raw: RawGateway) -> None:
    sent: list[dict[str, Any]] = [
        {"server_id": "q0", "conid": 265598, "6119": "q0", "31": "118.75", "6509": "RpB"},
        {"server_id": "q0", "conid": 265598, "87": "12.2M", "87_raw": 1.22e7, "31": "119.46"},
        {"conid": 265598, "31": "271.55", "83": 0.56, "85": "1,500", "6509": "DPB"},
    ]

    def command(peer: Peer, text: str) -> None:
        if text.startswith("smd"):
            for row in sent:
                peer.frame(json.dumps({**row, "topic": "smd+265598"}).encode())

    ScriptedGateway(raw, None, command)
    quotes: list[MarketData] = []
    async with (
        AsyncClient(raw.base_url) as client,
        AsyncWsClient.connect(client, quote_backlog=10) as ws,
    ):
        await ws.subscribe_market_data(265598)
        while len(quotes) < 3:
            message = await ws.next_message(timeout=30)
            if isinstance(message, MarketData):
                quotes.append(message)
    assert [str(each.last) for each in quotes] == ["118.75", "119.46", "271.55"]
    assert [each.availability for each in quotes] == ["real time", "real time", "delayed"]
    assert (quotes[1].get("volume"), quotes[2].ask_size) == (Decimal(12_200_000), Decimal(1500))


async def test_names_are_not_escaped(raw: RawGateway) -> None:
    row = rows.position(265598, ACCOUNT, name="SMITH &amp; SONS", group="Oil&amp;Gas")
    ScriptedGateway(raw, lambda call: [row] if "/positions/" in call.path else None)
    async with AsyncClient(raw.base_url) as client:
        (position,) = await client.all_positions(ACCOUNT)
    assert (position.name, position.group) == ("SMITH & SONS", "Oil&Gas")


async def test_a_window_without_trades_has_no_bars(raw: RawGateway) -> None:
    found = {"symbol": "AAPL", "data": [{"o": 0.0, "c": 0.0}], "points": 0}
    ScriptedGateway(raw, lambda call: found if call.path.endswith("/history") else None)
    async with AsyncClient(raw.base_url, strict=True) as client:
        history = await client.api.market_data.get_md_history(
            conid=265598, period="1d", bar="1min", start_time="20260922-08:04:00"
        )
    assert (history.data, history.points) == ([], 0)


async def test_the_status_of_the_parts_of_a_bracket(raw: RawGateway) -> None:
    status = rows.order_status(1002, "PreSubmitted")
    child = {
        **status, "limit_price": "", "stop_price": "220.00", "parent_order_id": "1001",
        "oca_group_id": "1001", "oca_group_type": "ReduceOnFillNonBlock", "all_or_none": False,
    }  # fmt: skip
    parent = {
        **status, "order_id": 1001, "limit_price": "249.00", "stop_price": "",
        "children_order_ids": ["1002"],
    }  # fmt: skip

    def answer(call: Call) -> object:
        return {"1002": child, "1001": parent}.get(call.path.rpartition("/")[2])

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, strict=True) as client:
        first = await client.api.orders.get_order_status(order_id=1002)
        second = await client.api.orders.get_order_status(order_id=1001)
    assert (first.parent_order_id, first.oca_group_id, first.oca_group_type) == (
        1001,
        "1001",
        "ReduceOnFillNonBlock",
    )
    assert (first.limit_price, first.stop_price) == (None, Decimal("220.00"))
    assert (second.limit_price, second.children_order_ids) == (Decimal("249.00"), [1002])


async def test_a_stream_sends_the_cookies_of_calls(raw: RawGateway) -> None:
    def answer(call: Call) -> object:
        if call.path != "/iserver/auth/status":
            return None
        return Reply(200, STATUS, {"Set-Cookie": "x-sess-uuid=0.abc.1777.def; Secure; HttpOnly"})

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        await client.health()
        async with AsyncWsClient.connect(client):
            pass
    (handshake,) = (each for each in raw.requests if "upgrade" in each.headers)
    cookies = handshake.headers["cookie"].split("; ")
    assert sorted(cookies) == [f"api={TOKEN}", "x-sess-uuid=0.abc.1777.def"]


async def test_a_cold_quote_is_waited_for(raw: RawGateway) -> None:
    cold = {"conid": 9, "conidEx": "9", "55": "-", "31": "N/A"}
    found = [cold, cold, {**cold, "55": "KO", "31": "C62.10", "87": "65595.7B", "87_raw": 65.6e6}]

    def answer(call: Call) -> object:
        if not call.path.endswith("/snapshot"):
            return None
        return [found.pop(0) if len(found) > 1 else found[0]]

    gateway = ScriptedGateway(raw, answer)
    fields = MarketDataFields.from_names("last", "symbol", "volume")
    async with AsyncClient(raw.base_url, pacing=False) as client:
        (quote,) = await client.quotes([9], fields, timeout=60)
    assert (quote.last, quote.is_close) == (Decimal("62.10"), True)
    assert (quote.get("symbol"), quote.get("volume")) == ("KO", Decimal(65_600_000))
    assert len(gateway.names("snapshot")) == 3
