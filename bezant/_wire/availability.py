"""Availability of market data: one row for each first letter of field 6509, such as ``RpB``."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

Availability: TypeAlias = Literal[
    "real time", "delayed", "frozen", "frozen delayed", "not subscribed", "no agreement"
]

# By the first letter. The other letters say whether the data is consolidated, a snapshot or a book.
AVAILABILITY: Final[dict[str, Availability]] = {
    "R": "real time",
    "D": "delayed",
    "Z": "frozen",
    "Y": "frozen delayed",
    "N": "not subscribed",
    "O": "no agreement",
}
# Nothing that needs a subscription will come.
NEVER: Final = ("not subscribed", "no agreement")
# The values are those of an earlier moment, so all that exist come at once.
STILL: Final = ("delayed", "frozen", "frozen delayed")


def availability_of(text: object) -> Availability | None:
    """Return the availability that a value of the field means; None if it is missing or unknown."""
    return AVAILABILITY.get(text[:1].upper()) if isinstance(text, str) else None
