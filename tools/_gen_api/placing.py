"""Decides into which module each generated class goes, and finds where the class is used first."""

from __future__ import annotations

from .plan import COMMON, Operation, Plan
from .problem import Problem
from .shapes import ListOf, MapOf, OneOf, Record, Scalar, Shape, records


def place(plan: Plan, file: str) -> None:
    """Choose the module of each object's class, and record the choice in the plan.

    It is the module of the group that uses the object; if several groups use it, the common module.

    Args:
        plan: the plan to complete.
        file: file to name in problems about classes with the same name.
    """
    users: dict[int, set[str]] = {}
    received: set[int] = set()
    found: dict[int, Record] = {}
    for operation in plan.operations:
        for shape, is_answer in _roots(plan, operation):
            for record in records(shape):
                found.setdefault(id(record), record)
                users.setdefault(id(record), set()).add(operation.group)
                _note_places(plan, record)
                if is_answer:
                    received.add(id(record))
    plan.sent = found.keys() - received
    by_name: dict[str, list[Record]] = {}
    for record in found.values():
        by_name.setdefault(record.name, []).append(record)
    for same in by_name.values():
        groups = set().union(*(users[id(record)] for record in same))
        home = next(iter(groups)) if len(groups) == 1 else COMMON
        home = same[0].module or home
        for record in same:
            plan.homes[id(record)] = home
        if same[0].by_hand:
            continue
        plan.models.setdefault(home, []).append(same[0])
        for other in same[1:]:
            if signature(other) != signature(same[0]):
                text = (
                    f"{other.where!r} and {same[0].where!r} would both be {other.name}; "
                    "give one another name in the overlay"
                )
                plan.problems.add(Problem(file, text))


def _roots(plan: Plan, operation: Operation) -> list[tuple[Shape, bool]]:
    roots = [(each.shape, False) for each in operation.parameters]
    client = "client.oauth_api" if operation.needs_oauth else "client.api"
    purpose = operation.summary[:1].lower() + operation.summary[1:].removesuffix(".")
    method = f"`{client}.{operation.group}.{operation.name}`; Endpoint: ``{operation.call}``."
    method += f" Purpose of the call: {purpose}"
    if operation.answer is not None:
        roots.append((operation.answer, True))
        place = {
            ListOf: "Item of the list in the response",
            MapOf: "Value in the dict in the response",
            OneOf: "One form of the response",
        }.get(type(operation.answer), "Response")
        if isinstance(operation.answer, MapOf) and isinstance(operation.answer.value, ListOf):
            place = "Item of the dict of lists in the response"
        for record in direct(operation.answer):
            plan.places.setdefault(id(record), f"{place} of {method}")
    for each in operation.parameters:
        for record in direct(each.shape):
            place = f"{_role(each.shape)} `{each.name}`, an argument of {method}"
            plan.places.setdefault(id(record), place)
    return roots


def _note_places(plan: Plan, record: Record) -> None:
    for each in record.fields.values():
        for inner in direct(each.shape):
            place = f"{_role(each.shape)} `{record.name}.{each.name}`"
            plan.places.setdefault(id(inner), place)


def _role(shape: Shape | None) -> str:
    """Return the first words of the docstring of an object's class.

    Args:
        shape: type of the field that contains the object; a list gives "Item of the list".
    """
    return {ListOf: "Item of the list", MapOf: "Value in the dict"}.get(type(shape), "Value of")


def signature(record: Record) -> object:
    """Return a value that is equal for two objects if, and only if, they can share a class."""
    return {
        wire: (each.name, _spelled(each.shape), bool(each.always), each.none, each.time)
        for wire, each in record.fields.items()
    }


def _spelled(shape: Shape | None) -> str:
    match shape:
        case Scalar():
            return shape.kind
        case ListOf():
            return f"[{_spelled(shape.item)}]"
        case MapOf():
            return f"{{{_spelled(shape.value)}}}"
        case OneOf():
            return "|".join(each.name for each in shape.options)
        case Record():
            return shape.name
        case _:
            return ""


def direct(shape: Shape | None) -> list[Record]:
    """Return the objects that a type contains directly, without the objects inside these."""
    if isinstance(shape, Record):
        return [shape]
    if isinstance(shape, ListOf):
        return direct(shape.item)
    if isinstance(shape, MapOf):
        return direct(shape.value)
    return list(shape.options) if isinstance(shape, OneOf) else []
