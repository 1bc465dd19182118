"""The certificate of the simulated gateway."""

from __future__ import annotations

import functools
import ssl
import threading
from dataclasses import dataclass

import trustme

_minting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server context, and the CA that a client needs in order to verify it."""

    context: ssl.SSLContext
    ca_pem: bytes


def certificate() -> Certificate:
    """Return this process's certificate for localhost, 127.0.0.1 and ::1.

    Minting takes longer than all the rest of a start, so it is done once.
    """
    with _minting:
        return _mint()


@functools.lru_cache(maxsize=1)
def _mint() -> Certificate:
    ca = trustme.CA(organization_name="bezant simulated gateway")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The real gateway speaks nothing else.
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    leaf = ca.issue_cert("localhost", "127.0.0.1", "::1")
    # Its type names pyOpenSSL's context too, which need not be installed.
    leaf.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return Certificate(context, ca.cert_pem.bytes())
