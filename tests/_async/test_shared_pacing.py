"""Tests of rate limits that several processes share through a file or a Redis server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    ClientClosed,
    HttpError,
    InvalidRequest,
    PacingError,
    RateLimited,
)
from bezant._core.pacing import limits
from bezant._runtime._shared.limiters import ProcessRateLimiter
from tests.support._async import gather, later, pause, result, until
from tests.support.raw import Peer, RawGateway, RawRequest
from tests.support.redis_server import redis_server


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, _no_threads_left: None) -> Iterator[str]:
    if request.param == "file":
        yield f"file:{tmp_path / 'pacing.db'}"
    else:
        with redis_server(tmp_path) as url:
            yield url


def stranger(url: str, **options: Any) -> AsyncClient:
    """Return a client with its own rate limiter, so that it acts like one in another process."""
    client = AsyncClient(url, **options)
    client._pipeline.limiter = ProcessRateLimiter()
    return client


def good(request: RawRequest, peer: Peer) -> None:
    peer.json(b'"x"')


async def ask(client: AsyncClient, path: str = "/trsrv/x") -> Any:
    return await client.request("GET", path)


async def test_two_processes_keep_one_limit(
    raw: RawGateway, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.LIMITS, "GET /fyi/unreadnumber", (limits.Limit(4, 0.2),))
    arrivals: list[float] = []

    def note(request: RawRequest, peer: Peer) -> None:
        arrivals.append(time.monotonic())
        peer.json(b'"x"')

    raw.script(note)
    async with (
        stranger(raw.base_url, pacing=store) as first,
        stranger(raw.base_url, pacing=store) as second,
    ):
        path = "/fyi/unreadnumber"
        results = await gather(*[lambda: ask(first, path), lambda: ask(second, path)] * 5)
    assert results == ["x"] * 10
    arrivals.sort()
    assert all(later - first > 0.19 for first, later in zip(arrivals, arrivals[4:], strict=False))
    assert 0.38 < arrivals[-1] - arrivals[0] < 30


async def test_a_penalty_is_everybodys(raw: RawGateway, store: str) -> None:
    raw.script(
        lambda request, peer: peer.answer("429 Too Many Requests", b"{}", "Retry-After: 600"), good
    )
    async with (
        stranger(raw.base_url, pacing=store) as first,
        stranger(raw.base_url, pacing=store) as second,
    ):
        with pytest.raises(RateLimited):
            await ask(first)
        with pytest.raises(PacingError, match="too many requests") as caught:
            await ask(second)
        assert 500 < caught.value.retry_after <= 600
        assert 500 < second.penalty_left <= 600
        second.end_penalty()
        assert await ask(second) == "x"
        first.end_penalty()
        assert await ask(first) == "x"
    assert len(raw.requests) == 3


async def test_a_place_is_given_back_however_the_call_ends(raw: RawGateway, store: str) -> None:
    def answer(request: RawRequest, peer: Peer) -> None:
        if request.target.endswith("/next"):
            peer.json(b'"x"')
        else:
            peer.silence()

    def came(path: str) -> int:
        return sum(each.target.endswith(path) for each in raw.requests)

    raw.script(answer)
    async with (
        stranger(raw.base_url, pacing=store, timeout=60, retries=0) as first,
        stranger(raw.base_url, pacing=store, timeout=60) as second,
    ):
        hasty = first.with_options(timeout=0.1)
        for outcome in await gather(*[lambda: ask(hasty)] * 5):
            assert isinstance(outcome, HttpError)
        calls = [later(lambda: second.request("GET", "/trsrv/hangs")) for _ in range(2)]
        await until(lambda: came("/hangs") == 2)
        waiting = later(lambda: first.request("GET", "/trsrv/next"))
        await pause(0.1)
        # `second` has two requests in flight, which count for `first` as well.
        assert not came("/next")
        await second.aclose()
        for call in calls:
            with pytest.raises(ClientClosed):
                await result(call)
        assert await result(waiting) == "x"
        assert came("/next") == 1


async def test_reads_of_other_processes_leave_a_slot_to_orders(raw: RawGateway, store: str) -> None:
    def hold(request: RawRequest, peer: Peer) -> None:
        if request.method == "GET":
            peer.silence()
        else:
            peer.json(b"{}")

    raw.script(hold)
    async with (
        stranger(raw.base_url, pacing=store, timeout=60) as first,
        stranger(raw.base_url, pacing=store, timeout=60) as second,
    ):
        second._pipeline._prerequisites.answered("/iserver/accounts", time.monotonic())
        calls = [later(lambda: ask(first)) for _ in range(2)]
        await until(lambda: len(raw.requests) == 2)
        await second.request("DELETE", "/iserver/account/DU1/order/7")
        await second.request("POST", "/iserver/reply/abc", json={"confirmed": True})
        assert len(raw.requests) == 4
        await first.aclose()
        for call in calls:
            with pytest.raises(ClientClosed):
                await result(call)


async def test_a_store_that_cannot_be_used(raw: RawGateway, tmp_path: Path) -> None:
    raw.script(lambda request, peer: peer.json(b'{"session":"s"}'))
    for where in (f"file:{tmp_path / 'no' / 'such.db'}", "redis://:secret@127.0.0.1:1/0"):
        async with stranger(raw.base_url, pacing=where) as client:
            with pytest.raises(PacingError, match="nothing was sent") as caught:
                await ask(client)
            assert caught.value.retryable
            assert "secret" not in f"{caught.value!r} {caught.value} {client._settings!r}"
            assert raw.requests == []
            await client.tickle()  # works without the store, because it keeps the session alive
            assert len(raw.requests) == 1
            raw.requests.clear()


async def test_a_file_that_is_something_else(raw: RawGateway, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a database" * 100)
    async with stranger(raw.base_url, pacing=f"file:{tmp_path / 'x'}") as client:
        with pytest.raises(PacingError, match="not a database"):
            await ask(client)


@pytest.mark.parametrize("wrong", ["", "file:", "redis:", "sqlite:x", "postgres://x", 3, b"file:x"])
async def test_an_invalid_store_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"redis://HOST"):
        AsyncClient("http://127.0.0.1:1", pacing=wrong)
