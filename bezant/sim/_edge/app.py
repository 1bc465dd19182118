"""ASGI application of the simulated gateway: every request passes through it to the API."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from .._api.call import INVENTED, Call
from .._api.router import LOGIN_PAGE, LOGIN_PATH
from .._faults.connection import apply
from .._limits.judge import MAX_RECORDED, TOO_MANY
from .._transport.link import link_of
from .paths import API, CONTROL
from .recording import RecordedRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from .._api.router import Api
    from .._control.endpoint import Control
    from .._faults.faults import Faults
    from .._faults.plan import Fault
    from .._limits.enforcement import Pacing

[_HEADER] = INVENTED
_OTHER_API = "/v1/portal/"
# Some operations are not under /v1/api; their paths begin with these prefixes.
_AT_THE_ROOT = ("/gw/api/", "/oauth2/api/")
_MAX_LINE = 4096
_MAX_HEADERS = 8192
_JSON = "application/json; charset=utf-8"
BODY_METHODS = frozenset({"POST", "PUT", "PATCH"})


class Edge:
    """Records requests, applies rate limits and faults, then passes calls to the API.

    Args:
        api: handles the calls of API operations.
        login: function that logs the simulated user in.
        logout: function that logs the simulated user out.
        serve_websocket: function that serves a WebSocket.
        faults: the faults to inject into requests.
        pacing: enforces the rate limits.
        control: handles the control endpoint; None for a gateway without this endpoint.
    """

    def __init__(
        self,
        api: Api,
        login: Callable[[], None],
        logout: Callable[[], None],
        serve_websocket: Callable[[WebSocket], Awaitable[None]],
        faults: Faults,
        pacing: Pacing,
        control: Control | None = None,
    ) -> None:
        self._api = api
        self._control = control
        self._login = login
        self._logout = logout
        self._serve_websocket = serve_websocket
        self._faults = faults
        self._pacing = pacing
        self._lock = threading.Lock()
        self._requests: deque[RecordedRequest] = deque(maxlen=MAX_RECORDED)
        self._invented: deque[RecordedRequest] = deque(maxlen=MAX_RECORDED)

    def use(self, api: Api) -> None:
        """Pass calls to another `Api` object from now on; each reset of the gateway creates one."""
        self._api = api

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests recorded so far, in order of arrival."""
        with self._lock:
            return list(self._requests)

    @property
    def invented(self) -> list[RecordedRequest]:
        """The recorded requests that got invented responses, because the call is not simulated."""
        with self._lock:
            return list(self._invented)

    def clear_requests(self) -> None:
        """Forget the requests recorded so far."""
        with self._lock:
            self._requests.clear()
            self._invented.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket, as ASGI defines."""
        if scope["type"] == "websocket":
            await self._upgrade(WebSocket(scope, receive, send), receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        if "transfer-encoding" in request.headers:
            # IBKR's gateway loses a request body that is sent chunked, so this gateway does too.
            body = b""
        if self._control is not None and request.url.path.startswith(CONTROL):
            await self._control.answer(request, body)(scope, receive, send)
            return
        recorded = self._record(request, request.method, body)
        address = request.client.host if request.client is not None else ""
        path = recorded.path.removeprefix(API)
        judge = self._pacing.arrive(recorded.method, path, address)
        if judge is False:
            await _too_many()(scope, receive, send)
            return
        try:
            await self._serve(request, recorded, receive, send)
        finally:
            self._pacing.leave(judge, recorded.method, path)

    async def _serve(
        self, request: Request, recorded: RecordedRequest, receive: Receive, send: Send
    ) -> None:
        delay, fault = self._faults.take(recorded.method, recorded.path)
        if delay and not await _pause(delay, request.scope):
            return
        broken = fault if fault is not None and fault.kind in ("drop", "silence") else None
        if broken is not None and broken.when == "before":
            await apply(broken, None, request.scope, receive, send)
            return
        response = self._fault_at_edge(request, recorded)
        if response is None and fault is not None and broken is None:
            response = _failure(fault)
        if response is None:
            self._faults.take_question(recorded.method, recorded.path, self._api.end_questions)
            response = self._respond(recorded)
            if _HEADER in response.headers:
                with self._lock:
                    self._invented.append(recorded)
        # Without a Content-Length the server sends the response chunked, as IBKR's gateway always
        # does.
        del response.headers["content-length"]
        if broken is not None:
            await apply(broken, response, request.scope, receive, send)
        else:
            await response(request.scope, receive, send)

    async def _upgrade(self, websocket: WebSocket, receive: Receive, send: Send) -> None:
        recorded = self._record(websocket, "GET", b"")
        delay, fault = self._faults.take("GET", recorded.path)
        if delay and not await _pause(delay, websocket.scope):
            return
        address = websocket.client.host if websocket.client is not None else ""
        if self._pacing.left(address):
            await websocket.send_denial_response(_too_many())
        elif fault is None:
            await self._serve_websocket(websocket)
        elif fault.kind == "fail":
            await websocket.send_denial_response(_failure(fault))
        else:
            await apply(fault, None, websocket.scope, receive, send)

    def _record(self, request: HTTPConnection, method: str, body: bytes) -> RecordedRequest:
        target = request.scope["raw_path"].decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        headers = {
            name: ", ".join(request.headers.getlist(name)) for name in set(request.headers.keys())
        }
        path = request.scope["path"]
        if path.startswith(_OTHER_API) and request.scope["type"] == "http":
            # IBKR's gateway also serves REST calls, but no WebSocket, under `/v1/portal/`.
            path = API + path[len(_OTHER_API) - 1 :]
            target = API + target[len(_OTHER_API) - 1 :]
        recorded = RecordedRequest(
            method=method,
            path=path,
            query=dict(request.query_params),
            headers=headers,
            body=body,
            target=f"{target}?{query}" if query else target,
        )
        with self._lock:
            self._requests.append(recorded)
        return recorded

    def _fault_at_edge(self, request: Request, recorded: RecordedRequest) -> Response | None:
        """Return an error response if the request must not reach the API; otherwise None."""
        size = len(f"{recorded.method} {recorded.target} HTTP/1.1")
        closing = {"Connection": "close"}
        if size > _MAX_LINE:
            return Response(status_code=414, headers=closing)
        if sum(len(name) + len(value) + 2 for name, value in request.headers.raw) > _MAX_HEADERS:
            return Response(status_code=400, headers=closing)
        # IBKR's gateway forwards a chunked request without its body and without a Content-Length.
        # IBKR's servers then refuse the request.
        if recorded.method in BODY_METHODS and "content-length" not in recorded.headers:
            return html_page("Length Required", 411)
        if not recorded.headers.get("user-agent"):
            return html_page("Access Denied", 403)
        return None

    def _respond(self, recorded: RecordedRequest) -> Response:
        path = recorded.path
        if path.startswith((f"{API}/", *_AT_THE_ROOT)):
            call = Call(recorded.method, path.removeprefix(API), recorded.query, recorded.body)
            return self._api.answer(call)
        if path == "/":
            return Response(status_code=302, headers={"Location": LOGIN_PATH})
        if path == "/sso/Login":
            return Response(LOGIN_PAGE, media_type="text/html")
        if path == "/sso/Dispatcher":
            self._login()
            return Response("Client login succeeds", media_type="text/plain")
        if path == "/clear":
            # `/clear` ends the login. It gives the same response if nobody is logged in.
            self._logout()
            return Response("cleared", media_type="text/plain")
        version, _, rest = path[1:].partition("/")
        service, _, rest = rest.partition("/")
        if version == "v1" and rest:
            return Response(f"Unknown service {service}", media_type="text/plain")
        location = f"https://api.ibkr.com{recorded.target.partition('?')[0]}"
        return Response(status_code=302, headers={"Location": location})


async def _pause(seconds: float, scope: Scope) -> bool:
    """Wait for `seconds`; return False if the gateway stops in the meantime."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        await link_of(scope).leave()
        return False
    return True


def _failure(fault: Fault) -> Response:
    status, body, headers = fault.response
    return Response(body, status, {"Content-Type": _JSON} | headers)


def _too_many() -> Response:
    return Response(b'{"error":"Too Many Requests"}', TOO_MANY, {"Content-Type": _JSON})


def html_page(title: str, status: int) -> Response:
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(text, status, media_type="text/html")
