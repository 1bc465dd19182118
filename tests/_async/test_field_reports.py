"""Tests of cases that users of the Client Portal API (CPAPI) have reported.

The gateway responds as in the reports.
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from bezant import (
    AccountUpdate,
    AsyncClient,
    AsyncWsClient,
    BadRequest,
    BezantError,
    CompetingSession,
    ErrorMessage,
    Gap,
    IncompleteList,
    InvalidRequest,
    MarketData,
    Message,
    NoSession,
    NotAuthenticated,
    NotFound,
    OrdersUnknown,
    OrderUpdate,
    OutcomeUnknown,
    PacingError,
    PermissionDenied,
    SessionChange,
    SessionLost,
    TooManyLines,
    TradeUpdate,
    UpstreamError,
)
from bezant._core.http.backoff import Backoff
from bezant._core.session import first_answer
from bezant._core.stream import execution_check
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import connecting
from bezant.models.orders import OrderTicket
from tests.support import rows
from tests.support._async import until
from tests.support.raw import Peer, RawGateway
from tests.support.scripted import ACCOUNT, STATUS, TOKEN, Call, Reply, ScriptedGateway

TICKET = OrderTicket(
    conid=265598, side="BUY", order_type="LMT", price=Decimal(200), quantity=1,
    time_in_force="DAY", client_order_id="mine-1",
)  # fmt: skip


async def test_definite_refusals_with_status_500_and_503(raw: RawGateway) -> None:
    reason = {"reason": "Details currently unavailable. Please try again later."}
    said: dict[str, object] = {
        "SEP26": "No Contracts retrieved",
        "": json.dumps(reason),
    }

    def answer(call: Call) -> object:
        if call.path == "/iserver/secdef/info":
            return Reply(500, {"error": said[call.query.get("month", "")]})
        if call.path.endswith("/whatif"):
            return Reply(500, {"error": "Order size 0 is not valid. Please enter size."})
        if "/order/status/" in call.path:
            return Reply(503, {"error": "Order 553617933 is not found", "statusCode": 503})
        return None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, retries=3) as client:
        with pytest.raises(NotFound, match="No Contracts retrieved"):
            await client.api.contracts.get_contract_info(
                conid=270639, sec_type="OPT", month="SEP26", strike=195, right="P"
            )
        with pytest.raises(NotFound, match="500: Details currently unavailable"):
            await client.api.contracts.get_contract_info(conid=999999999)
        with pytest.raises(NotFound, match="check the order id"):
            await client.api.orders.get_order_status(order_id=553617933)
        with pytest.raises(BadRequest, match="size 0"):
            await client.request(
                "POST",
                f"/iserver/account/{ACCOUNT}/orders/whatif",
                json={"orders": [{"conid": 1, "quantity": 0}]},
            )
    assert len(gateway.names("secdef")) == 2
    # One order status and one preview: neither was repeated.
    assert len(gateway.names("/order")) == 2


async def test_an_order_status_without_a_text_is_requested_once(raw: RawGateway) -> None:
    gateway = ScriptedGateway(raw, lambda call: Reply(503) if "status/" in call.path else None)
    async with AsyncClient(raw.base_url, retries=3) as client:
        with pytest.raises(UpstreamError, match="order that it does not know"):
            await client.api.orders.get_order_status(order_id=9)
    assert len(gateway.names("/order/status/")) == 1


async def test_the_status_of_an_order_with_an_open_question_is_not_found(raw: RawGateway) -> None:
    gateway = ScriptedGateway(raw, lambda call: Reply(404) if "status/" in call.path else None)
    async with AsyncClient(raw.base_url, retries=3) as client:
        with pytest.raises(NotFound, match="HTTP 404"):
            await client.api.orders.get_order_status(order_id=1001)
    assert len(gateway.names("/order/status/")) == 1


async def test_an_order_that_ibkr_does_not_know(raw: RawGateway) -> None:
    status = 200

    def answer(call: Call) -> object:
        return (
            Reply(status, {"error": "OrderID 1003 doesn't exist"})
            if "/order/" in call.path
            else None
        )

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        for status in (200, 400):  # noqa: B007 - read by the gateway
            with pytest.raises(NotFound):
                await client.api.orders.cancel_open_order(account_id=ACCOUNT, order_id=1003)


async def test_an_order_that_is_refused_for_a_field(raw: RawGateway) -> None:
    texts = ["Can not contain field # 8089", "Service Unavailable", "new text"]

    def answer(call: Call) -> object:
        return Reply(500, {"error": texts.pop(0)}) if call.path.endswith("/orders") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, retries=3) as client:
        for kind in (BadRequest, OutcomeUnknown, OutcomeUnknown):
            with pytest.raises(kind) as caught:
                await client.api.orders.submit_new_orders(account_id=ACCOUNT, orders=[TICKET])
            assert not caught.value.retryable
    assert len(gateway.names("/orders")) == 3


async def test_the_reason_of_a_401_survives(raw: RawGateway) -> None:
    texts = ["Acct not found from search result", "id: 92177, error: invalid consumer"]
    ScriptedGateway(
        raw,
        lambda call: Reply(401, {"error": texts.pop(0)}) if "dynaccount" in call.path else None,
    )
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NotFound, match="Acct not found"):
            await client.api.accounts.set_dynamic_account(account_id="U9")
        with pytest.raises(NotAuthenticated, match="invalid consumer"):
            await client.api.accounts.set_dynamic_account(account_id="U9")


async def test_arguments_of_a_known_form_are_checked_before_sending(raw: RawGateway) -> None:
    gateway = ScriptedGateway(raw)
    zero = OrderTicket(conid=265598, side="BUY", order_type="MKT", time_in_force="DAY", quantity=0)
    async with AsyncClient(raw.base_url) as client:
        contracts, data, orders = (
            client.api.contracts,
            client.api.market_data,
            client.api.orders,
        )
        with pytest.raises(InvalidRequest, match="month must be a month such as 'JAN27'"):
            await contracts.get_contract_strikes(conid=1, sec_type="OPT", month="2026-07")
        with pytest.raises(InvalidRequest, match="month must"):
            await contracts.get_contract_info(conid=1, sec_type="OPT", month="jul26")
        with pytest.raises(InvalidRequest, match="period must"):
            await data.get_md_history(conid=1, period="6M", bar="1d")
        with pytest.raises(InvalidRequest, match="bar must"):
            await data.get_md_history(conid=1, period="6m", bar="1 day")
        with pytest.raises(InvalidRequest, match="start_time must be a time in UTC"):
            await data.get_md_history(conid=1, period="6m", bar="1d", start_time="2026-01-31")
        with pytest.raises(InvalidRequest, match=r"orders\[1\].quantity must be above 0"):
            await orders.submit_new_orders(account_id=ACCOUNT, orders=[TICKET, zero])
        with pytest.raises(InvalidRequest, match=r"orders\[0\].quantity must be above 0"):
            await orders.preview_margin_impact(account_id=ACCOUNT, orders=[zero])
        with pytest.raises(InvalidRequest, match="quantity must be above 0, not -1"):
            await orders.modify_open_order(
                account_id=ACCOUNT,
                order_id=7,
                side="BUY",
                order_type="MKT",
                time_in_force="DAY",
                quantity=-1,
            )
        with pytest.raises(InvalidRequest, match="message_ids must have 1 to 51 ids, not 0"):
            await orders.suppress_order_replies(message_ids=[])
        unknown: Any = "1d"
        with pytest.raises(InvalidRequest, match="period must be one of '1D', '7D'"):
            await client.api.analyst.get_performance(account_ids=[ACCOUNT], period=unknown)
        with pytest.raises(InvalidRequest, match="id_ must be an id of digits"):
            await client.api.watchlists.create_watchlist(id_="mine", name="x", rows=[])
    assert gateway.calls == []


async def test_the_days_of_executions_are_always_sent(raw: RawGateway) -> None:
    def answer(call: Call) -> object:
        return [rows.trade("e1")] if call.path == "/iserver/account/trades" else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        await client.api.orders.get_trade_history(days=1)
        await client.api.orders.get_trade_history()
        await client.trades()
    sent = [call.query for call in gateway.calls if call.path == "/iserver/account/trades"]
    assert [(each["days"], each["accountId"]) for each in sent] == [
        ("1", ACCOUNT),
        ("7", ACCOUNT),
        ("7", ACCOUNT),
    ]


async def test_the_allocation_report_is_a_read(raw: RawGateway) -> None:
    found = {
        "date": "20260715", "realtime": False, "currency": "EUR",
        "allocation": [{"name": "Technology", "value": 60.5}],
    }  # fmt: skip
    responses = [Reply(503, {"error": "Service Unavailable", "statusCode": 503}), found]

    def answer(call: Call) -> object:
        return responses.pop(0) if call.path == "/pa/allocation" else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, retries=1) as client:
        report = await client.api.analyst.get_allocation(account_ids=["U1"], date="20260630")
    assert report.date == "20260715"
    assert [(each.name, each.value) for each in report.allocation or []] == [
        ("Technology", Decimal("60.5"))
    ]
    assert [call.body for call in gateway.calls] == [{"acctIds": ["U1"], "date": "20260630"}] * 2


async def test_a_competing_session_is_an_event_while_something_can_be_done(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    flags = dict(STATUS)
    gateway = ScriptedGateway(raw, lambda call: flags if call.path.endswith("/status") else None)
    changes: list[SessionChange] = []
    async with AsyncClient(raw.base_url) as client:
        client.session.on_change(changes.append)
        await client.health()
        flags["competing"] = True
        await client.health()
        await client.health()
        assert client.session.ready
        flags["competing"] = False
        await client.health()
        flags["competing"] = True
        await client.health()
    assert gateway.names() == ["POST /iserver/auth/status"] * 5
    assert [(each.competing, each.is_loss, each.is_gain, each.lost) for each in changes] == [
        (False, False, False, None),
        (True, False, False, None),
        (True, False, False, None),
    ]
    assert sum("competes with this one" in each for each in caplog.messages) == 2


async def test_initialize_says_what_it_sent(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="bezant.session")
    flags = {**STATUS, "connected": False}

    def answer(call: Call) -> object:
        if call.path == "/tickle":
            return {"session": "x", "iserver": {"authStatus": flags}}
        return flags if call.path.endswith("/status") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(NoSession, match=r"sent nothing.*reauthenticate\(\) renews it"):
            await client.session.initialize(timeout=0.01)
        flags = STATUS
        assert (await client.session.initialize()).ready
    assert not gateway.names("ssodh")
    assert sum("sent nothing" in each for each in caplog.messages) == 2


async def test_reauthenticate_renews_the_session(raw: RawGateway) -> None:
    flags = {**STATUS, "established": False}

    def answer(call: Call) -> object:
        nonlocal flags
        if call.path == "/iserver/reauthenticate":
            flags = STATUS
            return {"message": "triggered"}
        return flags if call.path.endswith("/status") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        assert (await client.session.reauthenticate(timeout=5)).ready
        with pytest.raises(InvalidRequest):
            await client.session.reauthenticate(timeout=0)
    assert gateway.names() == ["POST /iserver/reauthenticate", "POST /iserver/auth/status"]


async def test_initialize_backs_off_after_failures(raw: RawGateway) -> None:
    closed = {**STATUS, "authenticated": False, "established": False}
    token = "first"

    def answer(call: Call) -> object:
        if call.path == "/tickle":
            return {"session": token, "iserver": {"authStatus": closed}}
        if call.path.endswith("/ssodh/init"):
            return {"passed": False, "fail": "retry 7 ... giving up"}
        return closed if call.path.endswith("/status") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        for _ in range(3):
            with pytest.raises(NotAuthenticated, match="giving up"):
                await client.session.initialize(timeout=0.01)
        with pytest.raises(PacingError, match="failed; nothing was sent") as caught:
            await client.session.initialize(timeout=0.01)
        assert 0 < caught.value.retry_after <= 60
        assert len(gateway.names("init")) == 3
        token = "after a login in the browser"
        with pytest.raises(NotAuthenticated):
            await client.session.initialize(timeout=0.01)
    assert len(gateway.names("init")) == 4


async def test_a_wrong_report_of_a_stream_about_the_session_is_not_believed(
    raw: RawGateway,
) -> None:
    peers: list[Peer] = []
    flags = STATUS

    def answer(call: Call) -> object:
        if call.path == "/tickle":
            return {"session": TOKEN, "iserver": {"authStatus": flags}}
        return None

    gateway = ScriptedGateway(raw, answer, lambda peer, _: peers.append(peer))
    ended = json.dumps({"topic": "sts", "args": {"authenticated": False, "fail": "gone"}})
    async with AsyncClient(raw.base_url) as client, AsyncWsClient.connect(client) as ws:
        await ws.subscribe_trades()
        await until(lambda: peers)
        tickles = len(gateway.names("tickle"))
        peers[0].frame(ended.encode())
        await until(lambda: len(gateway.names("tickle")) > tickles)
        flags = {**STATUS, "authenticated": False, "established": False}
        peers[0].frame(ended.encode())
        seen: list[Message] = []
        while not any(isinstance(each, SessionLost) for each in seen):
            message = await ws.next_message(timeout=30)
            assert message is not None
            seen.append(message)
    kinds = [type(each).__name__ for each in seen if not isinstance(each, AccountUpdate)]
    statuses = ["SessionStatus"] * 3  # of the login and of the two frames above
    assert kinds == ["Other", "System", *statuses, "SessionLost"]


async def test_executions_are_delivered_again_only_with_news(raw: RawGateway) -> None:
    plain = {**rows.trade("e1"), "conidEx": "479630122"}
    whole = {**plain, "commission": "1.83"}
    sent = [whole, plain, {**whole, "conidEx": "479630122@DARK"}, {**whole, "position": "2"}]
    sent += [{**whole, "price": "6"}, rows.trade("e2")]

    def command(peer: Peer, text: str) -> None:
        if text.startswith("str"):
            for row in sent:
                peer.frame(json.dumps({"topic": "str", "args": [row]}).encode())

    ScriptedGateway(raw, None, command)
    async with AsyncClient(raw.base_url) as client, AsyncWsClient.connect(client) as ws:
        await ws.subscribe_trades()
        seen: list[TradeUpdate] = []
        while not seen or seen[-1].execution_id != "e2":
            message = await ws.next_message(timeout=30)
            if isinstance(message, TradeUpdate):
                seen.append(message)
    assert [(each.execution_id, str(each.price)) for each in seen] == [
        ("e1", "5"),
        ("e1", "6"),
        ("e2", "5"),
    ]


async def test_a_new_order_is_inactive_for_a_moment_and_is_working(raw: RawGateway) -> None:
    new = rows.order(7, ACCOUNT, "Inactive", order_ccp_status="Pending Submit")
    rejected = rows.order(8, ACCOUNT, "Inactive", order_ccp_status="Rejected")

    def answer(call: Call) -> object:
        listed = {"orders": [new, rejected], "snapshot": True}
        return listed if call.path == "/iserver/account/orders" else None

    def command(peer: Peer, text: str) -> None:
        if text.startswith("sor"):
            peer.frame(json.dumps({"topic": "sor", "args": [new, rejected]}).encode())

    ScriptedGateway(raw, answer, command)
    async with AsyncClient(raw.base_url) as client:
        assert [each.order_id for each in await client.open_orders()] == [7]
        async with AsyncWsClient.connect(client) as ws:
            await ws.subscribe_orders()
            await ws.orders.wait(timeout=30)
            assert list(ws.orders) == [7]


async def test_a_refused_subscription_to_orders_is_an_event(raw: RawGateway) -> None:
    refused = json.dumps({"error": "unable to subscribe", "code": 500, "topic": "sor"}).encode()

    def command(peer: Peer, text: str) -> None:
        if text.startswith("sor"):
            peer.frame(refused)

    gateway = ScriptedGateway(raw, None, command)
    timing = Timing(confirm_after=0.02)
    async with AsyncClient(raw.base_url) as client:
        opened = AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=True)
        async with connecting(opened) as ws:
            await ws.subscribe_orders()
            seen: list[Message] = []
            while not any(isinstance(each, Gap) for each in seen):
                message = await ws.next_message(timeout=30)
                assert message is not None
                seen.append(message)
            await until(lambda: sum(each.startswith("sor") for each in gateway.texts) >= 3)
            # The gateway has received the third command, but the stream may not have read its
            # refusal yet.
            await until(lambda: "refuses" in ws._stream_worker.state.orders.reason)
            with pytest.raises(OrdersUnknown, match="refuses to send them"):
                ws.orders.values()
    errors = [each for each in seen if isinstance(each, ErrorMessage)]
    assert [(each.topic, each.code) for each in errors] == [("sor", 500)]


@pytest.mark.parametrize("realtime_only", [False, True])
async def test_executions_during_an_interruption_come_from_rest(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch, *, realtime_only: bool
) -> None:
    monkeypatch.setattr(execution_check, "QUIET", 0.01)
    now = round(datetime.now(UTC).timestamp() * 1000)
    first = rows.trade("e1", ACCOUNT, trade_time_r=now)
    old = rows.trade("e0", ACCOUNT, trade_time_r=now - 3 * 86_400_000)
    listed = [old, first, rows.trade("e2", ACCOUNT, trade_time_r=now)]
    failures = [Reply(503, {"error": "Service Unavailable", "statusCode": 503})]
    peers: list[Peer] = []

    def answer(call: Call) -> object:
        if call.path != "/iserver/account/trades":
            return None
        return failures.pop() if failures else listed

    def command(peer: Peer, text: str) -> None:
        if text.startswith("str"):
            peers.append(peer)
            if len(peers) == 1:
                peer.frame(json.dumps({"topic": "str", "args": [first]}).encode())

    gateway = ScriptedGateway(raw, answer, command)
    monkeypatch.setattr(execution_check, "_RETRY", Backoff(0.01, 0.01))
    timing = Timing(backoff_from=0.01, backoff_to=0.05)
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        opened = AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=True)
        async with connecting(opened) as ws:
            await ws.subscribe_trades(realtime_only=realtime_only)
            seen: list[str | None] = []
            while "e2" not in seen:
                message = await ws.next_message(timeout=30)
                if isinstance(message, TradeUpdate):
                    seen.append(message.execution_id)
                    if message.execution_id == "e1":
                        peers[0].reset()
                elif isinstance(message, Gap):
                    seen.append(f"gap {message.topic}")
    silent = [] if realtime_only else ["gap str"]
    assert seen == ["e1", "gap None", *silent, "e2"]
    assert len(gateway.names("trades")) == 2


async def test_another_program_on_the_port_is_named(raw: RawGateway) -> None:
    ScriptedGateway(raw, lambda _: Reply(403, b"", {"Server": "AirTunes/775.3.1"}))
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(PermissionDenied, match="AirPlay"):
            await client.accounts()


async def test_empty_strikes_are_checked_with_a_search(raw: RawGateway) -> None:
    searched = False
    definitions: dict[str, object] = {"secdef": [{"conid": 265598, "ticker": "AAPL"}]}

    def answer(call: Call) -> object:
        nonlocal searched
        match call.path:
            case "/iserver/secdef/search":
                searched = call.query["symbol"] == "AAPL"
                return [rows.search_hit(265598)]
            case "/iserver/secdef/strikes":
                found = [292.5, 295.0] if searched and call.query["month"] == "JUL26" else []
                return {"call": found, "put": found}
            case "/trsrv/secdef":
                return definitions
            case _:
                return None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        contracts = client.api.contracts
        found = await contracts.get_contract_strikes(conid=265598, sec_type="OPT", month="JUL26")
        assert found.call == found.put == [Decimal("292.5"), Decimal("295.0")]
        assert [call.path for call in gateway.calls] == [
            "/iserver/secdef/strikes",
            "/trsrv/secdef",
            "/iserver/secdef/search",
            "/iserver/secdef/strikes",
        ]
        empty = await contracts.get_contract_strikes(conid=265598, sec_type="OPT", month="AUG26")
        # The client has made the search that strikes require, so this empty list is correct.
        assert empty.call == []
        definitions = {"secdef": []}
        with pytest.raises(IncompleteList, match="search_contracts"):
            await contracts.get_contract_strikes(conid=265598, sec_type="OPT", month="AUG26")


async def test_a_quote_without_an_agreement_is_not_waited_for(raw: RawGateway) -> None:
    row = {"conid": 8894, "conidEx": "8894", "6509": "O", "_updated": 1787695955731}
    gateway = ScriptedGateway(raw, lambda call: [row] if "snapshot" in call.path else None)
    async with AsyncClient(raw.base_url) as client:
        (quote,) = await client.quotes([8894], timeout=60)
    assert (quote.last, quote.availability) == (None, "no agreement")
    assert len(gateway.names("snapshot")) == 2


async def test_an_empty_response_that_cannot_be_is_an_error(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_answer, "READY", Backoff(0.01, 0.01))
    row: dict[str, object] = {"rowType": 1, "dpl": 15.7, "nl": 10000.0, "upl": 607.0}
    ready = False
    # Number of empty responses of each path before its first complete one.
    empty = {"/portfolio/DU1234567/ledger": 1, "/portfolio/DU1234567/summary": 2}

    def answer(call: Call) -> object:
        if empty.get(call.path, 0) > 0:
            empty[call.path] -= 1
            return {}
        if call.path.endswith("/ledger"):
            return {"USD": rows.ledger()}
        if call.path.endswith("/summary"):
            return {"netliquidation": {"amount": 1.0, "currency": "USD"}}
        if call.path.endswith("/pnl/partitioned"):
            return {"upnl": {f"{ACCOUNT}.Core": row} if ready else {}}
        return [] if call.path.endswith("/subaccounts") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, pacing=False) as client:
        portfolio = client.api.portfolio
        assert list(await portfolio.get_portfolio_ledger(account_id=ACCOUNT)) == ["USD"]
        found = await portfolio.get_portfolio_summary(account_id=ACCOUNT)
        assert list(found) == ["netliquidation"]
        with pytest.raises(IncompleteList, match="stream that subscribes"):
            await client.api.accounts.get_pnl()
        with pytest.raises(IncompleteList, match="proves nothing"):
            await portfolio.get_all_subaccounts()
        ready = True
        assert (await client.api.accounts.get_pnl()).upnl
    counts = [
        len(gateway.names(each)) for each in ("ledger", "summary", "partitioned", "subaccounts")
    ]
    assert counts == [2, 3, 4, 3]


@pytest.mark.parametrize(
    ("positions", "believed", "requests"),
    [([[], []], True, 1), ([[], [{"conid": 1}]], False, 3), ([Reply(500)], False, 3)],
)
async def test_no_profit_and_loss_is_believed_only_without_positions(
    raw: RawGateway,
    monkeypatch: pytest.MonkeyPatch,
    positions: list[object],
    believed: bool,
    requests: int,
) -> None:
    """Recorded on a paper account: ``{"upnl": {}}``. IBKR sends the same before it has values."""
    monkeypatch.setattr(first_answer, "READY", Backoff(0.01, 0.01))

    def answer(call: Call) -> object:
        if call.path.endswith("/pnl/partitioned"):
            return {"upnl": {}}
        return positions.pop(0) if call.path.endswith("/positions/0") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        if believed:
            assert (await client.api.accounts.get_pnl()).upnl == {}
        else:
            with pytest.raises(IncompleteList, match="stream that subscribes"):
                await client.api.accounts.get_pnl()
    assert positions == []
    assert len(gateway.names("partitioned")) == requests


async def test_an_empty_first_response_is_requested_again(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_answer, "READY", Backoff(0.01, 0.01))
    cold = True

    def answer(call: Call) -> object:
        nonlocal cold
        if call.path == "/iserver/secdef/search":
            was, cold = cold, False
            return [] if was or call.query["symbol"] == "NONE" else [rows.search_hit(265598)]
        return [] if call.path.endswith("/positions") else None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, pacing=False) as client:
        contracts = client.api.contracts
        assert len(await contracts.search_contracts(symbol="AAPL")) == 1
        assert await contracts.search_contracts(symbol="NONE") == []
        assert len(gateway.names("search")) == 3
        for _ in range(2):
            assert await client.api.portfolio.get_combo_positions(account_id=ACCOUNT) == []
        assert len(gateway.names("combo")) == 3


async def test_empty_contracts_are_checked_with_a_search(raw: RawGateway) -> None:
    searched = False
    option = {
        "conid": 7, "currency": "USD", "exchange": "SMART", "ticker": "AAPL", "secType": "OPT",
        "listingExchange": None, "companyName": "APPLE INC", "validExchanges": "SMART",
        "right": "C", "strike": 295.0,
    }  # fmt: skip

    def answer(call: Call) -> object:
        nonlocal searched
        match call.path:
            case "/iserver/secdef/search":
                searched = True
                return [rows.search_hit(265598)]
            case "/iserver/secdef/info":
                return [option] if searched else []
            case "/trsrv/secdef":
                return {"secdef": [{"conid": 265598, "ticker": "AAPL"}]}
            case _:
                return None

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        (found,) = await client.api.contracts.get_contract_info(
            conid=265598, sec_type="OPT", month="JUL26", strike=295, right="C"
        )
        assert (found.conid, found.right) == (7, "C")
        searched = False
        assert await client.api.contracts.get_contract_info(issuer_id="e1", sec_type="BOND") == []


async def test_a_combination_has_a_quote_and_a_stream(raw: RawGateway) -> None:
    spread = "28812380;;;646629987/-1,646629993/2,646630013/-1"
    row = {"conidEx": spread, "conid": 28812380, "31": "0.55", "84": "0.50", "86": "0.60"}
    sizes = {"85": "1", "88": "1", "7059": "1", "6509": "RpB"}

    def answer(call: Call) -> object:
        asked = call.query.get("conids")
        return [{**row, **sizes}] if asked == spread else None

    def command(peer: Peer, text: str) -> None:
        if text.startswith("smd"):
            for more in ({"_updated": 1693723590349}, row, {"84": "0.51"}):
                peer.frame(json.dumps({**more, "topic": f"smd+{spread}"}).encode())

    gateway = ScriptedGateway(raw, answer, command)
    async with AsyncClient(raw.base_url) as client:
        (found,) = await client.quotes([spread], timeout=60)
        assert found.data is not None
        assert (found.last, found.data.conid_ex) == (Decimal("0.55"), spread)
        async with AsyncWsClient.connect(client) as ws:
            quote = await ws.quote(spread)
            while quote.bid != Decimal("0.51"):
                assert await quote.wait(timeout=30)
            assert (quote.ask, quote.conid, quote.conid_ex) == (Decimal("0.60"), 28812380, spread)
            message = await ws.next_message(timeout=30)
            while not isinstance(message, MarketData):
                message = await ws.next_message(timeout=30)
            assert (message.conid_ex, message.bid) == (spread, Decimal("0.51"))
            await quote.cancel()
            await until(lambda: f"umd+{spread}+{{}}" in gateway.texts)
    assert len(gateway.names("snapshot")) == 1


async def test_market_data_lines_are_counted_and_released(raw: RawGateway) -> None:
    released: list[int] = []

    def answer(call: Call) -> object:
        if call.path == "/iserver/marketdata/snapshot":
            row = {"31": "5", "84": "4", "86": "6", "85": "1", "88": "1", "7059": "1"}
            return [{**row, "conid": int(each)} for each in call.query["conids"].split(",")]
        if call.path == "/iserver/marketdata/unsubscribe":
            released.append(call.body["conid"])
            return (
                {"success": True} if call.body["conid"] != 2 else Reply(500, {"error": "unknown"})
            )
        return None

    gateway = ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url, pacing=False, max_market_data_lines=2) as client:
        assert client.market_data_lines == 0
        await client.quotes([1, 2])
        assert client.market_data_lines == 2
        await client.quotes([2, 1])
        assert released == []
        async with AsyncWsClient.connect(client) as ws:
            # This releases the market data of contract 2, whose snapshot is the oldest.
            first = await ws.subscribe_market_data(3)
            assert (released, client.market_data_lines) == ([2], 2)
            second = await ws.quote(3)
            third = await ws.subscribe_market_data(1)
            assert (released, client.market_data_lines) == ([2], 2)
            with pytest.raises(TooManyLines, match="only 0 of 2 are free") as caught:
                await client.quotes([4])
            error = caught.value
            assert (error.needed, error.free, error.limit) == (1, 0, 2)
            with pytest.raises(TooManyLines):
                await ws.quote(4)
            assert await client.quotes([1, 3, 1])  # these have lines already
            await client.release_snapshots()
            assert (released, client.market_data_lines) == ([2], 2)
            await first.cancel()
            assert client.market_data_lines == 2
            await second.cancel()
            assert client.market_data_lines == 1
            await client.quotes([4])
            await third.cancel()
            await client.quotes([1])
        assert client.market_data_lines == 2
        await client.release_snapshots()
        assert (released, client.market_data_lines) == ([2, 4, 1], 0)
    assert len(gateway.names("unsubscribe")) == 3
    assert gateway.names("snapshot")


async def test_market_data_lines_of_raw_calls_are_counted(raw: RawGateway) -> None:
    def answer(call: Call) -> object:
        if call.path == "/iserver/marketdata/snapshot":
            return [{"conid": int(each)} for each in call.query["conids"].split(",")]
        if call.path == "/iserver/marketdata/unsubscribe":
            return {"success": True}
        return {"unsubscribed": True} if call.path.endswith("/unsubscribeall") else None

    ScriptedGateway(raw, answer)
    snapshot, unsubscribe = "/iserver/marketdata/snapshot", "/iserver/marketdata/unsubscribe"
    async with AsyncClient(raw.base_url, pacing=False) as client:
        await client.request("GET", snapshot, params={"conids": "1,2,3", "fields": "31"})
        assert client.market_data_lines == 3
        await client.api.market_data.get_md_snapshot(conids=[3, 4], fields=["31"])
        assert client.market_data_lines == 4
        await client.request("POST", unsubscribe, json={"conid": 1})
        assert client.market_data_lines == 3
        await client.api.market_data.close_md_stream(conid=2)
        assert client.market_data_lines == 2
        await client.request("GET", unsubscribe + "all")
        assert client.market_data_lines == 0


async def test_quotes_that_another_session_has_are_an_error(raw: RawGateway) -> None:
    def answer(call: Call) -> object:
        if call.path.endswith("/snapshot"):
            return [{"conid": 1, "6509": "N"}]
        return {**STATUS, "competing": True} if call.path.endswith("/status") else None

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        await client.health()
        with pytest.raises(CompetingSession, match="no contract has market data"):
            await client.quotes([1], timeout=60)


async def test_the_life_of_an_order_from_inactive_to_cancelled(raw: RawGateway) -> None:
    whole = rows.order(7, ACCOUNT, "Inactive", order_ccp_status="Pending Submit", price="1.00")
    frames: list[dict[str, Any]] = [whole, {"acct": ACCOUNT, "orderId": 7, "conid": 265598}]
    frames += [
        {"acct": ACCOUNT, "orderId": 7, "status": status}
        for status in ("PendingSubmit", "PreSubmitted", "Submitted")
    ]
    frames.append({**whole, "status": "PendingCancel", "order_ccp_status": "Submitted"})
    peers: list[Peer] = []

    def command(peer: Peer, text: str) -> None:
        if text.startswith("sor"):
            peer.frame(json.dumps({"topic": "sor", "args": [whole]}).encode())
            peers.append(peer)

    def answer(call: Call) -> object:
        listed = {"orders": [whole], "snapshot": True}
        return listed if call.path == "/iserver/account/orders" else None

    ScriptedGateway(raw, answer, command)
    async with AsyncClient(raw.base_url) as client, AsyncWsClient.connect(client) as ws:
        await ws.subscribe_orders()
        await ws.orders.wait(timeout=30)
        for frame in frames:
            peers[0].frame(json.dumps({"topic": "sor", "args": [frame]}).encode())
            message = await ws.next_message(timeout=30)
            while not isinstance(message, OrderUpdate):
                message = await ws.next_message(timeout=30)
            assert list(ws.orders) == [7]
            assert str(ws.orders[7].price) == "1.00"
        ended = {"orderId": 7, "status": "Cancelled", "order_ccp_status": "Cancelled"}
        peers[0].frame(json.dumps({"topic": "sor", "args": [ended]}).encode())
        await until(lambda: not list(ws.orders))


async def test_the_replies_to_a_bracket_say_which_is_which(raw: RawGateway) -> None:
    def answer(call: Call) -> object:
        if not call.path.endswith("/orders"):
            return None
        return [
            {"order_id": "1002", "order_status": "PreSubmitted", "parent_order_id": "1001"},
            {"order_id": "1001", "order_status": "Submitted", "local_order_id": "mine-1"},
        ]

    ScriptedGateway(raw, answer)
    async with AsyncClient(raw.base_url) as client:
        replies = await client.api.orders.submit_new_orders(
            account_id=ACCOUNT, orders=[TICKET, TICKET]
        )
    assert [(each.order_id, each.client_order_id, each.parent_order_id) for each in replies] == [
        (1002, None, 1001),
        (1001, "mine-1", None),
    ]


async def test_parameters_that_the_document_lacks_are_sent(raw: RawGateway) -> None:
    """Other clients and IBKR's pages have them, but IBKR's OpenAPI document has not."""
    gateway = ScriptedGateway(
        raw, lambda call: Reply(400, {"error": "no"}) if "accounts" not in call.path else None
    )
    async with AsyncClient(raw.base_url, pacing=False, retries=0) as client:
        contracts, portfolio = client.api.contracts, client.api.portfolio
        calls: list[tuple[dict[str, str], Any]] = [
            ({"isBuy": "false"}, partial(contracts.get_info_and_rules, conid=1, is_buy=False)),
            ({"page": "2"}, partial(portfolio.get_many_subaccounts, page=2)),
            (
                {"period": "7D"},
                partial(
                    portfolio.get_paginated_positions, account_id=ACCOUNT, page=0, period="7D"
                ),
            ),
            (
                {"sort": "name"},
                partial(portfolio.get_uncached_positions, account_id=ACCOUNT, sort="name"),
            ),
            (
                {"barType": "Bid", "startTime": "20261126-10:00:00", "direction": "1"},
                partial(
                    client.api.market_data.get_hmds_history,
                    conid=1, period="1d", start_time="20261126-10:00:00", direction=1, source="Bid",
                ),
            ),
        ]  # fmt: skip
        for query, call in calls:
            with contextlib.suppress(BezantError):
                await call()
            assert query.items() <= gateway.calls[-1].query.items()
        with contextlib.suppress(BezantError):
            await contracts.get_contract_rules(conid=1, exchange="NYSE")
        assert gateway.calls[-1].body == {"conid": 1, "exchange": "NYSE"}
