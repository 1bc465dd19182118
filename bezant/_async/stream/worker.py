"""Background worker of a stream: connects, reads, sends and reconnects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..._core.decoding.drift import Drift
from ..._core.marketdata.fields import MarketDataFields
from ..._core.marketdata.liveness import StaleReason, reason_of
from ..._core.marketdata.snapshots import Quotes
from ..._core.operations.market_data import GET_MD_SNAPSHOT
from ..._core.operations.session import TICKLE
from ..._core.pacing.limits import MAX_STREAMS
from ..._core.session.state import SessionState
from ..._core.session.status import error_for
from ..._core.stream.buffer import MessageBuffer
from ..._core.stream.execution_check import DAYS, ExecutionRequest
from ..._core.stream.order_check import OrderRequest
from ..._core.stream.phases import Phase, Timing
from ..._core.stream.readers import Reader
from ..._core.stream.silence import SilentQuote
from ..._core.stream.state import StreamState
from ..._runtime import _async as rt
from ..._wire.redaction import Secret
from ...errors import (
    ApiError,
    BezantError,
    ClientClosed,
    DecodeError,
    IncompleteList,
    PacingError,
    RateLimited,
    SessionError,
    WrongContext,
    WsClosed,
    WsConnectFailed,
    WsError,
    WsProtocolError,
    WsTimeout,
)
from ...models.stream import Message
from ..client import AsyncClient

if TYPE_CHECKING:
    from ...models.orders import LiveOrder, OrderStatus

_logger = logging.getLogger("bezant.stream")

_HTTP_AND_HANDSHAKE = 5.0
_LOST = (SessionState.LOGGED_OUT, SessionState.CLOSED, SessionState.COMPETING)


class AsyncStreamWorker:
    """State and socket of a stream, and the worker that reads the socket.

    The worker refers to this object and not to the stream. So when nothing else refers to the
    stream anymore, the stream is garbage-collected and ends the worker.
    """

    def __init__(
        self,
        client: AsyncClient,
        timing: Timing,
        message_buffer: MessageBuffer,
        *,
        reconnect: bool,
        is_open: Callable[[int, datetime], bool | None] | None = None,
    ) -> None:
        self.client = client
        self.lock: rt.StateLock = rt.StateLock()
        self.bell: rt.Notifier = rt.Notifier()
        self.drifts: list[Drift] = []
        self.error: WsError | None = None
        self.close_reason: WsClosed | None = None
        self.state: StreamState = StreamState(
            self.drifts.append,
            rt.monotonic(),
            wall=rt.wall_time(),
            random=rt.chance,
            timing=timing,
            reconnect=reconnect,
            message_buffer=message_buffer,
            tickled=lambda: client._pipeline.session_token,
            watch=client._pipeline.streamed,
            is_open=is_open,
        )
        self.market_data: frozenset[str] = frozenset()
        # Returns the oldest unread message, or None. A reader calls it for every message.
        self.take: Callable[[], Message | None] = rt.guarded(self.lock, message_buffer.take)
        self._reconnect = reconnect
        self._timing = timing
        self._stopping = rt.Event()
        self._send_lock = rt.Lock()
        self._socket: rt.WebSocket | None = None
        self._worker: rt.Worker | None = None
        self._check_bell: rt.Notifier = rt.Notifier()
        self._checker: rt.Worker | None = None
        self._execution_bell: rt.Notifier = rt.Notifier()
        self._execution_checker: rt.Worker | None = None
        self._quote_bell: rt.Notifier = rt.Notifier()
        self._quote_checker: rt.Worker | None = None
        self._session_state: SessionState = client._pipeline.session.state

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return self.state.phase is Phase.ENDED

    @property
    def stopping(self) -> bool:
        """Whether the program has closed the stream, or refers to it no more."""
        return self._stopping.is_set()

    def report_drifts(self, *, keep: bool = False) -> None:
        """Report fields of an unexpected type to the user.

        Args:
            keep: whether to raise nothing, even if Python's warning filters turn warnings into
                errors.
        """
        with self.lock:
            drifts = list(self.drifts)
            self.drifts.clear()
        self.client._pipeline.report(drifts, strict=False, keep=keep)

    def add_reader(self, reader: Reader) -> None:
        """Pass all later messages to a further reader, too."""
        with self.lock:
            self.state.message_buffer.add_reader(reader)

    # Methods that open the connection.

    async def open(self) -> None:
        """Connect for the first time and wait until the gateway is ready.

        Raises:
            SessionError: the gateway is not logged in.
            WsConnectFailed: this process has as many streams as a gateway serves, or the gateway
                refused the connection.
            WsError: the gateway was not ready in time.
        """
        limiter = self.client._pipeline.limiter
        if not limiter.admit(self):
            raise WsConnectFailed(
                f"this process has {MAX_STREAMS} streams open to {self.client.gateway_root}, and "
                "the gateway serves no further one; close one, or use one of them for more topics"
            )
        try:
            socket, session = await self._dial()
            self._adopt(socket, session)
            await self._until_ready(socket)
        except BaseException:
            await self.aclose()
            raise
        self._worker = rt.Worker(self._run, "bezant-stream")

    async def _dial(self) -> tuple[rt.WebSocket, Secret]:
        client = self.client
        tickle = await client.tickle()
        if tickle.status is not None:
            error = error_for(tickle.status, TICKLE.operation)
            if error is not None and not tickle.status.ready:
                error.login_url = client.gateway_root
                raise error
        session = Secret(tickle.session or "")
        settings = client._settings
        timeout = min(settings.connect_timeout + _HTTP_AND_HANDSHAKE, settings.timeout)
        headers = await client._pipeline.handshake_headers(session, settings, timeout)
        _logger.debug("connecting to %s", settings.base_url.ws_url)
        return await rt.WebSocket.connect(settings, headers, timeout), session

    def _adopt(self, socket: rt.WebSocket, session: Secret) -> bool:
        with self.lock:
            if self._stopping.is_set():
                return False
            self._socket = socket
            self.state.opened(session.value, rt.monotonic(), rt.wall_time())
        return True

    async def _until_ready(self, socket: rt.WebSocket) -> None:
        timeout = self._timing.ready_timeout
        deadline = rt.monotonic() + timeout
        while self.state.phase is Phase.WAITING:
            left = max(deadline - rt.monotonic(), 0.001)
            try:
                batch = await socket.receive(left)
            except WsTimeout as error:
                raise WsTimeout(
                    f"the WebSocket opened, but no system message came within {timeout:g} s: "
                    "log in at the gateway, or close a stream if five are open already"
                ) from error
            except WsClosed as error:
                raise WsClosed(
                    f"the gateway was not ready on the new stream: {error.message}; connect again",
                    code=error.code,
                    reason=error.reason,
                ) from error
            self._take_in(batch)
            await self.flush()

    # Methods of the background worker.

    async def _run(self) -> None:
        try:
            while await self._step():
                self._pass_on()
        except Exception as error:
            _logger.exception("the stream failed with an unexpected error")
            self._end(
                WsError(f"the stream failed with {error!r}; report it and connect again"),
                str(error),
            )
        finally:
            if self._socket is not None:
                self._socket.abort()
            self.bell.ring()
            self._check_bell.ring()
            self._execution_bell.ring()
            self._quote_bell.ring()

    def _pass_on(self) -> None:
        """Wake readers, and if necessary the workers that call REST; report a new session."""
        state = self.state
        self.bell.ring()
        if state.order_check.changed:
            self._check_bell.ring()
        if state.execution_check.changed:
            self._execution_bell.ring()
        if state.silence.found:
            if self._quote_checker is None:
                self._quote_checker = rt.Worker(self._check_quotes, "bezant-quotes")
            self._quote_bell.ring()
        session, state.new_session = state.new_session, None
        if session is not None:
            _logger.warning(
                "the gateway has logged in again: the stream's socket now belongs to a new session"
            )
            self.client._pipeline.heard_session(session.value)

    async def _step(self) -> bool:
        """Do the next step; return False if the stream has ended."""
        phase = self.state.phase
        socket = self._socket
        try:
            if phase in (Phase.WAITING, Phase.READY):
                await self.flush()
        except WsError as error:
            self._lost(error)
            return True
        with self.lock:
            self._notice_session()
            wait = self.state.advance(rt.monotonic(), rt.wall_time())
            phase = self.state.phase
        if phase is Phase.ENDED:
            if self.close_reason is None and self.error is None and not self._stopping.is_set():
                self.error = WsTimeout(f"{self.state.end_reason}; connect again")
            return False
        if phase is Phase.CONNECTING:
            await self._connect_again()
        elif self.state.probe_due:
            await self._probe()
        elif phase is Phase.BACKOFF:
            await self._drop()
            return not await self._stopping.wait(wait)
        elif socket is not None:
            await self._read(socket, wait)
        return not self._stopping.is_set()

    def _notice_session(self) -> None:
        """Have the stream check its session if a call of the client has found that it is lost."""
        now = self.client._pipeline.session.state
        before, self._session_state = self._session_state, now
        if now is not before and now in _LOST:
            self.state.doubt_session("a call of the client says so")

    async def _read(self, socket: rt.WebSocket, wait: float) -> None:
        try:
            batch = await socket.receive(max(wait, 0.001))
        except WsTimeout:
            return
        except WsError as error:
            self._lost(error)
            return
        self._take_in(batch)

    def _take_in(self, batch: list[bytes]) -> None:
        with self.lock:
            self.state.take_in(batch, rt.monotonic())

    def _lost(self, error: WsError) -> None:
        if self._stopping.is_set():
            return
        _logger.info("%s", error)
        if not self._reconnect:
            if isinstance(error, WsClosed):
                self.close_reason = error
            elif isinstance(error, WsProtocolError):
                self.error = WsProtocolError(f"{error.message}; connect again")
        with self.lock:
            self.state.lost(error.message, rt.monotonic(), rt.wall_time())

    async def _drop(self) -> None:
        with self.lock:
            socket, self._socket = self._socket, None
        if socket is not None:
            _logger.warning("the stream lost its connection and is reconnecting")
            socket.abort()
            await socket.aclose()
            # A reader may be waiting while the buffer has messages from before the connection
            # ended.
            self.bell.ring()

    async def _connect_again(self) -> None:
        session = False
        stale: StaleReason = "connection lost"
        try:
            socket, token = await self._dial()
        except (ClientClosed, WrongContext) as error:
            self._end(None, str(error))
            return
        except SessionError as error:
            session, stale, reason = True, reason_of(error), error.message
        except BezantError as error:
            reason = error.message
        else:
            if not self._adopt(socket, token):
                await socket.aclose()
            return
        _logger.info("the stream cannot reconnect yet: %s", reason)
        with self.lock:
            self.state.lost(reason, rt.monotonic(), rt.wall_time(), session=session, stale=stale)
        self.bell.ring()

    async def _probe(self) -> None:
        """Check with a tickle that the gateway still responds and that its session can be used.

        Two things can look like a lost session. If no ``system`` message has come yet, the gateway
        may be waiting for another stream to end. Later, the gateway may report the end of a session
        that still exists.
        """
        session: Secret | None = None
        reason = "the gateway is no longer logged in"
        stale: StaleReason = "connection lost"
        try:
            tickle = await self.client.tickle()
        except BezantError as error:
            reason = error.message
            if isinstance(error, SessionError):
                stale = reason_of(error)
        else:
            lost = None if tickle.status is None else error_for(tickle.status, TICKLE.operation)
            if lost is not None:
                stale = reason_of(lost)
            else:
                session = Secret(tickle.session or "")
                if self.state.phase is Phase.READY:
                    _logger.info("a tickle says that the session of the stream can be used")
                else:
                    _logger.warning(
                        "the gateway has sent no system message for %.0f s; it may have five "
                        "WebSockets open already, so this stream waits: close another stream",
                        rt.monotonic() - self.state.last_heard,
                    )
        with self.lock:
            token = None if session is None else session.value
            self.state.probed(token, reason, rt.monotonic(), rt.wall_time(), stale=stale)
        self.bell.ring()

    def _end(self, error: WsError | None, reason: str) -> None:
        self.error = error
        if self.close_reason is None:
            self.close_reason = WsClosed(reason)
        with self.lock:
            self.state.end(reason, rt.monotonic())

    # Methods that check the orders over REST.

    def check_orders(self) -> None:
        """If orders are missing on the stream, start the worker that requests them over REST."""
        with self.lock:
            if self._checker is None and not self.ended:
                self._checker = rt.Worker(self._check_orders, "bezant-orders")
        self._check_bell.ring()

    async def _check_orders(self) -> None:
        while not self.ended:
            heard = self._check_bell.count
            with self.lock:
                step = self.state.order_check.next(rt.monotonic())
            self.bell.ring()  # wakes readers, because the orders may be known now
            if not isinstance(step, OrderRequest):
                await self._check_bell.wait(heard, step)
            elif not await self._request_orders(step):
                return

    async def _request_orders(self, request: OrderRequest) -> bool:
        """Request the list of orders or one order's status; return False if that is impossible.

        That is impossible if the client is closed, or belongs to another process or event loop.
        """
        check = self.state.order_check
        try:
            if request.order_id is None:
                orders = await self._order_list()
                with self.lock:
                    self.state.take_order_list(request, orders, rt.monotonic())
            else:
                status = await self._order_status(request.order_id)
                with self.lock:
                    self.state.take_order_status(request, status, rt.monotonic())
        except (ClientClosed, WrongContext):
            return False
        except Exception as error:  # noqa: BLE001 - logged, and the request is repeated
            pause = self._pause_after(error, "orders")
            with self.lock:
                check.failed(request, rt.monotonic(), at_least=pause)
        for order_id in check.take_lost():
            _logger.warning(
                "order %d was working before the stream was interrupted, and its status is unknown "
                "now: look for it in client.trades()",
                order_id,
            )
        return True

    # Methods that check the executions over REST.

    def check_executions(self) -> None:
        """If executions are missing on the stream, start a worker that requests them over REST."""
        with self.lock:
            if self._execution_checker is None and not self.ended:
                self._execution_checker = rt.Worker(self._check_executions, "bezant-executions")
        self._execution_bell.ring()

    async def _check_executions(self) -> None:
        while not self.ended:
            heard = self._execution_bell.count
            with self.lock:
                step = self.state.next_execution_request(rt.monotonic())
            if not isinstance(step, ExecutionRequest):
                await self._execution_bell.wait(heard, step)
            elif not await self._request_executions(step):
                return

    async def _request_executions(self, request: ExecutionRequest) -> bool:
        """Request the executions; return False if that is impossible.

        That is impossible if the client is closed, or belongs to another process or event loop.
        """
        try:
            trades = await self.client.trades(DAYS)
            with self.lock:
                self.state.take_executions(request, trades, rt.monotonic())
        except (ClientClosed, WrongContext):
            return False
        except Exception as error:  # noqa: BLE001 - logged, and the request is repeated
            pause = self._pause_after(error, "executions")
            with self.lock:
                self.state.execution_check.failed(request, rt.monotonic(), at_least=pause)
        self.bell.ring()
        return True

    # Methods that compare silent contracts with snapshots.

    async def _check_quotes(self) -> None:
        while not self.ended:
            heard = self._quote_bell.count
            with self.lock:
                silent = self.state.silence.take()
            if not silent:
                await self._quote_bell.wait(heard, None)
            elif not await self._compare(silent):
                return

    async def _compare(self, silent: list[SilentQuote]) -> bool:
        """Request snapshots of silent contracts; return False if that is impossible.

        That is impossible if the client is closed, or belongs to another process or event loop.
        """
        rows: dict[str, Mapping[str, Any]] = {}
        try:
            # The gateway keeps one set of fields for a contract. A request for other fields than
            # those of the stream would change the set.
            for fields in {each.fields for each in silent}:
                contracts = [each.live.conid_ex for each in silent if each.fields == fields]
                rows.update(await self._snapshots(contracts, fields))
        except (ClientClosed, WrongContext):
            return False
        except Exception as error:  # noqa: BLE001 - logged, and the contracts are checked again
            self._pause_after(error, "snapshots of silent contracts")
        with self.lock:
            self.state.compare_silent(silent, rows, rt.monotonic())
        self.bell.ring()
        return True

    async def _snapshots(
        self, contracts: Iterable[str], fields: Iterable[str]
    ) -> dict[str, Mapping[str, Any]]:
        quotes = Quotes(contracts, MarketDataFields(fields))
        for batch in quotes.batches():
            found = await self.client._pipeline.call(
                GET_MD_SNAPSHOT.operation,
                list[object],
                self.client._settings,
                params={"conids": batch, "fields": quotes.codes},
            )
            quotes.add(batch, found)
        return {contract: found.raw for contract, found in quotes.found().items()}

    def _pause_after(self, error: Exception, what: str) -> float:
        """Log a failed request; return how many seconds to wait before sending it again."""
        if isinstance(error, BezantError):
            _logger.info("the %s cannot be requested yet: %s", what, error)
        else:
            text = "the request for %s failed with an unexpected error"
            _logger.error(text, what, exc_info=error)
        pause = error.retry_after if isinstance(error, PacingError) else 0.0
        return max(pause, self.client.penalty_left)

    async def _order_list(self) -> list[LiveOrder]:
        try:
            return await self.client.orders()
        except IncompleteList as error:
            # The error is not raised, because the worker then requests the status of each missing
            # order by its id.
            _logger.info("%s", error)
            return []

    async def _order_status(self, order_id: int) -> OrderStatus | None:
        """Return an order's status; None if the gateway does not know it."""
        # The request is not retried, because the gateway takes 5 seconds for an order that it does
        # not know.
        client = self.client.with_options(retries=0)
        try:
            return await client.api.orders.get_order_status(order_id=order_id)
        except RateLimited:
            raise
        except (ApiError, DecodeError) as error:
            _logger.info("%s", error)
            return None

    # Methods for commands and messages.

    async def flush(self) -> None:
        """Send the commands that are due, in order.

        Raises:
            WsError: a command cannot be sent.
        """
        async with self._send_lock:
            while True:
                with self.lock:
                    command = self.state.next_outgoing(rt.monotonic())
                    socket = self._socket
                if command is None or socket is None:
                    return
                await socket.send(command)

    def abandon(self) -> None:
        """End the stream without waiting. You may call this method from any thread."""
        self._stopping.set()
        if self._socket is not None:
            self._socket.abort()
        for worker in self._workers():
            worker.abandon()

    async def aclose(self) -> None:
        """End the worker and close the socket."""
        self._stopping.set()
        with self.lock:
            self.state.end("it was closed", rt.monotonic())
            socket = self._socket
        self.bell.ring()
        self._check_bell.ring()
        self._execution_bell.ring()
        self._quote_bell.ring()
        try:
            if socket is not None:
                await socket.aclose()
        finally:
            for worker in self._workers():
                await worker.stop()

    def _workers(self) -> list[rt.Worker]:
        all_workers = (self._worker, self._checker, self._execution_checker, self._quote_checker)
        return [worker for worker in all_workers if worker is not None]
