"""Finds error messages inside responses that have status 200."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Protocol, cast

import msgspec
from msgspec import UNSET, UnsetType

from ..._wire.redaction import beginning
from ...errors import DecodeError
from ...models._base import Model, narrowed
from ..decoding.decoder import loads
from .operation import Operation

# In bytes. In a longer response, a possible error is decoded together with the response (see
# `Watch`): a separate search would take a tenth of the time that decoding takes.
LONG: Final = 64 * 1024

_LONGEST: Final = 500

# If the error's text is itself a JSON object, one of these fields of it has the reason.
_REASONS: Final = ("reason", "error", "message", "fail")

_ERROR: Final = b'"error"'
_SUCCESS: Final = b'"success"'


class _Envelope(msgspec.Struct):
    error: msgspec.Raw | UnsetType = UNSET
    success: msgspec.Raw | UnsetType = UNSET
    message: msgspec.Raw | UnsetType = UNSET


_envelope = msgspec.json.Decoder(_Envelope)
_envelopes = msgspec.json.Decoder(list[_Envelope])


def find(body: bytes, operation: Operation) -> str | None:
    """Return the text of the error that a body contains; None if it contains no error.

    Raises:
        DecodeError: the body is nested too deeply to be searched.
    """
    start = body[:1]
    if start not in (b"{", b"["):
        start = body.lstrip()[:1]
    try:
        if start == b"{":
            if _ERROR in body or _SUCCESS in body:
                return _words_of(_envelope.decode(body))
        elif start == b"[" and _ERROR in body[:100]:
            envelopes = _envelopes.decode(body)
            # An error in a list's only row refuses the whole call. In a longer list, errors are
            # results of single rows, which the caller gets.
            if len(envelopes) == 1:
                return _words_of(envelopes[0])
        return None
    except ValueError:
        pass  # the tolerant decoder below may still read the body
    except RecursionError:
        raise _too_deep(operation) from None
    try:
        found = loads(body)
    except ValueError:
        return None  # not JSON: decoding it later gives a better error
    except RecursionError:
        raise _too_deep(operation) from None
    if isinstance(found, list) and len(cast("list[object]", found)) == 1:
        found = cast("list[object]", found)[0]
    return _words_in(cast("dict[str, object]", found)) if isinstance(found, dict) else None


def _too_deep(operation: Operation) -> DecodeError:
    # If a body cannot be searched, it may contain an error. It must therefore not count as a
    # success.
    return DecodeError(
        "the response is nested too deeply to be searched for an error; report the call",
        operation=operation.name,
    )


def reason(body: bytes) -> str:
    """Return the error text in a JSON object; empty if the object has none or cannot be decoded."""
    try:
        parts = cast("dict[str, object]", loads(body))
    except (ValueError, RecursionError):
        return ""
    value = parts.get("error") or parts.get("message") or parts.get("reason")
    if not value and isinstance(parts.get("status"), str):
        value = parts["status"]
    return text_of(value) if value else ""


def _words_of(envelope: _Envelope) -> str | None:
    return _words(_plain(envelope.error), _plain(envelope.success), _plain(envelope.message))


def _is_nothing(error: object) -> bool:
    from ..._wire.converters import NOTHING  # imported here: few responses have an error

    return isinstance(error, str) and error.strip().lower() in NOTHING


def _words(error: object, success: object, message: object) -> str | None:
    if error and not _is_nothing(error):
        return text_of(error)
    if success is False or success in ("false", "False"):
        return text_of(message) if message else "success: false"
    return None


def _plain(raw: msgspec.Raw | UnsetType) -> object:
    if isinstance(raw, UnsetType):
        return None
    try:
        return cast("object", loads(bytes(raw)))
    except (ValueError, RecursionError):
        return "unreadable"


def _words_in(found: dict[str, object]) -> str | None:
    return _words(found.get("error"), found.get("success"), found.get("message"))


def text_of(value: object) -> str:
    """Return an error value of the gateway as text, without secrets and cut to 500 characters.

    Some of IBKR's error texts are JSON objects. For these, the result is the reason inside the
    object.
    """
    if isinstance(value, str) and value.lstrip()[:1] == "{" and (inner := _inner(value)):
        value = inner
    try:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    except RecursionError:  # encoding needs more stack than decoding
        text = "unreadable"
    return beginning(text, _LONGEST)


def _inner(text: str) -> str:
    """Return the reason from an error text that is a JSON object; empty without one."""
    try:
        parts = cast("dict[str, object]", loads(text.encode("utf-8", "replace")))
    except (ValueError, RecursionError):
        return ""
    return next(
        (each for name in _REASONS if isinstance(each := parts.get(name), str) and each), ""
    )


class Watch(Protocol):
    """Way to decode a response of one type together with the error that it may contain instead."""

    @property
    def type(self) -> Any:
        """Type to decode the response into: the caller's type, plus the fields of an error."""

    def words(self, found: Any) -> str | None:
        """Return the text of the error in a decoded response; None if there is no error."""

    def without(self, found: Any) -> Any:
        """Return a decoded response as the caller's type, without the added fields of an error."""


class _Plain:
    """`Watch` for plain Python values, which keep all fields of the JSON, an error's included."""

    type: Any = Any

    def words(self, found: Any) -> str | None:
        return _words_in(found)

    def without(self, found: Any) -> Any:
        return found


class _Model:
    """`Watch` for a model: decodes into a subclass that also has the three fields of an error."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self.type: Any = msgspec.defstruct(
            model.__name__,
            [(name, Any, msgspec.field(default=None, name=wire)) for name, wire in _PLACES.items()],
            bases=(model,),
            namespace={"__watched__": model},
            frozen=True,
            kw_only=True,
        )

    def words(self, found: Any) -> str | None:
        return _words(*(getattr(found, name) for name in _PLACES))

    def without(self, found: Any) -> Any:
        return narrowed(found, self._model)


_PLACES: Final = {"watched_error": "error", "watched_success": "success", "watched_why": "message"}


@lru_cache(maxsize=256)
def watch(type_: Any) -> Watch | None:
    """Return the `Watch` of a type.

    The result is None if the type is not `Any` or a model, or if the model has itself a field that
    could be taken for a field of an error.
    """
    if type_ is Any:
        return _Plain()
    if not (isinstance(type_, type) and issubclass(type_, Model)):
        return None
    wires = {each.encode_name for each in msgspec.structs.fields(type_)}
    # A model with fields of these names gets no `Watch`, because its types may not fit an error's
    # values.
    return None if wires & set(_PLACES.values()) else _Model(type_)
