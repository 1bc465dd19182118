"""The real gateway in front of a simulated IBKR server, with `SimulatedGateway`'s controls."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from bezant.sim import Clock
from bezant.sim._upstream import SimulatedUpstream

if TYPE_CHECKING:
    from bezant.sim import Scenario
    from bezant.sim._state.state import StateFactory
    from tests.gateway.real import RealGateway


class Chain(SimulatedUpstream):
    """Simulated upstream server; its URLs lead to the real gateway, which forwards to the upstream.

    Attributes:
        real: the real gateway.
    """

    real: RealGateway
    _usual: StateFactory | None = None

    @property
    def port(self) -> int:
        """The real gateway's port."""
        return self.real.port

    @property
    def upstream_port(self) -> int:
        """The upstream server's port, which stays the same while the real gateway runs."""
        return self._wanted_port

    def _url(self, scheme: str) -> str:
        return f"{scheme}s://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> str:
        """Path of a file with the real gateway's certificate."""
        return str(self.real.ca_file)

    def prepare(
        self, *, scenario: Scenario | None = None, clock: Clock | None = None, **options: Any
    ) -> None:
        """Reset the upstream server to a new state for the next test.

        Args:
            scenario: contents of the account.
            clock: clock of the account and of the streams; by default a clock that shows real time.
            options: arguments of `SimulatedGateway` that differ from those of the upstream server's
                first start.
        """
        if self._thread is None:
            self.start()
        if self._usual is None:
            self._usual = self._factory
        deadline = time.monotonic() + 0.3
        while not all(each.closed for each in self.ws_connections):
            if time.monotonic() > deadline:
                # The real gateway does not close a WebSocket to the upstream if its client left
                # during the connecting. So this side closes it.
                for each in self.ws_connections:
                    each.close()
            time.sleep(0.005)
        self._factory = dataclasses.replace(self._usual, **options)
        self._clock = Clock() if clock is None else clock
        self.reset(scenario)
