"""Tests of further readers of a stream: each gets all messages of its classes, unchanged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bezant import Gap, Heartbeat, InvalidRequest, MarketData, Message, OrderUpdate, Pnl
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.readers import CLASSES, Reader, checked_classes
from bezant._core.stream.topics.registry import TOPICS

T0 = datetime(2026, 9, 8, tzinfo=UTC)


def quote(conid: int, **raw: str) -> MarketData:
    return MarketData(conid=conid, conid_ex=str(conid), raw=raw)


def gap(topic: str | None = None) -> Gap:
    return Gap(reason="x", since=T0, until=T0, topic=topic)


def reader(*classes: type[Message], limit: int = 100, backlog: int = 0) -> Reader:
    return Reader(checked_classes(classes), MessageBuffer(limit, backlog))


def read(source: Reader | MessageBuffer) -> list[Message]:
    return list(iter(source.take, None))


def test_each_reader_gets_the_messages_of_its_classes() -> None:
    stream = MessageBuffer()
    orders, pnl, everything = reader(OrderUpdate), reader(Pnl), reader()
    for added in (orders, pnl, everything):
        stream.add_reader(added)
    sent: list[Message] = [OrderUpdate(order_id=1), Pnl(account_id="U1"), OrderUpdate(order_id=2)]
    for each in sent:
        stream.put(each, T0)
    assert read(orders) == [sent[0], sent[2]]
    assert read(pnl) == [sent[1]]
    assert read(everything) == sent == read(stream)


def test_a_reader_gets_the_gaps_that_concern_its_classes() -> None:
    stream = MessageBuffer()
    orders, gaps = reader(OrderUpdate), reader(Gap)
    stream.add_reader(orders)
    stream.add_reader(gaps)
    for topic in (None, "sor", "smd"):
        stream.put(gap(topic), T0)
    assert read(orders) == [gap(), gap("sor")]
    assert read(gaps) == [gap(), gap("sor"), gap("smd")]


def test_merging_in_one_buffer_changes_nothing_in_another() -> None:
    stream = MessageBuffer()
    unmerged, merged = reader(MarketData, backlog=10), reader(MarketData)
    stream.add_reader(unmerged)
    stream.add_reader(merged)
    stream.put_quotes([quote(1, a="1", b="1")])
    assert read(stream) == [quote(1, a="1", b="1")]
    stream.put_quotes([quote(1, a="2"), quote(1, a="3")])
    assert read(unmerged) == [quote(1, a="1", b="1"), quote(1, a="2"), quote(1, a="3")]
    (found,) = read(merged)
    assert isinstance(found, MarketData)
    assert (found.raw, found.merged) == ({"a": "3", "b": "1"}, 2)
    (found,) = read(stream)
    assert isinstance(found, MarketData)
    assert (found.raw, found.merged) == ({"a": "3"}, 1)


def test_heartbeats_are_merged_for_each_reader_alone() -> None:
    stream = MessageBuffer()
    later = datetime(2026, 9, 9, tzinfo=UTC)
    beats = reader(Heartbeat)
    stream.add_reader(beats)
    stream.put(Heartbeat(sent_at=T0), T0)
    assert read(beats) == [Heartbeat(sent_at=T0)]
    stream.put(Heartbeat(sent_at=later), T0)
    assert read(beats) == [Heartbeat(sent_at=later)] == read(stream)


def test_a_slow_reader_loses_its_own_messages_only() -> None:
    stream = MessageBuffer()
    slow, fast = reader(OrderUpdate, limit=2), reader(OrderUpdate)
    stream.add_reader(slow)
    stream.add_reader(fast)
    for number in range(5):
        stream.put(OrderUpdate(order_id=number), T0)
    assert read(fast) == [OrderUpdate(order_id=number) for number in range(5)]
    one, two, lost = read(slow)
    assert [one, two] == [OrderUpdate(order_id=0), OrderUpdate(order_id=1)]
    assert isinstance(lost, Gap)
    assert (lost.topic, lost.count, slow.message_buffer.missed, stream.missed) == ("sor", 3, 3, 0)


def test_a_closed_reader_gets_nothing_more() -> None:
    stream = MessageBuffer()
    first, second, third = reader(), reader(), reader()
    stream.add_reader(first)
    first.closed = True
    stream.put(OrderUpdate(order_id=1), T0)
    stream.put_quotes([quote(1, a="1")])
    assert read(first) == []
    stream.add_reader(second)
    stream.add_reader(third)
    stream.remove_reader(second)
    stream.put(OrderUpdate(order_id=2), T0)
    stream.put_quotes([quote(1, a="2")])
    assert (read(first), read(second), len(read(third))) == ([], [], 2)


def test_all_messages_of_all_topics_are_classes_of_readers() -> None:
    assert {each for topic in TOPICS for each in topic.messages} <= set(CLASSES)


@pytest.mark.parametrize("wrong", ["sor", int, None, OrderUpdate(order_id=1), []])
def test_other_values_are_no_classes_of_messages(wrong: object) -> None:
    with pytest.raises(InvalidRequest, match="a class of messages such as"):
        checked_classes([OrderUpdate, wrong])
