"""Tests of the reasons why live quotes are stale, and of contracts that send nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime

import pytest

from bezant import (
    CompetingSession,
    Gap,
    MarketDataFields,
    NoSession,
    NotAuthenticated,
    NotEstablished,
    SessionError,
    StaleData,
)
from bezant._core.marketdata.liveness import Staleness, prices_differ, reason_of
from bezant._core.stream.phases import Phase, Timing
from bezant._core.stream.quotes import QuoteReader, read_many
from bezant._core.stream.state import StreamState
from bezant._core.stream.topics import market_data, pnl

from ..samples import TOKEN, Drifts
from .test_state import LOGGED_OUT, SYSTEM, at, quote, read, ready_state, reconnect, sent

FIELDS = MarketDataFields.from_names("last", "bid", "bid_size")


def subscribed(stream: StreamState, *conids: int, now: float = 0.0) -> list[QuoteReader]:
    for conid in conids:
        stream.subscribe(market_data.request(conid, FIELDS, None), now=now)
    sent(stream, now)
    return [QuoteReader(stream.live_quote(str(conid))) for conid in conids]


def news(reader: QuoteReader) -> bool | str:
    try:
        return reader.read()
    except StaleData as error:
        return error.reason


def test_values_become_stale_once_for_each_reason() -> None:
    stream = ready_state()
    (reader,) = subscribed(stream, 1)
    live = reader.live
    assert live.staleness == Staleness("no value yet", at(0))
    assert not reader.read()
    stream.take_in([quote(1, **{"31": "5"})], 3)
    assert live.staleness is None
    assert [news(reader), news(reader)] == [True, False]
    stream.lost("cut", 4, 4)
    assert live.staleness == Staleness("connection lost", at(3), "cut")
    assert [news(reader), news(reader)] == ["connection lost", False]
    reconnect(stream, 4)
    stream.lost("nobody", 9, 9, session=True, stale="login lost")
    assert live.staleness == Staleness("login lost", at(3))
    assert [news(reader), news(reader)] == ["login lost", False]
    stream.lost("nobody", 9, 9, session=True, stale="login lost")
    assert not reader.read()
    late = QuoteReader(live)
    assert news(late) == "login lost"
    reconnect(stream, 9)
    stream.take_in([SYSTEM], 20)
    assert live.staleness is not None
    assert not reader.read()
    stream.take_in([quote(1, **{"31": "6"})], 21)
    assert live.staleness is None
    assert [news(reader), news(late)] == [True, True]
    stream.end("it was closed", 22)
    assert live.staleness == Staleness("ended", at(21), "it was closed")


def test_a_reader_that_missed_an_interruption_gets_the_new_value() -> None:
    stream = ready_state()
    (reader,) = subscribed(stream, 1)
    stream.take_in([quote(1, **{"31": "5"})], 1)
    assert reader.read()
    stream.lost("cut", 2, 2)
    reconnect(stream, 2)
    stream.take_in([SYSTEM, quote(1, **{"31": "5"})], 3)
    assert [news(reader), news(reader)] == [True, False]


def test_a_late_message_of_a_lost_connection_is_no_current_value() -> None:
    stream = ready_state()
    (reader,) = subscribed(stream, 1)
    stream.lost("cut", 1, 1)
    stream.take_in([quote(1, **{"31": "5"})], 1)
    assert not reader.live.fresh
    assert reader.live.complete().last == 5
    stream.subscribe(market_data.request(2, FIELDS, None), now=2)
    other = stream.live_quote("2")
    assert other.staleness is not None
    assert other.staleness.reason == "connection lost"


def test_a_login_that_is_lost_without_reconnection_makes_quotes_stale() -> None:
    stream = ready_state(reconnect=False)
    (reader,) = subscribed(stream, 1)
    stream.take_in([quote(1, **{"31": "5"}), LOGGED_OUT], 1)
    stream.probed(None, "closed", 1, 1, stale="session closed")
    assert stream.phase is Phase.READY
    assert news(reader) == "session closed"


def test_a_call_that_finds_the_session_lost_starts_a_check() -> None:
    stream = ready_state()
    stream.doubt_session("a call says so")
    assert stream.probe_due
    stream.probed(TOKEN, "", 1, 1)
    assert not stream.probe_due
    stream.doubt_session("a call says so")
    stream.probed(None, "", 2, 2)
    assert stream.phase is Phase.BACKOFF
    stream.doubt_session("a call says so")
    assert not stream.probe_due


def competing(flag: bool, **more: bool) -> bytes:
    return json.dumps({"topic": "sts", "args": {"competing": flag, **more}}).encode()


def test_a_competing_session_makes_market_data_stale() -> None:
    stream = ready_state()
    (reader,) = subscribed(stream, 1)
    stream.subscribe(pnl.request(), now=0)
    sent(stream, 0)
    stream.take_in([quote(1, **{"31": "5"})], 1)
    assert reader.read()
    stream.take_in([competing(True)], 2)
    assert news(reader) == "competing session"
    assert [each[:5] for each in sent(stream, 2)] == ["smd+1"]
    stream.take_in([quote(1, **{"31": "5"})], 3)
    assert reader.read()
    stream.take_in([competing(True)], 4)
    assert not reader.read()
    stream.take_in([competing(False)], 5)
    staleness = reader.live.staleness
    assert staleness is not None
    assert "has just ended" in staleness.text
    assert len(sent(stream, 5)) == 1


def test_a_new_login_and_a_competing_session_subscribe_once() -> None:
    stream = ready_state()
    (reader,) = subscribed(stream, 1)
    stream.take_in([competing(False, authenticated=True), competing(True, authenticated=True)], 1)
    assert news(reader) == "competing session"
    assert len(sent(stream, 1)) == 1


def test_a_cancelled_subscription_has_ended() -> None:
    stream = ready_state()
    interest = stream.subscribe(market_data.request(1, FIELDS, None), now=0)
    live = stream.live_quote("1")
    stream.unsubscribe(interest)
    assert live.staleness is not None
    assert (live.staleness.reason, live.turns) == ("ended", 1)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotAuthenticated("x"), "login lost"),
        (CompetingSession("x"), "competing session"),
        (NoSession("x"), "session closed"),
        (NotEstablished("x"), "session closed"),
    ],
)
def test_the_reason_that_an_error_of_the_session_means(error: SessionError, reason: str) -> None:
    assert reason_of(error) == reason


def test_the_error_names_the_first_contracts() -> None:
    staleness = Staleness("silent", at(0))
    assert "of 1, 2, 3 is stale since 1970-01-01 00:00:00 UTC" in str(staleness.error("123"))
    error = staleness.error("12345")
    assert "of 1, 2, 3 and 2 more is stale" in str(error)
    assert (error.contracts, error.since, error.reason) == (tuple("12345"), at(0), "silent")


@pytest.mark.parametrize(
    ("known", "other", "differ"),
    [
        ({"31": "5"}, {"31": "5"}, False),
        ({"31": "5"}, {"31": "5.00"}, False),
        ({"31": "5"}, {"31": "C5"}, False),
        ({"31": "5"}, {"31": "6"}, True),
        ({"31": "5"}, {"84": "6"}, False),
        ({"31": "5"}, {"31": "N/A"}, False),
        ({"88": "5"}, {"88": "6"}, False),  # a size is not a price
        ({"31": "5", "84": "4"}, {"31": "5", "84": "4.5"}, True),
    ],
)
def test_which_prices_differ(known: dict[str, str], other: dict[str, str], differ: bool) -> None:
    assert prices_differ(known, other, FIELDS) is differ


def watching(
    is_open: Callable[[int, datetime], bool | None] | None = None,
) -> tuple[StreamState, QuoteReader, QuoteReader]:
    timing = Timing(quiet_after=60, silence_limit=9999, tic_interval=9999)
    stream = StreamState(Drifts(), 0, wall=0, timing=timing, is_open=is_open)
    stream.opened(TOKEN, 0, 0)
    stream.take_in([SYSTEM], 0)
    read(stream)
    one, two = subscribed(stream, 1, 2)
    stream.take_in([quote(1, **{"31": "5"}), quote(2, **{"31": "7"})], 1)
    assert one.read() is two.read() is True
    read(stream)
    return stream, one, two


def silent(stream: StreamState, until: int, start: int = 0) -> list[str]:
    for now in range(start, until + 1, 5):
        stream.advance(now, now)
    return [each.live.conid_ex for each in stream.silence.found]


def test_a_silent_contract_is_subscribed_again_and_compared() -> None:
    stream, one, two = watching()
    assert silent(stream, 55) == []
    stream.take_in([quote(2, **{"31": "8"})], 56)
    assert silent(stream, 75, 60) == ["1"]
    assert [each[:5] for each in sent(stream, 75)] == ["smd+1"]
    found = stream.silence.take()
    assert stream.silence.found == []
    stream.compare_silent(found, {"1": {"31": "5"}}, 76)
    assert one.live.fresh
    assert not any(isinstance(each, Gap) for each in read(stream))
    stream.compare_silent(found, {}, 76)
    assert one.live.fresh
    stream.compare_silent(found, {"1": {"31": "5.5"}}, 76)
    assert news(one) == "silent"
    (gap,) = read(stream)
    assert isinstance(gap, Gap)
    assert (gap.topic, gap.since, gap.until) == ("smd", at(0), at(76))
    # It is checked again while it stays silent, and live again with its next message.
    assert "1" in silent(stream, 200, 80)
    stream.take_in([quote(1, **{"31": "5.5"})], 201)
    assert one.read()
    assert two.live.fresh


def test_a_message_after_the_new_subscription_shows_whether_one_was_missing() -> None:
    stream, one, _ = watching()
    silent(stream, 90)
    found = [each for each in stream.silence.take() if each.live is one.live]
    stream.take_in([quote(1, **{"31": "5"})], 91)
    stream.compare_silent(found, {"1": {"31": "6"}}, 92)
    assert [each for each in read(stream) if isinstance(each, Gap)] == []
    stream.take_in([quote(1, **{"31": "6"})], 93)
    stream.compare_silent(found, {}, 94)
    assert [each.topic for each in read(stream) if isinstance(each, Gap)] == ["smd"]
    assert one.live.fresh


def test_a_comparison_that_comes_too_late_is_ignored() -> None:
    stream, _, _ = watching()
    interest = stream.subscribe(market_data.request(3, FIELDS, None), now=2)
    stream.take_in([quote(3, **{"31": "5"})], 2)
    assert silent(stream, 90) == ["1", "2", "3"]
    stream.unsubscribe(interest)
    found = stream.silence.take()
    stream.compare_silent(found, {"3": {"31": "9"}}, 91)
    assert [each for each in read(stream) if isinstance(each, Gap)] == []
    stream.lost("cut", 92, 92)
    stream.compare_silent(found, {"1": {"31": "9"}}, 93)
    assert stream.live_quote("1").staleness == Staleness("connection lost", at(2), "cut")
    assert stream.silence.found == []


@pytest.mark.parametrize(("answer", "found"), [(False, []), (True, ["1", "2"]), (None, ["1", "2"])])
def test_a_contract_is_checked_unless_it_does_not_trade(
    answer: bool | None, found: list[str]
) -> None:
    asked: list[int] = []

    def is_open(conid: int, when: datetime) -> bool | None:
        asked.append(conid)
        assert when.tzinfo is not None
        return answer

    stream, _, _ = watching(is_open)
    assert silent(stream, 90) == found
    assert asked == [1, 2]


def test_a_contract_without_any_value_is_not_compared() -> None:
    stream, _, _ = watching()
    subscribed(stream, 3)
    assert silent(stream, 90) == ["1", "2"]


def test_many_readers_are_told_together_by_reason() -> None:
    stream = ready_state()
    readers = subscribed(stream, 1, 2, 3)
    stream.take_in([quote(each, **{"31": "5"}) for each in (1, 2, 3)], 1)
    assert read_many(readers) == [0, 1, 2]
    assert read_many(readers) == []
    stream.take_in([json.dumps({"topic": "smd+2", "error": "no", "code": 500}).encode()], 2)
    stream.lost("cut", 3, 3)
    with pytest.raises(StaleData) as caught:
        read_many(readers)
    assert (caught.value.contracts, caught.value.since) == (("1", "2", "3"), at(2))
    reconnect(stream, 3)
    stream.take_in([SYSTEM], 9)
    refused = {"topic": "smd+2", "error": "no", "code": 500}
    stream.take_in([json.dumps(refused).encode(), quote(1, **{"31": "6"})], 10)
    with pytest.raises(StaleData) as caught:
        read_many(readers)
    assert (caught.value.contracts, caught.value.reason) == (("2",), "refused")
    assert read_many(readers) == [0]
