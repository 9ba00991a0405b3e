"""Schemas of documents as JSON Schema 2020-12."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.contracts.support import contract, read, schema_of


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"allOf": [{"type": "object"}], "nullable": True}, {"anyOf": [{"allOf": [{"type": "object"}]}, {"type": "null"}]}),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, {"type": "number", "exclusiveMinimum": 1}),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, {"type": "number", "maximum": 1}),
        ({"type": "string", "const": "a", "if": {}, "x-own": 1, "example": 2}, {"type": "string"}),
        ({"type": "int", "maxLength": "5", "required": True, "pattern": 7, "enum": {}, "minimum": "1"}, True),
        ({"type": {"a": 1}, "items": 3, "allOf": {}, "properties": []}, {"items": True}),
        ({"maxLength": 10**30, "minItems": 1e300, "minimum": 10**400, "maximum": 1e308, "enum": ["a", [10**400]], "multipleOf": float("inf")}, {"maxLength": 2**63 - 1, "minItems": 2**63 - 1, "maximum": 1e308}),
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


def test_deep_schemas_are_read_to_a_depth(tmp_path: Path) -> None:
    """What is deeper may be anything, and nothing crashes."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(140):
        schema = {"items": schema}
    assert schema_of(tmp_path, schema)
    text = '{"items":' * 3000 + "{}" + "}" * 3000
    (problem,) = read(tmp_path, f'{{"openapi": "3.1.0", "x": {text}}}').problems
    assert "deeply" in problem.what
