"""The topics of accounts, bars and price ladders, for one WebSocket connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from bezant.sim._history import history

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bezant.sim._world import World

_MAX_BARS = 5
_LADDER_ROWS = 5
_LEDGER_EVERY = 20  # ticks: it is told more rarely than quotes
BEGINNINGS = frozenset({"str", "ssd", "sld", "smh", "sbd"})
ENDS = frozenset({"utr", "usd", "uld", "umh", "ubd"})

Message = dict[str, Any]


class Topics:
    """What was asked for, and what was sent of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._trades = False
        self._executions = 0
        self._summaries: set[str] = set()
        self._ledgers: dict[str, int] = {}
        self._bars: dict[str, str] = {}
        self._ladders: dict[str, dict[int, Message]] = {}
        self._served = 0

    def begin(self, topic: str, rest: str) -> Iterator[Message]:
        """Take a command that begins a topic, and yield the answer."""
        target, _, arguments = rest.partition("+{")
        if topic == "str":
            self._trades, self._executions = True, 0
            yield from self.tick()
        elif topic == "ssd":
            self._summaries.add(target)
            yield self._summary(target)
        elif topic == "sld":
            self._ledgers[target] = 0
            yield self._ledger(target, whole=True)
        elif topic == "smh":
            yield from self._history(target, "{" + arguments)
        else:
            self._ladders[target] = {}
            yield from self.tick()

    def end(self, topic: str, rest: str) -> Iterator[Message]:
        """Take a command that ends a topic, and yield the answer, where there is one."""
        target = rest.partition("+{")[0]
        if topic == "utr":
            self._trades = False
        elif topic == "usd":
            self._summaries.discard(target)
            yield {"topic": f"usd+{target}", "result": "unsubscribed from summary"}
        elif topic == "uld":
            self._ledgers.pop(target, None)
            yield {"topic": f"uld+{target}", "result": "unsubscribed from ledger"}
        elif topic == "umh":
            self._bars.pop(target, None)
        else:
            self._ladders = {
                name: rows
                for name, rows in self._ladders.items()
                if name.partition("+")[0] != target
            }

    def tick(self) -> Iterator[Message]:
        """Yield what changed since the last tick."""
        if self._trades:
            rows = self._world.orders.executions()
            if len(rows) > self._executions:
                fresh, self._executions = rows[self._executions :], len(rows)
                # The commission is known a little later: the execution is told twice.
                yield {"topic": "str", "args": [_without_commission(row) for row in fresh]}
                yield {"topic": "str", "args": fresh}
        for account, ticks in self._ledgers.items():
            self._ledgers[account] = ticks + 1
            if ticks and ticks % _LEDGER_EVERY == 0:
                yield self._ledger(account, whole=False)
        for target, sent in self._ladders.items():
            rows = [row for row in self._ladder(target) if sent.get(row["row"]) != row]
            sent.update((row["row"], row) for row in rows)
            if rows:
                yield {"topic": f"sbd+{target}", "data": rows}

    def _summary(self, account: str) -> Message:
        rows = [
            {"key": f"{key}-S", "timestamp": int(self._world.clock.now()), "severity": 0}
            | {"monetaryValue": amount, "currency": "USD"}
            for key, amount in (
                ("NetLiquidation", self._world.account.net_liquidation),
                ("TotalCashValue", self._world.account.cash),
            )
        ]
        return {"topic": f"ssd+{account}", "result": rows}

    def _ledger(self, account: str, *, whole: bool) -> Message:
        rows: list[Message] = []
        for name, part in self._world.account.ledger().items():
            row = {"key": f"LedgerList{name}", "timestamp": int(self._world.clock.now())}
            if whole:
                row |= {
                    "acctCode": account,
                    "secondKey": name,
                    "cashbalance": part["cashbalance"],
                    "exchangeRate": part["exchangerate"],
                    "netLiquidationValue": part["netliquidationvalue"],
                    "settledCash": part["settledcash"],
                    "unrealizedPnl": part["unrealizedpnl"],
                }
            rows.append(row)
        return {"topic": f"sld+{account}", "result": rows}

    def _history(self, target: str, arguments: str) -> Iterator[Message]:
        try:
            contract = self._world.catalogue.contracts[int(target.partition("@")[0])]
            asked = cast("dict[str, Any]", json.loads(arguments))
            body = history(
                contract,
                str(asked.get("period", "1d")),
                str(asked.get("bar", "5min")),
                self._world.clock.now(),
            )
        except (KeyError, ValueError):
            body = cast("dict[str, Any]", {"data": [], "points": 0})
        if len(self._bars) >= _MAX_BARS:
            return
        self._served += 1
        server_id = f"{self._served}{target.partition('@')[0]}"
        self._bars[server_id] = target
        yield body | {"topic": f"smh+{target}", "serverId": server_id}

    def _ladder(self, target: str) -> Iterator[Message]:
        try:
            conid = int(target.split("+")[1])
            last = float(self._world.quotes.fields(conid, {"7635"})["7635"])
        except (KeyError, ValueError, IndexError):
            return
        for row in range(-_LADDER_ROWS, _LADDER_ROWS + 1):
            price = f"{last - row / 100:.2f}"
            size = str(100 * (abs(row) + 1))
            side = {} if row == 0 else {"bid" if row > 0 else "ask": size}
            focus = int(row == 0)
            yield {
                "row": row + _LADDER_ROWS,
                "focus": focus,
                "price": f"100 @ {price}" if focus else price,
            } | side


def _without_commission(row: Message) -> Message:
    return {key: value for key, value in row.items() if key != "commission"}
