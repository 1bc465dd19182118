"""What httpcore and websockets may log of our connections: no header and no message.

At DEBUG they log every header, with its cookies, and the session's token where a stream sends it.
Who turns DEBUG on for the whole program has not asked for that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from .http_packages import httpcore

# Named as httpcore, or its successor, names it.
_http = logging.getLogger(f"{httpcore.__name__}.http11")


def hide(_name: str, info: MutableMapping[str, Any]) -> None:
    """Take headers and errors' texts out of what httpcore is about to log.

    httpcore gives an event to the request's own ``trace`` before it logs the same event.
    """
    if "exception" in info:  # its text may quote a header that could not be read
        info["exception"] = type(info["exception"])
    if isinstance(info.get("return_value"), tuple):
        kept = tuple(each for each in info["return_value"] if not isinstance(each, list))
        info["return_value"] = kept


async def hide_async(name: str, info: MutableMapping[str, Any]) -> None:
    """As `hide`, for httpcore's asynchronous half, which insists on awaiting it."""
    hide(name, info)


Hide = Callable[[str, MutableMapping[str, Any]], object]


class Extensions(dict[str, Any]):
    """A request's extensions, whose ``trace`` is only there while httpcore logs.

    It is asked for at each event, and costs several times as much as looking at the level.
    """

    def get(self, key: str, default: Any = None) -> Any:
        """Return an extension, or the default."""
        if key == "trace" and not _http.isEnabledFor(logging.DEBUG):
            return default
        return super().get(key, default)


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """A logger that is never asked for DEBUG, whatever its level."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Say whether records of a level are wanted."""
        return level > logging.DEBUG and super().isEnabledFor(level)


def websocket_logger() -> logging.LoggerAdapter[logging.Logger]:
    """Return what websockets logs our connections to: its own logger, but without DEBUG."""
    return _Quiet(logging.getLogger("websockets.client"), {})
