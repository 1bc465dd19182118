"""Secrets do not reach errors and logs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._core.redact import excerpt, redact

from .samples import TOKEN


@pytest.mark.parametrize(
    "text",
    [
        f'{{"session":"{TOKEN}"}}',
        f'{{"session" : "{TOKEN}", "x": 1}}',
        f'{{\\"session\\":\\"{TOKEN}\\"}}',
        f"{{'sessionId': '{TOKEN}'}}",
        f"session={TOKEN}; Path=/",
        f"JSESSIONID={TOKEN}",
        f"x-sess-uuid={TOKEN}",
        f"Cookie: api={TOKEN}",
        f"Authorization: Bearer {TOKEN}",
        f'"Authorization": "Basic {TOKEN}"',
        f"access_token={TOKEN}&x=1",
        f"oauth_token:{TOKEN}",
        f'"password":"{TOKEN}"',
        f'"token":"a\\b{TOKEN}"',
        f'"MAC":"{TOKEN}"',
        f'"hardware_info":"{TOKEN}"',
    ],
)
def test_secrets_are_replaced(text: str) -> None:
    assert TOKEN not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text", ["no bridge", '{"error":"Please query /accounts first"}', "the session is over", ""]
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


@given(body=st.binary(max_size=2000), limit=st.integers(1, 300))
def test_an_excerpt_is_one_short_line(body: bytes, limit: int) -> None:
    text = excerpt(body, limit)
    assert len(text) <= limit
    assert "\n" not in text
    assert "\x00" not in text


def test_an_excerpt_is_cut_with_a_sign() -> None:
    assert excerpt(b"a  b\r\n c\x00") == "a b c\\0"
    assert excerpt(b"x" * 200) == "x" * 200
    assert excerpt(b"x" * 201) == "x" * 199 + "…"
    assert TOKEN not in excerpt(b'{"session":"' + TOKEN.encode() * 50)
