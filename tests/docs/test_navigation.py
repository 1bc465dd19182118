"""Tests of mkdocs.yml: every page has a place in the navigation and a title of its own."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGES = {each.relative_to(DOCS).as_posix() for each in DOCS.rglob("*.md")}
SECTIONS = ["Start", "Guides", "Reference", "Explanation", "Migration", "Changelog"]


def navigation() -> str:
    return (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]


def test_every_page_has_one_place() -> None:
    places = re.findall(r"(\S+\.md)$", navigation(), re.MULTILINE)
    assert len(places) == len(set(places))
    assert set(places) == PAGES


def test_the_sections() -> None:
    assert re.findall(r"^  - (\w+):", navigation(), re.MULTILINE) == SECTIONS


def test_titles_are_unique() -> None:
    named = dict(re.findall(r"- ([^\n:]+): (\S+\.md)$", navigation(), re.MULTILINE))
    given = {page: title for title, page in named.items()}
    assert len(given) == len(named)
    titles: dict[str, str] = {}
    for page in sorted(PAGES - {"changelog.md"}):
        found = re.search(r"^# (.+)$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert found, page
        heading = str(found[1])
        for title in {heading.lower(), given.get(page, heading).lower()}:
            assert title not in titles, (page, titles[title])
            titles[title] = page
