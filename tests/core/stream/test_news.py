"""Tests of repeated rows about an execution: whether a row contains something new."""

from __future__ import annotations

from typing import Any

import pytest

from bezant._core.stream.news import has_news

KNOWN: dict[str, Any] = {
    "execution_id": "e1", "size": 1.0, "price": "200.00", "commission": "1.83",
    "conidEx": "479630122", "position": "9.9788",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "news"),
    [
        ({}, False),
        ({"conidEx": "479630122@DARK"}, False),
        ({"position": "10.9788"}, False),
        ({"something_new": 1}, False),
        ({"size": 1, "price": 200, "commission": 1.83}, False),
        ({"commission": None}, False),
        ({"commission": ""}, False),
        ({"commission": "1.84"}, True),
        ({"commission": "unknown"}, True),
        ({"price": "200.01"}, True),
        ({"size": 2}, True),
    ],
)
def test_only_commission_price_and_size_are_news(changed: dict[str, Any], news: bool) -> None:
    assert has_news(KNOWN, {**KNOWN, **changed}) is news


def test_what_was_not_known_before_is_news() -> None:
    assert has_news(None, {})
    without = {name: value for name, value in KNOWN.items() if name != "commission"}
    assert has_news(without, KNOWN)
    assert not has_news(KNOWN, without)
