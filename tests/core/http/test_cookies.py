"""Tests of the cookie jar, which keeps one value per cookie name."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bezant._core.http.cookies import CookieJar

from ..samples import TOKEN


def jar_of(*headers: str) -> CookieJar:
    jar = CookieJar()
    for each in headers:
        jar.store(each)
    return jar


def test_the_last_value_of_a_name_counts_whatever_its_path() -> None:
    jar = jar_of("api=one; Path=/v1", "x=y", "api=two; Path=/; Secure; HttpOnly")
    assert jar.header() == "api=two; x=y"
    assert len(jar) == 2


@pytest.mark.parametrize(
    "attribute",
    ["Max-Age=0", "max-age=-1", " MAX-AGE = 0 ", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
)
def test_an_expired_cookie_is_removed(attribute: str) -> None:
    assert jar_of("a=1", "b=2", f"a=gone; Path=/;{attribute}").header() == "b=2"
    assert jar_of(f"a=gone; {attribute}").header() == ""


@pytest.mark.parametrize(
    "attribute", ["Max-Age=60", "Max-Age=01", "Expires=Fri, 01 Jan 2100 00:00:00 GMT", "Secure"]
)
def test_a_live_cookie_stays(attribute: str) -> None:
    assert jar_of(f"a=1; {attribute}").header() == "a=1"


@pytest.mark.parametrize("value", ["", "a=b", '"quoted"'])
def test_values(value: str) -> None:
    assert jar_of(f"n={value}").header() == "n=" + value.strip('"')


@pytest.mark.parametrize(
    "header", ["", ";", "=", "=v", "novalue", "a b=1", "a=1 2", "a=1\r\nX: y", "a=ü", "ü=a", "a=,"]
)
def test_an_invalid_cookie_is_ignored(header: str) -> None:
    assert jar_of(header).header() == ""


def test_the_number_of_cookies_is_bounded_but_known_ones_change() -> None:
    jar = jar_of(*(f"n{each}=1" for each in range(80)), "n0=2")
    assert len(jar) == 50
    assert jar.header().startswith("n0=2; n1=1")


def test_clear_and_repr() -> None:
    jar = jar_of(f"api={TOKEN}")
    assert TOKEN not in repr(jar) + str(jar)
    assert repr(jar) == "<CookieJar with 1 cookies>"
    jar.clear()
    assert (len(jar), jar.header()) == (0, "")


cookieish = st.text() | st.from_regex(
    r"[a-c]{1,2} ?= ?\"?[a-z0-9=]{0,5}\"?(; ?(path=/|max-age=0|secure|expires=.*))*"
)


@given(headers=st.lists(cookieish, max_size=12))
def test_any_header_leaves_a_jar_that_can_be_sent(headers: list[str]) -> None:
    header = jar_of(*headers).header()
    assert re.fullmatch(r"[\x20-\x7e]*", header)
    names = [each.partition("=")[0] for each in header.split("; ")] if header else []
    assert len(names) == len(set(names))


@given(session=st.text())
@example("abc")
@example("")
@example("a\r\nX: y")
@example("a; b=c")
def test_the_sessions_cookie_is_one_cookie_or_none(session: str) -> None:
    fits = re.fullmatch(r"[!-~]+", session) and not set(session) & set('",;\\')
    assert jar_of().header(session) == (f"api={session}" if fits else "")


def test_the_sessions_cookie_takes_the_place_of_one_with_its_name() -> None:
    jar = jar_of("api=old", "x-sess-uuid=1")
    assert jar.header("new") == "api=new; x-sess-uuid=1"
    assert jar.header() == "api=old; x-sess-uuid=1"
