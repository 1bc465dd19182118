"""Lists of orders and executions, which may be empty although there are some.

The first call of a session only starts such a list: ``{"orders": [], "snapshot": false}``, or
``[]`` for executions. ``snapshot`` alone says little: it has been seen false beside orders, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from ..._wire.order_status import INACTIVE, PENDING_SUBMIT, state_of
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ...models._base import peek
from ..http.operation import Operation
from ..pacing.limits import LIMITS

if TYPE_CHECKING:
    from ...models.orders import LiveOrder, LiveOrders, Trade


def may_be_incomplete(answer: object) -> bool:
    """Say whether a list is empty that the gateway does not call complete."""
    if isinstance(answer, list):
        return not answer
    orders = cast("LiveOrders", answer)
    return not peek(orders, "orders") and peek(orders, "snapshot") is not True


def is_empty(answer: object) -> bool:
    """Say whether a response holds nothing."""
    if isinstance(answer, Struct):
        return all(not peek(answer, name) for name in answer.__struct_fields__)
    return not answer


def brings_nothing(values: Mapping[str, object]) -> bool:
    """Say whether a call is one that brings nothing by its arguments: it drops the list."""
    return values.get("force") is True


def check_account(account_id: object) -> None:
    """Refuse an account that is no text.

    Raises:
        InvalidRequest: it is none.
    """
    if not isinstance(account_id, str) or not account_id.strip():
        raise InvalidRequest(f"account_id must be text such as 'DU123456', not {shown(account_id)}")


def needed(operation: Operation, calls: int) -> float:
    """Return the seconds that further calls may take by IBKR's limits, when one was just made."""
    limits = LIMITS.get(operation.limit, ())
    return max((limit.seconds / limit.count * calls for limit in limits), default=0.0)


def is_open(order: LiveOrder) -> bool:
    """Say whether an order is neither filled nor cancelled nor refused.

    A new order begins as Inactive, too, and stays so while its question waits for an answer.
    """
    state = state_of(peek(order, "status"))
    return state.working or (
        state is INACTIVE and state_of(order.order_ccp_status) is PENDING_SUBMIT
    )


def list_key(row: LiveOrder | Trade) -> object:
    """Return what tells an order or an execution from others; itself where it has no id."""
    names = [name for name in ("execution_id", "order_id") if name in row.__struct_fields__]
    return next(filter(None, (peek(row, name) for name in names)), id(row))
