"""Tests that the end of a response is found, however its bytes are divided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.http.response_end import ResponseEnd

OK = b"HTTP/1.1 200 OK\r\nServer: x\r\n"
COMPLETE = {
    "a length": OK + b"Content-Length: 2\r\n\r\n{}",
    "no body": OK + b"content-length: 0\r\n\r\n",
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\nA;x=y\r\n" + b"1" * 10
    + b"\r\n1 \r\n}\r\n0\r\n\r\n",
    "trailers": OK + b"transfer-encoding:Chunked \r\n\r\n2\r\n{}\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "informational": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
    + OK + b"Content-Length: 2\r\n\r\n{}",
    "an error": b"HTTP/1.1 500\r\nContent-Length: 3\r\n\r\nabc",
}  # fmt: skip


def after(*parts: bytes) -> bool:
    end = ResponseEnd()
    for part in parts:
        end.feed(part)
    return end.complete


@pytest.mark.parametrize("name", COMPLETE)
def test_a_whole_response_is_complete(name: str) -> None:
    data = COMPLETE[name]
    assert after(data)
    assert after(*(data[at : at + 1] for at in range(len(data))))
    for at in range(len(data)):
        assert not after(data[:at])
        assert after(data[:at], data[at:])


@pytest.mark.parametrize("name", COMPLETE)
def test_any_byte_behind_it_makes_it_something_else(name: str) -> None:
    data = COMPLETE[name]
    for more in (b"\r\n", b"H", data):
        assert not after(data + more)
        assert not after(data, more)
        assert not after(data, more, data)
    assert not after(data, b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\n\nContent-Length: 0\n\n",
        OK + b"\r\n",
        OK + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: \r\n\r\n",
        OK + b"Content-Length: " + b"9" * 16 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"x" * 5000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        OK + b"x" * 200_000,
    ],
)
def test_an_unknown_kind_of_response_is_never_complete(data: bytes) -> None:
    assert not after(data)
    assert not after(data, b"\r\n\r\n")
    assert not after(*(data[at : at + 100] for at in range(0, len(data), 100)))


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(1, 30)))
def test_chunks_cut_anywhere(chunks: list[bytes], cuts: list[int]) -> None:
    data = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    data += b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks if each)
    data += b"0\r\n\r\n"
    end = ResponseEnd()
    for cut in cuts:
        part, data = data[:cut], data[cut:]
        end.feed(part)
    end.feed(data)
    assert end.complete


def test_a_long_body_costs_nothing_to_follow() -> None:
    end = ResponseEnd()
    end.feed(OK + b"Content-Length: 1000000\r\n\r\n")
    for _ in range(999):
        end.feed(b"x" * 1000)
        assert not end.complete
    end.feed(b"x" * 1000)
    assert end.complete
