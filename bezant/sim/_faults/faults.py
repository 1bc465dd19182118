"""Faults on demand: what can be made to go wrong with a simulated gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .._state.session import LoginStyle, check_style

# Not for type checkers alone: the control endpoint reads the types of parameters.
from .plan import Fault, FaultKind, Injected, Taken, When
from .storm import CALM, Storm, StormKind
from .stream import FaultTargets, StreamFaults

if TYPE_CHECKING:
    from collections.abc import Callable


_STORM_DELAY = 0.05
_STORM_PENALTY = 0.5
_STORM_OUTAGE = 0.05
_STORM_PIECES = 3


class Faults(StreamFaults):
    """What can be made to go wrong, and what has.

    Faults that hit requests are named by what the path ends with (`path`, empty for every path) and
    by the method (None for any); a WebSocket's handshake is a `GET` of `/ws`. They wait until a
    request comes, in the order in which they were asked for. The others happen at once.

    Each method returns a `Fault`, whose `hits` counts how often it has happened. Any thread may
    call them. Seconds are real ones, but for penalties, which keep to the gateway's clock.
    """

    def __init__(self, targets: FaultTargets) -> None:
        super().__init__(targets)
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
        """What went wrong so far, in order; the last 100,000."""
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
        self._targets.pacing.release()
        for connection in self._targets.streams():
            connection.call_off()

    def forget(self) -> None:
        """Call everything off, and forget what happened."""
        self.clear()
        self._plan.forget()

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
        fault = Fault("penalty", seconds=self._targets.pacing.penalise(seconds))
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
        self._targets.interrupt(seconds)
        self._plan.note(fault)
        return fault

    def restart(self, seconds: float = 0.0, style: LoginStyle = "redirect") -> Fault:
        """End and start anew: all connections drop, and nobody is logged in until `login`.

        Args:
            seconds: How long connections are refused meanwhile.
            style: How API calls are answered until somebody logs in; see `logout`.

        Raises:
            ValueError: If `seconds` is negative, or there is no such style.
        """
        check_style(style)
        fault = Fault("restart", seconds=seconds)
        self._targets.interrupt(seconds)
        self._targets.logout(style)
        self._plan.note(fault)
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
        kind = storm.draw(streams=bool(self._targets.streams())) if storm is not None else None
        if storm is None or kind is None:
            return self._plan.take(method, path)
        return self._strike(storm, kind, method, path)

    def _strike(self, storm: Storm, kind: StormKind, method: str, path: str) -> Taken:
        fault = _HITTING.get(kind, lambda: None)()
        if fault is not None:
            storm.note(self._plan.note(fault, method, path))
            return Taken(fault.seconds) if fault.kind == "slow" else Taken(0.0, fault)
        known = self._plan.number
        self._at_once(kind)
        for injected in self._plan.since(known):
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
                self._targets.logout("redirect")
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

ON_DEMAND = (
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
)
"""The methods of `Faults` that make something go wrong."""
