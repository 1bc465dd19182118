"""Tests of splitting bytes into WebSocket messages, compared with the library websockets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from bezant._core.stream.framing import frame_end, plain_messages

LONGEST = 1 << 20


def wire(
    data: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True, mask: bool = False
) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


def taken(data: bytes, start: int = 0) -> tuple[list[bytes], int]:
    messages: list[bytes] = []
    return messages, plain_messages(data, start, messages.append)


BODIES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([125, 126, 127, 128, 255, 256, 65535]).map(lambda length: b"x" * length),
)
PLAIN = st.tuples(BODIES, st.sampled_from([Opcode.TEXT, Opcode.BINARY]))


@given(frames=st.lists(PLAIN, max_size=5), cut=st.integers(0, 300), before=st.binary(max_size=3))
def test_whole_frames_are_taken_in_order(
    frames: list[tuple[bytes, Opcode]], cut: int, before: bytes
) -> None:
    written = [wire(*each) for each in frames]
    data = before + b"".join(written)
    data = data[: max(len(data) - cut, len(before))]
    messages, after = taken(data, len(before))
    assert messages == [body for body, _ in frames][: len(messages)]
    assert after == len(before) + sum(map(len, written[: len(messages)]))
    if len(messages) < len(frames):
        assert frame_end(data, after, LONGEST) > len(data)


@pytest.mark.parametrize(
    "other",
    [
        wire(b"part", fin=False),
        wire(b"rest", Opcode.CONT),
        wire(b"", Opcode.PING),
        wire(b"hello", Opcode.PONG),
        wire(b"\x03\xe8", Opcode.CLOSE),
        wire(b"y" * 65536),
        wire(b"z" * 70_000, Opcode.BINARY),
    ],
)
def test_other_frames_are_left_whole(other: bytes) -> None:
    data = wire(b"one") + other + wire(b"two")
    messages, after = taken(data)
    assert messages == [b"one"]
    assert data[after:].startswith(other)
    assert frame_end(data, after, LONGEST) == after + len(other)
    for length in range(min(len(other), 12)):
        assert length < frame_end(other[:length], 0, LONGEST) <= len(other)


@pytest.mark.parametrize("length", [5, 300, 70_000])
def test_invalid_frames_are_left_in_the_rest(length: int) -> None:
    for wrong in (wire(b"x" * length, mask=True), wire(b"x" * length)):
        data = wrong + b"more"
        masked = wrong[1] & 0x80
        longest = LONGEST if masked else length - 1
        assert frame_end(data, 0, longest) == len(data)
    assert taken(wire(b"x" * length, mask=True)) == ([], 0)


@pytest.mark.parametrize("length", [3, 200, 65535])
def test_a_beginning_is_not_enough(length: int) -> None:
    whole = wire(b"x" * length)
    for cut in (0, 1, 2, 3, 4, len(whole) - 1):
        assert taken(b"....."[:cut] + whole[:cut], cut) == ([], cut)


def test_too_long_is_known_from_the_header() -> None:
    header = wire(b"x" * 70_000)[:10]
    assert frame_end(header, 0, 69_999) == len(header)
    assert frame_end(header, 0, 70_000) == len(header) + 70_000
