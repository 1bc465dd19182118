"""State of a stream over all its connections: commands to send, messages received, deadlines."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from ..._wire.redaction import Secret, redact, shown
from ...errors import InvalidRequest
from ...models.stream import (
    ErrorMessage,
    Gap,
    Malformed,
    MarketData,
    Message,
    Other,
    Reconnected,
    SessionLost,
    SessionStatus,
    System,
)
from ..decoding.drift import Report
from ..marketdata.liveness import Staleness, StaleReason
from ..session.first_answer import is_open
from .buffer import MessageBuffer
from .confirmations import Confirmations, refused_keys
from .execution_check import ExecutionCheck, ExecutionRequest
from .live_state import LiveState
from .order_book import NOT_SUBSCRIBED, OrderBook
from .order_check import OrderCheck, OrderRequest
from .parser import parse
from .phases import TRANSITIONS, Event, Phase, Timing
from .quotes import LiveQuote
from .readiness import Readiness
from .reconnection import Reconnection
from .silence import SilenceWatch, SilentQuote
from .subscriptions import Interest, SubscriptionRegistry
from .topic import SubscriptionRequest, TicReply, check_command
from .topics.market_data import MARKET_DATA
from .topics.orders import ORDERS
from .topics.registry import BY_MESSAGE, TOPICS, topic_of_key
from .topics.trades import TRADES, trade_from

if TYPE_CHECKING:
    from ...models.orders import Execution, LiveOrder, OrderStatus

# Classes of messages about the connection or the subscriptions. `StreamState` acts on them, in
# addition to delivering them.
_WATCHED: Final = frozenset(
    {ErrorMessage, Malformed, Other, SessionStatus}
    | {message for topic in TOPICS if topic.server_id is not None for message in topic.messages}
)


class StreamState:
    """State of one stream, without the socket and the thread or task that uses it.

    Until the gateway's ``system`` message has come, the stream sends nothing but the session's
    token, because the gateway silently drops commands before that message. The thread or task that
    runs the stream (the worker) opens a socket when the phase is ``CONNECTING``, and closes it when
    the phase is neither ``WAITING`` nor ``READY``.

    Args:
        report: function called with each `Drift`, a field of another type than declared.
        now: monotonic time.
        wall: wall-clock time at the same moment, in seconds since 1970.
        random: function that returns random numbers from 0 to 1. They keep several streams from
            acting at the same moment.
        timing: intervals and timeouts; None for the default values.
        reconnect: whether to connect again after the connection was lost.
        message_buffer: buffer for unread messages; None for a new one.
        tickled: function that returns the session token from the client's last call of ``/tickle``.
        watch: function called with each row about an order or an execution; None for no function.
        is_open: function that returns whether a contract trades at a time, or None if that is not
            known. Its arguments are the contract's conid and the time. None for no function.

    Attributes:
        phase: phase of the connection.
        received: number of WebSocket messages received.
        reconnects: number of connections made after the first one.
        last_heard: monotonic time when the last message came.
        end_reason: reason why the stream ended; empty while it is open.
        orders: the order book, which has each order with all its known fields.
        order_check: decides which orders to request from REST after an interruption.
        execution_check: decides when to request executions that an interruption may have lost.
        new_session: token of a new session that the stream has detected and the client may not know
            yet; None if there is no such session.
        silence: finds contracts without market data, to compare them with snapshots.
    """

    def __init__(
        self,
        report: Report,
        now: float,
        *,
        wall: float = 0.0,
        random: Callable[[], float] = lambda: 0.5,
        timing: Timing | None = None,
        reconnect: bool = True,
        message_buffer: MessageBuffer | None = None,
        tickled: Callable[[], str] = str,
        watch: Callable[[Mapping[str, Any]], object] | None = None,
        is_open: Callable[[int, datetime], bool | None] | None = None,
    ) -> None:
        self.phase: Phase = Phase.CONNECTING
        self.message_buffer: MessageBuffer = (
            MessageBuffer() if message_buffer is None else message_buffer
        )
        self.received: int = 0
        self.reconnects: int = 0
        self.last_heard: float = now
        self.end_reason: str = ""
        self._report = report
        self._timing = timing or Timing()
        self._reconnect = reconnect
        self._subscriptions = SubscriptionRegistry()
        self._confirmations = Confirmations(self._timing, random)
        self._live_state = LiveState(report, self.message_buffer, self._confirmations)
        self._live_state.watch = watch
        self.orders: OrderBook = self._live_state.orders
        self.order_check: OrderCheck = self._live_state.order_check
        self.execution_check: ExecutionCheck = ExecutionCheck()
        self.new_session: Secret | None = None
        self._tickled = tickled
        self._readiness = Readiness(self._timing)
        self._reconnection = Reconnection(self._timing, random, now)
        self._offset = wall - now
        self._tokens: deque[Secret] = deque()
        self._held: deque[str] = deque()
        self._outgoing: deque[str] = deque()
        self._since: datetime | None = None
        self._reason = ""
        self._early: list[Message] = []
        self._reported_loss = False
        self._logged_in = False
        self._heard_before = now
        self._changed_at = now
        self._next_tic = now
        self._session_since = now
        self._tickled_at_opening = ""
        self._silent = False
        self._doubt = ""
        self._checks_session = False
        self._competing = False
        self.silence: SilenceWatch = SilenceWatch(self._timing.quiet_after)
        self._is_open = is_open

    # Methods about the connection.

    def _move(self, event: Event, now: float) -> bool:
        phase = TRANSITIONS.get((self.phase, event))
        if phase is None:
            return False
        self.phase = phase
        self._changed_at = now
        return True

    def moment(self, now: float) -> datetime:
        """Convert a monotonic time to a date and time in UTC."""
        return datetime.fromtimestamp(now + self._offset, UTC)

    def opened(self, session: str, now: float, wall: float) -> None:
        """Record that a socket was opened; `session` is the session's token at that time."""
        self._offset = wall - now
        if self._move(Event.OPENED, now):
            self._readiness.opened(session, now)
            self._tickled_at_opening = self._tickled()
            self._logged_in = False
            self._doubt, self._checks_session, self._competing = "", False, False
            self.last_heard = now
            self._tokens.clear()

    @property
    def probe_due(self) -> bool:
        """Whether the worker has to check that the gateway responds and still has the session."""
        if self.phase is Phase.READY:
            return self._checks_session
        return self.phase is Phase.WAITING and self._readiness.probe_due

    def probed(
        self,
        session: str | None,
        reason: str,
        now: float,
        wall: float,
        *,
        stale: StaleReason = "login lost",
    ) -> None:
        """Record the result of the check that `probe_due` requested.

        Args:
            session: token of the gateway's session; None if the gateway does not respond or is not
                logged in.
            reason: why the check failed, as text.
            now: monotonic time.
            wall: wall-clock time in seconds since 1970.
            stale: why values are stale if the check failed.
        """
        if self.phase is Phase.READY:
            if self._checks_session:
                self._checked_session(session, reason, now, wall, stale)
            return
        error = self._readiness.probed(session, reason, now)
        if error and self.phase is Phase.WAITING:
            self.lost(error, now, wall)

    def _checked_session(
        self, session: str | None, reason: str, now: float, wall: float, stale: StaleReason
    ) -> None:
        doubt, self._doubt = self._doubt or reason, ""
        self._checks_session = False
        if session is None:
            # The subscriptions ended with the session, so the stream has to connect again.
            if self._reconnect:
                self.lost(doubt, now, wall, session=True, stale=stale)
            else:
                self._report_loss(doubt, now)
                since = self.moment(self._heard_before)
                self._live_state.interrupt(Staleness(stale, since, doubt), lasting=False)
        elif session and session != self._readiness.session and self._reconnect:
            self.lost("the gateway has another session now", now, wall)

    def doubt_session(self, reason: str) -> None:
        """Check the session with a tickle, because another call says that the session is lost."""
        if self.phase is Phase.READY:
            self._doubt = reason
            self._checks_session = True

    def lost(
        self,
        reason: str,
        now: float,
        wall: float,
        *,
        session: bool = False,
        stale: StaleReason = "connection lost",
    ) -> None:
        """Record that the connection was lost, or that an attempt to connect failed.

        Args:
            reason: why the connection was lost, as text.
            now: monotonic time.
            wall: wall-clock time in seconds since 1970.
            session: whether it was lost because nobody is logged in to the gateway.
            stale: why values are stale from now on.
        """
        ran = now - self._changed_at if self.phase is Phase.READY else 0.0
        since = self.moment(self.last_heard)
        was_open = self.phase in (Phase.WAITING, Phase.READY)
        if self.phase is Phase.READY:
            self._reconnection.opened()
        self._offset = wall - now
        if not self._move(Event.LOST, now):
            return
        self._keep_early(now)
        if was_open and self._since is None:
            self._since, self._reason = since, reason
        if ran >= self._timing.good_run:
            self._reconnection.held()
            self._reported_loss = False
        if session:
            self._report_loss(reason, now)
        self._reconnection.lost(now)
        self._confirmations.clear()
        self._tokens.clear()
        self._outgoing.clear()
        # The reason is left out if it is that of a session's error: it advises what to do, as the
        # text for `stale` does already.
        detail = "" if session else reason
        self._live_state.interrupt(Staleness(stale, since, detail), lasting=True)
        self.silence.forget()
        self._silent = False
        if ORDERS.key in self._subscriptions:
            self.order_check.stop(_unknown(f"the connection was lost ({reason})"))
        if TRADES.key in self._subscriptions:
            self.execution_check.interrupt(since.timestamp())
        if not self._reconnect:
            self.end(reason, now)

    def _report_loss(self, reason: str, now: float) -> None:
        if not self._reported_loss:
            self._reported_loss = True
            moment = self.moment(now)
            self.message_buffer.put(SessionLost(reason=reason, at=moment), moment)

    def end(self, reason: str, now: float) -> None:
        """End the stream; unread messages stay in the buffer."""
        if self.phase is not Phase.ENDED:
            self.end_reason = reason
            self.execution_check.stop()
            self.order_check.stop(
                "the orders are not known: the stream is closed; connect again, or call "
                "client.orders()"
            )
            self._keep_early(now)
            self._live_state.interrupt(
                Staleness("ended", self.moment(self.last_heard), reason), lasting=True
            )
            self._move(Event.END, now)

    def _keep_early(self, now: float) -> None:
        """Deliver the messages that came on this connection before the gateway was ready."""
        if self._early:
            self._close_gap(now)
            early, self._early = self._early, []
            for message in early:
                self._deliver(message, now)

    def _close_gap(self, now: float) -> None:
        if self._since is not None:
            until = max(self.moment(now), self._since)
            self.message_buffer.put(Gap(reason=self._reason, since=self._since, until=until), until)
            self._since = None

    # Methods about received messages.

    def take_in(self, batch: Sequence[bytes], now: float) -> None:
        """Process WebSocket messages in the order of their arrival."""
        self._heard_before, self.last_heard = self.last_heard, now
        self.message_buffer.arrived(now)
        take_run = self._live_state.quotes.take_run
        at, end = 0, len(batch)
        self.received += end
        while at < end:
            if self.phase is Phase.READY:
                at = take_run(batch, at)
                if at == end:
                    return
            found = parse(batch[at], self._report)
            at += 1
            if isinstance(found, TicReply):
                self._on_tic_reply(found, now)
            else:
                self._on_messages([found] if isinstance(found, MarketData) else found, now)

    def _on_messages(self, messages: list[Message], now: float) -> None:
        if self.phase is Phase.WAITING:
            for message in messages:
                self._before_ready(message, now)
            return
        self._live_state.take_orders(messages, now)
        for message in messages:
            self._deliver(message, now)

    def _before_ready(self, message: Message, now: float) -> None:
        if isinstance(message, System):
            self._ready(now)
            self._deliver(message, now)
        else:
            if _asks_for_session(message):
                token = msgspec.json.encode({"session": self._readiness.session}).decode()
                self._tokens.append(Secret(token))
            self._early.append(message)

    def _ready(self, now: float) -> None:
        again = self._since is not None
        self._close_gap(now)
        self._live_state.quotes.resume()
        self._keep_early(now)
        self._move(Event.SYSTEM, now)
        if again:
            self.reconnects += 1
            moment = self.moment(now)
            self.message_buffer.put(
                Reconnected(attempts=self._reconnection.attempts, at=moment), moment
            )
        self._next_tic = now + self._timing.tic_interval
        self._session_since = now - self._timing.tic_interval
        self._subscribe_to_all(now)
        self._outgoing.extend(self._held)
        self._held.clear()

    def _deliver(self, message: Message, now: float) -> None:
        if type(message) not in _WATCHED:
            self._live_state.take(message, self.moment(now))
            return
        topic = BY_MESSAGE.get(type(message))
        if topic is not None:
            keys = self._subscriptions.all_keys()
            unwanted = self._confirmations.note_server_id(topic, message, keys)
            if unwanted is not None:
                # The program unsubscribed before the gateway sent the id that the command needs, so
                # the command is sent now.
                self._outgoing.append(f"u{topic.key}+{unwanted}")
        self._live_state.take(message, self.moment(now))
        if isinstance(message, SessionStatus):
            self._on_status(message, now)
        elif isinstance(message, ErrorMessage):
            self._on_refusal(message, now)
        elif isinstance(message, Other | Malformed):
            self._on_unread(message, now)

    def _on_status(self, status: SessionStatus, now: float) -> None:
        new_login = status.authenticated is True and self._logged_in
        if status.authenticated is True:
            self._reported_loss = False
            if self.phase is Phase.READY and new_login:
                self._subscribe_again(now)
            self._logged_in = True
        elif status.authenticated is False and self.phase is Phase.READY:
            text = status.fail or status.message
            # This report of the gateway can be wrong. So the stream acts on it only after a call of
            # ``/tickle`` has confirmed it.
            self._doubt = redact(text) if text else "the gateway is no longer logged in"
            self._checks_session = True
        before, self._competing = self._competing, status.competing is True
        if self._competing and not before and status.authenticated is True:
            # A call of ``/tickle`` lets the client report the other session to the program.
            self._checks_session = True
        if self._competing is not before and self.phase is Phase.READY:
            self._compete(now, subscribe=not new_login)

    def _compete(self, now: float, *, subscribe: bool) -> None:
        """Subscribe to market data again, because another session competes or no longer does.

        IBKR sends market data to one of the sessions only, without telling which. The values are
        stale until the gateway has sent new ones.

        Args:
            now: monotonic time.
            subscribe: whether to send the commands; False if they have just been sent.
        """
        since = self.moment(self._heard_before)
        detail = "" if self._competing else "that session has just ended"
        for key in self._subscriptions.all_keys():
            if topic_of_key(key) is MARKET_DATA:
                self._live_state.interrupt_one(key, Staleness("competing session", since, detail))
                if subscribe:
                    self._send(key, now)

    def _subscribe_again(self, now: float) -> None:
        """Send all subscriptions again, because a new login has ended them.

        The gateway reports a login once per connection. A second report therefore means a new
        login.
        """
        moment = self.moment(now)
        since = min(self.moment(self._heard_before), moment)
        reason = "the gateway has logged in again, which ends all subscriptions"
        self.message_buffer.put(Gap(reason=reason, since=since, until=moment), moment)
        self._live_state.interrupt(Staleness("new session", since), lasting=False)
        self._confirmations.clear()
        if TRADES.key in self._subscriptions:
            self.execution_check.interrupt(since.timestamp())
        self._subscribe_to_all(now)

    def _subscribe_to_all(self, now: float) -> None:
        for key in self._subscriptions.all_keys():
            self._send(key, now)
        if ORDERS.key in self._subscriptions:
            self._check_orders(now)
        if TRADES.key in self._subscriptions:
            self.execution_check.start(now, self._timing.confirm_after)

    def _on_tic_reply(self, reply: TicReply, now: float) -> None:
        """Compare the session in a response to ``tic`` with the session at the socket's opening.

        A different session means a new login, which the stream may not have noticed.
        """
        session = None if reply.session is None else reply.session.value
        ours = self._readiness.session
        if self.phase is not Phase.READY or not session or not ours:
            return
        if session != ours:
            # The gateway responds to one ``tic`` with four frames. Only the first one may start new
            # subscriptions.
            if now - self._session_since >= self._timing.tic_interval:
                self._session_since = now
                self._readiness.session = session
                self.new_session = Secret(session)
                self._subscribe_again(now)
            return
        newest = self._tickled()
        if self._reconnect and newest not in ("", session, self._tickled_at_opening):
            # The client has a new session, and the socket of the old one receives nothing more. So
            # the stream connects again.
            self.lost("the gateway has another session now", now, now + self._offset)

    # Methods about orders.

    def _check_orders(self, now: float) -> None:
        arguments = self._subscriptions.arguments(ORDERS.key)
        self.order_check.start(arguments, _unknown("they are being fetched"), now)

    def _on_unread(self, message: Other | Malformed, now: float) -> None:
        """Start the checks with REST if an unreadable message is about orders or executions."""
        if self.phase is not Phase.READY:
            return
        if TRADES.key in self._subscriptions:
            self._on_unread_executions(message, now)
        if ORDERS.key in self._subscriptions:
            self._on_unread_orders(message, now)

    def _on_unread_executions(self, message: Other | Malformed, now: float) -> None:
        if isinstance(message, Malformed):
            missed = b'"str' in message.data
        else:
            payload: object = message.payload
            missed = message.topic.partition("+")[0] == TRADES.name and isinstance(payload, dict)
            if missed and cast("dict[str, Any]", payload).get("args") == []:
                self._confirmations.confirm_empty(TRADES.key)
                return
        if missed:
            self.execution_check.missed(self.moment(now).timestamp(), now)

    def _on_unread_orders(self, message: Other | Malformed, now: float) -> None:
        if isinstance(message, Malformed):
            if b'"sor' in message.data:
                reason = "a message about them could not be read"
                self.order_check.missed(_unknown(reason), now)
            return
        found: object = message.payload
        if message.topic.partition("+")[0] != ORDERS.name or not isinstance(found, dict):
            return
        payload = cast("dict[str, Any]", found)
        if payload.get("args") == []:
            self.order_check.received_empty_list(now)
        else:
            self.order_check.missed(_unknown("a message about them could not be read"), now)

    # Methods about refused subscriptions, and subscriptions without messages.

    def _on_refusal(self, message: ErrorMessage, now: float) -> None:
        """Plan to subscribe again after a refusal; report only the first refusal as a `Gap`."""
        if self.phase is not Phase.READY or message.topic is None:
            return
        keys = self._subscriptions.all_keys()
        for key in refused_keys(message.topic, keys, self.confirmed):
            if self._confirmations.refused(key, now):
                text = redact(message.error or "without a reason")
                reason = f"the gateway refuses the subscription ({text})"
                self._report_gap(key, reason, now, Staleness("refused", self.moment(now), text))
            if key == TRADES.key:
                self.execution_check.missed(self.moment(now).timestamp(), now)
            if key == ORDERS.key:
                self._silent = False
                self.order_check.stop(
                    _unknown(
                        "the gateway refuses to send them; the stream will subscribe again soon"
                    )
                )

    def _doubt_silence(self, orders: Sequence[LiveOrder], now: float) -> None:
        """Plan to subscribe to orders again if REST has working orders but the stream sent none."""
        if not self._confirmations.unconfirmed[ORDERS.key] or ORDERS.key not in self._subscriptions:
            return
        arguments = self._subscriptions.arguments(ORDERS.key)
        if "filters" in arguments or "realtimeUpdatesOnly" in arguments:
            return
        if any(is_open(order) for order in orders):
            self._silent = self._confirmations.refused(ORDERS.key, now) or self._silent

    def _subscribe_to_orders_again(self, now: float) -> None:
        if self._silent:
            self._silent = False
            reason = "the gateway has sent no orders on the stream, although there are some"
            self._report_gap(ORDERS.key, reason, now)
        self._send(ORDERS.key, now)
        self._check_orders(now)

    def _report_gap(
        self, key: str, reason: str, now: float, staleness: Staleness | None = None
    ) -> None:
        moment = self.moment(now)
        self._live_state.interrupt_one(key, staleness or Staleness("silent", moment))
        gap = Gap(reason=reason, since=moment, until=moment, topic=topic_of_key(key).name)
        self.message_buffer.put(gap, moment)

    def take_order_list(
        self, request: OrderRequest, orders: Iterable[LiveOrder], now: float
    ) -> None:
        """Process the list of orders from REST."""
        listed = list(orders)
        missed = self.order_check.take_list(request, listed, now)
        if missed and ORDERS.key in self.confirmed:
            self._confirmations.doubt(ORDERS.key, now)
        self._doubt_silence(listed, now)
        self._deliver_checked(now)

    def take_order_status(
        self, request: OrderRequest, status: OrderStatus | None, now: float
    ) -> None:
        """Process REST's response about one order; `status` is None if REST does not know it."""
        self.order_check.take_status(request, status, now)
        self._deliver_checked(now)

    def _deliver_checked(self, now: float) -> None:
        """Deliver updates of the orders whose status a request to REST has corrected."""
        moment = self.moment(now)
        for update in self.order_check.updates:
            self._live_state.put(update, moment)
        self.order_check.updates.clear()

    # Executions

    def next_execution_request(self, now: float) -> ExecutionRequest | float | None:
        """Return the request for executions to send now, or the seconds until one is due.

        The result is None if no request is planned.
        """
        wall = self.moment(now).timestamp()
        return self.execution_check.next(now, wall, confirmed=TRADES.key in self.confirmed)

    def take_executions(
        self, request: ExecutionRequest, trades: Iterable[Execution], now: float
    ) -> None:
        """Deliver the executions from REST that the stream has not delivered yet."""
        periodic = self.execution_check.periodic
        rows = self.execution_check.take(request, list(trades), now)
        if rows is None:
            return
        updates = [self._live_state.complete(trade_from(row, self._report)) for row in rows]
        news = [each for each in updates if each is not None]
        if periodic and news:
            self._confirmations.doubt(TRADES.key, now)
        else:
            self._doubt_silence_of_executions(now, missing=bool(news))
        moment = self.moment(now)
        for update in news:
            self.message_buffer.put(update, moment)

    def _doubt_silence_of_executions(self, now: float, *, missing: bool) -> None:
        """Plan to subscribe to executions again if REST has some but the stream has sent none.

        Args:
            now: monotonic time.
            missing: whether the response from REST has executions that the stream has not sent.
        """
        key, confirmations = TRADES.key, self._confirmations
        if key in self.confirmed or self._subscriptions.arguments(key)["realtimeUpdatesOnly"]:
            return
        doubtful = missing or confirmations.fails(key)
        if doubtful and not confirmations.planned(key) and confirmations.refused(key, now):
            reason = "the gateway has sent no executions on the stream, although there are some"
            self._report_gap(key, reason, now)

    # Subscriptions

    def subscribe(
        self,
        request: SubscriptionRequest,
        *,
        now: float,
    ) -> Interest:
        """Subscribe to a topic, now or as soon as the gateway is ready.

        Raises:
            InvalidRequest: the command would be too long, there are too many subscriptions to the
                topic, or the arguments contradict those of another subscriber.
        """
        key = request.key
        new = key not in self._subscriptions
        interest, commands = self._subscriptions.add(request)
        if new:
            self._live_state.begin(key, Staleness("no value yet", self.moment(now)))
            if key == TRADES.key:
                self.execution_check.begin(request.arguments, self.moment(now).timestamp())
        if commands and self.phase is Phase.READY:
            self._send(key, now)
            if key == ORDERS.key:
                self._check_orders(now)
            elif key == TRADES.key and new:
                self.execution_check.start(now, self._timing.confirm_after)
        return interest

    def unsubscribe(self, interest: Interest) -> None:
        """Remove a subscriber. If no other has the same subscription, end it at the gateway."""
        commands = self._subscriptions.remove(interest)
        key = interest.key
        if key in self._subscriptions:
            return
        since = self.moment(self.last_heard)
        self._live_state.end(key, Staleness("ended", since, "the subscription was cancelled"))
        if key == ORDERS.key:
            self._silent = False
            self.order_check.stop(NOT_SUBSCRIBED)
        elif key == TRADES.key:
            self.execution_check.stop()
        server_id = self._confirmations.forget(key)
        if self.phase is Phase.READY:
            self._outgoing.extend(commands)
            if server_id is not None:
                self._outgoing.append(f"u{topic_of_key(key).key}+{server_id}")

    def live_quote(self, conid_ex: str) -> LiveQuote:
        """Return the live quote of a contract. Later messages update this object."""
        return self._live_state.quotes.subscribed(conid_ex)

    @property
    def subscribed(self) -> list[str]:
        """Keys of all subscriptions, the oldest subscription first."""
        return self._subscriptions.all_keys()

    @property
    def market_data(self) -> frozenset[str]:
        """The contracts with a subscription to market data, as text."""
        found = [each.partition("+") for each in self._subscriptions.all_keys()]
        return frozenset(name for topic, _, name in found if topic == MARKET_DATA.key)

    # Contracts without market data

    def _look_for_silence(self, now: float) -> None:
        """Subscribe again to contracts that have sent nothing for some time."""
        if not self.silence.is_due(now):
            return
        quotes = self._live_state.quotes
        keys = [key for key in self._subscriptions.all_keys() if topic_of_key(key) is MARKET_DATA]
        # Other mechanisms take care of a contract that has sent nothing since its subscription or
        # an interruption.
        watched = [
            (key, live)
            for key in keys
            if (live := quotes.subscribed(key.partition("+")[2])).fresh
            or (live.staleness is not None and live.staleness.reason == "silent")
        ]
        lives = dict(watched)
        for key in self.silence.look(watched, now):
            live = lives[key]
            if self._is_open is not None and self._is_open(live.conid, self.moment(now)) is False:
                continue
            since = now - self._timing.quiet_after
            fields = tuple(self._subscriptions.arguments(key)["fields"])
            self.silence.found.append(SilentQuote(key, live, live.raw, live.version, since, fields))
            self._send(key, now)

    def compare_silent(
        self, silent: Iterable[SilentQuote], rows: Mapping[str, Mapping[str, Any]], now: float
    ) -> None:
        """Compare silent contracts with snapshots. If a price differs, market data was missing.

        Args:
            silent: the contracts.
            rows: the snapshots by contract, each with its fields by IBKR's ids.
            now: monotonic time.
        """
        if self.phase is not Phase.READY:
            return
        for each in silent:
            if each.key not in self._subscriptions:
                continue
            row = each.live.raw if each.spoke else rows.get(each.live.conid_ex, {})
            if each.differs(row):
                since, until = self.moment(each.since), self.moment(now)
                reason = (
                    f"the gateway sent no market data of {each.live.conid_ex}, although its price "
                    "has changed"
                )
                if not each.spoke:
                    self._live_state.interrupt_one(each.key, Staleness("silent", since))
                gap = Gap(reason=reason, since=since, until=until, topic=MARKET_DATA.name)
                self.message_buffer.put(gap, until)

    @property
    def confirmed(self) -> set[str]:
        """Keys of the subscriptions that have had a message on this connection."""
        return self._confirmations.confirmed

    def command(self, text: str) -> None:
        """Queue a command of the user, which is sent as soon as the gateway is ready.

        Raises:
            InvalidRequest: the command is empty, too long or not text.
        """
        if not isinstance(text, str) or not text:
            raise InvalidRequest(
                f"a command must be text such as 'tic' that is not empty; you passed {shown(text)}"
            )
        check_command(text)
        (self._outgoing if self.phase is Phase.READY else self._held).append(text)

    # Methods about commands and deadlines.

    def _send(self, key: str, now: float) -> None:
        self._outgoing.append(self._subscriptions.command(key))
        self._confirmations.add(key, now)

    def next_outgoing(self, now: float) -> str | Secret | None:
        """Return the next command to send, and remove it from the queue; None without one."""
        if self._tokens:
            return self._tokens.popleft()
        if self.phase is not Phase.READY:
            return None
        if now >= self._next_tic:
            self._next_tic = now + self._timing.tic_interval
            self._outgoing.append("tic")
        for key in self._confirmations.due(now):
            if self._confirmations.still_heard(key, now):
                continue
            if self._confirmations.stops(key, now):
                reason = f"the gateway has stopped sending messages for s{key}"
                self._report_gap(key, reason, now)
            if key == ORDERS.key:
                self._subscribe_to_orders_again(now)
                continue
            if self._confirmations.falls_silent(key):
                reason = f"the gateway has sent nothing for s{key} after two subscriptions"
                self._report_gap(key, reason, now)
            self._send(key, now)
            if key == TRADES.key:
                self.execution_check.interrupt(self.moment(now).timestamp())
                self.execution_check.start(now, self._timing.confirm_after)
        return self._outgoing.popleft() if self._outgoing else None

    def advance(self, now: float, wall: float) -> float:
        """Do the work that is due; return the seconds to wait before the next call.

        If a message comes before that time, call this method again after processing the message.
        """
        timing = self._timing
        phase = self.phase
        if phase is Phase.BACKOFF:
            pause = self._reconnection.left(now)
            if not pause:
                self._reconnection.attempt()
                self._move(Event.DUE, now)
            return pause
        if phase is Phase.WAITING:
            patience = self._readiness.advance(now)
            if patience is None:
                self.lost(f"no system message came within {timing.queue_limit:g} s", now, wall)
            return patience or 0.0
        if phase is Phase.READY:
            self._look_for_silence(now)
            left = self.last_heard + timing.silence_limit - now
            if left <= 0:
                self.lost(
                    f"no message came for {timing.silence_limit:g} s, not even a heartbeat: "
                    "the connection is dead",
                    now,
                    wall,
                )
                return 0.0
            # `confirm_after` limits the wait, because a subscription added meanwhile may have to be
            # repeated after that time.
            return max(
                min(
                    left,
                    self._next_tic - now,
                    self._confirmations.next_due - now,
                    timing.confirm_after,
                ),
                0.0,
            )
        return 0.0


def _unknown(reason: str) -> str:
    return f"the orders are not known: {reason}; wait with ws.orders.wait(timeout=...)"


def _asks_for_session(message: Message) -> bool:
    return isinstance(message, Other) and message.payload == {"message": "waiting for session"}
