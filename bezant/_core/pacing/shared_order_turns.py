"""Order turns in the state that several processes share, and the functions that change them.

During an order turn, other orders of the same accounts wait (see `order_turns`). Each turn has a
lease: if its process is killed, the turn ends when the lease expires.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from ..._wire.record import Record
from . import order_turns
from .order_turns import AccountTurn, OrderResults, Outcome, account_busy, overlap, settles

if TYPE_CHECKING:
    from ...errors import AccountBusy
    from ..http.operation import Operation
    from .shared import Shared

# In seconds. A lease is long enough for a wait of this length for a slot. If the wait is longer,
# the lease is renewed.
LONGEST_WAIT: Final = 60.0


class SharedTurn(msgspec.Struct, array_like=True):
    """Order turn in the shared state. Times are in seconds of the store's clock.

    Attributes:
        accounts: accounts of the turn's orders.
        since: time when the lease began.
        lease: duration of the lease in seconds.
        names: the client order ids of the turn's orders.
        orders: number of orders without a result, which is an order id, an error or a declined
            question.
        questions: IBKR's open questions about the orders, with their texts shortened, by id.
        responded_at: time of the last response to one of the turn's calls.
        calls: names of the turn's calls that have not ended: the call that places the orders, and
            replies, also those of other processes.
    """

    accounts: list[str]
    since: float
    lease: float
    names: list[str] = []
    orders: int = 1
    questions: dict[str, str] = {}
    responded_at: float = 0.0
    calls: list[str] = []


class TurnResult(Record, frozen=True):
    """Result of an attempt to begin an order turn.

    Attributes:
        blocker: None if the turn has begun. If the turn of another process has to end first: a
            function that returns the error to raise when the call gives up waiting for it.
        notices: warnings to log about turns that ended because their leases expired.
    """

    blocker: Callable[[Operation], AccountBusy] | None
    notices: tuple[str, ...] = ()


def take_turn(shared: Shared, now: float, turn: AccountTurn, lease: float) -> TurnResult:
    """Begin a turn or renew its lease, unless another turn of the same account has to end first."""
    notices = _tidy(shared, now)
    for token, other in shared.turns.items():
        if token != turn.token and overlap(frozenset(other.accounts), turn.accounts):
            return TurnResult(_busy(other, now), notices)
    found = shared.turns.get(turn.token)
    if found is None:
        shared.turns[turn.token] = SharedTurn(
            sorted(turn.accounts),
            now,
            lease,
            list(turn.names),
            turn.orders,
            calls=[turn.token],
        )
    else:
        found.since, found.lease = now, lease
    return TurnResult(None, notices)


def questions_of(shared: Shared, now: float, token: str) -> dict[str, str] | None:
    """Return the open order questions of a turn; None if the turn has ended."""
    turn = shared.turns.get(token)
    if turn is None or turn.since + turn.lease <= now:
        return None
    return dict(turn.questions)


def hold_back(shared: Shared, now: float, known: frozenset[str]) -> float:
    """Return how many seconds a call that is not about orders waits for other processes' questions.

    The result is 0 if the call may be sent now.

    Args:
        shared: the shared state.
        now: the current time.
        known: ids of the order questions that the call's own process knows. These questions are
            ignored here, because that process itself decides which of its calls wait for them.
    """
    waits = [
        min(turn.responded_at + order_turns.READS_WAIT, turn.since + turn.lease) - now
        for turn in shared.turns.values()
        # If the time of a question is in the future, the clock was set back. Calls do not wait for
        # such a question.
        if turn.questions.keys() - known and turn.responded_at <= now
    ]
    return max(0.0, *waits) if waits else 0.0


def _busy(turn: SharedTurn, now: float) -> Callable[[Operation], AccountBusy]:
    left = max(turn.since + turn.lease - now, 0.0)

    def error(operation: Operation) -> AccountBusy:
        return account_busy(
            operation,
            accounts=frozenset(turn.accounts),
            names=tuple(turn.names),
            questions=turn.questions,
            orders=turn.orders,
            seconds=None if turn.calls else left,
        )

    return error


def _tidy(shared: Shared, now: float) -> tuple[str, ...]:
    """End the turns whose leases have expired; return the warnings to log about them."""
    notices: list[str] = []
    for token, turn in list(shared.turns.items()):
        turn.since = min(turn.since, now)  # `since` is later if the clock was set back
        if turn.since + turn.lease <= now:
            del shared.turns[token]
            names = f" ({', '.join(turn.names)})" if turn.names else ""
            open_ones = f": {', '.join(map(repr, turn.questions))}" if turn.questions else ""
            notices.append(
                f"the turn of another process's order{names} of account "
                f"{', '.join(turn.accounts)} ended with its lease; an open question may "
                f"remain{open_ones}, and a later order may make that order live"
            )
    return tuple(notices)


def _find(shared: Shared, token: str, question: str) -> str:
    """Return the token of a turn, found by `token`, or by `question` if `token` is empty.

    The result is empty if the shared state has no such turn.
    """
    if token:
        return token if token in shared.turns else ""
    found = (name for name, turn in shared.turns.items() if question in turn.questions)
    return next(found, "")


def begin_reply(
    shared: Shared, now: float, token: str, question: str, lease: float, call: str
) -> None:
    """Record that a reply to a question is sent: the turn lasts at least `lease` more seconds.

    Args:
        shared: the shared state.
        now: the current time.
        token: unique name of the turn; empty to find the turn by the question.
        question: id of the order question.
        lease: minimum number of seconds until the turn may end.
        call: unique name of the call that sends the reply.
    """
    found = _find(shared, token, question)
    if found:
        turn = shared.turns[found]
        if call not in turn.calls:
            turn.calls.append(call)
        turn.lease = max(turn.since + turn.lease, now + lease) - now
        turn.since = now


def finish_turn(
    shared: Shared,
    now: float,
    token: str,
    outcome: Outcome,
    results: OrderResults | None = None,
    question: str = "",
    call: str = "",
) -> bool:
    """Record the result of a call of a turn; return False if the shared state has no such turn.

    Args:
        shared: the shared state.
        now: the current time.
        token: unique name of the turn; empty to find the turn by the question.
        outcome: result of the call.
        results: results in the call's response; None if the response could not be read.
        question: id of the order question that the call replies to; empty if it is not a reply.
        call: unique name of the call; empty for the call that places the orders, whose name is that
            of the turn.
    """
    found = _find(shared, token, question)
    if not found:
        return False
    turn = shared.turns[found]
    turn.calls = [each for each in turn.calls if each != (call or found)]
    state = AccountTurn(
        frozenset(turn.accounts),
        None,
        turn.orders,
        questions=dict(turn.questions),
        responded_at=turn.responded_at,
    )
    if settles(state, now, outcome, results, question):
        del shared.turns[found]
        return True
    turn.orders, turn.questions, turn.responded_at = (
        state.orders,
        state.questions,
        state.responded_at,
    )
    if outcome is not Outcome.NOTHING:
        turn.since, turn.lease = now, order_turns.QUESTION_LIFETIME
    return True
