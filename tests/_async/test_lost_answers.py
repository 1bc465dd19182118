"""Tests of orders whose response is lost or unreadable: the error names the orders."""

from __future__ import annotations

import gc
import json
import logging
import warnings
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    DecodeError,
    Drift,
    DriftWarning,
    InvalidRequest,
    NotAuthenticated,
    OutcomeUnknown,
    Refused,
    SessionState,
)
from bezant.models.orders import OrderReply, OrderStatus, OrderTicket
from bezant.sim import SimulatedGateway
from tests.support._async import pause
from tests.support.raw import Peer, RawGateway, RawRequest, Script

# <async-only>
import asyncio  # isort: skip
from tests.support._async import later, until  # isort: skip
# </async-only>

ACCOUNTS = b'{"accounts":["DU1"]}'
DRIFTED = b'[{"order_id":"123","order_status":{"a":1}}]'
MISFIT = b'{"order_status":{"a":1}}'
QUESTION = json.dumps([{"id": "q1", "message": ["Really?"], "messageIds": ["o163"]}]).encode()
TICKET = OrderTicket(
    side="BUY", order_type="MKT", time_in_force="DAY", quantity=1, client_order_id="mine-1"
)


def says(body: bytes, status: str = "200 OK") -> Script:
    return lambda _, peer: peer.json(body, status)


def answers(*scripts: Script) -> Script:
    """Return a script that runs the next of `scripts` per request, except for accounts queries."""
    waiting = list(scripts)

    def script(request: RawRequest, peer: Peer) -> None:
        if request.target == "/v1/api/iserver/accounts":
            peer.json(ACCOUNTS)
        else:
            waiting.pop(0)(request, peer)

    return script


async def place(client: AsyncClient) -> list[OrderReply]:
    return await client.api.orders.submit_new_orders(account_id="DU1", orders=[TICKET])


def orders_sent(raw: RawGateway) -> int:
    return sum(each.method == "POST" for each in raw.requests)


@pytest.mark.parametrize(
    "body",
    [b'[{"order_id":"12', b"", b"<html>proxy", b"7", b"[]", b"[null]", b"{}"],
    ids=repr,
)
async def test_an_order_whose_response_cannot_be_read(raw: RawGateway, body: bytes) -> None:
    raw.script(answers(says(body)))
    async with AsyncClient(raw.base_url, retries=5) as client:
        with pytest.raises(OutcomeUnknown, match="look for the order before") as caught:
            await place(client)
    error = caught.value
    assert error.client_order_ids == ("mine-1",)
    assert error.target == "/v1/api/iserver/account/DU1/orders"
    assert not error.retryable
    assert isinstance(error.__cause__, DecodeError)
    assert orders_sent(raw) == 1


async def test_an_order_whose_response_is_too_long(raw: RawGateway) -> None:
    raw.script(answers(says(b"x" * 2000)))
    async with AsyncClient(raw.base_url, max_response_bytes=1000) as client:
        with pytest.raises(OutcomeUnknown, match=r"max_response_bytes.*order id mine-1"):
            await place(client)
        # The error refers to the reader of the response. Both must be collected while this event
        # loop runs.
        gc.collect()
        await pause(0.01)
    assert orders_sent(raw) == 1


async def test_the_refusal_of_an_order_keeps_its_error(raw: RawGateway) -> None:
    refusals: list[tuple[bytes, str, type[Exception]]] = [
        (b'{"error":"no"}', "200 OK", Refused),
        (b'{"error":"Invalid order price fields"}', "500 Oops", Refused),
        (b"", "401 Unauthorized", NotAuthenticated),
    ]
    raw.script(answers(*(says(body, status) for body, status, _ in refusals)))
    async with AsyncClient(raw.base_url) as client:
        for _, _, kind in refusals:
            with pytest.raises(kind) as caught:
                await place(client)
            assert type(caught.value) is kind
    assert orders_sent(raw) == len(refusals)


async def test_a_failure_without_an_outcome_names_the_order(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        gateway.faults.fail_next("/orders", status=500, body=b"")
        with pytest.raises(OutcomeUnknown) as caught:
            await client.api.orders.submit_new_orders(
                account_id=gateway.account_id, orders=[TICKET]
            )
        assert (caught.value.status, caught.value.client_order_ids) == (500, ("mine-1",))
        await client.auth_status()
        gateway.faults.fail_next("/iserver/auth/ssodh/init", status=500, body=b"")
        with pytest.raises(OutcomeUnknown, match="look before you send it again"):
            await client.api.session.initialize_session(publish=True, compete=False)
        assert client.session.state is SessionState.ESTABLISHED


async def test_drift_never_loses_the_response_to_an_order(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Drift) -> None:
        raise RuntimeError("my own hook failed")

    raw.script(answers(says(DRIFTED), says(DRIFTED)))
    found: list[Drift] = []
    for on_drift in (found.append, fails):
        async with AsyncClient(raw.base_url, strict=True, on_drift=on_drift) as client:
            [reply] = await place(client)
        assert reply.order_id == 123
        assert not reply.status
    assert [each.field for each in found] == ["order_status"]
    assert "on_drift failed" in caplog.text


async def test_a_drift_warning_raised_as_an_error_does_not_lose_the_response(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    raw.script(answers(says(DRIFTED), says(MISFIT)))
    async with AsyncClient(raw.base_url) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DriftWarning)
            [reply] = await place(client)
            assert reply.order_id == 123
            assert "OrderReply.order_status" in caplog.text
            with pytest.raises(DriftWarning):
                await client.request("GET", "/x", type=OrderStatus)


async def test_a_lost_response_to_a_reply_names_the_order(raw: RawGateway) -> None:
    again = QUESTION.replace(b"q1", b"q2")
    raw.script(answers(says(QUESTION), says(again), lambda _, peer: peer.reset()))
    async with AsyncClient(raw.base_url) as client:
        [reply] = await place(client)
        assert isinstance(reply.id, str)
        orders = client.api.orders
        [reply] = await orders.confirm_order_reply(reply_id=reply.id, confirmed=True)
        assert reply.id == "q2"
        with pytest.raises(OutcomeUnknown) as caught:
            await orders.confirm_order_reply(reply_id="q2", confirmed=True)
        assert caught.value.client_order_ids == ("mine-1",)
        assert "mine-1" in str(caught.value)
    assert orders_sent(raw) == 3


async def test_with_an_invalid_type_nothing_is_sent(raw: RawGateway) -> None:
    nothing: Any = "x"
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(InvalidRequest, match=r"type must be a model, .* not 'x'"):
            await client.request("POST", "/iserver/account/DU1/orders", json={}, type=nothing)
    assert raw.requests == []


async def test_a_field_that_does_not_fit_sends_nothing(raw: RawGateway) -> None:
    price: Any = True
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(InvalidRequest, match="price must be a number, not this bool"):
            await client.api.orders.modify_open_order(
                account_id="DU1", order_id=7, order_type="LMT", side="BUY", time_in_force="DAY",
                price=price,
            )  # fmt: skip
    assert raw.requests == []


async def test_an_interrupt_says_that_the_order_may_be_there(
    raw: RawGateway, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupts(_: Drift) -> None:
        raise KeyboardInterrupt

    raw.script(answers(says(DRIFTED), says(MISFIT)))
    async with AsyncClient(raw.base_url, on_drift=interrupts) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            await place(client)
        [note] = caught.value.__notes__
        assert "look for the order before you send it again" in note
        assert "mine-1" in note
        assert note in [each.message for each in caplog.records if each.levelno == logging.WARNING]
        with pytest.raises(KeyboardInterrupt) as read:
            await client.request("GET", "/x", type=OrderStatus)
        assert not hasattr(read.value, "__notes__")


# <async-only>
async def test_a_task_that_is_cancelled_says_so_too(raw: RawGateway) -> None:
    raw.script(answers(*[lambda _, peer: peer.silence()] * 2))
    async with AsyncClient(raw.base_url) as client:
        task = later(lambda: place(client))
        await until(lambda: orders_sent(raw) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert "mine-1" in caught.value.__notes__[0]

        async def place_for_a_while() -> None:
            async with asyncio.timeout(None) as limit:
                placing = later(lambda: place(client))
                await until(lambda: orders_sent(raw) == 2)
                limit.reschedule(asyncio.get_running_loop().time())
                await placing

        with pytest.raises(TimeoutError) as timed_out:
            await place_for_a_while()
        assert "mine-1" in timed_out.value.__cause__.__notes__[0]  # type: ignore[union-attr]


# </async-only>
def test_a_client_that_was_never_made_has_a_repr() -> None:
    client = object.__new__(AsyncClient)
    name = AsyncClient.__name__
    assert repr(client) == f"<{name} never opened>"
