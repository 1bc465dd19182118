"""TLS contexts; the process builds one for each setting, and keeps it."""

from __future__ import annotations

import ssl
import threading
from typing import cast

from ..._core.http.messages import TransportError, Trouble
from ..._core.settings.connection import Tls
from .http_packages import default_tls_context

_contexts: dict[tuple[str, str], ssl.SSLContext] = {}
_contexts_lock = threading.Lock()


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return the TLS context for a setting, from a cache because building a context is slow.

    Raises:
        TransportError: the CA file cannot be read.
    """
    if tls.mode == "context":
        return cast("ssl.SSLContext", tls.context)
    key = (tls.mode, tls.ca_file)
    with _contexts_lock:
        context = _contexts.get(key)
        if context is None:
            context = _contexts[key] = _build_context(tls)
    return context


def _build_context(tls: Tls) -> ssl.SSLContext:
    if tls.mode == "insecure":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if tls.mode == "ca":
        try:
            return ssl.create_default_context(cafile=tls.ca_file)
        except OSError as error:
            detail = f"cannot read the CA file {tls.ca_file!r} ({error})"
            raise TransportError(Trouble.TLS, detail, sent=False) from error
    return default_tls_context()
