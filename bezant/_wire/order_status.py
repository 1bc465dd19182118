"""Table of order states, one row for each state, with the gateway's spellings.

An order has two states, ``status`` and ``order_ccp_status``. If ``status`` is Inactive, the second
state tells the reason. A new order is Inactive with "Pending Submit" for a moment, or until IBKR's
question about it gets a reply. A rejected order is Inactive, too.

Spellings differ: responses have ``PreSubmitted``, filters take ``pre_submitted``. The table
compares them without case, spaces and underscores.
"""

from __future__ import annotations

from typing import Final

from .record import Record


class OrderState(Record, frozen=True):
    """One state of an order.

    Attributes:
        spellings: how the gateway spells the state, the usual spelling first.
        working: whether the order may still be filled.
        final: whether the order cannot change again.
    """

    spellings: tuple[str, ...]
    working: bool = True
    final: bool = False


# Without `order_ccp_status`, an Inactive order may be new or rejected, so it counts neither as
# working nor as final.
INACTIVE: Final = OrderState(("Inactive",), working=False)
PENDING_SUBMIT: Final = OrderState(("PendingSubmit",))
PRE_SUBMITTED: Final = OrderState(("PreSubmitted",))
SUBMITTED: Final = OrderState(("Submitted",))
FILLED: Final = OrderState(("Filled",), working=False, final=True)
# An order in this state has the status Inactive, but IBKR is still creating it. It may still fill.
CREATED: Final = OrderState(())
# IBKR adds states without notice. An order with an unknown state counts as working, because it may
# still be filled.
UNKNOWN: Final = OrderState(())

STATES: Final[tuple[OrderState, ...]] = (
    INACTIVE,
    PENDING_SUBMIT,
    PRE_SUBMITTED,
    SUBMITTED,
    # These orders can still be filled until their cancellation is confirmed.
    OrderState(("PendingCancel",)),
    OrderState(("PreCancelled",)),
    OrderState(("WarnState",)),
    FILLED,
    OrderState(("Cancelled", "Canceled", "ApiCancelled"), working=False, final=True),
    OrderState(("Expired",), working=False, final=True),
    OrderState(("Rejected",), working=False, final=True),
)


def plain_spelling(status: str) -> str:
    """Return a status in the form for comparisons: ``presubmitted`` for ``pre_submitted``."""
    return "".join(status.replace("_", " ").split()).lower()


_BY_SPELLING: Final[dict[str, OrderState]] = {
    spelling: state
    for state in STATES
    for name in state.spellings
    for spelling in (name, plain_spelling(name))
}


def state_of(status: object) -> OrderState:
    """Return the state that a status names; `UNKNOWN` if it is missing or not in the table."""
    if not isinstance(status, str):
        return UNKNOWN
    # The usual spelling is looked up first, because that needs no conversion.
    return _BY_SPELLING.get(status) or _BY_SPELLING.get(plain_spelling(status), UNKNOWN)


def state_of_order(status: object, detail: object) -> OrderState:
    """Return the state of an order, from the two statuses that the gateway sends.

    Args:
        status: the order's ``status``, or ``order_status``.
        detail: the order's ``order_ccp_status``, which the gateway may leave out or send as a
            number.
    """
    state = state_of(status)
    if state is not INACTIVE:
        return state
    known = state_of(detail)
    if known in _BEING_CREATED:
        return CREATED
    return known if known.final else INACTIVE


_BEING_CREATED: Final = (PENDING_SUBMIT, PRE_SUBMITTED, SUBMITTED)
