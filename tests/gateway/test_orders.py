"""The tests of orders, both twins, with the real gateway in the simulated one's place."""

from __future__ import annotations

import importlib

import pytest

from bezant.sim import Clock, Held, Scenario
from tests.gateway.chain import Chain

for _twin in ("async", "sync"):
    _path = f"tests._{_twin}.test_orders"
    pytest.register_assert_rewrite(_path)
    for _test, _function in vars(importlib.import_module(_path)).items():
        if _test.startswith("test_"):
            globals()[f"{_test}__{_twin}"] = _function


@pytest.fixture
def gateway(chain: Chain, _no_threads_left: None) -> Chain:
    """A market that stands still, on a clock that does, behind the real gateway."""
    scenario = Scenario(held=[Held("AAPL", 100, 200)], orders=[], cash={"USD": 100_000})
    chain.prepare(scenario=scenario, clock=Clock.by_hand(), quote_interval=0.1)
    chain.set_price("AAPL", 250)
    return chain
