"""Tests of the table of topics: each topic's module has one row, and the registry has all rows."""

from __future__ import annotations

import importlib
import pkgutil
from datetime import UTC, datetime
from typing import get_args

import pytest

from bezant import MarketDataFields, Message, OrderUpdate, TradeUpdate
from bezant._core.stream import topics
from bezant._core.stream.buffer import MessageBuffer
from bezant._core.stream.confirmations import Confirmations
from bezant._core.stream.live_state import LiveState
from bezant._core.stream.phases import Timing
from bezant._core.stream.topic import Topic
from bezant._core.stream.topics import (
    bars,
    ladder,
    ledger,
    market_data,
    orders,
    pnl,
    summary,
    trades,
)
from bezant._core.stream.topics.registry import BY_MESSAGE, PARSERS, TOPICS, topic_of_key
from bezant.models.stream.control import ControlMessage

from ..samples import Drifts

REQUESTS = {
    "smd": market_data.request(1, MarketDataFields.default_l1(), "NYSE"),
    "smh": bars.request(1, "NYSE"),
    "sbd": ladder.request("U1", 1, "NYSE"),
    "sor": orders.request(),
    "str": trades.request(),
    "spl": pnl.request(),
    "ssd": summary.request("U1"),
    "sld": ledger.request("U1"),
}


def test_every_module_has_one_row_in_the_registry() -> None:
    rows: list[Topic] = []
    for module in pkgutil.iter_modules(topics.__path__):
        if module.name != "registry":
            found = importlib.import_module(f"{topics.__name__}.{module.name}")
            (row,) = (each for each in vars(found).values() if isinstance(each, Topic))
            rows.append(row)
    assert {row.name for row in rows} == {row.name for row in TOPICS} == set(PARSERS)
    assert len(rows) == len(TOPICS) == len(PARSERS)


def test_every_message_belongs_to_one_topic() -> None:
    own = set(get_args(ControlMessage))
    assert set(BY_MESSAGE) == set(get_args(Message)) - own
    assert len(BY_MESSAGE) == sum(len(row.messages) for row in TOPICS)


def test_every_topic_with_a_key_has_requests_for_it() -> None:
    assert set(REQUESTS) == {row.name for row in TOPICS if row.key}
    for name, request in REQUESTS.items():
        row = topic_of_key(request.key)
        assert (row.name, row.confirms is None) == (name, False)
        command = row.subscribe(request.key, row.merge(request.key, [request.arguments]))
        assert command.startswith(f"s{row.key}+")


@pytest.mark.parametrize(
    "message",
    [
        OrderUpdate(order_id=1, raw={"a": 1}),
        TradeUpdate(execution_id="1", raw={"a": 1}),
    ],
)
def test_rows_about_orders_and_executions_are_watched(message: OrderUpdate | TradeUpdate) -> None:
    watched: list[object] = []
    live_state = LiveState(Drifts(), MessageBuffer(), Confirmations(Timing(), lambda: 0.5))
    live_state.take(message, datetime.now(UTC))
    live_state.watch = watched.append
    live_state.take(message, datetime.now(UTC))
    assert watched == [{"a": 1}]
