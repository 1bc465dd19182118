"""Gateway for orders on plain sockets, which breaks calls at a chosen position.

It shares no code with the simulated gateway. Its list of orders is a copy that it renews only when
a call drops the copy with `force=true`, as the real gateway's cached list is.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qs

ACCOUNT = "DU1234567"
CONID = 265598
STATUS = {
    "authenticated": True, "established": True, "competing": False, "connected": True,
    "message": "", "fail": "",
}  # fmt: skip
CALLS = (
    ("place", "POST", rf"/iserver/account/{ACCOUNT}/orders"),
    ("modify", "POST", rf"/iserver/account/{ACCOUNT}/order/(\d+)"),
    ("cancel", "DELETE", rf"/iserver/account/{ACCOUNT}/order/(-?\d+)"),
    ("reply", "POST", r"/iserver/reply/([^/]+)"),
    ("status", "GET", r"/iserver/account/order/status/(\d+)"),
    ("orders", "GET", r"/iserver/account/orders"),
    ("trades", "GET", r"/iserver/account/trades"),
    ("rules", "POST", r"/iserver/contract/rules"),
)
OTHER: dict[str, object] = {
    "/iserver/accounts": {"accounts": [ACCOUNT], "selectedAccount": ACCOUNT},
    "/iserver/auth/status": STATUS,
    "/tickle": {"session": "0" * 32, "iserver": {"authStatus": STATUS}},
}
SHOWN = {"LMT": "Limit", "MKT": "Market", "STP": "Stop", "STOP_LIMIT": "Stop Limit"}

Position = Literal["head", "body", "read", "handled", "status line", "response"]
Break = Literal["reset", "close", "silence"]


@dataclass
class Fault:
    """Fault of the next call of one kind.

    Attributes:
        call: kind of the call.
        at: position at which the connection breaks: after the request's head, within its body,
            after the body, after the order was handled, within the response's status line, or
            within its body.
        how: how the connection breaks.
        instead: bytes to send as the response; None to break the connection.
        acts: whether the server handles the order, if it sends other bytes.
        times: number of calls that the fault affects.
    """

    call: str
    at: Position = "response"
    how: Break = "reset"
    instead: bytes | None = None
    acts: bool = False
    times: int = 1


@dataclass
class ServerOrder:
    """Order that the server has accepted."""

    order_id: int
    ticket: dict[str, Any]
    parent_id: int | None = None
    status: str = "Submitted"
    filled: float = 0.0

    @property
    def name(self) -> str:
        return str(self.ticket.get("cOID") or "")

    @property
    def done(self) -> bool:
        return self.status in ("Filled", "Cancelled", "Rejected")


@dataclass
class OrderServer:
    """The server. Use it as a context manager.

    Attributes:
        orders: the accepted orders, by id.
        executions: rows of the list of executions.
        asks: message ids of the questions to ask about the next order, one list for each question.
        faults: faults of the next calls.
        calls: kind, argument and body of each call that was read completely.
        fills_at_cancel: whether an order fills when its cancellation is requested.
        hides_children: whether lists and states lack the children of brackets.
        refuses: index of the ticket of the next request to refuse; None for no refusal.
        asks_about: index of the ticket of the next request about which to ask a question, while
            the other orders of the request are placed; None for no question.
        interrupt: called when an order or a reply was read, before it is handled.
        inactive: whether new orders stay inactive, as if a question waited for a reply.
    """

    orders: dict[int, ServerOrder] = field(default_factory=dict[int, ServerOrder])
    executions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    asks: list[list[str]] = field(default_factory=list[list[str]])
    faults: list[Fault] = field(default_factory=list[Fault])
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    fills_at_cancel: bool = False
    hides_children: bool = False
    refuses: int | None = None
    asks_about: int | None = None
    inactive: bool = False
    interrupt: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._questions: dict[str, Any] = {}
        self._listed: list[dict[str, Any]] | None = None
        self.answered: list[tuple[str, bool]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1/api"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(20)
        self._listener.close()

    def count(self, call: str) -> int:
        """Return how many calls of a kind were read completely."""
        return sum(each[0] == call for each in self.calls)

    def confirm_all(self) -> None:
        """Confirm the open questions, as a reply about a later order does."""
        with self._lock:
            for act in self._questions.values():
                act()
            self._questions.clear()
            self._listed = None

    def fill(
        self, order_id: int, quantity: float, price: float, *, commission: bool = True
    ) -> None:
        """Fill an order, in whole or in part."""
        with self._lock:
            self._fill(order_id, quantity, price, commission=commission)

    def _fill(
        self, order_id: int, quantity: float, price: float, *, commission: bool = True
    ) -> None:
        order = self.orders[order_id]
        order.filled += quantity
        if order.filled >= float(order.ticket["quantity"]):
            order.status = "Filled"
        row = {
            "execution_id": f"{order_id}.{len(self.executions)}", "order_id": order_id,
            "account": ACCOUNT, "conid": CONID, "side": order.ticket["side"][0],
            "size": quantity, "price": str(price), "sec_type": "STK", "symbol": "AAPL",
            "order_ref": order.name or None, "trade_time_r": 1_700_000_000_000,
        }  # fmt: skip
        if commission:
            row["commission"] = "0.5"
        self.executions.append(row)

    # Connections.

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(0.02)
        buffer = b""
        with contextlib.suppress(OSError), sock:
            while not self._stopping.is_set():
                buffer = self._read(sock, buffer, b"\r\n\r\n", 0)
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                line, *_ = head.decode("latin-1").split("\r\n")
                method, target, _ = line.split(" ")
                path, _, query = target.removeprefix("/v1/api").partition("?")
                name, argument = _kind(method, path)
                found = re.search(rb"(?i)content-length: *(\d+)", head)
                length = int(found[1]) if found else 0
                fault = self._fault(name)
                if fault is not None and fault.instead is None and fault.at in ("head", "body"):
                    if fault.at == "body":
                        self._read(sock, buffer, b"", length // 2)
                    self._break(sock, fault.how)
                    return
                buffer = self._read(sock, buffer, b"", length)
                body, buffer = buffer[:length], buffer[length:]
                value = json.loads(body) if body else None
                handles = fault is None or (
                    fault.acts if fault.instead is not None else fault.at != "read"
                )
                if self.interrupt is not None:
                    self.interrupt(name)
                with self._lock:
                    self.calls.append((name, argument, value))
                    sent = self._handle(name, path, argument, query, value) if handles else b""
                if fault is None:
                    sock.sendall(sent)
                elif fault.instead is not None:
                    sock.sendall(fault.instead)
                else:
                    cut = {"status line": sent[:7], "response": sent[:-4]}.get(fault.at, b"")
                    sock.sendall(cut)
                    self._break(sock, fault.how)
                    return

    def _fault(self, name: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.call == name:
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault
        return None

    def _read(self, sock: socket.socket, buffer: bytes, mark: bytes, length: int) -> bytes:
        while len(buffer) < length or (mark and mark not in buffer):
            if self._stopping.is_set():
                raise ConnectionAbortedError
            try:
                data = sock.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise ConnectionResetError
            buffer += data
        return buffer

    def _break(self, sock: socket.socket, how: Break) -> None:
        if how == "silence":
            with contextlib.suppress(ConnectionError):
                self._read(sock, b"", b"never", 0)
        elif how == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # Calls.

    def _handle(self, name: str, path: str, argument: str, query: str, body: Any) -> bytes:
        found: Any
        if name == "":
            found = OTHER.get(path, {"error": "unknown"})
        else:
            asked = parse_qs(query)
            found = getattr(self, f"_{name}")(argument, asked, body)
        return found if isinstance(found, bytes) else reply(found)

    def _rules(self, *_: object) -> object:
        return {
            "orderTypes": ["limit"], "increment": 0.01, "sizeIncrement": 1,
            "incrementRules": [{"lowerEdge": 0.0, "increment": 0.01}],
        }  # fmt: skip

    def _ask(self, act: Any) -> object:
        if not self.asks:
            return act()
        ids = self.asks.pop(0)
        name = f"q{len(self._questions) + len(self.answered) + 1}"
        self._questions[name] = act
        text = ["<h4>Sure?</h4>Really&nbsp;?"]
        return [{"id": name, "message": text, "isSuppressed": False, "messageIds": ids}]

    def _place(self, _: str, __: object, body: Any) -> object:
        tickets: list[dict[str, Any]] = body["orders"]
        names = {str(each["cOID"]): None for each in tickets if each.get("cOID")}

        def act() -> object:
            return self._enter(tickets)

        assert not names.keys() & {each.name for each in self.orders.values()}
        return self._ask(act)

    def _enter(self, tickets: list[dict[str, Any]]) -> object:
        placed: list[ServerOrder] = list(self.orders.values())
        made: list[ServerOrder] = []
        rows: list[dict[str, Any]] = []
        for at, ticket in enumerate(tickets):
            if self.asks_about == at:
                self.asks.append(["o163"])
                self.asks_about = None
                rows += cast("Any", self._ask(partial(self._enter, [ticket])))
                continue
            if self.refuses == at:
                rows.append({"error": "No trading permissions"})
                continue
            parent = next(
                (each for each in placed if each.name and each.name == ticket.get("parentId")),
                None,
            )
            number = 100 + len(self.orders)
            order = ServerOrder(number, ticket, None if parent is None else parent.order_id)
            if parent is not None:
                order.status = "PreSubmitted"
            self.orders[number] = order
            if self.inactive:
                order.status = "Inactive"
            placed.append(order)
            made.append(order)
        self.refuses = None
        # The children come first.
        for order in sorted(made, key=lambda each: each.parent_id is None):
            row = {"order_id": str(order.order_id), "order_status": order.status}
            if order.name:
                row["local_order_id"] = order.name
            if order.parent_id is not None:
                row["parent_order_id"] = str(order.parent_id)
            rows.append(row)
        return rows if len(rows) > 1 or "error" not in rows[0] else rows[0]

    def _modify(self, argument: str, _: object, body: Any) -> object:
        order = self.orders.get(int(argument))
        if order is None or order.done:
            return reply({"error": f"OrderID {argument} doesn't exist"}, "400 Bad Request")

        def act() -> object:
            order.ticket = body | {"cOID": order.name}
            return [{"order_id": argument, "order_status": order.status}]

        return self._ask(act)

    def _reply(self, argument: str, _: object, body: Any) -> object:
        confirmed = body["confirmed"] is True
        self.answered.append((argument, confirmed))
        act = self._questions.pop(argument, None)
        if act is None:
            return {"error": f"reply id not found: '{argument}'"}
        return self._ask(act) if confirmed else {"error": "Order not confirmed"}

    def _cancel(self, argument: str, _: object, __: object) -> object:
        order = self.orders.get(int(argument))
        if argument == "-1":
            for each in self.orders.values():
                if not each.done:
                    each.status = "Cancelled"
        elif order is None or order.done:
            return reply({"error": f"OrderID {argument} doesn't exist"}, "400 Bad Request")
        elif self.fills_at_cancel:
            left = float(order.ticket["quantity"]) - order.filled
            self._fill(order.order_id, left, 10.0)
        else:
            order.status = "Cancelled"
            for each in self.orders.values():
                if each.parent_id == order.order_id and not each.done:
                    each.status = "Cancelled"
        return {"msg": "Request was submitted", "order_id": int(argument), "conid": -1}

    def _status(self, argument: str, _: object, __: object) -> object:
        order = self.orders.get(int(argument))
        if order is None:
            return reply({"error": f"Order {argument} is not found"}, "503 X")
        ticket = order.ticket
        prices = _prices(ticket)
        children = [
            each.order_id for each in self.orders.values() if each.parent_id == order.order_id
        ]
        row = {
            "order_id": order.order_id, "account": ACCOUNT, "conid": CONID, "symbol": "AAPL",
            "sec_type": "STK", "side": ticket["side"][0], "order_status": order.status,
            "order_ccp_status": "0", "order_type": ticket["orderType"], "tif": ticket["tif"],
            "size": str(float(ticket["quantity"]) - order.filled),
            "total_size": str(ticket["quantity"]), "cum_fill": str(order.filled),
            "limit_price": prices[0], "stop_price": prices[1],
        }  # fmt: skip
        if children and not self.hides_children:
            row["children_order_ids"] = children
        return row

    def _orders(self, _: str, query: dict[str, list[str]], __: object) -> object:
        if query.get("force") == ["true"]:
            self._listed = None
            return {"orders": [], "snapshot": False}
        if self._listed is None:
            self._listed = [
                self._row(each)
                for each in self.orders.values()
                if each.parent_id is None or not self.hides_children
            ]
        return {"orders": self._listed, "snapshot": True}

    def _row(self, order: ServerOrder) -> dict[str, Any]:
        ticket = order.ticket
        limit, stop = _prices(ticket)
        row = {
            "acct": ACCOUNT, "conid": CONID, "orderId": order.order_id, "ticker": "AAPL",
            "secType": "STK", "orderDesc": "an order", "status": order.status,
            "order_ccp_status": "Pending Submit" if self.inactive else order.status,
            "side": ticket["side"],
            "orderType": SHOWN[ticket["orderType"]], "price": limit or stop,
            "timeInForce": "CLOSE" if ticket["tif"] == "DAY" else ticket["tif"],
            "remainingQuantity": float(ticket["quantity"]) - order.filled,
            "filledQuantity": order.filled, "totalSize": float(ticket["quantity"]),
        }  # fmt: skip
        if order.name:
            row["order_ref"] = order.name
        return row

    def _trades(self, *_: object) -> object:
        return list(self.executions)


def _kind(method: str, path: str) -> tuple[str, str]:
    for name, wanted, pattern in CALLS:
        found = re.fullmatch(pattern, path)
        if method == wanted and found:
            return name, found[1] if found.groups() else ""
    return "", ""


def _prices(ticket: dict[str, Any]) -> tuple[str, str]:
    price, aux = str(ticket.get("price") or ""), str(ticket.get("auxPrice") or "")
    kind = ticket["orderType"]
    if kind == "STP":
        return "", price
    return (price, aux) if kind == "STOP_LIMIT" else (price, "")


def reply(value: object, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return a response as bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
