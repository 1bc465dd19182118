"""Subcommand ``demo``: a tour with the blocking client, then with the asynchronous one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time

from .._version import __version__
from . import _show, _tour, _tour_async
from ._plan import Plan

# Seconds between two quotes of the simulated gateway. This is shorter than its default, so that a
# short stream shows several quotes.
_QUOTE_INTERVAL = 0.25


def run(gateway: str | None, *, seconds: float, positions: int, verify: str | bool) -> int:
    """Run the tour with both clients.

    Args:
        gateway: base URL of the gateway; None starts a simulated gateway.
        seconds: how many seconds each of the two clients streams.
        positions: number of positions in the simulated account; unused if you pass ``gateway``.
        verify: verification of the gateway's certificate, as for `Client`.

    Returns:
        The exit status: always 0, because a failure raises an error.

    Raises:
        BezantError: the gateway cannot be used.
        OSError: the simulated gateway cannot listen.
    """
    started = time.monotonic()
    screen = _show.Screen()
    symbol = os.environ.get("IBKR_SYMBOL") or "AAPL"
    account_id = os.environ.get("IBKR_ACCOUNT_ID") or None
    with contextlib.ExitStack() as stack:
        simulated = gateway is None
        if gateway is None:
            from ..sim import Scenario, SimulatedGateway

            simulation = SimulatedGateway(
                positions=positions,
                scenario=Scenario(demo_orders=True),
                account_id=account_id or "DU1234567",
                quote_interval=_QUOTE_INTERVAL,
            )
            gateway = stack.enter_context(simulation).base_url
        lines = [gateway, "The tour reads, and places no orders."]
        if simulated:
            lines[1:1] = ["The account, positions and prices are invented."]
        title = f"bezant {__version__} on {'a simulated' if simulated else 'your'} gateway"
        screen.opening(title, lines)
        plan = Plan(gateway, verify, seconds, symbol, account_id)

        screen.chapter("Blocking: bezant.Client")
        _tour.tour(plan, screen)
        screen.chapter("asyncio: bezant.AsyncClient")
        asyncio.run(_tour_async.tour(plan, screen))
    screen.ending(time.monotonic() - started)
    return 0
