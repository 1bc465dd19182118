"""Tests of headers for a proxy in front of the gateway."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bezant import ApiError, BezantError, DecodeError, InvalidRequest
from bezant._core.settings.base_url import BaseUrl
from bezant._core.settings.connection import Credentials
from bezant._core.settings.credentials import (
    MAX_LENGTH,
    all_headers,
    choose_credentials,
    hide,
)
from bezant._core.settings.settings import Settings, resolve
from bezant._wire.redaction import Secret

from ..samples import TOKEN
from .test_settings import DEFAULTS

REMOTE = BaseUrl.parse("https://gw.example.com")
LOCAL = BaseUrl.parse("http://localhost:5000")


def values(found: Credentials | None) -> list[tuple[str, str]]:
    assert found is not None
    return [(name, secret.value) for name, secret in found.headers]


def refused(headers: Any = None, auth: Any = None, where: BaseUrl = REMOTE) -> str:
    with pytest.raises(InvalidRequest) as caught:
        choose_credentials(where, headers, auth)
    assert TOKEN not in f"{caught.value} {caught.value!r}"
    return str(caught.value)


def test_headers_are_kept_as_they_are() -> None:
    given = {"CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": TOKEN, "X": "é \t ~"}
    assert values(choose_credentials(REMOTE, given, None)) == list(given.items())
    assert values(choose_credentials(REMOTE, {"Authorization": "Bearer x"}, None)) == [
        ("Authorization", "Bearer x")
    ]


def test_a_pair_is_sent_as_basic() -> None:
    ((name, value),) = values(choose_credentials(REMOTE, None, ("jörg", f"p:{TOKEN}")))
    assert name == "Authorization"
    assert b64decode(value.removeprefix("Basic ")).decode() == f"jörg:p:{TOKEN}"
    ((_, value),) = values(choose_credentials(REMOTE, None, ("me", "")))
    assert b64decode(value.removeprefix("Basic ")) == b"me:"


def test_a_function_is_kept_for_later() -> None:
    def source() -> dict[str, str]:
        raise AssertionError("called too early")

    found = choose_credentials(REMOTE, {"X-A": "1"}, source)
    assert found is not None
    assert found.source is source
    assert values(found) == [("X-A", "1")]


@pytest.mark.parametrize("headers", [None, {}], ids=repr)
def test_nothing_is_none(headers: Any) -> None:
    assert choose_credentials(LOCAL, headers, None) is None


OURS = [
    *("Host", "user-agent", "Cookie", "Origin", "Referer", "Proxy-Authorization", "Connection"),
    *("Content-Length", "Expect", "Keep-Alive", "Proxy-Connection", "TE", "Trailer"),
    *("Transfer-Encoding", "Upgrade", "Accept", "Accept-Encoding", "Content-Encoding"),
    *("Content-Type", "Sec-WebSocket-Key", "sec-websocket-protocol"),
]


@pytest.mark.parametrize("name", OURS)
def test_a_header_that_the_client_sets_is_refused(name: str) -> None:
    text = refused({"X-A": "1", name: TOKEN})
    assert text.startswith(f"headers must not contain {name!r}: ")


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a:", "a\nb", "ü", f"Authorization: {TOKEN}", 5, None, b"a"], ids=repr
)
def test_what_is_no_name_is_refused_and_not_shown(name: Any) -> None:
    assert "name 2 must be text" in refused({"X-A": "1", name: TOKEN})


BAD = [
    "",
    " ",
    " {}",
    "{} ",
    "{}\n",
    "{}\r\nX-B: 1",
    "a\0{}",
    "{}\x7f",
    "{}\x85",
    "€{}",
    "\ud800{}",
]


@pytest.mark.parametrize("value", BAD, ids=repr)
def test_a_value_that_is_no_single_line_of_latin_1_is_refused_and_not_shown(value: str) -> None:
    assert "the value of X-A is empty" in refused({"X-A": value.format(TOKEN)})


@pytest.mark.parametrize("value", [None, 5, TOKEN.encode(), Secret(TOKEN), [TOKEN]], ids=repr)
def test_a_value_is_text(value: Any) -> None:
    assert f"X-A must be text, not {type(value).__name__}" in refused({"X-A": value})


@pytest.mark.parametrize("headers", [TOKEN, [("X-A", TOKEN)], 5, {"X-A"}], ids=repr)
def test_headers_are_a_mapping(headers: Any) -> None:
    assert "headers must be a mapping" in refused(headers)


@pytest.mark.parametrize(
    "auth",
    [
        *((), (TOKEN,), ("a", "b", TOKEN), ("a", 5), (b"a", TOKEN), ("a:b", TOKEN)),
        *(("a\n", TOKEN), ("a", f"{TOKEN}\n"), ("\ud800", TOKEN)),
    ],
    ids=repr,
)
def test_a_pair_is_two_texts(auth: Any) -> None:
    assert "tuple of two texts" in refused(None, auth)


@pytest.mark.parametrize("auth", [TOKEN, ["a", TOKEN], {"a": TOKEN}, 5, True], ids=repr)
def test_what_is_no_auth_is_refused(auth: Any) -> None:
    assert "auth must be a tuple" in refused(None, auth)


def test_no_header_twice() -> None:
    assert "twice" in refused({"X-A": "1", "x-a": "2"})
    assert "'Authorization' twice" in refused({"authorization": "Bearer x"}, ("me", "password"))


def test_headers_have_a_limit() -> None:
    choose_credentials(REMOTE, {"X": "x" * (MAX_LENGTH - 5)}, None)
    assert "longer than 4,096 bytes" in refused({"X": "x" * (MAX_LENGTH - 4)})


@pytest.mark.parametrize("auth", [("me", "password"), dict])
def test_nothing_goes_unencrypted_to_another_host(auth: Any) -> None:
    elsewhere = BaseUrl.parse("http://gw.example.com")
    assert "unencrypted; use a base_url that begins with https://" in refused(
        None, auth, where=elsewhere
    )
    assert "unencrypted" in refused({"X-A": TOKEN}, where=elsewhere)
    assert choose_credentials(LOCAL, None, auth) is not None
    assert choose_credentials(elsewhere, None, None) is None


def test_what_a_function_returns_is_added() -> None:
    found = choose_credentials(REMOTE, {"X-A": "1"}, dict)
    assert found is not None
    added = all_headers(found, {"X-B": "2"})
    assert [(name, secret.value) for name, secret in added] == [("X-A", "1"), ("X-B", "2")]
    assert all_headers(found, {}) == found.headers


@pytest.mark.parametrize("given", [None, TOKEN, 5, [TOKEN]], ids=repr)
def test_what_a_function_returns_is_a_mapping(given: Any) -> None:
    with pytest.raises(InvalidRequest, match="headers that auth returned must be a mapping"):
        all_headers(Credentials((), dict), given)


@pytest.mark.parametrize(
    "given", [{"Cookie": TOKEN}, {"x-a": TOKEN}, {"X-B": f"{TOKEN}\n"}], ids=repr
)
def test_what_a_function_returns_is_checked(given: Any) -> None:
    credentials = Credentials((("X-A", Secret("1")),), dict)
    with pytest.raises(InvalidRequest) as caught:
        all_headers(credentials, given)
    assert TOKEN not in str(caught.value)


def test_an_asynchronous_function_is_refused_where_nobody_awaits_it() -> None:
    async def source() -> dict[str, str]:
        raise AssertionError("never run")

    with pytest.raises(InvalidRequest, match="only AsyncClient can call"):
        all_headers(Credentials((), source), source())


@given(headers=st.dictionaries(st.text(max_size=12), st.text(max_size=20), max_size=3))
@example({"X-A": "x y"})
def test_any_headers_can_be_sent_or_are_refused(headers: dict[str, str]) -> None:
    try:
        found = choose_credentials(REMOTE, headers, None)
    except InvalidRequest:
        return
    for name, value in values(found) if headers else []:
        assert name.isascii()
        assert b"\r" not in value.encode("latin-1")
        assert b"\n" not in value.encode("latin-1")
        assert value.strip() == value != ""


def test_nothing_is_shown() -> None:
    given = {"base_url": "https://gw.example.com", "headers": {"X-A": TOKEN}}
    settings = resolve(DEFAULTS | given | {"auth": ("me", "hunter22")}, {})
    assert settings.credentials is not None
    shown = f"{settings!r} {settings} {settings.credentials!r} {settings.credentials.headers!r}"
    assert TOKEN not in shown
    assert "hunter" not in shown
    assert isinstance(settings.with_changes({"timeout": 5}), Settings)
    assert settings.with_changes({"timeout": 5}).credentials is settings.credentials
    assert resolve(DEFAULTS, {}).credentials is None


SECRETS = (("A", Secret("Bearer s3cretvalue")), ("B", Secret("short")), ("C", Secret("otherone")))


def test_an_error_that_quotes_a_response_shows_no_header() -> None:
    error = ApiError("it said s3cretvalue short", body="Bearer s3cretvalue otherone, s3cretv…")
    hide(error, SECRETS)
    assert str(error) == "it said *** short"
    assert error.args == ("it said *** short",)
    assert error.body == "*** ***, ***…"


def test_an_error_without_a_response_shows_no_header() -> None:
    error = BezantError("it said otherone")
    hide(error, SECRETS)
    assert str(error) == "it said ***"
    other = DecodeError("it is no JSON", body="fine")
    hide(other, SECRETS)
    assert (str(other), other.body) == ("it is no JSON", "fine")


def test_the_errors_behind_it_show_no_header() -> None:
    error, cause = BezantError("unknown"), DecodeError("it said otherone", body="otherone")
    error.__cause__ = cause
    cause.__cause__ = ValueError("what")
    hide(error, SECRETS)
    assert (str(error), str(cause), cause.body) == ("unknown", "it said ***", "***")
