"""Checks that a release may be published: its tag, its repository and the changelog.

Usage: ``python tools/check_release.py v0.2.0 https://github.com/OWNER/bezant``. The workflow
``release`` runs the script before it builds anything.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def problems(tag: str, repository: str, root: Path = ROOT) -> list[str]:
    """Return why the release must not be published; an empty list if it may.

    Args:
        tag: the tag of the release.
        repository: the address of the repository that publishes the release.
        root: folder of the project.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    source = project["urls"]["Source"]
    module = (root / "bezant" / "_version.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', module, re.MULTILINE)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found: list[str] = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, but bezant/_version.py has {version}; tag v{version}")
    if repository.lower() != source.lower():
        found.append(
            f"the repository is {repository}, but pyproject.toml has {source}; "
            "correct [project.urls] and the addresses that tests/packaging names"
        )
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    ):
        found.append(
            f"CHANGELOG.md has no section for {version}; "
            f"rename [Unreleased] to '[{version}] - YYYY-MM-DD'"
        )
    return found


def main(arguments: list[str]) -> int:
    """Print what is wrong with a release, and return the exit status."""
    tag, repository = arguments
    found = problems(tag, repository)
    for each in found:
        print(each, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
