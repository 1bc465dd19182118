"""Reads files from responses. The file is the body itself, or base64 text inside JSON."""

from __future__ import annotations

import base64
import binascii
import zlib

import msgspec

from ...errors import DecodeError, ResponseTooLarge
from .messages import Response
from .operation import Operation

# Largest file, in bytes, after base64 decoding and decompression. The size limit of the response
# cannot protect against a small response that decompresses to a huge file.
_LONGEST_FILE = 256 * 1024 * 1024


class BinaryResponse(msgspec.Struct, frozen=True, kw_only=True):
    """File from a response, such as a statement, a tax document or a voucher.

    Attributes:
        content: bytes of the file.
        content_type: media type, such as ``application/pdf``.
    """

    content: bytes
    content_type: str

    def __repr__(self) -> str:
        return f"<BinaryResponse {self.content_type}, {len(self.content)} bytes>"


class _File(msgspec.Struct):
    value: str
    mime_type: str | None = msgspec.field(default=None, name="mimeType")
    gzip: bool | None = None


class _FileEnvelope(msgspec.Struct):
    data: _File


_file = msgspec.json.Decoder(_FileEnvelope)


def binary(response: Response, operation: Operation) -> BinaryResponse:
    """Return the file in a response.

    Raises:
        DecodeError: the file cannot be unpacked.
        ResponseTooLarge: the unpacked file is larger than 256 MiB.
    """
    content_type = response.headers.get("content-type", "")
    if response.body[:1] == b"{" and "json" in content_type.lower():
        try:
            file = _file.decode(response.body).data
        except (msgspec.MsgspecError, ValueError, RecursionError):
            pass  # the JSON does not contain a file: it is the file itself
        else:
            return BinaryResponse(
                content=_unpacked(file, operation), content_type=file.mime_type or ""
            )
    return BinaryResponse(content=response.body, content_type=content_type)


def _unpacked(file: _File, operation: Operation) -> bytes:
    unreadable = DecodeError(
        "the file in the response cannot be unpacked; request it again", operation=operation.name
    )
    try:
        content = base64.b64decode("".join(file.value.split()), validate=True)
        if not content.startswith(b"\x1f\x8b") or file.gzip is False:
            return content
        packer = zlib.decompressobj(16 + zlib.MAX_WBITS)
        unpacked = packer.decompress(content, _LONGEST_FILE)
    except (binascii.Error, ValueError, zlib.error):
        raise unreadable from None
    if packer.unconsumed_tail:
        raise ResponseTooLarge(
            "the unpacked file is larger than 256 MiB; request a shorter period",
            operation=operation.name,
        )
    if not packer.eof:
        raise unreadable
    return unpacked
