"""Tests of uvicorn's internals that the simulated gateway uses.

These internals can change without notice.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable

import pytest
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from bezant.sim._transport.uvicorn import HttpProtocol, WebSocketProtocol

CHANGED = f"uvicorn {uvicorn.__version__} has changed, see bezant/sim/_transport/uvicorn.py: "


def state() -> tuple[uvicorn.Config, ServerState]:
    async def app(scope: object, receive: object, send: object) -> None:
        """ASGI application that does nothing."""

    return uvicorn.Config(
        app, http="h11", ws="none", log_config=None, lifespan="off"
    ), ServerState()


@pytest.mark.parametrize("protocol", [H11Protocol, WebSocketsSansIOProtocol])
def test_protocols_take_a_state_and_hand_it_on(protocol: type[asyncio.Protocol]) -> None:
    taken = list(inspect.signature(protocol).parameters)
    assert taken == ["config", "server_state", "app_state", "_loop"], (
        f"{CHANGED}{protocol.__name__} takes {taken}"
    )
    assert issubclass(protocol, asyncio.Protocol), f"{CHANGED}no protocol of asyncio's"


def test_a_websocket_has_the_state_of_its_request() -> None:
    config, shared = state()
    loop = asyncio.new_event_loop()
    try:
        request = HttpProtocol(config, shared, {"more": 1}, loop)
        given = request.app_state
        socket = WebSocketProtocol(config, shared, given, loop)
        assert given["more"] == 1, f"{CHANGED}app_state is not what the protocol was made with"
        assert socket.link is request.link
    finally:
        loop.close()


@pytest.mark.parametrize(
    "name", ["main_loop", "shutdown", "serve", "servers", "server_state", "lifespan", "config"]
)
def test_the_server_has_the_internals_that_bezant_uses(name: str) -> None:
    config, shared = state()
    server = uvicorn.Server(config)
    # `Server` sets some of these attributes only when it starts, so its source is searched as well.
    there = hasattr(server, name) or f"self.{name} = " in inspect.getsource(uvicorn.Server)
    assert there, f"{CHANGED}there is no Server.{name}"
    assert {"connections", "tasks"} <= vars(shared).keys(), f"{CHANGED}no connections, no tasks"
    stop: Callable[..., object] = uvicorn.Server.shutdown
    assert list(inspect.signature(stop).parameters) == ["self", "sockets"], f"{CHANGED}shutdown()"
