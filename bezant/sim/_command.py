"""The command `bezant sim`, which runs a simulated gateway."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ._edge.paths import CONTROL
from ._gateway import SimulatedGateway
from ._scenario.files import clock_of, load_scenario
from ._scenario.scenario import Scenario

if TYPE_CHECKING:
    from pathlib import Path

_Never = threading.Event


def run(
    port: int,
    *,
    host: str = "127.0.0.1",
    positions: int = 0,
    demo_orders: bool = False,
    seed: int = 0,
    scenario: str | Path | None = None,
    time: str = "live",
    pacing: Literal["off", "enforced"] = "off",
) -> int:
    """Run a simulated gateway in the foreground until Ctrl-C.

    Args:
        port: port to listen on; 0 for any free port.
        host: address to listen on.
        positions: how many random positions the account holds, unless the scenario lists some.
        demo_orders: whether the account has two orders that change from time to time, in addition
            to the scenario's orders.
        seed: seed from which contracts, positions and prices are generated.
        scenario: path of a TOML file with positions, prices, cash and orders.
        time: `live` for real time, `fast=60` for 60 simulated seconds per second, or `hand` for
            a clock that moves only on request.
        pacing: `enforced` responds with 429 to requests beyond IBKR's rate limits; `off` accepts
            all requests.

    Returns:
        The exit status: 0 after Ctrl-C, 1 if the gateway cannot listen or if the scenario or the
        time is invalid.
    """
    try:
        start = Scenario() if scenario is None else load_scenario(scenario)
        gateway = SimulatedGateway(
            host=host,
            port=port,
            positions=positions,
            seed=seed,
            scenario=replace(start, demo_orders=start.demo_orders or demo_orders),
            clock=clock_of(time),
            pacing=pacing,
        )
        gateway.start()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"bezant: {error}\n")
        return 1
    try:
        drawn = f"{positions} positions, seed {seed}"
        account = f"Account {gateway.account_id}, {drawn if scenario is None else scenario}"
        sys.stdout.write(
            f"Simulated gateway on {gateway.base_url}\n"
            f"{account}; time {time}, pacing {pacing}\n{_what_to_try(gateway)}"
            "Stop it with Ctrl-C.\n"
        )
        sys.stdout.flush()
        _wait()
    except KeyboardInterrupt:
        pass
    finally:
        gateway.stop()
    return 0


def _what_to_try(gateway: SimulatedGateway) -> str:
    control = gateway.root_url + CONTROL
    return f"""
Try: curl -sk -X POST -d '' {gateway.base_url}/iserver/auth/status

In Python:
  import bezant
  with bezant.Client("{gateway.base_url}") as client:
      print(client.all_positions("{gateway.account_id}"))

Control it, and make things go wrong:
  curl -sk {control}/
  curl -sk {control}/state
  curl -sk {control}/faults/drop_next -d '{{"path": "/tickle", "when": "after"}}'

"""


def _wait() -> None:
    # Wait 0.5 s at a time: on Windows, Ctrl-C does not interrupt a wait without a timeout.
    never = _Never()
    while not never.wait(0.5):
        pass
