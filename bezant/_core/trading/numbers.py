"""Reads exact prices and quantities from the numbers that a program passes."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final, TypeAlias

from ..._wire.redaction import shown
from ...errors import InvalidRequest

Number: TypeAlias = Decimal | int | float | str

# A float with more digits is nearly always the result of a calculation, such as 0.1 + 0.2.
_MOST_FLOAT_DIGITS: Final = 15
_MOST_DIGITS: Final = 30
_HIGHEST_EXPONENT: Final = 18


def exact(name: str, value: object, *, above_zero: bool = False) -> Decimal:
    """Return a number as an exact `Decimal`.

    A float is read by its shortest spelling, so that 240.5 is 240.5. A float with more than 15
    digits is refused, because it is the result of a calculation and would be sent with all digits.

    Args:
        name: name of the argument, for errors.
        value: the number: `Decimal`, int, text or float.
        above_zero: whether the number must be above 0.

    Raises:
        InvalidRequest: the value is not an exact finite number, or is not above 0.
    """
    if value is None:
        raise InvalidRequest(
            f"{name} must be a number, not None; leave the argument out if the order has no {name}"
        )
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise InvalidRequest(f"{name} must be a number such as '240.50', not {shown(value)}")
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, ValueError):
        raise InvalidRequest(
            f"{name} must be a number such as '240.50', not {shown(value)}"
        ) from None
    if not number.is_finite():
        raise InvalidRequest(f"{name} must be a finite number, not {shown(value)}")
    digits = number.as_tuple()
    if len(digits.digits) > _MOST_DIGITS or abs(number.adjusted()) > _HIGHEST_EXPONENT:
        raise InvalidRequest(f"{name} has too many digits ({shown(value)}); round it")
    if isinstance(value, float) and len(digits.digits) > _MOST_FLOAT_DIGITS:
        raise InvalidRequest(
            f"{name} is the result of a calculation with floats ({value!r}) and is not exact; "
            "round it, or calculate with Decimal"
        )
    if above_zero and number <= 0:
        raise InvalidRequest(f"{name} must be above 0, not {shown(value)}")
    return number


def check_sign(name: str, price: Decimal | None, *, negative: bool) -> None:
    """Check that a price is above 0, unless the contract allows other prices.

    Args:
        name: name of the argument, for errors.
        price: the price; None if the order has no such price.
        negative: whether the contract may have prices of 0 and below, as spreads have.

    Raises:
        InvalidRequest: the price is 0 or below. An order to sell at such a price would fill at any.
    """
    if price is not None and price <= 0 and not negative:
        raise InvalidRequest(
            f"{name} must be above 0, not {plain(price)}, because the contract has no prices of 0 "
            "or below"
        )


def plain(number: Decimal) -> str:
    """Return a number in digits, without an exponent and without zeros at its end."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
