"""Renders the blocking twin of an async source file. The result is formatted later."""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tokenize_rt  # type: ignore[import-untyped]
import unasync  # type: ignore[import-untyped]

from .names import PREFIXED, first_lines, word_pattern
from .reading import FEATURES, Pair, Problem, Source

MARKER_LIKE = re.compile(r"#.*<\s*/?\s*a?sync-only\s*>", re.DOTALL)
LITERAL = re.compile(r"([rRbBuU]*)('''|\"\"\"|'|\")(.*)\2", re.DOTALL)
FENCE = re.compile(r"\s*(```|~~~)")
PROMPT = re.compile(r"\s*(>>>|\.\.\.) ")
INLINE_CODE = re.compile(r"(`+)[^`]+\1")
AWAIT = re.compile(r"\bawait[ \t]+")
ASYNC_KEYWORD = re.compile(r"\basync[ \t]+(?=(?:with|for|def)\b)")
# Names that must not be used: unasync renames them, but the type with the new name has other
# parameters.
MISLEADING = {"AsyncGenerator": "annotate with AsyncIterator: Generator has other parameters"}
LEFTOVER = (
    r"asyncio\w*|_*async_\w*|_*Async[A-Z]\w*|await|Awaitable|Coroutine|async\s+(?:def|with|for)"
)
WORDLESS = frozenset({"DEDENT", "INDENT", "NEWLINE", "NL", "OP", "UNIMPORTANT_WS"})

Position = tuple[int, int]


class Renderer:
    """Turns async source text into the text of its blocking twin, which is formatted later."""

    def __init__(self, pairs: Sequence[Pair], table: Mapping[str, str]) -> None:
        self.pairs = pairs
        self.table = table
        self.used: set[str] = set()
        self.rule = unasync.Rule("/async/", "/sync/", additional_replacements=dict(table))
        names = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
        self.words = word_pattern(names)
        # Finds the article before a name: "an AsyncClient" must become "a Client".
        self.articles = re.compile(
            rf"\b([Aa])n(?=\s+(?::\w+:)?[`*]*_*(?:({names})|async\s+(?:with|for|def))(?!\w))"
        )
        self.leftovers = word_pattern(f"{LEFTOVER}|{names}")

    def render(self, source: Source) -> tuple[str, set[Problem]]:
        """Return the text of the blocking twin, and the problems found in the source."""
        problems: set[Problem] = set()

        def problem(line: int, text: str) -> None:
            at = source.lines[min(line, len(source.lines)) - 1] if source.lines else 0
            problems.add(Problem(source.path, at, text))

        tokens = tokenize_rt.src_to_tokens(source.text)
        tree = source.tree if source.text == source.blanked else ast.parse(source.text)
        tokens = self._prepare(tokens, tree, problem)
        text = self._without_async(tokenize_rt.tokens_to_src(tokens))
        try:
            tree = ast.parse(text, feature_version=FEATURES)
            compile(tree, source.target, "exec", dont_inherit=True)
        except SyntaxError as error:
            problem(error.lineno or 1, f"output does not parse: {error.msg}")
            return text, problems
        # `text` has as many lines as the source, so a token's line number is the same in both.
        for token in tokenize_rt.src_to_tokens(text):
            if token.name in WORDLESS:
                continue
            for word, line in first_lines(self.leftovers, token.src).items():
                problem(token.line + line, f"{word!r} is left over in the output")
        return text, problems

    def _without_async(self, text: str) -> str:
        """Let unasync rewrite a text, through temporary files: unasync works on files only."""
        with tempfile.TemporaryDirectory() as folder:
            source, target = (Path(folder, kind, "text.py") for kind in ("async", "sync"))
            source.parent.mkdir()
            source.write_text(text, encoding="utf-8", newline="")
            unasync.unasync_files([str(source)], [self.rule])
            return target.read_bytes().decode("utf-8")

    def _prepare(
        self, tokens: list[tokenize_rt.Token], tree: ast.Module, problem: Callable[[int, str], None]
    ) -> list[tokenize_rt.Token]:
        """Return the tokens with the changes that unasync does not make.

        Reword comments and docstrings, and rename names in strings. Report code that unasync would
        break.

        Args:
            tokens: tokens of the source.
            tree: the same source, parsed.
            problem: called with line and text of each problem.
        """
        docstrings = [_span(n) for n in ast.walk(tree) if isinstance(n, ast.Expr) and _is_text(n)]
        prepared = _without_needless_parentheses(tokens, tree)
        for index, token in enumerate(prepared):
            line, src = token.line, token.src
            position = (line, token.utf8_byte_offset)
            if token.name == "COMMENT":
                if MARKER_LIKE.search(src):
                    problem(line, f"malformed marker: {src}")
                src = self._reword(src)
            elif token.name == "STRING":
                if any(start <= position < end for start, end in docstrings):
                    src = self._reword(src)
                else:
                    src = self._rename_literal(src)
                if PREFIXED.match(src[1:-1]):
                    problem(line, f"string {src} would be half renamed")
            elif token.name == "NAME":
                self.used.add(src)
                if src in MISLEADING:
                    problem(line, f"{src}: {MISLEADING[src]}")
                if src not in self.table and PREFIXED.fullmatch(src):
                    problem(line, f"{src} is defined in no source tree: it has no blocking name")
            if src in ("async", "await") and prepared[index + 1].name != "UNIMPORTANT_WS":
                problem(line, f"{src!r} without a space after it: unasync drops the next token")
            prepared[index] = token._replace(src=src)
        return prepared

    def _rename_literal(self, src: str) -> str:
        """Rename the names in a string that consists of one name, or of names joined by dots.

        Any other string is returned unchanged.
        """
        literal = LITERAL.fullmatch(src)
        if not literal or not re.fullmatch(r"\w+(\.\w+)*", literal[3]):
            return src
        self.used.update(literal[3].split("."))
        return src.replace(literal[3], self.words.sub(lambda m: self.table[m[0]], literal[3]))

    def _reword(self, text: str) -> str:
        """Reword a docstring or a comment for the blocking twin."""
        for pair in self.pairs:
            text = text.replace(f"{pair.source}/", f"{pair.target}/")
        text = self.articles.sub(self._article, text)
        text = self.words.sub(lambda match: self.table[match[0]], text)
        text = ASYNC_KEYWORD.sub("", text)
        fenced = False
        lines = text.split("\n")
        for index, line in enumerate(lines):
            if FENCE.match(line):
                fenced = not fenced
            elif fenced or PROMPT.match(line):
                lines[index] = AWAIT.sub("", line)
            else:
                lines[index] = INLINE_CODE.sub(lambda match: AWAIT.sub("", match[0]), line)
        return "\n".join(lines)

    def _article(self, match: re.Match[str]) -> str:
        word = self.table[match[2]] if match[2] else "with"
        return match[0] if word.lstrip("_")[0] in "AEIOUaeiou" else match[1]


def _is_text(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _span(node: ast.Expr) -> tuple[Position, Position]:
    end = (node.end_lineno or node.lineno, node.end_col_offset or 0)
    return (node.lineno, node.col_offset), end


def _without_needless_parentheses(
    tokens: list[tokenize_rt.Token], tree: ast.Module
) -> list[tokenize_rt.Token]:
    """Change `(await x).y` to `await x.y`, so that the twin contains `x.y` and not `(x).y`."""
    starts: set[Position] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                if isinstance(inner, ast.Await):
                    starts.add((inner.lineno, inner.col_offset))
    drop: set[int] = set()
    for index, token in enumerate(tokens):
        position = (token.line, token.utf8_byte_offset)
        if token.src != "await" or position not in starts or tokens[index - 1].src != "(":
            continue
        last, depth = index, 0
        while depth >= 0 and not (depth == 0 and tokens[last].name == "NL"):
            last += 1
            depth += (tokens[last].src in "([{") - (tokens[last].src in ")]}")
        if depth < 0:  # else the expression has several lines and needs them
            drop |= {index - 1, last}
    return [token for index, token in enumerate(tokens) if index not in drop]
