"""Tests of pacing, penalties, retries and prerequisite calls, over real sockets."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    BezantError,
    ConnectFailed,
    ConnectionLost,
    InvalidRequest,
    NotAuthenticated,
    OutcomeUnknown,
    PacingError,
    RateLimited,
    UpstreamError,
)
from bezant._core.pacing import limits
from bezant._runtime._shared.http import Attempt
from bezant.sim import SimulatedGateway
from tests.support import rows
from tests.support._async import gather, later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest

GOOD = json.dumps([rows.account()]).encode()


def good(request: RawRequest, peer: Peer) -> None:
    peer.json(GOOD)


def reset(request: RawRequest, peer: Peer) -> None:
    peer.reset()


def unavailable(request: RawRequest, peer: Peer) -> None:
    peer.answer("503 Unavailable")


def too_many(request: RawRequest, peer: Peer) -> None:
    peer.answer("429 Too Many Requests", b'{"error":"slow down"}', "Retry-After: 600")


async def test_calls_are_held_back_to_the_session_limit(raw: RawGateway) -> None:
    raw.script(good)
    async with AsyncClient(raw.base_url, pacing=True) as client:
        started = time.monotonic()
        results = await gather(*[lambda: client.request("GET", "/trsrv/x") for _ in range(15)])
        spent = time.monotonic() - started
    assert not [each for each in results if isinstance(each, BaseException)]
    assert 1.0 < spent < 20


async def test_all_clients_of_a_gateway_share_its_limits(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = limits.Limit(1, 600.0)
    monkeypatch.setitem(limits.LIMITS, "GET /portfolio/accounts", (limit,))
    raw.script(good)
    async with (
        AsyncClient(raw.base_url, pacing=True) as first,
        AsyncClient(raw.base_url, pacing=True, max_wait=0.5) as second,
    ):
        await first.accounts()
        with pytest.raises(
            PacingError, match=r"limits allow this call in (600|5\d\d)\.\d s"
        ) as caught:
            await second.accounts()
        assert 500 < caught.value.retry_after < 600.1
        assert caught.value.retryable
        assert caught.value.operation == "GET /portfolio/accounts"
        with pytest.raises(PacingError):
            await second.request("GET", "/portfolio/accounts")
        await second.request("GET", "/trsrv/x")  # the exhausted limit does not apply to this path
    assert [each.target for each in raw.requests].count("/v1/api/portfolio/accounts") == 1


SPELLINGS = [
    *("localhost", "LOCALHOST.", "127.0.0.1", "127.0.0.2", "127.1", "2130706433"),
    *("[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]"),
]


async def test_all_spellings_of_loopback_share_the_limits(raw: RawGateway) -> None:
    raw.script(good)
    async with (
        AsyncClient(f"http://localhost:{raw.port}", pacing=True) as first,
        AsyncClient(f"http://127.0.0.1:{raw.port}", pacing=True) as second,
    ):
        started = time.monotonic()
        results = await gather(
            *[lambda: first.request("GET", "/trsrv/x") for _ in range(8)],
            *[lambda: second.request("GET", "/trsrv/x") for _ in range(8)],
        )
        spent = time.monotonic() - started
    assert not [each for each in results if isinstance(each, BaseException)]
    assert spent > 1.0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", SPELLINGS)
async def test_a_penalty_holds_for_all_spellings_of_loopback(
    raw: RawGateway, scheme: str, host: str
) -> None:
    raw.script(too_many, good)
    async with (
        AsyncClient(raw.base_url, pacing=True, max_wait=0.2) as first,
        AsyncClient(f"{scheme}://{host}:{raw.port}", pacing=True, max_wait=0.2) as second,
    ):
        with pytest.raises(RateLimited):
            await first.request("GET", "/trsrv/x")
        with pytest.raises(PacingError, match="too many requests"):
            await second.request("GET", "/trsrv/x")
        second.end_penalty()
        assert first.penalty_left == 0
    assert len(raw.requests) == 1


async def test_waiting_for_a_slot_does_not_count_for_the_timeout(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw.script(good)
    deadlines: list[float] = []
    async with AsyncClient(raw.base_url, pacing=True, timeout=60) as client:
        lanes = client._pipeline._open_transport()._lanes
        take = lanes.take

        def noting(attempt: Attempt) -> Any:
            deadlines.append(attempt.deadline)
            return take(attempt)

        monkeypatch.setattr(lanes, "take", noting)
        started = time.monotonic()
        calls = [lambda: client.request("GET", "/trsrv/x") for _ in range(12)]
        results = await gather(*calls)
    assert not [each for each in results if isinstance(each, BaseException)]
    assert sum(each > started + 1 + 60 for each in deadlines) >= 2


ORDERS = "/iserver/account/DU1/orders"


async def test_slow_reads_leave_slots_to_orders_cancels_and_the_tickle(raw: RawGateway) -> None:
    held: list[str] = []

    def hold(request: RawRequest, peer: Peer) -> None:
        if request.method != "GET":
            peer.json(b'{"session":"x"}')
            return
        held.append(request.target)
        over.wait(60)
        peer.json(GOOD)

    over = threading.Event()
    raw.script(hold)
    async with AsyncClient(raw.base_url, pacing=True, timeout=60) as client:
        client._pipeline._prerequisites.answered("/iserver/accounts", time.monotonic())
        slow = [later(lambda: client.request("GET", "/trsrv/x")) for _ in range(5)]
        await until(lambda: len(held) == 2)
        await client.request("POST", ORDERS, json={"orders": []})
        await client.request("DELETE", "/iserver/account/DU1/order/7")
        await client.request("POST", "/iserver/reply/abc", json={"confirmed": True})
        await client.tickle()
        await pause(0.1)
        assert len(held) == 2
        over.set()
        for each in slow:
            await result(each)
    assert len(held) == 5


async def test_a_cancel_and_a_tickle_pass_an_order_without_a_response(raw: RawGateway) -> None:
    held: list[str] = []

    def hold(request: RawRequest, peer: Peer) -> None:
        if request.method == "DELETE" or "tickle" in request.target:
            peer.json(b'{"session":"x"}')
            return
        held.append(request.target)
        over.wait(60)
        peer.json(GOOD)

    over = threading.Event()
    raw.script(hold)
    async with AsyncClient(raw.base_url, pacing=True, timeout=60) as client:
        client._pipeline._prerequisites.answered("/iserver/accounts", time.monotonic())
        slow = [later(lambda: client.request("GET", "/trsrv/x")) for _ in range(2)]
        await until(lambda: len(held) == 2)
        slow.append(later(lambda: client.request("POST", ORDERS, json={"orders": []})))
        await until(lambda: len(held) == 3)
        await client.request("DELETE", "/iserver/account/DU1/order/7")
        await client.tickle()
        over.set()
        for each in slow:
            await result(each)


async def test_after_a_429_nothing_is_sent_until_the_penalty_is_over(raw: RawGateway) -> None:
    raw.script(too_many, good)
    async with AsyncClient(raw.base_url, pacing=True, max_wait=0.2) as client:
        with pytest.raises(RateLimited, match="slow down") as refused:
            await client.request("GET", "/trsrv/x")
        assert refused.value.retry_after == 600
        assert 500 < client.penalty_left <= 600
        for call in (client.tickle, client.accounts, client.health):
            with pytest.raises(PacingError, match="too many requests") as caught:
                await call()
            assert 500 < caught.value.retry_after <= 600
        assert len(raw.requests) == 1
        client.end_penalty()
        assert client.penalty_left == 0
        await client.accounts()
    assert len(raw.requests) == 2


async def test_a_cancelled_or_refused_wait_leaves_the_queue(raw: RawGateway) -> None:
    raw.script(good)
    async with AsyncClient(raw.base_url, pacing=True, max_wait=0.1) as client:
        await client.accounts()
        for _ in range(3):
            with pytest.raises(PacingError) as caught:
                await client.accounts()
            # With the earlier calls still in the queue, the wait would be longer.
            assert caught.value.retry_after < 5.1


async def test_a_transient_failure_is_retried(raw: RawGateway) -> None:
    raw.script(reset, unavailable, good)
    async with AsyncClient(raw.base_url, retries=2) as client:
        accounts = await client.accounts()
        assert [each.account_id for each in accounts] == ["DU1"]
    assert len(raw.requests) == 3


async def test_the_attempts_are_counted_and_bounded(raw: RawGateway) -> None:
    raw.script(unavailable)
    async with AsyncClient(raw.base_url, retries=2) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.accounts()
        assert caught.value.attempts == 3
        with pytest.raises(UpstreamError) as caught:
            await client.with_options(retries=0).accounts()
        assert caught.value.attempts == 1
    assert len(raw.requests) == 4


async def test_the_deadline_holds_over_all_attempts(raw: RawGateway) -> None:
    def slow(request: RawRequest, peer: Peer) -> None:
        peer.stopping.wait(0.2)
        peer.reset()

    raw.script(slow)
    async with AsyncClient(raw.base_url, retries=50, timeout=0.6) as client:
        started = time.monotonic()
        with pytest.raises(BezantError):
            await client.accounts()
        assert time.monotonic() - started < 10  # 50 retries would take longer than 10 seconds


async def test_a_call_with_side_effects_is_never_retried(raw: RawGateway) -> None:
    raw.script(reset, unavailable, good)
    async with AsyncClient(raw.base_url, retries=5) as client:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown) as caught:
                await client.request("POST", "/iserver/watchlist", json={})
            assert caught.value.attempts == 1
    assert len(raw.requests) == 2


async def test_a_raw_call_is_retried_like_its_method(raw: RawGateway) -> None:
    raw.script(reset, unavailable, good, unavailable)
    async with AsyncClient(raw.base_url, retries=2) as client:
        await client.request("POST", "/iserver/contract/rules", json={})
        assert len(raw.requests) == 3
        with pytest.raises(OutcomeUnknown):  # only a known idempotent path is retried
            await client.request("POST", "/iserver/contract/nothing", json={})
    assert len(raw.requests) == 4


async def test_an_unknown_outcome_names_the_orders(raw: RawGateway) -> None:
    raw.script(good, unavailable, reset)
    two = {"orders": [{"cOID": "my-1", "conid": 1}, {"conid": 2}, {"cOID": "my-2"}]}
    async with AsyncClient(raw.base_url) as client:
        for attempt in range(2):
            with pytest.raises(OutcomeUnknown, match=r"\(client order id my-1, my-2\)") as caught:
                await client.request("POST", "/iserver/account/DU1/orders", json=two)
            assert caught.value.client_order_ids == ("my-1", "my-2")
            assert caught.value.target == "/v1/api/iserver/account/DU1/orders"
            assert caught.value.status == (None if attempt else 503)
        with pytest.raises(OutcomeUnknown) as caught:
            await client.request("POST", "/iserver/reply/abc", json={"confirmed": True})
        assert caught.value.client_order_ids == ()
        assert caught.value.target.endswith("/iserver/reply/abc")
        assert "client order id" not in str(caught.value)
    assert len(raw.requests) == 4


async def test_a_gateway_that_is_not_there_fails_soon() -> None:
    async with AsyncClient("http://127.0.0.1:9/v1/api", retries=2) as client:
        started = time.monotonic()
        with pytest.raises(ConnectFailed) as caught:
            await client.health()
        assert caught.value.attempts == 3
        assert time.monotonic() - started < 20  # the three attempts end before the timeout


@pytest.mark.parametrize("kind", [ConnectionLost])
async def test_an_error_without_retries_is_the_first_one(raw: RawGateway, kind: Any) -> None:
    raw.script(reset)
    async with AsyncClient(raw.base_url, retries=0) as client:
        with pytest.raises(kind):
            await client.accounts()
    assert len(raw.requests) == 1


async def test_the_accounts_are_queried_before_orders_and_snapshots(
    gateway: SimulatedGateway,
) -> None:
    async with AsyncClient(gateway.base_url) as client:
        await gather(
            *[lambda: client.request("GET", "/iserver/account/orders") for _ in range(4)],
            *[lambda: client.request("GET", "/iserver/marketdata/snapshot") for _ in range(4)],
        )
        assert gateway.count("GET", "/iserver/accounts") == 1
        await client.request("GET", f"/portfolio/{gateway.account_id}/ledger")
        assert gateway.count("GET", "/portfolio/accounts") == 1
        gateway.logout()
        with pytest.raises(NotAuthenticated):
            await client.request("GET", "/iserver/account/orders")
        gateway.login()
        await client.request("GET", "/iserver/account/orders")
        assert gateway.count("GET", "/iserver/accounts") == 2


async def test_a_gateway_that_asks_for_the_accounts_gets_them(gateway: SimulatedGateway) -> None:
    body = b'{"error":"Please query /accounts first","statusCode":500}'
    async with AsyncClient(gateway.base_url, retries=1) as client:
        await client.request("GET", "/iserver/account/orders")
        gateway.faults.fail_next("/iserver/account/orders", status=500, body=body)
        await client.request("GET", "/iserver/account/orders")
        assert gateway.count("GET", "/iserver/accounts") == 2


@pytest.mark.parametrize(("name", "value"), [("BEZANT_PACING", "maybe"), ("BEZANT_RETRIES", "-1")])
def test_the_environment_is_checked(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidRequest, match=name):
        AsyncClient()


@pytest.mark.parametrize("arguments", [{"retries": -1}, {"retries": 1.5}, {"max_wait": 0}])
def test_arguments_that_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        AsyncClient(**arguments)


async def test_a_request_counts_from_its_response_if_that_is_late(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow request counts against the limit from its response on.

    The request may have waited for its connection, so the gateway may have received it late.
    """
    monkeypatch.setitem(limits.LIMITS, "GET /fyi/disclaimer/{typecode}", (limits.Limit(2, 0.2),))
    moments: list[float] = []

    def late(request: RawRequest, peer: Peer) -> None:
        time.sleep(0.15)
        moments.append(time.monotonic())
        peer.json(b'"x"')

    def note(request: RawRequest, peer: Peer) -> None:
        moments.append(time.monotonic())
        peer.json(b'"x"')

    raw.script(late, late, note)
    async with AsyncClient(raw.base_url, pacing=True) as client:
        results = await gather(
            *[lambda: client.request("GET", "/fyi/disclaimer/x") for _ in range(4)]
        )
    assert results == ["x"] * 4
    assert moments[2] - moments[0] > 0.2
