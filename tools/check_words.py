"""Check the English of docstrings, comments, messages and Markdown.

`python tools/check_words.py` reports phrases that make text hard to read, and docstrings whose
first line does not say what the thing is or does. It checks the files in `DONE`; arguments name
other files or folders: `python tools/check_words.py docs bezant/sim`.

To allow a justified exception, name the phrase and the reason in a comment within the text, or on
the line before or after it:

    # words: allow "the phrase" - the reason

In Markdown, put the same text into an HTML comment.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

# Files and folders to check, as patterns from the project's root.
DONE = (
    "bezant",
    "benchmarks",
    "tests",
    "tools",
    "examples/async",
    "docs/*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "noxfile.py",
)
# Files that are not checked: those generated from the async source, and the test of this script,
# which contains bad samples.
LEFT_OUT = ("bezant/_sync", "examples/sync", "tests/_sync", "tests/tools/test_words.py")

# Key: pattern of a phrase to avoid, in capital or small letters. Value: advice on better words.
PHRASES: dict[str, str] = {
    r"(?:^|(?<=[.!?] ))(?:what|who|whoever|nobody who) \S+(?![^.!?]*\?)": (
        "begin with a noun: name the actor or the thing"
    ),
    r"\bone (?:that|which|who)\b": "repeat the noun",
    r"\bof (?:yours|ours)\b": "write 'your' or 'our' before the noun",
    r"\b(?:is|are|was|were) told\b": "name the actor: 'the callback receives', 'the error names'",
    r"\bstands\b(?! for\b| out\b)": "is",
    r"\b(?:anew|whence|hitherto|thereby|therein|thereof|wherein)\b": "again, so, in it",
    r"\bas\s+ever\b|\bfor\s+ever\b|\ball\s+the\s+same\b": "still, always, anyway",
    r"\blet go\b|\bgo(?:es)? on\b|\bwent on\b|\bgoing on\b": "release, continue, happen",
    r"\bbeside\b": "next to, besides, in the background",
    r"\bmend(?:s|ed|ing)?\b": "fix, repair",
    r"\btroubles?\b": "error, problem",
    r"\bwhere there (?:is|are|was|were) none\b": "if there is none, without",
    r"\bcannot be (?:this|that|had|one)\b": "say which values are allowed",
    r"\btime-outs?\b": "timeout",
    r"\banswer(?:s|ed)? (?:with )?(?:a )?[1-5]\d\d\b": "responds with",
}
# A docstring must not begin with one of these words: they ask a question, or refer to something
# that the first line does not name.
QUESTIONS = frozenset(
    {
        *("anything", "as", "everything", "how", "nothing", "say", "says", "somebody"),
        *("something", "tell", "tells", "what", "when", "where", "which", "who", "whose", "why"),
    }
)

_PHRASES = [(re.compile(phrase, re.IGNORECASE), advice) for phrase, advice in PHRASES.items()]
_EXCEPTION = re.compile(r'words: allow "([^"]+)"(?: - (\S.*))?')
_FENCE = re.compile(r"^ *(```+).*?^ *\1 *$", re.DOTALL | re.MULTILINE)
_FIRST = re.compile(r"(?:[A-Z0-9`]|\"\w).*\.$")


class Problem(NamedTuple):
    """Place in a file whose text has to be rewritten.

    Attributes:
        path: path of the file.
        line: line of the text, from 1.
        text: what is wrong, and what to write instead.
    """

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Passage(NamedTuple):
    """Consecutive lines of a docstring, comment, message or Markdown paragraph.

    Attributes:
        first: line of the beginning, from 1.
        last: line of the end.
        text: the lines, without comment signs.
    """

    first: int
    last: int
    text: str


def phrases_in(passage: Passage) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the phrase and the advice for each banned phrase of a passage."""
    starts: list[int] = []
    numbers: list[int] = []
    text = ""
    for number, line in enumerate(passage.text.split("\n"), passage.first):
        if words := _EXCEPTION.sub("", line).strip():
            starts.append(len(text))
            numbers.append(min(number, passage.last))
            text += f"{words} "
    for pattern, advice in _PHRASES:
        for match in pattern.finditer(text):
            yield numbers[bisect_right(starts, match.start()) - 1], match[0].strip(" .,"), advice


def comments(source: str) -> list[Passage]:
    """Return the comments of a module; comments on consecutive lines form one passage."""
    found: list[Passage] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line, text = token.start[0], token.string.lstrip("#! ")
        alone = not token.line[: token.start[1]].strip()
        if alone and found and found[-1].last == line - 1:
            before = found.pop()
            found.append(Passage(before.first, line, f"{before.text}\n{text}"))
        else:
            found.append(Passage(line, line, text))
    return found


def strings(tree: ast.Module) -> Iterator[Passage]:
    """Yield the string constants of a module. In f-strings, `{}` replaces each value."""
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(map(id, node.values))
            texts = [
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            ]
            text = "".join(texts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if id(node) in parts else node.value
        else:
            continue
        if " " in text:
            yield Passage(node.lineno, node.end_lineno or node.lineno, text)


def first_lines(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the first word and the advice for each docstring with a bad first line."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        docstring = ast.get_docstring(node)
        if not docstring:
            continue
        line = node.body[0].lineno
        text = docstring.partition("\n")[0]
        word = re.split(r"[ ,.:;]", text)[0]
        if word.lower() in QUESTIONS:
            yield line, word, "begin a docstring with what the thing is or does"
        elif word == "Whether" and not _is_property(node):
            yield line, word, "begin with 'Return whether'; 'Whether' is for properties"
        elif not _FIRST.fullmatch(text):
            yield line, word, "a docstring's first line is a sentence with a capital and a period"


def _is_property(node: ast.AST) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return any("property" in ast.unparse(each) for each in decorators)


def paragraphs(markdown: str) -> list[Passage]:
    """Return the paragraphs of a Markdown text, without code blocks and inline code."""
    text = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), markdown)
    text = re.sub(r"`[^`\n]*`", "``", text)
    found: list[Passage] = []
    for number, line in enumerate(text.split("\n"), 1):
        content = re.sub(r"^\s*(?:[-*>#]+|\d+\.)\s*", "", line)
        alone = content != line or line.startswith("|")
        if line.strip() and not alone and found and found[-1].last == number - 1:
            before = found.pop()
            found.append(Passage(before.first, number, f"{before.text}\n{line}"))
        elif line.strip():
            found.append(Passage(number, number, content))
    return found


def allowed(passages: Iterable[Passage]) -> dict[str, set[int]]:
    """Return, for each allowed phrase in lower case, the lines of the comments that allow it."""
    lines: dict[str, set[int]] = {}
    for passage in passages:
        for offset, line in enumerate(passage.text.split("\n")):
            for phrase, reason in _EXCEPTION.findall(line):
                if reason:
                    lines.setdefault(phrase.lower(), set()).add(passage.first + offset)
    return lines


def check(source: str, path: str) -> list[Problem]:
    """Return the problems of a Python or Markdown text.

    Args:
        source: the text.
        path: path of the text's file, for the problems; `.md` marks Markdown.
    """
    problems: list[Problem] = []
    found: list[tuple[Passage, int, str, str]] = []
    if path.endswith(".md"):
        passages = paragraphs(source)
        exceptions = allowed(passages)
    else:
        tree = ast.parse(source)
        remarks = comments(source)
        passages = [*remarks, *strings(tree)]
        exceptions = allowed(remarks)
        for line, word, advice in first_lines(tree):
            found.append((Passage(line, line, ""), line, word, advice))
    for passage in passages:
        found += ((passage, *each) for each in phrases_in(passage))
    for passage, line, phrase, advice in found:
        around = range(passage.first - 1, passage.last + 2)
        if exceptions.get(phrase.lower(), set()).isdisjoint(around):
            problems.append(Problem(path, line, f'"{phrase}": {advice}'))
    return sorted(set(problems))


def files(patterns: Iterable[str], root: Path = ROOT) -> list[Path]:
    """Return the Python and Markdown files that match patterns, without those in `LEFT_OUT`.

    Args:
        patterns: files, folders or glob patterns from the root.
        root: folder of the project.

    Raises:
        ValueError: a pattern matches no file.
    """
    left_out = {root / each for each in LEFT_OUT}
    found: set[Path] = set()
    for pattern in patterns:
        named = list(root.glob(pattern))
        if not named:
            raise ValueError(f"no file matches {pattern!r}; correct DONE or the argument")
        found.update(path for path in named if path.is_file())
        inside = (each for path in named if path.is_dir() for each in path.rglob("*"))
        found.update(each for each in inside if left_out.isdisjoint((each, *each.parents)))
    return sorted(path for path in found if path.suffix in (".py", ".md"))


def main() -> int:
    """Print the problems; return the exit status 1 if there are any."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=DONE)
    problems: list[Problem] = []
    for path in files(parser.parse_args().patterns):
        name = path.relative_to(ROOT).as_posix()
        problems += check(path.read_text(encoding="utf-8"), name)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems; tools/check_words.py says how to allow an exception")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
