"""Coverage-guided fuzzer that reads any bytes as a response to any operation or as a message.

``nox -s fuzz`` runs the fuzzer for a minute, and ``nox -s fuzz -- -max_total_time=3600`` for an
hour; the options are libFuzzer's. The fuzzer stops at any error other than a `BezantError`, at an
input that takes more than ten seconds, and at 2 GiB of memory.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris
import msgspec

with atheris.instrument_imports(include=["bezant"]):
    from bezant import BezantError
    from bezant._core.http.messages import Response
    from bezant._core.http.response import read
    from bezant._core.stream.parser import parse
    from bezant.models.stream import MarketData, Message
    from tests.api.catalogue import ENDPOINTS, answer_of
    from tests.api.test_alien_answers import TOPICS, VALUES, fields_of

STATUSES = [200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503]
CALLS = [(each.operation, answer_of(each)) for each in ENDPOINTS]


def ignore(_: object) -> None:
    """Ignore drift (differences from the documented form), which random data always contains."""


def one_input(data: bytes) -> None:
    """Read fuzzer input as a response or as a stream message; its first byte decides which."""
    if len(data) < 3:
        return
    first, second, body = data[0], data[1], data[2:]
    if first < 64:
        found = parse(body, ignore)
        for message in [found] if isinstance(found, MarketData) else found:
            repr(message)
        return
    operation, type_ = CALLS[((first & 63) << 8 | second) % len(CALLS)]
    status = STATUSES[second % len(STATUSES)]
    try:
        repr(
            read(
                Response(status, {"content-type": "application/json"}, body),
                operation,
                type_,
                ignore,
            )
        )
    except BezantError as error:
        repr(error)


def seeds() -> list[bytes]:
    """Return initial inputs for each operation and topic, with the field names of its models."""
    found: list[bytes] = []
    for number, (_, type_) in enumerate(CALLS):
        head = bytes([64 | number >> 8, number & 255])
        found += [head + _object(struct, number) for struct in dict.fromkeys(fields_of(type_))]
    for number, topic in enumerate(TOPICS):
        for struct in dict.fromkeys(fields_of(Message)):
            name = msgspec.json.encode(topic.encode("utf-8", "replace").decode())
            row = _object(struct, number)
            found.append(b'00{"topic":' + name + b',"args":[' + row + b'],"data":[' + row + b"]}")
    return found


def _object(struct: type, number: int) -> bytes:
    names = [each.encode_name for each in msgspec.structs.fields(struct)]
    pairs = [
        msgspec.json.encode(name) + b":" + VALUES[(number + place) % len(VALUES)]
        for place, name in enumerate(names)
    ]
    return b"{" + b",".join(pairs) + b"}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(seeds()):
            Path(folder, str(number)).write_bytes(data)
        options = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=20000"]
        atheris.Setup([sys.argv[0], *options, *sys.argv[1:], folder], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
