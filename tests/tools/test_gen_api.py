"""Tests of the generator of models, endpoints and methods, and of the errors that it reports."""

from __future__ import annotations

import ast
import importlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

if TYPE_CHECKING:
    from tools import gen_api
    from tools._gen_api import document, learning, names, overlay, plan, reading, shapes
    from tools._gen_api.evidence import Evidence
else:
    import gen_api
    from _gen_api import document, learning, names, overlay, plan, reading, shapes
    from _gen_api.evidence import Evidence

SHARED = ROOT.parent / "shared"
DOCUMENT = SHARED / "spec" / "ibkr-openapi-2.29.json"
OLD = SHARED / "spec" / "ibkr-openapi-2.28-raw.json"

GROUP = """
title = "Things."

["GET /things/{thingId}"]
id = "getThing"
summary = "Return a thing; it is what it is."
params.thingId = { doc = "which thing" }

["POST /things"]
id = "makeThing"
summary = "Make a thing."
answer = "Thing"
params.size = { doc = "how large" }
params.parts = { doc = "what it is made of" }

["GET /things/file"]
id = "undocumented_file"
name = "get_file"
summary = "Return a file."
binary = true
"""
THING: dict[str, Any] = {
    "type": "object",
    "properties": {
        "thingId": {"type": "string"},
        "size": {"type": "integer"},
        "parent": {"$ref": "#/components/schemas/thing"},
        "madeAt": {"type": "integer", "format": "int64"},
        "extraData": {},
    },
}
EXAMPLE = {
    "thingId": "a",
    "size": 1.5,
    "madeAt": 1_700_000_000_000,
    "unknownKey": {"a": True},
    "extraData": [{"x": 1}],
}


def answer(schema: Any, **more: Any) -> dict[str, Any]:
    return {"200": {"content": {"application/json": {"schema": schema, **more}}}}


def content() -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/thing"}
    body = {
        "type": "object",
        "required": ["size"],
        "properties": {
            "size": {"type": "number"},
            "parts": {"type": "array", "items": {"type": "object", "properties": {"type": {}}}},
        },
    }
    return {
        "info": {"version": "1.0"},
        "paths": {
            "/things/{thingId}": {
                "get": {
                    "operationId": "getThing",
                    "parameters": [
                        {"name": "thingId", "in": "path", "required": True, "schema": {}}
                    ],
                    "responses": answer(reference, examples={"one": {"value": EXAMPLE}}),
                }
            },
            "/things": {
                "post": {
                    "operationId": "makeThing",
                    "requestBody": {"content": {"application/json": {"schema": body}}},
                    "responses": answer(reference),
                }
            },
        },
        "components": {"schemas": {"thing": THING}},
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Folder of a project with a small OpenAPI document, and an overlay that adds to it."""
    folder = tmp_path / overlay.FOLDER
    folder.mkdir(parents=True)
    (folder / "things.toml").write_text(GROUP)
    (tmp_path / "document.json").write_text(json.dumps(content()))
    for each in (gen_api.OPERATIONS, gen_api.API, gen_api.MODELS):
        (tmp_path / each).mkdir(parents=True)
    return tmp_path


def run(project: Path, *arguments: str) -> int:
    return gen_api.main(["--root", str(project), *arguments])


def change(project: Path, edit: Any) -> None:
    file = project / "document.json"
    changed = json.loads(file.read_text())
    edit(changed)
    file.write_text(json.dumps(changed))


def append(project: Path, text: str, name: str = "things") -> None:
    with (project / overlay.FOLDER / f"{name}.toml").open("a") as file:
        file.write(text)


def source(project: Path) -> str:
    return str(project / "document.json")


# Tests with bezant's own files.


def test_the_committed_files_are_up_to_date() -> None:
    if not DOCUMENT.exists():
        pytest.skip(f"IBKR's document is not here: {DOCUMENT}")
    result = gen_api.generate(ROOT, DOCUMENT)
    assert result.problems == set()
    assert gen_api.compare(result) == []


def test_the_order_of_the_document_does_not_matter(tmp_path: Path) -> None:
    if not DOCUMENT.exists():
        pytest.skip(f"IBKR's document is not here: {DOCUMENT}")
    changed = json.loads(DOCUMENT.read_text())
    changed["paths"] = dict(reversed(changed["paths"].items()))
    changed["components"]["schemas"] = dict(reversed(changed["components"]["schemas"].items()))
    file = tmp_path / "document.json"
    file.write_text(json.dumps(changed))
    assert gen_api.compare(gen_api.generate(ROOT, file)) == []


def test_recordings_were_learnt() -> None:
    if not (SHARED / "fixtures").exists():
        pytest.skip(f"recorded answers are not here: {SHARED / 'fixtures'}")
    text = learning.learn(SHARED, overlay.read(ROOT))
    assert text == (ROOT / overlay.FOLDER / "recorded.json").read_text()


def test_an_older_document_gives_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    if not OLD.exists():
        pytest.skip(f"the older document is not here: {OLD}")
    assert gen_api.main(["--diff", str(OLD)]) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = {line.split(":")[0] for line in lines}
    assert {"operation removed", "parameter added", "field added", "field removed"} <= kinds
    assert all(": " in line for line in lines)


def test_no_difference_to_itself(capsys: pytest.CaptureFixture[str]) -> None:
    if not DOCUMENT.exists():
        pytest.skip(f"IBKR's document is not here: {DOCUMENT}")
    assert gen_api.main(["--diff", str(DOCUMENT)]) == 0
    assert capsys.readouterr().out == ""


def test_a_check_without_a_document_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert gen_api.main(["--check", "nowhere.json"]) == 0
    assert "skipped: nowhere.json is not here" in capsys.readouterr().out
    assert gen_api.main(["nowhere.json"]) == 1


# Tests with the small project of the fixture `project`.


def test_writing_and_checking(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "--check", source(project)) == 1
    assert "missing" in capsys.readouterr().err
    assert run(project, source(project)) == 0
    written = capsys.readouterr().out
    assert "bezant/models/things.py" in written
    assert run(project, "--check", source(project)) == 0
    assert run(project, source(project)) == 0
    assert "0 changed" in capsys.readouterr().out
    for file in project.rglob("*.py"):
        ast.parse(file.read_text())


@pytest.mark.parametrize(
    "path",
    ["bezant/models/things.py", f"{gen_api.API}/things.py", gen_api.PAGE, gen_api.DIGEST],
)
def test_a_changed_file_is_stale(
    project: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(project, source(project))
    file = project / path
    file.write_text(file.read_text() + "\n")
    assert run(project, "--check", source(project)) == 1
    assert f"{path}: stale" in capsys.readouterr().err
    file.unlink()
    assert run(project, "--check", source(project)) == 1
    assert not file.exists()


def test_orphans(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(project, source(project))
    (project / gen_api.OPERATIONS / "old.py").write_text("")
    shutil.copy(project / gen_api.MODELS / "things.py", project / gen_api.MODELS / "old.py")
    (project / gen_api.MODELS / "by_hand.py").write_text("x = 1\n")
    (project / gen_api.API / "_base.py").write_text("x = 1\n")
    assert run(project, "--check", source(project)) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == [
        f"{gen_api.OPERATIONS}/old.py",
        f"{gen_api.MODELS}/old.py",
    ]
    assert run(project, source(project)) == 0
    assert not (project / gen_api.MODELS / "old.py").exists()
    assert (project / gen_api.MODELS / "by_hand.py").exists()


def test_the_digest_notices_a_lost_operation(project: Path) -> None:
    run(project, source(project))
    assert run(project, "--check", "nowhere.json") == 0
    index = project / gen_api.INDEX
    index.write_text(index.read_text().replace("/things/file", "/things/other"))
    assert run(project, "--check", "nowhere.json") == 1
    index.unlink()
    assert run(project, "--check", "nowhere.json") == 1


def test_content_of_the_generated_files(project: Path) -> None:
    run(project, source(project))
    models = (project / "bezant/models/things.py").read_text()
    # The example is no integer, which counts more than the type "integer" in the document.
    assert "size: Quantity | None = None" in models
    assert "made_at: Time | None = None" in models
    assert "parent: Thing | None = None" in models
    assert "unknown_key: ThingUnknownKey | None = None" in models
    assert "a: bool | None = None" in models
    assert "extra_data: list[ThingExtraData] | None = None" in models
    api = (project / gen_api.API / "things.py").read_text()
    assert "async def get_thing(self, *, thing_id: str) -> Thing:" in api
    assert "parts: Sequence[MakeThingBodyPart] | None = None" in api
    assert "async def get_file(self) -> BinaryResponse:" in api
    assert '"""Return a thing.\n\n        It is what it is.' in api
    endpoints = (project / gen_api.OPERATIONS / "things.py").read_text()
    assert 'Operation("POST", "/things", idempotent=False, effect="account")' in endpoints
    assert (project / gen_api.PAGE).read_text().count("\n| [`") == 3


def test_what_recordings_show_of_a_field(project: Path) -> None:
    append(project, '"thing" = { fields = { size = { doc = "how large" } } }\n', "schemas")
    append(project, '["thing"]\nmadeAt = { time = "ms" }\n', "evidence")
    append(project, 'size = { always = "3 recordings", none = ["?", 0] }\n', "evidence")
    made = plan.Planner(document.Document.read(project / "document.json"), overlay.read(project))
    answers = {each.name: each.answer for each in made.make().operations}
    thing = answers["get_thing"]
    assert isinstance(thing, shapes.Record)
    assert thing.fields["size"].always == "3 recordings"
    assert thing.fields["size"].doc == "how large"
    assert thing.fields["size"].none == ("?", 0)
    assert thing.fields["madeAt"].time == "ms"
    assert (thing.fields["thingId"].always, thing.fields["thingId"].none) == ("", ())
    assert thing.fields["thingId"].time == ""
    problems = {str(each) for each in made.plan.problems}
    assert problems == {
        f"{overlay.FOLDER}: 'thing.size' is always present, so no value can mean None"
    }


TERMS = """
[Kind]
doc = "Kind of a thing."
values = { LARGE = ["L", "Large"], SMALL = [] }

[Way]
doc = "Way to make a thing."
values = { by_hand = [] }
"""


def test_a_term_is_closed_in_requests_and_open_in_responses(project: Path) -> None:
    append(project, TERMS, "terms")
    append(project, '"thingId" = { term = "Kind" }\n', "glossary")
    append(project, '["thing"]\nsize = { type = "str", term = "Way" }\n', "evidence")
    append(project, '["POST /things:body"]\nsize = { type = "str", term = "Kind" }\n', "evidence")
    assert run(project, source(project)) == 0
    models = (project / "bezant/models/things.py").read_text()
    assert "from .._wire.field_types import AnyKind, AnyWay, Time\n" in models
    assert "thing_id: AnyKind | None = None" in models
    assert "thing_id: value, such as ``LARGE``, ``SMALL``." in models
    api = (project / gen_api.API / "things.py").read_text()
    assert "from ..._wire.terms import Kind\n" in api
    assert "thing_id: Kind" in api
    assert "thing_id: which thing: ``LARGE``, ``SMALL``." in api
    terms = (project / gen_api.TERMS).read_text()
    assert 'Kind: TypeAlias = Literal["LARGE", "SMALL"]\n"""Kind of a thing."""\n' in terms
    assert '"Kind": {"LARGE": "LARGE", "L": "LARGE", "Large": "LARGE", "SMALL": "SMALL"}' in terms
    assert "def is_kind(text: str) -> TypeGuard[Kind]:" in terms
    # `Way` has only one spelling in responses, so it needs neither a table of spellings nor a
    # check.
    assert '"Way"' not in terms
    assert "is_way" not in terms


def test_an_always_present_text_may_count_as_missing_when_empty(project: Path) -> None:
    append(project, '["thing"]\nthingId = { always = "1 example", none = [""] }\n', "evidence")
    assert run(project, source(project)) == 0
    models = (project / "bezant/models/things.py").read_text()
    assert "from .._wire.field_types import NonEmpty, Quantity, Time\n" in models
    assert "    thing_id: NonEmpty\n" in models


def test_types_of_fields_with_placeholders_and_times(project: Path) -> None:
    append(
        project,
        '["thing"]\nmadeAt = { time = "YYYYMMDD" }\nsize = { none = [0] }\n'
        'thingId = { none = ["?"] }\n',
        "evidence",
    )
    assert run(project, source(project)) == 0
    models = (project / "bezant/models/things.py").read_text()
    assert "from .._wire.field_types import Date, KnownText, NonZero\n" in models
    assert "size: NonZero | None = None" in models
    assert "made_at: Date | None = None" in models
    assert "thing_id: KnownText | None" in models


LIMITS = """
[gateway.slots]
value = 4
doc = "Most calls in flight."

[session]
count = 10
seconds = 1

[calls]
"* /things/{id}" = [{ count = 1, seconds = 5 }, { count = 9, seconds = 60.5 }]
"""
ROWS = """
order = "cancel"
requires = "accounts"

["DELETE /things/{thingId}"]
raw = true
name = "delete_thing"
summary = "Delete a thing."
about_session = "login"

["GET /state"]
id = "undocumented_state"
summary = "Return the state."
priority = "tickle"
first_answer = "may be empty"
lists = "accounts"
answer_any = true
"""


def test_facts_of_an_operation(project: Path) -> None:
    append(project, ROWS)
    append(project, LIMITS, "limits")
    # An error: a GET cannot be declared to cancel an order.
    assert run(project, source(project)) == 1
    group = project / overlay.FOLDER / "things.toml"
    text = group.read_text().replace("binary = true\n", "binary = true\nidempotent = false\n")
    group.write_text(text)
    assert run(project, source(project)) == 0
    rows = " ".join((project / gen_api.OPERATIONS / "things.py").read_text().split())
    assert 'effect="order", order=OrderCall.CANCEL, requires="accounts"' in rows
    assert 'idempotent=False, effect="account"' in rows
    assert 'limit="* /things/{id}"' in rows
    assert 'priority="tickle", may_be_empty=True, lists="accounts"' in rows
    assert "# Delete a thing. DELETE_THING = Operation(" in rows
    assert 'about_session="login"' in rows
    limits = (project / gen_api.LIMITS).read_text()
    assert "# Most calls in flight.\nSLOTS: Final = 4\n" in limits
    assert "SESSION_LIMIT: Final = Limit(10, 1.0)" in limits
    assert "Limit(1, 5.0)" in limits
    assert "Limit(9, 60.5)" in limits
    index = (project / gen_api.INDEX).read_text()
    assert '"DELETE /things/{thingId}": "things.DELETE_THING"' in index
    assert "delete_thing" not in (project / gen_api.API / "things.py").read_text()
    assert run(project, "--check", "nowhere.json") == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('["GET /m"]\nid = "undocumented_m"\nsummary = "X."\neffect = "all"', "effect must be"),
        ('["GET /m"]\nid = "undocumented_m"\nsummary = "X."\norder = "place"', "not idempotent"),
        (
            '["POST /m"]\nid = "undocumented_m"\nsummary = "X."\norder = "place"\neffect = "none"',
            "needs the effect `order`",
        ),
        ('["GET /m"]\nraw = true\nsummary = "X."', "has no name"),
        ('["GET /m"]\nraw = true\nname = "m"\nsummary = "X."\nbinary = true', "unknown key"),
        ('["GET /m"]\nraw = true\nname = "get_thing"\nsummary = "X."', "two methods"),
        ('["GET /more"]\nid = "x"\nsummary = "X."', "the document has no such operation"),
        ('["GET /things/{id}"]\nid = "x"\nsummary = "X."', "listed twice"),
        ('["GET /m"]\nid = "undocumented_m"\nsummary = "X."\nnonsense = 1', "unknown key"),
        ('["GET /m"]\nid = "undocumented_m"', "has no summary"),
        ('["GET /m"]\nid = "undocumented_m"\nsummary = "X."\nname = "get_thing"', "two methods"),
        ('["GET /m"]\nid = "undocumented_m"\nsummary = "X."\nparams.a = { doc = "x" }', "no param"),
        (
            '["GET /m"]\nid = "undocumented_m"\nsummary = "X."\nanswer_like = "GET /n"',
            "there is no",
        ),
        ('["GET /m/{a}"]\nid = "undocumented_m"\nsummary = "X."', "'a' has no description"),
    ],
)
def test_a_wrong_overlay_is_refused(
    project: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    append(project, f"\n{text}\n")
    assert run(project, source(project)) == 1
    assert told in capsys.readouterr().err
    assert not (project / gen_api.INDEX).exists()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("schemas", '"nothing" = { name = "X" }', "no object is at 'nothing'"),
        ("schemas", '"thing" = { nonsense = 1 }', "unknown key"),
        ("schemas", '"thing" = { fields = { nothing = { doc = "X" } } }', "has no field 'nothing'"),
        ("schemas", '"thing" = { fields = { size = { always_ = "" } } }', "unknown key 'always_'"),
        ("evidence", '"thing" = { nothing = { always = "X" } }', "has no field 'nothing'"),
        ("evidence", '"thing" = { size = { nonsense = "X" } }', "unknown key 'nonsense'"),
        (
            "evidence",
            '"thing" = { size = { time = "hours" } }',
            "the time of 'size' must be one of",
        ),
        ("evidence", '"nothing" = { size = { always = "X" } }', "no object is at 'nothing'"),
        ("glossary", '"nothing" = { doc = "X" }', "no field is named 'nothing'"),
        ("glossary", '"thingId" = { term = "Kind" }', "has no term 'Kind'"),
        ("terms", '[Kind]\ndoc = "X"\nvalues = { A = [] }', "no field has the term 'Kind'"),
        ("terms", "[Kind]\nnonsense = 1\nvalues = { A = [] }", "unknown key 'nonsense'"),
        ("other", "", "has no title"),
        (
            "limits",
            '[calls]\n"GET /m" = [{ count = 1, seconds = 1 }]',
            "'GET /m' is not an operation",
        ),
        (
            "schemas",
            '"thing" = { fields = { size = { name = "str" } } }',
            "would hide the type str",
        ),
    ],
)
def test_a_wrong_word_is_refused(
    project: Path, name: str, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    append(project, text + "\n", name)
    assert run(project, source(project)) == 1
    assert told in capsys.readouterr().err


def test_a_new_operation_has_to_be_placed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(project, source(project))
    change(project, lambda it: it["paths"].update({"/new": {"get": {"responses": {}}}}))
    assert run(project, source(project)) == 1
    assert "GET /new (no operation id) is in no group" in capsys.readouterr().err


def test_the_difference_is_printed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(project, source(project))

    def edit(it: Any) -> None:
        del it["paths"]["/things"]
        it["paths"]["/new"] = {"get": {"responses": {}}}
        thing = it["components"]["schemas"]["thing"]["properties"]
        del thing["parent"]
        thing["added"] = {"type": "boolean"}
        thing["thingId"] = {"type": "array", "items": {"type": "string"}}

    change(project, edit)
    capsys.readouterr()
    assert run(project, "--diff", source(project)) == 0
    assert "operation added: GET /new (in no group" in capsys.readouterr().out
    append(project, '\n["GET /new"]\nid = "new"\nsummary = "Return the news."\n')
    capsys.readouterr()
    assert run(project, "--diff", source(project)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "operation removed: things.make_thing" in lines
    assert "operation added: things.new" in lines
    assert "field added: Thing.added: bool | None" in lines
    assert "field removed: Thing.parent: Thing | None" in lines
    assert "model removed: MakeThingBodyPart" in lines
    before = (project / gen_api.API / "things.py").read_text()
    assert "make_thing" in before, "a difference writes nothing"


# Tests of documents that deviate from the OpenAPI standard.


def test_a_document_that_deviates_from_the_standard() -> None:
    raw = {
        "paths": {
            "/a/{thingID}/b/{other}": {
                "parameters": [{"$ref": "#/components/parameters/nowhere"}],
                "get": {
                    "parameters": [
                        {"name": "thingId", "in": "path"},
                        {"name": "elsewhere", "in": "path", "type": "integer"},
                        {
                            "name": "flag",
                            "in": "query",
                            "content": {"x": {"schema": {"enum": [1]}}},
                        },
                        {"name": "flag", "in": "query"},
                        {"name": "c", "in": "cookie"},
                    ],
                    "responses": {
                        "200": {"$ref": "#/components/responses/loop"},
                        "default": {"description": "x"},
                    },
                },
                "x-note": "nothing",
            },
            "/ws": {"get": {}},
        },
        "components": {"responses": {"loop": {"$ref": "#/components/responses/loop"}}},
    }
    read = document.Document(raw)
    (call,) = read.calls.values()
    assert call.id == ""
    assert [(each["in"], each["name"]) for each in call.parameters] == [
        ("path", "thingID"),
        ("query", "elsewhere"),
        ("query", "flag"),
        ("path", "other"),
    ]
    assert call.parameters[1]["schema"] == {"type": "integer"}
    assert call.answers == []


@pytest.mark.parametrize(
    ("kind", "seen", "settled"),
    [
        ("int", {"float"}, "decimal"),
        ("int", {"int", "ms"}, "int"),
        ("int", {"text"}, "str"),
        ("int", {"text:int"}, "int"),
        ("int", {"bool"}, "bool"),
        ("int", {"null", "nothing"}, "int"),
        ("decimal", {"text:float", "nothing"}, "decimal"),
        ("decimal", {"text", "null"}, "str"),
        ("bool", {"text:flag", "bool"}, "bool"),
        ("bool", {"text"}, "str"),
        ("str", {"int"}, "int"),
        ("str", {"int", "text:float"}, "decimal"),
        ("str", {"text:int"}, "str"),
        ("str", {"int", "text"}, "str"),
        ("str", {"bool"}, "bool"),
        ("any", set(), "any"),
        ("any", {"nothing"}, "str"),
        ("any", {"int", "float"}, "decimal"),
        ("any", {"int", "text"}, "any"),
        ("any", {"bool", "int"}, "any"),
    ],
)
def test_evidence_decides_the_type(kind: str, seen: set[str], settled: str) -> None:
    assert reading.settle_kind(shapes.Scalar(kind), seen, "x") == settled


def test_whole_ids_and_broken_measures() -> None:
    assert reading.settle_kind(shapes.Scalar("decimal"), {"int"}, "requestId") == "int"
    assert reading.settle_kind(shapes.Scalar("decimal"), {"int"}, "price") == "decimal"
    assert reading.settle_kind(shapes.ANY, {"int"}, "lastPrice") == "decimal"


@pytest.mark.parametrize(
    "value",
    [1, 1.5, True, None, "", "N/A", "x", "1,234.5", "7", "true", [], [1, "x"], {"a": {"b": [{}]}}],
)
def test_evidence_survives_storage(value: object) -> None:
    seen = Evidence()
    seen.add(value)
    again = Evidence.from_json(json.loads(json.dumps(seen.to_json())))
    assert again == seen
    twice = Evidence.from_json(seen.to_json())
    twice.merge(seen)
    assert twice == seen


def test_accounts_are_forgotten() -> None:
    seen = Evidence()
    accounts = {"DU1234567.Core": {"x": 1}, "GROUP1": {"x": 1}}
    seen.add({"accounts": accounts, "20260101": 1, "USD": [{"U7654321": 1}]})
    text = json.dumps(learning.anonymous(seen).to_json())
    assert "1234567" not in text
    assert "7654321" not in text
    assert "GROUP1" not in text
    assert "<account>" in text
    assert "<day>" in text


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        ("accountId", "account_id"),
        ("isUS", "is_us"),
        ("AUTH_TIME", "auth_time"),
        ("PrepaidCrypto-P", "prepaid_crypto_p"),
        ("MTD Interest", "mtd_interest"),
        ("_updated", "updated"),
        ("31", "field_31"),
        ("from", "from_"),
        ("w8Ben", "w8_ben"),
    ],
)
def test_names(wire: str, name: str) -> None:
    assert names.snake(wire) == name
    assert name.isidentifier()


def test_builtins_are_not_hidden() -> None:
    assert names.parameter("type") == "type_"
    assert names.parameter("conid") == "conid"
    assert [names.singular(each) for each in ("positions", "entries", "status", "boxes")] == [
        "position",
        "entry",
        "status",
        "box",
    ]


@pytest.mark.skipif(not DOCUMENT.exists(), reason="IBKR's document is not here")
def test_models_written_by_hand_have_every_field() -> None:
    made = plan.Planner(document.Document.read(DOCUMENT), overlay.read(ROOT)).make()
    by_hand = {
        record.name: record
        for operation in made.operations
        for record in shapes.records(operation.answer)
        if record.by_hand
    }
    assert "AuthStatus" in by_hand
    for name, record in by_hand.items():
        model = getattr(importlib.import_module(f"bezant.models.{record.module}"), name)
        assert record.fields.keys() <= {each.encode_name for each in msgspec.structs.fields(model)}
