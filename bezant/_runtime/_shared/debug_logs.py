"""Removes headers and messages from the debug logs of httpcore and websockets.

At level DEBUG these libraries log every header, cookies included, and the session's token when a
stream sends it. A user who turns on DEBUG for a whole program does not expect secrets in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

from .http_packages import httpcore

# This is the logger of httpcore, or of httpcore2 if that is installed instead.
_http = logging.getLogger(f"{httpcore.__name__}.http11")


def hide(_name: str, info: MutableMapping[str, Any]) -> None:
    """Remove headers and error texts from an event that httpcore is about to log.

    httpcore passes each event to the request's ``trace`` function before it logs it.
    """
    if "exception" in info:  # its text may quote a secret header
        info["exception"] = type(info["exception"])
    if isinstance(info.get("return_value"), tuple):
        kept = tuple(each for each in info["return_value"] if not isinstance(each, list))
        info["return_value"] = kept


async def hide_async(name: str, info: MutableMapping[str, Any]) -> None:
    """Remove headers as `hide` does, in a coroutine for httpcore's asynchronous connections."""
    hide(name, info)


Hide = Callable[[str, MutableMapping[str, Any]], object]


class Extensions(dict[str, Any]):
    """Extensions of a request: they contain ``trace`` only while httpcore logs at DEBUG.

    httpcore calls ``trace`` for each event, which costs several times as much as a check of the
    level.
    """

    def get(self, key: str, default: Any = None) -> Any:
        """Return an extension by its key, or the default."""
        if key == "trace" and not _http.isEnabledFor(logging.DEBUG):
            return default
        return super().get(key, default)


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """Logger that ignores DEBUG records, whatever its level is."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Return whether records of a level are logged."""
        return level > logging.DEBUG and super().isEnabledFor(level)


def websocket_logger() -> logging.LoggerAdapter[logging.Logger]:
    """Return the logger for our WebSockets: the logger of the websockets package without DEBUG."""
    return _Quiet(logging.getLogger("websockets.client"), {})
