"""Tests of order turns: one order per account at a time, until its questions are answered."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import pytest

from bezant import AccountBusy, AsyncClient, BezantError, OutcomeUnknown, Refused
from bezant._core.pacing import order_turns
from bezant.models.orders import OrderReply, OrderTicket
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

# <async-only>
import asyncio  # isort: skip
# </async-only>

ACCOUNTS = b'{"accounts":["DU1"]}'
PLACED = b'[{"order_id":"7","order_status":"Submitted"}]'
TWO_PLACED = b'[{"order_id":"8"},{"order_id":"7"}]'


def question(name: str, text: str = "Really?") -> bytes:
    return b'[{"id":"%s","message":["%s"],"messageIds":["o163"]}]' % (name.encode(), text.encode())


def says(body: bytes, status: str = "200 OK") -> Script:
    return lambda _, peer: peer.json(body, status)


def silent(_: RawRequest, peer: Peer) -> None:
    peer.silence()


def resets(_: RawRequest, peer: Peer) -> None:
    peer.reset()


class Desk:
    """Gateway that answers order calls with the scripts in `waiting`, and records all requests."""

    def __init__(self, raw: RawGateway) -> None:
        self.raw = raw
        self.waiting: list[Script] = []
        raw.script(self._answer)

    def then(self, *scripts: Script) -> None:
        self.waiting += scripts

    def _answer(self, request: RawRequest, peer: Peer) -> None:
        about_orders = "/account/" in request.target or "/reply/" in request.target
        if request.method == "POST" and about_orders and "whatif" not in request.target:
            (self.waiting.pop(0) if self.waiting else says(PLACED))(request, peer)
        else:
            peer.json(ACCOUNTS if request.target.endswith("/accounts") else b"{}")

    @property
    def came(self) -> list[str]:
        """Return each request's method and last two path parts, without queries of the accounts."""
        return [
            f"{each.method} " + "/".join(each.target.split("/")[-2:])
            for each in self.raw.requests
            if not each.target.endswith("/accounts")
        ]


@pytest.fixture
def desk(raw: RawGateway) -> Desk:
    return Desk(raw)


def ticket(name: str = "mine-1") -> OrderTicket:
    return OrderTicket(
        conid=1, side="BUY", order_type="MKT", time_in_force="DAY", quantity=1, client_order_id=name
    )


async def place(client: AsyncClient, account: str = "DU1", *names: str) -> list[OrderReply]:
    tickets = [ticket(name) for name in names or ("mine-1",)]
    return await client.api.orders.submit_new_orders(account_id=account, orders=tickets)


async def reply(client: AsyncClient, name: str = "q1", *, yes: bool = True) -> Any:
    return await client.api.orders.confirm_order_reply(reply_id=name, confirmed=yes)


async def modify(client: AsyncClient, account: str = "DU1") -> Any:
    return await client.api.orders.modify_open_order(
        account_id=account,
        order_id=5,
        order_type="MKT",
        side="BUY",
        time_in_force="DAY",
        quantity=1,
    )


async def place_raw(client: AsyncClient) -> Any:
    return await client.request("POST", "/iserver/account/DU1/orders", json={"orders": [{}]})


async def place_by_ticket(client: AsyncClient) -> Any:
    return await client.request(
        "POST", "/iserver/account/orders", json={"orders": [{"acctId": "DU1"}]}
    )


async def place_oddly_spelled(client: AsyncClient) -> Any:
    return await client.request("POST", "/iserver/account/du%31/orders", json={"orders": [{}]})


@pytest.mark.parametrize("second", [place, modify, place_raw, place_by_ticket, place_oddly_spelled])
async def test_a_second_order_waits_for_the_reply_to_the_question(desk: Desk, second: Any) -> None:
    desk.then(says(question("q1")), says(question("q2")), says(PLACED))
    async with AsyncClient(desk.raw.base_url) as client, AsyncClient(desk.raw.base_url) as other:
        await place(client)
        waiting = later(lambda: second(other))
        await pause(0.05)
        await reply(client)
        await pause(0.05)
        assert desk.came == ["POST DU1/orders", "POST reply/q1"]
        await reply(client, "q2")
        assert await result(waiting)
    assert desk.came[:3] == ["POST DU1/orders", "POST reply/q1", "POST reply/q2"]
    assert len(desk.came) == 4


async def test_an_order_waits_for_the_response_of_another(desk: Desk) -> None:
    def late(request: RawRequest, peer: Peer) -> None:
        time.sleep(0.1)
        assert len(desk.came) == 1
        peer.json(PLACED)

    desk.then(late)
    async with AsyncClient(desk.raw.base_url) as client:
        first, second = later(lambda: place(client)), later(lambda: place(client))
        assert await result(first)
        assert await result(second)
    assert len(desk.came) == 2


@pytest.mark.parametrize("second", [place, modify, place_raw])
async def test_after_max_wait_the_error_names_the_question(desk: Desk, second: Any) -> None:
    desk.then(says(question("q1", "The limit is far\\n<b>away</b>")))
    async with AsyncClient(desk.raw.base_url, max_wait=0.05) as client:
        await place(client)
        waiting = later(lambda: second(client))
        with pytest.raises(AccountBusy, match=r"nothing was sent.*mine-1.*'q1' \(The limit is far"):
            await result(waiting)
        waiting = later(lambda: second(client))
        with pytest.raises(AccountBusy, match=r"confirm_order_reply\(reply_id='q1'") as caught:
            await result(waiting)
        assert caught.value.question_ids == ("q1",)
        assert caught.value.client_order_ids == ("mine-1",)
        assert 50 < (caught.value.retry_after or 0.0) <= 60
        assert caught.value.retryable
        assert desk.came == ["POST DU1/orders"]
        await reply(client)
        await second(client)  # the calls that failed no longer wait in front of this one
    assert len(desk.came) == 3


async def test_the_caller_with_the_open_question_does_not_wait_for_itself(desk: Desk) -> None:
    desk.then(says(question("q1")))
    async with AsyncClient(desk.raw.base_url, max_wait=60) as client:
        await place(client)
        started = time.monotonic()
        for call in (place, modify, place_raw, place_by_ticket):
            with pytest.raises(AccountBusy, match="'q1'"):
                await call(client)
        assert time.monotonic() - started < 30
        assert desk.came == ["POST DU1/orders"]
        await reply(client, yes=False)
        await place(client)


async def test_the_error_for_an_order_without_a_response(desk: Desk) -> None:
    over = threading.Event()

    def holds(_: RawRequest, peer: Peer) -> None:
        over.wait(60)
        peer.reset()

    desk.then(holds)
    async with AsyncClient(desk.raw.base_url, max_wait=0.05, timeout=60) as client:
        first = later(lambda: place(client))
        await until(lambda: desk.came)
        with pytest.raises(AccountBusy, match="has no response yet") as caught:
            await place(client)
        assert (caught.value.question_ids, caught.value.retry_after) == ((), None)
        over.set()
        with pytest.raises(OutcomeUnknown):
            await result(first)


async def test_calls_that_do_not_wait_for_a_turn(desk: Desk) -> None:
    desk.then(says(question("q1")), says(question("q2")), says(PLACED), says(PLACED), says(PLACED))
    async with AsyncClient(desk.raw.base_url, max_wait=0.05) as client:
        await place(client)

        async def others() -> None:
            await client.api.orders.cancel_open_order(account_id="DU1", order_id=5)
            await client.request("DELETE", "/iserver/account/DU1/order/5")
            await reply(client, "q9")
            await place(client, "DU2")
            await reply(client, "q2")
            preview = client.api.orders.preview_margin_impact
            await preview(account_id="DU1", orders=[ticket()])
            await client.request("POST", "/iserver/account/DU1/orders/whatif", json={})
            await client.request("GET", "/iserver/account/trades")

        await result(later(others))
        with pytest.raises(AccountBusy):
            await place(client)
    assert len(desk.came) == 9


NO = says(b'{"error":"Order not confirmed "}')


@pytest.mark.parametrize(
    ("scripts", "tickets", "yes"),
    [
        ([says(TWO_PLACED)], 2, True),
        ([says(question("q1")), says(TWO_PLACED)], 2, True),
        ([says(question("q1")), NO], 2, False),
        ([says(question("q1")), says(b'{"error":"Insufficient margin"}')], 2, True),
        ([says(question("q1")), says(b'[{"order_id":"7"},{"error":"no"}]')], 2, True),
        ([says(b'{"error":"Invalid order price fields"}')], 2, True),
        ([says(b'{"error":"Invalid order price fields"}', "400 X")], 1, True),
        ([says(b"", "401 X")], 1, True),
        ([resets], 1, True),
        ([says(b"<html>")], 1, True),
        ([says(question("q1")), resets], 1, True),
        ([says(question("q1")), says(b'{"error":"Service Unavailable"}', "503 X")], 1, True),
        ([says(question("q1")), says(b'{"error":"reply id not found: \'q1\'"}')], 1, True),
        ([says(b'[{"id":"q1"},{"order_id":"7"}]'), says(PLACED)], 2, True),
        ([says(b'{"order_id":"7"}')], 1, True),
    ],
)
async def test_responses_that_end_a_turn(
    desk: Desk, scripts: list[Script], tickets: int, yes: bool
) -> None:
    desk.then(*scripts)
    async with AsyncClient(desk.raw.base_url, max_wait=0.05) as client:
        await swallow(lambda: place(client, "DU1", *[f"n{each}" for each in range(tickets)]))
        if len(scripts) > 1:
            with pytest.raises(AccountBusy):
                await place(client)
            await swallow(lambda: reply(client, yes=yes))
        await place(client)
    assert len(desk.came) == len(scripts) + 1


async def swallow(call: Any) -> None:
    """Make a call and ignore its result and its error."""
    with contextlib.suppress(BezantError):
        await call()


@pytest.mark.parametrize(
    ("scripts", "tickets", "why"),
    [
        ([says(PLACED)], 2, "reported no result for 1 of the orders"),
        ([says(question("q1")), says(PLACED)], 2, "reported no result"),
        ([says(b'[{"id":"q1"},{"id":"q2"}]'), NO], 2, "'q2'"),
        ([says(b'[{"id":"q1"},{"id":"q2"}]'), says(b'{"error":"no margin"}')], 2, "'q2'"),
        ([says(question("q1")), says(question("q2"))], 1, "'q2'"),
        ([says(question("q1")), says(b'{"error":"Please query /accounts first"}')], 1, "'q1'"),
    ],
)
async def test_responses_that_do_not_end_a_turn(
    desk: Desk, scripts: list[Script], tickets: int, why: str
) -> None:
    desk.then(*scripts)
    async with AsyncClient(desk.raw.base_url, max_wait=0.05) as client:
        await place(client, "DU1", *[f"n{each}" for each in range(tickets)])
        if len(scripts) > 1:
            await swallow(lambda: reply(client, yes=scripts[1] is not NO))
        with pytest.raises(AccountBusy, match=why):
            await place(client)
    assert len(desk.came) == len(scripts)


async def test_a_question_that_ran_out_lets_the_next_order_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(order_turns, "QUESTION_LIFETIME", 0.1)
    desk.then(says(question("q1")))
    async with AsyncClient(desk.raw.base_url) as client:
        await place(client)
        assert await result(later(lambda: place(client)))
    assert len(desk.came) == 2
    assert "a later order of the account may make that order live" in caplog.text
    assert "mine-1" in caplog.text


async def test_a_slow_reply_keeps_the_turn(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(_: RawRequest, peer: Peer) -> None:
        time.sleep(0.2)
        assert len(desk.came) == 2
        peer.json(PLACED)

    desk.then(says(question("q1")), late)
    async with AsyncClient(desk.raw.base_url) as client:
        await place(client)
        answering = later(lambda: reply(client))
        await until(lambda: len(desk.came) == 2)
        monkeypatch.setattr(order_turns, "QUESTION_LIFETIME", 0.05)
        await result(later(lambda: place(client)))
        await result(answering)


async def test_reads_wait_for_an_open_question(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_turns, "READS_WAIT", 60.0)
    desk.then(says(question("q1")))
    async with AsyncClient(desk.raw.base_url) as client:
        await place(client)
        reading = later(lambda: client.request("GET", "/trsrv/x"))
        tickling = later(client.tickle)
        await pause(0.1)
        assert desk.came == ["POST DU1/orders"]
        # This task placed the order with the open question, so its own calls do not wait.
        await client.request("GET", "/trsrv/mine")
        await reply(client)
        await result(reading)
        await result(tickling)
    assert desk.came[:3] == ["POST DU1/orders", "GET trsrv/mine", "POST reply/q1"]


async def test_but_not_for_long(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_turns, "READS_WAIT", 0.1)
    desk.then(says(question("q1")))
    async with AsyncClient(desk.raw.base_url) as client:
        await place(client)
        await result(later(lambda: client.request("GET", "/trsrv/x")))
        assert desk.came == ["POST DU1/orders", "GET trsrv/x"]
        assert client._pipeline.order_turns.questions


async def test_turns_are_kept_without_pacing_and_apart_from_its_slots(desk: Desk) -> None:
    """A call that waits for the account's earlier order occupies no slot of a rate limit."""
    desk.then(says(question("q1")))
    async with AsyncClient(desk.raw.base_url, pacing=True, max_wait=20) as client:
        await place(client)
        waiting = [later(lambda: place(client)) for _ in range(4)]
        await pause(0.05)
        limiter = client._pipeline.limiter._limiter
        assert not limiter._in_flight
        assert not limiter._waiting
        await client.request("GET", "/trsrv/x")
        await reply(client)
        for each in waiting:
            await result(each)
    assert len(desk.came) == 7


async def test_a_refused_order_of_several_in_a_map_goes_one_by_one(desk: Desk) -> None:
    async with AsyncClient(desk.raw.base_url) as client:
        found = await client.gather(lambda name: place(client, "DU1", name), ["a", "b", "c"])
    assert len(found) == 3
    assert len(desk.came) == 3


async def test_the_second_send_stays_in_its_turn(desk: Desk) -> None:
    asking = says(b'{"error":"Please query /accounts first","statusCode":500}', "500 X")
    desk.then(asking, says(question("q1")))
    async with AsyncClient(desk.raw.base_url, max_wait=0.05, retries=0) as client:
        [asked] = await place(client)
        assert asked.id == "q1"
        with pytest.raises(AccountBusy):
            await place(client)
        desk.then(asking, asking)
        await reply_twice(client)
        with pytest.raises(AccountBusy):  # IBKR's question about the order is still open
            await place(client)


async def reply_twice(client: AsyncClient) -> None:
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="send the reply again"):
            await reply(client)


async def test_an_unknown_outcome_says_that_a_question_may_be_open(desk: Desk) -> None:
    desk.then(resets)
    async with AsyncClient(desk.raw.base_url) as client:
        with pytest.raises(OutcomeUnknown, match="a question about it may be open"):
            await place(client)


async def test_a_refusal_names_no_question(desk: Desk) -> None:
    desk.then(says(b'{"error":"no"}'))
    async with AsyncClient(desk.raw.base_url) as client:
        with pytest.raises(Refused) as caught:
            await place(client)
    assert "question" not in str(caught.value)


# <async-only>
async def test_a_cancelled_order_leaves_nothing_behind(desk: Desk) -> None:
    desk.then(says(question("q1")), says(PLACED), silent)
    async with AsyncClient(desk.raw.base_url) as client:
        await place(client)
        waiting = [later(lambda: place(client)) for _ in range(3)]
        await pause(0.02)
        for each in waiting:
            each.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await each
            assert not hasattr(caught.value, "__notes__")
        await reply(client)
        going = later(lambda: place(client))
        await until(lambda: len(desk.came) == 3)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        # This order does not wait: the turn of the cancelled order has ended, with an unknown
        # outcome.
        await place(client)
        turns = client._pipeline.order_turns
        assert not turns._turns._open
        assert not turns._turns._waiting
        assert not turns._wakers
        assert not turns._watchers


async def test_a_child_task_waits_for_its_parents_question(desk: Desk) -> None:
    desk.then(says(question("q1")))
    async with AsyncClient(desk.raw.base_url) as client:
        await place(client)
        child = asyncio.create_task(place(client))
        await asyncio.sleep(0.05)
        assert len(desk.came) == 1
        await reply(client)
        await child


# </async-only>
