"""Record of the requests that the simulated gateway has received."""

from __future__ import annotations

from dataclasses import dataclass, field

from .paths import API


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it arrived at the simulated gateway.

    Attributes:
        method: the HTTP method. A WebSocket upgrade is recorded as `GET`.
        path: the decoded path, including `/v1/api`.
        query: the query parameters. If a name is repeated, only its last value.
        headers: the headers, with lower-case names. Repeated headers are joined with a comma.
        body: the body as IBKR's gateway would forward it: empty if the client sent it chunked.
        target: path and query as sent, with percent-encoding.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    target: str = ""

    def is_for(self, method: str, path: str) -> bool:
        """Return whether the request is for an HTTP method and path.

        Args:
            method: the HTTP method, in any case.
            path: the path, with or without `/v1/api`.
        """
        return self.method == method.upper() and self.path in (path, API + path)
