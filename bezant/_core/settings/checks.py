"""Validation of arguments: counts, durations and callbacks."""

from __future__ import annotations

from typing import Final

from ..._wire.redaction import shown
from ...errors import InvalidRequest

# In seconds. Sockets count milliseconds in 32 bits, so a wait of more than 24 days would raise an
# OverflowError.
MAX_SECONDS: Final = 2_000_000


def check_count(name: str, value: object, least: int, most: int | None = None) -> None:
    """Check that an argument is a whole number and within its limits.

    Args:
        name: name of the argument, for the error.
        value: value of the argument.
        least: smallest allowed value.
        most: largest allowed value; None for no limit.

    Raises:
        InvalidRequest: the value is not a whole number, below ``least`` or above ``most``.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < least
        or (most is not None and value > most)
    ):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidRequest(f"{name} must be a whole number {limits}, not {shown(value)}")


def check_callable(name: str, value: object) -> None:
    """Check that an argument is a callable or None.

    Raises:
        InvalidRequest: the value is neither a callable nor None.
    """
    if value is not None and not callable(value):
        raise InvalidRequest(f"{name} must be a function, not {shown(value)}")


def check_seconds(name: str, value: float) -> None:
    """Check that an argument is a number above 0 and not above ``MAX_SECONDS``.

    Raises:
        InvalidRequest: the value is not a number within these limits.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= MAX_SECONDS
    ):
        raise InvalidRequest(
            f"{name} must be a positive number of seconds up to {MAX_SECONDS:,}, not {shown(value)}"
        )
