"""Server behind the real gateway that sends exactly the bytes that a test scripts."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

from tests.gateway.chain import Chain
from tests.support.raw import Peer, RawGateway, RawRequest, Script

TICKLE = b'{"session":"s3cret","iserver":{"authStatus":{"authenticated":true,"connected":true}}}'
SYSTEM = b'{"topic":"system","success":"simulated"}'


class ScriptedUpstream(RawGateway):
    """Upstream server that runs `script` for each client request.

    It responds to the gateway's own requests with an empty object.
    """

    def __init__(self, port: int, script: Script) -> None:
        super().__init__()
        self._listener.close()
        self._listener = _listen(port)
        self._listener.settimeout(0.05)

        def answer(request: RawRequest, peer: Peer) -> None:
            if is_own(request):
                peer.json(b"{}")
            else:
                script(request, peer)

        self.script(answer)

    def sent(self, path: str) -> list[RawRequest]:
        """Return the clients' requests to a path, which is relative to /v1/api."""
        return [
            each
            for each in list(self.requests)
            if not is_own(each) and each.target.partition("?")[0] == f"/v1/api{path}"
        ]


def is_own(request: RawRequest) -> bool:
    """Return whether the gateway made a request on its own, and not for a client.

    Such a request has the gateway's user agent. The WebSocket of a client has this user agent, too.
    """
    upgrade = "upgrade" in request.headers
    return request.headers.get("user-agent") == "ClientPortalGW/1" and not upgrade


def _listen(port: int) -> socket.socket:
    deadline = time.monotonic() + 5
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def scripted(gateway: Chain, script: Script) -> Iterator[ScriptedUpstream]:
    """Replace the simulated upstream server with a scripted one."""
    gateway.stop()
    with ScriptedUpstream(gateway.upstream_port, script) as upstream:
        yield upstream
