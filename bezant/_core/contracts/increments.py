"""Price increments: which prices a contract allows, and how to round a price to one of them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Final, Literal, TypeAlias, cast

from ..._wire.redaction import shown
from ...errors import InvalidRequest

Rounding: TypeAlias = Literal["down", "up", "nearest"]
_MODES: Final = {"down": ROUND_FLOOR, "up": ROUND_CEILING, "nearest": ROUND_HALF_EVEN}
# Exact for every price and increment within these bounds. A price such as 1E+999999 would
# otherwise need memory and time without end.
_EXACT: Final = Context(prec=60)
_LARGEST_EXPONENT: Final = 18
_SMALLEST_EXPONENT: Final = -18


class PriceIncrements:
    """The smallest steps between two allowed prices of a contract, by the price's size.

    A stock may allow steps of 0.0001 below a price of 1, and steps of 0.01 from 1 on. A negative
    price, which combinations and some futures have, follows the rule of its absolute value.

    Args:
        rules: pairs of a lower edge and the increment that applies from that price on, in any
            order. The rule with the smallest edge also applies below its edge.

    Raises:
        InvalidRequest: there is no rule, or an edge or an increment is not a usable number.
    """

    __slots__ = ("_rules",)

    def __init__(self, rules: Iterable[tuple[Decimal, Decimal]]) -> None:
        found = list(rules)
        for edge, increment in found:
            if not _is_usable(edge) or edge < 0 or not _is_usable(increment) or increment <= 0:
                raise InvalidRequest(
                    "a price increment must be a pair of a lower edge of 0 or more and an "
                    f"increment above 0, not {shown((edge, increment))}"
                )
        if not found:
            raise InvalidRequest("no price increment was given; pass at least one")
        self._rules = tuple(sorted(found))

    @property
    def rules(self) -> tuple[tuple[Decimal, Decimal], ...]:
        """Pairs of a lower edge and the increment that applies from it on, by rising edge."""
        return self._rules

    def increment(self, price: Decimal) -> Decimal:
        """Return the increment that applies at a price.

        Raises:
            InvalidRequest: the price is not a finite number, or is too large or too fine.
        """
        size = abs(_checked(price))
        found = self._rules[0][1]
        for edge, increment in self._rules[1:]:
            if size < edge:
                break
            found = increment
        return found

    def allows(self, price: Decimal) -> bool:
        """Return whether the contract allows the price.

        Raises:
            InvalidRequest: the price is not a finite number, or is too large or too fine.
        """
        return not _EXACT.remainder(price, self.increment(price))

    def round(self, price: Decimal, to: Rounding) -> Decimal:
        """Return the allowed price next to a price; the price itself if it is allowed.

        Args:
            price: the price to round.
            to: ``down`` for the highest allowed price that is not above ``price``, ``up`` for the
                lowest that is not below it, ``nearest`` for the closer one of the two.

        Raises:
            InvalidRequest: the price is not a finite number, or is too large or too fine; or ``to``
                is none of the three texts.
        """
        if to not in _MODES:
            raise InvalidRequest(f"to must be 'down', 'up' or 'nearest', not {shown(to)}")
        increment = self.increment(price)
        steps = _EXACT.divide(price, increment).to_integral_value(_MODES[to])
        return _EXACT.multiply(steps, increment)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PriceIncrements) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash(self._rules)

    def __repr__(self) -> str:
        steps = ", ".join(f"{increment} from {edge}" for edge, increment in self._rules)
        return f"<{type(self).__name__} {steps}>"


def _is_usable(number: Decimal) -> bool:
    return number.is_finite() and (
        not number
        or (number.adjusted() <= _LARGEST_EXPONENT and _exponent(number) >= _SMALLEST_EXPONENT)
    )


def _exponent(number: Decimal) -> int:
    # It is a letter for NaN and infinity only, which `_is_usable` has refused before.
    return cast("int", number.as_tuple().exponent)


def _checked(price: Decimal) -> Decimal:
    if not _is_usable(price):
        raise InvalidRequest(
            f"a price must be a number below 1E+{_LARGEST_EXPONENT + 1} with at most "
            f"{-_SMALLEST_EXPONENT} digits after the point, not {shown(price)}"
        )
    return price
