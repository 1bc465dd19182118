"""The gateway's side of a WebSocket connection with a client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocketDisconnect

from .._state.session import SERVER_INFO, USERNAME
from .._transport.link import frame, link_of
from .._wire_forms.account import Account
from .messages import encode
from .subscriptions import Subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from starlette.websockets import WebSocket

    from .._state.state import State

_LOG = logging.getLogger("bezant.sim")
_CALL_TIMEOUT = 5.0
_MAX_FRAME = 65_536
_BATCH = 256


class WsConnection:
    """WebSocket of one client. You can call the methods from any thread but the gateway's own.

    Attributes:
        path: path of the handshake, including `/v1/api`.
        query: query parameters of the handshake.
        headers: headers of the handshake, with lower-case names.
        received: messages from the client, in order of arrival.
        dropped: those of the `received` messages that the gateway ignored, because they came before
            the connection was ready.
        ready: whether the gateway has sent the `system` message with `success`, after which it
            handles messages.
        closed: whether the connection has ended or the gateway is closing it.
        silent: whether the gateway has stopped sending messages, although the connection is open.
    """

    def __init__(
        self,
        websocket: WebSocket,
        state: State,
        slots: asyncio.Semaphore,
        fault_of: Callable[[str], str],
    ) -> None:
        self.path: str = websocket.url.path
        self.query: dict[str, str] = dict(websocket.query_params)
        self.headers: dict[str, str] = dict(websocket.headers)
        self.received: list[str] = []
        self.dropped: list[str] = []
        self.ready: bool = False
        self.closed: bool = False
        self.silent: bool = False
        self._sent = 0
        self._broken = 0
        self._pieces = 2
        self._after: tuple[int, Callable[[], None]] | None = None
        self._websocket = websocket
        self._link = link_of(websocket.scope)
        self._state = state
        self._slots = slots
        self._subscriptions = Subscriptions(state, fault_of)
        self._account = Account(state)
        self._loop = asyncio.get_running_loop()

    @property
    def sent(self) -> int:
        """The number of messages sent to the client so far."""
        return self._sent

    def send(self, data: bytes | str) -> None:
        """Send a message to the client in a binary frame, if the connection is open."""
        self._call(self._emit(data.encode() if isinstance(data, str) else data))

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection.

        Args:
            code: the close code. IBKR's gateway always sends 1000.
            reason: the close reason.
        """
        self._call(self._close(code, reason))

    def silence(self) -> None:
        """Stop sending messages, but keep the connection open."""
        self.silent = True

    def drop(self) -> None:
        """Abort the TCP connection without a Close frame, as IBKR's gateway does when it ends."""
        self._call(self.break_off())

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        if self.closed:
            work.close()
            return
        try:
            begun = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            # The event loop is closed, so the gateway has stopped.
            work.close()
            return
        # If the gateway stops in the meantime, the coroutine is cancelled.
        with contextlib.suppress(concurrent.futures.CancelledError):
            begun.result(_CALL_TIMEOUT)

    # `Faults` calls the methods below. Their coroutines run on the event loop of the server.

    async def break_off(self) -> None:
        """Abort the TCP connection without a Close frame."""
        self.closed = True
        await self._link.leave()

    async def go_silent(self) -> None:
        """Stop sending messages, but keep the connection open and answer pings."""
        self.silent = True

    async def go_deaf(self) -> None:
        """Stop sending and reading, as if the connection were half-open."""
        self.silent = True
        self._link.deafen()

    async def end(self, code: int, reason: str) -> None:
        """Close the connection."""
        await self._close(code, reason)

    async def go_to_pieces(self, times: int, pieces: int) -> None:
        """Send each of the next `times` messages as `pieces` separate messages."""
        self._broken, self._pieces = times, pieces

    async def send_oversized(self, *, cut: bool) -> None:
        """Act as if a message exceeded the gateway's limit of 64 KiB per frame.

        Args:
            cut: False: send nothing and close the connection, as IBKR's gateway does. True: send
                the message in pieces of 64 KiB, each as a separate message.
        """
        data = self._subscriptions.market_data.oversized(_MAX_FRAME)
        if not cut:
            # IBKR's gateway drops a frame that is too long, and then closes the connection.
            await self._close(1000, "")
            return
        for begin in range(0, len(data), _MAX_FRAME):
            await self._send_frame(data[begin : begin + _MAX_FRAME])

    async def end_market_data(self, conid: int | None) -> None:
        """End market data subscriptions without telling the client.

        Args:
            conid: the contract whose subscription ends; None for all contracts.
        """
        self._subscriptions.market_data.forget(conid)

    def call_after(self, messages: int, then: Callable[[], None]) -> None:
        """Call `then` once the gateway has sent `messages` more messages on this connection."""
        self._after = (self._sent + messages, then)

    def call_off(self) -> None:
        """Cancel the injected faults that were meant for the next messages on this connection."""
        self._after = None
        self._broken = 0

    def flood(self, messages: int, sent: Callable[[int], None]) -> None:
        """Begin to send market data as fast as the client accepts it.

        Args:
            messages: how many messages to send.
            sent: called for each batch of messages, with the number of messages in the batch.
        """
        if not self.closed and not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._flood(messages, sent), self._loop)

    async def _flood(self, messages: int, sent: Callable[[int], None]) -> None:
        quotes = self._subscriptions.market_data.flood()
        for begin in range(0, messages, _BATCH):
            count = min(_BATCH, messages - begin)
            batch = b"".join(frame(next(quotes)) for _ in range(count))
            # Count the messages before sending them: when a client has read a message, a test must
            # find it in the count.
            self._sent += count
            sent(count)
            if self.silent or self.closed or not await self._link.write(batch):
                return
            await asyncio.sleep(0)

    async def serve(self) -> None:
        """Accept the handshake, then receive and handle messages until the client disconnects."""
        stream: asyncio.Task[None] | None = None
        try:
            await self._websocket.accept()
            stream = asyncio.create_task(self._stream_until_it_fails())
            while (event := await self._websocket.receive())["type"] == "websocket.receive":
                data = event.get("bytes")
                text = event["text"] if data is None else data.decode(errors="replace")
                self.received.append(text)
                await self._on_message(text)
        finally:
            self.closed = True
            if stream is not None:
                stream.cancel()
                await asyncio.wait([stream])

    async def _on_message(self, text: str) -> None:
        if not self.ready:
            self.dropped.append(text)
        elif self._state.session.authenticated or text.startswith(("tic", "ech")):
            for data in self._subscriptions.handle(text):
                await self._emit(data)

    async def _stream_until_it_fails(self) -> None:
        try:
            await self._stream()
        except Exception:  # noqa: BLE001 - logged; the connection is aborted
            _LOG.exception("A stream of the simulated gateway has failed")
            await self.break_off()

    async def _stream(self) -> None:
        """Send the message that the connection is ready, then heartbeats and updates."""
        state = self._state
        await state.clock.sleep(state.ready_delay)
        if not state.session.logged_in:
            # IBKR's gateway accepts the handshake even if nobody is logged in, but then sends
            # nothing.
            return
        async with self._slots:
            began = state.clock.elapsed()
            await self._emit(
                encode({"topic": "system", "success": USERNAME, "isFT": False, "isPaper": True})
            )
            self.ready = True
            properties = self._account.properties(state.session.token, SERVER_INFO)
            await self._emit(encode({"topic": "act", "args": properties}))
            await self._emit(encode(state.session.sts()))
            async with asyncio.TaskGroup() as both:
                both.create_task(self._heartbeat(began))
                both.create_task(self._tick(began))

    async def _heartbeat(self, began: float) -> None:
        def beat() -> list[bytes]:
            return [encode({"topic": "system", "hb": int(self._state.clock.now() * 1000)})]

        await self._repeat(began, self._state.heartbeat_interval, beat)

    async def _tick(self, began: float) -> None:
        await self._repeat(began, self._state.quote_interval, self._subscriptions.tick)

    async def _repeat(
        self, began: float, interval: float, tell: Callable[[], Iterable[bytes]]
    ) -> None:
        clock = self._state.clock
        while True:
            await clock.sleep_until(began + interval)
            # Read the time before sending. If a test moves the clock forward while messages are
            # sent, the next messages are then due accordingly earlier.
            began = clock.elapsed()
            for data in tell():
                await self._emit(data)

    async def session_changed(self, sts: dict[str, Any]) -> None:
        """End all subscriptions, and send the client the session's new state.

        Args:
            sts: the message with the new state.
        """
        self._subscriptions.clear()
        if self.ready:
            await self._emit(encode(sts))

    async def _emit(self, data: bytes) -> None:
        if self._broken and len(data) >= self._pieces:
            self._broken -= 1
            size = -(-len(data) // self._pieces)
            for begin in range(0, len(data), size):
                await self._send_frame(data[begin : begin + size])
        else:
            await self._send_frame(data)
        if self._after is not None and self._sent >= self._after[0]:
            (_, then), self._after = self._after, None
            then()

    async def _send_frame(self, data: bytes) -> None:
        if self.closed or self.silent:
            return
        # Count the message before sending it: when a client has read the message, a test must find
        # it in the count.
        self._sent += 1
        try:
            await self._websocket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError):
            # The client has disconnected, so the message was not sent.
            self._sent -= 1
            self.closed = True

    async def _close(self, code: int, reason: str) -> None:
        if not self.closed:
            self.closed = True
            await self._websocket.close(code, reason)
