"""Tests of symbols in definitions of contracts."""

from __future__ import annotations

import pytest

from bezant._core.contracts.definitions import ticker_in


@pytest.mark.parametrize(
    ("found", "ticker"),
    [
        ({"secdef": [{"conid": 1, "ticker": "AAPL"}]}, "AAPL"),
        ({"secdef": [5, {"ticker": ""}, {"ticker": None}, {"ticker": "B"}]}, "B"),
        ({"secdef": []}, None),
        ({"secdef": None}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_ticker_of_a_definition(found: object, ticker: str | None) -> None:
    assert ticker_in(found) == ticker
