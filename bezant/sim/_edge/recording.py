"""What the simulated gateway remembers of the requests that it saw."""

from __future__ import annotations

from dataclasses import dataclass, field

from .paths import API


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it arrived, in the order of arrival.

    Attributes:
        method: The HTTP method. A WebSocket upgrade is recorded as `GET`.
        path: The decoded path, with `/v1/api`.
        query: The query parameters; the last value wins where a name is repeated.
        headers: The headers under lower-case names. Repeated headers are joined with a comma.
        body: The body as the gateway would pass it on: empty where it was sent chunked.
        target: The request target as it stood on the wire, percent-encoding and query included.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    target: str = ""

    def is_for(self, method: str, path: str) -> bool:
        """Tell whether this is a call of an operation.

        Args:
            method: The HTTP method, in any case.
            path: The path, with or without `/v1/api`.
        """
        return self.method == method.upper() and self.path in (path, API + path)
