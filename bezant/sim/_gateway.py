"""`SimulatedGateway`, which puts the parts of the simulation together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from ._api.router import LOGIN_PATH, Api
from ._control.controls import MarketControls, SessionControls
from ._control.endpoint import Control
from ._edge.app import Edge
from ._edge.paths import API
from ._edge.recording import RecordedRequest
from ._faults.faults import Faults
from ._faults.plan import Plan
from ._faults.stream import FaultTargets
from ._limits.enforcement import Pacing
from ._limits.judge import DEFAULT_GROWTH, DEFAULT_PENALTY
from ._scenario.clock import Clock
from ._state.session import Session
from ._state.state import StateFactory
from ._stream.connection import WsConnection
from ._transport.certificate import certificate
from ._transport.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

    from starlette.websockets import WebSocket

    from ._scenario.scenario import Scenario

_MAX_STREAMS = 5
_MAX_CLOSED = 1000


class SimulatedGateway(MarketControls, SessionControls):
    """Simulated Client Portal Gateway on a real socket, with an invented account.

    The gateway starts logged in, with an open brokerage session. The account has cash, and no
    positions, orders or trades; `positions` and `scenario` fill it. Start the gateway with `with`,
    or with `start` and `stop`. All methods are thread-safe.

    Args:
        host: address to listen on.
        port: port to listen on; 0 for any free port.
        positions: how many random positions the account holds, unless `scenario` lists some.
        seed: seed from which contracts, positions and prices are generated.
        account_id: the account's id.
        tls: whether to use TLS, as IBKR's gateway does.
        quote_interval: simulated seconds between two changes of prices, and between two updates
            of a WebSocket's subscriptions.
        heartbeat_interval: simulated seconds between two heartbeats of a WebSocket.
        ready_delay: simulated seconds from a WebSocket's handshake to the message that says that
            the WebSocket accepts subscriptions.
        market_data_lifetime: simulated seconds until a market data subscription ends. As at IBKR,
            no message tells the client.
        scenario: what the account holds, and how the simulated exchange behaves.
        clock: the clock of the simulation: `Clock()` for real time, `Clock(speed=60)` for faster
            time, `Clock.by_hand()` for time that only the test moves. Real time by default.
        pacing: `enforced` refuses requests beyond IBKR's rate limits with 429, as
            `enforce_pacing` does; `off` accepts all requests.
        control: whether to serve the control endpoint `/_control`, to this machine only.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        positions: int = 0,
        seed: int = 0,
        account_id: str = "DU1234567",
        tls: bool = True,
        quote_interval: float = 0.5,
        heartbeat_interval: float = 10.0,
        ready_delay: float = 0.0,
        market_data_lifetime: float = 900.0,
        scenario: Scenario | None = None,
        clock: Clock | None = None,
        pacing: Literal["off", "enforced"] = "off",
        control: bool = True,
    ) -> None:
        self._factory = StateFactory(
            account_id=account_id,
            positions=positions,
            seed=seed,
            quote_interval=quote_interval,
            heartbeat_interval=heartbeat_interval,
            ready_delay=ready_delay,
            market_data_lifetime=market_data_lifetime,
        )
        if pacing not in ("off", "enforced"):
            msg = f"pacing must be 'off' or 'enforced', not {pacing!r}"
            raise ValueError(msg)
        self._host = host
        self._wanted_port = port
        self._tls = tls
        self._port: int | None = None
        self._thread: ServerThread | None = None
        self._connections: list[WsConnection] = []
        self._slots = asyncio.Semaphore(_MAX_STREAMS)
        self._clock = Clock() if clock is None else clock
        self._session = Session(seed, self._session_changed)
        self._scenario = scenario
        self._plan = Plan()
        self._state = self._factory.make(self._session, self._clock, scenario, self._plan)
        self._pacing = Pacing(self._clock.elapsed)
        self._enforced = pacing == "enforced"
        if self._enforced:
            self._pacing.enforce()
        self._faults = Faults(
            FaultTargets(self._open_streams, self._run, self._interrupt, self.logout, self._pacing),
            self._plan,
        )
        self._api = self._make_api()
        self._edge = Edge(
            self._api,
            self._session.login,
            self._session.logout,
            self._serve_websocket,
            self._faults,
            self._pacing,
            Control(self) if control else None,
        )

    def _make_api(self) -> Api:
        return Api(self._state, lambda: self.root_url + LOGIN_PATH)

    def __repr__(self) -> str:
        where = "not started" if self._port is None else self.root_url
        return f"<SimulatedGateway {where} account {self.account_id}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start the gateway; return when it serves requests.

        Returns:
            The gateway itself.

        Raises:
            OSError: the gateway cannot listen, for example because the port is in use.
            RuntimeError: the gateway is already running.
        """
        if self._thread is not None:
            msg = "the simulated gateway is running already; stop it first"
            raise RuntimeError(msg)
        self._slots = asyncio.Semaphore(_MAX_STREAMS)
        context = certificate().context if self._tls else None
        thread = ServerThread(self._edge, self._host, self._wanted_port, context)
        thread.start()
        self._thread, self._port = thread, thread.port
        return self

    def stop(self) -> None:
        """Drop all connections and stop listening, as IBKR's gateway does when it ends.

        You can call it again; further calls do nothing.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def reset(self, scenario: Scenario | None = None) -> None:
        """Return to the state of a new gateway, logged in and without connections.

        This resets account, orders, lists, session, faults, rate limits, recorded requests and
        WebSockets. The clock keeps its time.

        Args:
            scenario: what the account holds from now on; None for the scenario that the gateway
                was created with.

        Raises:
            ValueError: the scenario names a contract that does not exist.
        """
        begin = self._scenario if scenario is None else scenario
        state = self._factory.make(self._session, self._clock, begin, self._plan)
        for connection in self._open_streams():
            self._run(connection.break_off())
        self._connections.clear()
        self._faults.forget()
        self._pacing.off()
        if self._enforced:
            self._pacing.enforce()
        self._state = state
        self._api = self._make_api()
        self._edge.use(self._api)
        self._session.login()
        self.clear_requests()

    @property
    def port(self) -> int:
        """The port that the gateway listens on; after `stop`, the port that it listened on.

        Raises:
            RuntimeError: the gateway was not started.
        """
        if self._port is None:
            msg = "the simulated gateway was not started and has no port yet; start it first"
            raise RuntimeError(msg)
        return self._port

    def _url(self, scheme: str) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}{'s' if self._tls else ''}://{host}:{self.port}"

    @property
    def root_url(self) -> str:
        """The URL of the host, without a path."""
        return self._url("http")

    @property
    def base_url(self) -> str:
        """The base URL to give to a client; it ends with `/v1/api`."""
        return self.root_url + API

    @property
    def ws_url(self) -> str:
        """The URL of the WebSocket."""
        return f"{self._url('ws')}{API}/ws"

    @property
    def account_id(self) -> str:
        """The account's id."""
        return self._state.account_id

    @property
    def clock(self) -> Clock:
        """The simulation's clock; `gateway.clock.advance(60)` moves it forward by a minute."""
        return self._clock

    @property
    def certificate_pem(self) -> bytes:
        """The CA certificate, in PEM format, with which a client can verify the gateway."""
        return certificate().ca_pem

    @property
    def requests(self) -> list[RecordedRequest]:
        """The last 100,000 requests in order of arrival, WebSocket handshakes included."""
        return self._edge.requests

    @property
    def invented(self) -> list[RecordedRequest]:
        """The requests so far whose responses were made up, because the call is not simulated.

        The gateway makes up such a response from the types of its fields. The response has the
        header `X-Simulated: invented`. Do not base a test on its values.
        """
        return self._edge.invented

    def clear_requests(self) -> None:
        """Forget the requests recorded so far."""
        self._edge.clear_requests()

    def count(self, method: str, path: str) -> int:
        """Return how many recorded requests have an HTTP method and path.

        Args:
            method: the HTTP method.
            path: the path, with or without `/v1/api`.
        """
        return sum(request.is_for(method, path) for request in self.requests)

    @property
    def ws_connections(self) -> list[WsConnection]:
        """The open WebSockets and the last 1,000 closed ones, in order of opening."""
        return list(self._connections)

    @property
    def faults(self) -> Faults:
        """Methods that make the gateway fail on demand, and a record of the faults so far."""
        return self._faults

    @property
    def pacing(self) -> Pacing:
        """Enforcement of IBKR's rate limits, with a record of requests and violations."""
        return self._pacing

    def enforce_pacing(
        self, penalty: float = DEFAULT_PENALTY, growth: float = DEFAULT_GROWTH
    ) -> Pacing:
        """Refuse requests beyond IBKR's rate limits with 429 from now on.

        Args:
            penalty: seconds for which every request from a client's IP address gets 429 after the
                address has exceeded a limit. With 0, only the request beyond the limit gets 429.
            growth: each further penalty of an address is this many times as long as the one before.

        Returns:
            The record of requests, with `violations`, `arrivals` and `penalty_left`.

        Raises:
            ValueError: `penalty` is negative or `growth` less than 1.
        """
        self._pacing.enforce(penalty, growth)
        return self._pacing

    async def _serve_websocket(self, websocket: WebSocket) -> None:
        connection = WsConnection(websocket, self._state, self._slots, self._faults.take_command)
        closed = [each for each in self._connections if each.closed]
        for each in closed[: max(0, len(closed) - _MAX_CLOSED)]:
            self._connections.remove(each)
        self._connections.append(connection)
        await connection.serve()

    def _open_streams(self) -> list[WsConnection]:
        return [each for each in self.ws_connections if not each.closed]

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        if self._thread is None:
            work.close()
        else:
            self._thread.run(work)

    def _interrupt(self, seconds: float) -> None:
        if self._thread is None:
            msg = "the simulated gateway is not running: start it first"
            raise RuntimeError(msg)
        self._thread.run(self._thread.interrupt(seconds))

    def _session_changed(self) -> None:
        thread = self._thread
        if thread is not None:
            sts = self._session.sts()
            for connection in self._open_streams():
                thread.run_soon(connection.session_changed(sts))
