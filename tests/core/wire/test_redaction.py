"""Tests of redacting secrets in errors and logs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bezant._wire.redaction import Secret, beginning, excerpt, redact, shown, without_secrets

from ..samples import TOKEN


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
    "token", ["0123456789abcdef" * 2, "ABCDEF0123456789" * 4, "eyJhbGciOiJ.eyJzdWI.x_-Y"]
)
@pytest.mark.parametrize(
    "text", ["no such session {}", "/path/{}/x", "api={}; Path=/", '"session" {}', "{}"]
)
def test_a_token_is_replaced_in_any_place(text: str, token: str) -> None:
    assert redact(text.format(token)) == text.format("***")


def test_ids_are_no_tokens() -> None:
    for text in ("5146eb5a-094a-4e8c-b73a-82da6defe1f0", "265598", "0" * 31, "x" * 50, "deadbeef"):
        assert redact(text) == text


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


def test_a_response_cannot_control_a_terminal_or_forge_a_line() -> None:
    assert redact("a\x1b[31mb\x07") == "a\\x1b[31mb\\x07"
    assert redact("ok\r\u202eevil\x9b") == "ok\\r\\u202eevil\\x9b"
    assert redact("two\nlines\tof a question: ½ \u20ac") == "two\nlines\tof a question: ½ \u20ac"
    assert excerpt(b"a\x1b]0;title\x07b") == "a\\x1b]0;title\\x07b"


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, "1.5"),
        ("a\nb", "'a\\nb'"),
        ("x" * 5000, "'" + "x" * 78 + "…"),
        (b"x" * 5000, "b'" + "x" * 77 + "…"),
        ([1] * 5000, ("[" + "1, " * 30)[:79] + "…"),
        (10**5000, "<int>"),
        (Odd(), "<Odd>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_any_value_can_be_shown(value: object, expected: str) -> None:
    assert shown(value) == expected


def test_a_secret_is_no_text_and_shows_nothing() -> None:
    secret = Secret("t0ken")
    assert secret.value == "t0ken"
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert not isinstance(secret, str)
    assert secret
    assert not Secret("")


SIGNED = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SIGNED, "***"),
        (f"a {SIGNED} b", "a *** b"),
        (f"x-{SIGNED}", "x-***"),
        (f"x_{SIGNED}.more", "x_***"),
        (f"eyJ.{SIGNED}", "eyJ.***"),
        (f"abceyJ0123456789.{SIGNED}", "abceyJ0123456789.***"),
        ("eyJhbGciOiJub25lIn0", "eyJhbGciOiJub25lIn0"),
        ("eyJhbGciOiJub25lIn0_and_more", "eyJhbGciOiJub25lIn0_and_more"),
        ("key.json.and.more.words", "key.json.and.more.words"),
    ],
)
def test_signed_web_tokens(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_the_beginning_of_a_long_text_holds_no_part_of_a_secret() -> None:
    token = "0123456789abcdef" * 2
    text = f"{token} " * 1000
    assert token[:8] not in beginning(text[:-20], 500)
    assert beginning("x " * 1000, 100) == ("x " * 50)[:99] + "…"
    assert beginning("short", 100) == "short"
    assert token[:8] not in excerpt(text[: 33 * 48 + 20].encode())


@pytest.mark.parametrize(
    "name",
    [
        "session", "sessionId", "SESSION_ID", "token", "access_token", "liveSessionToken",
        "Set-Cookie", "api_cookie", "Authorization", "password", "clientSecret", "MAC", "userId",
        "HARDWARE_INFO", "x-sess-uuid", "JSESSIONID", "credentials",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", ["s3cret", 123, ["s3cret"], {"a": "s3cret"}])
def test_secrets_in_plain_values_are_replaced(name: str, value: object) -> None:
    given_value = {"a": [{name: value}], "b": 1}
    assert without_secrets(given_value) == {"a": [{name: "***"}], "b": 1}
    assert given_value == {"a": [{name: value}], "b": 1}


def test_a_value_that_is_no_secret_stays() -> None:
    value = {
        "session": None, "token": "", "connected": True, "order_ref": TOKEN, "n": [1, 2.5, None],
        5: "text",
    }  # fmt: skip
    assert without_secrets(value) == value
    assert without_secrets(TOKEN, "cOID") == TOKEN


def test_secrets_in_texts_and_keys_are_replaced() -> None:
    long = "0123456789abcdef" * 2
    assert without_secrets({long: f"token={TOKEN}"}) == {"***": "token=***"}
    assert without_secrets(b'\xff{"session":"s3cret"') == b'\xff{"session":"***"'
    deep: list[object] = []
    for _ in range(100):
        deep = [deep]
    assert "..." in str(without_secrets(deep))
