"""The topics of the account, bars and price ladders, for one WebSocket connection."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from .._wire_forms.account import Account
from .._wire_forms.bars import History
from .._wire_forms.quotes import Quotes
from .orders import arguments, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._state.state import State

_MAX_BARS = 5
_LADDER_ROWS = 5
# How many times as rarely as of quotes it is told of the account.
_REPORTS_EVERY = 19.9
_LEDGER_ZEROS = (
    "cashBalanceFXSegment",
    "commodityMarketValue",
    "corporateBondsMarketValue",
    "dividends",
    "funds",
    "interest",
    "issueOptionsMarketValue",
    "moneyFunds",
    "tBillsMarketValue",
    "tBondsMarketValue",
    "warrantsMarketValue",
)
BEGINNINGS = frozenset({"ssd", "sld", "smh", "sbd"})
ENDS = frozenset({"usd", "uld", "umh", "ubd"})

Message = dict[str, Any]


class Topics:
    """What was asked for, and what was sent of it."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._account = Account(state)
        self._bars = History(state)
        self._quotes = Quotes(state)
        self._summaries: dict[str, _Report] = {}
        self._ledgers: dict[str, _Report] = {}
        self._reported = state.clock.elapsed()
        self._histories: dict[str, str] = {}
        self._ladders: dict[str, dict[int, Message]] = {}
        self._served = 0

    def begin(self, topic: str, rest: str) -> Iterator[Message]:
        """Take a command that begins a topic, and yield the answer."""
        target, brace, options = rest.partition("+{")
        given = arguments(brace[1:] + options)
        if topic == "ssd":
            report = self._summaries[target] = _Report(given)
            yield from self._summary(target, report)
        elif topic == "sld":
            report = self._ledgers[target] = _Report(given)
            yield self._ledger(target, report)
        elif topic == "smh":
            yield from self._history(target, given)
        else:
            self._ladders[target] = {}
            yield from self.tick()

    def end(self, topic: str, rest: str) -> Iterator[Message]:
        """Take a command that ends a topic, and yield the answer, where there is one."""
        target = rest.partition("+{")[0]
        if topic == "usd":
            self._summaries.pop(target, None)
            yield {"topic": f"usd+{target}", "result": "unsubscribed from summary"}
        elif topic == "uld":
            self._ledgers.pop(target, None)
            yield {"topic": f"uld+{target}", "result": "unsubscribed from ledger"}
        elif topic == "umh":
            self._histories.pop(target, None)
        else:
            self._ladders = {
                name: rows
                for name, rows in self._ladders.items()
                if name.partition("+")[0] != target
            }

    def tick(self) -> Iterator[Message]:
        """Yield what changed since the last tick."""
        now = self._state.clock.elapsed()
        if now - self._reported >= _REPORTS_EVERY * self._state.quote_interval:
            self._reported = now
            for account, report in self._summaries.items():
                yield from self._summary(account, report)
            for account, report in self._ledgers.items():
                yield self._ledger(account, report)
        for target, sent in self._ladders.items():
            rows = [row for row in self._ladder(target) if sent.get(row["row"]) != row]
            sent.update((row["row"], row) for row in rows)
            if rows:
                yield {"topic": f"sbd+{target}", "data": rows}

    def _summary(self, account: str, report: _Report) -> Iterator[Message]:
        rows = [
            {"key": f"{key}-S", "monetaryValue": number, "currency": "USD", "severity": 0}
            for key, number in self._account.amounts().items()
        ]
        fresh = [each for each in report.of(rows) if len(each) > 1]
        if fresh:
            yield {"topic": f"ssd+{account}", "result": self._stamped(fresh)}

    def _ledger(self, account: str, report: _Report) -> Message:
        parts = self._account.ledger()
        rows = [
            {
                "key": f"LedgerList{name}",
                "acctCode": account,
                "secondKey": name,
                "cashbalance": part["cashbalance"],
                "exchangeRate": part["exchangerate"],
                "netLiquidationValue": part["netliquidationvalue"],
                "settledCash": part["settledcash"],
                "stockMarketValue": part["stockmarketvalue"],
                "optionMarketValue": part["stockoptionmarketvalue"],
                "realizedPnl": part["realizedpnl"],
                "unrealizedPnl": part["unrealizedpnl"],
                "marketValue": round(part["stockmarketvalue"] + part["stockoptionmarketvalue"], 2),
                "severity": 0,
            }
            | dict.fromkeys(_LEDGER_ZEROS, 0.0)
            for name, part in parts.items()
        ]
        return {"topic": f"sld+{account}", "result": self._stamped(report.of(rows))}

    def _stamped(self, rows: list[Message]) -> list[Message]:
        now = int(self._state.clock.now())
        return [{"key": row["key"], "timestamp": now} | row for row in rows]

    def _history(self, target: str, given: dict[str, Any]) -> Iterator[Message]:
        try:
            body = self._bars.bars(
                int(target.partition("@")[0]),
                str(given.get("period", "1d")),
                str(given.get("bar", "5min")),
                extended=given.get("outsideRth") is True,
            )
        except (KeyError, ValueError):
            body = {"data": list[Message](), "points": 0}
        if len(self._histories) >= _MAX_BARS:
            return
        self._served += 1
        server_id = f"{self._served}{target.partition('@')[0]}"
        self._histories[server_id] = target
        yield body | {"topic": f"smh+{target}", "serverId": server_id}

    def _ladder(self, target: str) -> Iterator[Message]:
        try:
            conid = int(target.split("+")[1])
            last = self._quotes.last(conid)
        except (ValueError, IndexError):
            return
        if last is None:
            return
        for row in range(-_LADDER_ROWS, _LADDER_ROWS + 1):
            price = f"{last - Decimal(row) / 100:.2f}"
            size = str(100 * (abs(row) + 1))
            side = {} if row == 0 else {"bid" if row > 0 else "ask": size}
            focus = int(row == 0)
            yield {
                "row": row + _LADDER_ROWS,
                "focus": focus,
                "price": f"100 @ {price}" if focus else price,
            } | side


class _Report:
    """What was told of some rows; one that did not change is told by its key only."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._keys = set(texts(given.get("keys")))
        self._fields = {each.lower() for each in texts(given.get("fields"))}
        self._told: dict[str, Message] = {}

    def of(self, rows: list[Message]) -> list[Message]:
        """Return what there is to tell of the rows that were asked for."""
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
            found.append({"key": key} if self._told.get(key) == shown else shown)
            self._told[key] = shown
        return found
