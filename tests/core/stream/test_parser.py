"""Tests of parsing frames into messages: no frame is dropped, and none raises an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import (
    AccountUpdate,
    BarsUpdate,
    Bulletin,
    ErrorMessage,
    Heartbeat,
    LadderUpdate,
    Malformed,
    MarketData,
    Message,
    Notice,
    OrderUpdate,
    Other,
    Pnl,
    Prompt,
    SessionStatus,
    SummaryUpdate,
    System,
)
from bezant._core.stream.parser import parse
from bezant._core.stream.topic import TicReply

from ..samples import ORDER, PNL, Drifts, json_values

MOMENT = datetime(2026, 9, 8, 17, 33, 8, tzinfo=UTC)


def read(data: bytes, drifts: Drifts) -> list[Message]:
    found = parse(data, drifts)
    assert not isinstance(found, TicReply)
    return [found] if isinstance(found, MarketData) else found


def parsed(frame: object) -> list[Message]:
    drifts = Drifts()
    messages = read(json.dumps(frame).encode(), drifts)
    assert drifts == []
    return messages


def test_system() -> None:
    assert parsed({"topic": "system", "success": "me", "isFT": False, "isPaper": True}) == [
        System(user_name="me", is_paper=True, supports_fractions=False)
    ]
    assert parsed({"topic": "system", "success": "me", "isPaper": "x"}) == [System(user_name="me")]


@pytest.mark.parametrize("success", [None, False, 5, [], {}], ids=repr)
def test_a_system_message_without_a_user_does_not_mean_ready(success: object) -> None:
    frame = {"topic": "system", "success": success}
    assert parsed(frame) == [Other(topic="system", payload=frame)]


@pytest.mark.parametrize(
    ("hb", "expected"), [(1788888788000, MOMENT), ("soon", None), (None, None), ([], None)]
)
def test_heartbeats(hb: object, expected: datetime | None) -> None:
    assert parsed({"topic": "system", "hb": hb}) == [Heartbeat(sent_at=expected)]


def test_market_data() -> None:
    frame = {
        "topic": "smd+4711",
        "conid": 4711,
        "conidEx": "4711@NYSE",
        "_updated": 1788888788000,
        "31": "C1,234.5",
        "84": "",
    }
    (message,) = parsed(frame)
    assert isinstance(message, MarketData)
    assert (message.conid, message.conid_ex, message.updated) == (4711, "4711@NYSE", MOMENT)
    assert (message.last, message.is_close, message.bid) == (Decimal("1234.5"), True, None)
    assert message.raw == frame


@pytest.mark.parametrize(
    "frame",
    [
        {"topic": "smd+4711", "conid": "4711"},
        {"topic": "smd+4711", "conid": 4711.0},
        {"topic": "smd+4711"},
        {"topic": "smd+4711", "conid": None, "conidEx": 5},
    ],
    ids=str,
)
def test_the_contract_in_other_spellings(frame: dict[str, object]) -> None:
    (message,) = parsed(frame)
    assert isinstance(message, MarketData)
    assert (message.conid, message.conid_ex) == (4711, "4711")


@pytest.mark.parametrize(
    "frame",
    [
        {"topic": "smd"},
        {"topic": "smd+x"},
        {"topic": "smd+4711", "conid": "N/A"},
        {"topic": "smd+4711", "conid": []},
        {"topic": "smd+4711", "conid": True},
        {"topic": "sts"},
        {"topic": "smh+x"},
        {"topic": "sbd+U1"},
        {"topic": "sbd+U1+5"},
        {"topic": "shs+exercise", "action": "content"},
        {"topic": "sor", "args": []},
        {"topic": "sor", "args": 5},
        {"topic": "sor"},
        {"topic": "spl", "args": {}},
        {"topic": "spl", "args": [1]},
    ],
    ids=str,
)
def test_an_unknown_topic_is_delivered_unchanged(frame: dict[str, object]) -> None:
    assert parsed(frame) == [Other(topic=str(frame["topic"]), payload=frame)]


@pytest.mark.parametrize(
    "frame", [{"message": "waiting for session"}, {"topic": 5}, [1], 5, None, "x"], ids=str
)
def test_a_frame_without_a_topic(frame: object) -> None:
    assert parsed(frame) == [Other(topic="", payload=frame)]


def test_orders_one_message_for_each_row() -> None:
    first, second, third = parsed({"topic": "sor", "args": [ORDER, {"orderId": 2}, "text"]})
    assert isinstance(first, OrderUpdate)
    assert (first.order_id, first.price, first.side) == (987654321, Decimal("101.5"), "BUY")
    assert (first.client_order_id, first.time_in_force) == ("mine-1", "DAY")
    assert first.last_execution_time == datetime(2025, 9, 8, 17, 33, 8, tzinfo=UTC)
    assert str(first.quantity) == "10"
    assert first.raw == ORDER
    assert isinstance(second, OrderUpdate)
    assert (second.order_id, second.status, second.raw) == (2, None, {"orderId": 2})
    assert third == Other(topic="sor", payload="text")


def test_orders_in_an_object_as_they_are_documented() -> None:
    (message,) = parsed({"topic": "sor", "args": {"orderId": "1,234"}})
    assert isinstance(message, OrderUpdate)
    assert message.order_id == 1234


def test_pnl_one_message_for_each_account() -> None:
    args = {"DU1.Core": PNL, "DU2": {"dpl": "N/A"}, "DU3.Core": 5}
    first, second, third = parsed({"topic": "spl", "args": args})
    assert isinstance(first, Pnl)
    assert (first.account_id, first.segment, first.daily_pnl) == ("DU1", "Core", Decimal("-12.5"))
    assert (first.net_liquidation_value, first.raw) == (Decimal("100000.5"), PNL)
    assert isinstance(second, Pnl)
    assert (second.account_id, second.segment, second.daily_pnl) == ("DU2", "", None)
    assert second.unrealized_pnl is None
    assert third == Other(topic="spl", payload={"DU3.Core": 5})


def test_a_bad_field_is_reported_and_the_row_delivered() -> None:
    drifts = Drifts()
    rows = [{"orderId": 1, "conid": {}}, {"orderId": 2, "price": "NaN"}]
    messages = read(json.dumps({"topic": "sor", "args": rows}).encode(), drifts)
    assert [each.order_id for each in messages if isinstance(each, OrderUpdate)] == [1, 2]
    assert [(each.operation, each.field) for each in drifts] == [("sor", "conid")]
    assert isinstance(messages[1], OrderUpdate)
    assert messages[1].price is None


def test_the_old_heartbeats_echo_is_not_malformed() -> None:
    assert read(b"ech+hb", Drifts()) == [Other(topic="ech", payload="ech+hb")]


@pytest.mark.parametrize(
    "data", [b"", b"{", b"tic", b"[" * 100_000, b"\x00"], ids=lambda d: repr(d)[:9]
)
def test_what_is_not_json(data: bytes) -> None:
    (message,) = read(data, Drifts())
    assert isinstance(message, Malformed)
    assert data.startswith(message.data)
    assert len(message.data) == min(len(data), 64 * 1024)
    assert message.reason


def test_a_number_beyond_reason_is_not_malformed() -> None:
    (message,) = read(b'{"topic":"x","n":1e400,"m":1e99999999999999999999}', Drifts())
    assert isinstance(message, Other)
    assert message.payload["n"] == Decimal("1E+400")


def test_deep_nesting_does_not_raise() -> None:
    for depth in (100, 500, 900, 990, 2000):
        deep = b"[" * depth + b"]" * depth
        for frame in (
            b'{"topic":"system","success":%s}',
            b'{"topic":"system","hb":%s}',
            b'{"topic":"smd+1","conid":%s}',
            b'{"topic":"sor","args":[{"orderId":%s}]}',
            b'{"topic":"sor","args":%s}',
            b'{"topic":"spl","args":{"a":{"raw":%s}}}',
        ):
            assert read(frame % deep, Drifts())


frames = st.fixed_dictionaries(
    {"topic": st.sampled_from(["smd", "smd+1", "system", "sor", "spl", "sts"]) | json_values},
    optional={
        "conid": json_values,
        "conidEx": json_values,
        "_updated": json_values,
        "hb": json_values,
        "success": json_values,
        "isPaper": json_values,
        "31": json_values,
        "args": json_values
        | st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(ORDER, json_values)))
        | st.dictionaries(
            st.text(), st.fixed_dictionaries({}, optional=dict.fromkeys(PNL, json_values))
        ),
    },
)


@given(data=st.binary() | frames.map(lambda each: json.dumps(each).encode()))
def test_any_bytes_give_at_least_one_message(data: bytes) -> None:
    messages = read(data, Drifts())
    assert messages
    for each in messages:
        assert isinstance(each, Message)
        if isinstance(each, MarketData):
            assert each.values is not None
            assert each.updated is None or each.updated.tzinfo is UTC


def test_notices_prompts_and_errors() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "1", "title": "t", "text": "x", "url": "u"},
        {"orderId": 5, "reqId": "7", "messageId": "p12", "options": ["Yes"], "prompt": True},
    ]
    notice, prompt = parsed({"topic": "ntf", "args": rows})
    assert notice == Notice(id="1", title="t", text="x", url="u", raw=rows[0])
    assert isinstance(prompt, Prompt)
    assert (prompt.order_id, prompt.request_id, prompt.options) == (5, "7", ["Yes"])
    for frame in ({"topic": "error", "error": "no", "code": 1}, {"error": "no"}):
        (error,) = parsed(frame)
        assert isinstance(error, ErrorMessage)
        assert error.error == "no"
    (bulletin,) = parsed({"topic": "blt", "args": {"id": "1", "message": "m"}})
    assert bulletin == Bulletin(id="1", message="m", raw={"id": "1", "message": "m"})


def test_the_session_and_the_accounts() -> None:
    (status,) = parsed({"topic": "sts", "args": {"competing": True}})
    assert status == SessionStatus(competing=True, raw={"competing": True})
    (accounts,) = parsed({"topic": "act", "args": {"accounts": ["U1"], "selectedAccount": "U1"}})
    assert isinstance(accounts, AccountUpdate)
    assert (accounts.accounts, accounts.selected_account) == (["U1"], "U1")


def test_bars() -> None:
    data = [{"o": 1, "h": 2.5, "l": 0.5, "c": 2, "v": 100, "t": 1788888788000}]
    frame = {"topic": "smh+5@NYSE", "serverId": "9", "barLength": 300, "data": data}
    (bars,) = parsed(frame)
    assert isinstance(bars, BarsUpdate)
    assert (bars.conid, bars.server_id, bars.bar_length) == (5, "9", 300)
    assert isinstance(bars.bars, list)
    assert (bars.bars[0].high, bars.bars[0].time) == (
        Decimal("2.5"),
        datetime(2026, 9, 8, 17, 33, 8, tzinfo=UTC),
    )


def test_a_price_ladder() -> None:
    rows = [
        {"row": 0, "focus": 0, "price": "185.30", "ask": "1,200"},
        {"row": 1, "focus": 1, "price": "100 @ 185.25"},
        {"row": "x", "price": None, "bid": []},
        5,
    ]
    (ladder,) = parsed({"topic": "sbd+U1+5+NYSE", "data": rows})
    assert isinstance(ladder, LadderUpdate)
    assert (ladder.account_id, ladder.conid, len(ladder.rows)) == ("U1", 5, 3)
    first, second, third = ladder.rows
    assert (first.row, first.price, first.ask_size) == (0, Decimal("185.30"), Decimal(1200))
    assert (second.price, second.last_size, second.focus) == (Decimal("185.25"), Decimal(100), True)
    assert (third.row, third.price, third.bid_size) == (None, None, None)


def test_summaries() -> None:
    row = {"key": "NetLiquidation-S", "monetaryValue": 5.25, "currency": "USD", "timestamp": 9}
    summary, rest = parsed({"topic": "ssd+U1", "result": [row, 7]})
    assert isinstance(summary, SummaryUpdate)
    assert (summary.account_id, summary.key, summary.amount) == ("U1", row["key"], Decimal("5.25"))
    assert rest == Other(topic="ssd+U1", payload=7)
    (answer,) = parsed({"topic": "usd+U1", "result": "unsubscribed from summary"})
    assert isinstance(answer, Other)
