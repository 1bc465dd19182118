"""Combinations of contracts (combos), such as a spread of two options, as one order names them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, cast

from ..._wire.record import Record
from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ..marketdata.contract import HasConid

# Key: currency. Value: the conid with which IBKR names a combination in that currency.
SPREAD_CONIDS: Final = {
    "AUD": 61227077,
    "CAD": 61227082,
    "CHF": 61227087,
    "CNH": 136000441,
    "GBP": 58666491,
    "HKD": 61227072,
    "INR": 136000444,
    "JPY": 61227069,
    "KRW": 136000424,
    "MXN": 136000449,
    "SEK": 136000429,
    "SGD": 426116555,
    "USD": 28812380,
}
ComboCurrency: TypeAlias = Literal[
    "AUD", "CAD", "CHF", "CNH", "GBP", "HKD", "INR", "JPY", "KRW", "MXN", "SEK", "SGD", "USD"
]


class Combo(Record, frozen=True):
    """Combination of contracts that is traded as one; make it with `combo`.

    Attributes:
        conid_ex: IBKR's text for the combination, which orders, quotes and snapshots take.
        legs: conid and ratio of each leg; the ratio is negative for a leg that is sold.
    """

    conid_ex: str
    legs: tuple[tuple[int, int], ...]


def combo(
    legs: Iterable[tuple[int | HasConid, int]],
    *,
    currency: ComboCurrency = "USD",
    exchange: str | None = None,
) -> Combo:
    """Return a combination of contracts, to be bought or sold with one order.

    The price of such an order is the sum of each leg's price times its ratio, so it can be
    negative.

    Args:
        legs: pairs of a contract (a conid, or an object with one) and a ratio, which is negative
            for a leg that is sold when you buy the combination.
        currency: currency of the legs.
        exchange: exchange for direct routing; None for IBKR's own routing.

    Raises:
        InvalidRequest: there are fewer than two legs, or a leg, the currency or the exchange is
            invalid.
    """
    pairs: list[tuple[int, int]] = []
    for leg in legs:
        conid, ratio = _leg(leg)
        pairs.append((conid, ratio))
    if len(pairs) < 2 or len({conid for conid, _ in pairs}) < len(pairs):
        raise InvalidRequest("a combination needs two or more legs, each a different contract")
    spread = SPREAD_CONIDS.get(currency)
    if spread is None:
        raise InvalidRequest(
            f"currency must be one of {', '.join(SPREAD_CONIDS)}, not {shown(currency)}"
        )
    where = ""
    if exchange is not None:
        if not isinstance(exchange, str) or not exchange.isalnum():
            raise InvalidRequest(f"exchange must be a name such as 'SMART', not {shown(exchange)}")
        where = f"@{exchange}"
    text = ",".join(f"{conid}/{ratio}" for conid, ratio in pairs)
    return Combo(f"{spread}{where};;;{text}", tuple(pairs))


def _leg(leg: object) -> tuple[int, int]:
    parts = _parts(leg)
    if len(parts) == 2:
        conid, ratio = conid_of(parts[0]), parts[1]
        whole = isinstance(ratio, int) and not isinstance(ratio, bool) and ratio != 0
        if conid is not None and whole:
            return conid, cast("int", ratio)
    raise InvalidRequest(
        "each leg must be a pair of a contract and a whole ratio other than 0, such as "
        f"(265598, -1), not {shown(leg)}"
    )


def _parts(leg: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", leg) if isinstance(leg, tuple) else ()


def conid_of(contract: object) -> int | None:
    """Return the conid of a contract given as a number or an object; None if it has none."""
    conid = getattr(contract, "conid", contract)
    if isinstance(conid, int) and not isinstance(conid, bool) and 0 < conid < 2**31:
        return conid
    return None
