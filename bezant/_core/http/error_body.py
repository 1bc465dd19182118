"""Errors inside answers with status 200."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Protocol, cast

import msgspec
from msgspec import UNSET, UnsetType

from ..._wire.redaction import beginning
from ...errors import DecodeError
from ...models._base import Model
from ..decoding.decoder import loads
from .operation import Operation

# In longer answers an error is looked for while they are decoded: looking through all their bytes
# first would cost a tenth of it.
LONG: Final = 64 * 1024

_LONGEST: Final = 500

_ERROR: Final = b'"error"'
_SUCCESS: Final = b'"success"'


class _Envelope(msgspec.Struct):
    error: msgspec.Raw | UnsetType = UNSET
    success: msgspec.Raw | UnsetType = UNSET
    message: msgspec.Raw | UnsetType = UNSET


_envelope = msgspec.json.Decoder(_Envelope)
_envelopes = msgspec.json.Decoder(list[_Envelope])


def find(body: bytes, operation: Operation) -> str | None:
    """Return the words of the error in a body, None for a body that holds none.

    Raises:
        DecodeError: it is nested so deeply that it cannot be looked into.
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
            # A list of one error is a refusal; one row among others is the caller's to see.
            if len(envelopes) == 1:
                return _words_of(envelopes[0])
        return None
    except ValueError:
        pass  # perhaps JSON but for a part that nobody may need
    except RecursionError:
        raise _too_deep(operation) from None
    try:
        found = loads(body)
    except ValueError:
        return None  # not JSON: reading it says so better
    except RecursionError:
        raise _too_deep(operation) from None
    if isinstance(found, list) and len(cast("list[object]", found)) == 1:
        found = cast("list[object]", found)[0]
    return _words_in(cast("dict[str, object]", found)) if isinstance(found, dict) else None


def _too_deep(operation: Operation) -> DecodeError:
    # It may be an error: taking it for a success because it cannot be looked into would be wrong.
    return DecodeError("the answer is nested too deeply", operation=operation.name)


def reason(body: bytes) -> str:
    """Return what an object says went wrong; empty where it says nothing."""
    try:
        found = loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    parts = cast("dict[str, object]", found)
    value = parts.get("error") or parts.get("message")
    return text_of(value) if value else ""


def _words_of(envelope: _Envelope) -> str | None:
    return _words(_plain(envelope.error), _plain(envelope.success), _plain(envelope.message))


def _is_nothing(error: object) -> bool:
    from ..._wire.converters import NOTHING  # few responses have an error

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
    """Return what the gateway says went wrong as text, without secrets and not too long."""
    try:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    except RecursionError:  # writing it takes more of the stack than reading it
        text = "unreadable"
    return beginning(text, _LONGEST)


class Watch(Protocol):
    """A way to notice an error beside what is asked for, while that is decoded."""

    @property
    def type(self) -> Any:
        """What to decode the answer into."""

    def words(self, found: Any) -> str | None:
        """Return the words of the error in what was found, None where there is none."""

    def without(self, found: Any) -> Any:
        """Return what was asked for."""


class _Plain:
    """Plain values hold everything."""

    type: Any = Any

    def words(self, found: Any) -> str | None:
        return _words_in(found)

    def without(self, found: Any) -> Any:
        return found


class _Model:
    """A model, with places for what would say that the answer is an error."""

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
        names = self._model.__struct_fields__
        return self._model(**{name: getattr(found, name) for name in names})


_PLACES: Final = {"watched_error": "error", "watched_success": "success", "watched_why": "message"}


@lru_cache(maxsize=256)
def watch(type_: Any) -> Watch | None:
    """Return how to notice an error while a type is decoded; None where that cannot be done."""
    if type_ is Any:
        return _Plain()
    if not (isinstance(type_, type) and issubclass(type_, Model)):
        return None
    wires = {each.encode_name for each in msgspec.structs.fields(type_)}
    # One that has such fields itself may give them types that an error does not fit.
    return None if wires & set(_PLACES.values()) else _Model(type_)
