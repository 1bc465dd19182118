"""Tests that known responses decode into their models without drift and without lost values."""

from __future__ import annotations

import json
import re
from typing import Any, get_args
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from bezant import BezantError, DecodeError, NotFound, Refused, operations
from bezant._core.http.messages import Response
from bezant._core.http.response import read
from bezant._wire.field_types import KnownId, NonZero
from tests.core.samples import Drifts

from .catalogue import BY_CALL, DOCUMENT, FIXTURES, RECEIVED, SHARED, answer_of, shared

# Keys without a field in the model, because another key of the same response has the same value.
TWICE = {
    "GET /iserver/account/orders": {".orders[].account", ".orders[].lastExecutionTime"},
    "GET /iserver/account/trades": {"[].trade_time"},
    "GET /iserver/account/order/status/{orderId}": {
        ".avg_fill_price",
        ".filled_quantity",
        ".order_desc",
    },
    "POST /iserver/reply/{replyId}": {"[].orderId", ".orderId"},
    "POST /iserver/account/{accountId}/orders": {"[].orderId", ".orderId"},
    "POST /iserver/account/{accountId}/order/{orderId}": {"[].orderId", ".orderId"},
}


def unwrapped(example: Any) -> list[Any]:
    """Return the examples of one entry, which may wrap them as ``{name: {"value": ...}}``."""
    wrapped = isinstance(example, dict) and all(
        isinstance(each, dict) and set(each) == {"value"} for each in example.values()
    )
    return [each["value"] for each in example.values()] if example and wrapped else [example]


def examples() -> list[Any]:
    """Return the call and the value of every example response in IBKR's OpenAPI document."""
    if not DOCUMENT.exists():
        return []
    document = json.loads(DOCUMENT.read_text())

    def resolve(node: Any) -> Any:
        while "$ref" in node:
            reference, node = node["$ref"], document
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
        return node

    found: list[Any] = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for answer in operation["responses"].values():
                for media in resolve(answer).get("content", {}).values():
                    shown = [
                        each["value"] for each in map(resolve, media.get("examples", {}).values())
                    ]
                    if "example" in media:
                        shown += unwrapped(media["example"])
                    found += [(f"{method.upper()} {path}", value) for value in shown]
    return found


EXAMPLES = examples()


def recordings() -> list[Any]:
    """Return the call and the response of every recording, as pytest parameters with a name."""
    found: list[Any] = []
    for file in sorted(FIXTURES.rglob("*.json")):
        content = json.loads(file.read_text())
        path = unquote(urlsplit(content["Request"]["Path"]).path)
        for method in content["Request"]["Methods"]:
            entry = operations.by_path(method, path)
            call = f"{entry.method} {entry.path}" if entry else ""
            found.append(
                pytest.param(
                    call, content["Response"], id=f"{method} {file.parent.name}/{file.stem}"
                )
            )
    return found


RECORDINGS = recordings()


def lost(sent: Any, held: Any, where: str = "") -> list[str]:
    """Return the paths of values that the response `sent` has and the model `held` lacks."""
    if isinstance(sent, dict) and isinstance(held, dict):
        return [
            each
            for key, value in sent.items()
            for each in (lost(value, held.get(key), f"{where}.{key}"))
        ]
    if isinstance(sent, list) and isinstance(held, list):
        if len(sent) != len(held):
            return [f"{where}[{len(sent)}]"]
        pairs = zip(sent, held, strict=True)
        return [each for a, b in pairs for each in lost(a, b, f"{where}[]")]
    if isinstance(sent, dict) and isinstance(held, list) and len(held) == 1:
        return lost(sent, held[0], where)
    if isinstance(sent, dict | list) and sent:
        return [where]
    if held is not None or sent is None or nothing(sent):
        return []
    return [] if sent in MEANS_NONE and where.rpartition(".")[2] in NONE_FIELDS else [where]


def nothing(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"|-+|n/?a|none|null|nan", value.lower()) is not None
    )


# In the fields of NONE_FIELDS, these values mean None.
MEANS_NONE = (0, "0", -1, 2147483647, "2147483647", "?", "???")
NONE_FIELDS = {
    "conid", "multiplier", "open_close", "right", "strike", "undConid", "underlying_con_id",
}  # fmt: skip


def test_only_these_fields_have_values_that_mean_none() -> None:
    found = {
        field.encode_name
        for model in RECEIVED
        for field in msgspec.structs.fields(model)
        for part in get_args(field.type)
        if part in (KnownId, NonZero)
    }
    assert found | {"open_close", "right"} == NONE_FIELDS


def check(call: str, value: Any, status: int = 200) -> None:
    endpoint = BY_CALL[call]
    drifts = Drifts()
    text = isinstance(value, str)
    body = value.encode() if text else json.dumps(value).encode()
    answer = Response(status, {"content-type": "application/json"}, body)
    kind = answer_of(endpoint)
    held = read(answer, endpoint.operation, kind, drifts)
    assert drifts == []
    if kind is type(None):
        assert value in ("", {}), "the method returns None, but the response has content"
        return
    plain = msgspec.json.decode(msgspec.json.encode(held))
    assert set(lost(value, plain)) <= TWICE.get(call, set())


@pytest.mark.parametrize(
    ("call", "value"), EXAMPLES, ids=[f"{n} {call}" for n, (call, _) in enumerate(EXAMPLES)]
)
def test_an_example_of_the_document(call: str, value: Any) -> None:
    error = value.get("error") if isinstance(value, dict) else None
    failed = isinstance(value, dict) and value.get("success") is False
    if failed or (error and error != "None"):
        with pytest.raises((Refused, NotFound)):
            check(call, value)
    else:
        check(call, value)


def test_there_are_182_examples() -> None:
    shared(DOCUMENT)
    # The number varies between versions of the document: one place wraps up to four more examples.
    assert 182 <= len(EXAMPLES) <= 186
    assert len({call for call, _ in EXAMPLES}) == 126


@pytest.mark.parametrize(("call", "response"), [each for each in RECORDINGS if each.values[0]])
def test_a_recorded_response(call: str, response: Any) -> None:
    check(call, response["Body"] if response["Body"] is not None else "", response["StatusCode"])


LIVE = SHARED / "recordings" / "rest.jsonl"


def responses_of_users() -> list[Any]:
    """Return call, body and status of every recorded response whose call has a model."""
    if not LIVE.exists():
        return []
    found: list[Any] = []
    for number, line in enumerate(LIVE.read_text().splitlines()):
        each = json.loads(line)
        entry = operations.by_path(each["method"], unquote(urlsplit(each["path"]).path))
        # One response is from a web page that shortens its list to "...".
        if entry is not None and '"..."' not in line:
            call = f"{entry.method} {entry.path}"
            body = "" if each["body"] is None else each["body"]
            found.append(pytest.param(call, body, each["status"], id=f"{number} {call}"))
    return found


@pytest.mark.parametrize(("call", "body", "status"), responses_of_users())
def test_a_recorded_response_of_a_user(call: str, body: Any, status: int) -> None:
    error = body.get("error") if isinstance(body, dict) else None
    if status != 200 or error:
        with pytest.raises(BezantError) as caught:
            check(call, body, status)
        assert not isinstance(caught.value, DecodeError)
    else:
        check(call, body, status)


def test_there_are_49_recordings() -> None:
    if not FIXTURES.exists():
        pytest.skip(f"recorded answers are not here: {FIXTURES}")
    assert len(RECORDINGS) >= 49
    # One recorded call, /hmds/scanner, has no model, because neither of IBKR's lists of operations
    # has it.
    assert sum(not each.values[0] for each in RECORDINGS) == 1
