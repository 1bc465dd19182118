"""Raw responses that a program captures in addition to the typed values of its calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, ClassVar, Final, Self, cast, overload

from ..._wire.record import Record
from ..._wire.redaction import redact, without_secrets
from ..decoding import decoder
from .messages import Request, Response


class RawResponse(Record, frozen=True):
    """Response of the gateway before it is decoded into a typed value.

    Attributes:
        method: HTTP method of the request.
        path: path and query of the request, with ``***`` for secrets.
        status: HTTP status.
        headers: headers of the response by lower-case name, with ``***`` for secrets.
        body: the complete body, decompressed. It may contain secrets: the body of ``/tickle`` has
            the session's token.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"headers", "body"})

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body decoded into plain Python values, as ``client.request`` does.

        Raises:
            DecodeError: the body is not JSON.
        """
        return decoder.plain(self.body, f"{self.method} {self.path}")


class CapturedResponses(Sequence[RawResponse]):
    """The raw responses to the calls made in a ``with`` block, in the order of their arrival.

    ``client.capture_responses()`` returns this object. It is a sequence, so you can iterate over it
    or use an index, both during the block and after the block.
    """

    def __init__(self, active: set[CapturedResponses], count: int, size: int) -> None:
        # `active` is the client's set of captures whose blocks have not ended. `count` and `size`
        # limit the number of responses and the bytes of their bodies.
        self._active = active
        self._count = count
        self._size = size
        self._responses: deque[RawResponse] = deque()
        self._bytes = 0
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Number of responses that this capture dropped, the oldest first, to limit its memory."""
        return self._dropped

    def add(self, request: Request, response: Response) -> None:
        """Add a response; drop the oldest ones if they exceed the limits of number and size."""
        headers = cast("dict[str, str]", without_secrets(dict(response.headers)))
        method, path = request.operation.method, redact(request.target)
        raw = RawResponse(method, path, response.status, headers, response.body)
        self._responses.append(raw)
        self._bytes += len(raw.body)
        while len(self._responses) > self._count or self._bytes > self._size:
            self._bytes -= len(self._responses.popleft().body)
            self._dropped += 1

    def __len__(self) -> int:
        return len(self._responses)

    @overload
    def __getitem__(self, index: int) -> RawResponse: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[RawResponse, ...]: ...

    def __getitem__(self, index: int | slice) -> RawResponse | tuple[RawResponse, ...]:
        return tuple(self._responses)[index]

    def __iter__(self) -> Iterator[RawResponse]:
        return iter(tuple(self._responses))  # a copy, because more responses may arrive meanwhile

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} responses>"

    def __enter__(self) -> Self:
        self._active.add(self)
        capturing.set((*capturing.get(), self))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._active.discard(self)
        capturing.set(tuple(each for each in capturing.get() if each is not self))


# The captures whose blocks the current thread or task is in, for all clients.
capturing: Final[ContextVar[tuple[CapturedResponses, ...]]] = ContextVar(
    "bezant_capturing", default=()
)
