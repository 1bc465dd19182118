"""Tests of the buffer of unread messages: it is limited in size, and a `Gap` reports losses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bezant import Gap, Heartbeat, MarketData, Message, OrderUpdate, Other, Pnl, Reconnected
from bezant._core.stream.buffer import MessageBuffer, topic_of

T0 = datetime(2026, 9, 8, tzinfo=UTC)


def quote(conid: int, **raw: str) -> MarketData:
    return MarketData(conid=conid, conid_ex=str(conid), raw=raw)


def order(number: int) -> OrderUpdate:
    return OrderUpdate(order_id=number)


def read(message_buffer: MessageBuffer) -> list[Message]:
    return [
        message
        for _ in range(len(message_buffer))
        if (message := message_buffer.take()) is not None
    ]


def test_quotes_of_a_contract_become_one() -> None:
    message_buffer = MessageBuffer()
    for each in (quote(1, a="1", b="1"), quote(2, a="9"), quote(1, a="2"), quote(1, c="3")):
        message_buffer.put_quotes([each])
    first, second = read(message_buffer)
    assert isinstance(first, MarketData)
    assert (first.raw, first.merged) == ({"a": "2", "b": "1", "c": "3"}, 2)
    assert second == quote(2, a="9")
    assert message_buffer.merged == 2
    message_buffer.put_quotes([quote(1, a="4")])
    assert read(message_buffer) == [quote(1, a="4")]


def test_a_backlog_of_quotes_is_held_before_they_are_merged() -> None:
    message_buffer = MessageBuffer(quote_backlog=2)
    for value in "123":
        message_buffer.put_quotes([quote(1, a=value)])
    first, second = read(message_buffer)
    assert first == quote(1, a="1")
    assert isinstance(second, MarketData)
    assert (second.raw, second.merged) == ({"a": "3"}, 1)
    message_buffer.put_quotes([quote(1, a="4")])
    message_buffer.put_quotes([quote(1, a="5")])
    assert len(read(message_buffer)) == 2


def test_nothing_is_merged_across_a_gap() -> None:
    message_buffer = MessageBuffer()
    gap = Gap(reason="x", since=T0, until=T0)
    message_buffer.put_quotes([quote(1, a="1")])
    message_buffer.put(gap, T0)
    message_buffer.put_quotes([quote(1, a="2")])
    assert read(message_buffer) == [quote(1, a="1"), gap, quote(1, a="2")]


def test_a_quote_after_a_gap_is_not_merged_into_one_of_the_backlog_before_it() -> None:
    message_buffer = MessageBuffer(quote_backlog=3)
    gap = Gap(reason="x", since=T0, until=T0)
    message_buffer.put_quotes([quote(1, a="1"), quote(2, a="2")])
    message_buffer.put(gap, T0)
    message_buffer.put(order(7), T0)
    message_buffer.put_quotes([quote(1, a="3")])
    message_buffer.put_quotes([quote(2, a="4"), quote(1, a="5")])
    one, two, *rest = read(message_buffer)
    assert [one, two] == [quote(1, a="1"), quote(2, a="2")]
    assert rest[:2] == [gap, order(7)]
    assert [(each.raw, each.merged) for each in rest[2:] if isinstance(each, MarketData)] == [
        ({"a": "5"}, 1),
        ({"a": "4"}, 0),
    ]


@given(
    steps=st.lists(st.lists(st.integers(0, 3), max_size=5) | st.none(), max_size=40),
    backlog=st.integers(0, 6),
)
def test_quotes_are_merged_only_above_the_backlog(
    steps: list[list[int] | None], backlog: int
) -> None:
    message_buffer = MessageBuffer(quote_backlog=backlog)
    # Per unread message: contract, and number of its newest quote.
    unread: list[tuple[int, int]] = []
    number = 0
    for step in steps:
        if step is None:
            found = message_buffer.take()
            if unread:
                assert isinstance(found, MarketData)
                assert (found.conid, found.raw["n"]) == unread.pop(0)
            else:
                assert found is None
            continue
        quotes: list[MarketData] = []
        for conid in step:
            number += 1
            quotes.append(MarketData(conid=conid, conid_ex=str(conid), raw={"n": number}))
            same = [at for at, (contract, _) in enumerate(unread) if contract == conid]
            if same and len(unread) >= backlog:
                unread[same[-1]] = (conid, number)
            else:
                unread.append((conid, number))
        message_buffer.put_quotes(quotes)
    left = [each for each in read(message_buffer) if isinstance(each, MarketData)]
    assert [(each.conid, each.raw["n"]) for each in left] == unread


def test_heartbeats_become_one() -> None:
    message_buffer = MessageBuffer(1)
    for hour in range(3):
        message_buffer.put(Heartbeat(sent_at=T0 + timedelta(hours=hour)), T0)
    assert read(message_buffer) == [Heartbeat(sent_at=T0 + timedelta(hours=2))]


def test_dropped_messages_are_counted_by_topic() -> None:
    message_buffer = MessageBuffer(2)
    for number in range(6):
        message_buffer.put(order(number), T0 + timedelta(seconds=number))
    message_buffer.put(Pnl(account_id="U1"), T0)
    message_buffer.put(Reconnected(attempts=1, at=T0), T0)
    assert len(message_buffer) == 5
    assert [message_buffer.take(), message_buffer.take()] == [order(0), order(1)]
    message_buffer.put(order(6), T0)
    orders, pnl, notes, last = read(message_buffer)
    assert isinstance(orders, Gap)
    assert (orders.topic, orders.count) == ("sor", 4)
    assert (orders.since, orders.until) == (T0 + timedelta(seconds=2), T0 + timedelta(seconds=5))
    assert isinstance(pnl, Gap)
    assert (pnl.topic, pnl.count) == ("spl", 1)
    assert isinstance(notes, Gap)
    assert notes.topic is None
    assert last == order(6)
    assert message_buffer.missed == 6
    assert message_buffer.take() is None


def test_topics() -> None:
    assert topic_of(Other(topic="shs+exercise")) == "shs"
    assert topic_of(Other(topic="")) is None
    assert topic_of(order(1)) == "sor"


def test_lag() -> None:
    message_buffer = MessageBuffer()
    assert message_buffer.lag(5) == 0
    message_buffer.arrived(10)
    assert message_buffer.lag(12) == 0
    message_buffer.arrived(11)
    message_buffer.put(order(1), T0)
    message_buffer.put(order(2), T0)
    message_buffer.arrived(20)
    message_buffer.put(order(3), T0)
    assert message_buffer.lag(21) == 10
    message_buffer.take()
    assert message_buffer.lag(21) == 10
    message_buffer.take()
    assert message_buffer.lag(21) == 1
    message_buffer.arrived(22)
    message_buffer.put(order(4), T0)
    message_buffer.take()
    assert message_buffer.lag(23) == 1
    message_buffer.take()
    assert message_buffer.lag(24) == 0
    message_buffer.arrived(30)
    assert len(message_buffer._arrivals) <= 2


@given(steps=st.lists(st.integers(0, 3) | st.none(), max_size=80), limit=st.integers(1, 5))
def test_every_order_is_delivered_once_or_counted(steps: list[int | None], limit: int) -> None:
    message_buffer = MessageBuffer(limit)
    put, found = 0, list[Message]()
    for step in steps:
        if step is None:
            message = message_buffer.take()
            if message is not None:
                found.append(message)
        elif step == 3:
            message_buffer.put_quotes([quote(step)])
        else:
            message_buffer.put(order(put), T0)
            put += 1
        assert len(message_buffer) <= limit * 2 + 2
    found += read(message_buffer)
    position = 0
    for message in found:
        if isinstance(message, OrderUpdate):
            assert message.order_id == position
            position += 1
        elif isinstance(message, Gap):
            assert message.count is not None
            position += message.count
    assert position == put
