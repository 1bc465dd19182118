"""Benchmark of decoding a response into typed values, compared with the untyped `json.loads`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from benchmarks import _payloads as payloads
from benchmarks._setting import Setting
from benchmarks._table import Row, duration
from benchmarks._timing import ratios, repeated, spread, take_turns
from bezant._core.http.messages import Response
from bezant._core.http.operation import Operation
from bezant._core.http.response import read
from bezant.models._positions import Position
from bezant.models.market_data import History
from bezant.models.orders import LiveOrders
from bezant.models.scanner import ScannerParameters

OPERATION = Operation("GET", "/benchmark", idempotent=True)


def rows(setting: Setting) -> Iterator[Row]:
    bodies: list[tuple[str, bytes, Any]] = [
        ("100 positions", payloads.positions(0, 100), list[Position]),
        ("1,000 bars", payloads.history(1000), History),
        ("500 orders", payloads.orders(500), LiveOrders),
        ("a scanner parameter file", payloads.scanner(), ScannerParameters),
    ]
    for what, body, type_ in bodies:
        answer = Response(200, {"content-type": "application/json"}, body)

        def ours(answer: Response = answer, type_: Any = type_) -> object:
            return read(answer, OPERATION, type_, print)

        number = setting.number(20)
        found = take_turns(
            {
                "bezant": repeated(ours, number),
                "json": repeated(partial(json.loads, body), number),
            },
            setting.rounds(41),
        )
        yield Row(
            "decoding",
            f"{what}, {len(body) // 1000} kB",
            "json.loads",
            ratios(found["bezant"], found["json"]),
            ours=duration(spread(found["bezant"]).middle),
            limit=1.0,
        )
    yield _empty_numbers(setting)


def _empty_numbers(setting: Setting) -> Row:
    """Compare positions with empty numbers, which the gateway writes as "", with usual ones."""
    usual = payloads.positions(0, 100)
    empty = usual
    for name in (b"multiplier", b"strike", b"undConid"):
        empty = re.sub(rb'"%b":[^,}]*' % name, b'"%b":""' % name, empty)
    number = setting.number(20)
    found = take_turns(
        {
            name: repeated(partial(_read_positions, body), number)
            for name, body in (("empty", empty), ("usual", usual))
        },
        setting.rounds(41),
    )
    return Row(
        "decoding",
        "100 positions with 300 empty numbers",
        "the same without",
        ratios(found["empty"], found["usual"]),
        ours=duration(spread(found["empty"]).middle),
        limit=2.0,
    )


def _read_positions(body: bytes) -> object:
    response = Response(200, {"content-type": "application/json"}, body)
    return read(response, OPERATION, list[Position], print)
