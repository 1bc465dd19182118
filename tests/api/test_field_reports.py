"""Test that every field report has a test of the async and of the blocking client."""

from __future__ import annotations

import importlib

import pytest

from tests.support.field_reports import REPORTS

from .catalogue import SHARED

SCRIPTS = SHARED / "reports"


def test_every_report_has_a_test() -> None:
    if not SCRIPTS.exists():
        pytest.skip(
            f"users' scripts belong to their authors and are not in this repository: {SCRIPTS}"
        )
    numbers = {file.name.partition("_")[0] for file in SCRIPTS.glob("*.py")}
    assert {each for each in numbers if not each.startswith("p")} <= REPORTS.keys()


@pytest.mark.parametrize("number", REPORTS)
def test_the_test_exists_in_both_twins(number: str) -> None:
    module, name = REPORTS[number]
    for twin in ("_async", "_sync"):
        assert callable(getattr(importlib.import_module(f"tests.{twin}.{module}"), name))
