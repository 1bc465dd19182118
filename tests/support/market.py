"""Gateway with market data of its own, whose data and session a test can make fail."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

from tests.support.raw import Peer, RawGateway
from tests.support.scripted import STATUS, TOKEN, Call, Reply, ScriptedGateway

NOBODY = Reply(401, b"", {"Content-Type": "text/plain"})


class Market:
    """Gateway that sends the prices that a test sets.

    Attributes:
        prices: last price of each contract, by conid. Other contracts have the price 100.
        availability: value of field 6509, by conid; ``RpB`` for other contracts.
        dead: contracts about which the stream sends nothing, although snapshots have prices.
        refused: contracts whose subscriptions the gateway refuses.
        lines: most contracts with market data; further ones receive nothing. None for no limit.
        held: contracts that have market data now.
        status: flags of the brokerage session; None if nobody is logged in.
        peers: the open WebSockets.
        calls: number of calls, by method and path.
        subscribed: number of commands to subscribe, by conid.
    """

    def __init__(self, raw: RawGateway) -> None:
        self.prices: dict[int, str] = {}
        self.availability: dict[int, str] = {}
        self.dead: set[int] = set()
        self.refused: set[int] = set()
        self.lines: int | None = None
        self.held: dict[int, None] = {}
        self.most_held = 0
        self.status: dict[str, Any] | None = dict(STATUS)
        self.peers: list[Peer] = []
        self.subscribed: Counter[int] = Counter()
        self.gateway = ScriptedGateway(raw, self._answer, self._command)
        self.base_url = self.gateway.base_url

    def count(self, part: str) -> int:
        """Return the number of calls whose method and path contain a text."""
        return len(self.gateway.names(part))

    def fields(self, conid: int) -> dict[str, Any]:
        """Return the fields of a contract, as the gateway sends them."""
        last = self.prices.get(conid, "100")
        return {
            "conid": conid, "conidEx": str(conid), "31": last, "84": last, "86": last,
            "85": "1", "88": "1", "7059": "1", "6509": self.availability.get(conid, "RpB"),
        }  # fmt: skip

    def tick(self, conid: int, price: str) -> None:
        """Change a price, and send it on all WebSockets unless the contract is dead."""
        self.prices[conid] = price
        if conid not in self.dead:
            self.send({"topic": f"smd+{conid}", **self.fields(conid)})

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame on all WebSockets."""
        for peer in list(self.peers):
            with contextlib.suppress(OSError):
                peer.frame(json.dumps(frame).encode())

    def sts(self, **flags: object) -> None:
        """Send the state of the brokerage session on all WebSockets."""
        self.send({"topic": "sts", "args": flags})

    def drop(self) -> None:
        """Break all WebSockets."""
        peers, self.peers = self.peers, []
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(2)

    def _hold(self, conid: int) -> bool:
        if conid not in self.held and self.lines is not None and len(self.held) >= self.lines:
            return False
        self.held[conid] = None
        self.most_held = max(self.most_held, len(self.held))
        return True

    def _answer(self, call: Call) -> object:
        if self.status is None:
            return NOBODY
        if call.path == "/tickle":
            return {"session": TOKEN, "iserver": {"authStatus": self.status}}
        if call.path == "/iserver/auth/status":
            return self.status
        if call.path == "/iserver/marketdata/snapshot":
            conids = [int(each) for each in call.query["conids"].split(",")]
            return [self.fields(conid) for conid in conids if self._hold(conid)]
        if call.path == "/iserver/marketdata/unsubscribe":
            self.held.pop(call.body["conid"], None)
            return {"success": True}
        return None

    def _command(self, peer: Peer, text: str) -> None:
        if peer not in self.peers:
            self.peers.append(peer)
        if text.startswith("umd+"):
            self.held.pop(int(text.split("+")[1]), None)
        if not text.startswith("smd+"):
            return
        conid = int(text.split("+")[1])
        self.subscribed[conid] += 1
        if conid in self.refused:
            frame = {"topic": f"smd+{conid}", "error": "unable to subscribe", "code": 500}
            peer.frame(json.dumps(frame).encode())
        elif self._hold(conid) and conid not in self.dead:
            peer.frame(json.dumps({"topic": f"smd+{conid}", **self.fields(conid)}).encode())
