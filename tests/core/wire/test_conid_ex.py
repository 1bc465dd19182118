"""Tests of contracts as IBKR writes them: a conid, an exchange, the legs of a combination."""

from __future__ import annotations

import pytest

from bezant._wire.conid_ex import ConidEx, conid_of, is_combination, parse, without_exchange

LEGS = "783941066/-2,783634289/1"


@pytest.mark.parametrize(
    ("text", "found", "plain"),
    [
        ("265598", ConidEx(265598, "", ""), "265598"),
        ("265598@NYSE", ConidEx(265598, "NYSE", ""), "265598"),
        (f"28812380;;;{LEGS}", ConidEx(28812380, "", LEGS), f"28812380;;;{LEGS}"),
        (f"28812380@CME;;;{LEGS}", ConidEx(28812380, "CME", LEGS), f"28812380;;;{LEGS}"),
    ],
)
def test_each_form(text: str, found: ConidEx, plain: str) -> None:
    assert parse(text) == found
    assert found.text == text
    assert without_exchange(text) == plain
    assert conid_of(text) == found.conid
    assert is_combination(text) == bool(found.legs)


def test_one_spelling_for_each_contract() -> None:
    found = parse("28812380@cme;;;1/+2,3/-1")
    assert found is not None
    assert found.text == "28812380@CME;;;1/2,3/-1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAPL",
        "0",
        "1@",
        "1;;",
        "1;;;",
        "1;;;2",
        "1;;;2/1,",
        "1;;;2/1;;;3/1",
        "1 ",
        "1+2",
        "1@A;2",
    ],
)
def test_other_texts(text: str) -> None:
    assert parse(text) is None
