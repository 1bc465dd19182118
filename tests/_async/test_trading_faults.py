"""Attacks on orders: faults at each position of each call that changes an order.

After each fault, the server's orders must be those that the client reports, and no call may have
been sent twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

import bezant
from bezant import AsyncClient, AsyncTrading, BezantError, NeverArrived, OutcomeUnknown
from bezant._core.trading import lookup
from tests.support._async import gather
from tests.support.order_server import ACCOUNT, CONID, Fault, OrderServer, reply

# Positions at which the server has handled the call, and those before.
HANDLED = ("handled", "status line", "response")
BREAKS: list[Any] = [
    pytest.param({"at": at, "how": how}, id=f"{at}-{how}")
    for at in ("head", "body", "read", *HANDLED)
    for how in ("reset", "close")
] + [
    pytest.param({"at": at, "how": "silence"}, id=f"{at}-silence")
    for at in ("read", "handled", "response")
]
LOGIN = b"HTTP/1.1 302 Found\r\nLocation: /sso/Login?forwardTo=22\r\nContent-Length: 0\r\n\r\n"
# Responses that do not say whether the call was carried out.
VAGUE: list[Any] = [
    pytest.param({"instead": sent, "acts": acts}, id=f"{name}-{'acts' if acts else 'lost'}")
    for name, sent in {
        "503": reply({"error": "Service Unavailable", "statusCode": 503}, "503 X"),
        "500": reply(b"", "500 X"),
        "empty": reply(b""),
        "[]": reply([]),
        "{}": reply({}),
        "cut-json": reply(b'[{"order_id":"1'),
        "html": reply(b"<html>Bad gateway</html>", "502 X", "text/html"),
    }.items()
    for acts in (True, False)
]
# Responses that say that the call was not carried out.
CLEAR: list[Any] = [
    pytest.param({"instead": sent}, id=name)
    for name, sent in {
        "429": reply(b"", "429 Too Many Requests"),
        "401": reply(b"", "401 Unauthorized"),
        "login-page": LOGIN,
        "error-in-200": reply({"error": "No trading permissions"}),
    }.items()
]


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "LIST_INTERVAL", 0.02)
    monkeypatch.setattr(lookup, "QUESTION_LASTS", 0.05)


@pytest.fixture
def server(_no_threads_left: None) -> Iterator[OrderServer]:
    with OrderServer() as running:
        yield running


def connected(server: OrderServer) -> AsyncClient:
    return AsyncClient(server.base_url, timeout=0.5, pacing=False, max_wait=0.05)


def trading(client: AsyncClient) -> AsyncTrading:
    return client.trading(ACCOUNT, settle_within=10.0)


BUY = bezant.Buy(CONID, 10, limit="240.50")
BRACKET = bezant.bracket(BUY, profit="250", stop="230")


async def placed(client: AsyncClient, order: Any, **extra: Any) -> Any:
    """Place an order; return the trade, or the error."""
    try:
        result: Any = await trading(client).place(order, **extra)
    except BezantError as error:
        return error
    return result


def check_single(server: OrderServer, result: Any, *, handled: bool) -> None:
    assert server.count("place") <= 1
    names = [each.name for each in server.orders.values()]
    assert len(set(names)) == len(names)
    if handled:
        assert isinstance(result, bezant.AsyncTrade), result
        [order] = server.orders.values()
        assert (result.order_id, result.client_order_id) == (order.order_id, order.name)
        assert order.ticket["price"] == 240.5
    else:
        assert isinstance(result, NeverArrived), result
        assert result.retryable
        assert not server.orders


@pytest.mark.parametrize("fault", [*BREAKS, *VAGUE])
async def test_the_result_of_a_lost_order_is_found(server: OrderServer, fault: Any) -> None:
    server.faults.append(Fault("place", **fault))
    async with connected(server) as client:
        result = await placed(client, BUY)
    check_single(server, result, handled=_handles(fault))


def _handles(fault: dict[str, Any]) -> bool:
    return fault["acts"] if "instead" in fault else fault["at"] in HANDLED


@pytest.mark.parametrize("fault", CLEAR)
async def test_a_refused_order_raises_the_refusal(server: OrderServer, fault: Any) -> None:
    server.faults.append(Fault("place", **fault))
    async with connected(server) as client:
        result = await placed(client, BUY)
    assert isinstance(result, BezantError)
    assert not isinstance(result, OutcomeUnknown | NeverArrived)
    assert (server.count("place"), server.orders) == (1, {})


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_lost_bracket_is_found_with_its_exits(server: OrderServer, fault: Any) -> None:
    server.faults.append(Fault("place", **fault))
    async with connected(server) as client:
        result = await placed(client, BRACKET)
    assert server.count("place") <= 1
    if not _handles(fault):
        assert isinstance(result, NeverArrived)
        assert not server.orders
        return
    entry, profit, stop = server.orders.values()
    assert result.order_id == entry.order_id
    assert (result.profit.order_id, result.stop.order_id) == (profit.order_id, stop.order_id)
    assert not entry.ticket.get("parentId")
    assert {profit.name, stop.name} == {""}


async def test_a_bracket_whose_exits_are_not_proven_is_an_error(server: OrderServer) -> None:
    server.faults.append(Fault("place", at="handled"))
    server.hides_children = True
    async with connected(server) as client:
        desk = client.trading(ACCOUNT, settle_within=0.3)
        with pytest.raises(bezant.ChildrenUnproven) as caught:
            await desk.place(BRACKET)
        trade = caught.value.trade
        assert trade.order_id == 100
        assert not caught.value.retryable
        assert trade in desk.trades
        assert trade.stop in desk.unresolved
        server.hides_children = False
        await trade.resolve()
        assert (trade.profit.order_id, trade.stop.order_id) == (101, 102)
        assert desk.unresolved == ()
    assert server.count("place") == 1


@pytest.mark.parametrize("fault", [*BREAKS, *VAGUE])
async def test_the_result_of_a_lost_reply_is_found(server: OrderServer, fault: Any) -> None:
    server.asks.append(["o163"])
    server.faults.append(Fault("reply", **fault))
    async with connected(server) as client:
        result = await placed(client, BUY, answers={"o163": True})
    assert server.count("reply") <= 1
    check_single(server, result, handled=_handles(fault))


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_decline_that_is_lost_places_nothing(server: OrderServer, fault: Any) -> None:
    server.asks.append(["o163"])
    server.faults.append(Fault("reply", **fault))
    async with connected(server) as client:
        result = await placed(client, BUY, answers={"o163": False})
    assert isinstance(result, bezant.OrderDeclined)
    assert server.orders == {}
    assert [yes for _, yes in server.answered] in ([], [False])
    bodies = [body for call, _, body in server.calls if call == "reply"]
    assert bodies in ([], [{"confirmed": False}])


@pytest.mark.parametrize("fault", BREAKS)
async def test_a_question_that_is_lost_leaves_the_order_unproven(
    server: OrderServer, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "QUESTION_LASTS", 60.0)
    server.asks.append(["o163"])
    server.faults.append(Fault("place", **fault))
    async with connected(server) as client:
        desk = trading(client)
        with pytest.raises(OutcomeUnknown, match=r"resolve\(\) in \d+ s") as unknown:
            await desk.place(BUY, answers={"o163": True})
        trade = unknown.value.trade
        assert desk.unresolved == (trade,)
        assert unknown.value.client_order_ids == (trade.client_order_id,)
        with pytest.raises(OutcomeUnknown):
            await trade.resolve()
        # The question may still be open, so another order waits for its end.
        with pytest.raises(bezant.AccountBusy) as caught:
            await desk.place(BUY)
        assert caught.value.retry_after is not None
        assert 50 < caught.value.retry_after <= 60
    assert server.orders == {}
    assert server.count("place") <= 1


async def test_the_order_of_a_lost_question_can_go_live_later(
    server: OrderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "QUESTION_LASTS", 60.0)
    server.asks.append(["o163"])
    server.faults.append(Fault("place", at="response"))
    async with connected(server) as client:
        desk = trading(client)
        with pytest.raises(OutcomeUnknown) as unknown:
            await desk.place(BUY)
        server.confirm_all()
        trade = unknown.value.trade
        await trade.resolve()
        assert (trade.order_id, desk.unresolved) == (100, ())


@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_lost_reply_leaves_the_order_unproven(
    server: OrderServer, monkeypatch: pytest.MonkeyPatch, confirmed: Any
) -> None:
    monkeypatch.setattr(lookup, "QUESTION_LASTS", 60.0)
    server.asks.append(["o163"])
    server.faults.append(Fault("reply", at="read"))
    async with connected(server) as client:
        desk = trading(client)
        with pytest.raises(OutcomeUnknown) as unknown:
            await desk.place(BUY, answers={"o163": confirmed})
        assert desk.unresolved == (unknown.value.trade,)
    assert server.count("reply") == 1


async def test_a_lost_question_about_a_change_leaves_the_change_unproven(
    server: OrderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(server) as client:
        desk = trading(client)
        trade = await desk.place(BUY)
        monkeypatch.setattr(lookup, "QUESTION_LASTS", 60.0)
        server.asks.append(["o163"])
        server.faults.append(Fault("modify", at="response"))
        with pytest.raises(OutcomeUnknown) as unknown:
            await trade.modify(limit="241")
        assert unknown.value.trade is trade
        assert desk.unresolved == (trade,)
        with pytest.raises(bezant.AccountBusy):
            await desk.place(BUY)
        with pytest.raises(OutcomeUnknown, match="new terms"):
            await trade.resolve()
        server.confirm_all()
        await trade.resolve()
        assert trade.order == BUY.replace(limit=241)
        assert not desk.unresolved
        await trade.resolve()
        await desk.place(BUY)
    assert server.count("modify") == 1


async def test_a_lost_change_that_the_status_does_not_show_stays_unknown(
    server: OrderServer,
) -> None:
    async with connected(server) as client:
        trade = await client.trading(ACCOUNT, settle_within=0.3).place(BUY)
        server.faults.append(Fault("modify", at="read"))
        with pytest.raises(OutcomeUnknown):
            await trade.modify(outside_rth=True)
        assert trade.order == BUY


@pytest.mark.parametrize("fault", [*BREAKS, *VAGUE])
async def test_the_result_of_a_lost_change_is_found(server: OrderServer, fault: Any) -> None:
    async with connected(server) as client:
        trade = await trading(client).place(BUY)
        server.faults.append(Fault("modify", **fault))
        result: Any = None
        try:
            result = await trade.modify(7, limit="241")
        except BezantError as error:
            result = error
        [order] = server.orders.values()
        assert server.count("modify") <= 1
        terms = (order.ticket["price"], order.ticket["quantity"])
        assert trade.order is not None
        if _handles(fault):
            assert result is trade
            assert terms == (241, 7)
            assert (trade.order.limit, trade.quantity) == (Decimal(241), Decimal(7))
        else:
            assert isinstance(result, NeverArrived)
            assert terms == (240.5, 10)
            assert (trade.order.limit, trade.quantity) == (Decimal("240.50"), Decimal(10))


async def cancelled(trade: Any) -> Any:
    try:
        return await trade.cancel(timeout=5)
    except BezantError as error:
        return error


@pytest.mark.parametrize("fills", [False, True])
@pytest.mark.parametrize("fault", [*BREAKS, *VAGUE])
async def test_the_result_of_a_lost_cancel_is_found(
    server: OrderServer, fault: Any, fills: Any
) -> None:
    server.fills_at_cancel = fills
    async with connected(server) as client:
        trade = await trading(client).place(BUY)
        server.faults.append(Fault("cancel", **fault))
        result = await cancelled(trade)
    [order] = server.orders.values()
    assert server.count("cancel") <= 1
    if _handles(fault):
        assert result == trade.status == order.status == ("Filled" if fills else "Cancelled")
    else:
        assert isinstance(result, NeverArrived)
        assert trade.status == order.status == "Submitted"


async def test_an_order_stays_unknown_until_the_gateway_is_back(server: OrderServer) -> None:
    server.faults += [
        Fault("place", at="handled"),
        Fault("orders", at="head", times=10_000),
    ]
    async with connected(server) as client:
        desk = client.trading(ACCOUNT, settle_within=0.2)
        with pytest.raises(OutcomeUnknown) as caught:
            await desk.place(BUY)
        trade = caught.value.trade
        assert desk.unresolved == (trade,)
        with pytest.raises(OutcomeUnknown):
            await trade.resolve()
        server.faults.clear()
        await trade.resolve()
        assert (trade.order_id, trade.status) == (100, "Submitted")
        assert not desk.unresolved
    assert server.count("place") == 1


async def test_an_order_that_never_arrived_stays_so(server: OrderServer) -> None:
    server.faults.append(Fault("place", at="read"))
    async with connected(server) as client:
        desk = trading(client)
        with pytest.raises(NeverArrived):
            await desk.place(BUY)
        assert desk.unresolved == ()
        assert desk.trades == ()


@pytest.mark.parametrize("refused", [0, 1, 2])
async def test_a_bracket_that_is_refused_in_part_is_taken_back(
    server: OrderServer, refused: int
) -> None:
    server.refuses = refused
    async with connected(server) as client:
        with pytest.raises(bezant.PartlyPlaced) as caught:
            await trading(client).place(BRACKET)
    assert caught.value.reasons == ("No trading permissions",)
    assert {each.status for each in server.orders.values()} == {"Cancelled"}
    assert {each.status for each in caught.value.trades} <= {"Cancelled"}


async def test_a_filled_entry_keeps_the_exits_that_ibkr_has_placed(server: OrderServer) -> None:
    server.refuses = 2
    server.fills_at_cancel = True
    async with connected(server) as client:
        with pytest.raises(bezant.PartlyPlaced, match="you have a position") as caught:
            await trading(client).place(BRACKET)
    assert [each.status for each in caught.value.trades] == ["Filled", "PreSubmitted"]
    assert [each.status for each in server.orders.values()] == ["Filled", "PreSubmitted"]


async def test_orders_that_cannot_be_taken_back_are_named(server: OrderServer) -> None:
    server.refuses = 2
    refusal = reply({"error": "Order is inactive"}, "400 X")
    server.faults.append(Fault("cancel", instead=refusal, times=2))
    async with connected(server) as client:
        with pytest.raises(bezant.PartlyPlaced, match=r"not all .*order 100: Submitted"):
            await trading(client).place(BRACKET)


async def test_an_order_that_waits_is_not_sent_after_a_lost_question(
    server: OrderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "QUESTION_LASTS", 60.0)

    def slow(call: str) -> None:
        if call == "place":
            time.sleep(0.1)

    server.interrupt = slow
    async with AsyncClient(server.base_url, timeout=5.0, pacing=False, max_wait=10.0) as client:
        server.asks.append(["o163"])
        server.faults.append(Fault("place", at="response"))
        desks = [client.trading(ACCOUNT, settle_within=0.1) for _ in range(2)]
        found = await gather(lambda: desks[0].place(BUY), lambda: desks[1].place(BUY))
    assert {type(each) for each in found} == {OutcomeUnknown, bezant.AccountBusy}
    assert server.count("place") == 1


async def test_an_order_waits_at_most_max_wait_for_another(server: OrderServer) -> None:
    async with connected(server) as client:
        desk = trading(client)
        await desk.place(BUY)
        server.faults.append(Fault("place", at="handled", how="silence"))
        found = await gather(lambda: desk.place(BUY), lambda: desk.place(BUY))
    [busy] = [each for each in found if isinstance(each, BaseException)]
    assert isinstance(busy, bezant.AccountBusy)
    assert "no response yet" in str(busy)
    assert server.count("place") == 2


async def test_a_question_gets_one_reply(server: OrderServer) -> None:
    server.asks.append(["o163"])
    async with connected(server) as client:
        with pytest.raises(bezant.AsyncOrderQuestion) as caught:
            await trading(client).place(BUY)
        found = await gather(caught.value.confirm, caught.value.decline)
    [late] = [each for each in found if isinstance(each, BaseException)]
    assert isinstance(late, bezant.InvalidRequest)
    assert server.count("reply") == 1


async def test_an_order_that_has_ended_is_not_changed(server: OrderServer) -> None:
    async with connected(server) as client:
        trade = await trading(client).place(BUY)
        with pytest.raises(bezant.InvalidRequest, match="contract cannot be changed"):
            await trade.modify(contract=1)  # type: ignore[call-arg]
        server.fill(100, 4, 240)
        await trade.refresh()
        with pytest.raises(bezant.InvalidRequest, match="above the 4"):
            await trade.modify(4)
        server.fill(100, 6, 240)
        await trade.refresh()
        with pytest.raises(bezant.InvalidRequest, match=r"has ended \(Filled\)"):
            await trade.modify(limit="241")
    assert server.count("modify") == 0
