"""Pages of errors, settings, loggers, rate limits and the command, from the code that has them."""

from __future__ import annotations

# The parser has no public list of its options.
# ruff: noqa: SLF001
import argparse
import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import bezant
import bezant.errors
from bezant._core.operations._index import OPERATIONS
from bezant._core.operations._lookup import row_at
from bezant._core.pacing import limits
from bezant._core.settings.settings import Settings

from .operations import limit_text
from .text import code, page, read, table

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"(?:BEZANT|IBKR|SSL_CERT|CPGW)_[A-Z_]+")
# The sync tree is generated from the async one, and says the same.
_SOURCES = ("bezant/_async", "bezant/_core", "bezant/_runtime", "bezant/cli", "bezant/sim")


def errors(extra: Mapping[str, str]) -> str:
    """Return the page with every exception class.

    Args:
        extra: what to do about errors that the table in docs/errors.md does not list.
    """
    advice = dict(_advice())
    advice.update({name: ("", text) for name, text in extra.items()})
    blocks = [
        (
            "Every exception class of `bezant.errors`, with its base classes, its attributes and "
            "what to do. All of them are also names of `bezant`: `except bezant.RateLimited`. The "
            "guide [Errors](../errors.md) has the same advice in one table."
        ),
        f"```text\n{_tree()}\n```",
    ]
    missing = []
    for name in _in_order():
        error = getattr(bezant.errors, name)
        bases = [base.__name__ for base in error.__mro__[1:] if base is not object]
        bases = [each for each in bases if each not in ("Exception", "BaseException")]
        said = read(error)
        blocks += [f"## {name}", said.summary]
        if said.text:
            blocks.append(said.text)
        meaning, todo = advice.get(name, ("", ""))
        if meaning:
            blocks.append(f"**Meaning:** {meaning[0].upper()}{meaning[1:].rstrip('.')}.")
        if todo:
            blocks.append(f"**What to do:** {todo[0].upper()}{todo[1:].rstrip('.')}.")
        elif not error.__subclasses__():
            missing.append(name)
        lines = [f"Derives from {', '.join(code(each) for each in bases)}."] if bases else []
        if "retryable" in vars(error):
            lines.append(f"`retryable` is {error.retryable}.")
        blocks.append(" ".join(lines))
        if attributes := said.sections.get("Attributes"):
            rows = [(code(each), meaning) for each, meaning in attributes.items()]
            blocks.append(table(("attribute", "meaning"), rows))
    if missing:
        raise ValueError(
            f"{', '.join(missing)}: say in the table of docs/errors.md, or under [errors] in "
            "tools/reference.toml, what to do about these errors"
        )
    return page("Error classes", *blocks, description="All exceptions of bezant.")


def _advice() -> Iterator[tuple[str, tuple[str, str]]]:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    for row in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE):
        names, meaning, todo = re.split(r" (?<!\\)\| ", row)[:3]
        # The links lead from the folder of the reference.
        meaning, todo = (re.sub(r"\]\((\w)", r"](../\1", each) for each in (meaning, todo))
        for name in re.findall(r"`(\w+)`", names):
            yield name, (meaning, todo)


def _tree() -> str:
    text = inspect.cleandoc(bezant.errors.__doc__ or "")
    tree = text[text.index("::\n") + 3 : text.index("\n\nIf `")]
    return inspect.cleandoc(tree.replace("``", ""))


def _in_order() -> list[str]:
    """Return the names of all errors as the tree has them, and then those that it does not have."""
    tree = [name for name in re.findall(r"[A-Z]\w+", _tree()) if name in bezant.errors.__all__]
    names = [*dict.fromkeys(tree)]
    return [*names, *(name for name in bezant.errors.__all__ if name not in names)]


def settings(variables: Mapping[str, str], system: Mapping[str, str]) -> str:
    """Return the page with every setting of a client and every environment variable.

    Args:
        variables: meaning of each environment variable that bezant's code reads by name.
        system: meaning of variables that bezant reads through Python's standard library.
    """
    used = set(_variables())
    if used != {*variables}:
        raise ValueError(
            f"[environment] in tools/reference.toml: missing {sorted(used - {*variables})}, "
            f"unused {sorted({*variables} - used)}"
        )
    parameters = inspect.signature(bezant.Client.__init__).parameters
    copies = inspect.signature(bezant.Client.with_options).parameters
    said = read(bezant.Client).sections["Args"]
    known = {name: each for name, each in parameters.items() if name != "self"}
    rows = [
        (
            f"[{code(name)}](#{name})",
            code(str(each.annotation).replace(" | ", " or ")),
            _default(each),
            "yes" if name in copies else "no",
        )
        for name, each in known.items()
    ]
    sections = [block for name in known for block in (f"### {name}", said[name])]
    unset = sorted({*Settings.__struct_fields__} - {*parameters})
    environment = [(code(name), text) for name, text in variables.items()]
    return page(
        "Settings and environment variables",
        "Configuration of a client: every setting of `bezant.Client` and `bezant.AsyncClient` "
        "(timeout, retries, proxy, TLS, rate limits), and every environment variable that bezant "
        "reads. The guide [Client](../client.md) explains them.",
        "## Settings of a client",
        "Each setting is an argument of the client. `client.with_options(...)` returns a copy of "
        "the client with other values of the settings that have *yes* in the column *copy*; the "
        "others belong to connections, which a client and its copies share.",
        table(("setting", "type", "default", "copy"), rows),
        f"The client derives {', '.join(code(each) for each in unset)} from these arguments.",
        *sections,
        "## Environment variables",
        "An argument has precedence over an environment variable.",
        table(("variable", "meaning"), environment),
        "bezant reads these variables in the way of Python's standard library:",
        table(("variable", "meaning"), [(code(name), text) for name, text in system.items()]),
        description="All settings and environment variables, with types and defaults.",
    )


def _default(each: inspect.Parameter) -> str:
    if each.name == "user_agent":
        return "`bezant/VERSION`"
    return code(repr(each.default))


def _variables() -> Iterator[str]:
    """Yield the environment variables that the code names."""
    for path in _files(("bezant",)):
        if "_sync" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and _VARIABLE.fullmatch(node.value)
            ):
                yield node.value


def _files(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


class Record(NamedTuple):
    """A log record that the code can write."""

    level: str
    text: str
    module: str


def records() -> dict[str, list[Record]]:
    """Return the records of each logger, from the calls of loggers in the code."""
    found: dict[str, list[Record]] = {}
    for path in _files(_SOURCES):
        source = path.read_text(encoding="utf-8")
        named = re.search(r'^(_logger|_LOG) = logging\.getLogger\("([\w.]+)"\)', source, re.M)
        if not named or "_runtime/_sync" in path.as_posix():
            continue
        module = path.relative_to(ROOT).as_posix()
        rows = found.setdefault(named[2], [])
        for node in ast.walk(ast.parse(source)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == named[1]
                and node.func.attr in ("debug", "info", "warning", "error", "exception")
            ):
                level = node.func.attr.upper().replace("EXCEPTION", "ERROR")
                rows.append(Record(level, _format(node), module))
    return {name: found[name] for name in sorted(found)}


def _format(call: ast.Call) -> str:
    """Return the text of a record; the arguments have the names that the code gives them."""
    first = call.args[0]
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return "the name of the failed work, with a traceback"
    text = first.value
    for each in call.args[1:]:
        plain = isinstance(each, ast.Name | ast.Attribute)
        name = ast.unparse(each).lower().removeprefix("self.").strip("_") if plain else "..."
        text = re.sub(r"%(?:\.\d)?[sdfr]", f"<{name}>", text, count=1)
    return text


def loggers(said: Mapping[str, str]) -> str:
    """Return the page with every logger.

    Args:
        said: what each logger is about.
    """
    found = records()
    if {*found} != {*said}:
        raise ValueError(
            f"[loggers] in tools/reference.toml: {sorted({*found} ^ {*said})} are not on both sides"
        )
    blocks = [
        (
            "bezant uses Python's `logging`: the logger `bezant` and the loggers below it. bezant "
            "adds no handler and sets no level. Errors, log records and reprs never show a session "
            "token, a cookie, or a value of `headers` and `auth`."
        ),
        "## Turn on debug logging",
        (
            "```python\nimport logging\n\nlogging.basicConfig(level=logging.WARNING)\n"
            'logging.getLogger("bezant").setLevel(logging.DEBUG)  # each request and its time\n'
            'logging.getLogger("bezant.pacing").setLevel(logging.INFO)  # waits\n```'
        ),
        (
            "In the tables, `<name>` is a value. `<error>`, `<exc>`, `<notice>` and `<drift>` are "
            "whole sentences that say what happened and what to do."
        ),
    ]
    for name, rows in found.items():
        order = ("ERROR", "WARNING", "INFO", "DEBUG")
        lines = sorted({(order.index(each.level), each.text) for each in rows})
        cells = [(order[level], code(text)) for level, text in lines]
        blocks += [f"## {name}", f"Logger `{name}`: {said[name]}", table(("level", "text"), cells)]
    return page("Loggers and logging", *blocks, description="Log messages and debug output.")


def rate_limits() -> str:
    """Return the page with every rate limit."""
    names: dict[str, list[str]] = {}
    for place in OPERATIONS.values():
        group, _, constant = place.partition(".")
        operation = row_at(place)
        if operation.limit:
            link = f"[`{group}.{constant.lower()}`](../operations/{group}.md#{constant.lower()})"
            names.setdefault(operation.limit, []).append(link)
    rows = [
        (
            code(key),
            " and ".join(limit_text(each.count, each.seconds) for each in found),
            ", ".join(names.get(key, [])),
        )
        for key, found in limits.LIMITS.items()
    ]
    session = limits.SESSION_LIMIT
    return page(
        "Table of rate limits",
        "IBKR's pacing limitations, which the client observes by itself: how many requests per "
        "second or minute IBKR allows for a session and for each endpoint. If you exceed a rate "
        f"limit, IBKR responds with 429 and blocks your IP address for up to "
        f"{limits.PENALTY / 60:g} minutes. The guide [Rate limits and retries](../pacing.md) "
        "explains how calls wait.",
        "## Limits of a session",
        table(
            ("what", "limit"),
            [
                ("all requests together", limit_text(session.count, session.seconds)),
                ("requests at a time", str(limits.MAX_IN_FLIGHT)),
                ("WebSockets at a time", str(limits.MAX_STREAMS)),
            ],
        ),
        "## Limits of endpoints",
        table(("call", "limit", "method"), rows),
        description="Rate limits (pacing limitations) of IBKR's Web API for each endpoint.",
    )


def command(parser: argparse.ArgumentParser) -> str:
    """Return the page with every command and its options."""
    blocks = [
        (
            "The command `bezant` needs the extra `cli`; `bezant sim` and `bezant demo` need the "
            "extra `sim`. `python -m bezant` is the same as `bezant`."
        ),
    ]
    for names, each in _commands(parser, ""):
        blocks.append(f"## bezant {names}")
        if each.description:
            blocks.append(each.description)
        rows = [
            (
                code(", ".join(action.option_strings) or str(action.metavar or action.dest)),
                code(str(action.metavar or "")) if action.option_strings else "",
                (action.help or "").replace("%(default)s", str(action.default)),
            )
            for action in each._actions
            if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
            and action.help != argparse.SUPPRESS
        ]
        if rows:
            blocks.append(table(("option", "value", "meaning"), rows))
    return page("The command bezant", *blocks, description="Commands, options and exit codes.")


def _commands(
    parser: argparse.ArgumentParser, start: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                yield f"{start}{name}", each
                yield from _commands(each, f"{start}{name} ")
