"""The way to the gateway that a client and its copies share."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Container, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from msgspec import UNSET

from ..._core.decoding.drift import Drift
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
from .order_turn import AsyncOrderTurn, AsyncOrderTurnGuard, hold_back
from .permit import AsyncPermit, AsyncPermitGuard
from .single_flight import AsyncSingleFlight

if TYPE_CHECKING:
    from ..._core.http.captured import CapturedResponses

T = TypeVar("T")

_logger = logging.getLogger("bezant.http")

# Where bulk work notes the calls of one item whose outcome is unknown.
unknown_outcomes: Final[ContextVar[list[OutcomeUnknown] | None]] = ContextVar(
    "bezant_unknown_outcomes", default=None
)


class AsyncStoppable(Protocol):
    """Something that ends with the client."""

    async def stop(self) -> None:
        """End it."""


class AsyncPipeline:
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
        self.limiter: rt.ProcessRateLimiter = rt.limiter_for(settings.base_url.gateway_key)
        self.limit_store: rt.SharedLimitStore | None = None
        if settings.pacing_store is not None:
            self.limit_store = rt.SharedLimitStore(settings.pacing_store)
        self.workers: list[AsyncStoppable] = []
        self._lock = rt.StateLock()
        self._transport: rt.HttpTransport | None = None
        self._custom_transport = transport
        self._cookies = CookieJar()
        # Blocks of `capture_responses` that are running.
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
        self.order_turns: rt.OrderTurns = rt.order_turns_for(settings.base_url.gateway_key)

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
        hold: float | None = None,
    ) -> T:
        """Make a call and read its answer.

        What has to be asked first in a session is asked first, the call waits for its turn, and
        one without an effect is made again when it fails in passing.

        Args:
            operation: the call.
            type_: what to read its response into.
            settings: those of the call.
            path: its path, where that is not the operation's.
            params: the query.
            json: the body.
            hold: for how many seconds open questions may hold it back; None for as long as usual.

        Raises:
            OAuthRequired: it cannot pass the gateway.
            BezantError: the kind that says what went wrong.
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
            hold = await hold_back(self.order_turns, hold)
        return await self._attempts(request, kind, type_, settings, hold=hold)

    def _check_oauth(self, operation: Operation) -> None:
        """Refuse an operation that a gateway does not pass on.

        A transport of the user's own may lead elsewhere.
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
        """Send a request, again where that is safe, and read its response.

        Args:
            request: what to send.
            kind: what it does with an order.
            type_: what to read its response into.
            settings: those of the call.
            deadline: when its timeout is over; None for one that begins when it is sent.
            turn: the account's turn, which it holds.
            hold: for how many seconds questions of other processes may hold it back.
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
                    # Waiting for a turn does not count; pauses between attempts do.
                    deadline = now + settings.timeout if deadline is None else deadline
                    if settings.credentials is not None:
                        request = await self._with_credentials(
                            request, settings.credentials, deadline - now
                        )
                        now = rt.monotonic()
                    going = True
                    if turn is not None:
                        await turn.sending()
                    answer = await self._send(request, settings, deadline - now)
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
                    # Nothing was done, so this is the one second send of a call with side effects.
                    asked = True
                    _logger.warning("%s; it is sent once more", error)
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
                _logger.info("%s; attempt %d follows in %.2f s", error, attempt + 1, pause)
            except BaseException as error:
                # An interrupt or a cancelled task; also one that comes when the answer has come.
                if going and not operation.idempotent:
                    unknown = broken_off(operation)
                    self._named(unknown, request)
                    error.add_note(str(unknown))
                    _logger.warning("%s", unknown)
                raise
            await rt.sleep(pause)

    def _named(self, error: OutcomeUnknown, request: Request) -> OutcomeUnknown:
        """Say which call and which orders an error is about."""
        error.target = request.target
        error.client_order_ids = self._questions.names(request)
        noted = unknown_outcomes.get()
        if noted is not None:
            noted.append(error)
        return error

    def _conclude(self, error: BezantError, operation: Operation, settings: Settings) -> None:
        """Draw an error's consequences for the session and for what has to be asked first."""
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
        """Ask for the accounts, as the gateway wants before an order or a cancel.

        It waits for nobody else's call, and ends with the order's own timeout.

        Returns:
            The settings for sending the order or cancel once more.

        Raises:
            PrerequisiteFailed: it failed, so nothing was placed, changed or cancelled.
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
                    f"no time is left of the timeout ({settings.timeout:g} s)",
                    operation=prerequisites.TRADING_ACCOUNTS.name,
                )
        except BezantError as failure:
            raise self._unprepared(refusal.operation, failure) from failure
        return settings.with_changes({"max_wait": min(settings.max_wait, left)})

    def _unprepared(self, operation: str | None, failure: BezantError) -> PrerequisiteFailed:
        return PrerequisiteFailed(
            f"nothing was placed, changed or cancelled: IBKR wants "
            f"{prerequisites.TRADING_ACCOUNTS.name} first, and that failed ({failure}); "
            "send it again",
            operation=operation,
        )

    async def _prime(
        self,
        operation: Operation | None,
        settings: Settings,
        kind: OrderCall | None = None,
        hold: float | None = None,
    ) -> None:
        """Make a call that others need first, unless this session has seen it.

        Args:
            operation: what they need.
            settings: those of the call that needs it.
            kind: action of that call on an order.
            hold: for how many seconds open questions may hold it back; None for as long as usual.

        Raises:
            PrerequisiteFailed: a reply needs it, and it failed.
        """
        if operation is None or self._prerequisites.has(operation.path):
            return
        first = operation

        async def ask() -> None:
            if not self._prerequisites.has(first.path):
                await self.call(first, type(None), settings, hold=hold)

        try:
            # A prerequisite of an order never waits for the same call of a read that is held back.
            await self._priming.run((first.path, hold == 0), ask)
        except BezantError as failure:
            if kind is OrderCall.REPLY:
                raise self._unprepared(None, failure) from failure
            raise

    async def require_accounts(self, operation: Operation, settings: Settings) -> tuple[str, ...]:
        """Ask once more for accounts that were not named, and return their ids.

        Raises:
            NoAccounts: the gateway names none, so the session is not ready.
        """
        self._prerequisites.forget(operation.path)
        await self.call(operation, type(None), settings)
        found = self.evidence.accounts(operation)
        if found:
            return found
        self._prerequisites.forget(operation.path)
        raise no_accounts(operation)

    async def was_not_ready(self, operation: Operation, settings: Settings) -> bool:
        """Say whether an empty response came from a session that named no account, and now does.

        Raises:
            NoAccounts: it still does not: the response says nothing.
        """
        if not operation.idempotent or prerequisites.prerequisite(operation) != ACCOUNTS:
            return False
        if self.evidence.accounts(ACCOUNTS) != ():
            return False
        await self.require_accounts(ACCOUNTS, settings)
        return True

    async def trading_accounts(self, settings: Settings) -> tuple[str, ...]:
        """Return the ids of the accounts that this session trades for; none where not known."""
        self.check()
        self._prerequisites.begin(rt.monotonic())
        await self._prime(prerequisites.TRADING_ACCOUNTS, settings)
        return self.evidence.accounts(prerequisites.TRADING_ACCOUNTS) or ()

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

    async def _with_credentials(
        self, request: Request, credentials: Credentials, seconds: float
    ) -> Request:
        from .credentials import headers_for

        name = request.operation.name
        return with_credentials(request, await headers_for(credentials, seconds, name))

    async def handshake_headers(
        self, session: Secret, settings: Settings, seconds: float
    ) -> list[tuple[str, str | Secret]]:
        """Return the headers of a WebSocket's handshake beyond those that every handshake has.

        They are what a call sends: the cookies, and the headers for a proxy in front.

        Args:
            session: the session's token.
            settings: those of the stream's client.
            seconds: how much time the function passed as ``auth`` has.

        Raises:
            CredentialsUnavailable: that function raised an error.
            HttpTimeout: it took too long.
            InvalidRequest: it returned headers that cannot be sent.
        """
        headers: list[tuple[str, str | Secret]] = [("Origin", settings.base_url.root)]
        if cookies := self._cookies.header(session.value):
            headers.append(("Cookie", Secret(cookies)))
        if settings.credentials is not None:
            from .credentials import headers_for

            headers += await headers_for(settings.credentials, seconds)
        return headers

    async def _send(self, request: Request, settings: Settings, seconds: float) -> Response:
        self.check()  # it may have been closed while this call waited for its turn
        started = rt.monotonic()
        operation = request.operation
        if seconds <= 0:
            raise HttpTimeout(
                f"the timeout ({settings.timeout:g} s) was over before it could be sent",
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
        # Without a cause: the libraries' frames hold the headers of the proxy in front.
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
            # The answer of a call with an effect is never lost for it.
            keep = not operation.idempotent
            self.report(drifts, strict=settings.strict and not keep, keep=keep)
        return result

    def _tell(self, change: SessionChange | None) -> None:
        if change is None:
            return
        if change.is_loss or change.is_gain:
            self._prerequisites.clear()
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
        self._prerequisites.begin(rt.monotonic())
        return not self._prerequisites.has(operation.path + account)

    def started(self, operation: Operation, account: str = "") -> None:
        """Note that such a call was answered."""
        self._prerequisites.started(operation.path + account)

    @property
    def knows_session(self) -> bool:
        """Whether a tickle has told which session it is."""
        return self._prerequisites.knows_session

    @property
    def session_token(self) -> str:
        """The token of the session of the last tickle; empty before the first."""
        return self._prerequisites.token

    def heard_session(self, token: str) -> None:
        """Note the token of the session that a stream's socket belongs to."""
        self._prerequisites.tickled(token)

    def forget_session(self) -> None:
        """Ask again for what has to be asked first: the session is a new one."""
        self._prerequisites.clear()

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
        if self.limit_store is not None:
            closing.append(self.limit_store.aclose)
        for close in closing:
            try:
                await close()
            except BaseException as error:  # noqa: BLE001 - raised at the end
                interrupted = interrupted or error
        if interrupted is not None:
            raise interrupted
