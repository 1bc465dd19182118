"""Tests of HTML escapes in responses."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant import Position
from bezant._core.decoding import unescaping
from bezant._core.decoding.decoder import decode
from bezant._core.decoding.unescaping import unescaped
from bezant.models import Model

from ..samples import POSITION, Drifts


class Named(Model, frozen=True, kw_only=True):
    name: str | None = None
    size: int | None = None


def read(body: bytes, type_: Any = Named) -> Any:
    drifts = Drifts()
    found = decode(body, type_, operation="GET /x", report=drifts)
    assert drifts == []
    return found


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("SMITH &amp; SONS", "SMITH & SONS"),
        ("&#x516C;&#x53F8;", "公司"),
        ("&#20844;", "公"),
        ("&quot;A&quot; &lt;b&gt; O&#39;N", '"A" <b> O\'N'),
        ("a&#10;b&#92;", "a\nb\\"),
        ("&amp;amp;", "&amp;"),
        ("AT&T; M&A; &nosuch; & &; &#xZZ;", "AT&T; M&A; &nosuch; & &; &#xZZ;"),
        ("https://x.com/?a=1&copy=2", "https://x.com/?a=1&copy=2"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("&nbsp;", "\xa0"),
    ],
)
def test_escapes_are_resolved(sent: str, meant: str) -> None:
    body = json.dumps({"name": sent}).encode()
    assert read(body).name == meant
    assert read(json.dumps([{"name": sent, "size": "1,000"}]).encode(), list[Named])[0] == Named(
        name=meant, size=1000
    )
    assert read(json.dumps({sent: 1}).encode(), dict[str, int]) == {meant: 1}


def test_a_recorded_position() -> None:
    row = POSITION | {"name": "SMITH &amp; SONS", "group": "Oil&amp;Gas"}
    position = read(json.dumps([row]).encode(), list[Position])[0]
    assert (position.name, position.group) == ("SMITH & SONS", "Oil&Gas")


def test_plain_values_stay_as_received() -> None:
    assert read(b'{"name":"&amp;"}', Any) == {"name": "&amp;"}


@pytest.mark.parametrize("body", [b'{"name":"AT&T"}', b"&amp;", b"{}", b"", b'"&\\"'])
def test_a_body_without_escapes_stays_as_it_is(body: bytes) -> None:
    assert unescaped(body) == body


@given(st.text())
def test_any_text_is_resolved_once(text: str) -> None:
    assert read(json.dumps({"name": html.escape(text)}).encode()).name == text


def test_few_escapes_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unescaping, "_REMEMBERED", 2)
    unescaping._texts.clear()
    for number in range(300, 310):
        assert unescaped(b'"&#%d;"' % number).decode() == f'"{chr(number)}"'
        assert len(unescaping._texts) <= 2
    long = b'"' + b"&amp;" * 30 + b'"'
    assert unescaped(long) == b'"' + b"&" * 30 + b'"'
    assert long[1:-1] not in unescaping._texts
