"""Soak test: thousands of calls of all kinds, with a fault at every tenth request.

The client's results must agree with the true state of each order, which the simulated exchange
knows. No request with side effects may have reached the gateway twice.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import bezant
from benchmarks.soak._twin import TWINS, Script, Twin, check, close
from bezant.models.orders import OrderTicket
from bezant.sim import Held, Scenario, SimulatedGateway, StormKind

APPLE = 265598
ACCOUNT = "DU1234567"
TIMEOUT = 0.5
RETRIES = 2
# A call waits at most this many seconds for other orders of its account, or for an unanswered
# question about an order.
MAX_WAIT = 2.0
# How many seconds a call may take longer than its timeouts, because the machine may be busy.
GRACE = 20.0
KINDS: tuple[StormKind, ...] = (
    "fail", "drop_before", "drop_during", "drop_after", "slow", "silence",
)  # fmt: skip
_EFFECTS = re.compile(r"/v1/api/iserver/(account/[^/]+/orders?(/[0-9]+)?|reply/[^/]+)")
Figure = tuple[str, str]


@dataclass
class Log:
    """Results of the calls of one run.

    Attributes:
        calls: number of calls.
        results: successful calls by kind.
        errors: failed calls by exception class.
        longest: time of the longest call, in seconds.
        orders: result of each placement by client order id: ``placed`` or an exception class.
        cancelled: result of each cancel by client order id: ``cancelled`` or an exception class.
    """

    calls: int = 0
    results: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    longest: float = 0.0
    orders: dict[str, str] = field(default_factory=dict[str, str])
    cancelled: dict[str, str] = field(default_factory=dict[str, str])


def figures(*, quick: bool, calls: int | None = None) -> Iterator[Figure]:
    """Run the test with the blocking and the async client, and yield the figures of each."""
    number = calls or (240 if quick else 10_000)
    for twin in TWINS:
        yield storm(twin, number)


def storm(twin: Twin, number: int, workers: int = 8) -> Figure:
    """Run the blocking or the async client through a storm of faults, and check its results."""
    scenario = Scenario(held=[Held("AAPL", 100, 200)], cash={"USD": 10_000_000})
    began = time.monotonic()
    log = Log()
    with SimulatedGateway(scenario=scenario, quote_interval=60) as gateway:
        gateway.set_price("AAPL", 250)
        twin.run(_through(twin, gateway, log, number, workers))
        _judge(gateway, log)
        faults = sum(gateway.faults.counts.values())
        requests = len(gateway.requests)
        placed = len(gateway.orders)
    spent = time.monotonic() - began
    unknown = log.errors["OutcomeUnknown"]
    return (
        f"storm: {twin.name}",
        f"{log.calls:,} calls, {requests:,} requests, {faults:,} faults, {placed:,} orders in "
        f"{spent:.0f} s; {sum(log.errors.values()):,} errors ({unknown} OutcomeUnknown), "
        f"longest call {log.longest:.2f} s; nothing sent twice",
    )


def _through(
    twin: Twin, gateway: SimulatedGateway, log: Log, number: int, workers: int
) -> Script[None]:
    client = twin.Client(
        gateway.base_url, pacing=False, timeout=TIMEOUT, connect_timeout=TIMEOUT,
        retries=RETRIES, max_connections=workers, max_wait=MAX_WAIT,
    )  # fmt: skip
    try:
        yield lambda: client.health()
        ended: list[int] = []
        with gateway.faults.storm(seed=11, one_in=10, kinds=KINDS):
            scripts = [
                _worker(client, log, each, number // workers, ended) for each in range(workers)
            ]
            yield lambda: twin.together([*scripts, _weather(twin, gateway, ended, workers)])
        gateway.faults.clear()
        gateway.login()
        yield lambda: client.tickle()
        status = yield lambda: client.health()
        check(status.established, "the session is not established at the end")
        check(
            client.session.state is bezant.SessionState.ESTABLISHED,
            "the client's session state is not ESTABLISHED",
        )
        positions = yield lambda: client.all_positions(ACCOUNT)
        check(len(positions) == 1, "the client stopped working")
    finally:
        yield lambda: close(client)


def _weather(twin: Twin, gateway: SimulatedGateway, ended: list[int], workers: int) -> Script[None]:
    """Cause faults of the whole gateway, until all workers have ended.

    The faults are refused connections, short penalties and lost logins.
    """
    for turn in range(1_000_000):
        if len(ended) == workers:
            return
        if turn % 10 == 3:
            gateway.faults.refuse(0.05)
        if turn % 2:
            gateway.faults.fail_next("", 429, b"{}", headers={"Retry-After": "1"})
        if turn % 20 == 7:
            gateway.logout(("redirect", "unauthorized", "html")[turn // 20 % 3])
            yield lambda: twin.sleep(0.05)
            gateway.login()
        if turn % 20 == 14:
            gateway.drop_brokerage()
            yield lambda: twin.sleep(0.05)
            gateway.login()
        yield lambda: twin.sleep(0.1)


def _worker(client: Any, log: Log, number: int, calls: int, ended: list[int]) -> Script[None]:
    chance = random.Random(number)
    reads: list[tuple[str, Callable[[], Any], int]] = [
        ("health", lambda: client.health(), 2),
        ("tickle", lambda: client.tickle(), 1),
        ("raw", lambda: client.request("GET", f"/iserver/contract/{APPLE}/info"), 2),
        ("ledger", lambda: client.api.portfolio.get_portfolio_ledger(account_id=ACCOUNT), 2),
        ("orders", lambda: client.api.orders.get_open_orders(), 3),
        ("pages", lambda: client.all_positions(ACCOUNT), 3),
    ]
    try:
        for turn in range(calls):
            if chance.random() < 0.3:
                yield from _order(client, log, chance, f"w{number}-{turn}")
            else:
                kind, call, most = chance.choice(reads)
                yield from _attempt(log, kind, call, most)
    finally:
        ended.append(number)


def _attempt(
    log: Log, kind: str, call: Callable[[], Any], most: int = 2
) -> Script[tuple[Any, bezant.BezantError | None]]:
    """Make a call, check its time, and return its result and its error.

    Args:
        log: log to which the result is added.
        kind: name of the call in the log.
        call: function that makes the call.
        most: maximum number of requests that `call` makes; each has its own timeout.
    """
    began = time.monotonic()
    value, error = None, None
    try:
        value = yield call
    except bezant.BezantError as failure:
        error = failure
    spent = time.monotonic() - began
    log.calls += 1
    log.longest = max(log.longest, spent)
    (log.errors if error else log.results)[type(error).__name__ if error else kind] += 1
    allowed = most * (TIMEOUT + MAX_WAIT) + GRACE
    check(spent <= allowed, f"{kind} took {spent:.2f} s: {error!r}")
    return value, error


def _order(client: Any, log: Log, chance: random.Random, name: str) -> Script[None]:
    """Place an order and confirm the question about it; then sometimes modify or cancel the order.

    If placing the order fails, nothing follows.
    """
    orders = client.api.orders
    # The lower price is far from the market's, so the gateway asks a question about such an order.
    price = Decimal("249") if chance.random() < 0.6 else Decimal("200")
    ticket = OrderTicket(
        conid=APPLE, side="BUY", order_type="LMT", price=price, quantity=Decimal(1),
        time_in_force="GTC", client_order_id=name,
    )  # fmt: skip

    def submit() -> Any:
        return orders.submit_new_orders(account_id=ACCOUNT, orders=[ticket])

    replies, error = yield from _attempt(log, "place", submit)
    if error is None and not replies[0].order_id:
        asked = replies[0].id
        replies, error = yield from _attempt(
            log, "reply", lambda: orders.confirm_order_reply(reply_id=asked, confirmed=True)
        )
    log.orders[name] = type(error).__name__ if error else "placed"
    if error is not None:
        return
    number = replies[0].order_id
    if chance.random() < 0.3:
        asked, error = yield from _attempt(
            log, "modify",
            lambda: orders.modify_open_order(
                account_id=ACCOUNT, order_id=int(number), order_type="LMT", side="BUY",
                time_in_force="GTC", price=price, quantity=Decimal(2),
            ),
        )  # fmt: skip
        # Reply to the question: until then, the account's other orders would wait.
        if error is None and (question := next((each.id for each in asked if each.id), None)):
            yield from _attempt(
                log, "reply",
                lambda: orders.confirm_order_reply(reply_id=question, confirmed=True),
            )  # fmt: skip
    if chance.random() < 0.7:
        _, error = yield from _attempt(
            log, "cancel",
            lambda: orders.cancel_open_order(account_id=ACCOUNT, order_id=int(number)),
        )  # fmt: skip
        log.cancelled[name] = type(error).__name__ if error else "cancelled"


def _judge(gateway: SimulatedGateway, log: Log) -> None:
    """Check the client's results against the recorded requests and the exchange's orders."""
    sent: dict[str, list[int]] = {}
    accounts_asked: list[int] = []
    for number, request in enumerate(gateway.requests):
        if request.path.endswith("/iserver/accounts"):
            accounts_asked.append(number)
        if request.method == "GET" or not _EFFECTS.fullmatch(request.path):
            continue
        if request.path.endswith("/orders"):
            [ticket] = json.loads(request.body)["orders"]
            sent.setdefault(f"place {ticket['cOID']}", []).append(number)
        else:
            sent.setdefault(f"{request.method} {request.path}", []).append(number)
    # The client may send an order a second time only if the gateway refused the first request with
    # "Please query /accounts first" and the client has then requested the accounts.
    twice = [
        what
        for what, numbers in sent.items()
        if len(numbers) > 1
        and (len(numbers) > 2 or not any(numbers[0] < each < numbers[1] for each in accounts_asked))
    ]
    check(sent and not twice, f"sent twice: {twice[:5]}")
    exchange = Counter(each.spec.client_id for each in gateway.orders)
    check(max(exchange.values()) == 1, "the exchange has an order twice")
    for name, outcome in log.orders.items():
        if outcome == "placed":
            check(
                exchange[name] == 1,
                f"the client reported {name} as placed, but the exchange does not have it",
            )
        elif outcome != "OutcomeUnknown":
            check(
                exchange[name] == 0,
                f"the client reported that {name} failed ({outcome}), but it is there",
            )
    check(set(exchange) <= set(log.orders), "the exchange has an order that no worker placed")
    ended = {each.spec.client_id: each.status for each in gateway.orders}
    for name, outcome in log.cancelled.items():
        going = ended[name] in ("PendingCancel", "Cancelled")
        if outcome == "cancelled":
            check(going, f"the client reported {name} as cancelled, but it is {ended[name]}")
        elif outcome != "OutcomeUnknown":
            check(not going, f"the cancel of {name} failed ({outcome}), but it is cancelled")
