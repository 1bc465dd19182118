"""Tests of tools/gen_llms.py."""

from __future__ import annotations

from pathlib import Path

from tools import gen_llms


def test_the_file_lists_the_pages_of_the_navigation(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    project = 'name = "x"\ndescription = "A thing."\nurls = { Source = "https://example.org/x" }'
    (tmp_path / "pyproject.toml").write_text(f"[project]\n{project}\n", encoding="utf-8")
    navigation = "nav:\n  - index.md\n  - Guides:\n      - Calls: calls.md\n      - values.md\n"
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\n{navigation}", encoding="utf-8")
    first = "# X\n\nX does [a thing](calls.md)\nwell. More.\n\nMore.\n"
    (tmp_path / "docs" / "index.md").write_text(first, encoding="utf-8")
    (tmp_path / "docs" / "calls.md").write_text("# Calls\n\nCall it:\n", encoding="utf-8")
    described = "---\ndescription: >-\n  All\n  values.\n---\n\n# Values\n\nMore.\n"
    (tmp_path / "docs" / "values.md").write_text(described, encoding="utf-8")
    assert gen_llms.text(tmp_path) == (
        "# x\n\n> A thing.\n\n"
        "- [X](https://example.org/x/blob/main/docs/index.md): X does a thing well.\n\n"
        "## Guides\n\n"
        "- [Calls](https://example.org/x/blob/main/docs/calls.md): Call it\n"
        "- [Values](https://example.org/x/blob/main/docs/values.md): All values.\n"
    )


def test_the_file_of_the_project_is_current() -> None:
    assert gen_llms.main(["--check"]) == 0
