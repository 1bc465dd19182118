"""Tests of orders, cancels and replies that the gateway refuses until the accounts are queried."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from bezant import (
    ApiError,
    AsyncClient,
    BadRequest,
    BezantError,
    ConnectionLost,
    HttpTimeout,
    OutcomeUnknown,
    PrerequisiteFailed,
    Refused,
    UpstreamError,
)
from bezant._core.session import prerequisites
from bezant.models.orders import OrderReply, OrderTicket
from tests.support._async import later, result, until
from tests.support.raw import Peer, RawGateway, RawRequest, Script

# <async-only>
import asyncio  # isort: skip
# </async-only>

ACCOUNTS = b'{"accounts":["DU1"]}'
PLACED = b'[{"order_id":"7","order_status":"Submitted"}]'
CANCELLED = b'{"msg":"Request was submitted","order_id":7,"conid":1,"account":"DU1"}'
QUESTION = b'[{"id":"q1","message":["Really?"],"messageIds":["o163"]}]'
PLAIN = "Please query /accounts first"
TICKET = OrderTicket(
    conid=1, side="BUY", order_type="MKT", time_in_force="DAY", quantity=1, client_order_id="mine-1"
)


def asking(text: str = PLAIN, status: int = 500) -> Script:
    body = json.dumps({"error": text, "statusCode": status}).encode()
    return lambda _, peer: peer.json(body, f"{status} X")


def says(body: bytes, status: str = "200 OK") -> Script:
    return lambda _, peer: peer.json(body, status)


def silent(_: RawRequest, peer: Peer) -> None:
    peer.silence()


def usual(_: RawRequest, peer: Peer) -> None:
    peer.json(ACCOUNTS)


def serve(raw: RawGateway, *orders: Script, accounts: Script = usual) -> None:
    """Answer accounts queries with `accounts`, and each other request with the next of `orders`."""
    waiting = list(orders)

    def script(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/iserver/accounts"):
            accounts(request, peer)
        else:
            waiting.pop(0)(request, peer)

    raw.script(script)


def at_first(one: Script, other: Script) -> Script:
    """Return a script that runs `one` for the first request and `other` for all later requests."""
    waiting = [one]
    return lambda request, peer: (waiting.pop() if waiting else other)(request, peer)


def sent(raw: RawGateway) -> list[str]:
    """Return the HTTP method of each request, but ``accounts`` for a query of the accounts."""
    return [
        "accounts" if each.target.endswith("/iserver/accounts") else each.method
        for each in raw.requests
    ]


async def place(client: AsyncClient) -> Any:
    return await client.api.orders.submit_new_orders(account_id="DU1", orders=[TICKET])


async def place_raw(client: AsyncClient) -> Any:
    body = {"orders": [{"conid": 1}]}
    return await client.request("POST", "/iserver/account/DU1/orders", json=body)


async def modify(client: AsyncClient) -> Any:
    return await client.api.orders.modify_open_order(
        account_id="DU1", order_id=7, order_type="MKT", side="BUY", time_in_force="DAY", quantity=1
    )


async def cancel(client: AsyncClient) -> Any:
    return await client.api.orders.cancel_open_order(account_id="DU1", order_id=7)


async def cancel_raw(client: AsyncClient) -> Any:
    return await client.request("DELETE", "/iserver/account/DU1/order/7")


async def reply(client: AsyncClient) -> Any:
    return await client.api.orders.confirm_order_reply(reply_id="q1", confirmed=True)


async def reply_raw(client: AsyncClient) -> Any:
    return await client.request("POST", "/iserver/reply/q1", json={"confirmed": True})


@pytest.mark.parametrize(
    ("text", "status"),
    [(PLAIN, 500), ("Bad Request: " + PLAIN, 400), (PLAIN + " ", 400), (PLAIN, 200)],
)
@pytest.mark.parametrize("call", [place, place_raw, modify])
async def test_an_order_that_was_not_looked_at_is_sent_once_more(
    raw: RawGateway, call: Any, text: str, status: int
) -> None:
    serve(raw, asking(text, status), says(PLACED))
    async with AsyncClient(raw.base_url, retries=0) as client:
        [placed] = await call(client)
    number = placed.order_id if isinstance(placed, OrderReply) else placed["order_id"]
    assert str(number) == "7"
    assert sent(raw) == ["accounts", "POST", "accounts", "POST"]
    assert raw.requests[1].body == raw.requests[3].body
    assert raw.requests[1].target == raw.requests[3].target


@pytest.mark.parametrize("call", [cancel, cancel_raw])
async def test_a_cancel_that_was_not_looked_at_is_sent_once_more(
    raw: RawGateway, call: Any
) -> None:
    serve(raw, asking(), says(CANCELLED))
    async with AsyncClient(raw.base_url, retries=0) as client:
        assert await call(client)
    assert sent(raw) == ["DELETE", "accounts", "DELETE"]


async def test_an_order_is_never_sent_a_third_time(raw: RawGateway) -> None:
    serve(raw, asking(), asking(), says(PLACED))
    async with AsyncClient(raw.base_url, retries=5) as client:
        with pytest.raises(UpstreamError) as caught:
            await place(client)
        assert (caught.value.attempts, caught.value.retryable) == (2, True)
        assert sent(raw) == ["accounts", "POST", "accounts", "POST"]
        await place(client)  # the gateway's refusal makes the client query the accounts again first
    assert sent(raw)[4:] == ["accounts", "POST"]


async def test_the_result_of_the_second_order_request_is_final(raw: RawGateway) -> None:
    serve(raw, asking(), lambda _, peer: peer.reset(), says(PLACED))
    async with AsyncClient(raw.base_url, retries=5) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await place(client)
    assert caught.value.client_order_ids == ("mine-1",)
    assert sent(raw) == ["accounts", "POST", "accounts", "POST"]


def closing(body: bytes) -> Script:
    """Return a script that sends a response without a length and then closes the connection."""

    def script(_: RawRequest, peer: Peer) -> None:
        peer.send(b"HTTP/1.1 500 X\r\nConnection: close\r\n\r\n" + body)
        peer.sock.close()

    return script


ASKING = json.dumps({"error": PLAIN, "statusCode": 500}).encode()


@pytest.mark.parametrize(
    "script",
    [
        says(b'{"error":"Order 7 was placed. Please query /accounts first"}', "500 X"),
        says(b'{"error":"Please query /accounts first","order_id":"7"}', "500 X"),
        says(b'{"error":"a","error":"Please query /accounts first"}', "500 X"),
        says(b'{"error":"please query /accounts first"}', "500 X"),
        says(b'[{"error":"Please query /accounts first"}]'),
        says(b'{"error":{"error":"Please query /accounts first"}}', "500 X"),
        says(b'"Please query /accounts first"', "500 X"),
        says(b"Please query /accounts first", "500 X"),
        says(ASKING + b"[]", "500 X"),
        says(ASKING, "503 X"),
        says(ASKING, "404 X"),
        closing(ASKING),
        closing(ASKING[:-1]),
    ],
)
async def test_anything_else_is_not_sent_again(raw: RawGateway, script: Script) -> None:
    serve(raw, script, says(PLACED))
    async with AsyncClient(raw.base_url, retries=5) as client:
        with pytest.raises(BezantError):
            await place(client)
        assert sent(raw) == ["accounts", "POST"]


async def test_such_a_response_resets_the_prerequisites_on_any_call(raw: RawGateway) -> None:
    serve(raw, asking(status=400), says(PLACED), says(b"[]"))
    async with AsyncClient(raw.base_url, retries=0) as client:
        with pytest.raises(BadRequest) as caught:
            await client.request("POST", "/iserver/account/DU1/alert", json={})
        assert caught.value.retryable
        await place(client)
    assert sent(raw) == ["accounts", "POST", "accounts", "POST"]


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_a_read_is_retried(raw: RawGateway, status: int) -> None:
    serve(raw, asking(status=status), says(b'["x"]'), asking(status=status))
    async with AsyncClient(raw.base_url, retries=1) as client:
        assert await client.request("GET", "/iserver/account/trades") == ["x"]
        assert sent(raw) == ["accounts", "GET", "accounts", "GET"]
        once = client.with_options(retries=0)
        with pytest.raises(ApiError) as caught:
            await once.request("GET", "/iserver/account/trades")
        assert caught.value.retryable


@pytest.mark.parametrize("call", [reply, reply_raw])
async def test_a_reply_is_not_sent_again(raw: RawGateway, call: Any) -> None:
    serve(raw, says(QUESTION), asking(), says(PLACED))
    async with AsyncClient(raw.base_url, retries=5) as client:
        await place(client)
        with pytest.raises(OutcomeUnknown, match="send the reply again") as caught:
            await call(client)
        assert caught.value.client_order_ids == ("mine-1",)
        assert not caught.value.retryable
        assert isinstance(caught.value.__cause__, UpstreamError)
        assert sent(raw) == ["accounts", "POST", "POST"]
        # The caller sends the reply again. This time the client queries the accounts first.
        [placed] = await call(client)
        assert placed
    assert sent(raw) == ["accounts", "POST", "POST", "accounts", "POST"]


async def test_a_reply_whose_prerequisite_fails_was_not_sent(raw: RawGateway) -> None:
    answers = [says(ACCOUNTS), says(b"", "503 X")]
    serve(
        raw, says(QUESTION), asking(), accounts=lambda request, peer: answers.pop(0)(request, peer)
    )
    async with AsyncClient(raw.base_url, retries=0) as client:
        await place(client)
        with pytest.raises(OutcomeUnknown):
            await reply(client)
        with pytest.raises(PrerequisiteFailed, match="nothing was placed") as caught:
            await reply(client)
    assert isinstance(caught.value.__cause__, UpstreamError)
    assert sent(raw) == ["accounts", "POST", "POST", "accounts"]


@pytest.mark.parametrize(
    ("accounts", "cause"),
    [
        (says(b"", "503 X"), UpstreamError),
        (silent, HttpTimeout),
        (lambda _, peer: peer.reset(), BezantError),
        (says(b'{"error":"x"}'), Refused),
    ],
)
async def test_nothing_was_placed_where_the_accounts_fail(
    raw: RawGateway, accounts: Script, cause: type[BezantError]
) -> None:
    error: BezantError | None = None
    for seconds in (0.5, 5, 50) if cause is HttpTimeout else (60,):
        raw.requests.clear()
        raw._scripts.clear()
        serve(raw, asking(), says(PLACED), accounts=at_first(says(ACCOUNTS), accounts))
        async with AsyncClient(raw.base_url, retries=0, timeout=seconds) as client:
            with pytest.raises(BezantError) as caught:
                await place(client)
        error = caught.value
        if isinstance(error, PrerequisiteFailed):
            # The request was sent in time. On a slow machine, only a longer timeout suffices to
            # send it.
            break
    assert isinstance(error, PrerequisiteFailed)
    assert "nothing was placed" in str(error)
    assert error.retryable
    assert isinstance(error.__cause__, cause)
    assert sent(raw) == ["accounts", "POST", "accounts"]


async def test_each_of_the_three_takes_a_slot_of_its_own(raw: RawGateway) -> None:
    serve(raw, asking(), says(CANCELLED))
    async with AsyncClient(raw.base_url, retries=0, pacing=True) as client:
        await cancel(client)
        limiter = client._pipeline.limiter._limiter
        assert len(limiter._state.arrivals[""]) == 3


def hanging(raw: RawGateway, *orders: Script) -> None:
    serve(raw, *orders, accounts=silent)


@pytest.mark.parametrize("call", [cancel, cancel_raw, reply, reply_raw])
async def test_cancels_and_replies_go_at_once_and_alone(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    monkeypatch.setattr(prerequisites, "QUIET", -1.0)
    answers = [says(CANCELLED) if call in (cancel, cancel_raw) else says(PLACED)] * 2
    hanging(raw, *answers)
    async with AsyncClient(raw.base_url, timeout=20) as client:
        await call(client)
        await call(client)
    assert "accounts" not in sent(raw)


async def test_a_cancel_does_not_wait_for_another_calls_prerequisite(raw: RawGateway) -> None:
    over = threading.Event()
    serve(raw, says(CANCELLED), accounts=resets_after(over))
    async with AsyncClient(raw.base_url, timeout=60) as client:
        order = later(lambda: place(client))
        await until(lambda: sent(raw) == ["accounts"])
        assert (await cancel(client)).order_id == 7
        assert sent(raw) == ["accounts", "DELETE"]
        over.set()
        with pytest.raises(ConnectionLost):
            await result(order)


def resets_after(over: threading.Event) -> Script:
    def script(_: RawRequest, peer: Peer) -> None:
        over.wait(60)
        peer.reset()

    return script


async def test_the_second_send_of_a_cancel_does_not_wait_either(raw: RawGateway) -> None:
    """A cancel waits for its own accounts query, but not for an order's query, which hangs here."""
    over = threading.Event()
    accounts = at_first(resets_after(over), says(ACCOUNTS))
    serve(raw, asking(), says(CANCELLED), accounts=accounts)
    async with AsyncClient(raw.base_url, timeout=60, retries=0) as client:
        order = later(lambda: place(client))
        await until(lambda: sent(raw) == ["accounts"])
        assert (await cancel(client)).order_id == 7
        over.set()
        with pytest.raises(ConnectionLost):
            await result(order)
    assert sent(raw) == ["accounts", "DELETE", "accounts", "DELETE"]


@pytest.mark.parametrize("path", ["/iserver/account/DU1/orders/whatif"])
async def test_previews_have_prerequisites(raw: RawGateway, path: str) -> None:
    serve(raw, says(b"{}"), asking(), says(b"{}"))
    async with AsyncClient(raw.base_url, retries=1) as client:
        await client.request("POST", path, json={})
        await client.request("POST", path, json={})
    assert sent(raw) == ["accounts", "POST", "POST", "accounts", "POST"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":"reply id not found: \'q1\'"}',
        b'{"error":"Please query /accounts first, q1"}',
        b'{"error":"unknown"}',
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "400 X", "500 X", "503 X", "401 X", "429 X", "404 X"])
async def test_a_failed_reply_is_an_unknown_outcome(
    raw: RawGateway, status: str, body: bytes
) -> None:
    serve(raw, says(QUESTION), says(body, status))
    async with AsyncClient(raw.base_url, retries=5) as client:
        await place(client)
        with pytest.raises(OutcomeUnknown, match="look for the order") as caught:
            await reply(client)
    error = caught.value
    assert (error.client_order_ids, error.retryable) == (("mine-1",), False)
    assert error.target == "/v1/api/iserver/reply/q1"
    assert sent(raw) == ["accounts", "POST", "POST"]


async def test_a_reply_that_is_refused_for_the_orders_sake_is_not(raw: RawGateway) -> None:
    serve(raw, says(QUESTION), says(b'{"error":"Insufficient margin"}'))
    async with AsyncClient(raw.base_url) as client:
        await place(client)
        with pytest.raises(Refused, match="margin"):
            await reply(client)


async def test_a_reply_that_was_never_sent_keeps_its_error(raw: RawGateway) -> None:
    async with AsyncClient("http://127.0.0.1:9/v1/api") as client:
        with pytest.raises(BezantError) as caught:
            await reply(client)
    assert not isinstance(caught.value, OutcomeUnknown)


async def test_a_decline_is_a_result(raw: RawGateway) -> None:
    declined = b'{"error":"Order not confirmed "}'
    serve(raw, *[says(QUESTION), says(declined)] * 3)
    async with AsyncClient(raw.base_url) as client:
        orders = client.api.orders
        await place(client)
        [told] = await orders.confirm_order_reply(reply_id="q1", confirmed=False)
        assert told.error == "Order not confirmed "
        await place(client)
        answer = await client.request("POST", "/iserver/reply/q1", json={"confirmed": False})
        assert answer == {"error": "Order not confirmed "}
        await place(client)
        with pytest.raises(Refused):  # an error, because the reply was "yes"
            await orders.confirm_order_reply(reply_id="q1", confirmed=True)


# <async-only>
async def test_a_cancellation_during_the_prerequisite_places_nothing(raw: RawGateway) -> None:
    first = [says(ACCOUNTS)]

    def script(request: RawRequest, peer: Peer) -> None:
        (first.pop() if first else silent)(request, peer)

    serve(raw, asking(), says(PLACED), accounts=script)
    async with AsyncClient(raw.base_url) as client:
        order = later(lambda: place(client))
        await until(lambda: len(raw.requests) == 3)
        order.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await order
    assert not hasattr(caught.value, "__notes__")
    assert sent(raw) == ["accounts", "POST", "accounts"]


# </async-only>


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
async def test_an_order_is_not_sent_again_where_more_than_the_response_came(
    raw: RawGateway, late: bool
) -> None:
    def refuse(request: RawRequest, peer: Peer) -> None:
        if request.method == "GET":
            peer.json(b'{"accounts":["DU1"]}')
            return
        body = b'{"error":"Please query /accounts first"}'
        head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body)
        if late:  # the extra byte comes with the body's last byte, after the other data
            peer.send(head + body[:-1])
            peer.send(body[-1:] + b"x")
        else:
            peer.send(head + body + b"HTTP/1.1 200 OK\r\n")

    raw.script(refuse)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        with pytest.raises(OutcomeUnknown, match="response to another request"):
            await client.request(
                "POST", "/iserver/account/DU1/orders", json={"orders": [{"conid": 1}]}
            )
    assert [each.method for each in raw.requests].count("POST") == 1
