"""Order turns: one request with orders per account at a time, from placement to last response.

IBKR may answer an order with a question, such as a warning about its price, and places the order
when the reply confirms it. If another order of the account arrives before the reply, IBKR drops the
question. The reply then fails, and the order may still go live when a later question is confirmed.
To prevent this, each request holds a turn until all its orders have a result, and other orders of
the account wait. No clock, no I/O.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, Self, cast
from urllib.parse import unquote

import msgspec

from ..._wire.record import Record
from ..._wire.redaction import redact
from ...errors import AccountBusy, ApiError, BezantError, OutcomeUnknown, SessionError
from ..decoding.decoder import loads
from ..http.messages import Request
from ..http.operation import Operation, OrderCall

# The gateway keeps an order question without a reply for this many seconds.
QUESTION_LIFETIME: Final = 60.0
# While an order question is open, calls that are not about orders wait for at most this many
# seconds.
READS_WAIT: Final = 2.0
_SHORT: Final = 100
_PATH: Final = r"/iserver/account/([^/]+)(?:/([^/]+))?"
_REPLY: Final = r"/iserver/reply/([^/]+)"
# Stands for an account that is not known. It may be any account, so it overlaps with all.
ANY: Final = ""


def waits_for_questions(operation: Operation) -> bool:
    """Return whether a call has to wait while order questions are open.

    The result is False for calls about orders.
    """
    return operation.effect != "order"


def question_of(request: Request) -> str:
    """Return the id of the order question that a reply answers; empty if `request` is no reply."""
    found = _search(_REPLY, request)
    return unquote(found[1]) if found else ""


def _search(pattern: str, request: Request) -> re.Match[str] | None:
    """Search a request's path; if nothing is found, search it percent-decoded."""
    path = request.target.partition("?")[0]
    return re.search(pattern, path) or re.search(pattern, unquote(path))


class Scope(Record, frozen=True):
    """The accounts of the orders in a request, and how many orders it has.

    Attributes:
        accounts: accounts of the orders, or an allocation group; `ANY` for an account that is not
            known.
        orders: number of orders.
    """

    accounts: frozenset[str]
    orders: int


def scope_of(request: Request) -> Scope:
    """Return the accounts and the number of the orders that a request places or modifies."""
    found = _search(_PATH, request)
    first, second = (unquote(found[1]), unquote(found[2] or ANY)) if found else (ANY, ANY)
    # In the oldest form of the path, no account follows ``account/``. The account is then in the
    # orders, or the path names an allocation group.
    named = second if first in ("order", "orders") else first
    try:
        body: object = loads(request.body)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, Mapping):
        fields = cast("Mapping[str, object]", body)
        rows = fields.get("orders", [fields])
    else:
        rows = body
    orders = cast("list[object]", rows) if isinstance(rows, list) else [None]
    accounts = {_account_in(ticket) or named for ticket in orders}
    if named or not accounts:
        accounts.add(named)
    return Scope(frozenset(account.upper() for account in accounts), max(len(orders), 1))


def _account_in(ticket: object) -> str:
    if not isinstance(ticket, Mapping):
        return ANY
    account = cast("Mapping[str, object]", ticket).get("acctId")
    return account if isinstance(account, str) else ANY


class OrderResults(Record, frozen=True):
    """Results of a request's orders, as far as one response gives them.

    Attributes:
        questions: IBKR's order questions in the response, with their texts shortened, by id.
        settled: number of orders for which the response has an order id or an error.
        refused: whether the response is a single error, which then applies to every order of the
            request that has no result yet.
    """

    questions: dict[str, str]
    settled: int
    refused: bool = False


def order_results(body: bytes) -> OrderResults | None:
    """Return the results of orders in a response; None if the response cannot be read."""
    try:
        # Invalid UTF-8 is replaced, because it does not affect the ids.
        found: object = loads(body.decode("utf-8", "replace").encode())
    except (ValueError, RecursionError):
        return None
    rows = cast("list[object]", found) if isinstance(found, list) else [found]
    questions: dict[str, str] = {}
    settled = errors = 0
    for row in rows:
        if not isinstance(row, Mapping):
            return None
        fields = cast("Mapping[str, object]", row)
        name = fields.get("id")
        if fields.get("order_id") or fields.get("orderId"):
            settled += 1
        elif fields.get("error"):
            settled += 1
            errors += 1
        elif isinstance(name, str) and name:
            questions[name] = _short(fields.get("message"))
    return OrderResults(questions, settled, refused=errors == len(rows) == 1)


def _short(message: object) -> str:
    lines = cast("list[object]", message) if isinstance(message, list) else [message]
    text = " ".join(" ".join(line for line in lines if isinstance(line, str)).split())
    text = redact(text)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


class Outcome(Enum):
    """Result of a call in an order turn: the call that places the orders, or a reply."""

    NOTHING = "nothing was done"
    ANSWERED = "answered"
    REFUSED = "refused"
    LOST = "unknown"


def outcome_of(error: BezantError, kind: OrderCall, *, untouched: bool) -> Outcome:
    """Return the result of a call that raised an error.

    Args:
        error: the error.
        kind: what the call does to the order.
        untouched: whether the response proves that the gateway did nothing.
    """
    if untouched and kind is OrderCall.REPLY:
        return Outcome.NOTHING  # the question stays open
    if isinstance(error, OutcomeUnknown):
        return Outcome.LOST
    return Outcome.REFUSED if isinstance(error, ApiError | SessionError) else Outcome.NOTHING


class AccountTurn(msgspec.Struct, eq=False):
    """Order turn of one request. Other orders of the same accounts wait until the turn ends.

    Attributes:
        accounts: accounts of the request's orders.
        holder: identifies the thread or task that placed the orders or last replied to a question.
        orders: number of orders without a result, which is an order id, an error or a declined
            question.
        names: the client order ids of the request's orders.
        token: unique name of the turn among all processes.
        shared: whether the turn is stored where other processes see it.
        granted: whether the turn has begun, so that its request may be sent.
        over: whether the turn has ended.
        calls: the turn's calls that have not ended: the call that places the orders, and replies.
        questions: IBKR's open questions about the orders, with their texts shortened, by id.
        responded_at: time of the last response to one of the turn's calls.
    """

    accounts: frozenset[str]
    holder: object
    orders: int = 1
    names: tuple[str, ...] = ()
    token: str = ""
    shared: bool = False
    granted: bool = False
    over: bool = False
    calls: set[object] = set()
    questions: dict[str, str] = {}
    responded_at: float = 0.0

    @classmethod
    def of(
        cls, request: Request, call: object, holder: object, names: tuple[str, ...], token: str
    ) -> Self:
        """Return a new turn for a request that places or modifies orders.

        Args:
            request: the request.
            call: identifies the call that sends the request.
            holder: identifies the thread or task of the call.
            names: the client order ids of the request's orders.
            token: unique name of the turn among all processes.
        """
        scope = scope_of(request)
        return cls(scope.accounts, holder, scope.orders, names, token, calls={call})

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the turn expires.

        The result is infinity while a call of the turn is in flight, because the turn does not
        expire then.
        """
        if self.calls:
            return math.inf
        return max(self.responded_at + QUESTION_LIFETIME - now, 0.0)


def settles(
    turn: AccountTurn, now: float, outcome: Outcome, results: OrderResults | None, question: str
) -> bool:
    """Record the result of a call of an order turn; return whether the turn has ended.

    `question` is the id of the order question that the call replied to; empty if it placed the
    orders.
    """
    if outcome is Outcome.NOTHING and question:
        return False
    if outcome is Outcome.ANSWERED and results is not None:
        turn.responded_at = now
        turn.questions.pop(question, None)
        turn.questions.update(results.questions)
        if not results.settled and not results.questions:
            # A response without results or questions is the last one, unless other questions are
            # open.
            return not turn.questions
        # A single error is the result of all orders, except those with another open question.
        left = len(turn.questions) if results.refused else turn.orders - results.settled
        turn.orders = left
        return left <= 0 and not turn.questions
    if outcome is Outcome.REFUSED and question:
        turn.questions.pop(question, None)
        turn.orders = len(turn.questions)
        turn.responded_at = now
        return not turn.questions
    return True


def overlap(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether two sets of accounts may have an account in common."""
    return ANY in one or ANY in other or not one.isdisjoint(other)


class OrderTurns:
    """The order turns of one gateway, those that have begun and those that wait."""

    def __init__(self) -> None:
        self._open: list[AccountTurn] = []
        self._waiting: list[AccountTurn] = []

    @property
    def questions(self) -> frozenset[str]:
        """Ids of all open order questions."""
        return frozenset(question for turn in self._open for question in turn.questions)

    def enter(self, turn: AccountTurn) -> None:
        """Add an order turn to the queue of waiting turns."""
        self._waiting.append(turn)

    def dispatch(self, now: float) -> tuple[list[AccountTurn], list[AccountTurn]]:
        """Begin the waiting order turns that need not wait any longer, in order of arrival.

        Returns:
            The turns that begin now, and the turns that ended because their questions expired.
        """
        expired = [turn for turn in self._open if turn.seconds_left(now) <= 0]
        for turn in expired:
            self.leave(turn)
        begun: list[AccountTurn] = []
        for turn in self._waiting:
            if self._blockers(turn):
                continue
            turn.granted = True
            self._open.append(turn)
            begun.append(turn)
        if begun:
            self._waiting = [turn for turn in self._waiting if not turn.granted]
        return begun, expired

    def _blockers(self, turn: AccountTurn) -> list[AccountTurn]:
        return [each for each in self._open if overlap(each.accounts, turn.accounts)]

    def blocker(self, turn: AccountTurn) -> AccountTurn | None:
        """Return an order turn that has to end before `turn` may begin; None without one.

        If several have to end, a turn of the same thread or task as `turn` is preferred.
        """
        found = self._blockers(turn)
        own = [each for each in found if each.holder == turn.holder]
        return next(iter(own or found), None)

    def leave(self, turn: AccountTurn) -> None:
        """End an order turn that has begun, or remove a waiting one from the queue.

        Calling this again for the same turn has no effect.
        """
        turn.over = True
        for turns in (self._open, self._waiting):
            if turn in turns:
                turns.remove(turn)

    def find_by_question(self, question: str) -> AccountTurn | None:
        """Return the order turn that has an open question with this id; None without one."""
        return next((turn for turn in self._open if question in turn.questions), None)

    def begin_reply(self, turn: AccountTurn, call: object, holder: object) -> None:
        """Record that a thread or task sends a reply to a question of an order turn."""
        turn.calls.add(call)
        turn.holder = holder

    def finish(
        self,
        turn: AccountTurn,
        call: object,
        now: float,
        outcome: Outcome,
        results: OrderResults | None = None,
        question: str = "",
    ) -> None:
        """Record the result of a call; end its order turn if all orders have a result.

        You may call this method again for the same call, in case an interrupt ended the first
        attempt in the middle.

        Args:
            turn: the turn.
            call: identifies the call.
            now: the current time.
            outcome: result of the call.
            results: results in the call's response; None if the response could not be read.
            question: id of the order question that the call replies to; empty if it is not a reply.
        """
        if call not in turn.calls:
            return
        if settles(turn, now, outcome, results, question):
            self.leave(turn)
        turn.calls.discard(call)

    def refresh(self, turn: AccountTurn, questions: Mapping[str, str] | None) -> None:
        """Update an order turn's open questions; another process may have replied to some of them.

        Args:
            turn: the turn.
            questions: the questions that are open according to the state shared by the processes;
                None if the turn has ended there.
        """
        if turn.calls:
            return
        if questions is None:
            self.leave(turn)
        else:
            turn.questions = dict(questions)

    def hold_back(self, caller: object, now: float) -> float:
        """Return how many seconds a call that is not about orders has to wait for open questions.

        The result is 0 if the call may be sent now.

        Args:
            caller: identifies the call's thread or task. Its calls do not wait for questions about
                its own orders.
            now: the current time.
        """
        waits = [
            turn.responded_at + READS_WAIT - now
            for turn in self._open
            if turn.questions and turn.holder != caller
        ]
        return max(0.0, *waits) if waits else 0.0


def busy(blocker: AccountTurn, operation: Operation, now: float) -> AccountBusy:
    """Return the error for an order that was not sent because another order had the turn."""
    return account_busy(
        operation,
        accounts=blocker.accounts,
        names=blocker.names,
        questions=blocker.questions,
        orders=blocker.orders,
        seconds=None if blocker.calls else blocker.seconds_left(now),
    )


def account_busy(
    operation: Operation,
    *,
    accounts: frozenset[str],
    names: tuple[str, ...],
    questions: Mapping[str, str],
    orders: int,
    seconds: float | None,
) -> AccountBusy:
    """Return the error for an order that was not sent because another order had the turn.

    Args:
        operation: the call that was not sent.
        accounts: accounts of the other turn's orders.
        names: client order ids of the other turn's orders.
        questions: open questions about the other turn's orders, by id.
        orders: number of the other turn's orders without a result.
        seconds: seconds until the other turn expires; None while one of its calls has no response
            yet, because the turn does not expire before that.
    """
    of = "another order" + (f" ({', '.join(names)})" if names else "")
    account = ", ".join(sorted(accounts - {ANY}))
    if account:
        of += f" of account {account}"
    wait = "" if seconds is None else f", or send this one again in {seconds:.0f} s"
    if questions:
        name, text = next(iter(questions.items()))
        shown = f"{name!r} ({text})" if text else repr(name)
        more = f" and {len(questions) - 1} more" if len(questions) > 1 else ""
        why = (
            f"{of} has an open question {shown}{more}; answer it with "
            f"client.api.orders.confirm_order_reply(reply_id={name!r}, confirmed=True), decline it "
            f"with confirmed=False{wait}"
        )
    elif seconds is None:
        why = f"{of} has no response yet; send this one again after its response"
    else:
        why = f"IBKR has reported no result for {orders} of the orders in {of}; look for it{wait}"
    error = AccountBusy(f"nothing was sent: {why}", operation=operation.name)
    error.question_ids = tuple(questions)
    error.client_order_ids = names
    error.retry_after = seconds
    return error


def expiry_warning(turn: AccountTurn) -> str:
    """Return the warning to log about a turn whose order questions expired without a reply."""
    names = f" of {', '.join(turn.names)}" if turn.names else ""
    open_ones = ", ".join(map(repr, turn.questions)) or "orders without a result"
    return (
        f"the order question{names} was not answered within {QUESTION_LIFETIME:.0f} s ({open_ones})"
        "; its outcome is unknown: a later order of the account may make that order live"
    )
