"""Gateway for which a test supplies functions that respond to calls and to stream commands."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from tests.support import rows
from tests.support.raw import Peer, RawGateway, RawRequest

ACCOUNT = "DU1234567"
TOKEN = "0123456789abcdef0123456789abcdef"
STATUS: dict[str, Any] = {
    "authenticated": True, "established": True, "competing": False, "connected": True,
    "message": "", "fail": "",
}  # fmt: skip


class Call(NamedTuple):
    """A request: method, path relative to /v1/api, query, and body decoded from JSON."""

    method: str
    path: str
    query: dict[str, str]
    body: Any

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Reply(NamedTuple):
    """A response with a status, a body and headers."""

    status: int
    body: object = b""
    headers: Mapping[str, str] = {}


Answer = Callable[[Call], object]


class ScriptedGateway:
    """Gateway that responds with the results of a function, or as if it had one account.

    Attributes:
        answer: function that returns the response to a call: a JSON value, bytes or a `Reply`. If
            it returns None, the gateway sends its usual response.
        command: function called with each text that a stream's client sends after the gateway's
            first frames.
        calls: all calls received so far.
        texts: all texts that clients of streams have sent so far.
    """

    def __init__(
        self,
        raw: RawGateway,
        answer: Answer | None = None,
        command: Callable[[Peer, str], object] | None = None,
    ) -> None:
        self.answer = answer
        self.command = command
        self.calls: list[Call] = []
        self.texts: list[str] = []
        self.base_url = raw.base_url
        self._raw = raw
        raw.script(self._respond)

    def names(self, part: str = "") -> list[str]:
        """Return "method path" of each call received so far, if it contains `part`."""
        return [call.name for call in self.calls if part in call.name]

    def _respond(self, request: RawRequest, peer: Peer) -> None:
        if "websocket" in request.headers.get("upgrade", "").lower():
            self._stream(request, peer)
            return
        path, _, query = request.target.removeprefix("/v1/api").partition("?")
        body: Any = None
        with contextlib.suppress(ValueError):
            body = json.loads(request.body)
        call = Call(request.method, path, dict(parse_qsl(query)), body)
        self.calls.append(call)
        found = self.answer(call) if self.answer is not None else None
        if found is None:
            found = self._usual(path)
        reply = found if isinstance(found, Reply) else Reply(200, found)
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        headers = {"Content-Type": "application/json", **reply.headers}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        peer.answer(f"{reply.status} X", content, *lines)

    def _usual(self, path: str) -> object:
        usual: dict[str, object] = {
            "/tickle": {
                "session": TOKEN, "ssoExpires": 500_000, "iserver": {"authStatus": STATUS},
            },
            "/iserver/auth/status": STATUS,
            "/iserver/accounts": {"accounts": [ACCOUNT], "selectedAccount": ACCOUNT},
            "/portfolio/accounts": [rows.account(ACCOUNT)],
        }  # fmt: skip
        page = b"<html><body><h1>Resource not found</h1></body></html>"
        return usual.get(path, Reply(404, page, {"Content-Type": "text/html"}))

    def _stream(self, request: RawRequest, peer: Peer) -> None:
        """Send a stream's first frames, then pass each text from its client to `command`."""
        peer.upgrade(request)
        with contextlib.suppress(OSError):
            peer.frame(json.dumps({"message": "waiting for session"}).encode())
            self.texts.append(peer.receive())
            for frame in (
                {"topic": "system", "success": "user", "isFT": False, "isPaper": True},
                {"topic": "act", "args": {"accounts": [ACCOUNT], "selectedAccount": ACCOUNT}},
                {"topic": "sts", "args": STATUS},
            ):
                peer.frame(json.dumps(frame).encode())
            while True:
                text = peer.receive()
                self.texts.append(text)
                if self.command is not None:
                    self.command(peer, text)
