"""Plan of the generated code: operations with parameters and responses, and models by group."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from . import names
from .document import PLACEHOLDER, Call, Document, Json, normal
from .evidence import Evidence
from .overlay import FOLDER, Overlay
from .problem import Problem
from .reading import Reader, parse_type, with_choices
from .shapes import (
    ANY,
    ListOf,
    MapOf,
    Record,
    Scalar,
    Shape,
    attach,
    merge_records,
    records,
)

COMMON = "common"
READS = frozenset({"GET"})
JWT = "signed"


@dataclass(eq=False)
class Parameter:
    """Parameter of a generated method.

    Attributes:
        name: name in Python.
        wire: IBKR's name.
        place: `path`, `query`, `header`, `body` (a field of the body), `whole` (the whole body),
            `signed` (the whole body, or its signed JWT), `form` (a field of a form), or `extra`
            (query values under IBKR's own names).
        shape: the parameter's type.
        required: whether the caller must pass the parameter.
        doc: description.
        default: default value as Python source; empty if the default is None.
        form: which form the value must have, a key of `bezant/_core/operations/_forms.py`; empty if
            any form is allowed.
    """

    name: str
    wire: str
    place: str
    shape: Shape
    required: bool
    doc: str
    default: str = ""
    form: str = ""


@dataclass(eq=False)
class Operation:
    """Operation of the API, for which the generator writes a method and a row of a table.

    Attributes:
        limit: key of the operation's rate limit in `limits.toml`; empty if only the limit for all
            requests of a session applies.
    """

    call: str
    id: str
    group: str
    name: str
    summary: str
    idempotent: bool
    limit: str
    effect: str
    order: str = ""
    requires: str = ""
    priority: str = "read"
    texts: str = ""
    about_session: str = ""
    may_be_empty: bool = False
    empty_until_searched: bool = False
    empty_until_ready: bool = False
    never_empty: bool = False
    empty_without_positions: bool = False
    lists: str = ""
    lines: str = ""
    needs_oauth: bool = False
    parameters: list[Parameter] = field(default_factory=list)
    sends: str = ""
    answer: Shape | None = None
    kind: str = "json"  # form of the response: json, none, text or binary
    wrap_as: str = ""
    refusal: str = ""
    source: Call | None = None

    @property
    def method(self) -> str:
        return self.call.split(" ")[0]

    @property
    def path(self) -> str:
        return self.call.split(" ")[1]

    @property
    def root(self) -> bool:
        """Whether the path starts at the host's root instead of /v1/api."""
        return self.path.startswith(("/gw/", "/oauth2/"))

    @property
    def constant(self) -> str:
        return self.name.upper()


@dataclass
class Plan:
    """Content of all generated files, before it is rendered as text.

    Attributes:
        groups: titles of the groups of operations.
        needs_oauth: groups whose operations need OAuth: IBKR's own host serves them, the gateway
            does not.
        operations: operations that have a method, sorted by group and path.
        raw: operations without a method, which need a raw call; sorted by group and path.
        limits: the content of `limits.toml`, the rate limits.
        terms: the content of `terms.toml`, the named sets of values.
        models: objects that become classes, by module; inner objects before outer ones.
        homes: module of each object's class, by the `id()` of the object.
        sent: `id()` of each object that occurs in requests and never in responses.
        places: by the `id()` of each object, where it is used first: a call, or a field of another
            object.
        problems: problems found while planning.
        absent: calls for which the overlay has an entry, but which the document lacks.
    """

    groups: dict[str, str] = field(default_factory=dict)
    needs_oauth: set[str] = field(default_factory=set)
    operations: list[Operation] = field(default_factory=list)
    raw: list[Operation] = field(default_factory=list)
    limits: Json = field(default_factory=dict)
    terms: dict[str, Json] = field(default_factory=dict)
    models: dict[str, list[Record]] = field(default_factory=dict)
    homes: dict[int, str] = field(default_factory=dict)
    sent: set[int] = field(default_factory=set)
    places: dict[int, str] = field(default_factory=dict)
    problems: set[Problem] = field(default_factory=set)
    absent: list[str] = field(default_factory=list)

    def of(self, group: str) -> list[Operation]:
        """Return the operations of a group that have a method."""
        return [each for each in self.operations if each.group == group]


class Planner:
    """Makes the plan of the generated code, from IBKR's OpenAPI document and the overlay."""

    def __init__(self, document: Document, overlay: Overlay) -> None:
        self.document = document
        self.overlay = overlay
        self.reader = Reader(document, overlay)
        groups = dict(sorted(overlay.groups.items()))
        self.plan = Plan(groups, overlay.needs_oauth, limits=overlay.limits, terms=overlay.terms)
        self.limited: set[str] = set()
        self.by_call: dict[str, Operation] = {}

    def make(self) -> Plan:
        """Return the plan; its `problems` say what is wrong in the overlay."""
        self.plan.problems |= self.overlay.problems
        if self.plan.problems:
            return self.plan
        for key, call in self.document.calls.items():
            if key not in self.overlay.operations:
                text = (
                    f"{call.key} ({call.id or 'no operation id'}) is in no group; "
                    "add it to a file of the overlay"
                )
                self.plan.problems.add(Problem(FOLDER, text))
        for key, entry in self.overlay.operations.items():
            source = self.document.calls.get(key)
            if entry.get("raw"):
                if source:
                    self._problem(f"{source.key}: the document has it; remove `raw`")
                self.plan.raw.append(self._row(entry, None))
                continue
            known = entry.get("added") or entry["id"].startswith("undocumented_")
            if source is None and not known:
                self.plan.absent.append(entry["call"])
                continue
            operation = self._operation(entry, source)
            self.by_call[key] = operation
            self.plan.operations.append(operation)
        for each in (self.plan.operations, self.plan.raw):
            each.sort(key=lambda one: (one.group, one.path, one.method))
        self._share_answers()
        for operation in self.plan.operations:
            self._look_alike(operation)
        for operation in self.plan.operations:
            self._attach(operation)
        for operation in self.plan.operations:
            self._settle(operation)
        self._check()
        return self.plan

    def _entry(self, operation: Operation) -> Json:
        return self.overlay.operations[normal(operation.call)]

    def _row(self, entry: Json, call: Call | None) -> Operation:
        """Return an operation as its entry in the overlay describes it.

        The returned operation has no parameters and no response yet.

        Args:
            entry: the entry.
            call: the operation in the document; None if the document lacks it.
        """
        text: str = entry["call"]
        order = str(entry.get("order", ""))
        idempotent = bool(entry.get("idempotent", text.split(" ")[0] in READS))
        effect = str(entry.get("effect") or ("order" if order else ""))
        effect = effect or ("none" if idempotent else "account")
        if (effect == "order" and idempotent) or (order and effect != "order"):
            self._problem(f"{text}: an order call needs the effect `order` and is not idempotent")
        priority = "cancel" if order == "cancel" else "order" if effect == "order" else "read"
        return Operation(
            call=call.key if call else text,
            id=call.id if call and call.id else str(entry.get("id", "")),
            group=entry["group"],
            name=str(entry.get("name") or names.snake(entry["id"])),
            summary=entry["summary"],
            idempotent=idempotent,
            limit=self._limit(text),
            effect=effect,
            order=order,
            requires=str(entry.get("requires", "")),
            priority=str(entry.get("priority", priority)),
            texts=str(entry.get("texts", "")),
            about_session=str(entry.get("about_session", "")),
            may_be_empty=entry.get("first_answer") == "may be empty",
            empty_until_searched=entry.get("first_answer") == "empty until searched",
            empty_until_ready=entry.get("first_answer") == "empty until ready",
            never_empty=entry.get("first_answer") in ("never empty", "empty without positions"),
            empty_without_positions=entry.get("first_answer") == "empty without positions",
            lists=str(entry.get("lists", "")),
            lines=str(entry.get("lines", "")),
            needs_oauth=entry["group"] in self.plan.needs_oauth,
            refusal=str(entry.get("refusal", "")),
            source=call,
        )

    def _operation(self, entry: Json, call: Call | None) -> Operation:
        text: str = entry["call"]
        method = text.split(" ")[0]
        operation = self._row(entry, call)
        if not call:
            operation.parameters += [
                Parameter(*self._word(wire, {}), "path", Scalar("str"), required=True, doc="")
                for wire in PLACEHOLDER.findall(text)
            ]
            for each in operation.parameters:
                each.doc = str(self.overlay.word(each.wire).get("doc", ""))
            if entry.get("answer_any") and method == "GET" and "{" not in text:
                doc = "values to send in the query string, by IBKR's names for them"
                extra = Parameter("query", "", "extra", MapOf(ANY), required=False, doc=doc)
                operation.parameters.append(extra)
        fixes: Json = entry.get("params", {})
        used: set[str] = set()
        for raw in call.parameters if call else ():
            operation.parameters += self._from_document(raw, fixes, used)
        for raw in entry.get("parameters", ()):
            place = "body" if raw["place"] == "body" else raw["place"]
            pair = self._word(raw["wire"], raw)
            word = self.overlay.word(raw["wire"])
            shape = ANY if raw.get("type") == "object" else parse_type(raw["type"])
            shape = with_choices(self.overlay, shape, raw, word) or shape
            doc = str(raw.get("doc") or word.get("doc", ""))
            made = Parameter(*pair, place, shape, bool(raw.get("required")), doc)
            made.default = str(raw.get("default", ""))
            made.form = str(raw.get("form", word.get("form", "")))
            operation.parameters.append(made)
            operation.sends = {"whole": "whole", JWT: JWT, "body": "fields"}.get(
                place, operation.sends
            )
        if call and call.body is not None:
            self._body(operation, call, fixes, used)
        for wire in fixes.keys() - used:
            self._problem(f"{text}: has no parameter {wire!r}")
        self._answer(operation, entry, call)
        return operation

    def _limit(self, text: str) -> str:
        """Return the key of a call's rate limit, and record that this limit is used.

        The key is empty if the call has no limit of its own.
        """
        method, path = normal(text).split(" ")
        for key in self.plan.limits.get("calls", {}):
            its, pattern = normal(key).split(" ")
            if its in ("*", method) and pattern == path:
                self.limited.add(key)
                return str(key)
        return ""

    def _problem(self, text: str) -> None:
        self.plan.problems.add(Problem(FOLDER, text))

    def _word(self, wire: str, fix: Json) -> tuple[str, str]:
        word = self.overlay.word(wire)
        name = str(fix.get("name") or word.get("name") or names.snake(wire))
        return names.parameter(name), wire

    def _parameter(
        self, wire: str, place: str, shape: Shape, required: bool, fixes: Json, used: set[str]
    ) -> Parameter:
        fix: Json = fixes.get(wire, {})
        if fix:
            used.add(wire)
        word = self.overlay.word(wire)
        if "type" in fix:
            shape = parse_type(fix["type"])
        elif "type" in word and isinstance(shape, Scalar):
            shape = parse_type(word["type"])
        elif shape == ANY:
            shape = Scalar("str")
        shape = with_choices(self.overlay, shape, fix, word) or shape
        doc = str(fix.get("doc") or word.get("doc", ""))
        if isinstance(shape, Scalar) and shape.enum and "``" not in doc and shape.kind == "str":
            doc = f"{doc}: {names.values(shape.enum)}" if doc else names.values(shape.enum)
        required = bool(fix.get("required", required)) and "default" not in fix
        name, _ = self._word(wire, fix)
        form = str(fix.get("form", word.get("form", "")))
        default = str(fix.get("default", ""))
        return Parameter(name, wire, place, shape, required, doc, default, form)

    def _from_document(self, raw: Json, fixes: Json, used: set[str]) -> list[Parameter]:
        required = bool(raw.get("required")) or raw["in"] == "path"
        shape = self.reader.shape(raw["schema"], f"parameter:{raw['name']}", "Parameter")
        if isinstance(shape, Record):  # each field becomes a query parameter
            return [
                self._parameter(wire, "query", each.shape or ANY, each.required, fixes, used)
                for wire, each in shape.fields.items()
            ]
        return [self._parameter(raw["name"], raw["in"], shape, required, fixes, used)]

    def _body(self, operation: Operation, call: Call, fixes: Json, used: set[str]) -> None:
        schema = call.body or {}
        title = names.pascal(operation.name) + ("Request" if call.signed else "Body")
        shape = self.reader.shape(schema, f"{operation.call}:body", title, union=True)
        if call.path.endswith(":bulk") and isinstance(shape, Record):
            self._like_single(call, shape)
        if call.signed:
            doc = (
                "content of the request: an object, which is sent as JSON, or the text of a signed "
                "JWT (JSON Web Token) with that content"
            )
            if not isinstance(shape, Record):
                shape = Scalar("str")
                doc = "content of the request, as the text of a signed JWT (JSON Web Token)"
            operation.sends = JWT
            operation.parameters.append(Parameter("body", "", JWT, shape, required=True, doc=doc))
            return
        form = "form" in call.content_type
        if isinstance(shape, Record):
            operation.sends = "form" if form else "fields"
            for wire, each in shape.fields.items():
                place = "form" if form else "body"
                required = each.required
                taken = {one.name for one in operation.parameters}
                fix = self.overlay.schema(shape.where).get("fields", {}).get(wire, {})
                merged = {**fixes, wire: {**fix, **fixes.get(wire, {})}}
                made = self._parameter(wire, place, each.shape or ANY, required, merged, used)
                used.discard(wire) if wire not in fixes else None
                if made.name in taken:
                    made.name = names.parameter(names.snake(wire))
                operation.parameters.append(made)
        else:
            operation.sends = "whole" if shape != MapOf(ANY) else "fields"
            if isinstance(shape, MapOf) and shape.value == ANY:
                operation.sends = "fields"  # the document names no fields of the object
            else:
                operation.parameters.append(
                    Parameter("body", "", "whole", shape, required=True, doc="the body")
                )

    def _like_single(self, call: Call, shape: Record) -> None:
        single = self.document.calls.get(normal(call.key.removesuffix(":bulk")))
        several = shape.fields.get("instructions")
        if single is None or single.body is None or several is None:
            return
        schema = self.document.resolve(single.body)
        one = (schema.get("properties") or {}).get("instruction")
        if one:
            item = self.reader.shape(one, f"{call.key}:body.instructions", "Item", union=True)
            several.shape = ListOf(item)

    def _answer(self, operation: Operation, entry: Json, call: Call | None) -> None:
        wrap = entry.get("wrap")
        operation.wrap_as = "[]" if wrap is True else str(wrap or "")
        if entry.get("binary"):
            operation.kind = "binary"
            return
        if entry.get("text"):
            operation.kind = "text"
            return
        if entry.get("answer_any"):
            operation.answer = ANY
            return
        if schema := entry.get("answer_schema"):
            title = str(entry.get("answer") or names.pascal(operation.name))
            operation.answer = self.reader.shape(schema, f"{operation.call}:answer", title)
            return
        if call is None:
            return
        if not call.answers:
            operation.kind = "none"
            return
        base = names.pascal(re.sub(r"^(get|query)_", "", operation.name))
        title = str(entry.get("answer") or base)
        where = f"{operation.call}:answer"
        schemas = call.answers
        schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        shape = self.reader.shape(schema, where, title)
        inner = shape.item if isinstance(shape, ListOf) else shape
        if "answer" in entry and isinstance(inner, Record):
            inner.name = title
        if operation.wrap_as == "[]" and not isinstance(shape, ListOf):
            shape = ListOf(shape)
        operation.answer = shape
        if isinstance(shape, ListOf) and not operation.wrap_as:
            alternatives = schema.get("oneOf") or schema.get("anyOf") or ()
            made = [self.reader.shape(each, where, title) for each in alternatives]
            if any(isinstance(each, Record) for each in made):
                operation.wrap_as = "[]"

    def _share_answers(self) -> None:
        """Use one class for all responses to which the overlay gives the same class name.

        The class has the fields of all these responses.
        """
        by_name: dict[str, list[Operation]] = {}
        for operation in self.plan.operations:
            if name := self._entry(operation).get("answer"):
                by_name.setdefault(str(name), []).append(operation)
        for name, operations in by_name.items():
            found = [
                each.answer.item if isinstance(each.answer, ListOf) else each.answer
                for each in operations
            ]
            inner = [each for each in found if isinstance(each, Record)]
            if not inner:
                continue
            merged = merge_records(inner, f"answer:{name}", name)
            fix = self.overlay.schema(f"answer:{name}")
            merged.doc = str(fix.get("doc", merged.doc))
            for operation in operations:
                listed = isinstance(operation.answer, ListOf)
                operation.answer = ListOf(merged) if listed else merged

    def _look_alike(self, operation: Operation) -> None:
        entry = self._entry(operation)
        if like := entry.get("answer_like"):
            other = self.by_call.get(normal(str(like)))
            if other is None:
                self._problem(f"{operation.call}: there is no {like}")
                return
            operation.answer, operation.kind = other.answer, other.kind
            operation.wrap_as = other.wrap_as
        if like := entry.get("like"):
            other = self.by_call.get(normal(str(like)))
            if other is None:
                self._problem(f"{operation.call}: there is no {like}")
                return
            operation.answer, operation.kind, operation.sends = (
                other.answer,
                other.kind,
                other.sends,
            )
            operation.parameters = list(other.parameters)

    def seen(self, operation: Operation) -> Evidence:
        """Return the evidence for a response, from recordings and from the document's examples."""
        seen = Evidence()
        for _, example in operation.source.examples if operation.source else ():
            if not (isinstance(example, dict) and set(example) == {"error"}):
                seen.add(example)
        if recorded := self.overlay.recorded.get(normal(operation.call)):
            seen.merge(recorded)
        return seen

    def _attach(self, operation: Operation) -> None:
        if operation.answer is None:
            return
        seen = self.seen(operation)
        attach(operation.answer, seen)
        if seen.item is not None and isinstance(operation.answer, Record):
            known = operation.answer.fields.get(operation.wrap_as)
            if known is not None and isinstance(known.shape, ListOf):
                known.seen.merge(Evidence(item=seen.item))
                attach(known.shape, Evidence(item=seen.item))

    def _settle(self, operation: Operation) -> None:
        if operation.answer is not None and operation.answer != ANY:
            seen, where = self.seen(operation), f"{operation.call}:answer"
            title = names.pascal(re.sub(r"^(get|query)_", "", operation.name))
            operation.answer = self.reader.settle(operation.answer, seen, where, title)
            if isinstance(operation.answer, ListOf) and seen.keys:
                operation.wrap_as = operation.wrap_as or "[]"
        for parameter in operation.parameters:
            for record in list(records(parameter.shape)):
                self.reader.settle_record(record)

    def _check(self) -> None:
        for key in self.plan.limits.get("calls", {}).keys() - self.limited:
            self._problem(f"limits.toml: {key!r} is not an operation; correct or delete it")
        methods: set[tuple[str, str]] = {(each.group, each.name) for each in self.plan.raw}
        ids: set[str] = set()
        for operation in self.plan.operations:
            if (operation.group, operation.name) in methods:
                self._problem(f"{operation.group} has two methods {operation.name}")
            methods.add((operation.group, operation.name))
            if operation.id in ids:
                self._problem(f"two operations are called {operation.id}")
            ids.add(operation.id)
            taken = [each.name for each in operation.parameters]
            for name in {each for each in taken if taken.count(each) > 1}:
                self._problem(f"{operation.call}: two parameters {name}")
            for parameter in operation.parameters:
                if not parameter.doc:
                    self._problem(
                        f"{operation.call}: {parameter.wire!r} has no description; add a `doc`"
                    )
        self.plan.problems |= self.overlay.problems | self.overlay.unused()
