"""`Intent`: one call that changes an order, as it is before its first byte is sent."""

from __future__ import annotations

from typing import Literal

from ..._wire.record import Record
from .tickets import Leg


class Intent(Record, frozen=True):
    """One call that places, modifies or cancels an order, or replies to a question.

    Attributes:
        kind: what the call does.
        account_id: the account.
        legs: the orders of the call, a parent first; empty for a cancel.
        order_id: id of the order to modify or cancel; None for other calls.
        question_id: id of the question; empty unless the call is a reply.
        confirmed: whether the reply confirms the question.
    """

    kind: Literal["place", "modify", "reply", "cancel"]
    account_id: str
    legs: tuple[Leg, ...] = ()
    order_id: int | None = None
    question_id: str = ""
    confirmed: bool = False
