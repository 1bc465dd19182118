"""Converts IBKR's JSON names to Python names."""

from __future__ import annotations

import builtins
import keyword
import re

WORD = re.compile(r"[^0-9a-zA-Z]+")
LOWER_UPPER = re.compile(r"([a-z0-9])([A-Z])")
ACRONYM = re.compile(r"([A-Z]+)([A-Z][a-z])")
# Words with these endings are not plurals, although they end in "s".
SINGULAR = ("ss", "us", "is", "as", "news", "details", "series")


def snake(text: str) -> str:
    """Convert a name to snake case: `accountId` to `account_id`."""
    text = WORD.sub("_", text).strip("_")
    text = ACRONYM.sub(r"\1_\2", LOWER_UPPER.sub(r"\1_\2", text)).lower()
    text = re.sub(r"_+", "_", text)
    if not text or text[0].isdigit():
        text = f"field_{text}"
    return f"{text}_" if keyword.iskeyword(text) else text


def pascal(text: str) -> str:
    """Convert a name to Pascal case: `account id` and `accountId` to `AccountId`."""
    return "".join(part[:1].upper() + part[1:].lower() for part in snake(text).split("_") if part)


def camel(name: str) -> str:
    """Return the JSON name that msgspec derives from a Python name with `rename="camel"`."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def singular(text: str) -> str:
    """Return the singular of a word: `position` for `positions`."""
    if not text.endswith("s") or text.lower().endswith(SINGULAR):
        return text
    if text.endswith("ies"):
        return text[:-3] + "y"
    if text.endswith(("ches", "sses", "xes")):
        return text[:-2]
    return text[:-1]


def parameter(name: str) -> str:
    """Return `name`, with `_` appended if it is the name of a Python builtin, such as `type`."""
    return f"{name}_" if hasattr(builtins, name) else name


def values(enum: tuple[str, ...], most: int = 12) -> str:
    """Return a text that lists the allowed values in `enum`, such as ``` ``A``, ``B`` ```.

    If there are more than `most`, the text names the first of them and ends with "and others".
    """
    shown = ", ".join(f"``{each}``" for each in enum[:most])
    return f"{shown} and others" if len(enum) > most else shown
