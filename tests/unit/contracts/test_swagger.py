"""Swagger 2."""

from __future__ import annotations

from pathlib import Path

from starfort.contracts import Parameter
from tests.unit.contracts.support import contract


def test_swagger_2_is_read(tmp_path: Path) -> None:
    """Parameters with types of their own, bodies, forms, files, collection formats, servers and security."""
    found = contract(
        tmp_path,
        "swagger: '2.0'\nhost: a.example\nbasePath: /v1\nschemes: [https, http]\nconsumes: [application/json]\nproduces: [application/json]\n"
        "security: [{key: []}]\nsecurityDefinitions: {key: {type: apiKey, in: query, name: k}, b: {type: basic}}\n"
        "parameters: {Id: {name: id, in: path, required: true, type: integer, format: int64}}\n"
        "definitions: {Pet: {type: object, required: [name], properties: {name: {type: string, x-nullable: true}}}}\n"
        "paths:\n  /pets/{id}:\n    parameters: [{$ref: '#/parameters/Id'}]\n"
        "    put:\n      parameters:\n        - {name: body, in: body, required: true, schema: {$ref: '#/definitions/Pet'}}\n"
        "        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: pipes}\n"
        "      responses: {200: {schema: {$ref: '#/definitions/Pet'}, headers: {X-N: {type: integer}}}}\n"
        "    post:\n      parameters:\n        - {name: photo, in: formData, type: file, required: true}\n"
        "        - {name: tags, in: formData, type: array, items: {type: string}, collectionFormat: multi}\n",
    )  # fmt: skip
    put, post = found.operations
    assert [one.url for one in found.servers] == ["https://a.example/v1", "http://a.example/v1"]
    assert found.schemes["key"].place == "query"
    assert found.schemes["b"].scheme == "basic"
    assert put.parameters == (
        Parameter("id", "path", True, {"type": "integer", "format": "int64"}, "simple", False),
        Parameter(
            "tags", "query", False, {"type": "array", "items": {"type": "string"}}, "pipeDelimited", False
        ),
    )
    assert put.body is not None
    assert (put.body.required, put.body.content[0].schema) == (True, {"$ref": "#/$defs/Pet"})
    assert put.responses[0].content[0].type == "application/json"
    assert put.responses[0].headers[0].schema == {"type": "integer"}
    assert found.definitions["Pet"] == {
        "type": "object", "required": ["name"], "properties": {"name": {"type": ["string", "null"]}},
    }  # fmt: skip
    assert post.body is not None
    form = post.body.content[0]
    assert (form.type, form.schema) == (
        "multipart/form-data",
        {
            "type": "object",
            "properties": {"photo": True, "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["photo"],
        },
    )
    assert form.encoding["tags"].explode
