"""Applies the faults `drop` and `silence` to the connection of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._transport.link import hang, link_of, send_half

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from .plan import Fault


async def apply(
    fault: Fault, response: Response | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Break the connection of a request, or stop sending on it.

    Args:
        fault: a fault of kind `drop` or `silence`
        response: the response to the request, half of which is sent if `fault.when` is `during`;
            None if the request was not handled
        scope: ASGI scope of the request
        receive: ASGI receive function
        send: ASGI send function
    """
    link = link_of(scope)
    if fault.when == "during" and response is not None:
        await send_half(link, response, send)
        if fault.kind == "drop":
            await link.leave()
            return
    elif fault.kind == "drop":
        await link.reset()
        return
    await hang(link, receive)
