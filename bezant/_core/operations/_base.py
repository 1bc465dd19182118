"""`Endpoint`: an operation with its parameters, as a method of `client.api` calls it."""

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

    The module of an endpoint is its group in ``client.api``; its constant is the name of its
    method.

    Attributes:
        id: IBKR's operation id; our own id if IBKR's document lacks the operation.
        summary: one sentence about the operation.
        operation: the call.
        response: type of the response: ``None``, ``str``, ``BinaryResponse``, ``Any``, or models
            with their modules in `bezant.models` (``dict[str, list[contracts.CurrencyPair]]``).
        path: wire names of path parameters by Python name.
        query: wire names of query parameters.
        header: names of headers.
        body: wire names of the fields of a body.
        kinds: types of the body's fields, by Python name: ``int``, ``decimal``, ``bool``, ``str``,
            or a list of them (``list[str]``, ``list[any]``).
        forms: forms of parameters, by Python name: keys of `_forms.FORMS`.
        choices: allowed values of parameters, or of their items, by Python name.
        models: models of parameters, by Python name, with their modules in `bezant.models`
            (``list[orders.OrderTicket]``); a mapping that is passed instead becomes the model.
        extra: whether the argument ``query`` may contain more query values, under IBKR's own names.
        sends: form of the body. ``fields``: an object of parameters; ``form``: a form of them;
            ``whole``: the parameter ``body`` as JSON; ``signed``: the same, or a signed JWT as
            text; empty for no body.
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
