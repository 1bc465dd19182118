"""Tolerant decoder that turns JSON bytes into models.

The fast path is one pass of msgspec over the bytes with the model's own types. If a value does not
fit, the decoder decodes the response again and repairs it field by field: a value in another known
spelling (such as a number as text) is converted, and an unreadable value is left out and reported
as drift. All other fields stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import msgspec

from ..._wire.bounds import LONGEST, is_fit, may_be_unfit, may_vanish, row_may_be_unfit
from ..._wire.redaction import excerpt
from ...errors import DecodeError
from .empty_values import Decoder
from .inspection import UNREADABLE, Reentered, convert, inspect
from .rewriting import rewrites_of, rewritten

if TYPE_CHECKING:
    from .drift import Report

T = TypeVar("T")

_decoders: dict[Hashable, Decoder] = {}
_REMEMBERED: Final = 1024


def decoder(type_: Hashable) -> Decoder:
    """Return the cached decoder of a type.

    Raises:
        TypeError: msgspec cannot decode into the type.
        Reentered: this thread was interrupted while msgspec was inspecting a type, and the
            interrupting code (a signal handler or finaliser) called this function.
    """
    # `lru_cache` is not used here, because it would let several threads make the first decoder of a
    # type at the same time.
    found = _decoders.get(type_)
    if found is None:
        found = inspect(lambda: _decoders.get(type_) or Decoder(type_))
        if len(_decoders) >= _REMEMBERED:  # limits memory if types are made at run time
            _decoders.clear()
        _decoders[type_] = found
    return found


# A number whose exponent is of this size or larger stays text, because it would be slow to print
# and to convert to an int.
_PLAIN_MAGNITUDE: Final = 1_000


# A number with an excessive exponent or length becomes text, so that only its field is unreadable
# and not the whole response.
def _exactly(digits: str) -> Decimal | str:
    if len(digits) > LONGEST:
        return digits
    try:
        number = Decimal(digits)
    except ArithmeticError:
        return digits
    return number if abs(number.adjusted()) < _PLAIN_MAGNITUDE else digits


def _whole(digits: str) -> int | str:
    return digits if len(digits) > LONGEST else int(digits)


_plain = msgspec.json.Decoder()
# `decode_plain` decodes JSON into plain Python values. It raises an error for numbers of an unusual
# size and for text that is not strictly JSON; `loads` decodes these, too.
decode_plain: Final = _plain.decode
_exact = msgspec.json.Decoder(float_hook=_exactly)


def decode(body: bytes, type_: type[T], *, operation: str, report: Report) -> T:
    """Decode a response into a model, a list or mapping of models, or plain values.

    Args:
        body: JSON text.
        type_: type of the return value; ``Any`` returns plain Python values.
        operation: name of the call, for errors and reports.
        report: called with each `Drift` found.

    Raises:
        DecodeError: the bytes are not JSON, or the response as a whole cannot be read as the type.
    """
    if cast("object", type_) is Any:
        return cast("T", plain(body, operation))
    if b"&" in body:
        from .unescaping import unescaped  # imported here, because few responses contain escapes

        body = unescaped(body)
    if rewrite := rewrites_of(cast("Hashable", type_)):
        body = rewritten(body, rewrite, _exact_values)
    try:
        found = decoder(cast("Hashable", type_)).decode(body)
        if not may_be_unfit(body) or (is_fit(found) and not may_vanish(body)):
            return cast("T", found)
    except RecursionError as error:
        raise _unreadable(body, operation, error) from None
    except (*UNREADABLE, Reentered):
        pass
    try:
        value = _exact_values(body)
    except UNREADABLE as error:
        raise _unreadable(body, operation, error) from None
    # Imported here, because few responses need the repair.
    from .repair import _LOST, _NOTHING, _found, _name, _Place, _shape_of

    shape = _shape_of(cast("Hashable", type_))
    try:
        result = shape.repair(value, _Place(operation, _name(type_), "", report))
    except RecursionError as error:
        raise _unreadable(body, operation, error) from None
    if result is _LOST or result is _NOTHING:
        wanted, sent = _name(type_), _found(value)
        if isinstance(value, list):
            sent += " with an element that cannot be read"
        what = f"the response should be {wanted}, but the gateway sent {sent}; report it"
        raise DecodeError(what, operation=operation, body=excerpt(body))
    return cast("T", result)


def convert_row(
    value: dict[str, Any], type_: type[T], *, operation: str, report: Report, fit: bool = False
) -> T:
    """Convert a decoded JSON object to a model; repair values that do not fit.

    Args:
        value: the decoded JSON object.
        type_: the model.
        operation: name of the call or of the stream's topic, for reports.
        report: called with each `Drift` found.
        fit: True if the caller knows that all numbers in the object are finite and of a plausible
            size; then they are not checked again.
    """
    try:
        found = convert(value, type_)
        if fit or not row_may_be_unfit(value) or is_fit(found):
            return cast("T", found)
    except (*UNREADABLE, Reentered):
        pass
    from .repair import _Place, _shape_of  # imported here, because few objects need it

    place = _Place(operation, type_.__name__, "", report)
    return cast("T", _shape_of(cast("Hashable", type_)).repair(value, place))


def plain(body: bytes, operation: str) -> Any:
    """Decode JSON into plain Python values.

    Raises:
        DecodeError: the bytes are not JSON.
    """
    try:
        return loads(body)
    except UNREADABLE as error:
        raise _unreadable(body, operation, error) from None


def loads(body: bytes) -> Any:
    """Decode JSON into plain values.

    If a number is too large for a float, or the text is not strictly JSON, the text is decoded a
    second time. In that second pass, all numbers with a fraction become exact decimals, numbers of
    an implausible size become text, and the deviations that `_lenient` lists are accepted.

    Raises:
        ValueError: the bytes are not JSON.
        RecursionError: the JSON is nested too deeply.
    """
    try:
        return _plain.decode(body)
    except ValueError:
        return _exact_values(body)


def _exact_values(body: bytes) -> Any:
    try:
        return _exact.decode(body)
    except ValueError as error:
        try:
            return _lenient(body)
        except ValueError:
            raise error from None


# The pattern matches the escapes of a JSON text. The group "half" matches an escaped surrogate that
# is not part of a pair; such a half cannot be decoded.
_SURROGATE: Final = (
    r"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


def _lenient(body: bytes) -> Any:
    """Decode JSON with common deviations from the standard.

    The function accepts bytes that are not UTF-8 and halves of surrogate pairs (they become
    replacement characters), control characters, a byte order mark, numbers that are not finite
    (they become None) and numbers of an implausible size (they become text).

    Raises:
        ValueError: the bytes are not JSON.
        RecursionError: the JSON is nested too deeply.
    """
    import json  # imported here, because it is rarely needed

    def whole(match: re.Match[str]) -> str:
        return "\\ufffd" if match["half"] else match[0]

    text = body.decode("utf-8-sig", "replace")
    if "\\ud" in text or "\\uD" in text:
        text = re.sub(_SURROGATE, whole, text)
    return json.loads(
        text, strict=False, parse_float=_exactly, parse_int=_whole, parse_constant=lambda _: None
    )


def _unreadable(body: bytes, operation: str, error: BaseException) -> DecodeError:
    if not body:
        return DecodeError(
            "the response is empty, but JSON was expected; report the call", operation=operation
        )
    reason = str(error) or type(error).__name__
    return DecodeError(
        f"the response is not JSON ({reason}); report it: {excerpt(body)!r}",
        operation=operation,
        body=excerpt(body),
    )
