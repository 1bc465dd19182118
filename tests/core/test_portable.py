"""Tests of converting models and messages to dicts and JSON, and of pydantic and FastAPI."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastapi
import httpx
import msgspec
import pydantic
import pytest

import bezant
import bezant.models
from bezant import Gap, Malformed, MarketData, OrderUpdate, Position, System
from bezant.models import Model
from bezant.models._base import Portable, required
from bezant.models._pydantic import _plain

from .samples import POSITION, some


def every_model() -> Iterator[type[Portable]]:
    names = [each.name for each in pkgutil.walk_packages(bezant.models.__path__, "bezant.models.")]
    for name in names:
        for each in vars(importlib.import_module(name)).values():
            if isinstance(each, type) and issubclass(each, Portable) and each.__module__ == name:
                yield each


MODELS = sorted(set(every_model()), key=lambda model: (model.__module__, model.__name__))
POSITION_READ = Position.from_json(json.dumps(POSITION))
QUOTE = MarketData(
    conid=1,
    conid_ex="1",
    raw={"84": "4"},
    state={"31": "C10.50", "84": "4", "99999": "x", "_updated": 1763800000000},
    before={"31": "C10.50", "84": "3"},
)
ORDER = OrderUpdate(
    order_id=1, price=Decimal("1.50"), changed=frozenset(["price"]), raw={"price": "1.50"}
)


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_works_in_pydantic(model: type[Portable]) -> None:
    adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(model)
    for mode in ("validation", "serialization"):
        schema = adapter.json_schema(mode=mode)
        assert "$ref" in schema or schema.get("title") or schema.get("type") == "object"
    if issubclass(model, Model):
        empty = some(model)
        assert adapter.validate_python(empty) is empty
        written = json.loads(adapter.dump_json(empty))
        assert written == json.loads(empty.to_json())
        assert not written.keys() & set(required(model))
        if not required(model):
            assert adapter.validate_json(adapter.dump_json(empty)) == empty


def test_a_model_in_a_model_of_pydantic() -> None:
    class Report(pydantic.BaseModel):
        position: Position
        orders: list[OrderUpdate]
        quote: MarketData
        gap: Gap | None = None

    at = datetime(2026, 9, 8, tzinfo=UTC)
    gap = Gap(reason="x", since=at, until=at)
    report = Report(position=POSITION_READ, orders=[ORDER], quote=QUOTE, gap=gap)
    assert report.position is POSITION_READ
    found = report.model_dump()
    assert found["position"]["quantity"] == Decimal("12.5")
    assert found["orders"][0]["changed"] == {"price"}
    assert found["quote"]["last"] == Decimal("10.50")
    written = json.loads(report.model_dump_json())
    assert written["position"]["quantity"] == "12.5"
    assert written["orders"][0]["changed"] == ["price"]
    assert (written["quote"]["last"], written["quote"]["changed"]) == ("10.50", ["bid"])
    assert written["gap"]["since"] == "2026-09-08T00:00:00Z"
    again = Report.model_validate({**written, "quote": QUOTE})
    assert again == report
    with pytest.raises(pydantic.ValidationError, match="quantity"):
        Report.model_validate({**written, "quote": QUOTE, "position": {"conid": 1}})


def test_responses_of_fastapi() -> None:
    app = fastapi.FastAPI()

    @app.get("/positions")
    def positions() -> list[Position]:
        return [POSITION_READ]

    @app.get("/quote")
    def quote() -> MarketData:
        return QUOTE

    @app.get("/system")
    def system() -> System:
        return System(user_name="me")

    async def get(path: str) -> Any:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get(path)).raise_for_status().json()

    async def everything() -> list[Any]:
        return [await get(path) for path in ("/positions", "/quote", "/system", "/openapi.json")]

    # FastAPI resolves the annotations of nested functions in the module's globals, so the models
    # must be there.
    globals()["Position"], globals()["MarketData"] = Position, MarketData
    (position,), found, me, schema = asyncio.run(everything())
    assert position["market_value"] == "1267.125"
    assert (found["bid"], found["changed"]) == ("4", ["bid"])
    assert me == {"user_name": "me", "is_paper": None, "supports_fractions": None}
    assert "Position" in json.dumps(schema["paths"]) + json.dumps(schema.get("components"))


def test_the_json_of_messages() -> None:
    found = QUOTE.to_dict()
    assert (found["last"], found["bid"], found["ask"]) == (Decimal("10.50"), Decimal(4), None)
    assert (found["99999"], found["changed"], found["is_close"]) == ("x", ["bid"], True)
    assert '"last":10.50' in QUOTE.to_json()
    assert (QUOTE.has("last"), QUOTE.has("ask"), QUOTE.has("99999")) == (True, False, True)
    assert ORDER.to_dict()["changed"] == ["price"]
    assert json.loads(ORDER.to_json())["price"] == 1.5
    assert json.loads(Malformed(data=b"\xff", reason="x").to_json())["data"] == "/w=="
    with pytest.raises(AttributeError, match="no field 'x'"):
        ORDER.has("x")
    for message in (QUOTE, ORDER, System(user_name="me")):
        encoded = msgspec.json.encode(message)
        assert msgspec.json.decode(encoded, type=type(message), strict=False) == message


def test_the_default_of_json_dumps() -> None:
    value = {
        "position": POSITION_READ,
        "quote": QUOTE,
        "day": date(2026, 9, 8),
        "names": frozenset(["b", "a"]),
        "bytes": b"\xff",
    }
    found = json.loads(json.dumps(value, default=bezant.to_json_default))
    assert found["position"]["quantity"] == "12.5"
    assert (found["quote"]["bid"], found["quote"]["changed"]) == ("4", ["bid"])
    assert found["quote"]["updated"] == "2025-11-22T08:26:40+00:00"
    assert (found["day"], found["names"], found["bytes"]) == ("2026-09-08", ["a", "b"], "/w==")
    with pytest.raises(TypeError, match="object has no form in JSON"):
        json.dumps(object(), default=bezant.to_json_default)


def test_pydantic_loads_only_where_it_is_used() -> None:
    program = (
        "import sys, bezant, bezant.models.stream, bezant.models.orders; bezant.Position;"
        "sys.exit(any(name.startswith('pydantic') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=300, check=False).returncode == 0


def test_annotations_with_classes_that_stand_for_plain_types() -> None:
    number = type("Decimal", (), {"__module__": "bezant._wire.somewhere"})
    other = type("Other", (), {"__module__": "bezant._wire.somewhere"})
    assert _plain(number) is Decimal
    assert _plain(number | None) == Decimal | None
    assert _plain(list[number]) == list[Decimal]  # type: ignore[valid-type]
    assert _plain(other) is other
    assert _plain(Mapping[str, Any]) == dict[str, Any]
