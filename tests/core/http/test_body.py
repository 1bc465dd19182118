"""Tests of response bodies: decompression and the size limit."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from bezant._core.http.body import BodyReader
from bezant._core.http.messages import TransportError, Trouble

GZIP = [(b"Content-Encoding", b"gzip")]


def read(headers: list[tuple[bytes, bytes]], *chunks: bytes, limit: int = 1000) -> bytes:
    body = BodyReader(headers, limit)
    for chunk in chunks:
        body.feed(chunk)
    return body.finish()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"Content-Type", b"text/plain")],
        [(b"Content-Encoding", b"identity")],
        [(b"content-encoding", b"")],
    ],
)
def test_a_plain_body(headers: list[tuple[bytes, bytes]]) -> None:
    assert read(headers) == b""
    assert read(headers, b"one") == b"one"
    assert read(headers, b"one", b"", b"two") == b"onetwo"
    assert read(headers, b"x" * 1000) == b"x" * 1000
    with pytest.raises(TransportError, match=r"max_response_bytes \(1,000\)") as caught:
        read(headers, b"x" * 500, b"x" * 501)
    assert caught.value.kind is Trouble.TOO_LARGE
    assert caught.value.sent


@pytest.mark.parametrize("name", [b"gzip", b"GZIP", b"x-gzip", b"identity, gzip"])
def test_one_layer_of_gzip(name: bytes) -> None:
    data = gzip.compress(b"hello" * 100)
    headers = [(b"CONTENT-ENCODING", name)]
    assert read(headers, data) == b"hello" * 100
    assert read(headers, *(data[at : at + 1] for at in range(len(data)))) == b"hello" * 100
    assert read(headers) == b""


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Content-Encoding", b"gzip, gzip")],
        [(b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"gzip")],
        [(b"Content-Encoding", b"gzip,identity, x-gzip")],
        [(b"Content-Encoding", b"deflate")],
        [(b"Content-Encoding", b"br")],
        [(b"Content-Encoding", b"zstd")],
        [(b"Content-Encoding", b"\xff" * 5000)],
    ],
)
def test_other_encodings_are_refused_before_a_byte_is_read(
    headers: list[tuple[bytes, bytes]],
) -> None:
    with pytest.raises(TransportError, match="Content-Encoding") as caught:
        BodyReader(headers, 1000)
    assert caught.value.kind is Trouble.LOST
    assert caught.value.sent
    assert len(caught.value.detail) < 300


def test_a_bomb_is_not_expanded_beyond_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(TransportError) as caught:
            read(GZIP, bomb, limit=100_000)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.kind is Trouble.TOO_LARGE


def test_compressed_and_decompressed_sizes_count() -> None:
    empty = b"\x00\x00\x00\xff\xff" * 1000  # compressed blocks without content
    with pytest.raises(TransportError) as caught:
        read(GZIP, gzip.compress(b"")[:10], empty)
    assert caught.value.kind is Trouble.TOO_LARGE
    assert read(GZIP, gzip.compress(b"x" * 1000)) == b"x" * 1000
    with pytest.raises(TransportError):
        read(GZIP, gzip.compress(b"x" * 1001))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no gzip", "is not gzip"),
        (gzip.compress(b"hello")[:-9], "in the middle"),
        (gzip.compress(b"hello")[:-1], "in the middle"),
        (gzip.compress(b"hello") + gzip.compress(b"again"), "after the end"),
        (gzip.compress(b"hello") + b"x", "after the end"),
    ],
    ids=["not gzip", "cut in the data", "cut at the end", "two members", "a byte behind"],
)
def test_a_body_that_is_not_one_whole_gzip_is_lost(data: bytes, why: str) -> None:
    for chunks in ([data], [data[at : at + 1] for at in range(len(data))]):
        with pytest.raises(TransportError, match=why) as caught:
            read(GZIP, *chunks)
        assert caught.value.kind is Trouble.LOST
