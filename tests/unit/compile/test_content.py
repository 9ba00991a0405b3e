"""What fields hold: names, documents, and what an operator says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from starfort.bundle import encode
from starfort.compile import openapi
from starfort.compile.content import MAX_FIELDS, dictionary
from tests.support.rule_sets import installed_crs
from tests.unit.compile.support import compiled, problems

_engine = pytest.importorskip("starfort._engine")

ATTACKS = (
    "Nice article! ' UNION SELECT password FROM users# and thanks",
    "hello there <script>alert(1)</script> my friend",
    "as I said before; cat /etc/passwd and so on",
)
MENTIONS = (
    "Why does SELECT sleep(5) FROM dual take so long, isn't it 'instant' or 'fast' in version() 8?",
    "Is it 'yes' or 'no'; select one of the two -- it's up to you",
    "Edit /etc/passwd and /etc/hosts with `vi /etc/hosts`; then `cat /etc/hosts | grep local` should show it",
    "Use <img src=x> and the onerror= handler, or document.cookie and alert() in your test",
    "Call system('ls') or shell_exec() or eval($x) in PHP when you must",
)


def fields(folder: Path, schema: dict[str, Any], **operation: Any) -> dict[str, str]:
    """What is read of an operation with this schema of its JSON body."""
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    document = {
        "openapi": "3.1.0",
        "paths": {"/a": {"post": body | operation}},
        "components": {
            "schemas": {
                "Text": {"type": "string", "format": "markdown"},
                "Loop": {"$ref": "#/components/schemas/Loop"},
            }
        },
    }
    file = folder / "api.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    found = openapi.read(file)
    assert not found.problems
    return dict(found.operations[0].content)


def test_the_dictionary_names_kinds_that_the_engine_knows() -> None:
    """Every line is a kind and names in lower case, each once."""
    names = [name for name, _ in dictionary()]
    assert len(names) > 200
    assert len(names) == len(set(names))
    assert all(name == name.lower() and " " not in name for name in names)
    assert "other" not in {kind.value for _, kind in dictionary()}


def test_a_document_says_what_strings_hold(tmp_path: Path) -> None:
    """By media type, format and description; nested, in lists, behind references."""
    schema = {
        "type": "object",
        "properties": {
            "page": {"type": "string", "contentMediaType": "text/html"},
            "issue": {"properties": {"body": {"$ref": "#/components/schemas/Text"}}},
            "filters": {
                "type": "array",
                "items": {"properties": {"expr": {"type": "string", "description": "A regular expression."}}},
            },
            "haiku": {"type": ["string", "null"], "description": "Free text, up to three lines."},
            "code": {"type": "string", "enum": ["a", "b"]},
            "text": {"type": "string", "maxLength": 20},
            "note": {"type": "string", "format": "uuid"},
            "comment": {"type": "string", "description": "What people say."},
            "name": {"type": "string", "description": "The name of it."},
            "count": {"type": "integer", "description": "Free text"},
        },
    }
    assert fields(tmp_path, schema) == {
        "page": "html", "issue.body": "markdown", "filters.expr": "pattern", "haiku": "prose",
        "code": "other", "text": "other", "note": "other",
    }  # fmt: skip


def test_a_document_says_it_of_parameters_too(tmp_path: Path) -> None:
    """Query parameters, of the path item and of the operation; headers and paths are no fields."""
    parameters = [
        {
            "in": "query",
            "name": "needle",
            "description": "Free text to look for",
            "schema": {"type": "string"},
        },
        {"in": "query", "name": "text", "schema": {"type": "string", "enum": ["a"]}},
        {"in": "header", "name": "x-note", "description": "Free text", "schema": {"type": "string"}},
    ]
    assert fields(tmp_path, {}, parameters=parameters) == {"needle": "prose", "text": "other"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/components/schemas/Loop"},
        {"$ref": "#/nowhere"},
        {"$ref": "other.yaml#/x"},
        {"properties": {"a": None, "b": 7, "c": {"type": 5}}, "allOf": "x", "items": []},
        {
            "properties": {
                f"haiku{number}": {"type": "string", "format": "markdown"} for number in range(3000)
            }
        },
    ],
)
def test_odd_documents_end(tmp_path: Path, schema: dict[str, Any]) -> None:
    """References in circles or to nothing, parts of another type, very many fields."""
    assert len(fields(tmp_path, schema)) <= MAX_FIELDS


def test_an_operator_says_it_best(tmp_path: Path) -> None:
    """Before the document, for an endpoint; for all endpoints, before the dictionary."""
    (tmp_path / "api.yaml").write_text(
        "openapi: 3.1.0\npaths:\n  /a:\n    post:\n      requestBody:\n        content:\n          application/json:\n"
        "            schema: {properties: {body: {type: string, format: html}, text: {type: string, format: markdown}}}\n",
        encoding="utf-8",
    )
    apis = (
        "apis:\n  - {name: shop, upstream: shop, openapi: api.yaml, "
        "endpoints: [{match: POST /a, content: {body: none, issue.haiku: prose}}]}\n"
    )
    made = compiled(
        tmp_path, "rules: {sets: [], content_fields: {haiku: prose, code: none}}\n", apis=apis
    ).bundle
    assert dict(made.endpoints[0].content) == {"body": "other", "issue.haiku": "prose", "text": "markdown"}
    names = dict(made.content.names)
    assert (names["haiku"], names["code"], names["comment"]) == ("prose", "other", "prose")
    assert "=code" not in names
    assert made.content.weigh


def test_a_kind_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """With the place."""
    (problem,) = problems(tmp_path, "rules: {sets: [], content_fields: {haiku: poetry}}\n")
    assert problem.line > 0


def judged(folder: Path, field: str, value: str, rest: str = "") -> tuple[str, list[dict[str, Any]]]:
    """What is done with a call, and what rules matched."""
    policy = "policies: [{name: waf, when: rules.interrupted, action: {block: {}}, mode: enforce}]\n"
    engine = _engine.Engine(encode(compiled(folder, rest + policy).bundle))
    explained = engine.explain(
        {
            "method": "POST",
            "url": "http://shop.example/a",
            "headers": {"content-type": "application/json", "user-agent": "Mozilla/5.0", "accept": "*/*"},
            "body": json.dumps({"item": {field: value}}),
        }
    )
    return explained["action"], [json.loads(row) for row in explained["event"]["evidence"]]


@pytest.fixture(scope="module")
def crs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """CRS is installed."""
    with installed_crs(tmp_path_factory.mktemp("rulesets")):
        yield


@pytest.mark.usefixtures("crs")
@pytest.mark.parametrize("value", MENTIONS)
def test_a_mention_counts_for_nothing_where_people_write(tmp_path: Path, value: str) -> None:
    """It passes in a comment, and the event shows the match as weighed; elsewhere, and switched off, it is refused."""
    action, matches = judged(tmp_path, "commentText", value)
    assert action == "allow"
    assert matches
    assert all(match.get("weighed") for match in matches)
    for field, rest in (("reference", ""), ("commentText", "rules: {weigh_content: false}\n")):
        action, matches = judged(tmp_path, field, value, rest)
        assert action == "block"
        assert not any(match.get("weighed") for match in matches)


@pytest.mark.usefixtures("crs")
@pytest.mark.parametrize("value", ATTACKS)
def test_an_attack_counts_whatever_is_written_around_it(tmp_path: Path, value: str) -> None:
    """In a comment as in any other field."""
    for field in ("commentText", "reference"):
        assert judged(tmp_path, field, value)[0] == "block"


def asked(folder: Path, request: dict[str, Any]) -> str:
    """What is done with a whole request."""
    policy = "policies: [{name: waf, when: rules.interrupted, action: {block: {}}, mode: enforce}]\n"
    engine = _engine.Engine(encode(compiled(folder, policy).bundle))
    headers = {"user-agent": "Mozilla/5.0", "accept": "*/*", **request.get("headers", {})}
    return str(engine.explain({**request, "headers": headers})["action"])


@pytest.mark.usefixtures("crs")
@pytest.mark.parametrize(
    ("value", "action"),
    [
        ("how do I select name, age from users where a union of both is = 1", "allow"),
        ("why does ../../lib/index.js not load in ../../app", "allow"),
        ("shoes' UNION SELECT password FROM users--", "block"),
        ("shoes <img src=x onerror=alert(1)> for running", "block"),
        ("information_schema", "block"),
    ],
)
def test_what_people_search_for_is_weighed(tmp_path: Path, value: str, action: str) -> None:
    """In the parameter and in the request's target, which rules look at as a whole."""
    url = f"http://shop.example/search?q={quote(value, safe='')}&page=1"
    assert asked(tmp_path, {"method": "GET", "url": url}) == action


@pytest.mark.usefixtures("crs")
def test_a_parameter_that_is_no_content_counts_in_the_target(tmp_path: Path) -> None:
    """Taking out what is content takes out nothing else."""
    url = "http://shop.example/search?q=see%20../../lib/index.js%20there&file=..%2f..%2f..%2fetc/passwd"
    assert asked(tmp_path, {"method": "GET", "url": url}) == "block"


@pytest.mark.usefixtures("crs")
@pytest.mark.parametrize(
    ("media", "body", "action"),
    [
        ("text/markdown", "# Notes\n\nRun `cat /etc/hosts`, then select the best from the menu: 1 or 2.\n", "allow"),
        ("text/x-python", "import os\nif a == 1 or b == 2:\n    os.system('ls -l /etc')\n", "allow"),
        ("text/plain", "Dear all, x' UNION SELECT password FROM users--", "block"),
        ("text/plain", "Dear all, <img src=x onerror=alert(1)> and so on", "block"),
        ("text/csv", "id,name\n1,x; cat /etc/passwd\n", "block"),
    ],
)  # fmt: skip
def test_a_body_of_text_is_weighed_by_its_type(tmp_path: Path, media: str, body: str, action: str) -> None:
    """A file that is stored by PUT is content; what breaks out counts, and data is no text."""
    request = {"method": "PUT", "url": "http://shop.example/files/a", "headers": {"content-type": media}}
    assert asked(tmp_path, {**request, "body": body}) == action


@pytest.mark.usefixtures("crs")
@pytest.mark.parametrize(
    ("value", "action"),
    [({"note": "\u65e5\u672c", "by": ["anna", "bob"]}, "allow"), ({"note": "x' or 1=1--"}, "block")],
)
def test_json_in_json_is_looked_at_value_by_value(tmp_path: Path, value: object, action: str) -> None:
    """Its quotes and backslashes as a whole are no attack; its values count as anywhere."""
    text = json.dumps({"inner": json.dumps(value)})
    assert judged(tmp_path, "payload", text)[0] == action
