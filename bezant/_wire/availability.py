"""Table of the availability of market data, by the first letter of field 6509 (such as ``RpB``)."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Availability: TypeAlias = Literal[
    "real time", "delayed", "frozen", "frozen delayed", "not subscribed", "no agreement"
]
"""Availability of market data: how current it is, or why there is none."""

# Key: the first letter of the field. The other letters say whether the data is consolidated, a
# snapshot or a book.
AVAILABILITY: Final[dict[str, Availability]] = {
    "R": "real time",
    "D": "delayed",
    "Z": "frozen",
    "Y": "frozen delayed",
    "N": "not subscribed",
    "O": "no agreement",
}
# With these availabilities, IBKR will not send any value that needs a market data subscription.
NEVER: Final = ("not subscribed", "no agreement")
# With these availabilities, the values are those of an earlier moment. IBKR sends all of them in
# one response, so there is nothing more to wait for.
STILL: Final = ("delayed", "frozen", "frozen delayed")


def availability_of(text: object) -> Availability | None:
    """Return the availability that field 6509 means; None if its value is missing or unknown."""
    return AVAILABILITY.get(text[:1].upper()) if isinstance(text, str) else None
