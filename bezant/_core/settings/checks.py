"""Validation of arguments: counts, durations and callbacks."""

from __future__ import annotations

from typing import Final

from ..._wire.redaction import shown
from ...errors import InvalidRequest

# Sockets count milliseconds in 32 bits, so a wait above 24 days raises an OverflowError; this limit
# is in seconds.
MAX_SECONDS: Final = 2_000_000


def check_count(name: str, value: object, least: int) -> None:
    """Check that an argument is a whole number of at least ``least``.

    Args:
        name: name of the argument, for the error.
        value: value of the argument.
        least: smallest allowed value.

    Raises:
        InvalidRequest: the value is not such a number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequest(
            f"{name} must be a whole number of at least {least}, not {shown(value)}"
        )


def check_callable(name: str, value: object) -> None:
    """Check that an argument is a callable or None.

    Raises:
        InvalidRequest: the value is neither.
    """
    if value is not None and not callable(value):
        raise InvalidRequest(f"{name} must be a function, not {shown(value)}")


def check_seconds(name: str, value: float) -> None:
    """Check that an argument is a number of seconds above 0 and up to ``MAX_SECONDS``.

    Raises:
        InvalidRequest: the value is not such a number.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= MAX_SECONDS
    ):
        raise InvalidRequest(
            f"{name} must be a positive number of seconds up to {MAX_SECONDS:,}, not {shown(value)}"
        )
