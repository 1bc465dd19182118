"""Tests that each key in recorded responses and frames has a field, or a reason to have none."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from bezant import operations
from bezant._core.stream.parser import parse
from bezant._wire.market_data_fields import CODES
from bezant.models._base import Model
from bezant.models.stream import MarketData, Other
from tests.core.samples import Drifts

from .catalogue import BY_CALL, FIXTURES, SHARED, answer_of

RECORDINGS = SHARED / "recordings" / "rest.jsonl"
FRAMES = SHARED / "recordings" / "frames.jsonl"

# Keys of responses that have no field. Key: model and key. Value: the reason.
LEFT_OUT = {
    "LiveOrder.account": "the account again: `account_id` is `acct`",
    "LiveOrder.lastExecutionTime": "`last_execution_time` is `lastExecutionTime_r`",
    "Execution.trade_time": "`time` is `trade_time_r`",
    "OrderReply.request_id": "null on the one page that shows it; `request_id` is `reqId`",
}
NO_MODEL = {"GET /tickle", "POST /hmds/scanner"}

# Keys of stream frames that have no field, with the reason; `raw` of the message contains them.
IN_RAW_ONLY = {
    "AccountUpdate.acctProps": "`BrokerageAccounts.account_properties` has them",
    "AccountUpdate.allowFeatures": "`BrokerageAccounts.allow_features` has them",
    "AccountUpdate.chartPeriods": "`BrokerageAccounts.chart_periods` has them",
    "AccountUpdate.serverInfo": "`BrokerageAccounts.server_info` has it",
    "AccountUpdate.sessionId": "a secret",
    "MarketData.server_id": "which server sent it",
    "MarketData.87_raw": "`volume` is the same figure",
    "MarketData._updated": "the property `updated`",
    "MarketData.conid": "read from the topic where it is missing",
    "MarketData.conidEx": "read from the topic where it is missing",
    "MarketData.topic": "`conid` and `conid_ex`",
    "OrderUpdate.account": "the account again: `account_id` is `acct`",
    "OrderUpdate.lastExecutionTime": "`last_execution_time` is `lastExecutionTime_r`",
    "TradeUpdate.trade_time": "`time`",
    "TradeUpdate.trade_time_r": "`time`",
}
# Topics whose recorded frames become `Other` messages, because no class reads them. For `sor`, the
# only recorded frame is an error.
OTHERS = {"inp+exercise", "shs+exercise", "sor"}


def lines(file: Path) -> Iterator[Any]:
    """Yield the objects in a JSON Lines file; skip the test if the file is missing."""
    if not file.exists():
        pytest.skip(f"recorded responses of users are not part of the repository: {file}")
    for line in file.read_text().splitlines():
        yield json.loads(line)


def responses() -> Iterator[tuple[str, str, Any]]:
    """Yield method, path and body of every recorded response with status 200."""
    for each in lines(RECORDINGS):
        if each["status"] == 200:
            yield each["method"], each["path"], each["body"]
    for file in sorted(FIXTURES.rglob("*.json")):
        content = json.loads(file.read_text())
        if content["Response"]["StatusCode"] == 200:
            for method in content["Request"]["Methods"]:
                yield method, content["Request"]["Path"], content["Response"]["Body"]


def parts(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union type; for any other type, a tuple with only that type."""
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if union else (kind,)


def without_field(kind: Any, value: Any) -> Iterator[str]:
    """Yield "model.key" for each key in `value` for which the model in `kind` has no field."""
    for each in parts(kind):
        origin = typing.get_origin(each)
        if origin is list:
            (item,) = typing.get_args(each)
            for inner in value if isinstance(value, list) else [value]:
                yield from without_field(item, inner)
        elif origin is dict and isinstance(value, dict):
            item = typing.get_args(each)[1]
            for inner in value.values():
                yield from without_field(item, inner)
        elif isinstance(each, type) and issubclass(each, msgspec.Struct):
            for one in value if isinstance(value, list) else [value]:
                yield from _without_field(each, one)


def _without_field(model: type[msgspec.Struct], value: Any) -> Iterator[str]:
    hints = typing.get_type_hints(model)
    fields = {each.encode_name: hints[each.name] for each in msgspec.structs.fields(model)}
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key not in fields and key not in getattr(model, "__aliases__", {}):
            yield f"{model.__name__}.{key}"
        elif isinstance(inner, dict | list):
            yield from without_field(fields[key], inner)


def found_in_responses() -> tuple[set[str], set[str]]:
    """Return the keys that no field has, and the calls without a model, in recorded responses."""
    keys: set[str] = set()
    unknown: set[str] = set()
    for method, path, body in responses():
        plain = unquote(urlsplit(path).path)
        entry = operations.by_path(method, plain)
        if entry is None:
            unknown.add(f"{method} {plain.removeprefix('/v1/api')}")
            continue
        endpoint = BY_CALL[f"{entry.method} {entry.path}"]
        if isinstance(body, dict) and set(body) == {"error"}:
            continue  # bezant raises this response as an error and does not decode it
        wrap = endpoint.operation.wrap_as
        if wrap not in ("", "[]") and isinstance(body, list):
            body = {wrap: body}
        keys.update(without_field(answer_of(endpoint), body))
    return keys, unknown


def test_keys_of_responses_have_fields() -> None:
    keys, unknown = found_in_responses()
    assert keys == LEFT_OUT.keys()
    assert unknown == NO_MODEL


def test_keys_of_frames_have_fields() -> None:
    keys: set[str] = set()
    others: set[str] = set()
    for frame in lines(FRAMES):
        drifts = Drifts()
        found = parse(json.dumps(frame["body"]).encode(), drifts)
        assert drifts == []
        for message in found if isinstance(found, list) else [found]:
            name = type(message).__name__
            if isinstance(message, Other):
                others.add(message.topic)
            elif isinstance(message, MarketData):
                keys |= {f"{name}.{key}" for key in message.raw if key not in CODES.values()}
            elif isinstance(message, Model) and isinstance(
                raw := getattr(message, "raw", None), dict
            ):
                fields = {each.encode_name for each in msgspec.structs.fields(type(message))}
                keys |= {f"{name}.{key}" for key in raw if key not in fields}
    assert keys == IN_RAW_ONLY.keys()
    assert others <= OTHERS


def test_a_key_without_a_field_is_found() -> None:
    class Inner(msgspec.Struct):
        a: int = 0

    class Outer(msgspec.Struct):
        inner: list[Inner] | None = None
        by_key: dict[str, Inner] = {}
        any: Any = None

    # The annotations are set by hand, because classes inside a function have no global names.
    Outer.__annotations__.update(inner=list[Inner] | None, by_key=dict[str, Inner], any=Any)
    value = {"inner": [{"a": 1, "b": 2}], "by_key": {"x": {"c": 3}}, "any": {"d": 4}, "e": 5}
    assert set(without_field(Outer, value)) == {"Inner.b", "Inner.c", "Outer.e"}
    assert set(without_field(list[Inner], {"b": 1})) == {"Inner.b"}
    assert set(without_field(Inner, [{"b": 1}])) == {"Inner.b"}
