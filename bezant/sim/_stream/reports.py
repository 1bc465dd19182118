"""Shared part of the topics `ssd` and `sld`: rows by key, sent at an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._wire_forms.account import Account
from .messages import target_of, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State
    from .messages import Message

# Updates are this many times less frequent than quotes.
_INTERVALS = 19.9


class Report:
    """The rows of one subscription. A row that has not changed is reduced to its key.

    Args:
        given: arguments of the command.
    """

    def __init__(self, given: dict[str, Any]) -> None:
        self._keys = set(texts(given.get("keys")))
        self._fields = {each.lower() for each in texts(given.get("fields"))}
        self._sent: dict[str, Message] = {}

    def changes(self, rows: list[Message]) -> list[Message]:
        """Return the requested rows, with the requested fields."""
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
    """Reports by account; the base class of both topics, which read their rows themselves."""

    name = ""
    """Name of the topic in the response to the end of a subscription."""
    ends = ""
    """The command that ends a subscription."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)
        self._reports: dict[str, Report] = {}
        self._sent_at = state.clock.elapsed()

    def begin(self, rest: str) -> Iterator[Message]:
        """Subscribe, and yield the report."""
        target, given = target_of(rest)
        report = self._reports[target] = Report(given)
        yield from self._messages(target, report)

    def end(self, rest: str) -> Iterator[Message]:
        """Unsubscribe, and yield the response."""
        target, _ = target_of(rest)
        self._reports.pop(target, None)
        yield {"topic": f"{self.ends}+{target}", "result": f"unsubscribed from {self.name}"}

    def tick(self) -> Iterator[Message]:
        """Yield all reports, if an update is due."""
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
