"""Simulated servers of IBKR, for tests with a real Client Portal Gateway in front.

The real gateway is a proxy with a login of its own. If you configure the real gateway with the
address of a `SimulatedUpstream`, the gateway logs in there and forwards the calls and WebSockets of
its clients. Tests can then run a client against the real gateway without IBKR's servers.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Self

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from ._edge.app import BODY_METHODS, Edge, html_page
from ._edge.paths import API
from ._edge.recording import RecordedRequest
from ._gateway import SimulatedGateway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send
    from starlette.websockets import WebSocket

    from ._api.router import Api
    from ._faults.faults import Faults
    from ._limits.enforcement import Pacing
    from ._scenario.scenario import Scenario
    from ._state.session import Session

OWN_AGENT = "ClientPortalGW/1"
"""The User-Agent of the gateway's own requests."""

DISPATCHER = "/sso/Dispatcher"
# The real gateway keeps these two cookies from `/sso` for itself. It passes other cookies on to the
# client and does not keep them.
_JAR = {"XYZAB": "jar-token", "USERID": "100000001"}


class SimulatedUpstream(SimulatedGateway):
    """Simulated IBKR servers behind a real gateway: login and an account, over plain HTTP.

    The upstream starts logged out. Send `POST /sso/Dispatcher` through the real gateway to log in;
    the gateway then opens the brokerage session by itself.

    `requests` holds the requests of the gateway's clients, and `own_requests` holds the requests
    that the real gateway makes by itself.

    The real gateway calls `/tickle` every 30 s. This call succeeds even after `logout`, because
    otherwise the gateway would log in again in the middle of a test. Set `fail_own_tickle` to True
    to make this call fail.

    Args:
        host: address to listen on.
        port: port to listen on; 0 for any free port. After `stop`, `start` uses the same port
            again.
        positions: how many random positions the account holds, unless `scenario` lists some.
        seed: seed from which contracts, positions and prices are generated.
        account_id: the account's id.
        quote_interval: seconds between two changes of prices, and between two updates of a
            WebSocket's subscriptions.
        heartbeat_interval: seconds between two heartbeats of a WebSocket.
        scenario: what the account holds, and how the simulated exchange behaves.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        positions: int = 0,
        seed: int = 0,
        account_id: str = "DU1234567",
        quote_interval: float = 0.5,
        heartbeat_interval: float = 10.0,
        scenario: Scenario | None = None,
    ) -> None:
        super().__init__(
            host=host,
            port=port,
            positions=positions,
            seed=seed,
            account_id=account_id,
            tls=False,
            quote_interval=quote_interval,
            heartbeat_interval=heartbeat_interval,
            scenario=scenario,
        )
        self._upstream = UpstreamEdge(
            self._api, self._session, self._serve_websocket, self._faults, self._pacing
        )
        self._edge = self._upstream
        self._session.logout("unauthorized")

    def start(self) -> Self:
        """Start the upstream; return when it serves requests.

        Returns:
            The upstream itself.

        Raises:
            OSError: the upstream cannot listen, for example because the port is in use.
            RuntimeError: the upstream is already running.
        """
        super().start()
        self._wanted_port = self._port or 0
        return self

    @property
    def fail_own_tickle(self) -> bool:
        """Whether the real gateway's own calls of `/tickle` get 401, so that it logs in again."""
        return self._upstream.fail_own_tickle

    @fail_own_tickle.setter
    def fail_own_tickle(self, value: bool) -> None:
        self._upstream.fail_own_tickle = value

    @property
    def own_requests(self) -> list[RecordedRequest]:
        """The requests that the real gateway has made by itself so far, logins included."""
        return self._upstream.own_requests

    def clear_requests(self) -> None:
        """Forget all recorded requests, including those that the real gateway made by itself."""
        super().clear_requests()
        self._upstream.clear_own_requests()

    def reset(self, scenario: Scenario | None = None) -> None:
        """Reset account, orders, lists, session, faults, rate limits, requests and WebSockets.

        The clock keeps its time, and the real gateway in front stays logged in.

        Args:
            scenario: what the account holds from now on; None for the scenario that the upstream
                was created with.

        Raises:
            ValueError: the scenario names a contract that does not exist.
        """
        super().reset(scenario)
        self._upstream.fail_own_tickle = False

    def renew(self) -> None:
        """Log in again, and forget faults, recorded requests and closed WebSockets.

        Account and orders stay as they are.
        """
        self._upstream.fail_own_tickle = False
        self.faults.clear()
        self._connections[:] = [each for each in self._connections if not each.closed]
        self.login()
        self.clear_requests()


class UpstreamEdge(Edge):
    """Handles the calls that the real gateway makes by itself; passes other calls to the API.

    Args:
        api: handles the calls of API operations.
        session: login and brokerage session.
        serve_websocket: function that serves a WebSocket.
        faults: the faults on demand.
        pacing: the rate limits.
    """

    def __init__(
        self,
        api: Api,
        session: Session,
        serve_websocket: Callable[[WebSocket], Awaitable[None]],
        faults: Faults,
        pacing: Pacing,
    ) -> None:
        super().__init__(api, session.login, session.logout, serve_websocket, faults, pacing)
        self._session = session
        self.fail_own_tickle = False
        self._own: list[RecordedRequest] = []
        self._random = random.Random("own calls")

    @property
    def own_requests(self) -> list[RecordedRequest]:
        """The requests that the real gateway has made by itself so far."""
        with self._lock:
            return list(self._own)

    def clear_own_requests(self) -> None:
        """Forget the recorded requests that the real gateway made by itself."""
        with self._lock:
            self._own.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket, as ASGI defines."""
        if scope["type"] == "http":
            request = Request(scope, receive)
            own = request.headers.get("user-agent") == OWN_AGENT
            if own or (request.method, scope["path"]) == ("POST", DISPATCHER):
                try:
                    body = await request.body()
                except ClientDisconnect:
                    return
                recorded = RecordedRequest(
                    method=request.method,
                    path=scope["path"],
                    query=dict(request.query_params),
                    headers=dict(request.headers),
                    body=body,
                    target="?".join(filter(None, (scope["path"], request.url.query))),
                )
                with self._lock:
                    self._own.append(recorded)
                response = self._own_response(recorded) if own else self._log_in()
                # Send the response in one piece and with a Content-Length: the real gateway takes
                # whatever it reads at once for the whole response.
                await response(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def _fault_at_edge(
        self,
        request: HTTPConnection,  # noqa: ARG002 - the base class needs it
        recorded: RecordedRequest,
    ) -> Response | None:
        """Return the response with which IBKR's servers refuse a request; None to accept it.

        The lengths of request line and headers are not checked here: the real gateway does that.
        """
        if recorded.method in BODY_METHODS and "content-length" not in recorded.headers:
            return html_page("Length Required", 411)
        if not recorded.headers.get("user-agent"):
            return html_page("Access Denied", 403)
        return None

    def _log_in(self) -> Response:
        self._session.login()
        # `login` opens the brokerage session, too. Close it again: the real gateway opens it by
        # itself after the login.
        self._session.drop_brokerage()
        response = Response(status_code=302, headers={"Location": "/sso/Done"})
        for name, value in _JAR.items():
            response.set_cookie(name, value, path="/")
        return response

    def _own_response(self, recorded: RecordedRequest) -> Response:
        session = self._session
        path = recorded.path.removeprefix(API)
        if path == "/sso/ping":
            return _tiny({})
        if path == "/tickle":
            return _refused() if self.fail_own_tickle else _tiny({"session": session.token})
        if not session.logged_in:
            return _refused()
        if path == "/iserver/auth/ssodh/response":
            session.open_brokerage(compete=True)
        bodies: dict[str, dict[str, Any]] = {
            "/sso/validate": {"USER_ID": 100000001, "USER_NAME": "simulated"},
            "/one/user": {"username": "simulated"},
            "/ssodh/init": {"success": True},
            "/ssodh/st": {"st": self._hex()},
            "/iserver/auth/ssodh/init": {"challenge": self._hex()},
            "/iserver/auth/ssodh/response": self._flags(),
            "/iserver/auth/status": self._flags(),
            "/iserver/accounts": {"accounts": []},
        }
        body = bodies.get(path)
        return Response(status_code=404) if body is None else _tiny(body)

    def _flags(self) -> dict[str, Any]:
        names = ("authenticated", "competing", "connected")
        status = self._session.status(fail=False)
        return {name: status[name] for name in names}

    def _hex(self) -> str:
        return f"{self._random.getrandbits(128):032x}"


def _refused() -> Response:
    return Response(status_code=401)


def _tiny(body: dict[str, Any]) -> Response:
    return JSONResponse(body)
