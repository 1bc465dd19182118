"""Tests of bulk calls: they return all results, keep the rate limits, and can be stopped."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    BadRequest,
    ClientClosed,
    InvalidRequest,
    Outcome,
    OutcomeUnknown,
    PacingError,
    Progress,
    UpstreamError,
)
from bezant._core.pacing import limits
from bezant.sim import SimulatedGateway
from tests.support._async import later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest


def echo(request: RawRequest, peer: Peer) -> None:
    peer.json(b'"%s"' % request.target.rpartition("/")[2].encode())


async def test_every_item_has_its_outcome(raw: RawGateway) -> None:
    raw.script(echo)
    steps: list[Progress] = []
    async with AsyncClient(raw.base_url) as client:

        async def fetch(number: int) -> str:
            return str(await client.request("GET", f"/trsrv/{number}"))

        async with client.map(fetch, range(50), on_progress=steps.append) as outcomes:
            seen = {outcome.index: outcome async for outcome in outcomes}
    assert sorted(seen) == [*range(50)]
    assert all(each.value == str(each.item) == str(index) for index, each in seen.items())
    assert steps == [Progress(done, 0, 50) for done in range(1, 51)]
    assert len(raw.requests) == 50


async def test_outcomes_come_as_they_come(raw: RawGateway) -> None:
    seen: list[int] = []
    async with AsyncClient(raw.base_url) as client:

        async def work(turn: int) -> int:
            await until(lambda: len(seen) >= turn)
            return turn

        items = [2, 0, 1]
        async with client.map(work, items) as outcomes:
            async for each in outcomes:
                seen.append(each.item)  # noqa: PERF401 - the work reads the list
        assert seen == [0, 1, 2]
        assert await client.gather(work, items) == items


async def test_no_items(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url) as client:

        async def work(item: Any) -> Any:
            return item

        assert await client.gather(work, []) == []
        assert await client.gather(work, iter(())) == []
        assert await client.gather(work, [None, False]) == [None, False]


async def test_an_error_is_the_items_outcome(raw: RawGateway) -> None:
    def some(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("3"):
            peer.answer("503 Unavailable")
        else:
            echo(request, peer)

    raw.script(some)
    steps: list[Progress] = []
    async with AsyncClient(raw.base_url) as client:

        async def fetch(number: int) -> Any:
            return await client.request("GET", f"/trsrv/{number}")

        async with client.map(fetch, iter(range(6)), on_progress=steps.append) as outcomes:
            failed: list[Outcome[int, Any]] = [each async for each in outcomes if not each.ok]
        assert [each.item for each in failed] == [3]
        assert isinstance(failed[0].error, UpstreamError)
        with pytest.raises(UpstreamError):
            _ = failed[0].value
        assert steps[-1] == Progress(6, 1, None)
        with pytest.raises(UpstreamError):
            await client.gather(fetch, range(6))
        assert await client.gather(fetch, range(3)) == ["0", "1", "2"]


async def test_leaving_the_block_cancels_unfinished_calls(raw: RawGateway) -> None:
    def first_only(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/0"):
            echo(request, peer)
        else:
            peer.silence()

    raw.script(first_only)
    async with AsyncClient(raw.base_url, timeout=60) as client:

        async def fetch(number: int) -> Any:
            return await client.request("GET", f"/trsrv/{number}")

        started = time.monotonic()
        async with client.map(fetch, itertools.count()) as outcomes:
            async for outcome in outcomes:
                assert outcome.value == "0"
                break
        assert time.monotonic() - started < 30
        with pytest.raises(ClientClosed):
            [each.ok async for each in outcomes]
        assert await client.request("GET", "/portal/0") == "0"


async def test_closing_the_client_ends_it(raw: RawGateway) -> None:
    raw.script(lambda request, peer: peer.silence())
    client = AsyncClient(raw.base_url, timeout=60)

    async def run() -> list[Any]:
        async def fetch(number: int) -> Any:
            return await client.request("GET", f"/trsrv/{number}")

        return await client.gather(fetch, range(100))

    running = later(run)
    await until(lambda: len(raw.requests) >= 4)
    await client.aclose()
    with pytest.raises(ClientClosed):
        await result(running)
    assert len(raw.requests) < 10


async def test_a_map_can_be_ended_while_it_waits_for_a_slot(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.LIMITS, "GET /fyi/disclaimer/{typecode}", (limits.Limit(1, 900),))
    raw.script(echo)
    async with AsyncClient(raw.base_url, pacing=True) as client:

        async def fetch(number: int) -> Any:
            return await client.request("GET", f"/fyi/disclaimer/{number}")

        started = time.monotonic()
        async with client.map(fetch, range(9)) as outcomes:
            async for outcome in outcomes:
                assert outcome.ok
                break
        assert time.monotonic() - started < 30
    assert len(raw.requests) == 1


async def test_a_map_waits_as_long_as_the_limits_need(
    raw: RawGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.LIMITS, "GET /fyi/disclaimer/{typecode}", (limits.Limit(3, 0.15),))
    monkeypatch.setitem(limits.LIMITS, "GET /fyi/unreadnumber", (limits.Limit(3, 600.0),))
    raw.script(echo)
    async with AsyncClient(raw.base_url, pacing=True, max_wait=0.05) as client:

        async def fetch(number: int) -> Any:
            return await client.request("GET", f"/fyi/disclaimer/{number}")

        started = time.monotonic()
        assert len(await client.gather(fetch, range(9))) == 9
        assert 0.4 <= time.monotonic() - started < 30

        async def fetch_rarely(number: int) -> Any:
            return await client.request("GET", "/fyi/unreadnumber", params={"n": number})

        with pytest.raises(
            PacingError, match=r"exceeds the max_wait of client.map or client.gather \(0\.05 s\)"
        ):
            await client.gather(fetch_rarely, range(9), max_wait=0.05)
        # A plain call raises an error instead of waiting longer than `max_wait`. Only calls within
        # `client.map` and `client.gather` wait longer.
        for _ in range(3):
            try:
                await fetch_rarely(0)
            except PacingError:
                break
        else:
            raise AssertionError("the limit was not kept")


async def test_a_penalty_is_not_waited_for(raw: RawGateway) -> None:
    raw.script(lambda request, peer: peer.answer("429 Too Many Requests", b'{"error":"x"}'))
    async with AsyncClient(raw.base_url, pacing=True) as client:

        async def fetch(number: int) -> Any:
            return await client.request("GET", f"/trsrv/{number}")

        async with client.map(fetch, range(20)) as outcomes:
            errors = [each.error async for each in outcomes]
        assert sum(isinstance(each, PacingError) for each in errors) >= 17
        assert client.penalty_left > 800
        client.end_penalty()
    assert len(raw.requests) <= 3


async def test_items_are_taken_as_they_are_needed(raw: RawGateway) -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        while True:
            taken.append(len(taken) + 1)
            yield taken[-1]

    async with AsyncClient(raw.base_url) as client:

        async def work(number: int) -> int:
            return number

        async with client.map(work, numbers(), concurrency=2) as outcomes:
            async for outcome in outcomes:
                await pause(0.001)
                if outcome.item >= 30:
                    break
    assert 30 <= len(taken) < 50


async def test_errors_of_the_items_and_the_progress_function_are_raised(raw: RawGateway) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no further items")

    async with AsyncClient(raw.base_url) as client:

        async def work(number: int) -> int:
            return number

        with pytest.raises(LookupError, match="no further items"):
            await client.gather(work, items())

        def progress(step: Progress) -> None:
            raise ArithmeticError(step.done)

        with pytest.raises(ArithmeticError):
            await client.gather(work, range(5), on_progress=progress)


async def test_misuse_is_refused(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:

        async def work(number: int) -> int:
            return number

        for wrong in (0, -1, True, 1.5, "3"):
            with pytest.raises(InvalidRequest, match="concurrency must be a whole number"):
                client.map(work, [1], concurrency=wrong)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="max_wait"):
            client.map(work, [1], max_wait=0)
        bulk = client.map(work, [1])
        with pytest.raises(InvalidRequest, match="the bulk map was not entered"):
            async for _ in bulk:
                pass
        async with bulk as outcomes:
            assert [each.value async for each in outcomes] == [1]
            assert repr(bulk).endswith("Bulk 1 of 1>")
        with pytest.raises(InvalidRequest, match="in a with block already"):
            async with bulk:
                pass
    with pytest.raises(ClientClosed):
        async with client.map(work, [1]):
            pass


def order_of(request: RawRequest) -> str:
    return request.target.split("/")[5]


async def place(client: AsyncClient, account: str) -> Any:
    return await client.request(
        "POST", f"/iserver/account/{account}/orders", json={"orders": [{"cOID": f"{account}-a"}]}
    )


def refuses_one(raw: RawGateway) -> None:
    """Let the gateway refuse the order of account DU0, and never respond to those of DU1 to DU3.

    It refuses the order once all four orders have arrived.
    """

    def script(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/accounts"):
            peer.json(b'{"accounts":["DU0"]}')
        elif order_of(request) == "DU0":
            while len([each for each in raw.requests if each.method == "POST"]) < 4:
                time.sleep(0.005)
            peer.json(b'{"error":"Invalid order price fields"}', "400 X")
        else:
            peer.silence()

    raw.script(script)


ACCOUNTS = [f"DU{number}" for number in range(4)]


def check_unknown(found: tuple[OutcomeUnknown, ...]) -> None:
    assert [each.item for each in found] == ["DU1", "DU2", "DU3"]
    assert [each.client_order_ids for each in found] == [("DU1-a",), ("DU2-a",), ("DU3-a",)]
    assert [each.target for each in found] == [
        f"/v1/api/iserver/account/{account}/orders" for account in ACCOUNTS[1:]
    ]
    assert all(isinstance(each, OutcomeUnknown) and not each.retryable for each in found)


async def test_the_error_of_gather_has_the_orders_that_were_cut_off(raw: RawGateway) -> None:
    refuses_one(raw)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        with pytest.raises(BadRequest, match="3 calls with side effects cut off") as caught:
            await client.gather(lambda account: place(client, account), ACCOUNTS)
    check_unknown(caught.value.unknown_outcomes)


async def leave(client: AsyncClient, kind: type[BaseException] | None) -> None:
    """Leave the block of `client.map` after its first outcome, by an exception or by `break`."""
    async with client.map(lambda account: place(client, account), ACCOUNTS) as outcomes:
        async for outcome in outcomes:
            assert isinstance(outcome.error, BadRequest)
            if kind is not None:
                raise kind
            break


@pytest.mark.parametrize("kind", [KeyError, KeyboardInterrupt])
async def test_any_error_that_leaves_a_map_has_the_orders_that_were_cut_off(
    raw: RawGateway, kind: type[BaseException]
) -> None:
    refuses_one(raw)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        with pytest.raises(kind) as caught:
            await leave(client, kind)
    check_unknown(caught.value.unknown_outcomes)  # type: ignore[attr-defined]
    assert caught.value.__notes__[0].startswith("3 calls with side effects cut off")
    assert "DU1-a" in caught.value.__notes__[1]


async def test_leaving_a_map_in_the_middle_of_orders_is_an_error(raw: RawGateway) -> None:
    refuses_one(raw)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        with pytest.raises(OutcomeUnknown, match="3 calls with side effects") as caught:
            await leave(client, None)
    check_unknown(caught.value.unknown_outcomes)
    assert caught.value.client_order_ids == ("DU1-a", "DU2-a", "DU3-a")


async def test_closing_the_client_during_orders_reports_them(raw: RawGateway) -> None:
    refuses_one(raw)
    client = AsyncClient(raw.base_url, timeout=60)
    running = later(lambda: client.gather(lambda account: place(client, account), ACCOUNTS[1:]))
    await until(lambda: sum(each.method == "POST" for each in raw.requests) == 3)
    await client.aclose()
    with pytest.raises((ClientClosed, OutcomeUnknown)) as caught:
        await result(running)
    names = [name for each in caught.value.unknown_outcomes for name in each.client_order_ids]
    # `unknown_outcomes` need not contain the order whose error was raised, so the names of that
    # error are added.
    names += getattr(caught.value, "client_order_ids", ())
    assert sorted(names) == ["DU1-a", "DU2-a", "DU3-a"]


async def test_orders_whose_error_was_delivered_are_not_reported_twice(raw: RawGateway) -> None:
    def script(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/accounts"):
            peer.json(b'{"accounts":["DU0"]}')
        else:
            peer.reset()

    raw.script(script)
    async with AsyncClient(raw.base_url, timeout=60) as client:
        async with client.map(lambda account: place(client, account), ACCOUNTS) as outcomes:
            found = [each.error async for each in outcomes]
        assert all(isinstance(each, OutcomeUnknown) for each in found)
        with pytest.raises(OutcomeUnknown) as caught:
            await client.gather(lambda account: place(client, account), ["DU1"])
    assert caught.value.unknown_outcomes == ()


async def test_nested_bulk_work_reports_its_orders(raw: RawGateway) -> None:
    refuses_one(raw)
    async with AsyncClient(raw.base_url, timeout=60) as client:

        async def several(accounts: list[str]) -> Any:
            return await client.gather(lambda account: place(client, account), accounts)

        with pytest.raises(BadRequest) as caught:
            await client.gather(several, [["DU0"], ["DU1", "DU2", "DU3"]])
    found = caught.value.unknown_outcomes
    assert [each.client_order_ids for each in found] == [("DU1-a",), ("DU2-a",), ("DU3-a",)]
