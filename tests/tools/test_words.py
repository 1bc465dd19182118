"""Tests of tools/check_words.py, which checks the project's English."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import check_words

ROOT = Path(__file__).parent.parent.parent


def texts(source: str, path: str = "a.py") -> list[tuple[int, str]]:
    """Return the line and the phrase of each problem that the check finds in `source`."""
    return [(each.line, each.text.split('"')[1]) for each in check_words.check(source, path)]


def test_the_folders_that_are_done_have_no_problems() -> None:
    found = [
        problem
        for path in check_words.files(check_words.DONE)
        for problem in check_words.check(
            path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        )
    ]
    assert not found, "\n".join(map(str, found))


PHRASES = [
    ("What comes is kept.", "What comes"),
    ("It waits. Whoever asks more is blocked.", "Whoever asks"),
    ("A limit of one that is shared.", "one that"),
    ("An order of yours.", "of yours"),
    ("The callback is told.", "is told"),
    ("The id stands in the path.", "stands"),
    ("It is read anew.", "anew"),
    ("It works all the same.", "all the same"),
    ("The stream goes on.", "goes on"),
    ("A worker beside the program.", "beside"),
    ("Mend the argument.", "Mend"),
    ("An exchange that has trouble.", "trouble"),
    ("Zero where there is none.", "where there is none"),
    ("The path cannot be this.", "cannot be this"),
    ("After the time-out.", "time-out"),
    ("The gateway answers with 429.", "answers with 429"),
]


@pytest.mark.parametrize(("text", "phrase"), PHRASES)
def test_each_phrase_is_found(text: str, phrase: str) -> None:
    assert texts(f"# {text}\n") == [(1, phrase)]
    assert texts(f"def f():\n    raise ValueError({text!r})\n") == [(2, phrase)]
    assert texts(f'"""A module.\n\n{text}\n"""\n') == [(3, phrase)]
    assert texts(f"# A page\n\n{text}\n", "a.md") == [(3, phrase)]


def test_every_pattern_has_an_example() -> None:
    examples = " ".join(text for text, _ in PHRASES)
    for phrase in check_words.PHRASES:
        assert re.search(phrase, examples, re.IGNORECASE), phrase


@pytest.mark.parametrize(
    "text",
    [
        "What happens after an error?",
        "A Gap stands for missing messages.",
        "The message says what happened.",
        "Answer the question.",
    ],
)
def test_plain_text_passes(text: str) -> None:
    assert texts(f"# {text}\n") == []


def test_a_phrase_is_found_across_lines() -> None:
    assert texts("x = 1\n\n# A limit of one\n# that is shared.\n") == [(3, "one that")]
    assert texts('f"""It goes\n    {1} on, and goes\n    on."""\n') == [(2, "goes on")]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("What was requested.", "What"),
        ("How often it failed.", "How"),
        ("Say whether it failed.", "Say"),
        ("Whether it failed.", "Whether"),
        ("return the count.", "return"),
        ("Return the count", "Return"),
    ],
)
def test_a_bad_first_line_is_found(line: str, word: str) -> None:
    assert (2, word) in texts(f'def f():\n    """{line}"""\n')


@pytest.mark.parametrize(
    "line", ["Return the count.", "`Gap` for missing messages.", "429: too many requests."]
)
def test_a_good_first_line_passes(line: str) -> None:
    assert texts(f'"""{line}"""\nclass A:\n    """{line}\n\n    More.\n    """\n') == []


def test_a_property_may_begin_with_whether() -> None:
    source = 'class A:\n    @property\n    def b(self):\n        """Whether it failed."""\n'
    assert texts(source) == []
    assert texts(source.replace("property", "cached_property")) == []
    assert texts(source.replace("property", "final")) == [(4, "Whether")]


def test_an_exception_names_its_phrase_and_a_reason() -> None:
    text = "# It reads anew."
    assert texts(f'# words: allow "anew" - IBKR\'s own word\n{text}\n') == []
    assert texts(f'{text}  # words: allow "anew" - IBKR\'s own word\n') == []
    assert texts(f'# words: allow "anew"\n{text}\n') != []
    assert texts(f'# words: allow "beside" - a reason\n{text}\n') == [(2, "anew")]
    assert texts(f'# words: allow "anew" - a reason\n\n\n{text}\n') == [(4, "anew")]
    assert texts('"""How it works."""  # words: allow "how" - a title\n') == []
    assert texts('<!-- words: allow "anew" - a reason -->\nIt reads anew.\n', "a.md") == []


def test_code_in_markdown_is_skipped() -> None:
    page = "Text.\n\n```python\n# read anew\n```\n\nCall `read_anew(beside)`.\n\n- read anew\n"
    assert texts(page, "a.md") == [(9, "anew")]
    assert texts("| what | when |\n|---|---|\n", "a.md") == []


def test_patterns_name_files_and_folders(tmp_path: Path) -> None:
    for name in ("bezant/_sync/a.py", "bezant/b.py", "bezant/c/d.md", "bezant/c/e.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = check_words.files(["bezant"], tmp_path)
    assert [each.relative_to(tmp_path).as_posix() for each in found] == [
        "bezant/b.py",
        "bezant/c/d.md",
    ]
    assert check_words.files(["bezant/[!a]*.py"], tmp_path) == [tmp_path / "bezant/b.py"]
    with pytest.raises(ValueError, match="no file matches 'tools'"):
        check_words.files(["tools"], tmp_path)


def test_the_command_ends_with_an_error() -> None:
    command = [sys.executable, str(ROOT / "tools" / "check_words.py")]
    done = subprocess.run(
        [*command, "bezant/errors.py"], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    done = subprocess.run(
        [*command, "tests/tools/test_words.py"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "tests/tools/test_words.py:" in done.stdout
    assert "how to allow an exception" in done.stdout
