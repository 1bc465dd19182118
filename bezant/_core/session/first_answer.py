"""Lists of orders and executions whose first response may be empty although rows exist.

The first call of a session only starts such a list. Its response is ``{"orders": [], "snapshot":
false}``, or ``[]`` for executions. ``snapshot`` alone proves little: it has also been seen false in
a response with orders.
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
    from ...models.orders import LiveOrder, LiveOrders, Trade


# Pauses before a response that may not be ready yet is requested again.
READY: Final = Backoff(0.25, 1.0)


def may_be_incomplete(answer: object) -> bool:
    """Return whether a list is empty and the gateway does not mark it as complete."""
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
    """Return how many times an empty response of an operation is requested again.

    Args:
        operation: the operation.
        new: whether this session has had no response to the operation for the account yet.
    """
    if operation.never_empty:
        return 2
    return 1 if operation.empty_until_ready and new else 0


def pause_before(request: int) -> float:
    """Return the seconds before an empty response is requested again for the n-th time."""
    return READY.delay(request)


def never_empty(operation: Operation) -> IncompleteList:
    """Return the error for an empty response where there always is something."""
    return IncompleteList(
        "the response is empty, which proves nothing: IBKR sends that until the values are ready; "
        "try again in a few seconds; a stream that subscribes to them makes IBKR collect them",
        operation=operation.name,
    )


def brings_nothing(values: Mapping[str, object]) -> bool:
    """Return whether a call's arguments make its response empty, because it resets the list."""
    return values.get("force") is True


def check_account(account_id: object) -> None:
    """Check that an account id is text.

    Raises:
        InvalidRequest: the account id is not text, or is blank.
    """
    if not isinstance(account_id, str) or not account_id.strip():
        raise InvalidRequest(f"account_id must be text such as 'DU123456', not {shown(account_id)}")


def needed(operation: Operation, calls: int) -> float:
    """Return the seconds that IBKR's limits need for further calls right after a call."""
    limits = LIMITS.get(operation.limit, ())
    return max((limit.seconds / limit.count * calls for limit in limits), default=0.0)


def is_open(order: LiveOrder) -> bool:
    """Return whether an order is neither filled nor cancelled nor refused."""
    return state_of_order(peek(order, "status"), order.order_ccp_status).working


def list_key(row: LiveOrder | Trade) -> object:
    """Return the id of an order or an execution; the row itself if it has no id."""
    names = [name for name in ("execution_id", "order_id") if name in row.__struct_fields__]
    found: list[object] = [peek(row, name) for name in names]
    return next(filter(None, found), id(row))
