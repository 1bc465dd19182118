"""Simulated Client Portal Gateway, for tests and for experiments without an account.

`SimulatedGateway` listens on a real socket with TLS. Over REST and WebSocket it behaves like IBKR's
Client Portal Gateway, quirks included. It generates an account, positions and prices from a seed,
so two runs with the same seed see the same data. Install it with `pip install "bezant[sim]"`.

```python
from bezant.sim import SimulatedGateway

with SimulatedGateway(positions=250) as gateway:
    print(gateway.base_url)
```
"""

try:
    from ._edge.recording import RecordedRequest
    from ._faults.faults import Faults
    from ._faults.plan import Fault, FaultKind, Injected, When
    from ._faults.storm import EVERY_KIND, Storm, StormKind
    from ._gateway import SimulatedGateway
    from ._limits.enforcement import Pacing
    from ._limits.judge import Arrival, Judge, Violation
    from ._market.catalogue import Contract
    from ._market.orders import Execution, Order, OrderSpec
    from ._scenario.clock import Clock
    from ._scenario.files import ScenarioError, load_scenario
    from ._scenario.scenario import Held, Scenario, Working
    from ._state.session import LoginStyle
    from ._stream.connection import WsConnection
except ModuleNotFoundError as _error:
    if (_error.name or "").partition(".")[0] not in {"h11", "starlette", "trustme", "uvicorn"}:
        raise
    raise ImportError(
        f"bezant.sim needs the package {_error.name!r}, which is not installed. "
        'Install the optional extra: pip install "bezant[sim]"',
        name=_error.name,
    ) from _error

__all__ = [
    "EVERY_KIND",
    "Arrival",
    "Clock",
    "Contract",
    "Execution",
    "Fault",
    "FaultKind",
    "Faults",
    "Held",
    "Injected",
    "Judge",
    "LoginStyle",
    "Order",
    "OrderSpec",
    "Pacing",
    "RecordedRequest",
    "Scenario",
    "ScenarioError",
    "SimulatedGateway",
    "Storm",
    "StormKind",
    "Violation",
    "When",
    "Working",
    "WsConnection",
    "load_scenario",
]
