"""`AsyncPipeline`: sends requests, and holds the state shared by a client and its copies."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Container, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from ..._core.http import retry
from ..._core.http.cookies import CookieJar
from ..._core.http.error_mapping import did_nothing, transport_error
from ..._core.http.messages import Request, Response, TransportError
from ..._core.http.operation import Operation, OrderCall
from ..._core.http.request import build, with_credentials
from ..._core.http.response import read
from ..._core.http.unknown_outcome import (
    AskedOrders,
    broken_off,
    failed_reply,
    is_decline,
)
from ..._core.pacing import order_turns
from ..._core.pacing.order_turns import waits_for_questions
from ..._core.session import prerequisites
from ..._core.session.evidence import Evidence, no_accounts
from ..._core.session.prerequisites import ACCOUNTS, Prerequisites
from ..._core.session.state import SessionChange, SessionMachine
from ..._core.settings.connection import Credentials
from ..._core.settings.settings import Settings
from ..._runtime import _async as rt
from ..._wire.redaction import Secret
from ...errors import (
    BezantError,
    ClientClosed,
    DecodeError,
    DriftWarning,
    HttpTimeout,
    IncompleteList,
    NotAuthenticated,
    OAuthRequired,
    OutcomeUnknown,
    PrerequisiteFailed,
    Refused,
    SessionError,
)
from ...models._session import AuthStatus, Tickle
from .account_gate import AsyncAccountGate
from .permit import AsyncPermit, AsyncPermitGuard
from .single_flight import AsyncSingleFlight

if TYPE_CHECKING:
    from ..._core.decoding.drift import Drift
    from ..._core.http.captured import CapturedResponses
    from .order_turn import AsyncOrderTurn

T = TypeVar("T")

_logger = logging.getLogger("bezant.http")

# Calls with an unknown outcome, collected for one item of bulk work; None outside of bulk work.
unknown_outcomes: Final[ContextVar[list[OutcomeUnknown] | None]] = ContextVar(
    "bezant_unknown_outcomes", default=None
)


class AsyncStoppable(Protocol):
    """Worker that the client stops when it is closed."""

    async def stop(self) -> None:
        """Stop the worker."""


class AsyncPipeline:
    """Makes calls; holds the connections, cookies and session state of a client and its copies."""

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
        self.limiter: rt.ProcessRateLimiter = rt.limiter_for(settings.base_url.gateway_key)
        self.limit_store: rt.SharedLimitStore | None = None
        if settings.pacing_store is not None:
            self.limit_store = rt.SharedLimitStore(settings.pacing_store)
        self.workers: list[AsyncStoppable] = []
        self._lock = rt.StateLock()
        self._transport: rt.HttpTransport | None = None
        self._custom_transport = transport
        self._cookies = CookieJar()
        # The captures of `capture_responses` whose ``with`` blocks have not ended.
        self.captures: set[CapturedResponses] = set()
        self._on_drift = on_drift
        self._drifts: set[Drift] = set()
        self.session: SessionMachine = SessionMachine()
        self.session_listeners: list[Callable[[SessionChange], object]] = []
        self.initializing: AsyncSingleFlight[AuthStatus] = AsyncSingleFlight()
        self._prerequisites = Prerequisites()
        self._priming: AsyncSingleFlight[None] = AsyncSingleFlight()
        self._questions = AskedOrders()
        self.evidence: Evidence = Evidence()
        # Key: an account id in upper case.
        self.account_gates: dict[str, AsyncAccountGate] = {}
        self.order_turns: rt.OrderTurns = rt.order_turns_for(settings.base_url.gateway_key)

    @property
    def opened(self) -> bool:
        """Whether the pipeline has opened anything that has to be closed."""
        return self._transport is not None and not self.closed and not self.owner.inherited

    def check(self) -> None:
        """Check that the client can be used.

        Raises:
            ClientClosed: the client was closed.
            WrongContext: the client belongs to another process or event loop.
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
        json: object = None,
        hold: float | None = None,
    ) -> T:
        """Make a call and return its response as a value of a type.

        The pipeline first sends the calls that the gateway requires before this one (the
        prerequisites), once per session. It waits until no other order of the account is in
        progress (the order turn) and until the rate limits allow the call. It retries an idempotent
        call after a transient failure.

        Args:
            operation: the operation.
            type_: type into which the response is read.
            settings: settings of the call.
            path: path of the request, with values in place of parameters; None for the operation's
                own path.
            params: query parameters of the request; None for no query.
            json: the body of the request; None for no body.
            hold: maximum seconds for which the call waits while IBKR's questions about other orders
                are open; None for the default.

        Raises:
            OAuthRequired: the gateway does not serve the operation.
            BezantError: the call failed; the error's class says how.
        """
        self.check()
        if operation.needs_oauth:
            self._check_oauth(operation)
        request = build(
            operation,
            settings,
            path=operation.path if path is None else path,
            params=params,
            json=json,
            cookies=self._cookies.header(),
        )
        kind = operation.order
        if kind is OrderCall.PLACE or kind is OrderCall.REPLY:
            from .order_turn import AsyncOrderTurn, AsyncOrderTurnGuard

            names = self._questions.names(request)
            turn = AsyncOrderTurn(
                self.order_turns, request, settings, kind, names, self.limit_store
            )
            async with AsyncOrderTurnGuard(turn), turn:
                return await self._attempts(request, kind, type_, settings, turn=turn)
        if not waits_for_questions(operation):
            hold = 0.0
        elif hold is None:
            hold = order_turns.READS_WAIT
        if hold and self.order_turns.questions:
            from .order_turn import hold_back

            hold = await hold_back(self.order_turns, hold)
        return await self._attempts(request, kind, type_, settings, hold=hold)

    def _check_oauth(self, operation: Operation) -> None:
        """Raise `OAuthRequired` if the operation needs OAuth: a gateway does not forward it.

        If the user passed a transport, nothing is raised, because the transport may lead to another
        server than a gateway.
        """
        if self._custom_transport is None and self.settings.base_url.is_gateway:
            raise OAuthRequired(
                "this operation needs OAuth and cannot pass the gateway; nothing was sent; use a "
                "client with base_url='https://api.ibkr.com/v1/api' and an auth function that "
                "returns your OAuth headers",
                operation=operation.name,
            )

    async def _attempts(
        self,
        request: Request,
        kind: OrderCall | None,
        type_: type[T],
        settings: Settings,
        *,
        deadline: float | None = None,
        turn: AsyncOrderTurn | None = None,
        hold: float = 0.0,
    ) -> T:
        """Send a request, retry it if that is safe, and return its response.

        Args:
            request: the request.
            kind: what the request does with an order, such as placing it; None if the request is
                not about an order.
            type_: type into which the response is read.
            settings: settings of the call.
            deadline: time when the call has to end; None to start the timeout when the request
                is sent.
            turn: the call's right to be the account's only order in progress; None if the call
                needs no such right.
            hold: seconds for which the call may wait while IBKR's questions about orders of other
                processes are open.
        """
        operation = request.operation
        began = rt.monotonic()
        self._prerequisites.begin(began)
        await self._prime(self._prerequisites.needed(operation), settings, kind, hold)
        hold = max(began + hold - rt.monotonic(), 0.0)
        attempt = 0
        asked = False
        going = False
        while True:
            attempt += 1
            answer: Response | None = None
            try:
                permit = AsyncPermit(
                    self.limiter, operation, settings, self.limit_store, self.order_turns, hold
                )
                async with AsyncPermitGuard(permit), permit:
                    hold = 0.0
                    now = rt.monotonic()
                    # The timeout includes the pauses between attempts, but not the wait until the
                    # rate limits allow the first attempt, so it begins here.
                    deadline = now + settings.timeout if deadline is None else deadline
                    if settings.credentials is not None:
                        request = await self._with_credentials(
                            request, settings.credentials, deadline - now
                        )
                        now = rt.monotonic()
                    going = True
                    if turn is not None:
                        await turn.sending()
                    if operation.lines:
                        self.limiter.lines_sent(request)
                    answer = await self._send(request, settings, deadline - now)
                    if operation.lines:
                        self.limiter.lines_answered(request, answer.status)
                    if 200 <= answer.status < 300:
                        with self._lock:
                            self.evidence.answered(request, answer.body, rt.wall_time())
                    result = self._read(answer, request, type_, settings)
                    if turn is not None:
                        turn.answered(answer.body)
                    if not operation.idempotent:
                        with self._lock:
                            self._questions.answered(request, result)
                    return result
            except BezantError as error:
                going = False
                error.attempts = attempt
                self._conclude(error, operation, settings)
                untouched = answer is not None and did_nothing(answer)
                if kind is OrderCall.REPLY:
                    failed = failed_reply(error, untouched=untouched)
                    if failed is not None:
                        failed.attempts = attempt
                        if turn is not None:
                            turn.failed(failed, untouched=untouched)
                        raise self._named(failed, request) from error
                if turn is not None:
                    turn.failed(error, untouched=untouched)
                if isinstance(error, OutcomeUnknown):
                    self._named(error, request)
                if deadline is None:
                    raise
                if untouched and kind in retry.SENT_AGAIN and not asked:
                    # The response proves that the gateway did nothing. Only in this case is a call
                    # with side effects sent a second time.
                    asked = True
                    _logger.warning(
                        "%s; requesting the accounts, then sending the call once more", error
                    )
                    settings = await self._ask_accounts(error, settings, deadline)
                    continue
                pause = retry.BACKOFF.delay(attempt, rt.chance())
                if (
                    not retry.may_repeat(error, operation)
                    or attempt > settings.retries
                    or rt.monotonic() + pause >= deadline
                ):
                    raise
                if retry.asks_for_accounts(error) and operation != prerequisites.TRADING_ACCOUNTS:
                    await self._prime(prerequisites.TRADING_ACCOUNTS, settings, hold=hold)
                    await self._prime(self._prerequisites.needed(operation), settings, hold=hold)
                _logger.info("%s; sending attempt %d in %.2f s", error, attempt + 1, pause)
            except BaseException as error:
                # This clause handles interrupts and cancellations. They may also come just after
                # the response.
                if going and not operation.idempotent:
                    unknown = broken_off(operation)
                    self._named(unknown, request)
                    error.add_note(str(unknown))
                    _logger.warning("%s", unknown)
                raise
            await rt.sleep(pause)

    def _named(self, error: OutcomeUnknown, request: Request) -> OutcomeUnknown:
        """Add the call and the affected orders to an error; return the error."""
        error.target = request.target
        error.client_order_ids = self._questions.names(request)
        noted = unknown_outcomes.get()
        if noted is not None:
            noted.append(error)
        return error

    def _conclude(self, error: BezantError, operation: Operation, settings: Settings) -> None:
        """Record what a call's error tells about the session and about its prerequisite calls."""
        about = operation.about_session == "state"
        self._tell(self.session.failed(error, rt.wall_time(), about_session=about))
        if isinstance(error, SessionError):
            self._prerequisites.clear()
            error.login_url = settings.base_url.root
        if retry.asks_for_accounts(error):
            self._prerequisites.refused()

    async def _ask_accounts(
        self, refusal: BezantError, settings: Settings, deadline: float
    ) -> Settings:
        """Request the accounts, because the gateway refused an order or cancel that came before.

        The method sends its own request even if another call is requesting the accounts at the same
        time. The timeout of the order or cancel includes this request.

        Returns:
            The settings for sending the order or cancel once more.

        Raises:
            PrerequisiteFailed: the request failed, so nothing was placed, changed or cancelled.
        """
        try:
            left = deadline - rt.monotonic()
            if left > 0:
                hurried = settings.with_changes({"max_wait": min(settings.max_wait, left)})
                request = build(
                    prerequisites.TRADING_ACCOUNTS,
                    settings,
                    path=prerequisites.TRADING_ACCOUNTS.path,
                    cookies=self._cookies.header(),
                )
                await self._attempts(request, None, type(None), hurried, deadline=deadline)
                left = deadline - rt.monotonic()
            if left <= 0:
                raise HttpTimeout(
                    f"the timeout of the call ({settings.timeout:g} s) has passed; raise timeout",
                    operation=prerequisites.TRADING_ACCOUNTS.name,
                )
        except BezantError as failure:
            raise self._unprepared(refusal.operation, failure) from failure
        return settings.with_changes({"max_wait": min(settings.max_wait, left)})

    def _unprepared(self, operation: str | None, failure: BezantError) -> PrerequisiteFailed:
        return PrerequisiteFailed(
            f"nothing was placed, changed or cancelled: IBKR wants "
            f"{prerequisites.TRADING_ACCOUNTS.name} first, and that failed ({failure}); "
            "send the order, cancel or reply again",
            operation=operation,
        )

    async def _prime(
        self,
        operation: Operation | None,
        settings: Settings,
        kind: OrderCall | None = None,
        hold: float | None = None,
    ) -> None:
        """Send a prerequisite of a call, unless this session has already had a response to it.

        Args:
            operation: the prerequisite; None if the call has no prerequisite.
            settings: settings of the call that needs the prerequisite.
            kind: what that call does with an order, such as placing it; None if the call is not
                about an order.
            hold: seconds for which the prerequisite may wait while IBKR's questions about orders
                are open; None for the usual time.

        Raises:
            PrerequisiteFailed: the prerequisite failed, and the call that needs it is a reply to an
                order question. For other calls, the prerequisite's own error is raised.
        """
        if operation is None or self._prerequisites.has(operation.path):
            return
        first = operation

        async def ask() -> None:
            if not self._prerequisites.has(first.path):
                await self.call(first, type(None), settings, hold=hold)

        try:
            # The key contains `hold`: a read may be held back, and an order that needs the same
            # prerequisite must not wait for the read's.
            await self._priming.run((first.path, hold == 0), ask)
        except BezantError as failure:
            if kind is OrderCall.REPLY:
                raise self._unprepared(None, failure) from failure
            raise

    async def require_accounts(self, operation: Operation, settings: Settings) -> tuple[str, ...]:
        """Request a list of accounts once more after it was empty, and return their ids.

        Raises:
            NoAccounts: the list is empty again, so the session is not ready.
        """
        self._prerequisites.forget(operation.path)
        await self.call(operation, type(None), settings)
        found = self.evidence.accounts(operation)
        if found:
            return found
        self._prerequisites.forget(operation.path)
        raise no_accounts(operation)

    async def was_not_ready(self, operation: Operation, settings: Settings) -> bool:
        """Return whether an operation's empty response came only because no account was listed yet.

        Raises:
            NoAccounts: the gateway still lists no account, so the empty response proves nothing.
        """
        if not operation.idempotent or prerequisites.prerequisite(operation) != ACCOUNTS:
            return False
        if self.evidence.accounts(ACCOUNTS) != ():
            return False
        await self.require_accounts(ACCOUNTS, settings)
        return True

    async def trading_accounts(self, settings: Settings) -> tuple[str, ...]:
        """Return the ids of the accounts that this session can trade; empty if unknown."""
        self.check()
        self._prerequisites.begin(rt.monotonic())
        await self._prime(prerequisites.TRADING_ACCOUNTS, settings)
        return self.evidence.accounts(prerequisites.TRADING_ACCOUNTS) or ()

    def lacks_orders(self, account: str | None, listed: Container[object]) -> IncompleteList | None:
        """Return an error if a list lacks open orders that this client knows of; else None."""
        with self._lock:
            return self.evidence.lacks_orders(account, listed, rt.wall_time())

    def lacks_executions(self, account: str | None, days: int) -> IncompleteList | None:
        """Return the error for an empty list of executions that lacks known ones; else None."""
        with self._lock:
            return self.evidence.lacks_executions(account, days, rt.wall_time())

    def streamed(self, row: Mapping[str, Any]) -> None:
        """Record a row about an order or an execution that a stream has received."""
        with self._lock:
            self.evidence.streamed(row, rt.wall_time())

    async def _with_credentials(
        self, request: Request, credentials: Credentials, seconds: float
    ) -> Request:
        from .credentials import headers_for

        name = request.operation.name
        return with_credentials(request, await headers_for(credentials, seconds, name))

    async def handshake_headers(
        self, session: Secret, settings: Settings, seconds: float
    ) -> list[tuple[str, str | Secret]]:
        """Return the headers to add to a WebSocket's handshake besides the protocol's own headers.

        They are the same that calls send: the cookies, and the headers for a proxy in front of the
        gateway.

        Args:
            session: the session's token.
            settings: settings of the stream's client.
            seconds: the longest time that the function passed as ``auth`` may take.

        Raises:
            CredentialsUnavailable: the function passed as ``auth`` raised an error.
            HttpTimeout: the function took too long.
            InvalidRequest: the function returned headers that cannot be sent.
        """
        headers: list[tuple[str, str | Secret]] = [("Origin", settings.base_url.root)]
        if cookies := self._cookies.header(session.value):
            headers.append(("Cookie", Secret(cookies)))
        if settings.credentials is not None:
            from .credentials import headers_for

            headers += await headers_for(settings.credentials, seconds)
        return headers

    async def _send(self, request: Request, settings: Settings, seconds: float) -> Response:
        self.check()  # the client may have been closed while this call waited for the rate limits
        started = rt.monotonic()
        operation = request.operation
        if seconds <= 0:
            raise HttpTimeout(
                f"the timeout ({settings.timeout:g} s) passed before the request was sent; "
                "raise timeout",
                operation=operation.name,
            )
        try:
            answer = await self._open_transport().send(request, settings, seconds)
        except TransportError as trouble:
            error = transport_error(
                trouble, operation, where=settings.base_url.root, timeout=settings.timeout
            )
            _logger.debug("%s", error)
            if not request.credentials:
                raise error from error.__cause__ or trouble.__cause__
        else:
            if _logger.isEnabledFor(logging.DEBUG):
                spent = (rt.monotonic() - started) * 1000
                _logger.debug("%s: HTTP %d in %.1f ms", operation.name, answer.status, spent)
            if self.captures:
                self._capture(request, answer)
            return answer
        # Raised without the original exception as its cause: that exception's traceback contains
        # the secret headers for a proxy in front of the gateway.
        raise error

    def _capture(self, request: Request, response: Response) -> None:
        from ..._core.http.captured import capturing

        with self._lock:
            for each in capturing.get():
                if each in self.captures:
                    each.add(request, response)

    def _read(self, answer: Response, request: Request, type_: type[T], settings: Settings) -> T:
        operation = request.operation
        for cookie in answer.set_cookies:
            self._cookies.store(cookie)
        drifts: list[Drift] = []
        try:
            result = read(answer, operation, type_, drifts.append)
        except BezantError as error:
            if request.credentials:
                from ..._core.settings.credentials import hide

                hide(error, request.credentials)
            if (
                not isinstance(error, Refused)
                or not is_decline(request, error)
                or operation.order is not OrderCall.REPLY
            ):
                raise
            result = cast("T", error.response)
        self._prerequisites.answered(operation.path, rt.monotonic())
        if isinstance(result, AuthStatus):
            self._tell(self.session.answered(result, rt.wall_time()))
        elif isinstance(result, Tickle):
            self._prerequisites.tickled(result.session or None)
            self._tell(self.session.tickled(result, rt.wall_time()))
        if drifts:
            # A call with side effects raises no error for a field of an unexpected type (drift), so
            # that its response is not lost.
            keep = not operation.idempotent
            self.report(drifts, strict=settings.strict and not keep, keep=keep)
        return result

    def _tell(self, change: SessionChange | None) -> None:
        if change is None:
            return
        if change.is_loss or change.is_gain:
            self._prerequisites.clear()
        if change.competing:
            _logger.warning(
                "another session of this user name competes with this one, which may be ended "
                "soon; end the other one, or take the session back after its end with "
                "client.session.initialize(compete=True)"
            )
        if change.is_loss:
            _logger.warning("session %s: %s", change.after.value, change.error)
        elif change.after is not change.before:
            _logger.info("session %s", change.after.value)
        for listener in list(self.session_listeners):
            try:
                listener(change)
            except Exception:
                _logger.exception("a listener to session changes failed")

    def cannot_open(self, error: NotAuthenticated) -> None:
        """Record that the brokerage session could not be opened."""
        self._tell(self.session.cannot_open(error, rt.wall_time()))

    def is_new(self, operation: Operation, account: str = "") -> bool:
        """Return whether this session has still to receive its first response to a list call.

        The first response to a list call in a session may be empty although rows exist.

        Args:
            operation: the operation.
            account: account whose list is requested; empty if the call names no account.
        """
        self._prerequisites.begin(rt.monotonic())
        return not self._prerequisites.has(operation.path + account)

    def started(self, operation: Operation, account: str = "") -> None:
        """Record that this session has received its first response to a list call."""
        self._prerequisites.started(operation.path + account)

    @property
    def knows_session(self) -> bool:
        """Whether the session's token is known from a tickle."""
        return self._prerequisites.knows_session

    @property
    def session_token(self) -> str:
        """Session token of the last tickle; empty before the first."""
        return self._prerequisites.token

    def heard_session(self, token: str) -> None:
        """Record the token of the session to which a stream's WebSocket belongs now."""
        self._prerequisites.tickled(token)

    def forget_session(self) -> None:
        """Mark all prerequisites as not sent, because the session is new."""
        self._prerequisites.clear()

    def report(self, drifts: list[Drift], *, strict: bool, keep: bool = False) -> None:
        """Report fields of an unexpected type (drift) to the user, each field once.

        Args:
            drifts: the drift found.
            strict: whether to raise an error instead of a report.
            keep: whether to raise nothing, even if Python's warning filters turn warnings into
                errors.

        Raises:
            DecodeError: there is drift, and ``strict`` is True.
        """
        if strict:
            text = "; ".join(map(str, dict.fromkeys(drifts)))
            raise DecodeError(
                f"{text}; use strict=False to leave such fields without a value",
                operation=drifts[0].operation,
            )
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
        """Close all connections and stop the workers of the client."""
        if self.closed:
            return
        self.closed = True
        if self.owner.inherited:
            return
        # All steps run even if a step is cancelled or interrupted, so that everything is closed.
        interrupted: BaseException | None = None
        closing = [worker.stop for worker in reversed(self.workers)]
        self.workers.clear()
        if self._transport is not None:
            closing.append(self._transport.aclose)
        if self.limit_store is not None:
            closing.append(self.limit_store.aclose)
        for close in closing:
            try:
                await close()
            except BaseException as error:  # noqa: BLE001 - raised at the end
                interrupted = interrupted or error
        if interrupted is not None:
            raise interrupted
