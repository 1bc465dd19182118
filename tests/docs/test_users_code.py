"""Tests that examples and documented code need no fallbacks for required fields of models."""

from __future__ import annotations

import re

import pytest

from tools.check_users_code import collected

FILLER = re.compile(
    r"\bor (?:0|0\.0|Decimal\(0\)|\"\"|'')(?![\w.])|# type: ignore|\bcast\(|pyright: ignore"
    r"|assert \w+\.\w+ is not None"
)
CODE = collected()


def test_every_kind_of_code_is_there() -> None:
    kinds = ("README_", "orders_", "bezant__async", "bezant__sync", "examples_", "tests_typing")
    for kind in kinds:
        assert any(name.startswith(kind) for name in CODE), kind


@pytest.mark.parametrize("name", CODE)
def test_code_has_no_filler(name: str) -> None:
    assert FILLER.findall(CODE[name]) == []
