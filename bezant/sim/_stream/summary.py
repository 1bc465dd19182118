"""WebSocket topic `ssd`: account summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reports import Report, Reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .messages import Message


class Summary(Reports):
    """Subscriptions to the account summary. If nothing has changed, no message is sent."""

    name = "summary"
    ends = "usd"

    def _messages(self, account: str, report: Report) -> Iterator[Message]:
        rows = [
            {"key": f"{key}-S", "monetaryValue": number, "currency": "USD", "severity": 0}
            for key, number in self._account.amounts().items()
        ]
        fresh = [each for each in report.changes(rows) if len(each) > 1]
        if fresh:
            yield {"topic": f"ssd+{account}", "result": self._stamped(fresh)}
