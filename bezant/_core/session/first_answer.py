"""Handles lists whose first response may be empty although orders or executions exist.

A session's first call for a list of orders or executions only makes the gateway prepare the list.
The response is then ``{"orders": [], "snapshot": false}``, or ``[]`` for executions. A false
``snapshot`` alone does not prove that a list is incomplete: it has been seen in a response with
orders, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from ..._wire.order_status import state_of_order
from ..._wire.redaction import shown
from ...errors import IncompleteList, InvalidRequest
from ...models._base import peek
from ..http.backoff import Backoff
from ..http.operation import Operation
from ..pacing.limits import LIMITS

if TYPE_CHECKING:
    from ...models.orders import Execution, LiveOrder, LiveOrders


# Pauses before a call is repeated because its list may not have been ready.
READY: Final = Backoff(0.25, 1.0)


def may_be_incomplete(answer: object) -> bool:
    """Return whether a list is empty and not marked as complete by the gateway."""
    if isinstance(answer, list):
        return not answer
    orders = cast("LiveOrders", answer)
    return not peek(orders, "orders") and peek(orders, "snapshot") is not True


def is_empty(answer: object) -> bool:
    """Return whether a response to a list call has no rows."""
    if isinstance(answer, Struct):
        return all(not peek(answer, name) for name in answer.__struct_fields__)
    return not answer


def requests_again(operation: Operation, *, new: bool) -> int:
    """Return how often the client repeats a call whose response is empty; 0 for never.

    Args:
        operation: the call.
        new: whether this session has had no earlier response to the call for the same account.
    """
    if operation.never_empty:
        return 2
    return 1 if operation.empty_until_ready and new else 0


def pause_before(request: int) -> float:
    """Return the seconds to wait before repeating a call.

    `request` is the number of the repetition, 1 for the first one.
    """
    return READY.delay(request)


def never_empty(operation: Operation) -> IncompleteList:
    """Return the error for an empty response to a call whose response always has content."""
    return IncompleteList(
        "the response is empty, which proves nothing: IBKR sends that until the values are ready; "
        "try again in a few seconds; a stream that subscribes to them makes IBKR collect them",
        operation=operation.name,
    )


def brings_nothing(values: Mapping[str, object]) -> bool:
    """Return whether a call with these arguments only resets the list of orders.

    Its response is then always empty.
    """
    return values.get("force") is True


def check_account(account_id: object) -> None:
    """Check that an account id is text.

    Raises:
        InvalidRequest: the account id is not text, or is blank.
    """
    if not isinstance(account_id, str) or not account_id.strip():
        raise InvalidRequest(f"account_id must be text such as 'DU123456', not {shown(account_id)}")


def needed(operation: Operation, calls: int) -> float:
    """Return the seconds that `calls` more calls of an operation take under IBKR's rate limits."""
    limits = LIMITS.get(operation.limit, ())
    return max((limit.seconds / limit.count * calls for limit in limits), default=0.0)


def is_open(order: LiveOrder) -> bool:
    """Return whether an order may still be filled."""
    return state_of_order(peek(order, "status"), order.order_ccp_status).working


def list_key(row: LiveOrder | Execution) -> object:
    """Return a key for an order or execution: its id, or a unique value if `row` has no id."""
    names = [name for name in ("execution_id", "order_id") if name in row.__struct_fields__]
    found: list[object] = [peek(row, name) for name in names]
    return next(filter(None, found), id(row))
