"""The faults that wait for requests, and a record of the faults that happened."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .._limits.judge import MAX_RECORDED

if TYPE_CHECKING:
    from collections.abc import Mapping

FaultKind = Literal[
    "fail",
    "drop",
    "silence",
    "slow",
    "penalty",
    "refuse",
    "restart",
    "logout",
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
]
"""Kinds of faults on demand."""

When = Literal["before", "during", "after"]
"""When a fault hits: before the request is handled, in the middle of the response, or after the
request was handled but before any byte of the response is sent."""


@dataclass(frozen=True, slots=True)
class Injected:
    """Record of one fault that happened.

    Attributes:
        kind: kind of the fault.
        when: for `drop` and `silence`, the moment when the fault hit the request; for other
            kinds always "before".
        method: HTTP method of the request that the fault hit; empty if it hit no request.
        path: path of this request, including `/v1/api`; empty if the fault hit no request.
        at: when the fault happened, as `time.monotonic()`.
        number: the fault's number among all faults that happened; the first is 1.
    """

    kind: FaultKind
    when: When
    method: str
    path: str
    at: float
    number: int

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name. The control endpoint responds with this dict."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


_SWITCHES = frozenset[FaultKind]({"end_questions", "quiet_contract", "limit_lines"})
"""Kinds that change how the gateway behaves until they are cancelled."""


class Fault:
    """A fault on demand. `hits` counts how often the fault has happened; `cancel` ends it.

    Attributes:
        kind: kind of the fault.
        path: the fault hits requests whose path ends with this text; empty for all requests.
        method: HTTP method of the requests that the fault hits; None for any.
        when: for `drop` and `silence`, the moment when the fault hits a request.
        number: the conid or the number of lines that the fault is about; 0 for all.
        hits: number of times the fault has happened.
    """

    def __init__(
        self,
        kind: FaultKind,
        *,
        path: str = "",
        method: str | None = None,
        when: When = "before",
        times: int | None = 1,
        seconds: float = 0.0,
        number: int = 0,
        response: tuple[int, bytes, dict[str, str]] = (503, b"", {}),
    ) -> None:
        if times is not None and times < 1:
            msg = "times must be at least 1, or None for every time"
            raise ValueError(msg)
        if when not in ("before", "during", "after"):
            msg = f"when must be 'before', 'during' or 'after', not {when!r}"
            raise ValueError(msg)
        if not 0 <= seconds < float("inf"):
            msg = "seconds must be 0 or more, and finite"
            raise ValueError(msg)
        self.kind: FaultKind = kind
        self.path: str = path
        self.method: str | None = method.upper() if method is not None else None
        self.when: When = when
        self.number: int = number
        self.hits: int = 0
        self.seconds: float = seconds
        self.response: tuple[int, bytes, dict[str, str]] = response
        self._left = times

    def __repr__(self) -> str:
        where = " ".join(filter(None, (self.method, self.path or "any path")))
        return f"<Fault {self.kind} {self.when}, {where}: happened {self.hits} times>"

    @property
    def waiting(self) -> bool:
        """Whether the fault still waits for a request."""
        return self._left is None or self._left > 0

    def cancel(self) -> None:
        """End the fault; it hits no further requests."""
        self._left = 0

    def fits(self, method: str, path: str) -> bool:
        """Return whether the fault still waits, and hits requests with this method and path."""
        # Commands of a WebSocket are hit by their own kind only.
        if self.kind in _SWITCHES:
            return False
        own = (self.kind == "ws_refuse") == (method == "WS")
        right = own and self.method in (None, method) and path.endswith(self.path)
        return right and self.waiting

    def hit(self, times: int = 1) -> None:
        """Count that the fault has happened `times` times."""
        self.hits += times
        if self._left is not None:
            self._left = max(0, self._left - times)


class Taken(NamedTuple):
    """The faults that hit one request: a delay in seconds, followed by a fault or None."""

    delay: float = 0.0
    fault: Fault | None = None


class Plan:
    """The faults that wait for requests, and the record of those that happened. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._happened: deque[Injected] = deque(maxlen=MAX_RECORDED)
        self._number = 0
        self._counts: Counter[str] = Counter()

    def add(self, fault: Fault) -> Fault:
        """Add a fault, which then waits for matching requests; return the same fault."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str) -> Taken:
        """Return and count the faults that hit a request.

        All waiting faults of kind `slow` that match the request hit it, and their delays add up. Of
        the other matching faults, only the one added first hits it.
        """
        delay = 0.0
        chosen: Fault | None = None
        with self._lock:
            for fault in self._faults:
                if not fault.fits(method, path) or (chosen is not None and fault.kind != "slow"):
                    continue
                if fault.kind == "slow":
                    delay += fault.seconds
                else:
                    chosen = fault
                self._note(fault, method, path)
            self._faults = [fault for fault in self._faults if fault.waiting]
        return Taken(delay, chosen)

    def note(self, fault: Fault, method: str = "", path: str = "", times: int = 1) -> Injected:
        """Record that a fault has happened `times` times, and return the new record entry."""
        with self._lock:
            return self._note(fault, method, path, times)

    def count(self, fault: Fault, times: int) -> None:
        """Count `times` more occurrences of a fault that is already in the record."""
        with self._lock:
            fault.hit(times)
            self._counts[fault.kind] += times

    def _note(self, fault: Fault, method: str, path: str, times: int = 1) -> Injected:
        fault.hit(times)
        self._counts[fault.kind] += times
        self._number += 1
        now = time.monotonic()
        injected = Injected(fault.kind, fault.when, method, path, now, self._number)
        self._happened.append(injected)
        return injected

    @property
    def waiting(self) -> list[Fault]:
        """The faults that still wait for requests."""
        with self._lock:
            return [fault for fault in self._faults if fault.waiting]

    @property
    def happened(self) -> list[Injected]:
        """The last 100,000 faults that have happened, oldest first."""
        with self._lock:
            return list(self._happened)

    def switched(self, kind: FaultKind, number: int = 0) -> Fault | None:
        """Return the fault that changes how the gateway behaves, or None if there is none.

        Args:
            kind: kind of the fault.
            number: what the fault must be about, unless it is about everything; 0 for any fault.
        """
        with self._lock:
            for each in self._faults:
                if (
                    each.kind == kind
                    and each.waiting
                    and (number in (0, each.number) or not each.number)
                ):
                    return each
        return None

    @property
    def number(self) -> int:
        """Number of faults that have been recorded, including old ones no longer in the record."""
        return self._number

    def since(self, number: int) -> list[Injected]:
        """Return the recorded faults whose number is above `number`, oldest first."""
        found: list[Injected] = []
        with self._lock:
            for each in reversed(self._happened):
                if each.number <= number:
                    break
                found.append(each)
        return found[::-1]

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of faults that have happened, by kind."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Cancel the faults that wait; keep the record of faults that happened."""
        with self._lock:
            for fault in self._faults:
                fault.cancel()
            self._faults.clear()

    def forget(self) -> None:
        """Cancel the faults that wait, and clear the record of faults that happened."""
        self.clear()
        with self._lock:
            self._happened.clear()
            self._counts.clear()
            self._number = 0
