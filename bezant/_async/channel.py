"""The way to the gateway that a client and its copies share."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Container, Mapping
from typing import Any, Protocol, TypeVar

from msgspec import UNSET

from .._core import retry
from .._core.answers import read
from .._core.cookies import CookieJar
from .._core.decode import Drift
from .._core.effects import Questions, broken_off
from .._core.evidence import Evidence, no_accounts
from .._core.failures import transport_error
from .._core.health import SESSION_PATHS
from .._core.positions import ACCOUNTS
from .._core.primed import Primed
from .._core.requests import build
from .._core.session import SessionChange, SessionMachine
from .._core.settings import Settings
from .._core.wire import Answer, Operation, Request, TransportTrouble
from .._runtime import _async as rt
from ..errors import (
    BezantError,
    ClientClosed,
    DecodeError,
    DriftWarning,
    IncompleteList,
    NotAuthenticated,
    OutcomeUnknown,
    SessionError,
)
from ..models._session import AuthStatus, Tickle
from .flight import AsyncSingleFlight
from .turn import AsyncTurn, AsyncTurnGuard

T = TypeVar("T")

_logger = logging.getLogger("bezant.http")


class AsyncStoppable(Protocol):
    """Something that ends with the client."""

    async def stop(self) -> None:
        """End it."""


class AsyncChannel:
    """Connections, cookies, and what is known about the session."""

    def __init__(
        self,
        settings: Settings,
        on_drift: Callable[[Drift], object] | None,
        transport: object = None,
    ) -> None:
        rt.HttpTransport.check_custom(transport)
        self.settings = settings
        self.owner: rt.Owner = rt.Owner()
        self.closed: bool = False
        self.gate: rt.Gate = rt.gate_for(settings.base_url.gateway_key)
        self.ledger: rt.Ledger | None = None
        if settings.pacing_store is not None:
            self.ledger = rt.Ledger(settings.pacing_store)
        self.workers: list[AsyncStoppable] = []
        self._lock = rt.StateLock()
        self._transport: rt.HttpTransport | None = None
        self._custom_transport = transport
        self._cookies = CookieJar()
        self._on_drift = on_drift
        self._drifts: set[Drift] = set()
        self.session: SessionMachine = SessionMachine()
        self.session_listeners: list[Callable[[SessionChange], object]] = []
        self.initializing: AsyncSingleFlight[AuthStatus] = AsyncSingleFlight()
        self._primed = Primed()
        self._priming: AsyncSingleFlight[None] = AsyncSingleFlight()
        self._questions = Questions()
        self.evidence: Evidence = Evidence()

    @property
    def opened(self) -> bool:
        """Whether there is something to close."""
        return self._transport is not None and not self.closed and not self.owner.inherited

    def check(self) -> None:
        """Refuse to go on where the client cannot be used.

        Raises:
            ClientClosed: it was closed.
            WrongContext: it belongs to another process or event loop.
        """
        if self.closed:
            raise ClientClosed("this client was closed; make another one")
        self.owner.check()

    def _open_transport(self) -> rt.HttpTransport:
        if self._transport is None:
            with self._lock:
                if self._transport is None:
                    self._transport = rt.HttpTransport(self.settings, self._custom_transport)
        return self._transport

    async def call(
        self,
        operation: Operation,
        type_: type[T],
        settings: Settings,
        *,
        path: str | None = None,
        params: Mapping[str, object] | None = None,
        json: object = UNSET,
    ) -> T:
        """Make a call and read its answer.

        What has to be asked first in a session is asked first, the call waits for its turn, and
        one without an effect is made again when it fails in passing.

        Raises:
            BezantError: the kind that says what went wrong.
        """
        self.check()
        request = build(
            operation,
            settings,
            path=operation.path if path is None else path,
            params=params,
            json=json,
            cookies=self._cookies.header(),
        )
        self._primed.begin(rt.monotonic())
        await self._prime(retry.prerequisite(operation), settings)
        deadline: float | None = None
        attempt = 0
        going = False
        while True:
            attempt += 1
            try:
                turn = AsyncTurn(self.gate, operation, settings, self.ledger)
                async with AsyncTurnGuard(turn), turn:
                    now = rt.monotonic()
                    # Waiting for a turn does not count; pauses between attempts do.
                    deadline = now + settings.timeout if deadline is None else deadline
                    going = True
                    answer = await self._send(request, settings, deadline - now)
                    if 200 <= answer.status < 300:
                        with self._lock:
                            self.evidence.answered(request, answer.body, rt.wall_time())
                    result = self._read(answer, operation, type_, settings)
                    if not operation.idempotent:
                        with self._lock:
                            self._questions.answered(request, result)
                    return result
            except BezantError as error:
                error.attempts = attempt
                if isinstance(error, OutcomeUnknown):
                    error.target = request.target
                    error.client_order_ids = self._questions.names(request)
                again = await self._may_go_on(error, operation, settings)
                if not again or deadline is None:
                    raise
                pause = retry.pause(attempt, rt.chance())
                if attempt > settings.retries or rt.monotonic() + pause >= deadline:
                    raise
                _logger.info("%s; attempt %d follows in %.2f s", error, attempt + 1, pause)
            except BaseException as error:
                # An interrupt or a cancelled task; also one that comes when the answer has come.
                if going and not operation.idempotent:
                    note = broken_off(operation, self._questions.names(request))
                    error.add_note(note)
                    _logger.warning("%s", note)
                raise
            await rt.sleep(pause)

    async def _may_go_on(
        self, error: BezantError, operation: Operation, settings: Settings
    ) -> bool:
        """Draw the consequences of an error, and say whether the call may be made again."""
        about = operation.path in SESSION_PATHS
        self._tell(self.session.failed(error, rt.wall_time(), about_session=about))
        if isinstance(error, SessionError):
            self._primed.clear()
            error.login_url = settings.base_url.root
        if not retry.may_repeat(error, operation):
            return False
        if retry.asks_for_accounts(error) and operation != retry.TRADING_ACCOUNTS:
            self._primed.refused(retry.TRADING_ACCOUNTS.path)
            await self._prime(retry.TRADING_ACCOUNTS, settings)
        return True

    async def _prime(self, operation: Operation | None, settings: Settings) -> None:
        """Make a call that others need first, unless this session has seen it."""
        if operation is None or self._primed.has(operation.path):
            return
        first = operation

        async def ask() -> None:
            if not self._primed.has(first.path):
                await self.call(first, type(None), settings)

        await self._priming.run(first.path, ask)

    async def require_accounts(self, operation: Operation, settings: Settings) -> tuple[str, ...]:
        """Ask once more for accounts that were not named, and return their ids.

        Raises:
            NoAccounts: the gateway names none, so the session is not ready.
        """
        self._primed.refused(operation.path)
        await self.call(operation, type(None), settings)
        found = self.evidence.accounts(operation)
        if found:
            return found
        self._primed.refused(operation.path)
        raise no_accounts(operation)

    async def was_not_ready(self, operation: Operation, settings: Settings) -> bool:
        """Say whether an empty response came from a session that named no account, and now does.

        Raises:
            NoAccounts: it still does not: the response says nothing.
        """
        if not operation.idempotent or retry.prerequisite(operation) != ACCOUNTS:
            return False
        if self.evidence.accounts(ACCOUNTS) != ():
            return False
        await self.require_accounts(ACCOUNTS, settings)
        return True

    async def trading_accounts(self, settings: Settings) -> tuple[str, ...]:
        """Return the ids of the accounts that this session trades for; none where not known."""
        self.check()
        self._primed.begin(rt.monotonic())
        await self._prime(retry.TRADING_ACCOUNTS, settings)
        return self.evidence.accounts(retry.TRADING_ACCOUNTS) or ()

    def lacks_orders(self, account: str | None, listed: Container[object]) -> IncompleteList | None:
        """Return the error for a list without working orders that this client contradicts."""
        with self._lock:
            return self.evidence.lacks_orders(account, listed, rt.wall_time())

    def lacks_executions(self, account: str | None, days: int) -> IncompleteList | None:
        """Return the error for an empty list of executions that this client contradicts."""
        with self._lock:
            return self.evidence.lacks_executions(account, days, rt.wall_time())

    def streamed(self, row: Mapping[str, Any]) -> None:
        """Take a stream's row about an order or an execution."""
        with self._lock:
            self.evidence.streamed(row, rt.wall_time())

    async def _send(self, request: Request, settings: Settings, seconds: float) -> Answer:
        self.check()  # it may have been closed while this call waited for its turn
        started = rt.monotonic()
        operation = request.operation
        try:
            answer = await self._open_transport().send(request, settings, seconds)
        except TransportTrouble as trouble:
            error = transport_error(
                trouble, operation, where=settings.base_url.root, timeout=settings.timeout
            )
            _logger.debug("%s", error)
            raise error from error.__cause__ or trouble.__cause__
        if _logger.isEnabledFor(logging.DEBUG):
            spent = (rt.monotonic() - started) * 1000
            _logger.debug("%s: HTTP %d in %.1f ms", operation.name, answer.status, spent)
        return answer

    def _read(self, answer: Answer, operation: Operation, type_: type[T], settings: Settings) -> T:
        for cookie in answer.set_cookies:
            self._cookies.store(cookie)
        drifts: list[Drift] = []
        result = read(answer, operation, type_, drifts.append)
        self._primed.answered(operation.path, rt.monotonic())
        if isinstance(result, AuthStatus):
            self._tell(self.session.answered(result, rt.wall_time()))
        elif isinstance(result, Tickle):
            self._primed.tickled(result.session or None)
            self._tell(self.session.tickled(result, rt.wall_time()))
        if drifts:
            # The answer of a call with an effect is never lost for it.
            keep = not operation.idempotent
            self.report(drifts, strict=settings.strict and not keep, keep=keep)
        return result

    def _tell(self, change: SessionChange | None) -> None:
        if change is None:
            return
        if change.is_loss or change.is_gain:
            self._primed.clear()
        if change.is_loss:
            _logger.warning("session %s: %s", change.after.value, change.error)
        else:
            _logger.info("session %s", change.after.value)
        for listener in list(self.session_listeners):
            try:
                listener(change)
            except Exception:
                _logger.exception("a listener to session changes failed")

    def cannot_open(self, error: NotAuthenticated) -> None:
        """Take it that the brokerage session could not be opened."""
        self._tell(self.session.cannot_open(error, rt.wall_time()))

    def is_new(self, operation: Operation, account: str = "") -> bool:
        """Say whether this session has not seen a call that lists need to be begun with.

        Args:
            operation: the call.
            account: whose list it is, where the call names an account.
        """
        self._primed.begin(rt.monotonic())
        return not self._primed.has(operation.path + account)

    def started(self, operation: Operation, account: str = "") -> None:
        """Note that such a call was answered."""
        self._primed.started(operation.path + account)

    @property
    def knows_session(self) -> bool:
        """Whether a tickle has told which session it is."""
        return self._primed.knows_session

    @property
    def session_token(self) -> str:
        """The token of the session of the last tickle; empty before the first."""
        return self._primed.token

    def heard_session(self, token: str) -> None:
        """Note the token of the session that a stream's socket belongs to."""
        self._primed.tickled(token)

    def forget_session(self) -> None:
        """Ask again for what has to be asked first: the session is a new one."""
        self._primed.clear()

    def report(self, drifts: list[Drift], *, strict: bool, keep: bool = False) -> None:
        """Tell the user of fields that had another type than the model says, once for each.

        Args:
            drifts: what was found.
            strict: raise instead.
            keep: raise nothing, not even where the user makes errors of warnings.

        Raises:
            DecodeError: the client is strict.
        """
        if strict:
            text = "; ".join(map(str, dict.fromkeys(drifts)))
            raise DecodeError(text, operation=drifts[0].operation)
        for drift in drifts:
            if drift in self._drifts:
                continue
            self._drifts.add(drift)
            if self._on_drift is not None:
                try:
                    self._on_drift(drift)
                except Exception:
                    _logger.exception("on_drift failed")
                continue
            try:
                warnings.warn(str(drift), DriftWarning, stacklevel=4)
            except DriftWarning:
                if not keep:
                    raise
                _logger.warning("%s", drift)

    async def aclose(self) -> None:
        """Close every connection, and end what works beside the client."""
        if self.closed:
            return
        self.closed = True
        if self.owner.inherited:
            return
        # A cancellation or an interrupt of one step must not keep the others from closing.
        interrupted: BaseException | None = None
        closing = [worker.stop for worker in reversed(self.workers)]
        self.workers.clear()
        if self._transport is not None:
            closing.append(self._transport.aclose)
        if self.ledger is not None:
            closing.append(self.ledger.aclose)
        for close in closing:
            try:
                await close()
            except BaseException as error:  # noqa: BLE001 - raised at the end
                interrupted = interrupted or error
        if interrupted is not None:
            raise interrupted
