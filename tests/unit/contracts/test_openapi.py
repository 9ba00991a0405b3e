"""OpenAPI 3."""

from __future__ import annotations

from pathlib import Path

from starfort.contracts import Parameter
from tests.unit.contracts.support import contract, operation


def test_parameters_have_style_and_explode(tmp_path: Path) -> None:
    """Written ones, and the defaults of each place; those of the path count unless the operation has its own."""
    found = contract(
        tmp_path,
        "openapi: 3.1.0\npaths:\n  /a/{id}:\n    parameters:\n"
        "      - {name: id, in: path, schema: {type: string}}\n"
        "      - {name: q, in: query, schema: {type: string}}\n"
        "    get:\n      parameters:\n"
        "        - {name: q, in: query, required: true, style: deepObject, schema: {type: object}}\n"
        "        - {name: X-Id, in: header, deprecated: true, schema: {type: array}}\n"
        "        - {name: sid, in: cookie}\n"
        "        - {name: f, in: query, content: {application/json: {schema: {type: array}}}}\n"
        "        - {name: Authorization, in: header, required: true}\n"
        "        - {name: gone, in: path}\n",
    )
    assert found.operations[0].parameters == (
        Parameter("id", "path", required=True, schema={"type": "string"}, style="simple", explode=False),
        Parameter("q", "query", required=True, schema={"type": "object"}, style="deepObject", explode=False),
        Parameter("X-Id", "header", schema={"type": "array"}, style="simple", explode=False, deprecated=True),
        Parameter("sid", "cookie"),
        Parameter("f", "query", schema={"type": "array"}, media_type="application/json"),
    )


def test_bodies_and_answers_are_read(tmp_path: Path) -> None:
    """Media types without parameters, streams, encodings; statuses, classes and headers."""
    found = operation(
        tmp_path,
        "      requestBody:\n        required: true\n        content:\n"
        "          application/json; charset=utf-8: {schema: {type: object}}\n"
        "          application/jsonl: {itemSchema: {type: integer}}\n"
        "          multipart/form-data: {schema: {type: object}, encoding: {f: {contentType: 'image/png, image/jpeg'}}}\n"
        "      responses:\n        200: {description: ok, headers: {X-A: {schema: {type: integer}}, Content-Type: {}}}\n"
        "        4xx: {content: {'*/*': {}}}\n        default: {description: x}\n        oops: {}\n",
        "3.2.0",
    )
    assert found.body is not None
    assert found.body.required
    json_body, lines, form = found.body.content
    assert (json_body.type, json_body.schema) == ("application/json", {"type": "object"})
    assert lines.item_schema == {"type": "integer"}
    assert form.encoding["f"].content_types == ("image/png", "image/jpeg")
    assert [one.status for one in found.responses] == ["200", "4XX", "default"]
    assert [one.name for one in found.responses[0].headers] == ["X-A"]
    assert [one.type for one in found.responses[1].content] == ["*/*"]


def test_one_media_type_twice_may_be_either(tmp_path: Path) -> None:
    """Versions of JSON by parameter of the media type are no two types to a contract, so both fit."""
    found = operation(
        tmp_path,
        "      requestBody: {content: {'a/json;v=1': {schema: {type: string}}, 'a/json;v=2': {schema: {type: object}}}}\n",
    )
    assert found.body is not None
    assert found.body.content[0].schema == {"anyOf": [{"type": "string"}, {"type": "object"}]}


def test_security_is_a_list_of_alternatives(tmp_path: Path) -> None:
    """The document's own counts unless an operation has one; an empty list asks for nothing."""
    found = contract(
        tmp_path,
        "openapi: 3.1.0\nsecurity: [{key: []}, {oauth: [read], mtls: []}]\n"
        "paths: {/a: {get: {}, put: {security: []}, post: {security: [{}, {key: []}]}}}\n"
        "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key},\n"
        "  oauth: {type: oauth2, flows: {implicit: {scopes: {read: r, write: w}}}},\n"
        "  bearer: {type: http, scheme: Bearer, bearerFormat: JWT}, odd: {type: [1]}}}\n",
    )
    get, put, post = found.operations
    assert get.security == ({"key": ()}, {"oauth": ("read",), "mtls": ()})
    assert put.security == ()
    assert post.security == ({}, {"key": ()})
    assert (found.schemes["key"].kind, found.schemes["key"].place, found.schemes["key"].name) == (
        "apiKey",
        "header",
        "X-Key",
    )
    assert found.schemes["oauth"].scopes == ("read", "write")
    assert (found.schemes["bearer"].scheme, found.schemes["bearer"].bearer_format) == ("bearer", "JWT")
    assert found.schemes["odd"].kind == "unknown"
    assert contract(tmp_path, "openapi: 3.1.0\npaths: {/a: {get: {}}}\n").operations[0].security is None
