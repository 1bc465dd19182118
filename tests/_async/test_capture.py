"""Tests of capturing the raw responses behind typed calls."""

from __future__ import annotations

import pytest

from bezant import AsyncClient, AsyncSymbolCache, CapturedResponses, InvalidRequest, NotFound
from bezant._runtime._shared.http_packages import httpx
from bezant.sim import SimulatedGateway
from tests.support._async import gather
from tests.support.raw import Peer, RawGateway, RawRequest


def says(request: RawRequest, peer: Peer) -> None:
    peer.json(b'{"path":"%s","new":1}' % request.target.encode())


def paths(responses: CapturedResponses) -> list[str]:
    return [each.path.removeprefix("/v1/api") for each in responses]


async def test_composed_and_generated_and_raw_calls(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with client.capture_responses() as responses:
            positions = await client.all_positions(gateway.account_id)
            await client.api.portfolio.get_portfolio_summary(account_id=gateway.account_id)
            await client.request("GET", "/iserver/accounts")
        await client.tickle()
    listed = [each for each in responses if "/positions/" in each.path]
    conids = {row["conid"] for each in listed for row in each.json()}
    assert {each.conid for each in positions} == conids
    # The first captured response belongs to the accounts query that the client sends beforehand.
    assert paths(responses)[0] == "/portfolio/accounts"
    assert paths(responses)[-2:] == [
        f"/portfolio/{gateway.account_id}/summary",
        "/iserver/accounts",
    ]
    assert {each.status for each in responses} == {200}
    assert "json" in responses[-1].headers["content-type"]
    assert responses.dropped == 0


async def test_calls_that_fail_and_retries(raw: RawGateway) -> None:
    raw.script(
        lambda _, peer: peer.answer("503 Busy", b"busy"),
        says,
        lambda _, peer: peer.answer("404 No", b"nothing"),
    )
    async with AsyncClient(raw.base_url, retries=1) as client:
        with client.capture_responses() as responses:
            await client.request("GET", "/trsrv/stocks", params={"symbols": "A"})
            with pytest.raises(NotFound):
                await client.request("GET", "/trsrv/stocks")
    assert [(each.status, each.body[:4]) for each in responses] == [
        (503, b"busy"),
        (200, b'{"pa'),
        (404, b"noth"),
    ]
    assert responses[1].json()["new"] == 1
    assert paths(responses)[0] == "/trsrv/stocks?symbols=A"


async def test_others_are_not_in_it(raw: RawGateway) -> None:
    raw.script(says)
    async with AsyncClient(raw.base_url) as client, AsyncClient(raw.base_url) as other:

        async def one(path: str) -> CapturedResponses:
            with client.capture_responses() as mine:
                await other.request("GET", "/trsrv/other")
                await client.request("GET", path)
                await client.with_options(timeout=5).request("GET", path)
            return mine

        async def first() -> CapturedResponses:
            return await one("/trsrv/first")

        async def second() -> CapturedResponses:
            return await one("/trsrv/second")

        async def uncaptured() -> None:
            await client.request("GET", "/trsrv/none")

        found = await gather(first, second)
        assert await gather(uncaptured) == [None]
    for each, path in zip(found, ("/trsrv/first", "/trsrv/second"), strict=True):
        assert isinstance(each, CapturedResponses)
        assert paths(each) == [path, path]


async def test_nested_blocks(raw: RawGateway) -> None:
    raw.script(says)
    async with AsyncClient(raw.base_url) as client:
        with client.capture_responses() as outer:
            await client.request("GET", "/trsrv/a")
            with client.capture_responses(max_count=1) as inner:
                await client.request("GET", "/trsrv/b")
                await client.request("GET", "/trsrv/c")
            await client.request("GET", "/trsrv/d")
        await client.request("GET", "/trsrv/e")
        assert not client._pipeline.captures
    assert paths(outer) == ["/trsrv/a", "/trsrv/b", "/trsrv/c", "/trsrv/d"]
    assert (paths(inner), inner.dropped) == (["/trsrv/c"], 1)


async def test_the_calls_of_bulk_work(raw: RawGateway) -> None:
    raw.script(says)
    async with AsyncClient(raw.base_url) as client:

        async def fetch(number: int) -> object:
            return await client.request("GET", f"/trsrv/{number}")

        with client.capture_responses() as responses:
            await client.gather(fetch, range(12))
        await client.gather(fetch, range(3))
    assert sorted(paths(responses)) == sorted(f"/trsrv/{number}" for number in range(12))


async def test_symbols(gateway: SimulatedGateway) -> None:
    async with AsyncClient(gateway.base_url) as client:
        with client.capture_responses() as responses:
            await AsyncSymbolCache(client).conid_for("AAPL")
    assert paths(responses)[-1].startswith("/trsrv/stocks")


async def test_through_a_transport() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"a": 1}))
    async with AsyncClient(transport=transport) as client:
        with client.capture_responses() as responses:
            await client.request("GET", "/trsrv/stocks")
    assert responses[0].json() == {"a": 1}


async def test_limits_are_whole_numbers(raw: RawGateway) -> None:
    async with AsyncClient(raw.base_url) as client:
        with pytest.raises(InvalidRequest, match="max_count"):
            client.capture_responses(max_count=0)
        with pytest.raises(InvalidRequest, match="max_bytes"):
            client.capture_responses(max_bytes=-1)
