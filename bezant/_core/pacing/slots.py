"""Slots: how many requests of each kind may be in flight at the gateway at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from .limits import KEPT_FOR_ORDERS, KEPT_FOR_TICKLE, MAX_IN_FLIGHT

# Kinds of calls. A tickle is a call of ``/tickle``, which keeps the session alive; a reply to an
# order question counts as an order; all other calls count as reads.
TICKLE, CANCEL, ORDER, READ = range(4)

# Highest number of reads in flight. The other slots are kept for tickles, cancels and orders.
_READS_IN_FLIGHT: Final = MAX_IN_FLIGHT - KEPT_FOR_TICKLE - KEPT_FOR_ORDERS


def has_slot(kind: int, in_flight: Collection[int], urgent: int = 0) -> bool:
    """Return whether the gateway has a slot for one more request.

    Args:
        kind: kind of the request.
        in_flight: kinds of the requests in flight.
        urgent: number of urgent requests that wait in other processes. A read gets no slot that one
            of these needs.
    """
    if len(in_flight) + urgent < _READS_IN_FLIGHT:
        return True
    if len(in_flight) >= MAX_IN_FLIGHT:
        return False
    if kind < ORDER:
        return True
    # Tickles are not counted, because one slot is kept for them.
    others = sum(each != TICKLE for each in in_flight)
    if kind == ORDER:
        return others < MAX_IN_FLIGHT - KEPT_FOR_TICKLE
    reads = sum(each == READ for each in in_flight)
    return others + urgent < MAX_IN_FLIGHT - KEPT_FOR_TICKLE and reads < _READS_IN_FLIGHT
