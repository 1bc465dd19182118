"""Faults on demand: what can be made to go wrong with a simulated gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bezant.sim._fault_plan import Fault, Plan, Taken
from bezant.sim._storm import CALM, Storm, StormKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from bezant.sim._enforcer import Pacing
    from bezant.sim._fault_plan import FaultKind, Injected, When
    from bezant.sim._session import LoginStyle
    from bezant.sim._ws import WsConnection

_STORM_DELAY = 0.05
_STORM_PENALTY = 0.5
_STORM_OUTAGE = 0.05
_STORM_PIECES = 3


@dataclass(frozen=True, slots=True)
class Ground:
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


class Faults:
    """What can be made to go wrong, and what has.

    Faults that hit requests are named by what the path ends with (`path`, empty for every path) and
    by the method (None for any); a WebSocket's handshake is a `GET` of `/ws`. They wait until a
    request comes, in the order in which they were asked for. The others happen at once.

    Each method returns a `Fault`, whose `hits` counts how often it has happened. Any thread may
    call them. Seconds are real ones, but for penalties, which keep to the gateway's clock.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._plan = Plan()
        self._storm: Storm | None = None

    def __repr__(self) -> str:
        return f"<Faults {len(self.waiting)} waiting, {len(self.happened)} happened>"

    # ---------------------------------------------------------------- what happened

    @property
    def waiting(self) -> list[Fault]:
        """The faults that will hit more requests."""
        return self._plan.waiting

    @property
    def happened(self) -> list[Injected]:
        """What went wrong so far, in order."""
        return self._plan.happened

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each kind of fault happened."""
        return self._plan.counts

    def count(self, kind: FaultKind) -> int:
        """Return how often a kind of fault happened."""
        return self.counts.get(kind, 0)

    def clear(self) -> None:
        """Call off the faults that wait, the storm and penalties; what happened stays on record.

        Connections that were silenced stay so: on the real gateway they do not recover either.
        """
        self._storm = None
        self._plan.clear()
        self._ground.pacing.release()
        for connection in self._ground.streams():
            connection.call_off()

    # ---------------------------------------------------------------- requests

    def fail_next(
        self,
        path: str,
        status: int = 503,
        body: bytes = b"",
        times: int = 1,
        headers: dict[str, str] | None = None,
        *,
        method: str | None = None,
    ) -> Fault:
        """Answer the next requests to a path with an error; WebSocket handshakes too.

        Args:
            path: What the path ends with.
            status: The status to answer with.
            body: The body to answer with.
            times: How many requests are answered so.
            headers: Headers to add to `Content-Type: application/json; charset=utf-8`.
            method: The HTTP method; None for any.

        Raises:
            ValueError: If `times` is less than 1.
        """
        answer = (status, body, dict(headers or {}))
        return self._plan.add(Fault("fail", path=path, method=method, times=times, answer=answer))

    def drop_next(
        self,
        path: str = "",
        *,
        times: int = 1,
        when: When = "before",
        method: str | None = None,
    ) -> Fault:
        """Break the connection of the next requests.

        Args:
            path: What the path ends with.
            times: How many requests are hit.
            when: `before`: a TCP reset, and the request has no effect. `during`: it has, and half
                of the answer is sent. `after`: it has, and the answer is lost in a TCP reset.
            method: The HTTP method; None for any.

        Raises:
            ValueError: If `times` is less than 1, or `when` is something else.
        """
        return self._plan.add(Fault("drop", path=path, method=method, times=times, when=when))

    def silence(
        self,
        path: str = "",
        *,
        times: int | None = None,
        when: When = "before",
        method: str | None = None,
    ) -> Fault:
        """Never answer, and keep the connection open, as the real gateway does without a backend.

        Args:
            path: What the path ends with.
            times: How many requests are hit; None for all until `clear`.
            when: `before`: the request has no effect. `during`: it has, and half of the answer is
                sent. `after`: it has, and nothing is sent.
            method: The HTTP method; None for any.

        Raises:
            ValueError: If `times` is less than 1, or `when` is something else.
        """
        return self._plan.add(Fault("silence", path=path, method=method, times=times, when=when))

    def slow(
        self,
        seconds: float,
        path: str = "",
        *,
        times: int | None = None,
        method: str | None = None,
    ) -> Fault:
        """Wait before requests are handled. A client that gives up meanwhile cancels nothing.

        Args:
            seconds: How long.
            path: What the path ends with.
            times: How many requests are hit; None for all until `clear`.
            method: The HTTP method; None for any.

        Raises:
            ValueError: If `times` is less than 1, or `seconds` negative.
        """
        return self._plan.add(Fault("slow", path=path, method=method, times=times, seconds=seconds))

    def penalise(self, seconds: float = 600.0) -> Fault:
        """Answer 429 to everything for a while, as IBKR does to an address that broke a limit.

        Args:
            seconds: How long; doubled with each repetition.

        Raises:
            ValueError: If `seconds` is not more than 0.
        """
        fault = Fault("penalty", seconds=self._ground.pacing.penalise(seconds))
        self._plan.note(fault)
        return fault

    # ---------------------------------------------------------------- the gateway itself

    def refuse(self, seconds: float = 0.2) -> Fault:
        """Drop all connections, and refuse new ones for a while. The session stays as it is.

        Args:
            seconds: How long.

        Raises:
            ValueError: If `seconds` is negative.
        """
        fault = Fault("refuse", seconds=seconds)
        self._ground.interrupt(seconds)
        self._plan.note(fault)
        return fault

    def restart(self, seconds: float = 0.0, style: LoginStyle = "redirect") -> Fault:
        """End and start anew: all connections drop, and nobody is logged in until `login`.

        Args:
            seconds: How long connections are refused meanwhile.
            style: How API calls are answered until somebody logs in; see `logout`.

        Raises:
            ValueError: If `seconds` is negative.
        """
        fault = Fault("restart", seconds=seconds)
        self._ground.interrupt(seconds)
        self._ground.logout(style)
        self._plan.note(fault)
        return fault

    def logout_after(self, messages: int, style: LoginStyle = "redirect") -> Fault:
        """End the login in mid-stream: when so many more messages were sent over a WebSocket.

        Args:
            messages: How many, on any one of the WebSockets that are open now.
            style: How API calls are answered from then on; see `logout`.

        Raises:
            ValueError: If `messages` is less than 1.
        """
        if messages < 1:
            msg = "messages must be at least 1; to end the login now there is gateway.logout()"
            raise ValueError(msg)
        fault = Fault("logout")

        def lose() -> None:
            if fault.waiting:
                self._plan.note(fault, "GET", "/v1/api/ws")
                self._ground.logout(style)

        for connection in self._ground.streams():
            connection.call_after(messages, lose)
        return fault

    # ---------------------------------------------------------------- WebSockets

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
        for connection in self._ground.streams():
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
        for connection in self._ground.streams():
            self._ground.run(work(connection))
            self._plan.note(fault, "GET", connection.path)
        fault.cancel()
        return fault

    # ---------------------------------------------------------------- at random

    def storm(self, seed: int = 0, one_in: int = 10, kinds: Sequence[StormKind] = CALM) -> Storm:
        """Let something go wrong with every n-th request, until it is stopped or cleared.

        The same seed draws the same faults. What they are is in `Storm.injected`. A storm takes
        the place of the one before.

        Args:
            seed: What faults are drawn from.
            one_in: Every how many requests something goes wrong; 1 for each.
            kinds: What may go wrong. By default nothing that needs a new login or that lasts.

        Raises:
            ValueError: If `one_in` is less than 1 or a kind is not known.
        """
        self._storm = Storm(seed, one_in, kinds, self._end_storm)
        return self._storm

    def _end_storm(self, storm: Storm) -> None:
        if self._storm is storm:
            self._storm = None

    def take(self, method: str, path: str) -> Taken:
        """Return what hits a request that has just arrived."""
        storm = self._storm
        kind = storm.draw(streams=bool(self._ground.streams())) if storm is not None else None
        if storm is None or kind is None:
            return self._plan.take(method, path)
        return self._strike(storm, kind, method, path)

    def _strike(self, storm: Storm, kind: StormKind, method: str, path: str) -> Taken:
        fault = _HITTING.get(kind, lambda: None)()
        if fault is not None:
            storm.note(self._plan.note(fault, method, path))
            return Taken(fault.seconds) if fault.kind == "slow" else Taken(0.0, fault)
        known = len(self.happened)
        self._at_once(kind)
        for injected in self.happened[known:]:
            storm.note(injected)
        return self._plan.take(method, path)

    def _at_once(self, kind: StormKind) -> None:
        match kind:
            case "penalty":
                self.penalise(_STORM_PENALTY)
            case "restart":
                self.restart(_STORM_OUTAGE)
            case "logout":
                self._plan.note(Fault("logout"))
                self._ground.logout("redirect")
            case "ws_silence":
                self.ws_silence()
            case "ws_close":
                self.ws_close()
            case "ws_drop":
                self.ws_drop()
            case "ws_half_open":
                self.ws_half_open()
            case "ws_fragment":
                self.ws_fragment(_STORM_PIECES)
            case "ws_oversize":
                self.ws_oversize()
            case _:
                self.end_market_data()


_HITTING: dict[str, Callable[[], Fault]] = {
    "fail": lambda: Fault("fail"),
    "drop_before": lambda: Fault("drop", when="before"),
    "drop_during": lambda: Fault("drop", when="during"),
    "drop_after": lambda: Fault("drop", when="after"),
    "slow": lambda: Fault("slow", seconds=_STORM_DELAY),
    "silence": lambda: Fault("silence"),
}

FaultName = Literal[
    "fail_next",
    "drop_next",
    "silence",
    "slow",
    "penalise",
    "refuse",
    "restart",
    "logout_after",
    "ws_silence",
    "ws_close",
    "ws_drop",
    "ws_half_open",
    "ws_fragment",
    "ws_oversize",
    "ws_flood",
    "end_market_data",
]
"""The methods of `Faults` that make something go wrong."""
