"""Tests that no live quote shows an outdated price as a current one, and that each says why."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bezant import (
    AsyncClient,
    AsyncQuote,
    AsyncWsClient,
    Gap,
    InvalidRequest,
    MarketDataFields,
    NotAuthenticated,
    StaleData,
    TooManyLines,
    WsClosed,
)
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.phases import Timing
from bezant._runtime._async.concurrency import Connecting, connecting
from tests.support._async import later, pause, result, until
from tests.support.market import Market
from tests.support.raw import RawGateway
from tests.support.scripted import Call

QUICK = Timing(backoff_from=0.01, backoff_to=0.02, confirm_after=0.1)
WATCHFUL = Timing(backoff_from=0.01, backoff_to=0.02, quiet_after=0.2, confirm_after=0.05)


def stream(client: AsyncClient, timing: Timing = QUICK) -> Connecting[AsyncWsClient]:
    return connecting(AsyncWsClient._open(client, timing, MessageBuffer(), reconnect=True))


def no_pacing(market: Market) -> AsyncClient:
    return AsyncClient(market.base_url, pacing=False, retries=0)


async def staleness(quote: AsyncQuote, reason: str) -> StaleData:
    """Wait until a quote says that it is stale for a reason; it may name other reasons before."""
    for _ in range(20):
        try:
            assert await quote.wait(timeout=30)
        except StaleData as error:
            if error.reason == reason:
                return error
    raise AssertionError(f"the quote was never stale because of {reason!r}")


async def price(quote: AsyncQuote) -> Decimal | None:
    """Wait for the next current price, and return it."""
    for _ in range(20):
        try:
            assert await quote.wait(timeout=30)
        except StaleData:
            continue
        assert not quote.stale
        return quote.last
    raise AssertionError("the quote stays stale")


async def test_an_alert_survives_a_logout_and_says_so(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        assert (quote.stale_reason, quote.stale) == ("no value yet", True)
        assert await price(quote) == 100
        assert (quote.stale_reason, quote.stale_since, quote.stale_text) == (None, None, "")
        assert quote.availability == "real time"
        before = datetime.now(UTC)
        market.status = None
        market.sts(authenticated=False)
        error = await staleness(quote, "login lost")
        assert error.contracts == ("7",)
        assert before - timedelta(seconds=60) < error.since < datetime.now(UTC)
        assert "nobody is logged in" in str(error)
        assert "in a browser; the stream then continues by itself" in str(error)
        assert (quote.stale, quote.stale_reason) == (True, "login lost")
        assert quote.stale_since is not None
        assert quote.stale_text in str(error)
        assert quote.last == 100  # the last known price can be read, but it counts as stale
        assert not await quote.wait(timeout=0.05)  # nothing new about the staleness
        market.prices[7] = "105"
        market.status = {"authenticated": True, "connected": True, "established": True}
        assert await price(quote) == 105
        market.tick(7, "106")
        assert await price(quote) == 106


async def test_a_logout_that_only_another_call_notices(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        assert await price(quote) == 100
        market.status = None
        with pytest.raises(NotAuthenticated):
            await client.auth_status()
        market.send({"topic": "system", "hb": 1788888788000})
        assert (await staleness(quote, "login lost")).reason == "login lost"


async def test_a_brokerage_session_that_is_closed(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        assert await price(quote) == 100
        market.status = {"authenticated": False, "connected": True, "competing": False}
        market.sts(authenticated=False)
        assert "client.session.initialize()" in str(await staleness(quote, "session closed"))


async def test_a_lost_connection(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        assert await price(quote) == 100
        market.prices[7] = "101"
        market.drop()
        error = await staleness(quote, "connection lost")
        assert "has lost its connection" in str(error)
        assert await price(quote) == 101
        assert ws.stats.reconnects == 1


async def test_a_competing_session(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        assert await price(quote) == 100
        market.dead.add(7)
        market.sts(authenticated=True, competing=True)
        error = await staleness(quote, "competing session")
        assert "compete=True" in str(error)
        await until(lambda: market.subscribed[7] >= 2)
        market.dead.clear()
        market.prices[7] = "99"
        market.sts(authenticated=True, competing=False)
        assert await price(quote) == 99


async def test_a_refused_subscription(raw: RawGateway) -> None:
    market = Market(raw)
    market.refused.add(7)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        error = await staleness(quote, "refused")
        assert "unable to subscribe" in str(error)
        assert quote.last is None
        market.refused.clear()
        assert await price(quote) == 100


async def test_a_subscription_without_any_value(raw: RawGateway) -> None:
    market = Market(raw)
    market.dead.add(7)
    async with no_pacing(market) as client, stream(client) as ws:
        quote = await ws.quote(7)
        assert not await quote.wait(timeout=0.001)
        assert (await staleness(quote, "silent")).contracts == ("7",)


async def test_a_silent_contract_with_another_price_is_stale(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client, WATCHFUL) as ws:
        quote, calm = await ws.quote(7), await ws.quote(8)
        assert await price(quote) == await price(calm) == 100
        market.dead.add(7)
        market.tick(7, "90")
        error = await staleness(quote, "silent")
        assert "the stream subscribes again" in str(error)
        assert quote.last == 100
        assert quote.stale
        assert not calm.stale  # its snapshot has the known price
        market.dead.clear()
        assert await price(quote) == 90
        message = await ws.next_message(timeout=30)
        while not isinstance(message, Gap):
            message = await ws.next_message(timeout=30)
        assert message.topic == "smd"
        assert "7" in message.reason


async def test_a_subscription_that_the_gateway_has_ended_is_made_again(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client, WATCHFUL) as ws:
        quote = await ws.quote(7)
        assert await price(quote) == 100
        market.prices[7] = "95"  # changed without a message
        while quote.last != 95:
            with contextlib.suppress(StaleData):  # if the snapshot comes before the message
                await quote.wait(timeout=30)
        assert market.subscribed[7] >= 2


async def test_a_contract_outside_its_trading_hours_is_calm(raw: RawGateway) -> None:
    market = Market(raw)
    asked: list[int] = []

    def is_open(conid: int, at: datetime) -> bool:
        asked.append(conid)
        assert at.tzinfo is UTC
        return False

    async with no_pacing(market) as client:
        opening = AsyncWsClient._open(
            client, WATCHFUL, MessageBuffer(), reconnect=True, is_open=is_open
        )
        async with connecting(opening) as ws:
            quote = await ws.quote(7)
            assert await price(quote) == 100
            await until(lambda: len(asked) >= 2)
            assert set(asked) == {7}
            assert not quote.stale
    assert market.subscribed[7] == 1
    assert market.count("snapshot") == 0


async def test_snapshots_that_fail_make_nothing_stale(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client, WATCHFUL) as ws:
        quote = await ws.quote(7)
        assert await price(quote) == 100
        market.dead.add(7)
        usual = market.gateway.answer

        def nonsense(call: Call) -> object:
            return b"nonsense" if "snapshot" in call.path else None

        market.gateway.answer = nonsense
        await until(lambda: market.count("snapshot") >= 2)
        assert not quote.stale
        market.gateway.answer = usual
        await client.aclose()
        await pause(0.05)


async def test_the_end_of_a_stream_or_a_subscription_is_no_timeout(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client:
        async with stream(client) as ws:
            quote, other = await ws.quote(7), await ws.quote(8)
            assert await price(quote) == 100
            await quote.cancel()
            assert quote.stale_reason == "ended"
            with pytest.raises(WsClosed, match="was cancelled"):
                await quote.wait()
            assert await price(other) == 100
            waiting = later(other.wait)
            await pause(0.02)
        with pytest.raises(WsClosed, match="connect again"):
            await result(waiting)
        with pytest.raises(WsClosed, match="it was closed"):
            await other.wait(timeout=1)
        assert (other.stale_reason, "connect" in other.stale_text) == ("ended", True)


async def test_two_readers_of_a_contract_both_learn_that_it_is_stale(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        first, second = await ws.quote(7), await ws.quote(7)
        assert await price(first) == await price(second) == 100
        market.drop()
        for quote in (first, second):
            assert (await staleness(quote, "connection lost")).contracts == ("7",)
        assert await price(first) == 100
        late = await ws.quote(7)
        assert await price(late) == 100


def test_a_wrong_function_for_trading_hours_is_refused(raw: RawGateway) -> None:
    with pytest.raises(InvalidRequest, match="is_open must be a function"):
        AsyncWsClient.connect(AsyncClient(raw.base_url), is_open=5)  # type: ignore[arg-type]


async def test_many_quotes_wait_for_any_of_them(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        async with await ws.quotes([7, 8, 9]) as quotes:
            assert (len(quotes), quotes.contracts) == (3, (7, 8, 9))
            assert "3 contracts" in repr(quotes)
            seen: set[int] = set()
            while seen != {7, 8, 9}:
                seen |= {each.conid for each in await quotes.changed(timeout=30)}
            assert [each.last for each in quotes] == [100] * 3
            assert quotes.stale == []
            assert await quotes.changed(timeout=0.02) == []
            market.tick(8, "101")
            (changed,) = await quotes.changed(timeout=30)
            assert changed is quotes[8]
            assert changed.last == 101
            with pytest.raises(KeyError):
                quotes[5]
            market.drop()
            with pytest.raises(StaleData) as caught:
                await quotes.changed(timeout=30)
            assert caught.value.contracts == ("7", "8", "9")
            seen = set()
            while seen != {7, 8, 9}:
                seen |= {each.conid for each in await quotes.changed(timeout=30)}
        assert client.market_data_lines == 0
        assert len(quotes.stale) == 3
        with pytest.raises(WsClosed, match="was cancelled"):
            await quotes.changed()


async def test_too_many_contracts_subscribe_to_none(raw: RawGateway) -> None:
    market = Market(raw)
    async with no_pacing(market) as client, stream(client) as ws:
        await ws.quote(1)
        with pytest.raises(TooManyLines) as caught:
            await ws.quotes(range(1, 1001))
        error = caught.value
        assert (error.needed, error.free, error.limit) == (999, 99, 100)
        assert client.market_data_lines == 1
        assert set(market.subscribed) <= {1}
        quotes = await ws.quotes(range(1, 101))
        assert client.market_data_lines == 100
        await quotes.cancel()
        assert client.market_data_lines == 1
        bad: Any
        for bad in ([], "265598", [0]):
            with pytest.raises(InvalidRequest):
                await ws.quotes(bad)
    with pytest.raises(WsClosed):
        await ws.quotes([1])


async def test_subscriptions_that_fail_halfway_are_ended(raw: RawGateway) -> None:
    market = Market(raw)
    other = MarketDataFields.from_codes(*range(1, 51))
    async with no_pacing(market) as client, stream(client) as ws:
        await ws.quote(8, other)
        with pytest.raises(InvalidRequest, match="IBKR accepts up to 50"):
            await ws.quotes([7, 8])  # together, the subscriptions to 8 have too many fields
        assert client.market_data_lines == 1
