"""The simulated gateway as a command."""

from __future__ import annotations

import sys
import threading

from bezant.sim._gateway import SimulatedGateway

_Never = threading.Event


def run(port: int, *, host: str = "127.0.0.1", positions: int = 250, seed: int = 0) -> int:
    """Run a simulated gateway in the foreground until Ctrl-C.

    Args:
        port: The port to listen on; 0 takes a free one.
        host: The address to listen on.
        positions: How many positions the account holds.
        seed: What contracts, positions and prices are drawn from.

    Returns:
        The exit status: 0 after Ctrl-C, 1 if the gateway can't listen.
    """
    gateway = SimulatedGateway(host=host, port=port, positions=positions, seed=seed)
    try:
        gateway.start()
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        sys.stdout.write(
            f"Simulated gateway on {gateway.base_url}\n"
            f"Account {gateway.account_id}, {positions} positions, seed {seed}\n"
            f"Try: curl -sk -X POST -d '' {gateway.base_url}/iserver/auth/status\n"
            "Stop it with Ctrl-C.\n"
        )
        sys.stdout.flush()
        _wait()
    except KeyboardInterrupt:
        pass
    finally:
        gateway.stop()
    return 0


def _wait() -> None:
    # In slices: on Windows a wait without an end does not hear Ctrl-C.
    never = _Never()
    while not never.wait(0.5):
        pass
