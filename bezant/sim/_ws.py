"""A WebSocket connection to the simulated gateway, seen from the gateway's side."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from bezant.sim._feeds import Feeds, encode
from bezant.sim._session import SERVER_INFO, USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from starlette.websockets import WebSocket

    from bezant.sim._world import World

_CALL_TIMEOUT = 5.0


class WsConnection:
    """One client's WebSocket. A test may call its methods from any thread but the gateway's.

    Attributes:
        path: The path that the client asked for, with `/v1/api`.
        query: The query parameters of the handshake.
        headers: The headers of the handshake, under lower-case names.
        received: Every message from the client, in order of arrival.
        dropped: Those of `received` that the gateway ignored because it was not ready yet.
        ready: Whether the `system` message with `success` was sent.
        closed: Whether the connection has ended, or is being closed by the gateway.
        silent: Whether nothing is sent any more, though the connection is open.
    """

    def __init__(self, websocket: WebSocket, world: World, slots: asyncio.Semaphore) -> None:
        self.path: str = websocket.url.path
        self.query: dict[str, str] = dict(websocket.query_params)
        self.headers: dict[str, str] = dict(websocket.headers)
        self.received: list[str] = []
        self.dropped: list[str] = []
        self.ready: bool = False
        self.closed: bool = False
        self.silent: bool = False
        self._sent = 0
        self._websocket = websocket
        self._world = world
        self._slots = slots
        self._feeds = Feeds(world)
        self._loop = asyncio.get_running_loop()

    @property
    def sent(self) -> int:
        """The number of messages sent to the client so far."""
        return self._sent

    def send(self, data: bytes | str) -> None:
        """Send a message to the client; as a binary frame, like all others.

        Does nothing when the connection is closed.
        """
        self._call(self._emit(data.encode() if isinstance(data, str) else data))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection from the gateway's side.

        Args:
            code: The close code. The real gateway sends 1000 whatever the cause.
            reason: The close reason.
        """
        self._call(self._close(code, reason))

    def silence(self) -> None:
        """Send nothing any more, and keep the connection open."""
        self.silent = True

    def drop(self) -> None:
        """Break TCP without a Close frame, as the gateway does when it ends."""
        self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        self.closed = True
        # ASGI has no word for it: uvicorn's own object is behind the function that sends.
        protocol: Any = getattr(self._websocket._send, "__self__", None)  # noqa: SLF001
        protocol.transport.abort()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        if self.closed or self._loop.is_closed():
            work.close()
            return
        # Cancelled: the gateway was stopped meanwhile.
        with contextlib.suppress(concurrent.futures.CancelledError):
            asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_TIMEOUT)

    async def serve(self) -> None:
        """Take messages from the client until it goes."""
        await self._websocket.accept()
        stream = asyncio.create_task(self._stream())
        try:
            while (event := await self._websocket.receive())["type"] == "websocket.receive":
                data = event.get("bytes")
                text = event["text"] if data is None else data.decode(errors="replace")
                self.received.append(text)
                await self._on_message(text)
        finally:
            self.closed = True
            stream.cancel()
            await asyncio.wait([stream])

    async def _on_message(self, text: str) -> None:
        if not self.ready:
            self.dropped.append(text)
        elif self._world.session.authenticated or text.startswith(("tic", "ech")):
            for frame in self._feeds.handle(text):
                await self._emit(frame)

    async def _stream(self) -> None:
        """Become ready, then send heartbeats and changes until cancelled."""
        world = self._world
        await world.clock.sleep(world.ready_delay)
        if not world.session.logged_in:
            # The real one accepts the upgrade by itself: without a login nothing ever comes.
            return
        async with self._slots:
            began = world.clock.elapsed()
            await self._emit(
                encode({"topic": "system", "success": USERNAME, "isFT": False, "isPaper": True})
            )
            self.ready = True
            sts = world.session.sts()
            sts["args"] |= SERVER_INFO | {"username": USERNAME}
            await self._emit(encode(sts))
            properties = world.account.properties(world.session.token, SERVER_INFO)
            await self._emit(encode({"topic": "act", "args": properties}))
            await asyncio.gather(self._heartbeat(began), self._tick(began))

    async def _heartbeat(self, began: float) -> None:
        def beat() -> list[bytes]:
            return [encode({"topic": "system", "hb": int(self._world.clock.now() * 1000)})]

        await self._repeat(began, self._world.heartbeat_interval, beat)

    async def _tick(self, began: float) -> None:
        await self._repeat(began, self._world.quote_interval, self._feeds.tick)

    async def _repeat(
        self, began: float, interval: float, tell: Callable[[], Iterable[bytes]]
    ) -> None:
        clock = self._world.clock
        while True:
            await clock.sleep_until(began + interval)
            # Counted from before the work: a clock moved on meanwhile is not missed.
            began = clock.elapsed()
            for frame in tell():
                await self._emit(frame)

    async def session_changed(self, sts: dict[str, Any]) -> None:
        """Drop the subscriptions, which belonged to the session as it was, and tell the client."""
        self._feeds.clear()
        if self.ready:
            await self._emit(encode(sts))

    async def _emit(self, data: bytes) -> None:
        if self.closed or self.silent:
            return
        # Counted first: whoever has read the frame is to find it counted.
        self._sent += 1
        try:
            await self._websocket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError):
            # The client went while the frame was under way.
            self._sent -= 1
            self.closed = True

    async def _close(self, code: int, reason: str) -> None:
        if not self.closed:
            self.closed = True
            await self._websocket.close(code, reason)
