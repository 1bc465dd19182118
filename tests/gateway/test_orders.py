"""The tests of orders, async and blocking, with the real gateway instead of the simulated one."""

from __future__ import annotations

import asyncio
import importlib
from decimal import Decimal
from typing import Any

import pytest

from bezant import OutcomeUnknown, Refused
from bezant.models.orders import OrderTicket
from bezant.sim import Clock, Held, Scenario
from bezant.sim._faults.plan import When
from tests.gateway.chain import Chain
from tests.gateway.twins import Twin

for _twin in ("async", "sync"):
    _path = f"tests._{_twin}.test_orders"
    pytest.register_assert_rewrite(_path)
    for _test, _function in vars(importlib.import_module(_path)).items():
        if _test.startswith("test_"):
            globals()[f"{_test}__{_twin}"] = _function


@pytest.fixture
def gateway(chain: Chain, _no_threads_left: None) -> Chain:
    """The real gateway in front of a market with fixed prices and a stopped clock."""
    scenario = Scenario(held=[Held("AAPL", 100, 200)], cash={"USD": 100_000})
    chain.prepare(scenario=scenario, clock=Clock.by_hand(), quote_interval=0.1)
    chain.set_price("AAPL", 250)
    return chain


@pytest.mark.parametrize(("when", "placed"), [("before", 0), ("during", 1), ("after", 1)])
async def test_an_order_whose_response_is_lost(
    gateway: Chain, twin: Twin, when: When, placed: int
) -> None:
    ticket = OrderTicket(
        conid=265598, side="BUY", order_type="MKT", time_in_force="DAY", quantity=Decimal(1),
        client_order_id="mine",
    )  # fmt: skip
    async with twin.client(gateway.base_url, retries=3, timeout=0.5) as client:
        await client.request("GET", "/iserver/accounts")
        fault = gateway.faults.drop_next("/orders", method="POST", when=when, times=5)

        async def place() -> Any:
            named = {"account_id": gateway.account_id, "orders": [ticket]}
            if twin.name == "async":
                return await client.api.orders.submit_new_orders(**named)
            return await asyncio.to_thread(client.blocking.api.orders.submit_new_orders, **named)

        # The gateway does not report that its connection to the server broke, so the client has to
        # wait for its own timeout.
        with pytest.raises(OutcomeUnknown):
            await place()
        assert fault.hits == 1
        assert len(gateway.orders) == placed
        gateway.faults.clear()
        # Placing the order again with the same client order id is safe, because IBKR refuses a
        # duplicate.
        if placed:
            with pytest.raises(Refused, match="already registered"):
                await place()
        else:
            [answer] = await place()
            assert answer.status == "PreSubmitted"
        assert len(gateway.executions) == 1
