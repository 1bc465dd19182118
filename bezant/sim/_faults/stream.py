"""Faults of WebSockets, and what all faults take hold of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._state.session import LoginStyle, check_style

# Not for type checkers alone: the control endpoint reads the types of parameters.
from .plan import Fault, FaultKind, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from .._limits.enforcement import Pacing
    from .._stream.connection import WsConnection


@dataclass(frozen=True, slots=True)
class FaultTargets:
    """What faults take hold of.

    Attributes:
        streams: Returns the WebSockets that are open.
        run: Runs a coroutine on the server's loop; waits for it, unless it is called there.
        interrupt: Drops all connections and takes none for so many seconds.
        logout: Ends the login.
        pacing: Where penalties are kept.
    """

    streams: Callable[[], list[WsConnection]]
    run: Callable[[Coroutine[Any, Any, None]], None]
    interrupt: Callable[[float], None]
    logout: Callable[[LoginStyle], None]
    pacing: Pacing


class StreamFaults:
    """What can be made to go wrong with WebSockets."""

    def __init__(self, targets: FaultTargets) -> None:
        self._targets = targets
        self._plan = Plan()

    def logout_after(self, messages: int, style: LoginStyle = "redirect") -> Fault:
        """End the login in mid-stream: when so many more messages were sent over a WebSocket.

        Args:
            messages: How many, on any one of the WebSockets that are open now.
            style: How API calls are answered from then on; see `logout`.

        Raises:
            ValueError: If `messages` is less than 1, or there is no such style.
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
        """Send nothing more on any open WebSocket; each stays open, and answers pings."""
        return self._on_streams("ws_silence", lambda each: each.go_silent())

    def ws_close(self, code: int = 1000, reason: str = "") -> Fault:
        """Close every open WebSocket; the real gateway says 1000 without a reason for any cause.

        Args:
            code: The close code.
            reason: The close reason.
        """
        return self._on_streams("ws_close", lambda each: each.end(code, reason))

    def ws_drop(self) -> Fault:
        """Break the TCP connection of every open WebSocket without a Close frame."""
        return self._on_streams("ws_drop", lambda each: each.break_off())

    def ws_half_open(self) -> Fault:
        """Let every open WebSocket go dead: TCP stays up, nothing is read, nothing answers."""
        return self._on_streams("ws_half_open", lambda each: each.go_deaf())

    def ws_fragment(self, times: int = 1, pieces: int = 3) -> Fault:
        """Send the next messages in pieces, each as a message of its own, as the gateway does.

        Args:
            times: How many messages of each open WebSocket.
            pieces: In how many pieces.

        Raises:
            ValueError: If `times` is less than 1, or `pieces` less than 2.
        """
        if times < 1 or pieces < 2:
            msg = "times must be at least 1, and pieces at least 2"
            raise ValueError(msg)
        return self._on_streams("ws_fragment", lambda each: each.go_to_pieces(times, pieces))

    def ws_oversize(self, *, cut: bool = False) -> Fault:
        """Send a message of more than 64 KiB on every open WebSocket.

        Args:
            cut: False: it comes as one frame, over which the gateway closes the connection (1000).
                True: it comes in frames of 64 KiB, which the gateway passes on as messages.
        """
        return self._on_streams("ws_oversize", lambda each: each.send_oversized(cut=cut))

    def ws_flood(self, messages: int = 200_000) -> Fault:
        """Send market data as fast as every open WebSocket takes it; returns at once.

        It is quotes of the contracts that are subscribed to, or else of the first one that the
        gateway knows. `hits` of the fault counts the messages that were sent so far.

        Args:
            messages: How many on each.

        Raises:
            ValueError: If `messages` is less than 1.
        """
        if messages < 1:
            msg = "messages must be at least 1"
            raise ValueError(msg)
        fault = Fault("ws_flood", times=None)
        for connection in self._targets.streams():
            connection.flood(messages, lambda count: self._plan.count(fault, count))
            self._plan.note(fault, "GET", connection.path, times=0)
        return fault

    def end_market_data(self, conid: int | None = None) -> Fault:
        """End market data subscriptions before their time; no message says so, as on the wire.

        Args:
            conid: The contract; None for all.
        """
        return self._on_streams("end_market_data", lambda each: each.end_market_data(conid))

    def _on_streams(
        self, kind: FaultKind, work: Callable[[WsConnection], Coroutine[Any, Any, None]]
    ) -> Fault:
        """Do something to every open WebSocket; each counts."""
        fault = Fault(kind, times=None)
        for connection in self._targets.streams():
            self._targets.run(work(connection))
            self._plan.note(fault, "GET", connection.path)
        fault.cancel()
        return fault
