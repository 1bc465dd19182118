"""`Endpoint`: everything that a method of `client.api` needs to know about its call."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..._wire.record import Record
from ..http.operation import Operation


def _no_choices() -> Mapping[str, tuple[str | int, ...]]:
    return {}


def _no_names() -> Mapping[str, str]:
    return {}


class Endpoint(Record, eq=False, frozen=True):
    """Operation together with its parameters and the type of its response.

    An endpoint is a constant of a module in this package. The module's name is the name of the
    group in ``client.api``; the constant's name, in lower case, is the name of the method.

    Attributes:
        id: operation id from IBKR's API description; bezant's own id if that description lacks it.
        summary: one sentence about the operation.
        operation: the call.
        response: type of the response: ``None``, ``str``, ``BinaryResponse``, ``Any``, or models
            with their modules in `bezant.models` (``dict[str, list[contracts.CurrencyPair]]``).
        path: path parameters; key: Python name, value: name in IBKR's API.
        query: query parameters, with keys and values as in ``path``.
        header: header parameters; key: Python name, value: name of the header.
        body: fields of the body, with keys and values as in ``path``.
        kinds: types of the body's fields, by Python name: ``int``, ``decimal``, ``bool``, ``str``,
            or a list of them (``list[str]``, ``list[any]``).
        forms: required forms of parameters, such as a date, by Python name; values from
            `_forms.FORMS`.
        choices: allowed values of parameters, or of the items of lists, by Python name.
        models: models of parameters, by Python name, with their modules in `bezant.models`
            (``list[orders.OrderTicket]``). A user may pass a mapping instead, which is converted to
            the model.
        extra: whether the method takes more query values, by their names in IBKR's API, in an
            argument named ``query``.
        sends: what the body is. ``fields``: a JSON object of the fields in ``body``; ``form``: the
            same fields, URL-encoded as an HTML form; ``whole``: the argument ``body`` as JSON;
            ``signed``: the argument ``body`` as JSON, or a signed JWT given as text; empty: no
            body.
    """

    id: str
    summary: str
    operation: Operation
    response: str
    path: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    query: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    header: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    body: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    kinds: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    forms: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    choices: Mapping[str, tuple[str | int, ...]] = msgspec.field(default_factory=_no_choices)
    models: Mapping[str, str] = msgspec.field(default_factory=_no_names)
    extra: bool = False
    sends: str = ""
