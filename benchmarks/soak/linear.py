"""Check that every function that reads text from the network takes linear time.

A reader (such a function) fails if it takes more than `LIMIT` times as long for `GROWTH` times the
bytes. For ten times the bytes, a quadratic reader takes a hundred times as long. A linear reader
can take up to thirty times as long, because of memory allocation. A reader that takes less than
`FLOOR` seconds passes with any ratio.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from bezant import BezantError, Position
from bezant._core.decoding.drift import Drift
from bezant._core.http.cookies import CookieJar
from bezant._core.http.error_mapping import raise_status
from bezant._core.http.messages import Response
from bezant._core.http.operation import Operation
from bezant._core.http.response import read
from bezant._core.operations.orders import SUBMIT_NEW_ORDERS
from bezant._core.settings.base_url import BaseUrl
from bezant._core.stream.framing import frame_end, plain_messages
from bezant._core.stream.handshake import check_upgrade
from bezant._core.stream.parser import parse
from bezant._wire import converters
from bezant._wire.redaction import redact
from bezant.models.orders import OrderReply

GROWTH: Final = 10
LIMIT: Final = 5 * GROWTH
FLOOR: Final = 0.05
_SIZE: Final = 1_000_000
_QUICK_SIZE: Final = 20_000

READ: Final = Operation("GET", "/things", idempotent=True)
ORDER: Final = SUBMIT_NEW_ORDERS.operation


def texts() -> dict[str, str]:
    """Return texts, by name, that could make a regular expression backtrack if repeated often."""
    return {
        "digits": "1",
        "blanks within": "1" + " " * 50,
        "commas": "1,",
        "points": "1.",
        "underscores": "1_",
        "escapes": "\\u0031",
        "half pairs": "\\ud800",
        "backslashes": "\\\\",
        "web tokens": "-eyJ",
        "web tokens with points": ".eyJabcdefgh.",
        "hex digits": "0123456789abcdef",
        "secrets": "token ",
        "secrets without a value": "token=   ",
        "bearer": "authorization: bearer ",
        "titles": "<title",
        "tags": "<html><title>",
        "quotes": '"',
        "cookies": "a=b;",
        "ages": "max-age=0",
        "years": "expires=19 ",
        "dates": "2026-09-08 ",
        "words": "NaN Infinity e999 Financial ",
        "control": "\x01\u2028",
        "other digits": "\u0661",
        "brackets": "[{",
    }


def _body(text: str, place: str) -> bytes:
    plain = text.replace("\\", "\\\\").replace('"', '\\"') if place.endswith('"%s"}') else text
    return (place % plain).encode("utf-8", "replace")


BODIES: Final = (
    '{"error":"%s"}',
    '{"position":"%s"}',
    '{"position":%s}',
    '{"x":"%s","position":1,"conid":"N/A"}',
    '[{"order_id":"1","note":"%s"}]',
    '[{"order_id":"1","seq":%s}]',
    "%s",
)


def _answers(body: bytes) -> None:
    for type_ in (Position, list[Position], Any):
        with suppress(BezantError):
            read(Response(200, {"content-type": "application/json"}, body), READ, type_, _ignore)
    with suppress(BezantError):
        read(Response(200, {}, body), ORDER, list[OrderReply], _ignore)
    for headers in ({}, {"content-type": "text/html"}):
        with suppress(BezantError):
            raise_status(Response(500, headers, body), ORDER)


def _ignore(_: Drift) -> None:
    pass


_ROWS: Final = {
    "sor": "args",
    "str": "args",
    "spl": "args",
    "ssd+DU1": "result",
    "smh+1": "data",
    "sbd+DU1+1": "data",
    "smd": "args",
}


def _stream(body: bytes) -> None:
    parse(body, _ignore)
    text = body.decode("utf-8", "replace").replace("\\", "").replace('"', "")
    row = ",".join(f'"{name}":"{text}"' for name in ("orderId", "price", "conid", "row", "t"))
    for topic, key in _ROWS.items():
        parse(f'{{"topic":"{topic}","{key}":[{{{row}}}]}}'.encode(), _ignore)
        parse(f'{{"topic":"{topic}+{text}","conid":"{text}"}}'.encode(), _ignore)


def _frames(data: bytes) -> None:
    for start in (b"", b"\x82\x7e", b"\x81\x05", b"\x82\x7f", b"\xff"):
        frame = start + data
        plain_messages(frame, 0, _nothing)
        frame_end(frame, 0, 1 << 24)


def _nothing(_: object) -> None:
    pass


def readers() -> dict[str, Callable[[str], object]]:
    """Return the functions that read text from the network, by name."""
    root = BaseUrl("http", "localhost", 1, "/v1/api")

    def converter(convert: Callable[[Any], object]) -> Callable[[str], object]:
        def reader(text: str) -> None:
            with suppress(ValueError, ArithmeticError):
                convert(text)

        return reader

    def cookies(text: str) -> None:
        for begin in ("", "a=", "a=b;"):
            CookieJar().store(begin + text)

    def head(text: str) -> None:
        with suppress(BezantError):
            value = text.encode("utf-8", "replace")
            check_upgrade(root, 101, [(b"connection", value), (value, b"upgrade")], b"")

    def everywhere(reader: Callable[[bytes], None]) -> Callable[[str], object]:
        def reads(text: str) -> None:
            for place in BODIES:
                reader(_body(text, place))

        return reads

    return {
        **{
            f"values.{each.__name__}": converter(each)
            for each in (
                converters.to_decimal,
                converters.to_int,
                converters.to_float,
                converters.to_bool,
                converters.to_text,
                converters.to_time,
                converters.to_date,
                converters.quoted,
            )
        },
        # `redact` is by far the slowest reader, and its callers pass it at most a few kB. So give
        # it less text.
        "redact": lambda text: redact(text[: len(text) // GROWTH]),
        "cookies": cookies,
        "handshake": head,
        "answers": everywhere(_answers),
        "stream messages": lambda text: _stream(text.encode("utf-8", "replace")),
        "frames": lambda text: _frames(text.encode("utf-8", "replace")),
    }


def _seconds(reader: Callable[[str], object], text: str) -> float:
    begin = time.process_time()  # CPU time: other programs do not affect it
    reader(text)
    return time.process_time() - begin


def figures(*, quick: bool) -> Iterator[tuple[str, str]]:
    """Yield, for each reader, how many times as long it takes for ten times the bytes, at worst.

    Raises:
        AssertionError: a reader takes too long for the larger text.
    """
    size = _QUICK_SIZE if quick else _SIZE
    for name, reader in readers().items():
        worst, slowest, at = 0.0, 0.0, "nothing"
        for what, text in texts().items():
            # The last character matches no pattern, so that a regular expression fails there and
            # backtracks.
            small, large = (f"1{text * (each // len(text))}x" for each in (size, size * GROWTH))
            before, after = _seconds(reader, small), _seconds(reader, large)
            if after > FLOOR and after > LIMIT * before:
                # Measure twice more: the shortest of three times is the least disturbed.
                before = min(before, *(_seconds(reader, small) for _ in range(2)))
                after = min(after, *(_seconds(reader, large) for _ in range(2)))
            ratio = after / max(before, 1e-6)
            slowest = max(slowest, after)
            if after > FLOOR and ratio > worst:
                worst, at = ratio, what
            msg = f"{name}: {what}: {ratio:.0f} times as long for {GROWTH} times the bytes"
            assert after <= FLOOR or ratio <= LIMIT, msg
        shown = f"ratio {worst:.1f} ({at})" if worst else f"within {FLOOR * 1000:.0f} ms"
        yield f"linear: {name}", f"{shown}, slowest {slowest:.3f} s"
