"""Plugin for pytest: a simulated gateway and clients of it, for your own project's tests.

pytest loads it automatically once bezant is installed. The fixtures need
`pip install "bezant[testing]"`. The plugin imports nothing else until a test uses one of these
fixtures:

- `ibkr_gateway`: a `bezant.sim.SimulatedGateway`, a new one for each test;
- `ibkr_client`: a `bezant.Client` of that gateway;
- `async_ibkr_client`: a `bezant.AsyncClient` of that gateway, for pytest-asyncio, for anyio, or for
  `asyncio.run` in a plain test. The client belongs to the event loop that first uses it, and is
  closed at the end of that loop.

```python
import bezant
import pytest
from bezant.sim import SimulatedGateway

@pytest.mark.ibkr(positions=3)
def test_my_report(ibkr_gateway: SimulatedGateway, ibkr_client: bezant.Client) -> None:
    assert len(ibkr_client.all_positions(ibkr_gateway.account_id)) == 3
```

`IbkrOptions` lists the marker's options. You can mark a test, a class or a module; if they set the
same option, the marker nearest to the test wins. To set options for a whole project, override the
fixture `ibkr_options`.

The clients have `pacing=False`, `retries=0` and a timeout of 5 seconds, so that a test never waits
for a rate limit or a retry. `pacing="enforced"` turns on both the gateway's rate limits and the
clients' pacing; `client={"retries": 2}` passes arguments to the clients, here `retries`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from bezant import AsyncClient, Client
    from bezant.sim import Scenario, SimulatedGateway

__all__ = ["IbkrOptions", "async_ibkr_client", "ibkr_client", "ibkr_gateway", "ibkr_options"]

_MARKER = "ibkr"
_TIMEOUT = 5.0


class IbkrOptions(TypedDict, total=False):
    """Options of the marker `ibkr` and of the fixture `ibkr_options`.

    Attributes:
        positions: number of random positions in the account; 0 by default.
        seed: seed of the random contracts, positions and prices; 0 by default.
        account_id: id of the account.
        time: the gateway's clock. `live` (the default) is real time; `hand` moves only by
            `ibkr_gateway.clock.advance(...)`; `fast=60` runs 60 times as fast.
        pacing: `off` (the default), or `enforced`: the gateway sends 429 above IBKR's rate limits,
            and the clients pace their calls.
        tls: whether the gateway uses TLS; True by default.
        quote_interval: seconds of the gateway's clock between two updates that a stream sends; 0.02
            by default.
        heartbeat_interval: seconds of the gateway's clock between two WebSocket heartbeats.
        market_data_lifetime: seconds of the gateway's clock after which the gateway silently ends a
            market data subscription.
        scenario: content of the account and behavior of its exchange: a `bezant.sim.Scenario`, or
            the path of a TOML file, relative to the folder of the test file.
        client: arguments of `Client` and `AsyncClient` that differ from the fixtures' defaults.
    """

    positions: int
    seed: int
    account_id: str
    time: str
    pacing: Literal["off", "enforced"]
    tls: bool
    quote_interval: float
    heartbeat_interval: float
    market_data_lifetime: float
    scenario: Scenario | str | os.PathLike[str]
    client: Mapping[str, Any]


_DEFAULTS: IbkrOptions = {"quote_interval": 0.02}


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `ibkr` with pytest."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(positions=3, scenario='file.toml', time='hand', pacing='enforced'): options of"
        " the gateway behind the fixtures ibkr_gateway, ibkr_client and async_ibkr_client; see"
        " bezant.testing.IbkrOptions",
    )


@pytest.fixture
def ibkr_options() -> IbkrOptions:
    """Default options of all gateways; override this fixture in conftest.py.

    The options of a marker `ibkr` override these options.
    """
    return {}


@pytest.fixture
def ibkr_gateway(
    request: pytest.FixtureRequest, ibkr_options: IbkrOptions
) -> Iterator[SimulatedGateway]:
    """New simulated gateway for each test, logged in, on a free port."""
    with _gateway(_options(request.node, ibkr_options), request.path.parent) as gateway:
        yield gateway


@pytest.fixture
def ibkr_client(
    request: pytest.FixtureRequest, ibkr_options: IbkrOptions, ibkr_gateway: SimulatedGateway
) -> Iterator[Client]:
    """Blocking client of `ibkr_gateway`."""
    from bezant import Client

    options = _client_options(_options(request.node, ibkr_options))
    with _naming_the_marker():
        client = Client(ibkr_gateway.base_url, **options)
    with client:
        yield client


@pytest.fixture
def async_ibkr_client(
    request: pytest.FixtureRequest, ibkr_options: IbkrOptions, ibkr_gateway: SimulatedGateway
) -> Iterator[AsyncClient]:
    """Asynchronous client of `ibkr_gateway`; it belongs to the event loop that first uses it."""
    from bezant import AsyncClient

    options = _client_options(_options(request.node, ibkr_options))
    with _naming_the_marker():
        client = AsyncClient(ibkr_gateway.base_url, **options)
    end = _close_with_loop(client)
    yield client
    end()


def _options(node: pytest.Item, general: IbkrOptions) -> dict[str, Any]:
    """Return a test's options: markers override `general`, which overrides the defaults."""
    options: dict[str, Any] = {**_DEFAULTS, **general}
    for marker in reversed(list(node.iter_markers(_MARKER))):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.{_MARKER} takes named options only")
        options.update(marker.kwargs)
    unknown = sorted(set(options) - set(IbkrOptions.__annotations__))
    if unknown:
        raise pytest.UsageError(
            f"@pytest.mark.{_MARKER} has no option {', '.join(unknown)}; its options are "
            + ", ".join(sorted(IbkrOptions.__annotations__))
        )
    return options


def _gateway(options: Mapping[str, Any], folder: Path) -> SimulatedGateway:
    from bezant.sim import SimulatedGateway, load_scenario
    from bezant.sim._scenario.files import clock_of

    own = {name: value for name, value in options.items() if name not in ("client", "time")}
    with _naming_the_marker():
        scenario = own.get("scenario")
        if isinstance(scenario, (str, os.PathLike)):
            scenario = load_scenario(folder / scenario)
        own["scenario"] = scenario
        time = options.get("time", "live")
        if not isinstance(time, str):
            raise TypeError(f"time must be live, hand or fast=N, as text, not {time!r}")
        return SimulatedGateway(clock=clock_of(time), **own)


@contextlib.contextmanager
def _naming_the_marker() -> Generator[None]:
    """Report invalid options in a `with` block as a usage error, without internal tracebacks."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise pytest.UsageError(f"@pytest.mark.{_MARKER} or ibkr_options: {error}") from None


def _client_options(options: Mapping[str, Any]) -> dict[str, Any]:
    own: dict[str, Any] = {
        "pacing": options.get("pacing") == "enforced",
        "retries": 0,
        "timeout": _TIMEOUT,
    }
    given = options.get("client", {})
    if not isinstance(given, Mapping):
        raise pytest.UsageError(
            f"@pytest.mark.{_MARKER}: client must be a mapping of the clients' arguments, such as "
            f"{{'retries': 2}}, not {given!r}"
        )
    return own | dict(cast("Mapping[str, Any]", given))


def _close_with_loop(client: AsyncClient) -> Callable[[], None]:
    """Close a client at the end of its event loop; return a fallback for the fixture's teardown.

    A fixture that is not asynchronous works with every plugin that runs tests on an event loop,
    but such a fixture cannot close the client: the loop is often closed before the fixture ends.
    When a loop ends, it closes the asynchronous generators that were started in it. The client's
    first call therefore starts a generator that closes the client.
    """
    from bezant._runtime._async.concurrency import Owner

    class ClosingOwner(Owner):
        def __init__(self) -> None:
            super().__init__()
            self.waiting: AsyncGenerator[None] | None = None

        def check(self) -> None:
            super().check()
            if self.waiting is None:
                self.waiting = _until_the_end(client.aclose)
                with contextlib.suppress(StopIteration):
                    self.waiting.__anext__().__await__().send(None)

        def end(self) -> None:
            loop = self._loop
            if loop is not None and not loop.is_closed() and not loop.is_running():
                loop.run_until_complete(_finish(self.waiting))

    owner = ClosingOwner()
    client._pipeline.owner = owner  # noqa: SLF001 - of the same package
    return owner.end


async def _until_the_end(close: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await close()


async def _finish(waiting: AsyncGenerator[None] | None) -> None:
    if waiting is not None:
        await waiting.aclose()
