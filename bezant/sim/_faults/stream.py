"""Faults of WebSockets, and access to the parts of the gateway that faults act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._state.session import LoginStyle, check_style

# These imports are needed at run time and not only by type checkers: the control endpoint reads
# the types of the methods' parameters.
from .plan import Fault, FaultKind, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .._limits.enforcement import Pacing
    from .._stream.connection import WsConnection


REFUSED = 500
"""Code of a refused subscription."""


@dataclass(frozen=True, slots=True)
class FaultTargets:
    """Parts of the simulated gateway that faults act on.

    Attributes:
        streams: function that returns the open WebSockets.
        run: function that runs a coroutine on the event loop of the server. The function waits
            until the coroutine has ended, except if the function is called on that loop.
        interrupt: function that drops all connections and refuses new ones for a number of seconds.
        logout: function that ends the login.
        pacing: the rate limits and their penalties.
    """

    streams: Callable[[], list[WsConnection]]
    run: Callable[[Coroutine[Any, Any, None]], None]
    interrupt: Callable[[float], None]
    logout: Callable[[LoginStyle], None]
    pacing: Pacing


class StreamFaults:
    """Methods with which a test makes open WebSockets fail."""

    def __init__(self, targets: FaultTargets, plan: Plan) -> None:
        self._targets = targets
        self._plan = plan

    def logout_after(self, messages: int, style: LoginStyle = "redirect") -> Fault:
        """End the login when the gateway has sent `messages` more messages on a WebSocket.

        Args:
            messages: number of further messages. They are counted separately on each WebSocket that
                is open now; the login ends when one of the counts reaches this number.
            style: how the gateway responds to API calls from then on; one of the styles of
                `SimulatedGateway.logout`.

        Raises:
            ValueError: `messages` is less than 1, or `style` is unknown.
        """
        check_style(style)
        if messages < 1:
            msg = "messages must be at least 1; to end the login now there is gateway.logout()"
            raise ValueError(msg)
        fault = Fault("logout")

        def lose() -> None:
            if fault.waiting:
                self._plan.note(fault, "GET", "/v1/api/ws")
                self._targets.logout(style)

        for connection in self._targets.streams():
            connection.call_after(messages, lose)
        return fault

    def ws_silence(self) -> Fault:
        """Stop sending messages on all open WebSockets. They stay open and answer pings."""
        return self._on_streams("ws_silence", lambda each: each.go_silent())

    def ws_close(self, code: int = 1000, reason: str = "") -> Fault:
        """Close every open WebSocket.

        Args:
            code: the close code. IBKR's gateway always sends 1000.
            reason: the close reason. IBKR's gateway never sends one.
        """
        return self._on_streams("ws_close", lambda each: each.end(code, reason))

    def ws_drop(self) -> Fault:
        """Abort the TCP connection of every open WebSocket without a Close frame."""
        return self._on_streams("ws_drop", lambda each: each.break_off())

    def ws_half_open(self) -> Fault:
        """Make every open WebSocket half-open: TCP stays up, but nothing is read or sent."""
        return self._on_streams("ws_half_open", lambda each: each.go_deaf())

    def ws_fragment(self, times: int = 1, pieces: int = 3) -> Fault:
        """Split the next messages, and send each piece as a separate WebSocket message.

        IBKR's gateway does this to a message that reaches it in several frames.

        Args:
            times: how many messages to split on each open WebSocket.
            pieces: number of pieces of each message.

        Raises:
            ValueError: `times` is less than 1, or `pieces` less than 2.
        """
        if times < 1 or pieces < 2:
            msg = "times must be at least 1, and pieces at least 2"
            raise ValueError(msg)
        return self._on_streams("ws_fragment", lambda each: each.go_to_pieces(times, pieces))

    def ws_oversize(self, *, cut: bool = False) -> Fault:
        """Send a message of more than 64 KiB on every open WebSocket.

        Args:
            cut: False: drop the message and close the WebSocket with code 1000, as IBKR's gateway
                does with a frame of this length. True: cut the message into frames of 64 KiB, each
                of which arrives as a separate message.
        """
        return self._on_streams("ws_oversize", lambda each: each.send_oversized(cut=cut))

    def ws_flood(self, messages: int = 200_000) -> Fault:
        """Begin to send market data on every open WebSocket as fast as the client accepts it.

        The messages are quotes of the contracts that the client has subscribed to, or of the first
        simulated contract. The fault's `hits` counts the messages sent so far.

        Args:
            messages: how many messages to send on each WebSocket.

        Raises:
            ValueError: `messages` is less than 1.
        """
        if messages < 1:
            msg = "messages must be at least 1"
            raise ValueError(msg)
        fault = Fault("ws_flood", times=None)
        for connection in self._targets.streams():
            connection.flood(messages, lambda count: self._plan.count(fault, count))
            self._plan.note(fault, "GET", connection.path, times=0)
        return fault

    def ws_refuse(self, topic: str = "sor", times: int = 1, *, silent: bool = False) -> Fault:
        """Refuse the next subscriptions to a topic, as IBKR does after some reconnections.

        Args:
            topic: the command that subscribes, such as `sor` or `smd`.
            times: how many subscriptions to refuse.
            silent: False: respond to the subscription with an error. True: do not respond at all.

        Raises:
            ValueError: `times` is less than 1.
        """
        response = (0 if silent else REFUSED, b"", dict[str, str]())
        path = f"/ws/{topic}"
        fault = Fault("ws_refuse", path=path, method="WS", times=times, response=response)
        return self._plan.add(fault)

    def end_market_data(self, conid: int | None = None) -> Fault:
        """End market data subscriptions before their time, without telling the client.

        IBKR ends subscriptions without a message, too.

        Args:
            conid: the contract whose subscriptions end; None for all contracts.
        """
        return self._on_streams("end_market_data", lambda each: each.end_market_data(conid))

    def quiet_contract(self, conid: int | None = None) -> Fault:
        """Send no market data of a contract on any WebSocket, until the fault is cancelled.

        Snapshots still return its prices. Users have seen this at IBKR, without any message.

        Args:
            conid: the contract; None for all contracts.
        """
        return self._plan.add(Fault("quiet_contract", times=None, number=conid or 0))

    def limit_lines(self, lines: int = 100) -> Fault:
        """Limit the contracts that have market data at the same time.

        A contract beyond the limit gets a row without values in a snapshot, and nothing on a
        WebSocket, until the client unsubscribes from another contract.

        Args:
            lines: the number of market data lines.

        Raises:
            ValueError: `lines` is less than 1.
        """
        if lines < 1:
            msg = "lines must be at least 1"
            raise ValueError(msg)
        return self._plan.add(Fault("limit_lines", times=None, number=lines))

    def _on_streams(
        self, kind: FaultKind, work: Callable[[WsConnection], Coroutine[Any, Any, None]]
    ) -> Fault:
        """Run `work` for every open WebSocket, and count each in the `hits` of the fault.

        Args:
            kind: kind of the fault.
            work: function that returns the coroutine to run for a WebSocket.
        """
        fault = Fault(kind, times=None)
        for connection in self._targets.streams():
            self._targets.run(work(connection))
            self._plan.note(fault, "GET", connection.path)
        fault.cancel()
        return fault
