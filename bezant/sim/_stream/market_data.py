"""WebSocket topic `smd`: market data of contracts."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from .._wire_forms.quotes import SERVICES, Quotes
from .messages import encode, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State
    from .messages import Message


@dataclass(slots=True)
class _Subscription:
    conid_ex: str
    ends: float
    sent: dict[str, Any] = field(default_factory=dict[str, Any])
    updated: bool = False


def _read(command: str, rest: str) -> tuple[str, int, set[str]] | Message:
    """Read a command to subscribe or unsubscribe.

    Args:
        command: `smd` or `umd`.
        rest: the client's command without `smd+` or `umd+`.

    Returns:
        Target, conid and field ids; if the command is invalid, the error message for the client.
    """
    target, _, options = rest.partition("+")
    try:
        conid = int(target.partition("@")[0])
        given = json.loads(options or "{}")
        wanted = {str(name) for name in cast("list[object]", given.get("fields", []))}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return error(f"Invalid arguments: {command}+{target}+{options}")
    return target, conid, wanted


class MarketData:
    """Subscriptions to market data. Each update contains only the fields that have changed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._quotes = Quotes(state)
        self._subscriptions: dict[int, _Subscription] = {}

    def begin(self, rest: str) -> Iterator[Message]:
        """Begin the subscription to a contract, and yield the contract's first values.

        Args:
            rest: the client's command without `smd+`.
        """
        read = _read("smd", rest)
        if isinstance(read, dict):
            yield read
            return
        target, conid, wanted = read
        state = self._state
        if not state.has_line(conid):
            return
        fields = state.session.fields
        fields.setdefault(conid, set()).update(wanted)
        ends = state.clock.elapsed() + state.market_data_lifetime
        subscription = self._subscriptions[conid] = _Subscription(target, ends)
        subscription.sent = self._quotes.fields(conid, fields[conid])
        values = {name: value for name, value in subscription.sent.items() if name in wanted}
        if self._is_quiet(conid):
            return
        first = self._quote(conid, subscription, values)
        # IBKR sends the first values twice; the second time, the keys are in another order.
        yield first
        yield dict(reversed(first.items()))

    def _is_quiet(self, conid: int) -> bool:
        """Return whether a fault withholds a message about a contract, and count it."""
        fault = self._state.plan.switched("quiet_contract", conid)
        if fault is not None:
            self._state.plan.note(fault, "WS", f"smd+{conid}")
        return fault is not None

    def end(self, rest: str) -> Iterator[Message]:
        """End the subscription to a contract. As at IBKR, only an invalid command gets a response.

        Args:
            rest: the client's command without `umd+`.
        """
        read = _read("umd", rest)
        if isinstance(read, dict):
            yield read
            return
        _, conid, _ = read
        self._subscriptions.pop(conid, None)
        self._state.session.fields.pop(conid, None)

    def tick(self) -> Iterator[Message]:
        """Yield the fields that have changed since the last call, one message per contract."""
        now = self._state.clock.elapsed()
        for conid, subscription in list(self._subscriptions.items()):
            if now >= subscription.ends:
                # The client gets no message about the end, because IBKR sends none, either.
                del self._subscriptions[conid]
        fields = self._state.session.fields
        rows = list(self._subscriptions.items())
        found = self._quotes.many((conid, fields.get(conid, ())) for conid, _ in rows)
        for (conid, subscription), values in zip(rows, found, strict=True):
            sent = subscription.sent
            delta = {name: new for name, new in values.items() if sent.get(name) != new}
            subscription.sent = values
            # The subscription may have ended while the previous message was sent.
            subscribed = self._subscriptions.get(conid) is subscription
            if delta and subscribed and not self._is_quiet(conid):
                quote = self._quote(conid, subscription, delta)
                quote.pop("6509", None)
                if not subscription.updated:
                    # IBKR adds field 6508 to the first update, although no client requests it.
                    subscription.updated = True
                    quote["6508"] = SERVICES
                yield quote

    def forget(self, conid: int | None) -> None:
        """End the subscription to a contract without a message; None ends all subscriptions."""
        if conid is None:
            self._subscriptions.clear()
        else:
            self._subscriptions.pop(conid, None)

    def flood(self) -> Iterator[bytes]:
        """Yield market data messages without end.

        They are for the subscribed contracts, or for the first built-in contract if there are none.
        """
        conids = sorted(self._subscriptions) or [self._state.catalogue.known[0].conid]
        for number, conid in enumerate(itertools.cycle(conids)):
            yield (
                b'{"topic":"smd+%d","conid":%d,"conidEx":"%d","_updated":%d,"server_id":"q0",'
                b'"6509":"RpB","31":"%d.%02d"}'
            ) % (conid, conid, conid, number, 100 + number % 900, number % 100)

    def oversized(self, size: int) -> bytes:
        """Return a market data message that is longer than `size` bytes."""
        conid = self._state.catalogue.known[0].conid
        head = self._quotes.head(conid)
        return encode(head | {"topic": f"smd+{conid}", "7219": "x" * (size + size // 2)})

    def _quote(self, conid: int, subscription: _Subscription, values: dict[str, Any]) -> Message:
        head = self._quotes.head(conid)
        return head | {"conidEx": subscription.conid_ex, "topic": f"smd+{conid}"} | values
