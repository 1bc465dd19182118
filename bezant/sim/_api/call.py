"""API calls as the simulated gateway's handlers get them, and the JSON responses to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import JSONResponse, Response

NO_RESOURCE = "<html><body><h1>Resource not found</h1></body></html>"
"""Page that the gateway shows for a path that does not exist."""


INVENTED = {"X-Simulated": "invented"}
"""Header of responses that are made up from the types of their fields."""


class Json(JSONResponse):
    """JSON response with the gateway's content type."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        """Encode a body with msgspec, which is faster than the standard library."""
        return msgspec.json.encode(content)


def error(text: str, status: int) -> Response:
    """Return an error response: JSON with `error` and `statusCode`, as most operations send it."""
    return Json({"error": text, "statusCode": status}, status)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an API operation, as its handler gets it.

    Attributes:
        method: the HTTP method.
        path: the request's path, without the leading `/v1/api`.
        query: the query parameters.
        body: the request body.
        args: the values of the parameters in the path, such as the account id.
    """

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    args: tuple[str, ...] = ()

    @property
    def fields(self) -> dict[str, Any]:
        """The names and values in the request body, which is a JSON object or a form."""
        try:
            return dict(json.loads(self.body))
        except (ValueError, TypeError, RecursionError):
            return dict(parse_qsl(self.body.decode("latin-1")))


Handler = Callable[[Call], Response]
Routes = tuple[tuple[str, str, Handler], ...]
"""Routes of operations: the HTTP method, a pattern of the path, and the handler of each."""


def conids(call: Call) -> list[int]:
    """Return the numbers in the query parameter `conids`: 1 and 2 for `1@SMART,2`.

    Raises:
        ValueError: a conid in the query is not a number.
    """
    return [int(text.partition("@")[0]) for text in call.query.get("conids", "").split(",")]
