"""Tests that every field report has a test: of both clients, or of the simulated gateway."""

from __future__ import annotations

import importlib

import pytest

from tests.support.field_reports import CLIENT, SIMULATION

from .catalogue import SHARED

SCRIPTS = SHARED / "reports"


def test_every_report_has_a_test() -> None:
    if not SCRIPTS.exists():
        pytest.skip(
            f"users' scripts belong to their authors and are not in this repository: {SCRIPTS}"
        )
    numbers = {file.name.partition("_")[0] for file in SCRIPTS.glob("*.py")}
    assert numbers <= CLIENT.keys() | SIMULATION.keys()


@pytest.mark.parametrize("number", CLIENT)
def test_the_test_exists_in_both_twins(number: str) -> None:
    module, name = CLIENT[number]
    for twin in ("_async", "_sync"):
        assert callable(getattr(importlib.import_module(f"tests.{twin}.{module}"), name))


@pytest.mark.parametrize("number", SIMULATION)
def test_the_test_of_the_simulation_exists(number: str) -> None:
    module, name = SIMULATION[number]
    assert callable(getattr(importlib.import_module(f"tests.sim.{module}"), name))
