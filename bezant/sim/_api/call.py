"""Calls and answers, as all operations have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import JSONResponse, Response


class Json(JSONResponse):
    """A JSON answer with the gateway's spelling of the content type."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Write a body; several times as fast as the module of the standard library does."""
        return msgspec.json.encode(content)


def error(text: str, status: int) -> Response:
    """Return an error the way most operations report it."""
    return Json({"error": text, "statusCode": status}, status)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, with what was found in its path."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    args: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """The members of the body, whether it is JSON or a form."""
        try:
            return dict(json.loads(self.body))
        except (ValueError, TypeError, RecursionError):
            return dict(parse_qsl(self.body.decode("latin-1")))


Handler = Callable[[Call], Response]
Routes = tuple[tuple[str, str, Handler], ...]
"""Methods, the pattern of the path, and what answers."""
