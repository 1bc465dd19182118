"""Learns from recorded responses which keys they have, and which kinds of values.

The project contains the result (`recorded.json`), so the generator does not need the recordings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .document import PLACEHOLDER, Json
from .evidence import Evidence
from .overlay import Overlay

ACCOUNT = re.compile(r"D?[UF]N?[0-9]{4,}")


def match(calls: list[str], method: str, path: str) -> str | None:
    """Return the call whose method and path template match a request; None without one.

    If several match, the one with the fewest placeholders is returned.
    """
    path = urlsplit(path).path.removeprefix("/v1/api")
    found: list[tuple[int, str]] = []
    for call in calls:
        verb, template = call.split(" ")
        parts = [re.escape(each) for each in re.split(PLACEHOLDER.pattern, template)[::2]]
        if verb == method and re.fullmatch("[^/]+".join(parts), unquote(path)):
            found.append((template.count("{"), call))
    return min(found)[1] if found else None


def recordings(folder: Path) -> Iterator[tuple[str, str, Json]]:
    """Yield method, path and response of each request in the recordings."""
    for file in sorted((folder / "fixtures").rglob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        request, response = content["Request"], content["Response"]
        for method in request["Methods"]:
            yield method, request["Path"], response
    for line in (folder / "recordings" / "rest.jsonl").read_text(encoding="utf-8").splitlines():
        each = json.loads(line)
        if each["kind"] == "recorded":
            yield each["method"], each["path"], {"StatusCode": each["status"], "Body": each["body"]}


def learn(folder: Path, overlay: Overlay) -> str:
    """Return the text of `recorded.json`: for each call, the keys and the kinds of values.

    The text does not contain the values themselves.
    """
    calls = list(overlay.operations)
    seen: dict[str, Evidence] = {}
    for method, path, response in recordings(folder):
        key = match(calls, method, path)
        body = response["Body"]
        error = isinstance(body, dict) and set(body) == {"error"}
        if key and response["StatusCode"] == 200 and isinstance(body, dict | list) and not error:
            seen.setdefault(key, Evidence()).add(body)
    shapes = folder / "facts" / "recorded_shapes.json"
    for each in json.loads(shapes.read_text(encoding="utf-8"))["responses"]:
        for method in each["methods"]:
            key = match(calls, method, each["path"])
            if key and each["status"] == 200 and "__text__" not in each["shape"]:
                seen.setdefault(key, Evidence()).add_shape(each["shape"])
    plain = {key: anonymous(seen[key]).to_json() for key in sorted(seen)}
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def anonymous(seen: Evidence) -> Evidence:
    """Return the evidence with placeholders such as `<account>` for keys that are personal data.

    These are keys that are accounts, groups or dates.
    """
    if seen.keys is not None:
        keys: dict[str, Evidence] = {}
        accounts = any(map(ACCOUNT.match, seen.keys))
        for key, each in seen.keys.items():
            name = "<account>" if accounts else re.sub(r"^[0-9]{8}$", "<day>", key)
            keys.setdefault(name, Evidence()).merge(anonymous(each))
        seen.keys = keys
    if seen.item is not None:
        seen.item = anonymous(seen.item)
    return seen
