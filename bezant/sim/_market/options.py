"""Prices and Greeks of options after Black and Scholes, without interest and dividends."""

from __future__ import annotations

import math
from dataclasses import dataclass

YEAR = 365 * 86_400.0
"""Seconds of the year in which volatilities are given."""

_LOWEST, _HIGHEST = 1e-4, 10.0
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Greeks:
    """Sensitivities of an option's price.

    Attributes:
        delta: change per change of the underlying's price.
        gamma: change of `delta` per change of the underlying's price.
        theta: change per day.
        vega: change per percentage point of volatility.
    """

    delta: float
    gamma: float
    theta: float
    vega: float


def value(right: str, spot: float, strike: float, years: float, volatility: float) -> float:
    """Return the price of an option; at its expiry or later, what its exercise is worth.

    Args:
        right: `C` for a call, `P` for a put.
        spot: price of the underlying.
        strike: the strike price.
        years: time to the expiry.
        volatility: yearly volatility; 0.25 for 25 %.
    """
    sign = 1.0 if right == "C" else -1.0
    if years <= 0:
        return max(0.0, sign * (spot - strike))
    one, two = _distances(spot, strike, years, volatility)
    return sign * (spot * _below(sign * one) - strike * _below(sign * two))


def greeks(right: str, spot: float, strike: float, years: float, volatility: float) -> Greeks:
    """Return the Greeks of an option that has not expired; see `value` for the arguments."""
    one, _ = _distances(spot, strike, years, volatility)
    density = math.exp(-one * one / 2) / math.sqrt(2 * math.pi)
    root = math.sqrt(years)
    return Greeks(
        delta=_below(one) - (0.0 if right == "C" else 1.0),
        gamma=density / (spot * volatility * root),
        theta=-spot * density * volatility / (2 * root) / 365,
        vega=spot * density * root / 100,
    )


def implied(right: str, spot: float, strike: float, years: float, price: float) -> float | None:
    """Return the volatility with which an option has this price; None if there is none.

    See `value` for the other arguments.
    """
    low, high = _LOWEST, _HIGHEST
    if years <= 0 or not (
        value(right, spot, strike, years, low) < price < value(right, spot, strike, years, high)
    ):
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if value(right, spot, strike, years, middle) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _distances(spot: float, strike: float, years: float, volatility: float) -> tuple[float, float]:
    spread = volatility * math.sqrt(years)
    one = math.log(spot / strike) / spread + spread / 2
    return one, one - spread


def _below(number: float) -> float:
    """Return the probability that a standard normal random number is below `number`."""
    return (1 + math.erf(number / math.sqrt(2))) / 2
