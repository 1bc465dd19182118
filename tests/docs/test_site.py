"""Tests of the built site in a browser: search, narrow screens, dark mode, no other host."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.search_box import Search
from tests.support.browser import CHROMIUM, Browser, served

FOLDER = os.environ.get("BEZANT_SITE", "")
QUERIES = tomllib.loads((Path(__file__).parent / "queries.toml").read_text(encoding="utf-8"))
CASES = {query: pages for part in QUERIES.values() for query, pages in part.items()}

pytestmark = [
    pytest.mark.skipif(
        not FOLDER, reason="searches in the built site; `nox -s docs` builds it and runs this"
    ),
    pytest.mark.skipif(
        CHROMIUM is None, reason="types into the site's search in Chromium; .ci/run installs it"
    ),
]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with served(Path(FOLDER)) as url:
        yield url


@pytest.fixture(scope="module")
def browser(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def search(browser: Browser, site: str) -> Search:
    return Search(browser, site)


def test_there_are_sixty_queries() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("query", CASES)
def test_a_query_finds_the_right_page(search: Search, query: str) -> None:
    found = search.pages(query)
    assert {*found[:3]} & {*CASES[query]}, found


def test_no_page_is_wider_than_a_narrow_screen(browser: Browser, site: str) -> None:
    browser.view(390, 844, dark=False)
    too_wide: dict[str, int] = {}
    for page in sorted(Path(FOLDER).rglob("index.html")):
        name = page.parent.relative_to(FOLDER).as_posix()
        browser.open(site if name == "." else f"{site}{name}/")
        width = browser.evaluate("document.documentElement.scrollWidth")
        if width > 390:
            too_wide[name] = width
    assert not too_wide


def test_the_colours_follow_the_system(browser: Browser, site: str) -> None:
    seen = []
    for dark in (False, True):
        browser.view(1280, 900, dark=dark)
        browser.open(site)
        seen.append(browser.evaluate("document.body.dataset.mdColorScheme"))
    assert seen == ["default", "slate"]


def test_pages_load_nothing_from_other_hosts(browser: Browser, site: str) -> None:
    browser.requested.clear()
    browser.open(f"{site}orders/")
    browser.evaluate("new Promise(done => setTimeout(done, 500))")  # scripts load more later
    others = [each for each in browser.requested if not each.startswith((site, "data:", "blob:"))]
    assert browser.requested
    assert not others


@pytest.mark.parametrize("page", ["client/", "reference/client/", "operations/orders/"])
def test_a_page_has_neighbours_an_edit_link_and_a_description(
    browser: Browser, site: str, page: str
) -> None:
    browser.open(f"{site}{page}")
    for selector in (
        ".md-footer__link--prev",
        ".md-footer__link--next",
        "a[rel=edit][href*='/edit/main/docs/']",
        "meta[name=description][content]",
        "link[rel=icon]",
    ):
        assert browser.evaluate(f'!!document.querySelector("{selector}")'), selector
