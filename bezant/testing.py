"""Fixtures for the tests of your own project: a simulated gateway, and clients of it.

pytest finds this plugin by itself where bezant is installed; it needs `pip install "bezant[sim]"`.
Nothing is imported until a test asks for one of the fixtures:

- `ibkr_gateway`: a `bezant.sim.SimulatedGateway`, started anew for each test;
- `ibkr_client`: a `bezant.Client` of it;
- `async_ibkr_client`: a `bezant.AsyncClient` of it, with pytest-asyncio, with anyio, or with
  `asyncio.run` in a plain test. It belongs to the loop that first uses it, and is closed there.

```python
import pytest

@pytest.mark.ibkr(positions=3)
def test_my_report(ibkr_gateway, ibkr_client):
    assert len(ibkr_client.all_positions(ibkr_gateway.account_id)) == 3
```

What the marker takes is in `IbkrOptions`; it may stand on a test, a class or a module, and the
nearest one wins. For a whole project, override the fixture `ibkr_options`.

The clients hold nothing back and repeat nothing, so that a test never waits: `pacing=False`,
`retries=0`, and a time-out of 5 s. `pacing="enforced"` switches both the gateway's limits and the
clients' pacing on; `client={"retries": 2}` changes any argument of the clients.
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
    """What the marker `ibkr` takes, and the fixture `ibkr_options` returns.

    Attributes:
        positions: How many positions the account holds; 5 by default.
        seed: What contracts, positions and prices are drawn from; 0 by default.
        account_id: The account's id.
        time: `live`; `hand`, where only `ibkr_gateway.clock.advance(...)` moves it; or `fast=60`
            for a minute in a second. `live` by default.
        pacing: `enforced` for 429 beyond IBKR's limits, and clients that keep them; `off` by
            default.
        tls: Whether the gateway speaks TLS; True by default.
        quote_interval: Seconds of the gateway's clock between two changes of a stream; 0.02 by
            default.
        heartbeat_interval: Seconds of its clock between two heartbeats of a WebSocket.
        market_data_lifetime: Seconds of its clock after which a subscription ends silently.
        scenario: What the account holds and how its exchange behaves: a `bezant.sim.Scenario`, or
            the path of a TOML file, from the folder of the test's file on.
        client: Arguments of `Client` and `AsyncClient` that differ from the fixtures' defaults.
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


_DEFAULTS: IbkrOptions = {"positions": 5, "quote_interval": 0.02}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(positions=5, scenario='file.toml', time='hand', pacing='enforced'): what the"
        " gateway behind the fixtures ibkr_gateway, ibkr_client and async_ibkr_client; see"
        " bezant.testing.IbkrOptions",
    )


@pytest.fixture
def ibkr_options() -> IbkrOptions:
    """Options of all gateways; override it in a conftest.py. Markers come on top of it."""
    return {}


@pytest.fixture
def ibkr_gateway(
    request: pytest.FixtureRequest, ibkr_options: IbkrOptions
) -> Iterator[SimulatedGateway]:
    """A simulated gateway of its own for each test, logged in, on a free port."""
    with _gateway(_options(request.node, ibkr_options), request.path.parent) as gateway:
        yield gateway


@pytest.fixture
def ibkr_client(
    request: pytest.FixtureRequest, ibkr_options: IbkrOptions, ibkr_gateway: SimulatedGateway
) -> Iterator[Client]:
    """A blocking client of `ibkr_gateway`."""
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
    """An asynchronous client of `ibkr_gateway`; it belongs to the loop that first uses it."""
    from bezant import AsyncClient

    options = _client_options(_options(request.node, ibkr_options))
    with _naming_the_marker():
        client = AsyncClient(ibkr_gateway.base_url, **options)
    end = _close_with_loop(client)
    yield client
    end()


def _options(node: pytest.Item, general: IbkrOptions) -> dict[str, Any]:
    """Put the options of a test together: defaults, the project's, then the markers' to it."""
    options: dict[str, Any] = {**_DEFAULTS, **general}
    for marker in reversed(list(node.iter_markers(_MARKER))):
        if marker.args:
            raise pytest.UsageError(f"@pytest.mark.{_MARKER} takes named options only")
        options.update(marker.kwargs)
    unknown = sorted(set(options) - set(IbkrOptions.__annotations__))
    if unknown:
        raise pytest.UsageError(
            f"@pytest.mark.{_MARKER} knows no {', '.join(unknown)}; it takes "
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
            own["scenario"] = load_scenario(folder / scenario)
        time = options.get("time", "live")
        if not isinstance(time, str):
            raise TypeError(f"time must be live, hand or fast=N, not {time!r}")
        return SimulatedGateway(clock=clock_of(time), **own)


@contextlib.contextmanager
def _naming_the_marker() -> Generator[None]:
    """Say of a mistake in the options that it is one, without the simulation's own frames."""
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
            f"@pytest.mark.{_MARKER}: client takes a mapping of the clients' arguments, such as "
            f"{{'retries': 2}}, not {given!r}"
        )
    return own | dict(cast("Mapping[str, Any]", given))


def _close_with_loop(client: AsyncClient) -> Callable[[], None]:
    """Have a client closed by the loop that it will belong to; return what does it at the latest.

    A fixture that is not asynchronous itself works with every plugin that runs tests on a loop,
    but has none to close the client in: the loop is often gone when the fixture ends. What a loop
    does at its end is to close the asynchronous generators that were begun in it, so there is one
    that waits for that.
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
