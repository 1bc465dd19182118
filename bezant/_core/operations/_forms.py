"""Checks, before anything is sent, arguments that must have a certain form, such as a date.

For some wrong arguments, IBKR responds as if it had an outage, or silently uses its own default
value instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, cast

from ..._wire.redaction import shown
from ...errors import InvalidRequest

# Key: name of a form of text. Value: its pattern, and its description in errors.
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "month": (
        "(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[0-9]{2}",
        "a month such as 'JAN27', in upper case",
    ),
    "period": ("[1-9][0-9]{0,3}(?:min|h|d|w|m|y)", "a length such as '1d', '2w' or '30min'"),
    "bar": ("[1-9][0-9]{0,3}(?:S|min|h|d|w|m)", "a length such as '5min', '1h' or '1d'"),
    "time": (
        "[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])-[012][0-9]:[0-5][0-9]:[0-5][0-9]",
        "a time in UTC such as '20270131-14:30:00'",
    ),
    "day": (
        "[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])",
        "a day such as '20270131'",
    ),
    "digits": ("[0-9]{1,18}", "an id of digits"),
    # Older watchlists of users have negative ids.
    "number": ("-?[0-9]{1,18}", "an id such as '1234', as text"),
    # IBKR's document lists 23 codes, and the gateway sends others, too.
    "fyi code": ("[A-Z][A-Z0-9]", "the code of a kind of notification, such as 'BA'"),
    "fyi codes": (
        "[A-Z][A-Z0-9](?:,[A-Z][A-Z0-9])*",
        "codes of kinds of notification, such as 'BA' or 'BA,OE'",
    ),
    # The names that IBKR shows to users, such as "Top % Gainers", have spaces; codes have none.
    "scanner code": ("[A-Za-z0-9_.]{1,100}", "a code from get_scanner_parameters()"),
}
# Highest number of message ids in one call. To more ids, and to none, the gateway responds with
# status 500 and an empty body.
_MOST_MESSAGE_IDS: Final = 51
_MOST_NOTIFICATIONS: Final = 10
# Types of an alert's condition whose value is a number: price and volume.
_NUMERIC_CONDITIONS: Final = frozenset({1, 6})


def check(forms: Mapping[str, str], values: Mapping[str, object], operation: str) -> None:
    """Check the arguments that must have a certain form; arguments that are None are skipped.

    Args:
        forms: the required form of each argument, by the argument's name.
        values: the arguments, by name.
        operation: name of the operation, for errors.

    Raises:
        InvalidRequest: an argument does not have its form.
    """
    for name, form in forms.items():
        value = values[name]
        if value is None:
            continue
        if form in TEXTS:
            check_text(name, form, value, operation)
        else:
            _OTHERS[form](name, value, operation)


def check_text(name: str, form: str, value: object, operation: str | None = None) -> None:
    """Check that a value is text of a certain form, such as a date.

    Raises:
        InvalidRequest: the value is not text, or does not have this form.
    """
    pattern, words = TEXTS[form]
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise InvalidRequest(f"{name} must be {words}, not {shown(value)}", operation=operation)


def _quantity(name: str, value: object, operation: str) -> None:
    try:
        positive = Decimal(str(value)) > 0
    except (InvalidOperation, ValueError):
        # A value that is not a number passes this check, because the later check of types gives a
        # better error.
        positive = True
    if not positive:
        raise InvalidRequest(
            f"{name} must be above 0, not {shown(value)}; the side says whether to buy or to sell",
            operation=operation,
        )


def _tickets(name: str, value: object, operation: str) -> None:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return  # a later check of types gives a better error
    for index, each in enumerate(cast("Iterable[object]", value)):
        quantity: object = getattr(each, "quantity", None)
        if quantity is not None:
            _quantity(f"{name}[{index}].quantity", quantity, operation)


def _message_ids(name: str, value: object, operation: str) -> None:
    if isinstance(value, list | tuple):
        count = len(cast("list[object]", value))
        if not 0 < count <= _MOST_MESSAGE_IDS:
            raise InvalidRequest(
                f"{name} must have 1 to {_MOST_MESSAGE_IDS} ids, not {count}", operation=operation
            )


def _up_to_ten(name: str, value: object, operation: str) -> None:
    if isinstance(value, int) and not 1 <= value <= _MOST_NOTIFICATIONS:
        raise InvalidRequest(
            f"{name} must be 1 to {_MOST_NOTIFICATIONS}, not {value}", operation=operation
        )


def _elements(value: object) -> list[object]:
    """Return the elements of a list; none for other values, which a later check refuses."""
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        return []
    return list(cast("Iterable[object]", value))


def _scan_conditions(name: str, value: object, operation: str) -> None:
    for index, each in enumerate(_elements(value)):
        place = f"{name}[{index}]"
        check_text(f"{place}.code", "scanner code", _field(each, "code", "code"), operation)
        if _field(each, "value", "value") in (None, ""):
            raise InvalidRequest(f"{place}.value must have a value", operation=operation)


def _watchlist_rows(name: str, value: object, operation: str) -> None:
    for index, each in enumerate(_elements(value)):
        conid = _field(each, "conid_text", "C")
        if conid not in (None, ""):  # otherwise, the row is a blank line
            check_text(f"{name}[{index}].conid_text", "digits", conid, operation)


def _alert_conditions(name: str, value: object, operation: str) -> None:
    conditions = _elements(value)
    if isinstance(value, list | tuple) and not conditions:
        raise InvalidRequest(f"{name} must have at least one condition", operation=operation)
    for index, each in enumerate(conditions):
        if _field(each, "type", "type") in _NUMERIC_CONDITIONS:
            told = _field(each, "value", "value")
            try:
                number = Decimal(str(told))
            except InvalidOperation:
                number = Decimal("NaN")
            if not number.is_finite():
                raise InvalidRequest(
                    f"{name}[{index}].value must be a number such as '150.5', not {shown(told)}",
                    operation=operation,
                )


def _field(row: object, name: str, wire: str) -> object:
    """Return a field of a model, or of a mapping with the fields of a model."""
    if isinstance(row, Mapping):
        given = cast("Mapping[str, object]", row)
        return given.get(name, given.get(wire))
    return getattr(row, name, None)


_OTHERS: Final[Mapping[str, Callable[[str, object, str], None]]] = {
    "quantity": _quantity,
    "tickets": _tickets,
    "message ids": _message_ids,
    "up to 10": _up_to_ten,
    "scan conditions": _scan_conditions,
    "watchlist rows": _watchlist_rows,
    "alert conditions": _alert_conditions,
}
FORMS: Final = frozenset(TEXTS) | frozenset(_OTHERS)
