"""Documents become the requests that a client which read them sends."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.quality import openapi, values
from benchmarks.quality.sample import Sample, chance

SCHEMA = {
    "type": "object",
    "required": ["name", "size"],
    "properties": {
        "name": {"type": "string", "example": "O'Brien"},
        "size": {"type": "integer", "minimum": 3, "maximum": 5},
        "kind": {"enum": ["a", "b"]},
        "made": {"type": "string", "readOnly": True},
        "self": {"$ref": "#/components/schemas/Thing"},
    },
}


def document(path: str, method: str, operation: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document with one operation."""
    return {
        "openapi": "3.0.3",
        "servers": [{"url": "https://{region}.example.com/v1/", "variables": {"region": {"default": "eu"}}}],
        "paths": {path: {method: operation}},
        "components": {"schemas": {"Thing": SCHEMA}, **more},
    }


def requests(content: dict[str, Any]) -> list[Sample]:
    """What it is expanded to."""
    return list(openapi.of_document(content, "test"))


def header(sample: Sample, name: str) -> str:
    """The only value of a header."""
    (value,) = [each for key, each in sample.headers if key == name]
    return str(value)


def test_the_server_gives_host_and_base_path_with_its_variables_set() -> None:
    """A variable stands for its default."""
    (sample,) = requests(document("/things", "get", {}))
    assert (header(sample, "host"), sample.target) == ("eu.example.com", "/v1/things")


def test_parameters_are_sent_by_their_style() -> None:
    """Exploded, joined and deep ones differ; what stands in a path is encoded."""
    parameters = [
        {"name": "id", "in": "path", "required": True, "example": "a/b c"},
        {"name": "tags", "in": "query", "example": ["x", "y"], "required": True},
        {"name": "ids", "in": "query", "example": [1, 2], "explode": False, "required": True},
        {"name": "filter", "in": "query", "style": "deepObject", "example": {"gte": 1}, "required": True},
        {"name": "X-Trace", "in": "header", "example": "t1", "required": True},
        {"name": "lang", "in": "cookie", "example": "de", "required": True},
    ]
    (sample,) = requests(document("/things/{id}", "get", {"parameters": parameters}))
    assert sample.target == "/v1/things/a%2Fb%20c?tags=x&tags=y&ids=1,2&filter[gte]=1"
    assert (header(sample, "x-trace"), header(sample, "cookie")) == ("t1", "lang=de")


def test_every_example_of_a_body_is_a_request() -> None:
    """Each value of `examples`, behind references too, and its row says that it is one."""
    content = {
        "application/json": {
            "examples": {"one": {"value": {"n": 1}}, "two": {"$ref": "#/components/examples/Two"}}
        }
    }
    found = requests(
        document(
            "/things", "post", {"requestBody": {"content": content}}, examples={"Two": {"value": {"n": 2}}}
        )
    )
    assert sorted(json.loads(each.body)["n"] for each in found) == [1, 2]
    assert {each.kind for each in found} == {"documents: example json"}


def test_a_body_without_examples_is_made_from_its_schema() -> None:
    """Required members are there, within their bounds; what only answers hold is not; a schema that holds itself ends."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
    for sample in requests(document("/things", "put", {"requestBody": {"content": content}})):
        made = json.loads(sample.body)
        assert made["name"] == "O'Brien"
        assert 3 <= made["size"] <= 5
        assert "made" not in made


def test_forms_files_and_credentials_are_sent_as_their_kinds_are() -> None:
    """A binary property is a file; a bearer scheme is a header."""
    schema = {
        "type": "object",
        "required": ["f"],
        "properties": {"f": {"type": "string", "format": "binary"}},
    }
    operation = {
        "requestBody": {"content": {"multipart/form-data": {"schema": schema}}},
        "security": [{"b": []}],
    }
    for sample in requests(
        document("/files", "post", operation, securitySchemes={"b": {"type": "http", "scheme": "bearer"}})
    ):
        assert b"filename" in sample.body
        assert header(sample, "content-type").startswith("multipart/form-data; boundary=")
        assert header(sample, "authorization").startswith("Bearer ")
        assert header(sample, "content-length") == str(len(sample.body))


def test_the_same_document_gives_the_same_requests() -> None:
    """Figures of two runs are comparable."""
    content = document(
        "/things", "post", {"requestBody": {"content": {"application/json": {"schema": SCHEMA}}}}
    )
    assert requests(content) == requests(content)


def test_what_is_no_document_is_no_error() -> None:
    """Public documents hold all sorts of mistakes."""
    odd: list[Any] = [
        [],
        {},
        {"paths": []},
        {"paths": {"/a": None, "/b": {"get": {"parameters": [None, {"$ref": "#/x"}]}}}},
    ]
    for content in odd:
        assert all(isinstance(each, Sample) for each in openapi.of_document(content, "odd"))


def test_strings_are_made_for_patterns_that_are_simple() -> None:
    """A value that its own schema refuses would say nothing of an API."""
    rng = chance("patterns")
    made = values.of_pattern(rng, r"^[A-Z]{2}\d{3}(-x|-y)?$")
    assert made is not None
    assert 5 <= len(made) <= 7
    assert values.of_pattern(rng, r"(?=a)b") is None


def test_documents_of_the_judges_part_are_not_read() -> None:
    """Providers from n on are held back: nothing is measured with them here."""
    for path in openapi.documents(quick=True):
        assert path.parent == openapi.CORPUS or path.relative_to(openapi.PACKAGE).parts[0][0].lower() < "n"
