"""Builds HTTP requests from an operation, a path, query values and a body."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn, cast
from urllib.parse import quote, unquote

import msgspec
from msgspec.structs import replace

from ..._wire.redaction import shown
from ...errors import InvalidRequest
from ..decoding.inspection import Reentered, convert
from ..settings.connection import SecretHeader
from ..settings.settings import Settings
from .messages import Payload, Request
from .operation import Operation

# In bytes. The gateway responds to a longer request line with status 414, and to longer headers
# with status 400.
MAX_REQUEST_LINE: Final = 4096
MAX_HEADERS: Final = 8192

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})
_READS = frozenset({"GET"})
# Highest number of digits. No real price or quantity has more, and writing out 1E+999999 would take
# long.
_LONGEST: Final = 100
_PATH_SAFE: Final = "/%:@!$&'()*+,;=~-._"

_encoder = msgspec.json.Encoder(decimal_format="number")


def fill_path(template: str, values: Mapping[str, object]) -> str:
    """Return a path template with its values filled in, percent-encoded.

    Raises:
        InvalidRequest: a value is empty, a dot segment, or neither text nor a whole number.
    """
    path = template
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidRequest(
                f"{name} must be text or a whole number, not {type(value).__name__}",
                operation=template,
            )
        text = _spelled(value, name, template)
        if text in ("", ".", "..") or not text.strip():
            raise InvalidRequest(
                f"{name} must be an id or a name, not {shown(text)}", operation=template
            )
        path = path.replace("{" + name + "}", _quoted(text, "", name))
    return path


def raw_operation(method: str, path: str, settings: Settings) -> Operation:
    """Return an `Operation` for a raw call, which is given by its method and path.

    The path may begin with the base path of the settings, which is then removed. GET counts as
    idempotent; all other methods count as calls with side effects.

    Raises:
        InvalidRequest: the method or the path cannot be sent.
    """
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise InvalidRequest(
            f"method must be one of {', '.join(sorted(_METHODS))}, not {shown(method)}"
        )
    if not isinstance(path, str) or not path.strip("/"):
        raise InvalidRequest(f"path must be text such as '/iserver/accounts', not {shown(path)}")
    if "://" in path or path.startswith("//"):
        raise InvalidRequest(
            "path must be relative to the base URL, such as '/iserver/accounts'; make another "
            "client for another gateway"
        )
    if "?" in path or "#" in path:
        raise InvalidRequest("path must not contain a query; pass it as params={...}")
    if not path.isprintable() or " " in path:
        raise InvalidRequest(
            "path must not contain spaces or control characters; percent-encode them"
        )
    path = "/" + path.lstrip("/")
    if path.startswith(settings.base_url.path + "/"):
        path = path[len(settings.base_url.path) :]
    if any(unquote(segment) in ("", ".", "..") for segment in path[1:].split("/")):
        raise InvalidRequest(
            "path must not have empty or dot segments ('//', '.', '..'); remove them"
        )
    method = method.upper()
    reads = method in _READS
    return Operation(method, path, idempotent=reads, effect="none" if reads else "account")


def build(
    operation: Operation,
    settings: Settings,
    *,
    path: str,
    params: Mapping[str, object] | None = None,
    json: object = None,
    cookies: str = "",
) -> Request:
    """Build a request.

    Args:
        operation: the kind of call.
        settings: settings of the client.
        path: path below the base path, with its values filled in.
        params: query values. Values that are None are left out, booleans become ``true`` and
            ``false``, and items of lists are joined with commas.
        json: the body as a JSON value; None for no body; a `Payload` for a body in another format.
        cookies: value of the Cookie header; empty for none.

    Raises:
        InvalidRequest: a value or the body cannot be sent, or the request would be too long.
    """
    name = operation.name
    target = quote(path, safe=_PATH_SAFE)
    if not operation.root:
        target = settings.base_url.path + target
    if query := encode_query(params, name):
        target += "?" + query
    # The gateway responds to a longer line with status 414 and closes the connection.
    line = len(operation.method) + len(target) + len("  HTTP/1.1\r\n")
    if line > MAX_REQUEST_LINE:
        raise InvalidRequest(
            f"the request line would have {line} bytes, and the gateway refuses more than "
            f"{MAX_REQUEST_LINE}; split the list of values over several calls",
            operation=name,
        )
    payload = json if isinstance(json, Payload) else _payload(json, name)
    body = payload.content or b""
    root = settings.base_url.root
    headers = [
        ("User-Agent", settings.user_agent),
        ("Accept", "application/json, */*;q=0.5"),
        ("Origin", root),
        ("Referer", root + "/"),
    ]
    if cookies:
        headers.append(("Cookie", cookies))
    if payload.content is not None:
        headers.append(("Content-Type", payload.content_type))
    headers += [(key, _header(key, value, name)) for key, value in payload.headers]
    if body or operation.method != "GET":
        # Content-Length is always sent. The gateway ignores chunked bodies without an error, and
        # responds with status 411 to a body without a length.
        headers.append(("Content-Length", str(len(body))))
    _check_length(headers, name)
    return Request(operation, target, headers, body)


def with_credentials(request: Request, credentials: tuple[SecretHeader, ...]) -> Request:
    """Return a request with additional headers for a proxy in front of the gateway.

    If the request already has a header of the same name, that header is kept and the additional one
    is left out.

    Raises:
        InvalidRequest: the headers are longer than the gateway accepts.
    """
    own = {key.lower() for key, _ in request.headers}
    added = tuple(header for header in credentials if header[0].lower() not in own)
    plain = [*request.headers, *((key, secret.value) for key, secret in added)]
    _check_length(plain, request.operation.name)
    return replace(request, credentials=added)


def _check_length(headers: Sequence[tuple[str, str]], operation: str) -> None:
    if sum(len(key) + len(value) + 4 for key, value in headers) > MAX_HEADERS - 256:
        raise InvalidRequest(
            f"the headers would be longer than the {MAX_HEADERS} bytes that the gateway accepts; "
            "shorten user_agent, headers or the header arguments",
            operation=operation,
        )


def _payload(json: object, operation: str) -> Payload:
    return Payload() if json is None else Payload(encode_body(json, operation))


def _header(key: str, value: str, operation: str) -> str:
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise InvalidRequest(
            f"the header {key} must be printable ASCII text; remove other characters",
            operation=operation,
        )
    return value


def encode_query(params: Mapping[str, object] | None, operation: str) -> str:
    """Encode query values.

    Raises:
        InvalidRequest: a value has a type that a query cannot contain.
    """
    if params is None:
        return ""
    if not isinstance(params, Mapping):
        raise InvalidRequest(
            f"params must be a mapping such as {{'days': 7}}, not {shown(params)}",
            operation=operation,
        )
    pairs: list[str] = []
    for key, value in params.items():
        if not isinstance(key, str):
            raise InvalidRequest(
                f"the names in params must be text, not {shown(key)}", operation=operation
            )
        if value is None:
            continue
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            text = _quoted(_query_text(key, value, operation), ",", key)
        else:
            # Commas join the items. A comma inside an item is percent-encoded, or it would split
            # the item in two.
            texts = (_query_text(key, item, operation) for item in cast("Iterable[object]", value))
            text = ",".join(_quoted(each, "", key) for each in texts)
        pairs.append(f"{_quoted(key, '', key)}={text}")
    return "&".join(pairs)


def _query_text(key: str, value: object, operation: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return _spelled(value, key, operation)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _LONGEST:
        return format(value, "f")
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise InvalidRequest(
        f"the query value {key} must be text, a finite number, a boolean or a list of them, not "
        f"{type(value).__name__}",
        operation=operation,
    )


def _spelled(value: str | int, name: str, operation: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return int.__repr__(value)
    except ValueError:
        raise InvalidRequest(
            f"{name} is a number with too many digits to be sent; pass a smaller one",
            operation=operation,
        ) from None


def _quoted(text: str, safe: str, name: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise InvalidRequest(
            f"{name} contains characters that UTF-8 cannot encode; remove them"
        ) from None


def encode_body(value: object, operation: str) -> bytes:
    """Encode a JSON body; `Decimal` values become JSON numbers without rounding.

    Model fields that are None are left out.

    Raises:
        InvalidRequest: JSON cannot express a value, or a value does not fit its model's field.
    """
    try:
        _refuse_unfit(value, "")
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidRequest(
            f"the body cannot be sent as JSON: {error}; fix that value", operation=operation
        ) from None


def _refuse_unfit(value: object, place: str) -> None:
    """Raise an error that names the first value which msgspec would write as something else.

    msgspec writes base64 text for bytes, and null for numbers that are not finite: an order with
    the price NaN would be sent without a price. Values that do not fit their model's field are
    refused, too.
    """
    if isinstance(value, float | Decimal):
        if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            _unfit("not a finite number", place)
    elif isinstance(value, bytes | bytearray | memoryview):
        _unfit("bytes, which have to be decoded to text first", place)
    elif isinstance(value, Mapping):
        for key, each in cast("Mapping[object, object]", value).items():
            _refuse_unfit(each, f"{place}.{key}" if isinstance(key, str) else place)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, each in enumerate(cast("Iterable[object]", value)):
            _refuse_unfit(each, f"{place}[{index}]")
    elif isinstance(value, msgspec.Struct):
        _refuse_unfit(msgspec.structs.asdict(value), place)
        # msgspec does not check the fields of a model when user code creates it, so its price may
        # be True, for example.
        plain = msgspec.to_builtins(value, builtin_types=(Decimal,))
        try:
            what = _misfit(plain, type(value), place)
        except (TypeError, Reentered):
            return  # a field is a union of models: which one is not known
        if what is not None:
            msg = f"{type(value).__name__}: {what}"
            raise ValueError(msg)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            _refuse_unfit(getattr(value, each.name), f"{place}.{each.name}")


def _misfit(plain: Any, type_: type[msgspec.Struct], place: str) -> str | None:
    """Return the error text for the first field that does not fit its type; None if all fit."""
    try:
        convert(plain, type_)
    except msgspec.ValidationError as error:
        whole = str(error)
    else:
        return None
    given = cast("dict[str, object]", plain) if isinstance(plain, dict) else {}
    for field in msgspec.structs.fields(type_):
        name = field.encode_name
        try:
            if name in given:
                convert(given[name], field.type)
        except msgspec.ValidationError as error:
            where = f"{place}.{name}".lstrip(".")
            return f"{error} - at `{where}`"
    return whole


def _unfit(what: str, place: str) -> NoReturn:
    msg = f"{place.lstrip('.') or 'the value'} is {what}"
    raise ValueError(msg)


class _Order(msgspec.Struct):
    id: object = msgspec.field(default=None, name="cOID")


class _Orders(_Order):
    orders: list[_Order] = []


_orders = msgspec.json.Decoder(_Orders)


def client_order_ids(request: Request) -> tuple[str, ...]:
    """Return the client order ids of the orders in a request."""
    try:
        body = _orders.decode(request.body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()
    return tuple(each.id for each in (body, *body.orders) if isinstance(each.id, str) and each.id)
