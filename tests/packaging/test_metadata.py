"""Tests of the metadata: addresses, classifiers, and the texts about installing bezant."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools.check_release import problems

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
SOURCE: str = PROJECT["urls"]["Source"]
# Files whose texts users read, and that may name the project's address.
PAGES = [
    *ROOT.glob("*.md"),
    ROOT / "mkdocs.yml",
    ROOT / "pyproject.toml",
    *(ROOT / "docs").rglob("*.md"),
    *(each for each in (ROOT / ".github").rglob("*") if each.is_file()),
]


def test_every_address_of_the_project_begins_with_its_source() -> None:
    # a repository whose name is the project's, on any host and of any owner
    pattern = re.compile(r"https://[\w.]+/[\w-]+/bezant\b(?!-)[\w./-]*")
    found = {
        (page.name, address)
        for page in PAGES
        for address in pattern.findall(page.read_text(encoding="utf-8"))
    }
    assert ("pyproject.toml", SOURCE) in found
    allowed = (SOURCE, "https://pypi.org/project/bezant")
    assert [each for each in sorted(found) if not each[1].startswith(allowed)] == []


def test_links_of_the_readme_are_absolute_on_the_package_index() -> None:
    (rule,) = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    published = re.sub(rule["pattern"], rule["replacement"], readme)
    links = re.findall(r"\]\(([^)]+)\)", published)
    assert len(links) > 5
    assert all(link.startswith(("https://", "#")) for link in links), links
    for link in links:
        path = link.removeprefix(f"{SOURCE}/blob/main/").partition("#")[0]
        assert path.startswith("https://") or (ROOT / path).exists(), link


def test_the_workflow_requires_what_the_classifiers_name() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"^        python: \[(.+)\]$", workflow, re.MULTILINE)
    (experimental,) = re.findall(r"fromJSON\('\[(.+?)\]'\)", workflow)
    prefix = "Programming Language :: Python :: "
    classifiers = [each.removeprefix(prefix) for each in PROJECT["classifiers"]]
    stated = {each for each in classifiers if re.fullmatch(r"3\.\d+", each)}
    names = [set(re.findall(r'"(.+?)"', each)) for each in (matrix, experimental)]
    assert names[0] - names[1] == stated
    assert "matrix.os != 'ubuntu-latest'" in workflow
    systems = [each for each in PROJECT["classifiers"] if each.startswith("Operating System")]
    assert systems == ["Operating System :: POSIX :: Linux"]


def test_no_page_installs_bezant_from_the_index_before_a_release() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    if re.search(r"^## \[\d", changelog, re.MULTILINE):
        return
    # `pip install "bezant[extra]"` adds an extra to an installed bezant, which works without a
    # release. Any other command would install a package of that name from the index.
    pattern = re.compile(r"pip install (?:-\S+ )*[\"']?bezant[\"']?(?:\s|$)", re.MULTILINE)
    assert [page.name for page in PAGES if pattern.search(page.read_text(encoding="utf-8"))] == []


def test_every_dependency_has_a_lower_bound() -> None:
    extras = PROJECT["optional-dependencies"].values()
    stated = [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]
    own = [each for each in stated if each.startswith("bezant[")]
    assert [each for each in stated if each not in own and ">=" not in each] == []


@pytest.mark.parametrize(
    ("tag", "repository", "heading", "expected"),
    [
        ("v1.2.0", "https://example.org/me/bezant", "## [1.2.0] - 2026-12-01", []),
        ("1.2.0", "https://example.org/me/bezant", "## [1.2.0] - 2026-12-01", ["tag"]),
        ("v1.2.0", "https://example.org/you/bezant", "## [1.2.0] - 2026-12-01", ["repository"]),
        ("v1.2.0", "https://example.org/me/bezant", "## [Unreleased]", ["CHANGELOG"]),
    ],
)
def test_a_release_with_an_error_is_not_published(
    tmp_path: Path, tag: str, repository: str, heading: str, expected: list[str]
) -> None:
    (tmp_path / "bezant").mkdir()
    urls = 'urls = { Source = "https://example.org/me/bezant" }'
    (tmp_path / "pyproject.toml").write_text(f"[project]\n{urls}\n", encoding="utf-8")
    version = '"""Version."""\n\n__version__ = "1.2.0"\n'
    (tmp_path / "bezant" / "_version.py").write_text(version, encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n", encoding="utf-8")
    found = problems(tag, repository, tmp_path)
    assert len(found) == len(expected)
    assert all(word in text for word, text in zip(expected, found, strict=True))
