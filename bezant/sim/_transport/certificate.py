"""TLS certificate of the simulated gateway."""

from __future__ import annotations

import functools
import ssl
import threading
from dataclasses import dataclass

import trustme

_minting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Certificate:
    """TLS context of the server, and the CA certificate with which clients verify the server.

    Attributes:
        context: the server's TLS context
        ca_pem: the CA certificate as PEM
    """

    context: ssl.SSLContext
    ca_pem: bytes


def certificate() -> Certificate:
    """Return a certificate for localhost, 127.0.0.1 and ::1.

    The certificate is made once per process, because making it takes longer than everything else at
    the start of a gateway.
    """
    with _minting:
        return _mint()


@functools.lru_cache(maxsize=1)
def _mint() -> Certificate:
    ca = trustme.CA(organization_name="bezant simulated gateway")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # IBKR's gateway speaks TLS 1.2 only.
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    leaf = ca.issue_cert("localhost", "127.0.0.1", "::1")
    # pyright reports this call because the parameter's type names pyOpenSSL, which need not be
    # installed.
    leaf.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return Certificate(context, ca.cert_pem.bytes())
