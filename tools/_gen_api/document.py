"""Reader of IBKR's OpenAPI document, which repairs the document's errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# The document lists this call, but it only opens the WebSocket and is not an operation.
NO_CALLS = frozenset({"GET /ws"})

Json = dict[str, Any]


@dataclass
class Call:
    """One operation of IBKR's OpenAPI document.

    Attributes:
        method: HTTP method in upper case.
        path: path template, with placeholders such as `{accountId}`.
        id: IBKR's operation id; empty if the document has none for this operation.
        parameters: the operation's parameters as in the document, with references resolved.
        body: schema of the request body; None without a body.
        content_type: content type of the body.
        signed: whether the body has to be a signed JWT.
        answers: schemas of the successful responses.
        text: whether the response is plain text.
        examples: names and values of the example responses in the document.
    """

    method: str
    path: str
    id: str = ""
    parameters: list[Json] = field(default_factory=list)
    body: Json | None = None
    content_type: str = ""
    signed: bool = False
    answers: list[Json] = field(default_factory=list)
    text: bool = False
    examples: list[tuple[str, object]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The operation as `METHOD /path`."""
        return f"{self.method} {self.path}"


def normal(call: str) -> str:
    """Return a call with empty placeholders: `GET /x/{}` for `GET /x/{id}`.

    The names of placeholders differ between versions of the document, so calls are compared
    without them.
    """
    return PLACEHOLDER.sub("{}", call)


class Document:
    """IBKR's OpenAPI document. `calls` contains its operations, by call in the form of `normal`."""

    def __init__(self, content: Json) -> None:
        self.content = content
        self.version = str(content.get("info", {}).get("version", "?"))
        self.schemas: Json = content.get("components", {}).get("schemas", {})
        self.calls: dict[str, Call] = {}
        for path, item in content.get("paths", {}).items():
            for method in METHODS:
                if isinstance(item, dict) and isinstance(item.get(method), dict):
                    call = self._call(method, path, item, item[method])
                    if call.key not in NO_CALLS:
                        self.calls[normal(call.key)] = call

    @classmethod
    def read(cls, file: Path) -> Document:
        """Read a document from a file."""
        return cls(json.loads(file.read_text(encoding="utf-8")))

    def resolve(self, node: Any) -> Any:
        """Return the part of the document to which the `$ref` of `node` refers.

        A node without `$ref` is returned as it is. The result is an empty object if the part does
        not exist.
        """
        seen: set[str] = set()
        while isinstance(node, dict) and isinstance(reference := node.get("$ref"), str):
            if reference in seen:
                return {}
            seen.add(reference)
            node = self.content
            for part in reference.removeprefix("#/").split("/"):
                name = part.replace("~1", "/").replace("~0", "~")
                node = node.get(name, {}) if isinstance(node, dict) else {}
        return node

    def _call(self, method: str, path: str, item: Json, node: Json) -> Call:
        call = Call(method.upper(), path, str(node.get("operationId") or ""))
        call.signed = node.get("x-ib-gateway-security-policy") == "SIGNED_JWT"
        named = PLACEHOLDER.findall(path)
        seen: set[tuple[str, str]] = set()
        for each in [*node.get("parameters", []), *item.get("parameters", [])]:
            found = self.resolve(each)
            if not isinstance(found, dict) or "name" not in found:
                continue
            parameter = self._parameter(found, named)
            if (parameter["in"], parameter["name"]) not in seen and parameter["in"] != "cookie":
                seen.add((parameter["in"], parameter["name"]))
                call.parameters.append(parameter)
        for name in named:
            if ("path", name) not in seen:
                missing = {"name": name, "in": "path", "required": True}
                call.parameters.append({**missing, "schema": {"type": "string"}})
        body = self.resolve(node.get("requestBody") or {})
        for content_type, media in (body.get("content") or {}).items():
            call.content_type = content_type
            call.body = media.get("schema", {})
            break
        for status, answer in (node.get("responses") or {}).items():
            if str(status).startswith("2"):
                self._answer(call, self.resolve(answer))
        return call

    def _parameter(self, found: Json, named: list[str]) -> Json:
        parameter = dict(found)
        parameter["in"] = str(parameter.get("in", "query"))
        schema = parameter.get("schema")
        if not isinstance(schema, dict):
            media: Json = next(iter((parameter.get("content") or {}).values()), {})
            schema = media.get("schema") or {
                key: parameter[key] for key in ("type", "enum", "items") if key in parameter
            }
        parameter["schema"] = schema
        if parameter["in"] == "path" and parameter["name"] not in named:
            by_case = [name for name in named if name.lower() == parameter["name"].lower()]
            if by_case:
                parameter["name"] = by_case[0]
            else:
                parameter["in"] = "query"
        return parameter

    def _answer(self, call: Call, answer: Json) -> None:
        for content_type, media in (answer.get("content") or {}).items():
            schema = media.get("schema")
            if isinstance(schema, dict):
                call.answers.append(schema)
            call.text = call.text or content_type.startswith("text/")
            if "example" in media:
                call.examples += unwrapped("", media["example"])
            for name, each in (media.get("examples") or {}).items():
                resolved = self.resolve(each)
                if isinstance(resolved, dict) and "value" in resolved:
                    call.examples.append((name, resolved["value"]))


def unwrapped(name: str, example: Any) -> Iterator[tuple[str, object]]:
    """Yield the names and values of the examples that `example` contains.

    The document sometimes writes several examples as one, in the form `{name: {"value": ...}}`. An
    example of another form is yielded unchanged.
    """
    wrapped = isinstance(example, dict) and all(
        isinstance(each, dict) and set(each) == {"value"} for each in example.values()
    )
    if example and wrapped:
        yield from ((key, each["value"]) for key, each in example.items())
    else:
        yield name, example
