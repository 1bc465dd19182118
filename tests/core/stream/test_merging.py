"""Tests of merging updates: a message has all values of its topic since the connection began."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

import pytest
from hypothesis import given as given_
from hypothesis import strategies as st

from bezant import (
    LadderUpdate,
    LedgerUpdate,
    MarketData,
    MarketDataFields,
    OrderUpdate,
    Pnl,
    SessionStatus,
    SummaryUpdate,
    TradeUpdate,
)
from bezant._core.stream import merging, quotes
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.merging import TopicState
from bezant._core.stream.state import StreamState
from bezant._core.stream.topic import SubscriptionRequest
from bezant._core.stream.topics import ladder, ledger, market_data, orders, pnl, summary, trades
from bezant._core.stream.topics.registry import TOPICS

from ..samples import TOKEN, Drifts

M = TypeVar("M")


def numbers(*values: Decimal | None) -> list[int | None]:
    return [None if value is None else int(value) for value in values]


SYSTEM = b'{"topic":"system","success":"me"}'
LOGIN = b'{"topic":"sts","args":{"authenticated":true}}'
L1 = MarketDataFields.default_l1()
FULL: dict[str, object] = {"orderId": 1, "status": "Submitted", "conid": 5, "price": "5"}


def ready(drifts: Drifts | None = None, **options: Any) -> StreamState:
    stream = StreamState(Drifts() if drifts is None else drifts, 0.0, **options)
    stream.opened(TOKEN, 0.0, 0.0)
    stream.take_in([SYSTEM], 0.0)
    stream.message_buffer.take()
    return stream


def lose(stream: StreamState) -> None:
    stream.lost("gone", 1.0, 1.0)
    stream.advance(100.0, 100.0)
    stream.opened(TOKEN, 100.0, 100.0)
    stream.take_in([SYSTEM], 100.0)


def frame(topic: str, rows: object, key: str = "args") -> bytes:
    return json.dumps({"topic": topic, key: rows}).encode()


def quote(conid: int = 1, conid_ex: str | None = "1", **fields: object) -> bytes:
    found = {key.strip("f"): value for key, value in fields.items()}
    exchange = {} if conid_ex is None else {"conidEx": conid_ex}
    return json.dumps({"topic": f"smd+{conid}", "conid": conid, **exchange, **found}).encode()


def read(stream: StreamState, kind: type[M]) -> list[M]:
    found: list[M] = []
    while (message := stream.message_buffer.take()) is not None:
        if isinstance(message, kind):
            found.append(message)
    return found


def given(stream: StreamState, kind: type[M], *data: bytes) -> list[M]:
    """Receive frames one by one, and read after each; return the messages of class `kind`."""
    found: list[M] = []
    for each in data:
        stream.take_in([each], 0.0)
        found += read(stream, kind)
    return found


def test_quotes_carry_all_fields_and_the_names_of_the_changed_ones() -> None:
    stream = ready()
    stream.subscribe(market_data.request(1, L1, None), now=0)
    first, again, second, empty, bad = given(
        stream,
        MarketData,
        quote(f31="C10", f84="9", f86="11", f99999="x", _updated=1763800000000),
        quote(f31="C10", f84="9", f86="11", f99999="x", _updated=1763800000000),
        quote(f84="9.5", _updated=1763800001000),
        quote(f86=None),
        quote(f84="what"),
    )
    assert set(first.changed) == {"last", "bid", "ask", "99999"}
    assert (first.before, set(again.changed)) == ({}, set())
    assert (second.last, second.bid, second.ask) == (Decimal(10), Decimal("9.5"), Decimal(11))
    assert (second.is_close, second.halted, second.get("99999")) == (True, False, "x")
    assert set(second.values) == {"last", "bid", "ask", "99999"}
    assert set(second.changed) == {"bid"}
    assert second.raw.keys() == {"topic", "conid", "conidEx", "84", "_updated"}
    assert second.updated is not None
    assert first.updated is not None
    assert second.updated > first.updated
    assert (empty.ask, empty.bid, set(empty.changed)) == (None, Decimal("9.5"), {"ask"})
    assert (bad.bid, bad.last, set(bad.changed)) == (None, Decimal(10), {"bid"})
    # Later updates do not change messages that were read earlier.
    assert (first.bid, second.bid) == (Decimal(9), Decimal("9.5"))
    assert "changed=['bid']" in repr(second)
    assert "before" not in repr(second)


@pytest.mark.parametrize("data", [LOGIN, b""])
def test_quotes_start_empty_after_an_interruption(data: bytes) -> None:
    stream = ready()
    stream.subscribe(market_data.request(1, L1, None), now=0)
    live = stream.live_quote("1")
    given(stream, MarketData, quote(f31="10", f84="9"))
    assert set(live.complete().changed) == {"last", "bid"}
    if data:
        stream.take_in([LOGIN, LOGIN], 1.0)
    else:
        lose(stream)
    assert not live.fresh
    (after,) = given(stream, MarketData, quote(f84="9"))
    assert (after.last, after.bid, set(after.changed)) == (None, Decimal(9), {"bid"})
    assert (live.complete().last, live.complete().bid) == (None, Decimal(9))


def test_quotes_start_empty_after_a_subscription_has_ended() -> None:
    stream = ready()
    request = market_data.request(1, L1, None)
    interest, other = (stream.subscribe(request, now=0) for _ in range(2))
    live = stream.live_quote("1")
    given(stream, MarketData, quote(f31="10", f84="9"))
    stream.unsubscribe(other)
    assert live.fresh
    stream.unsubscribe(interest)
    assert not live.fresh
    (late,) = given(stream, MarketData, quote(f31="11"))
    assert (late.last, late.bid) == (Decimal(11), None)
    stream.subscribe(request, now=0)
    (after,) = given(stream, MarketData, quote(f84="8"))
    assert (after.last, after.bid) == (None, Decimal(8))
    assert (live.complete().last, stream.live_quote("1").complete().bid) == (10, Decimal(8))


def test_quotes_of_one_contract_on_several_exchanges() -> None:
    stream = ready()
    nyse = stream.subscribe(market_data.request(1, L1, "NYSE"), now=0)
    first, second = given(
        stream,
        MarketData,
        quote(conid_ex="1@NYSE", f31="10"),
        quote(conid_ex=None, f84="9"),  # an update in which the gateway omits the exchange
    )
    assert (second.conid_ex, second.last, second.bid) == ("1@NYSE", Decimal(10), Decimal(9))
    assert first.bid is None
    stream.subscribe(market_data.request(1, L1, None), now=0)
    smart, exchange = given(stream, MarketData, quote(f86="11"), quote(conid_ex="1@NYSE", f86="12"))
    assert (smart.conid_ex, smart.last, smart.ask) == ("1", None, Decimal(11))
    assert numbers(exchange.last, exchange.bid, exchange.ask) == [10, 9, 12]
    stream.unsubscribe(nyse)
    (smart,) = given(stream, MarketData, quote(f84="7"))
    assert (smart.bid, smart.ask) == (Decimal(7), Decimal(11))


def test_quotes_of_other_contracts_are_kept_within_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quotes, "MAX_OTHERS", 2)
    stream = ready()
    stream.subscribe(market_data.request(1, L1, None), now=0)
    found = given(
        stream,
        MarketData,
        quote(f31="1"),
        *(quote(conid, str(conid), f31="2") for conid in (2, 3, 4)),
        *(quote(conid, str(conid), f84="3") for conid in (1, 2, 4)),
    )
    assert [each.last for each in found[4:]] == [Decimal(1), None, Decimal(2)]
    assert len(stream._live_state.quotes) == 3


def test_merged_quotes_name_every_field_that_changed() -> None:
    stream = ready()
    given(stream, MarketData, quote(f31="10", f84="9", f86="11"))
    stream.take_in([quote(f84="8"), quote(f86="12"), quote(f84="9"), quote(f85="3")], 0.0)
    (message,) = read(stream, MarketData)
    assert message.merged == 3
    # The bid went from 9 to 8 and back to 9. It counts as changed.
    assert set(message.changed) == {"bid", "ask", "ask_size"}
    assert numbers(message.last, message.bid, message.ask, message.ask_size) == [10, 9, 12, 3]
    (after,) = given(stream, MarketData, quote(f84="8"))
    assert (set(after.changed), after.merged, message.bid) == ({"bid"}, 0, Decimal(9))


def test_a_backlog_of_quotes_keeps_each_as_it_was() -> None:
    stream = ready(message_buffer=MessageBuffer(100, 100))
    stream.take_in([quote(f31="1", f84="5"), quote(f31="2"), b'{"topic":"x"}', quote(f31="3")], 0.0)
    found = read(stream, MarketData)
    assert [numbers(each.last, each.bid) for each in found] == [[1, 5], [2, 5], [3, 5]]


@pytest.mark.parametrize(
    "data", [quote(conid_ex="2"), quote(2, "1"), b"5", b"[1]", b'{"topic":[1]}', b"x", b"[" * 9999]
)
def test_frames_that_are_unlike_the_last_one_are_parsed(data: bytes) -> None:
    stream = ready()
    given(stream, MarketData, quote(f31="1"))
    stream.take_in([quote(f31="2"), data, quote(f84="3")], 0.0)
    found = [each for each in read(stream, MarketData) if (each.conid, each.conid_ex) == (1, "1")]
    assert numbers(found[-1].last, found[-1].bid) == [2, 3]


def test_orders_carry_all_fields() -> None:
    stream = ready()
    stream.subscribe(orders.request(), now=0)
    first, second, none, whole, again = given(
        stream,
        OrderUpdate,
        frame("sor", [FULL]),
        frame("sor", [{"orderId": 1, "filledQuantity": 2.0}]),
        frame("sor", [{"orderId": 1, "filledQuantity": None, "status": "Filled"}]),
        frame("sor", [{"orderId": 1, "status": "Filled", "conid": 5}]),
        frame("sor", [{"orderId": 1, "status": "Filled", "conid": 5}]),
    )
    assert set(first.changed) == {"order_id", "status", "conid", "price"}
    assert (second.status, second.filled_quantity) == ("Submitted", Decimal(2))
    assert (set(second.changed), second.raw) == (
        {"filled_quantity"},
        {"orderId": 1, "filledQuantity": 2.0},
    )
    assert (none.filled_quantity, none.price) == (None, Decimal(5))
    assert set(none.changed) == {"status", "filled_quantity"}
    # A row with a status and a contract is complete, so it also removes values: it has no price,
    # and the price becomes None.
    assert (whole.price, whole.status, set(whole.changed)) == (None, "Filled", {"price"})
    assert set(again.changed) == set()
    assert second.filled_quantity == 2
    lose(stream)
    (after,) = given(stream, OrderUpdate, frame("sor", [{"orderId": 1, "filledQuantity": 3}]))
    assert (after.status, after.price, after.filled_quantity) == (None, None, Decimal(3))


def test_an_unreadable_value_is_reported_once_and_none_from_then_on() -> None:
    drifts = Drifts()
    stream = ready(drifts)
    _, bad, after = given(
        stream,
        OrderUpdate,
        frame("sor", [FULL]),
        frame("sor", [{"orderId": 1, "price": "what"}]),
        frame("sor", [{"orderId": 1, "filledQuantity": 1}]),
    )
    assert (bad.price, bad.status, set(bad.changed)) == (None, "Submitted", {"price"})
    assert (after.price, after.filled_quantity) == (None, Decimal(1))
    assert len(drifts) == 1
    assert "OrderUpdate.price" in str(drifts[0])


LEDGER = {"key": "LedgerListUSD", "secondKey": "USD", "cashbalance": 5, "timestamp": 1}
Merged: TypeAlias = LedgerUpdate | SummaryUpdate | Pnl | TradeUpdate
CASES: dict[str, tuple[SubscriptionRequest, bytes, bytes, Merged]] = {
    "sld": (
        ledger.request("U1"),
        frame("sld+U1", [LEDGER], "result"),
        frame("sld+U1", [{"key": "LedgerListUSD", "timestamp": 2}], "result"),
        LedgerUpdate(
            account_id="U1",
            key="LedgerListUSD",
            currency="USD",
            cash_balance=Decimal(5),
            timestamp=datetime.fromtimestamp(2, UTC),
            changed=frozenset(["timestamp"]),
            raw={"key": "LedgerListUSD", "timestamp": 2},
        ),
    ),
    "ssd": (
        summary.request("U1"),
        frame("ssd+U1", [{"key": "A", "monetaryValue": 5, "currency": "USD"}], "result"),
        frame("ssd+U1", [{"key": "A", "monetaryValue": 6}], "result"),
        SummaryUpdate(
            account_id="U1",
            key="A",
            amount=Decimal(6),
            currency="USD",
            changed=frozenset(["amount"]),
            raw={"key": "A", "monetaryValue": 6},
        ),
    ),
    "spl": (
        pnl.request(),
        frame("spl", {"U1.Core": {"dpl": 1, "nl": 100}}),
        frame("spl", {"U1.Core": {"dpl": 2}}),
        Pnl(
            account_id="U1",
            segment="Core",
            daily_pnl=Decimal(2),
            net_liquidation_value=Decimal(100),
            changed=frozenset(["daily_pnl"]),
            raw={"dpl": 2},
        ),
    ),
    "str": (
        trades.request(),
        frame("str", [{"execution_id": "a", "price": "5", "trade_time_r": 1763800000000}]),
        frame("str", [{"execution_id": "a", "commission": "1"}]),
        TradeUpdate(
            execution_id="a",
            price=Decimal(5),
            commission=Decimal(1),
            time=TradeUpdate.from_json('{"execution_id":"a"}').time,
            changed=frozenset(["commission"]),
            raw={"execution_id": "a", "commission": "1"},
        ),
    ),
}


@pytest.mark.parametrize("topic", CASES)
def test_updates_of_a_topic_merge_until_its_connection_or_subscription_ends(topic: str) -> None:
    request, first, second, expected = CASES[topic]
    stream = ready()
    interest = stream.subscribe(request, now=0)
    kind: type[Merged] = type(expected)
    _, complete = given(stream, kind, first, second)
    values = {name: getattr(complete, name) for name in kind.__struct_fields__ if name != "time"}
    assert values == {name: getattr(expected, name) for name in values}
    assert len(stream._live_state._states[topic]) == 1
    lose(stream)
    found = given(stream, kind, second)
    if topic == "str":
        assert found == []  # not delivered again, although the connection is new
    else:
        (alone,) = found
        assert alone.raw == complete.raw
        assert len(set(alone.changed)) < len(complete.__struct_fields__)
        assert alone.to_dict() != complete.to_dict()
    stream.unsubscribe(interest)
    assert len(stream._live_state._states[topic]) == 0
    stream.subscribe(request, now=0)
    (alone,) = given(stream, kind, second)
    assert alone.to_dict() != complete.to_dict()


def test_a_subscription_ends_only_its_own_values() -> None:
    stream = ready()
    one, _ = (stream.subscribe(ledger.request(account), now=0) for account in ("U1", "U2"))
    both = [frame(f"sld+{account}", [LEDGER], "result") for account in ("U1", "U2")]
    given(stream, LedgerUpdate, *both)
    stream.unsubscribe(one)
    update = [{"key": "LedgerListUSD", "timestamp": 2}]
    other, kept = given(
        stream, LedgerUpdate, *(frame(f"sld+{each}", update, "result") for each in ("U1", "U2"))
    )
    assert (other.cash_balance, kept.cash_balance) == (None, Decimal(5))


def test_an_execution_that_has_news_after_a_reconnection_has_no_old_values() -> None:
    stream = ready()
    stream.subscribe(trades.request(), now=0)
    given(stream, TradeUpdate, frame("str", [{"execution_id": "a", "price": "5", "size": 1}]))
    lose(stream)
    (news,) = given(
        stream, TradeUpdate, frame("str", [{"execution_id": "a", "price": "5", "commission": "1"}])
    )
    assert (news.price, news.size, news.commission) == (Decimal(5), None, Decimal(1))


def test_the_state_of_the_session_is_complete() -> None:
    stream = ready()
    first, second = given(
        stream, SessionStatus, LOGIN, frame("sts", {"competing": False, "message": ""})
    )
    assert (second.authenticated, second.competing) == (True, False)
    assert (first.competing, set(second.changed)) == (None, {"competing", "message"})


def test_the_price_ladder_is_complete() -> None:
    def rows(*data: dict[str, object]) -> bytes:
        return frame("sbd+U1+1", list(data), "data")

    stream = ready()
    interest = stream.subscribe(ladder.request("U1", 1, "NYSE"), now=0)
    first, second, same, odd = given(
        stream,
        LadderUpdate,
        rows({"row": 2, "price": "9", "bid": "5"}, {"row": 1, "price": "10", "ask": "7"}),
        rows({"row": 2, "price": "9"}),
        rows({"row": 2, "price": "9"}),
        rows({"price": "8"}),
    )
    assert [each.row for each in first.rows] == [1, 2]
    assert (set(first.changed), set(first.changed_rows)) == ({"rows"}, {1, 2})
    assert [each.ask_size for each in second.rows] == [Decimal(7), None]
    assert [each.bid_size for each in second.rows] == [None, None]
    assert (set(second.changed_rows), first.rows[1].bid_size) == ({2}, Decimal(5))
    assert (len(same.changed), len(same.changed_rows)) == (0, 0)
    assert ([each.row for each in odd.rows], set(odd.changed)) == ([1, 2, None], {"rows"})
    stream.unsubscribe(interest)
    (alone,) = given(stream, LadderUpdate, rows({"row": 2, "price": "9"}))
    assert len(alone.rows) == 1


def state_of(name: str) -> TopicState:
    (topic,) = (each for each in TOPICS if each.name == name)
    assert topic.merging is not None
    return TopicState(topic, topic.merging)


def test_the_states_of_a_topic_are_kept_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "MAX_STATES", 2)
    executions = state_of("str")
    for key in "abc":
        trade = TradeUpdate(execution_id=key, raw={"execution_id": key})
        assert executions.update(trade) is trade
        again = TradeUpdate(execution_id=key, raw={"execution_id": key})
        assert executions.update(again) is None
    assert len(executions) == len(executions._delivered) == 2


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (OrderUpdate, frame("sor", [{"status": "Filled"}, {"status": "Filled"}])),
        (TradeUpdate, frame("str", [{"price": "5"}, {"price": "5"}])),
        (LedgerUpdate, frame("sld+U1", [{"timestamp": 1}, {"timestamp": 1}], "result")),
        (SummaryUpdate, frame("ssd+U1", [{"value": "1"}, {"value": "1"}], "result")),
    ],
)
def test_updates_without_an_id_are_delivered_as_they_are(
    kind: type[OrderUpdate | TradeUpdate | LedgerUpdate | SummaryUpdate], data: bytes
) -> None:
    drifts = Drifts()
    stream = ready(drifts)
    first, second = given(stream, kind, data)
    assert first == second
    assert len(first.changed) == 1
    assert not any(map(len, stream._live_state._states.values()))
    assert drifts


STEPS = st.one_of(
    st.tuples(
        st.just("quote"),
        st.sampled_from([1, 2]),
        st.dictionaries(
            st.sampled_from(["31", "84", "86", "99999"]),
            st.sampled_from(["1", "2", None]),
            max_size=3,
        ),
    ),
    st.tuples(st.sampled_from(["read", "lose", "resubscribe"])),
)


@given_(steps=st.lists(STEPS, max_size=40), backlog=st.sampled_from([0, 2, 100]))
def test_any_sequence_of_quotes(steps: list[Any], backlog: int) -> None:
    """Messages have the same values as if all updates were applied in order.

    The values start empty with each connection and each subscription.
    """
    stream = ready(message_buffer=MessageBuffer(1000, backlog))
    interests = {
        each: stream.subscribe(market_data.request(each, L1, None), now=0) for each in (1, 2)
    }
    known: dict[int, dict[str, str | None]] = {1: {}, 2: {}}
    changed: dict[int, set[str]] = {1: set(), 2: set()}
    seen: list[tuple[MarketData, dict[str, object]]] = []
    for kind, *rest in [*steps, ("read",)]:
        if kind == "quote":
            conid, fields = rest
            stream.take_in([quote(conid, str(conid), **fields)], 0.0)
            changed[conid] |= {
                code for code, value in fields.items() if value != known[conid].get(code)
            }
            known[conid] = {**known[conid], **fields}
            continue
        found = read(stream, MarketData)
        for conid in (1, 2):
            mine = [each for each in found if each.conid == conid]
            assert set().union(*(each.changed_codes() for each in mine)) == changed[conid]
            if mine:
                state = mine[-1].state
                assert state is not None
                values = {code: value for code, value in state.items() if code.isdigit()}
                assert values == known[conid]
            changed[conid] = set()
        seen += [(each, each.to_dict()) for each in found]
        if kind == "lose":
            lose(stream)
            known = {1: {}, 2: {}}
        elif kind == "resubscribe":
            stream.unsubscribe(interests[1])
            interests[1] = stream.subscribe(market_data.request(1, L1, None), now=0)
            known[1] = {}
    # Later updates did not change messages that were read earlier.
    assert all(message.to_dict() == before for message, before in seen)
