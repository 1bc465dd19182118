"""A simulated Client Portal Gateway, for tests and for trying things out without an account.

`SimulatedGateway` listens on a real socket with TLS and speaks REST and WebSocket the way the
Client Portal Gateway does, quirks included. It invents an account, positions and prices from a
seed, so that two runs see the same data. It needs the optional extra: `pip install "bezant[sim]"`.

```python
from bezant.sim import SimulatedGateway

with SimulatedGateway(positions=250) as gateway:
    print(gateway.base_url)
```
"""

try:
    from bezant.sim._catalogue import Contract
    from bezant.sim._clock import Clock
    from bezant.sim._enforcer import Pacing
    from bezant.sim._exchange.orders import Execution, Order, Ticket
    from bezant.sim._fault_plan import Fault, FaultKind, Injected, When
    from bezant.sim._faults import Faults
    from bezant.sim._gateway import SimulatedGateway
    from bezant.sim._pacing import Arrival, Judge, Violation
    from bezant.sim._recorded import RecordedRequest
    from bezant.sim._scenario import Held, Scenario, Working
    from bezant.sim._scenario_file import ScenarioError, load_scenario
    from bezant.sim._session import LoginStyle
    from bezant.sim._storm import EVERY_KIND, Storm, StormKind
    from bezant.sim._ws import WsConnection
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
    "Pacing",
    "RecordedRequest",
    "Scenario",
    "ScenarioError",
    "SimulatedGateway",
    "Storm",
    "StormKind",
    "Ticket",
    "Violation",
    "When",
    "Working",
    "WsConnection",
    "load_scenario",
]
