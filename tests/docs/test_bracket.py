"""Tests of the bracket program in docs/orders.md, with IBKR's responses and unexpected ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bezant
from tests.support.raw import Peer, RawGateway, RawRequest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "orders.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
Rows = list[dict[str, Any]]

ENTRY = {"order_id": "1001", "local_order_id": "b1", "order_status": "Submitted"}
PROFIT = {"order_id": "1002", "parent_order_id": "1001", "order_status": "PreSubmitted"}
STOP = {"order_id": "1003", "parent_order_id": "1001", "order_status": "PreSubmitted"}


def question(name: str, kind: str = "o163") -> dict[str, Any]:
    return {"id": name, "message": ["sure?"], "messageIds": [kind]}


@pytest.fixture
def raw() -> Iterator[RawGateway]:
    with RawGateway() as gateway:
        yield gateway


@pytest.fixture
def recipe() -> dict[str, Any]:
    [block] = [each for each in BLOCK.findall(PAGE.read_text()) if "def place_bracket" in each]
    names: dict[str, Any] = {}
    exec(block.partition("\nwith SimulatedGateway")[0], names)
    return names


def run(
    raw: RawGateway, recipe: dict[str, Any], first: Rows | bytes, **replies: Rows
) -> tuple[int, list[int]]:
    def answer(request: RawRequest, peer: Peer) -> None:
        name = request.target.rpartition("/")[2]
        if request.method == "DELETE":
            peer.json(b'{"msg":"Request was submitted"}')
        elif "/reply/" in request.target:
            confirmed = json.loads(request.body)["confirmed"]
            answers: Any = replies[name] if confirmed else {"error": "Order not confirmed"}
            peer.json(json.dumps(answers).encode())
        elif request.method == "POST":
            peer.json(first if isinstance(first, bytes) else json.dumps(first).encode())
        else:
            peer.json(b'{"accounts":["U1"]}')

    raw.script(answer)
    with bezant.Client(raw.base_url) as client:
        entry, exits = recipe["place_bracket"](client, "U1", recipe["bracket"](265598, "b1"))
    return entry.order_id, sorted(each.order_id for each in exits)


def sent(raw: RawGateway, mark: str) -> list[str]:
    names = [each.target.rpartition("/")[2] for each in raw.requests if mark in each.line]
    return sorted(names)


def declined(raw: RawGateway) -> list[str]:
    found = [each for each in raw.requests if "/reply/" in each.target]
    return [each.target.rpartition("/")[2] for each in found if b"false" in each.body]


def test_tickets_name_the_entry_only(recipe: dict[str, Any]) -> None:
    entry, *exits = recipe["bracket"](265598, "b1")
    assert (entry.client_order_id, entry.parent_id) == ("b1", None)
    assert [(each.client_order_id, each.parent_id) for each in exits] == [(None, "b1")] * 2


@pytest.mark.parametrize(
    "replies",
    [[STOP, PROFIT, ENTRY], [PROFIT, ENTRY, STOP], [ENTRY, PROFIT, STOP]],
    ids=["exits first", "mixed", "entry first"],
)
def test_replies_come_in_any_order(raw: RawGateway, recipe: dict[str, Any], replies: Rows) -> None:
    assert run(raw, recipe, replies) == (1001, [1002, 1003])
    assert sent(raw, "DELETE") == []


def test_each_ticket_may_raise_questions(raw: RawGateway, recipe: dict[str, Any]) -> None:
    found = run(
        raw, recipe, [question("q1"), PROFIT, question("q2")],
        q1=[question("q3")], q2=[ENTRY], q3=[STOP],
    )  # fmt: skip
    assert found == (1001, [1002, 1003])
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
def test_a_ticket_without_a_reply_takes_all_back(
    raw: RawGateway, recipe: dict[str, Any], replies: Rows, cancelled: list[str]
) -> None:
    with pytest.raises((RuntimeError, ValueError)):
        run(raw, recipe, replies)
    assert sent(raw, "DELETE") == cancelled


def test_an_unexpected_question_takes_all_back(raw: RawGateway, recipe: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="raised a question"):
        run(raw, recipe, [PROFIT, question("q1", "o451"), ENTRY, question("q2")])
    assert sent(raw, "DELETE") == ["1001", "1002"]
    assert declined(raw) == ["q1", "q2"]


def test_an_unknown_outcome_is_raised(raw: RawGateway, recipe: dict[str, Any]) -> None:
    with pytest.raises(bezant.OutcomeUnknown, match="client order id b1"):
        run(raw, recipe, b"[]")
    assert sent(raw, "DELETE") == []
