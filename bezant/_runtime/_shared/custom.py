"""Calls through a user's transport, which has httpx's transport interface."""

from __future__ import annotations

from typing import Any

from ..._core.http.body import ACCEPTED_ENCODING, BodyReader
from ..._core.http.messages import Request, Response, TransportError, Trouble
from ..._core.settings.settings import Settings
from .http import credential_headers, response_from
from .http_packages import httpx

# These errors mean that nothing was sent. After any other error, including errors of the
# transport's own code, the request may have been sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# These errors are raised unchanged: our own, and those of mocks for unexpected requests.
_PASSED_ON = (TransportError, AssertionError)


def _request(request: Request, settings: Settings, seconds: float) -> httpx.Request:
    connect = min(settings.connect_timeout, seconds)
    limits = {"connect": connect, "read": seconds, "write": seconds, "pool": seconds}
    headers = [
        (name.encode("ascii"), value.encode("ascii"))
        for name, value in (ACCEPTED_ENCODING, *request.headers)
    ]
    try:
        return httpx.Request(
            request.operation.method,
            settings.base_url.root + request.target,
            headers=headers + credential_headers(request),
            content=request.body or None,
            extensions={"timeout": limits},
        )
    # nothing was sent: the URL or a header is invalid
    except (httpx.InvalidURL, ValueError) as error:
        raise TransportError(Trouble.CONNECT, str(error), sent=False) from error


def _transport_error(error: Exception) -> TransportError:
    detail = str(error) or type(error).__name__
    sent = not isinstance(error, _NOT_SENT)
    kind = Trouble.LOST
    if isinstance(error, httpx.PoolTimeout):
        kind = Trouble.TIMEOUT
    elif not sent:
        kind = Trouble.CONNECT
    elif isinstance(error, httpx.TimeoutException | TimeoutError):
        kind = Trouble.TIMEOUT
    return TransportError(kind, detail, sent=sent)


def send(transport: Any, request: Request, settings: Settings, seconds: float) -> Response:
    """Send a request through a transport and read the response to its end.

    Raises:
        TransportError: no complete response arrived.
    """
    try:
        response = transport.handle_request(_request(request, settings, seconds))
        try:
            raw = response.headers.raw
            body = BodyReader(raw, settings.max_response_bytes)
            for chunk in response.stream:
                body.feed(chunk)
        finally:
            response.close()
    except _PASSED_ON:
        raise
    except Exception as error:  # a transport may raise any error; the request may have been sent
        raise _transport_error(error) from error
    return response_from(response.status_code, raw, body.finish())


async def send_async(
    transport: Any, request: Request, settings: Settings, seconds: float
) -> Response:
    """Send a request through an asynchronous transport and read the response to its end.

    Raises:
        TransportError: no complete response arrived.
    """
    try:
        response = await transport.handle_async_request(_request(request, settings, seconds))
        try:
            raw = response.headers.raw
            body = BodyReader(raw, settings.max_response_bytes)
            await _read_into(body, response.stream)
        finally:
            await response.aclose()
    except _PASSED_ON:
        raise
    except Exception as error:  # a transport may raise any error; the request may have been sent
        raise _transport_error(error) from error
    return response_from(response.status_code, raw, body.finish())


async def _read_into(body: BodyReader, stream: Any) -> None:
    chunks = aiter(stream)
    try:
        async for chunk in chunks:
            body.feed(chunk)
    except TransportError:  # `body` has refused the rest of the response
        closing: Any = getattr(chunks, "aclose", None)
        if closing is not None:
            await closing()
        raise


def close(transport: Any) -> None:
    """Close a transport that can be closed."""
    closing: Any = getattr(transport, "close", None)
    if closing is not None:
        closing()


async def aclose(transport: Any) -> None:
    """Close an asynchronous transport that can be closed."""
    closing: Any = getattr(transport, "aclose", None)
    if closing is not None:
        await closing()
