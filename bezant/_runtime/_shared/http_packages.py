"""HTTP packages that bezant uses. No other module of the client imports them by name.

httpx and httpcore are the default. If they are not installed, bezant uses their successors httpx2
and httpcore2, which have the same interface. docs/architecture.md says when the
default changes.
"""

from __future__ import annotations

import importlib
import os
import ssl
from typing import TYPE_CHECKING

__all__ = ["default_tls_context", "httpcore", "httpx"]

if TYPE_CHECKING:
    import httpcore
    import httpx
else:
    try:
        import httpcore
    except ModuleNotFoundError:
        import httpcore2 as httpcore


def __getattr__(name: str) -> object:
    """Import httpx only when a user's transport needs it.

    Importing httpx takes as long as importing bezant.
    """
    if name != "httpx":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(httpcore.__name__.replace("httpcore", "httpx"))


def default_tls_context() -> ssl.SSLContext:
    """Return a TLS context that trusts the authorities that httpx trusts by default."""
    if file := os.environ.get("SSL_CERT_FILE"):
        return ssl.create_default_context(cafile=file)
    if folder := os.environ.get("SSL_CERT_DIR"):
        return ssl.create_default_context(capath=folder)
    if httpcore.__name__ != "httpcore":
        return httpcore.default_ssl_context()
    import certifi  # httpx and httpcore depend on certifi, their successors do not

    return ssl.create_default_context(cafile=certifi.where())
