"""Tests of wrong types in a response: each affects one field and is reported as one drift.

Decoding raises no error.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bezant._core.decoding.decoder import decode
from bezant._core.http.request import encode_body
from bezant._wire.field_types import Date, KnownId, NonZero, Quantity, Time, is_marker
from bezant.errors import MissingValue
from bezant.models import Model, Tickle, stream
from bezant.models.oauth import AccessToken, Token
from bezant.models.orders import OrderTicket
from bezant.models.sso import UserSession
from bezant.models.stream._base import MessageModel
from tests.core.samples import Drifts

from .catalogue import MODELS, is_sent

RECEIVED = [each for each in MODELS if not is_sent(each)]
MESSAGES = [
    each
    for each in vars(stream).values()
    if isinstance(each, type) and issubclass(each, MessageModel)
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", "1,234", "C145.20", "N/A", "true", "20260908", "nan"])
)
values = (
    scalars
    | st.lists(scalars, max_size=2)
    | st.dictionaries(st.text(max_size=3), scalars, max_size=2)
)


QUANTITY = re.compile(r"(?!.*cash)(.+_)?(quantity|allocation|position|size)")


PLAIN: dict[object, Any] = {
    int: 7, Decimal: 1.5, bool: True, str: "x", list: [], dict: {}, KnownId: 7,
    NonZero: 1.5, Quantity: 1.5, Time: 1_788_888_788_000, Date: "20270115",
    Annotated: "x",
}  # fmt: skip


def plain(type_: Any) -> Any:
    """Return a valid value for a field of the type."""
    members = [each for each in get_args(type_) or (type_,) if each is not NoneType]
    member = type_ if get_origin(type_) in (list, dict) else members[0]
    if get_origin(member) is Literal or get_origin(type_) is Literal:
        return get_args(member if get_origin(member) is Literal else type_)[0]
    if isinstance(member, type) and issubclass(member, Model):
        needed = [each for each in msgspec.structs.fields(member) if each.required]
        return {each.encode_name: plain(each.type) for each in needed}
    if is_marker(member) and member not in PLAIN:
        return "x"
    return PLAIN.get(get_origin(member) or member, {})


def test_a_number_of_units_prints_without_a_fraction_in_all_models() -> None:
    found = {
        f"{model.__name__}.{field.name}"
        for model in RECEIVED
        for field in msgspec.structs.fields(model)
        if QUANTITY.fullmatch(field.name) and Decimal in (field.type, *get_args(field.type))
    }
    assert found == set()


def samples(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Return a valid value for each field of a model that the gateway sends, by the wire key."""
    return {
        each.encode_name: plain(each.type)
        for each in msgspec.structs.fields(model)
        if each.name != "raw" and not each.encode_name.startswith("bezant:")
    }


@pytest.mark.parametrize("model", RECEIVED, ids=lambda each: each.__name__)
def test_any_value_in_any_field(model: type[Model]) -> None:
    fields = msgspec.structs.fields(model)
    good = samples(model)
    drifts = Drifts()
    whole = decode(json.dumps(good).encode(), model, operation="GET /x", report=drifts)
    assert drifts == []

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.sampled_from(fields), values)
    def try_it(field: Any, value: Any) -> None:
        drifts = Drifts()
        body = json.dumps({**good, field.encode_name: value}).encode()
        held = decode(body, model, operation="GET /x", report=drifts)
        for each in fields:
            if each.name != field.name:
                assert getattr(held, each.name) == getattr(whole, each.name)
        assert len(set(drifts)) <= 1 or isinstance(value, dict | list)
        for drift in drifts:
            if drift.model == model.__name__:
                assert drift.field == field.encode_name
        if drifts and not isinstance(value, dict | list):
            assert not held.has(field.name)

    try_it()


@pytest.mark.parametrize("model", RECEIVED, ids=lambda each: each.__name__)
def test_a_field_of_a_wrong_type_is_reported_once(model: type[Model]) -> None:
    good = samples(model)
    for field in msgspec.structs.fields(model):
        wrong: Any = 1.25 if isinstance(good[field.encode_name], list | dict) else [[]]
        if field.type is Any:
            continue
        drifts = Drifts()
        body = json.dumps({**good, field.encode_name: wrong}).encode()
        held = decode(body, model, operation="GET /x", report=drifts)
        assert [(each.model, each.field) for each in drifts] == [
            (model.__name__, field.encode_name)
        ]
        assert not held.has(field.name)
        if field.required:
            with pytest.raises(MissingValue, match=f"{model.__name__}.{field.name} has no value"):
                getattr(held, field.name)


FAULTS: dict[str, Any] = {"null": None, "empty": "", "a list": [[]]}
ALWAYS = [
    pytest.param(each, field, id=f"{each.__name__}.{field.name}")
    for each in (*RECEIVED, *MESSAGES)
    for field in msgspec.structs.fields(each)
    if field.required
]


@pytest.mark.parametrize("fault", ["omitted", *FAULTS])
@pytest.mark.parametrize(("model", "field"), ALWAYS)
def test_a_fault_in_an_always_present_field_costs_this_field(
    model: type[Model], field: Any, fault: str
) -> None:
    good = samples(model)
    whole = decode(json.dumps(good).encode(), model, operation="GET /x", report=Drifts())
    wire = field.encode_name
    row = {key: each for key, each in good.items() if key != wire}
    if fault != "omitted":
        row[wire] = FAULTS[fault]
    drifts = Drifts()
    held = decode(json.dumps(row).encode(), model, operation="GET /x", report=drifts)
    if fault == "empty" and field.type is str:  # an empty text is a valid value
        assert getattr(held, field.name) == ""
        return
    if fault == "a list" and get_origin(field.type) is list:
        return  # the fault would be a bad element in a valid list, which other tests cover
    assert isinstance(held, model)
    with pytest.raises(MissingValue, match=f"{model.__name__}.{field.name} has no value") as caught:
        getattr(held, field.name)
    assert caught.value.operation == "GET /x"
    assert [(each.model, each.field) for each in drifts] == [(model.__name__, wire)]
    for name in model.__struct_fields__:
        if name != field.name:
            assert getattr(held, name) == getattr(whole, name)


@pytest.mark.parametrize("model", RECEIVED, ids=lambda each: each.__name__)
def test_wire_names_go_both_ways(model: type[msgspec.Struct]) -> None:
    good = samples(model)
    held = decode(json.dumps(good).encode(), model, operation="GET /x", report=Drifts())
    assert json.loads(msgspec.json.encode(held, order=None)).keys() == good.keys()
    nothing = decode(b"{}", model, operation="GET /x", report=Drifts())
    assert msgspec.json.encode(nothing) == b"{}"


@pytest.mark.parametrize("model", [m for m in MODELS if is_sent(m)], ids=lambda each: each.__name__)
def test_a_sent_model_has_only_the_given_fields(model: type[msgspec.Struct]) -> None:
    fields = msgspec.structs.fields(model)
    required = {each.name: "x" for each in fields if each.required}
    assert json.loads(msgspec.json.encode(model(**required))) == {
        each.encode_name: "x" for each in fields if each.required
    }
    everything: dict[str, Any] = {each.name: "x" for each in fields}
    unset: dict[str, Any] = {each.name: None for each in fields if not each.required}
    some = model(**unset, **required)
    assert json.loads(msgspec.json.encode(some)) == json.loads(
        msgspec.json.encode(model(**required))
    )
    assert json.loads(msgspec.json.encode(model(**everything))) == {
        each.encode_name: "x" for each in fields
    }
    if required:
        with pytest.raises(TypeError):
            model()


def test_numbers_that_are_sent_keep_their_digits() -> None:
    ticket = OrderTicket(side="BUY", order_type="LMT", time_in_force="DAY", price=Decimal("1.10"))
    assert b'"price":1.10' in encode_body(ticket, "POST /x")


@pytest.mark.parametrize(
    ("model", "field"),
    [
        (Tickle, "session"),
        (AccessToken, "oauth_token"),
        (AccessToken, "oauth_token_secret"),
        (Token, "access_token"),
        (Token, "refresh_token"),
        (UserSession, "access_token"),
    ],
)
def test_secrets_are_not_shown(model: Any, field: str) -> None:
    token = "0123456789abcdef"
    held = model(**{field: token})
    assert getattr(held, field) == token
    assert token not in f"{held!r} {held} {[held]}"
    assert f"{field}=…" in repr(held)
    assert token not in repr(held.__rich_repr__())
    assert repr(model()) == f"{model.__name__}()"
