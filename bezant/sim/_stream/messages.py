"""Messages of the WebSocket, and the arguments of commands."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Return a message as the payload of a frame."""
    return msgspec.json.encode(message)


def error(text: str) -> Message:
    """Return an error message."""
    return {"error": text, "code": 1}


def arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a command, or an empty dict if they are not a JSON object."""
    try:
        found: object = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def target_of(rest: str) -> tuple[str, dict[str, Any]]:
    """Split the part of a command after the topic into its target and its arguments."""
    target, brace, options = rest.partition("+{")
    return target, arguments(brace[1:] + options)


def texts(given: object) -> list[str]:
    """Return the items of a list in a command's arguments; an empty list for any other value."""
    return [str(each) for each in cast("list[object]", given)] if isinstance(given, list) else []
