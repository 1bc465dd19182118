"""Storms: random faults, injected at regular intervals. The same seed gives the same faults."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from .plan import Injected

StormKind = Literal[
    "fail",
    "drop_before",
    "drop_during",
    "drop_after",
    "slow",
    "silence",
    "penalty",
    "restart",
    "logout",
    "ws_silence",
    "ws_close",
    "ws_drop",
    "ws_half_open",
    "ws_fragment",
    "ws_oversize",
    "end_market_data",
]
"""Kinds of random faults."""

CALM: tuple[StormKind, ...] = (
    "fail",
    "drop_before",
    "drop_during",
    "drop_after",
    "slow",
    "ws_close",
    "ws_drop",
    "ws_fragment",
    "end_market_data",
)
"""The default kinds of a storm: faults that pass by themselves and need no new login."""

EVERY_KIND: tuple[StormKind, ...] = (
    *CALM,
    "silence",
    "penalty",
    "restart",
    "logout",
    "ws_silence",
    "ws_half_open",
    "ws_oversize",
)
_ON_STREAMS = frozenset(kind for kind in EVERY_KIND if kind.startswith("ws_")) | {"end_market_data"}


class Storm:
    """A running storm of random faults; `injected` and `counts` report the faults so far.

    The storm ends when you call `stop`, or at the end of a `with` block.

    Attributes:
        seed: seed of the random faults.
        one_in: 10 means a fault at every tenth request, and 1 a fault at every request.
        requests: how many requests have arrived during the storm.
    """

    def __init__(
        self, seed: int, one_in: int, kinds: Sequence[StormKind], end: Callable[[Storm], None]
    ) -> None:
        if one_in < 1:
            msg = "one_in must be at least 1"
            raise ValueError(msg)
        unknown = [kind for kind in kinds if kind not in EVERY_KIND]
        if unknown or not kinds:
            msg = f"kinds must be some of {', '.join(EVERY_KIND)}; not {unknown or 'none'}"
            raise ValueError(msg)
        self.seed: int = seed
        self.one_in: int = one_in
        self.requests: int = 0
        self._kinds: tuple[StormKind, ...] = tuple(kinds)
        self._random = random.Random(f"{seed}/storm")
        self._lock = threading.Lock()
        self._injected: list[Injected] = []
        self._end = end

    def __repr__(self) -> str:
        return (
            f"<Storm seed {self.seed}, one in {self.one_in}: {len(self._injected)} faults "
            f"in {self.requests} requests>"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop injecting faults."""
        self._end(self)

    @property
    def injected(self) -> list[Injected]:
        """The faults that the storm has injected so far, in order."""
        with self._lock:
            return list(self._injected)

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of faults that the storm has injected, by kind."""
        return Counter(each.kind for each in self.injected)

    def draw(self, *, streams: bool) -> StormKind | None:
        """Count a request; at every `one_in`-th request, return a random kind of fault, else None.

        Args:
            streams: whether a WebSocket is open. If False, no fault of WebSockets is drawn.
        """
        with self._lock:
            self.requests += 1
            if self.requests % self.one_in:
                return None
            kinds: list[StormKind] = [
                kind for kind in self._kinds if streams or kind not in _ON_STREAMS
            ]
            return self._random.choice(kinds) if kinds else None

    def note(self, injected: Injected) -> None:
        """Add an injected fault to the storm's report."""
        with self._lock:
            self._injected.append(injected)
