"""Preview of an order: its cost, its margin and IBKR's warnings, as typed values."""

from __future__ import annotations

import html
import re
from decimal import Decimal

from ..._wire.record import Record
from ...models.orders import OrderPreview, PreviewAmount, PreviewFigure
from .orders import Order


class Figure(Record, frozen=True):
    """One figure before and after an order, in the account's base currency.

    Attributes:
        before: value before the order; None if IBKR sent none.
        change: change by the order; None if IBKR sent none.
        after: value after the order; None if IBKR sent none.
    """

    before: Decimal | None = None
    change: Decimal | None = None
    after: Decimal | None = None


class Margin(Record, frozen=True):
    """Margin of an account before and after an order.

    Attributes:
        initial: initial margin, which the account needs to open positions.
        maintenance: maintenance margin, which the account needs to keep them.
    """

    initial: Figure
    maintenance: Figure


class PreviewWarning(Record, frozen=True):
    """Warning in a preview.

    Attributes:
        id: IBKR's number of the warning; empty if it has none.
        text: text of the warning, without HTML.
    """

    id: str
    text: str


class Preview(Record, frozen=True):
    """Cost and margin that an order would have; nothing is placed.

    Attributes:
        order: the order.
        amount: price times quantity.
        commission: commission and fees; the highest if IBKR names a range.
        commission_least: lowest commission, if IBKR names a range.
        total: amount including the commission.
        currency: currency of these amounts.
        equity: equity with loan value.
        margin: initial and maintenance margin.
        position: quantity of the contract held.
        warnings: IBKR's warnings.
    """

    order: Order
    amount: Decimal | None
    commission: Decimal | None
    commission_least: Decimal | None
    total: Decimal | None
    currency: str | None
    equity: Figure
    margin: Margin
    position: Figure
    warnings: tuple[PreviewWarning, ...]


def preview_of(order: Order, response: OrderPreview) -> Preview:
    """Return the preview in a response."""
    amount = response.amount or PreviewAmount()
    texts = response.warns or ([response.warn] if response.warn else [])
    return Preview(
        order=order,
        amount=amount.amount,
        commission=amount.commission,
        commission_least=amount.commission_least,
        total=amount.total,
        currency=amount.currency,
        equity=_figure(response.equity),
        margin=Margin(_figure(response.initial), _figure(response.maintenance)),
        position=_figure(response.position),
        warnings=tuple(_warning(each) for each in dict.fromkeys(texts)),
    )


def _figure(figure: PreviewFigure | None) -> Figure:
    if figure is None:
        return Figure()
    return Figure(figure.current, figure.change, figure.after)


def _warning(text: str) -> PreviewWarning:
    plain = " ".join(html.unescape(re.sub(r"<[^<>]*>", " ", text)).split())
    number, slash, rest = plain.partition("/")
    if slash and number.isdecimal():
        return PreviewWarning(number, rest.strip())
    return PreviewWarning("", plain)
