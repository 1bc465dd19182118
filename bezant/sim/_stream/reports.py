"""Base class of the WebSocket topics `ssd` (summary) and `sld` (ledger), which send rows by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._wire_forms.account import Account
from .messages import target_of, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State
    from .messages import Message

# Smallest interval between two updates, in quote intervals. It is a little less than 20, so that
# each 20th call of `tick` sends an update.
_INTERVALS = 19.9


class Report:
    """One subscription to a report on the account, such as the summary or the ledger.

    A message has every requested row; of a row that has not changed since the last message, only
    the key is sent.

    Args:
        given: arguments of the client's command. `keys` and `fields` select rows and their fields.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self._keys = set(texts(given.get("keys")))
        self._fields = {each.lower() for each in texts(given.get("fields"))}
        self._sent: dict[str, Message] = {}

    def changes(self, rows: list[Message]) -> list[Message]:
        """Return the rows and fields that the client requested.

        Of a row that has not changed since the last call, only the key is returned.
        """
        found: list[Message] = []
        for row in rows:
            key = row["key"]
            if self._keys and key not in self._keys:
                continue
            shown = {
                name: value
                for name, value in row.items()
                if name == "key" or not self._fields or name.lower() in self._fields
            }
            found.append({"key": key} if self._sent.get(key) == shown else shown)
            self._sent[key] = shown
        return found


class Reports:
    """Subscriptions to one kind of report, by account. Each subclass provides the report's rows."""

    name = ""
    """Name of the topic in the response that confirms the end of a subscription."""
    ends = ""
    """The command that ends a subscription."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)
        self._reports: dict[str, Report] = {}
        self._sent_at = state.clock.elapsed()

    def begin(self, rest: str) -> Iterator[Message]:
        """Begin a subscription, and yield the message with the report.

        Args:
            rest: the client's command after the topic, such as `DU1234567+{"keys":[]}`.
        """
        target, given = target_of(rest)
        report = self._reports[target] = Report(given)
        yield from self._messages(target, report)

    def end(self, rest: str) -> Iterator[Message]:
        """End a subscription, and yield the message that confirms the end.

        Args:
            rest: the client's command after the topic: the account id.
        """
        target, _ = target_of(rest)
        self._reports.pop(target, None)
        yield {"topic": f"{self.ends}+{target}", "result": f"unsubscribed from {self.name}"}

    def tick(self) -> Iterator[Message]:
        """If an update is due, yield a message for each subscribed report."""
        now = self._state.clock.elapsed()
        if now - self._sent_at >= _INTERVALS * self._state.quote_interval:
            self._sent_at = now
            for account, report in list(self._reports.items()):
                yield from self._messages(account, report)

    def _messages(self, account: str, report: Report) -> Iterator[Message]:
        raise NotImplementedError

    def _stamped(self, rows: list[Message]) -> list[Message]:
        now = int(self._state.clock.now())
        return [{"key": row["key"], "timestamp": now} | row for row in rows]
