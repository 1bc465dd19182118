"""Symbols that do not lead to one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import BezantError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..models import Listing


class SymbolError(BezantError):
    """A symbol did not lead to exactly one contract.

    Attributes:
        symbol: the symbol in its normal form, such as ``BRK B``.
        candidates: the listings that were found, whether or not they fit.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        symbol: str = "",
        candidates: Sequence[Listing] = (),
    ) -> None:
        super().__init__(message, operation=operation)
        self.symbol = symbol
        self.candidates: tuple[Listing, ...] = tuple(candidates)


class SymbolNotFound(SymbolError):
    """No stock or fund with that symbol (and exchange and currency) is known."""


class AmbiguousSymbol(SymbolError):
    """Several listings fit; ``candidates`` lists them. Name the exchange or the currency."""
