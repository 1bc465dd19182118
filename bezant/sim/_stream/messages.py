"""Encodes WebSocket messages for the client, and reads the arguments of the client's commands."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Encode a message as JSON, for the payload of a WebSocket frame."""
    return msgspec.json.encode(message)


def error(text: str) -> Message:
    """Return the WebSocket message that tells the client about an error."""
    return {"error": text, "code": 1}


def arguments(text: str) -> dict[str, Any]:
    """Return a command's arguments, parsed from JSON; an empty dict if they are not an object."""
    try:
        found: object = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def target_of(rest: str) -> tuple[str, dict[str, Any]]:
    """Split the part of a command that follows the topic.

    Args:
        rest: for the command `smh+265598+{"period":"1d"}`, the part after `smh+`.

    Returns:
        The target (`265598`), and the arguments (the JSON object, parsed).
    """
    target, brace, options = rest.partition("+{")
    return target, arguments(brace[1:] + options)


def texts(given: object) -> list[str]:
    """Return the items of `given`, a value from a command's arguments, as text.

    If `given` is not a list, the result is an empty list.
    """
    return [str(each) for each in cast("list[object]", given)] if isinstance(given, list) else []
