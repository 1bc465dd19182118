"""Tests of orders through `client.trading()`: placement, questions, progress, changes, previews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import bezant
from bezant import AsyncClient, AsyncTrading, Buy, InvalidRequest, Question, Sell
from bezant._core.trading import lookup
from bezant.errors import BezantError
from bezant.sim import SimulatedGateway
from tests.support._async import later, pause, result, until
from tests.support.order_server import ACCOUNT, CONID, Fault, OrderServer, reply

# <async-only>
import asyncio  # isort: skip

# </async-only>

BUY = Buy(CONID, 10, limit="240.50")


@pytest.fixture
def server(_no_threads_left: None) -> Iterator[OrderServer]:
    with OrderServer() as running:
        yield running


def connected(server: OrderServer, **options: Any) -> AsyncClient:
    return AsyncClient(server.base_url, **({"timeout": 5.0, "max_wait": 0.05} | options))


def bodies(server: OrderServer, call: str) -> list[Any]:
    return [body for name, _, body in server.calls if name == call]


async def test_an_order_costs_one_request_once_its_rules_are_known(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        first = await trading.buy(CONID, 10, limit="240.50")
        before = len(server.calls)
        second = await trading.place(BUY)
        assert [name for name, _, _ in server.calls[before:]] == ["place"]
        assert first.client_order_id != second.client_order_id
        assert first.client_order_id.startswith(f"bezant-buy-{CONID}-")
        assert trading.trades == (first, second)
        assert first.group == (first,)
        assert first.account_id == trading.account_id == ACCOUNT
        assert "BUY 10 265598 LMT" in repr(first)
        name = AsyncTrading.__name__
        assert repr(trading) == f"<{name} {ACCOUNT}, 2 trades>"
    assert bodies(server, "rules") == [{"conid": CONID, "isBuy": True}]
    ticket = bodies(server, "place")[0]["orders"][0]
    assert ticket == {
        "acctId": ACCOUNT, "cOID": first.client_order_id, "conid": CONID, "orderType": "LMT",
        "price": 240.5, "quantity": 10, "side": "BUY", "tif": "DAY",
    }  # fmt: skip


async def test_prices_are_checked_before_anything_is_sent(server: OrderServer) -> None:
    async with connected(server) as client:
        trading = client.trading(ACCOUNT, client_order_id_prefix="bot")
        with pytest.raises(InvalidRequest, match=r"nearest are 240 and 240\.01"):
            await trading.sell(CONID, 1, limit="240.005")
        assert server.count("place") == 0
        trade = await trading.sell(CONID, 1, limit="240.005", round_prices="up")
        assert trade.order == Sell(CONID, 1, limit="240.01")
        assert trade.client_order_id.startswith("bot-sell-")
        rounding = client.trading(ACCOUNT, round_prices="down")
        trade = await rounding.sell(CONID, 1, limit="240.005")
        assert trade.order == Sell(CONID, 1, limit=240)
        careless = client.trading(ACCOUNT, check_rules=False)
        before = server.count("rules")
        await careless.sell(CONID, 1, limit="240.005")
        assert server.count("rules") == before


async def test_arguments_are_checked(server: OrderServer) -> None:
    async with connected(server) as client:
        for options in (
            {"account_id": " "},
            {"answers": 5},
            {"client_order_id_prefix": "a b"},
            {"round_prices": "off"},
            {"settle_within": -1},
            {"ws": 5},
        ):
            arguments: dict[str, Any] = {"account_id": ACCOUNT} | options
            with pytest.raises(InvalidRequest):
                client.trading(**arguments)
        trading = client.trading(ACCOUNT)
        unfit: Any = 5
        for call in (
            lambda: trading.place(unfit),
            lambda: trading.place(BUY, round_prices=unfit),
            lambda: trading.place(BUY, answers=unfit),
            lambda: trading.preview(unfit),
            lambda: trading.suppress_questions(),
            lambda: trading.suppress_questions(unfit),
        ):
            with pytest.raises(InvalidRequest):
                await call()
    assert server.calls == []


async def test_prepared_answers_are_given_by_message_id(server: OrderServer) -> None:
    seen: list[Question] = []

    def decide(question: Question) -> bool | None:
        seen.append(question)
        return question.message_ids == ("o163",)

    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        server.asks += [["o163"], ["o354"]]
        trade = await trading.place(BUY, answers={"o163": True, "o354": True})
        assert trade.order_id == 100
        server.asks.append(["o163"])
        await trading.place(BUY, answers=decide)
        assert [each.text for each in seen] == ["Sure? Really ?"]
        server.asks.append(["o383"])
        with pytest.raises(bezant.OrderDeclined) as caught:
            await trading.place(BUY, answers=decide)
        assert caught.value.message_ids == ("o383",)
    assert [yes for _, yes in server.answered] == [True, True, True, False]
    assert len(server.orders) == 2


async def test_an_unforeseen_question_is_an_error_that_can_be_confirmed(
    server: OrderServer,
) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        server.asks += [["o163"], ["o354"]]
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await trading.place(BUY)
        question = caught.value
        assert isinstance(question, bezant.OpenQuestion)
        assert (question.message_ids, question.text) == (("o163",), "Sure? Really ?")
        assert question.question.kinds[0].name == "PRICE_PERCENTAGE"
        assert "answers={'o163': True}" in str(question)
        assert server.orders == {}
        # No other order of the account is sent meanwhile.
        with pytest.raises(bezant.AccountBusy):
            await trading.place(BUY)
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await question.confirm()
        with pytest.raises(InvalidRequest, match="has had its reply"):
            await question.confirm()
        trade = await caught.value.confirm()
        assert trade.order_id == 100
        server.asks.append(["o163"])
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await trading.place(BUY)
        await caught.value.decline()
        with pytest.raises(InvalidRequest, match="has had its reply"):
            await caught.value.decline()
    assert [yes for _, yes in server.answered] == [True, True, False]
    assert len(server.orders) == 1


async def leave_open(
    client: AsyncClient, server: OrderServer, error: BaseException | None = None
) -> bezant.AsyncOrderQuestion:
    """Leave a trading context with an open question, with or without an error."""
    async with client.trading(ACCOUNT) as trading:
        server.asks.append(["o163"])
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await trading.place(BUY)
        if error is not None:
            error.__cause__ = caught.value
            raise error
    return caught.value


async def test_a_question_left_open_is_declined_at_the_end(server: OrderServer) -> None:
    async with connected(server) as client:
        question = await leave_open(client, server)
        with pytest.raises(InvalidRequest, match="end of the with block"):
            await question.confirm()
        with pytest.raises(ZeroDivisionError):
            await leave_open(client, server, ZeroDivisionError())
        assert bodies(server, "reply") == [{"confirmed": False}] * 2
        await client.trading(ACCOUNT).place(BUY)
    assert len(server.orders) == 1


async def test_a_question_that_cannot_be_declined_is_an_unknown_outcome(
    server: OrderServer,
) -> None:
    async with connected(server) as client:
        server.faults.append(Fault("reply", at="read"))
        with pytest.raises(bezant.OutcomeUnknown, match="could not be declined"):
            await leave_open(client, server)
        # The question may still be open, so other orders of the client wait.
        with pytest.raises(bezant.AccountBusy):
            await client.trading(ACCOUNT.lower()).place(BUY)
    async with connected(server) as client:
        server.faults.append(Fault("reply", at="read"))
        with pytest.raises(ZeroDivisionError) as caught:
            await leave_open(client, server, ZeroDivisionError())
        assert "could not be declined" in caught.value.__notes__[0]
    assert server.count("reply") == 2


async def test_a_decline_takes_at_most_some_seconds(
    server: OrderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bezant._async.trading import trading as module

    monkeypatch.setattr(module, "_DECLINING", 0.1)
    async with connected(server, timeout=30.0) as client:
        server.faults.append(Fault("reply", at="read", how="silence"))
        with pytest.raises(bezant.OutcomeUnknown, match=r"no response within 0\.1 s"):
            await leave_open(client, server)


# <async-only>
async def test_a_cancelled_task_declines_its_question(server: OrderServer) -> None:
    async with connected(server) as client:
        server.asks.append(["o163"])

        async def trade() -> None:
            async with client.trading(ACCOUNT) as trading:
                with pytest.raises(bezant.AsyncOrderQuestion):
                    await trading.place(BUY)
                await asyncio.sleep(60)

        task = asyncio.ensure_future(trade())
        await until(lambda: server.count("place"))
        await pause(0.1)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # once more, while the question is being declined
        with pytest.raises(asyncio.CancelledError):
            await task
    assert bodies(server, "reply") == [{"confirmed": False}]
    assert server.orders == {}


async def test_a_task_cancelled_within_the_call_leaves_the_trade_unresolved(
    server: OrderServer,
) -> None:
    async with connected(server) as client:
        trading = client.trading(ACCOUNT)
        server.faults.append(Fault("place", at="handled", how="silence"))
        task = asyncio.ensure_future(trading.place(BUY))
        await until(lambda: server.orders)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert "may have been carried out" in caught.value.__notes__[0]
        [trade] = trading.unresolved
        assert trade.order_id is None
        await trade.resolve()
        assert trade.order_id == 100
        assert trading.trades == (trade,)
        server.asks.append(["o163"])
        server.faults.append(Fault("reply", at="handled", how="silence"))
        task = asyncio.ensure_future(trading.place(BUY, answers={"o163": True}))
        await until(lambda: len(server.orders) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        [trade] = trading.unresolved
        await trade.wait(timeout=0.01)
        assert trade.order_id == 101
    assert (server.count("place"), server.count("reply")) == (2, 1)


# </async-only>


async def test_a_question_stays_open_if_its_reply_was_not_sent(server: OrderServer) -> None:
    paced = connected(server, pacing=True)
    async with paced as client, client.trading(ACCOUNT) as trading:
        server.asks.append(["o163"])
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await trading.place(BUY)
        penalty = reply(b"", "429 Too Many Requests")
        server.faults.append(Fault("rules", instead=penalty))
        with pytest.raises(bezant.RateLimited):
            await trading.sell(CONID, 1)
        # During the penalty nothing is sent.
        with pytest.raises(bezant.PacingError):
            await caught.value.confirm()
        client.end_penalty()
        trade = await caught.value.confirm()
        assert trade.order_id == 100
    assert server.count("reply") == 1


async def test_a_bracket_has_the_trades_of_its_exits(server: OrderServer) -> None:
    order = bezant.bracket(BUY, profit=250, stop=230, more=[Sell(CONID, 1, limit=260)])
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(order)
        assert isinstance(trade, bezant.AsyncBracketTrade)
        assert (trade.order_id, trade.group) == (100, (trade, *trade.children))
        assert trade.profit is not None
        assert trade.stop is not None
        assert [each.order_id for each in trade.children] == [101, 102, 103]
        assert (trade.profit.order_id, trade.stop.order_id) == (101, 102)
        assert trade.profit.status == "PreSubmitted"
        assert await trade.cancel() == "Cancelled"
        assert {each.status for each in trade.group} == {"Cancelled"}
        assert server.count("cancel") == 1
        filled = await trading.place(bezant.bracket(BUY, stop=230))
        assert filled.profit is None
        server.fill(104, 10, 240)
        assert await filled.cancel() == "Filled"
        assert filled.stop is not None
        assert filled.stop.status == "Cancelled"
    tickets = bodies(server, "place")[0]["orders"]
    assert [each.get("parentId") for each in tickets] == [None, *[trade.client_order_id] * 3]
    assert ["cOID" in each for each in tickets] == [True, False, False, False]


BRACKET = bezant.bracket(BUY, profit=250, stop=230)


async def test_a_bracket_is_complete_after_the_question_about_an_exit(
    server: OrderServer,
) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        server.asks_about = 2
        trade = await trading.place(BRACKET, answers={"o163": True})
        assert trade.profit is not None
        assert trade.stop is not None
        assert (trade.profit.order_id, trade.stop.order_id) == (101, 102)
        assert server.orders[102].parent_id == 100


async def decline_exit(trading: AsyncTrading) -> None:
    await trading.place(BRACKET, answers={"o163": False})


async def decline_question_about_exit(trading: AsyncTrading) -> None:
    with pytest.raises(bezant.AsyncOrderQuestion) as caught:
        await trading.place(BRACKET)
    await caught.value.decline()


async def leave_question_about_exit(trading: AsyncTrading) -> None:
    async with trading:
        with pytest.raises(bezant.AsyncOrderQuestion):
            await trading.place(BRACKET)


@pytest.mark.parametrize(
    "decline", [decline_exit, decline_question_about_exit, leave_question_about_exit]
)
async def test_an_entry_does_not_stay_without_its_stop(server: OrderServer, decline: Any) -> None:
    async with connected(server) as client:
        server.asks_about = 2
        with pytest.raises(bezant.PartlyPlaced) as caught:
            await decline(client.trading(ACCOUNT))
        assert {each.order_id for each in caught.value.trades} == {100, 101}
        assert {each.status for each in caught.value.trades} == {"Cancelled"}
    assert {each.status for each in server.orders.values()} == {"Cancelled"}
    assert bodies(server, "reply") == [{"confirmed": False}]


async def test_an_order_that_waits_for_a_lost_question_stays_unknown(
    server: OrderServer,
) -> None:
    server.inactive = True
    server.faults.append(Fault("place", at="handled"))
    async with connected(server) as client:
        trading = client.trading(ACCOUNT, settle_within=0.1)
        with pytest.raises(bezant.OutcomeUnknown, match="waits for a reply") as caught:
            await trading.place(BUY)
        trade = caught.value.trade
        assert trading.unresolved == (trade,)
        server.inactive = False
        server.orders[100].status = "Submitted"
        await client.api.orders.get_open_orders(force=True)
        await trade.resolve()
        assert trade.order_id == 100


async def test_a_question_about_a_bracket_can_be_declined(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        server.asks.append(["o163"])
        with pytest.raises(bezant.OrderDeclined):
            await trading.place(bezant.bracket(BUY, stop=230), answers={"o163": False})
    assert server.orders == {}


async def test_a_group_has_a_trade_for_each_order(server: OrderServer) -> None:
    group = bezant.one_cancels_all(BUY, Buy(CONID, 10, limit=239))
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        first, second = await trading.place(group)
        assert (first.order_id, second.order_id) == (100, 101)
        assert second.group == (first, second)
    tickets = bodies(server, "place")[0]["orders"]
    assert [each["isSingleGroup"] for each in tickets] == [True, True]


async def test_a_trade_waits_for_fills_and_commission(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(BUY)
        assert not await trade.wait(timeout=0.05)
        assert not trade.done
        server.fill(100, 4, 240, commission=False)
        waiting = later(lambda: trade.wait(timeout=30))
        await pause(0.1)
        server.fill(100, 6, 241)
        await until(lambda: trade.done)
        # The execution comes again, now with its commission.
        server.executions[0]["commission"] = "0.25"
        server.executions.append(dict(server.executions[1]))
        assert await result(waiting)
        assert trade.status == "Filled"
        assert (trade.filled, trade.remaining) == (Decimal(10), Decimal(0))
        assert (trade.average_price, trade.commission) == (Decimal("240.6"), Decimal("0.75"))
        assert [each.size for each in trade.fills] == [4, 6]
        assert ", 10 filled" in repr(trade)
        assert await trade.cancel() == "Filled"
    assert server.count("cancel") == 0


async def test_a_wait_survives_failures_of_the_gateway(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(BUY)
        server.fill(100, 10, 240)
        gone = reply({"error": "Service Unavailable", "statusCode": 503}, "503 X")
        server.faults += [
            Fault("status", at="handled"),
            Fault("status", instead=gone),
            Fault("trades", instead=gone),
        ]
        assert await trade.wait(timeout=30)
        assert trade.commission == Decimal("0.5")
        await trading.place(BUY)
        server.faults.append(Fault("status", instead=reply(b"", "401 Unauthorized")))
        with pytest.raises(bezant.NotAuthenticated):
            await trading.trades[1].wait(timeout=30)


async def test_a_cancelled_order_can_fill_first(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(BUY)
        server.fills_at_cancel = True
        assert await trade.cancel() == "Filled"
        refused = await trading.place(BUY)
        server.faults.append(
            Fault("cancel", instead=reply({"error": "Order is inactive"}, "400 X"))
        )
        with pytest.raises(bezant.BadRequest, match="inactive"):
            await refused.cancel()
        assert refused.status == "Submitted"
        late = await trading.place(BUY)
        server.fill(102, 10, 240)  # between two looks at the order
        assert await late.cancel() == "Filled"


async def test_an_order_is_changed_as_a_whole(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(BUY)
        server.asks.append(["o163"])
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await trade.modify(limit="241")
        assert trade.order == BUY
        assert await caught.value.confirm() is trade
        assert trade.order == BUY.replace(limit=241)
        await trade.modify(7, answers={}, round_prices="down", limit="241.009")
        assert (trade.order, trade.quantity) == (Buy(CONID, 7, limit=241), Decimal(7))
        server.asks.append(["o163"])
        with pytest.raises(bezant.OrderDeclined):
            await trade.modify(limit="242", answers={"o163": False})
        refusal = reply([{"error": "No such price"}])
        server.faults.append(Fault("modify", instead=refusal))
        with pytest.raises(bezant.Refused, match="No such price"):
            await trade.modify(limit="242")
        assert trade.order == Buy(CONID, 7, limit=241)
    assert bodies(server, "modify")[0] == {
        "conid": CONID, "orderType": "LMT", "price": 241, "quantity": 10, "side": "BUY",
        "tif": "DAY",
    }  # fmt: skip


async def test_the_change_of_an_order_that_has_ended_never_arrived(
    server: OrderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "LIST_INTERVAL", 0.02)
    monkeypatch.setattr(lookup, "QUESTION_LASTS", 0.05)
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(BUY)
        server.faults.append(Fault("modify", at="read"))
        server.fill(100, 10, 240)
        with pytest.raises(bezant.NeverArrived, match=r"has ended \(Filled\)"):
            await trade.modify(limit="241")


async def test_a_lost_change_stays_unknown_without_the_gateway(server: OrderServer) -> None:
    async with connected(server) as client:
        trading = client.trading(ACCOUNT, settle_within=0.05)
        trade = await trading.place(BUY)
        server.faults += [Fault("modify", at="handled"), Fault("status", at="head", times=1000)]
        with pytest.raises(bezant.OutcomeUnknown) as caught:
            await trade.modify(limit="241")
        assert caught.value.trade is trade
        server.faults.append(Fault("cancel", at="handled"))
        with pytest.raises(bezant.OutcomeUnknown) as caught:
            await trade.cancel()
        assert caught.value.trade is trade


async def test_orders_of_other_programs_have_trades(server: OrderServer) -> None:
    async with connected(server) as client:
        mine = await client.trading(ACCOUNT).place(BUY)
        trading = client.trading(ACCOUNT)
        [trade] = await trading.open_trades()
        assert (trade.order_id, trade.client_order_id) == (100, mine.client_order_id)
        assert trade.order is None
        assert repr(trade).endswith("order 100: Submitted>")
        await trade.modify(limit="242")
        assert trade.order == Buy(CONID, 10, limit=242)
        assert await trading.open_trades() == [trade]
        assert await trade.cancel() == "Cancelled"
        await client.api.orders.get_open_orders(force=True)
        assert await trading.open_trades() == []
        assert trading.trades == (trade,)


async def test_an_order_of_an_earlier_session_is_read_from_the_list(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        trade = await trading.place(BUY)
        unknown = reply({"error": "Order 100 is not found", "statusCode": 503}, "503 X")
        server.faults.append(Fault("status", instead=unknown))
        await trade.refresh()
        assert trade.status == "Submitted"
        await client.api.orders.get_open_orders(force=True)
        server.orders.clear()
        with pytest.raises(BezantError):
            await trade.refresh()


async def test_all_orders_are_cancelled_with_one_request(server: OrderServer) -> None:
    async with connected(server) as client, client.trading(ACCOUNT) as trading:
        await trading.place(BUY)
        await trading.place(BUY)
        await trading.cancel_all()
    assert {each.status for each in server.orders.values()} == {"Cancelled"}
    assert server.count("cancel") == 1


async def test_suppressed_questions_are_merged(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        trading = client.trading(gateway.account_id)
        await trading.suppress_questions("o163")
        await trading.suppress_questions("o354", "o163")
        sent = [each for each in gateway.requests if each.path.endswith("/suppress")]
        assert [json.loads(each.body)["messageIds"] for each in sent] == [
            ["o163"],
            ["o163", "o354"],
        ]


async def test_a_symbol_names_the_contract(gateway: SimulatedGateway) -> None:
    gateway.set_price("AAPL", 250)
    async with AsyncClient(gateway.base_url) as client:
        async with client.trading(gateway.account_id) as trading:
            trade = await trading.buy("AAPL", 10, limit=249)
            gateway.set_price("AAPL", 240)
            assert await trade.wait(timeout=60)
            assert trade.status == "Filled"
            assert trade.average_price == Decimal("240.01")
            assert trade.commission == 1
            with pytest.raises(bezant.SymbolNotFound):
                await trading.buy("NOSUCH", 10, limit=249)


async def test_a_preview_is_typed(gateway: SimulatedGateway) -> None:
    gateway.set_price("AAPL", 250)
    async with AsyncClient(gateway.base_url) as client:
        trading = client.trading(gateway.account_id)
        preview = await trading.preview(Buy("AAPL", 10))
        assert preview.commission == 1
        margin = preview.margin.initial
        assert margin.before is not None
        assert margin.change is not None
        assert margin.after is not None
        assert abs(margin.after - margin.before - margin.change) < 1
        assert preview.position.change == 10
        assert preview.warnings[0].id == "21"
        with pytest.raises(bezant.PreviewRefused):
            await trading.preview(Buy("AAPL", 10_000_000))
        spread = bezant.combo([(265598, 1), (272093, -1)])
        with pytest.raises(BezantError):
            await trading.preview(Buy(spread, 1, limit=1))


async def test_a_stream_ends_the_wait(gateway: SimulatedGateway) -> None:
    gateway.set_price("AAPL", 250)
    async with AsyncClient(gateway.base_url) as client:
        async with bezant.AsyncWsClient.connect(client) as ws:
            await ws.subscribe_orders()
            trading = client.trading(gateway.account_id, ws=ws)
            trade = await trading.buy("AAPL", 10, limit=249)
            waiting = later(lambda: trade.wait(timeout=60))
            await pause(0.1)
            gateway.set_price("AAPL", 240)
            assert await result(waiting)
        assert trade.status == "Filled"
        assert await trading.trades[0].wait(timeout=1)
