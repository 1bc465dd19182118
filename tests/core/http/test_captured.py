"""Tests of captured responses: limited in number, in order, without secrets outside the body."""

from __future__ import annotations

import pytest

from bezant import CapturedResponses, DecodeError, RawResponse
from bezant._core.http.captured import capturing
from bezant._core.http.messages import Request, Response

from ..samples import READ, TOKEN


def captured(count: int = 10, size: int = 1000) -> CapturedResponses:
    return CapturedResponses(set(), count, size)


def add(responses: CapturedResponses, body: bytes, target: str = "/v1/api/things") -> None:
    headers = {"content-type": "application/json", "set-cookie": f"a={TOKEN}"}
    responses.add(Request(READ, target, []), Response(200, headers, body))


def test_a_response_as_it_came() -> None:
    responses = captured()
    add(responses, b'{"a": [1, 2.5]}', f"/v1/api/things?session={TOKEN}&page=1")
    (one,) = responses
    assert (one.method, one.path, one.status) == ("GET", "/v1/api/things?session=***&page=1", 200)
    assert one.headers == {"content-type": "application/json", "set-cookie": "***"}
    assert one.body == b'{"a": [1, 2.5]}'
    assert one.json() == {"a": [1, 2.5]}


def test_what_is_no_json() -> None:
    with pytest.raises(DecodeError, match="GET /x"):
        RawResponse("GET", "/x", 200, {}, b"<html>").json()


def test_a_sequence() -> None:
    responses = captured()
    assert (len(responses), list(responses), responses.dropped) == (0, [], 0)
    for body in (b"1", b"2", b"3"):
        add(responses, body)
    assert [each.body for each in responses] == [b"1", b"2", b"3"]
    assert responses[-1].body == b"3"
    assert [each.body for each in responses[:2]] == [b"1", b"2"]
    with pytest.raises(IndexError):
        responses[3]


def test_the_oldest_are_dropped() -> None:
    few, small = captured(count=2), captured(size=5)
    for body in (b"1", b"22", b"333"):
        add(few, body)
        add(small, body)
    assert [each.body for each in few] == [b"22", b"333"]
    assert few.dropped == 1
    assert [each.body for each in small] == [b"22", b"333"]
    add(small, b"666666")
    assert (len(small), small.dropped) == (0, 4)
    add(small, b"1")
    assert len(small) == 1


def test_no_body_and_no_header_is_shown() -> None:
    responses = captured()
    add(responses, TOKEN.encode())
    assert repr(responses) == "<CapturedResponses of 1 responses>"
    assert TOKEN not in f"{responses[0]!r} {list(responses)}"
    assert "set-cookie" not in repr(responses[0])


def test_blocks_end_in_any_order() -> None:
    active: set[CapturedResponses] = set()
    first, second = CapturedResponses(active, 1, 1), CapturedResponses(active, 1, 1)
    with first:
        second.__enter__()
        assert capturing.get() == (first, second)
    assert active == {second}
    assert capturing.get() == (second,)
    second.__exit__()
    assert (active, capturing.get()) == (set(), ())
