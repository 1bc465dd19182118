"""Writes ``llms.txt``, the list of the documentation's pages for language models.

Usage: ``python tools/gen_llms.py``, or with ``--check`` to compare without writing. The pages and
their order come from the navigation in ``mkdocs.yml``; the texts are the beginnings of the pages.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "llms.txt"


def text(root: Path = ROOT) -> str:
    """Return the content of ``llms.txt``.

    Args:
        root: folder of the project.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = f"{project['urls']['Source']}/blob/main/docs"
    lines = [f"# {project['name']}", "", f"> {project['description']}"]
    navigation = (root / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    for line in navigation.splitlines():
        entry = re.fullmatch(r"\s*- (?:[^:]+: )?([\w/-]+\.md)", line)
        section = re.fullmatch(r"\s*- (.+):", line)
        if entry:
            title, summary = _beginning((root / "docs" / entry[1]).read_text(encoding="utf-8"))
            if len(lines) == 3:
                lines.append("")
            lines.append(f"- [{title}]({base}/{entry[1]}): {summary}")
        elif section:
            lines += ["", f"## {section[1]}", ""]
    return "\n".join(lines) + "\n"


def _beginning(page: str) -> tuple[str, str]:
    """Return the title and the description of a page.

    A page may begin with a description between two lines ``---``. For other pages, the description
    is the first sentence, without links.
    """
    head = re.match(r"---\n(.*?)^---\n\s*", page, flags=re.MULTILINE | re.DOTALL)
    page = re.sub(r"<!--.*?-->\s*", "", page[head.end() if head else 0 :], flags=re.DOTALL)
    title, _, rest = page.removeprefix("# ").partition("\n")
    described = (
        re.search(r"^description: (?:>-)?\s*(.+?)\s*\Z", head[1], re.S | re.M) if head else None
    )
    if described:
        return title, re.sub(r"\s+", " ", described[1])
    rest = re.sub(r"^```.*?^```\n|^#+ [^\n]*\n", "", rest, flags=re.MULTILINE | re.DOTALL)
    paragraph = re.sub(r"\s+", " ", rest.strip().partition("\n\n")[0])
    paragraph = re.sub(r"\[(.+?)\]\(.+?\)", r"\1", paragraph)
    sentence = re.match(r".+?[.:](?= |$)", paragraph)
    return title, (sentence[0] if sentence else paragraph).rstrip(":")


def main(arguments: list[str]) -> int:
    """Write or check the file, and return the exit status."""
    wanted = text()
    if "--check" not in arguments:
        TARGET.write_text(wanted, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != wanted:
        print("llms.txt differs from the documentation; run: python tools/gen_llms.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
