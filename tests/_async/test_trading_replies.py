"""Tests of brackets with replies in any order, with questions about each order, and incomplete."""

from __future__ import annotations

import json
from typing import Any

import pytest

import bezant
from bezant import AsyncBracketTrade, AsyncClient, Buy
from tests.support.raw import Peer, RawGateway, RawRequest

Rows = list[dict[str, Any]]

ENTRY = {"order_id": "1001", "local_order_id": "b1", "order_status": "Submitted"}
PROFIT = {"order_id": "1002", "parent_order_id": "1001", "order_status": "PreSubmitted"}
STOP = {"order_id": "1003", "parent_order_id": "1001", "order_status": "PreSubmitted"}
TERMS: dict[str, dict[str, Any]] = {
    "1001": {"side": "B", "order_type": "LIMIT", "limit_price": "249"},
    "1002": {"side": "S", "order_type": "LIMIT", "limit_price": "280"},
    "1003": {"side": "S", "order_type": "STOP", "stop_price": "220"},
}
BRACKET = bezant.bracket(Buy(265598, 10, limit=249), profit=280, stop=220)


def question(name: str, kind: str = "o163") -> dict[str, Any]:
    return {"id": name, "message": ["sure?"], "messageIds": [kind]}


def state(order_id: str, *, cancelled: bool) -> dict[str, Any]:
    return TERMS[order_id] | {
        "order_id": int(order_id), "conid": 265598, "sec_type": "STK", "symbol": "AAPL",
        "size": "10", "total_size": "10", "tif": "DAY",
        "order_status": "Cancelled" if cancelled else "Submitted",
    }  # fmt: skip


async def run(raw: RawGateway, first: Rows | bytes, **replies: Rows) -> AsyncBracketTrade:
    names: list[str] = []
    cancelled: set[str] = set()

    def answer(request: RawRequest, peer: Peer) -> None:
        name = request.target.rpartition("/")[2]
        found: Any = {"accounts": ["U1"]}
        if request.method == "DELETE":
            cancelled.add(name.partition("?")[0])
            found = {"msg": "Request was submitted"}
        elif "/reply/" in request.target:
            confirmed = json.loads(request.body)["confirmed"]
            found = replies[name] if confirmed else {"error": "Order not confirmed"}
        elif request.target.endswith("U1/orders"):
            names.append(json.loads(request.body)["orders"][0]["cOID"])
            found = first
        elif "/status/" in request.target:
            found = state(name, cancelled=name in cancelled)
        elif "/account/orders" in request.target:
            found = {"orders": [], "snapshot": True}
        elif "/account/trades" in request.target:
            found = []
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        peer.json(body.replace(b'"b1"', json.dumps(names[-1] if names else "").encode()))

    raw.script(answer)
    async with AsyncClient(raw.base_url) as client:
        trading = client.trading("U1", check_rules=False, settle_within=0.05)
        async with trading:
            return await trading.place(BRACKET, answers={"o163": True})


def sent(raw: RawGateway, mark: str) -> list[str]:
    names = [each.target.rpartition("/")[2] for each in raw.requests if mark in each.line]
    return sorted(names)


def declined(raw: RawGateway) -> list[str]:
    found = [each for each in raw.requests if "/reply/" in each.target]
    return [each.target.rpartition("/")[2] for each in found if b"false" in each.body]


def check(trade: AsyncBracketTrade) -> None:
    assert trade.profit is not None
    assert trade.stop is not None
    assert [each.order_id for each in trade.group] == [1001, 1002, 1003]
    assert (trade.profit.order_id, trade.stop.order_id) == (1002, 1003)


@pytest.mark.parametrize(
    "replies",
    [[STOP, PROFIT, ENTRY], [PROFIT, ENTRY, STOP], [ENTRY, PROFIT, STOP]],
    ids=["exits first", "mixed", "entry first"],
)
async def test_replies_come_in_any_order(raw: RawGateway, replies: Rows) -> None:
    check(await run(raw, replies))
    assert sent(raw, "DELETE") == []


async def test_each_ticket_may_raise_questions(raw: RawGateway) -> None:
    trade = await run(
        raw, [question("q1"), PROFIT, question("q2")],
        q1=[question("q3")], q2=[ENTRY], q3=[STOP],
    )  # fmt: skip
    check(trade)
    assert sent(raw, "/reply/") == ["q1", "q2", "q3"]
    assert sent(raw, "DELETE") == declined(raw) == []


@pytest.mark.parametrize(
    ("replies", "cancelled"),
    [
        ([STOP, ENTRY], ["1001", "1003"]),
        ([ENTRY], ["1001"]),
        ([STOP, PROFIT], ["1002", "1003"]),
        ([{"error": "no"}, PROFIT, ENTRY], ["1001", "1002"]),
        ([PROFIT, ENTRY, {**STOP, "parent_order_id": "7"}], ["1001", "1002", "1003"]),
    ],
)
async def test_a_ticket_without_a_reply_takes_all_back(
    raw: RawGateway, replies: Rows, cancelled: list[str]
) -> None:
    with pytest.raises(bezant.PartlyPlaced):
        await run(raw, replies)
    assert sent(raw, "DELETE") == cancelled


async def test_an_unexpected_question_takes_all_back(raw: RawGateway) -> None:
    with pytest.raises(bezant.AsyncOrderQuestion) as caught:
        await run(raw, [PROFIT, question("q1", "o451"), ENTRY, question("q2")], q2=[STOP])
    assert "its other orders were cancelled" in caught.value.__notes__[0]
    assert sent(raw, "DELETE") == ["1001", "1002"]
    assert declined(raw) == ["q1", "q2"]


async def test_an_unknown_outcome_is_raised(raw: RawGateway) -> None:
    with pytest.raises(bezant.OutcomeUnknown, match="client order id bezant-buy-265598-"):
        await run(raw, b"[]")
    assert sent(raw, "DELETE") == []
