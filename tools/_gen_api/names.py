"""Python names for wire names."""

from __future__ import annotations

import builtins
import keyword
import re

WORD = re.compile(r"[^0-9a-zA-Z]+")
LOWER_UPPER = re.compile(r"([a-z0-9])([A-Z])")
ACRONYM = re.compile(r"([A-Z]+)([A-Z][a-z])")
# Ends that are no plural.
SINGULAR = ("ss", "us", "is", "as", "news", "details", "series")


def snake(text: str) -> str:
    """`accountId` as `account_id`."""
    text = WORD.sub("_", text).strip("_")
    text = ACRONYM.sub(r"\1_\2", LOWER_UPPER.sub(r"\1_\2", text)).lower()
    text = re.sub(r"_+", "_", text)
    if not text or text[0].isdigit():
        text = f"field_{text}"
    return f"{text}_" if keyword.iskeyword(text) else text


def pascal(text: str) -> str:
    """`account id` or `accountId` as `AccountId`."""
    return "".join(part[:1].upper() + part[1:].lower() for part in snake(text).split("_") if part)


def camel(name: str) -> str:
    """What msgspec makes of a field's name with `rename="camel"`."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def singular(text: str) -> str:
    """`positions` as `position`."""
    if not text.endswith("s") or text.lower().endswith(SINGULAR):
        return text
    if text.endswith("ies"):
        return text[:-3] + "y"
    if text.endswith(("ches", "sses", "xes")):
        return text[:-2]
    return text[:-1]


def parameter(name: str) -> str:
    """A name that hides no builtin."""
    return f"{name}_" if hasattr(builtins, name) else name


def values(enum: tuple[str, ...], most: int = 12) -> str:
    """`A`, `B` and `C` as text."""
    shown = ", ".join(f"``{each}``" for each in enum[:most])
    return f"{shown} and others" if len(enum) > most else shown
