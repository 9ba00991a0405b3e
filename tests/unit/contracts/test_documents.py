"""Documents of APIs as contracts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from starfort.contracts import Contract, Operation, Parameter, Schema, documents
from starfort.contracts.documents import Documents, ReadDocument
from tests.support.corpora import OWN_DOCUMENTS


def read(folder: Path, text: str, **others: str) -> ReadDocument:
    """A document with the text, and files beside it (`models_yaml="…"` is `models.yaml`)."""
    for name, content in others.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    file = folder / "api.yaml"
    file.write_text(text, encoding="utf-8")
    return documents.read(file)


def contract(folder: Path, text: str, **others: str) -> Contract:
    """The contract of a document that is right."""
    found = read(folder, text, **others)
    assert not found.problems, found.problems
    return found.contract


def operation(folder: Path, text: str, version: str = "3.1.0", **others: str) -> Operation:
    """The one operation of a document with these fields of its `post`."""
    made = contract(folder, f"openapi: {version}\npaths:\n  /a/{{id}}:\n    post:\n{text}", **others)
    return made.operations[0]


def schema_of(folder: Path, schema: Any, version: str = "3.0.3") -> Schema:
    """What becomes of a schema of a body."""
    body = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    text = json.dumps({"openapi": version, "paths": {"/a": {"post": body}}})
    found = contract(folder, text).operations[0].body
    assert found is not None
    return found.content[0].schema


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


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"allOf": [{"type": "object"}], "nullable": True}, {"anyOf": [{"allOf": [{"type": "object"}]}, {"type": "null"}]}),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 1}),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, {"type": "number", "maximum": 1}),
        ({"type": "string", "const": "a", "if": {}, "x-own": 1, "example": 2}, {"type": "string"}),
        ({"type": "int", "maxLength": "5", "required": True, "pattern": 7, "enum": {}, "minimum": "1"}, {}),
        ({"type": {"a": 1}, "items": 3, "allOf": {}, "properties": []}, {"items": True}),
        ({"properties": {"example": {"type": "integer", "readOnly": True}}}, {"properties": {"example": {"type": "integer", "readOnly": True}}}),
    ],
)  # fmt: skip
def test_schemas_of_openapi_3_0_become_json_schema(tmp_path: Path, schema: Any, made: Any) -> None:
    """Null, exclusive bounds, words that 3.0 does not have, and values that a keyword cannot have."""
    assert schema_of(tmp_path, schema) == made


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": ["string", "null"], "const": "a"}, {"type": ["string", "null"], "const": "a"}),
        ({"prefixItems": [True, {"type": "null"}], "items": False}, {"prefixItems": [True, {"type": "null"}], "items": False}),
        ({"items": [{}, {"type": "null"}], "additionalItems": False}, {"prefixItems": [{}, {"type": "null"}], "items": False}),
        ({"dependencies": {"a": ["b"], "c": {"minProperties": 2}}}, {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"minProperties": 2}}}),
        ({"unevaluatedProperties": False, "if": {"maxLength": 2}, "then": True}, {"unevaluatedProperties": False, "if": {"maxLength": 2}, "then": True}),
        (False, False),
    ],
)  # fmt: skip
def test_schemas_of_openapi_3_1_are_json_schema(tmp_path: Path, schema: Any, made: Any) -> None:
    """Keywords of 2020-12 stay, and those of older drafts are translated."""
    assert schema_of(tmp_path, schema, "3.1.0") == made


def test_references_lead_to_definitions(tmp_path: Path) -> None:
    """Through other files, pointers with escapes, anchors and schemas with an `$id`; each once, by its name."""
    found = contract(
        tmp_path,
        "openapi: 3.1.0\npaths:\n  /a:\n    $ref: paths/a.yaml#/a\n  /b: {get: {responses: {200: {$ref: '#/components/responses/Ok'}}}}\n"
        "components:\n  responses: {Ok: {content: {a/b: {schema: {$ref: '#/components/schemas/Order'}}}}}\n"
        "  schemas:\n    Order: {properties: {next: {$ref: '#/components/schemas/Order'}, tag: {$ref: '#tag'}, own: {$ref: '#/components/schemas/Own'}}}\n"
        "    Tag: {$anchor: tag, type: string}\n"
        "    Own: {$id: 'https://a.example/own', items: {$ref: '#/$defs/b~1c'}, $defs: {b/c: {type: integer}}}\n",
        paths__a_yaml="a:\n  get:\n    parameters: [{$ref: '../models.yaml#/parameters/Q'}]\n"
        "    responses: {200: {content: {a/b: {schema: {$ref: '../models.yaml#/Order'}}}}}\n",
        models_yaml="parameters: {Q: {name: q, in: query, schema: {$ref: '#/Order'}}}\nOrder: {type: object}\n",
    )  # fmt: skip
    first, second = found.operations
    assert first.parameters[0].schema == {"$ref": "#/$defs/Order"}
    assert first.responses[0].content[0].schema == {"$ref": "#/$defs/Order"}
    assert first.location == "a.yaml#/a/get"
    assert second.location == "#/paths/~1b/get"
    assert second.responses[0].content[0].schema == {"$ref": "#/$defs/Order_2"}
    assert found.definitions["Order"] == {"type": "object"}
    assert found.definitions["Order_2"] == {
        "properties": {
            "next": {"$ref": "#/$defs/Order_2"},
            "tag": {"$ref": "#/$defs/Tag"},
            "own": {"$ref": "#/$defs/Own"},
        }
    }
    assert found.definitions["b_c"] == {"type": "integer"}


def test_a_schema_that_is_only_itself_fits_everything(tmp_path: Path) -> None:
    """Directly and through others; a validator would never end. One that contains itself stays."""
    found = read(
        tmp_path,
        "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {content: {a/b: {schema: {allOf: [\n"
        "  {$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/C'}, {$ref: '#/components/schemas/T'}]}}}}}}}}\n"
        "components: {schemas: {A: {allOf: [{$ref: '#/components/schemas/B'}]}, B: {anyOf: [{$ref: '#/components/schemas/A'}, {type: string}]},\n"
        "  C: {$ref: '#/components/schemas/C'}, T: {properties: {t: {$ref: '#/components/schemas/T'}}}}}\n",
    )
    definitions = found.contract.definitions
    assert definitions["T"] == {"properties": {"t": {"$ref": "#/$defs/T"}}}
    assert {"anyOf": [{}, {"type": "string"}]} in definitions.values() or {
        "allOf": [{}]
    } in definitions.values()
    assert [one.what for one in found.warnings if "by itself alone" in one.what]
    assert any("leads in a circle" in one.what for one in found.warnings)


def test_discriminators_name_definitions(tmp_path: Path) -> None:
    """By name of schema, by mapping, and by the alternatives themselves, any of which may fit."""
    made = contract(
        tmp_path,
        "openapi: 3.0.3\npaths: {/a: {post: {requestBody: {content: {a/b: {schema: {\n"
        "  oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}],\n"
        "  discriminator: {propertyName: kind, mapping: {d: Dog, c: '#/components/schemas/Cat'}}}}}}}}}\n"
        "components: {schemas: {Cat: {type: object}, Dog: {type: object}}}\n",
    )
    body = made.operations[0].body
    assert body is not None
    cat, dog = "#/$defs/Cat", "#/$defs/Dog"
    assert body.content[0].schema == {
        "anyOf": [{"$ref": cat}, {"$ref": dog}],
        "discriminator": {"propertyName": "kind", "mapping": {"Cat": cat, "Dog": dog, "c": cat, "d": dog}},
    }


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
            "properties": {"photo": {}, "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["photo"],
        },
    )
    assert form.encoding["tags"].explode


def test_operations_that_differ_in_the_query_are_one(tmp_path: Path) -> None:
    """Calls of each of them fit, because a query is no part of a path."""
    found = contract(
        tmp_path,
        "openapi: 3.0.0\npaths:\n  /?do=a: {get: {parameters: [{name: x, in: query, required: true, schema: {type: integer}}]}}\n"
        "  /?do=b: {get: {parameters: [{name: y, in: query, required: true}]}}\n",
    )
    assert [(one.method, one.path) for one in found.operations] == [("GET", "/")]
    assert {one.name: one.required for one in found.operations[0].parameters} == {"x": False, "y": False}


@pytest.mark.parametrize(
    ("text", "line", "pointer"),
    [
        ("openapi: 3.1.0\npaths:\n  /a:\n    get: 7\n", 4, "#/paths/~1a/get"),
        ('{"openapi": "3.1.0",\n"paths": {\n"/a": {"get": []}}}', 3, "#/paths/~1a/get"),
        ("openapi: 3.1.0\npaths:\n  a: {}\n", 3, "#/paths/a"),
        ("openapi: '5'\n", 1, "#/openapi"),
        ("swagger: 1.2\n", 1, "#/swagger"),
    ],
)
def test_problems_have_line_and_pointer(tmp_path: Path, text: str, line: int, pointer: str) -> None:
    """In YAML and in JSON."""
    (problem,) = read(tmp_path, text).problems
    assert (problem.line, problem.pointer) == (line, pointer)


def test_a_broken_file_beside_is_a_problem_there(tmp_path: Path) -> None:
    """With the line of that file; the document is not used."""
    found = read(tmp_path, "openapi: 3.1.0\npaths: {/a: {$ref: b.yaml}}\n", b_yaml="get:\n  - {\n")
    assert (tmp_path / "b.yaml", 3) in [(one.file, one.line) for one in found.problems]


@pytest.mark.parametrize(
    "reference", ["../secret.yaml", "/etc/hosts", "file:///etc/hosts", "https://a.example/x.yaml", "link.yaml", "a%2F..%2F..%2Fsecret.yaml"]
)  # fmt: skip
def test_nothing_outside_the_folder_is_read(tmp_path: Path, reference: str) -> None:
    """By dots, as a root path, as a URL, through a link, or with escapes."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret.yaml").write_text("get: {operationId: secret}\n")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    found = read(folder, f"openapi: 3.1.0\npaths: {{/a: {{$ref: '{reference}'}}}}\n")
    assert len(found.problems) == 1
    assert "secret" not in repr(found.contract)


def test_aliases_cannot_fill_the_memory(tmp_path: Path) -> None:
    """A few lines of aliases of aliases are refused, and one that contains itself too."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = read(tmp_path, "openapi: 3.1.0\n" + "\n".join(lines)).problems
    assert "aliases stand for too much" in problem.what
    (problem,) = read(tmp_path, "openapi: 3.1.0\npaths: &p {/a: *p}\n").problems
    assert "no anchor before it" in problem.what


def test_deep_schemas_are_read_to_a_depth(tmp_path: Path) -> None:
    """What is deeper may be anything, and nothing crashes."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(140):
        schema = {"items": schema}
    assert schema_of(tmp_path, schema)
    text = '{"items":' * 3000 + "{}" + "}" * 3000
    (problem,) = read(tmp_path, f'{{"openapi": "3.1.0", "x": {text}}}').problems
    assert "deeply" in problem.what


def test_unchanged_documents_are_the_same_object(tmp_path: Path) -> None:
    """Until one of their files changes, appears or goes."""
    text = "openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {$ref: 'b.yaml'}}}}}\n"
    first = read(tmp_path, text, b_yaml="description: x\n")
    kept = Documents()
    one = kept.read(first.file)
    assert kept.read(first.file) is one
    (tmp_path / "b.yaml").write_text("content: {a/b: {}}\n")
    other = kept.read(first.file)
    assert other is not one
    assert other.contract.operations[0].responses[0].content
    (tmp_path / "b.yaml").unlink()
    gone = kept.read(first.file)
    assert gone.warnings
    (tmp_path / "b.yaml").write_text("content: {a/b: {}}\n")
    assert not kept.read(first.file).warnings


@pytest.mark.parametrize("document", OWN_DOCUMENTS, ids=lambda path: path.stem)
def test_yaml_and_json_are_one_contract(document: Path, tmp_path: Path) -> None:
    """The same document in either form says the same."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(yaml.safe_load(document.read_text(encoding="utf-8")), default=str))
    assert documents.read(file).contract == documents.read(document).contract
