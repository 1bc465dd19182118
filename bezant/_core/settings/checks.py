"""Checks of numbers and callbacks that users give."""

from __future__ import annotations

from typing import Final

from ..._wire.redaction import shown
from ...errors import InvalidRequest

# Sockets count milliseconds in 32 bits: beyond 24 days a wait fails with an OverflowError.
MAX_SECONDS: Final = 2_000_000


def check_count(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number of at least so many.

    Raises:
        InvalidRequest: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequest(
            f"{name} must be a whole number of at least {least}, not {shown(value)}"
        )


def check_callable(name: str, value: object) -> None:
    """Refuse what cannot be called, before the moment when it would have to be; None is none.

    Raises:
        InvalidRequest: it cannot.
    """
    if value is not None and not callable(value):
        raise InvalidRequest(f"{name} must be a function, not {shown(value)}")


def check_seconds(name: str, value: float) -> None:
    """Refuse what is not a number of seconds above 0, or longer than can be waited for.

    Raises:
        InvalidRequest: it is not.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 < value <= MAX_SECONDS
    ):
        raise InvalidRequest(
            f"{name} must be a positive number of seconds up to {MAX_SECONDS:,}, not {shown(value)}"
        )
