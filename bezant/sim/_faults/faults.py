"""Faults on demand: methods with which a test makes the simulated gateway fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .._state.session import LoginStyle, check_style

# These imports are needed at run time and not only by type checkers: the control endpoint reads
# the types of the methods' parameters.
from .plan import Fault, FaultKind, Injected, Plan, Taken, When
from .storm import CALM, Storm, StormKind
from .stream import REFUSED, FaultTargets, StreamFaults

if TYPE_CHECKING:
    from collections.abc import Callable


_STORM_DELAY = 0.05
_STORM_PENALTY = 0.5
_STORM_OUTAGE = 0.05
_STORM_PIECES = 3


class Faults(StreamFaults):
    """Faults on demand and at random, and a record of those that happened.

    Some methods, such as `fail_next`, add a fault that waits for requests. Such a fault hits the
    requests whose path ends with `path` (empty for all) and whose HTTP method is `method` (None for
    any). A WebSocket handshake counts as a `GET` of `/ws`. If several waiting faults match a
    request, the fault that was added first hits it. The faults of the other methods, such as
    `restart`, happen at once.

    The methods of both kinds return a `Fault`, whose `hits` counts how often the fault has
    happened. All methods are thread-safe. Seconds are real seconds, except for penalties, which
    follow the gateway's clock.
    """

    def __init__(self, targets: FaultTargets, plan: Plan) -> None:
        super().__init__(targets, plan)
        self._storm: Storm | None = None

    def __repr__(self) -> str:
        return f"<Faults {len(self.waiting)} waiting, {len(self.happened)} happened>"

    # ---------------------------------------------------------------- record

    @property
    def waiting(self) -> list[Fault]:
        """The faults that still wait for requests."""
        return self._plan.waiting

    @property
    def happened(self) -> list[Injected]:
        """The last 100,000 faults that happened, oldest first."""
        return self._plan.happened

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of faults that happened, by kind."""
        return self._plan.counts

    def count(self, kind: FaultKind) -> int:
        """Return how often faults of a kind have happened."""
        return self.counts.get(kind, 0)

    def clear(self) -> None:
        """Cancel all waiting faults, the storm and all penalties; keep the record of faults.

        Connections that a fault has silenced stay silent, as they do on IBKR's gateway.
        """
        self._storm = None
        self._plan.clear()
        self._targets.pacing.release()
        for connection in self._targets.streams():
            connection.call_off()

    def forget(self) -> None:
        """Cancel all waiting faults, the storm and all penalties; clear the record of faults."""
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
        """Respond to the next matching requests with an error.

        The requests have no effect. WebSocket handshakes count as requests.

        Args:
            path: the fault hits requests whose path ends with this text.
            status: the HTTP status of the response.
            body: the body of the response.
            times: how many requests the fault hits.
            headers: headers of the response, besides
                `Content-Type: application/json; charset=utf-8`.
            method: HTTP method of the requests to hit; None for any.

        Raises:
            ValueError: `times` is less than 1.
        """
        response = (status, body, dict(headers or {}))
        fault = Fault("fail", path=path, method=method, times=times, response=response)
        return self._plan.add(fault)

    def drop_next(
        self,
        path: str = "",
        *,
        times: int = 1,
        when: When = "before",
        method: str | None = None,
    ) -> Fault:
        """Break the connections of the next matching requests.

        Args:
            path: the fault hits requests whose path ends with this text; empty for all.
            times: how many requests the fault hits.
            when: `before`: a TCP reset; the request has no effect. `during`: the request has its
                effect, and half of the response is sent. `after`: the request has its effect, and a
                TCP reset loses the response.
            method: HTTP method of the requests to hit; None for any.

        Raises:
            ValueError: `times` is less than 1, or `when` has another value.
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
        """Never respond to the next matching requests, and keep their connections open.

        IBKR's gateway does this when it has lost its connection to IBKR's servers.

        Args:
            path: the fault hits requests whose path ends with this text; empty for all.
            times: how many requests the fault hits; None for every request until `clear`.
            when: `before`: the request has no effect. `during`: the request has its effect, and
                half of the response is sent. `after`: the request has its effect, and nothing is
                sent.
            method: HTTP method of the requests to hit; None for any.

        Raises:
            ValueError: `times` is less than 1, or `when` has another value.
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
        """Wait before handling the next matching requests.

        A request still has its effect if the client gives up during the delay.

        Args:
            seconds: length of the delay.
            path: the fault hits requests whose path ends with this text; empty for all.
            times: how many requests the fault hits; None for every request until `clear`.
            method: HTTP method of the requests to hit; None for any.

        Raises:
            ValueError: `times` is less than 1, or `seconds` is negative.
        """
        return self._plan.add(Fault("slow", path=path, method=method, times=times, seconds=seconds))

    def penalise(self, seconds: float = 600.0) -> Fault:
        """Respond with 429 to all requests for a while.

        IBKR does this to a client that has exceeded a rate limit.

        Args:
            seconds: duration of the penalty. Each further call doubles the duration, or multiplies
                it by the `growth` given to `enforce_pacing`.

        Raises:
            ValueError: `seconds` is 0 or negative.
        """
        fault = Fault("penalty", seconds=self._targets.pacing.penalise(seconds))
        self._plan.note(fault)
        return fault

    def end_questions(self) -> Fault:
        """Let every request end the unanswered questions about orders.

        IBKR's documentation says that other requests before the reply cancel the order. Without
        this fault only other orders do, as clients have observed. Replies to questions end nothing.
        """
        return self._plan.add(Fault("end_questions", times=None))

    # ---------------------------------------------------------------- faults of the gateway itself

    def refuse(self, seconds: float = 0.2) -> Fault:
        """Drop all connections, and refuse new ones for a while. The session stays logged in.

        Args:
            seconds: how long the gateway refuses new connections.

        Raises:
            ValueError: `seconds` is negative.
        """
        fault = Fault("refuse", seconds=seconds)
        self._targets.interrupt(seconds)
        self._plan.note(fault)
        return fault

    def restart(self, seconds: float = 0.0, style: LoginStyle = "redirect") -> Fault:
        """Restart the gateway: drop all connections and end the login.

        Call `SimulatedGateway.login` to log in again.

        Args:
            seconds: how long the gateway refuses new connections.
            style: how the gateway responds to API calls until the next login; one of the styles
                of `SimulatedGateway.logout`.

        Raises:
            ValueError: `seconds` is negative, or `style` is unknown.
        """
        check_style(style)
        fault = Fault("restart", seconds=seconds)
        self._targets.interrupt(seconds)
        self._targets.logout(style)
        self._plan.note(fault)
        return fault

    # ---------------------------------------------------------------- random faults (storms)

    def storm(self, seed: int = 0, one_in: int = 10, kinds: Sequence[StormKind] = CALM) -> Storm:
        """Begin a storm: inject a random fault at every `one_in`-th request.

        The storm ends with `Storm.stop`, `clear` or the next call of `storm`. The same seed draws
        the same faults; `Storm.injected` lists the faults so far.

        Args:
            seed: seed of the random faults.
            one_in: 10 means a fault at every tenth request, and 1 a fault at every request.
            kinds: the kinds of faults to draw from. After faults of the default kinds, the client
                can continue without a new login.

        Raises:
            ValueError: `one_in` is less than 1, or a kind is not known.
        """
        self._storm = Storm(seed, one_in, kinds, self._end_storm)
        return self._storm

    def _end_storm(self, storm: Storm) -> None:
        if self._storm is storm:
            self._storm = None

    def take_command(self, topic: str) -> str:
        """Return what happens to a subscription that has just arrived.

        Returns:
            `refused` or `ignored` if a fault hits the subscription; otherwise an empty string.
        """
        fault = self._plan.take("WS", f"/v1/api/ws/{topic}").fault
        if fault is None:
            return ""
        return "refused" if fault.response[0] == REFUSED else "ignored"

    def take_question(self, method: str, path: str, end: Callable[[], int]) -> None:
        """End the unanswered questions if a request does so, and count it.

        Args:
            method: HTTP method of the request.
            path: path of the request.
            end: ends the questions; returns how many there were.
        """
        fault = self._plan.switched("end_questions")
        if fault is not None and "/iserver/reply/" not in path and end():
            self._plan.note(fault, method, path)

    def take(self, method: str, path: str) -> Taken:
        """Return the faults that hit a request, and count them; to be called when it arrives."""
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
    "ws_refuse",
    "end_market_data",
    "end_questions",
    "quiet_contract",
    "limit_lines",
)
"""Names of the methods of `Faults` that cause a fault."""
