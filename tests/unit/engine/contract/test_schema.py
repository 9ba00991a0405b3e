"""Documents of each dialect, from the file to what the engine says of a body."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from starfort import _engine, bundle, config
from starfort.compile.compiler import compile_config

SUITE: Final = Path(os.environ.get("STARFORT_JSON_SCHEMA_SUITE", "build/json-schema-test-suite"))
needs_suite = pytest.mark.skipif(
    not (SUITE / "tests").is_dir(),
    reason=f"{SUITE} has no test suite of JSON Schema: scripts/fetch-json-schema",
)

WORDS_OF_3_0: Final = frozenset({
    "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems",
    "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type", "not", "allOf", "oneOf", "anyOf", "items", "properties",
    "additionalProperties",
})  # fmt: skip
"""Keywords that a schema of OpenAPI 3.0.3 has and that assert something."""


def _engine_of(folder: Path, version: str, schemas: list[Any], definitions: Any = None) -> _engine.Engine:
    def item(schema: Any) -> Any:
        content = {"application/json": {"schema": schema}}
        return {"post": {"requestBody": {"content": content}, "responses": {"200": {"description": "-"}}}}

    document = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {f"/s{number}": item(schema) for number, schema in enumerate(schemas)},
        "components": {"schemas": definitions or {}},
    }
    (folder / "api.json").write_text(json.dumps(document), encoding="utf-8")
    file = folder / "starfort.yaml"
    file.write_text(
        f"""\
version: 1
data_dir: {folder}
listeners: [{{name: public, address: 127.0.0.1:8080}}]
upstreams: [{{name: x, addresses: [127.0.0.1:9001]}}]
rules: {{sets: []}}
apis: [{{name: x, upstream: x, openapi: api.json, contract: {{mode: enforce}}}}]
""",
        encoding="utf-8",
    )
    made = compile_config(config.load(file), hash_key=bytes(32), signal_kinds=())
    return _engine.Engine(bundle.encode(made.bundle))


def _said(engine: _engine.Engine, number: int, value: Any) -> list[str]:
    body = json.dumps(value).encode()
    headers = [("content-type", b"application/json")]
    said = engine.explain({"method": "POST", "url": f"http://x/s{number}", "headers": headers, "body": body})
    return list(said["contract"])


def _is_of_3_0(schema: Any, *, is_map: bool = False) -> bool:
    if isinstance(schema, bool):
        return True
    if is_map:
        return all(isinstance(inner, dict) and _is_of_3_0(inner) for inner in schema.values())
    if (
        not set(schema) <= WORDS_OF_3_0
        or isinstance(schema.get("type"), list)
        or isinstance(schema.get("items"), list)
    ):
        return False
    for word, inner in schema.items():
        inners = inner if word in {"allOf", "anyOf", "oneOf"} else [inner] if isinstance(inner, dict) else []
        if word != "enum" and not all(_is_of_3_0(one, is_map=word == "properties") for one in inners):
            return False
    # 3.0 asks for `nullable` beside a null of `enum`, and for a type null there is nothing but that.
    return schema.get("type") != "null" and None not in schema.get("enum", [])


def _groups() -> Iterator[tuple[str, Any, list[Any]]]:
    for file in sorted((SUITE / "tests" / "draft4").glob("*.json")):
        for group in json.loads(file.read_text(encoding="utf-8")):
            if _is_of_3_0(group["schema"]):
                yield f"{file.stem}: {group['description']}", group["schema"], group["tests"]


@needs_suite
def test_openapi_3_0_passes_the_suite_of_its_draft(tmp_path: Path) -> None:
    """OpenAPI 3.0's schemas are draft 4's without some keywords: every such test of the suite comes out as it should."""
    groups = list(_groups())
    engine = _engine_of(tmp_path, "3.0.3", [schema for _, schema, _ in groups])
    wrong = [
        f"{name}: {test['description']}"
        for number, (name, _, tests) in enumerate(groups)
        for test in tests
        if (_said(engine, number, test["data"]) == []) != test["valid"]
    ]
    assert wrong == []
    assert sum(len(tests) for _, _, tests in groups) > 300


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"type": "string", "nullable": True}, ["a", None], [1]),
        ({"type": "string", "nullable": True, "enum": ["a", None]}, ["a", None], ["b"]),
        ({"type": "integer", "minimum": 1, "exclusiveMinimum": True}, [2], [1]),
        ({"type": "integer", "maximum": 9, "exclusiveMaximum": False}, [9], [10]),
        ({"type": "object", "properties": {"a": {"type": "integer", "nullable": True}}, "required": ["a"]}, [{"a": None}], [{}, {"a": "x"}]),
        ({"$ref": "#/components/schemas/Pet"}, [{"kind": "cat", "lives": 9}, {"kind": "dog", "barks": True}], [{"kind": "cat", "lives": "x"}, {"kind": "dog"}, {}]),
        ({"allOf": [{"$ref": "#/components/schemas/Cat"}], "nullable": True}, [None, {"kind": "cat", "lives": 1}], [{"kind": "cat"}]),
        ({"type": "array", "items": {"type": "string", "format": "date"}}, [["2024-01-31"]], [["2024-02-31"]]),
        ({"type": "integer", "format": "int32"}, [2147483647], [2147483648]),
        ({"type": "object", "properties": {"id": {"type": "integer", "readOnly": True}}, "required": ["id"]}, [{}], [{"id": "x"}]),
    ],
)  # fmt: skip
def test_words_that_only_openapi_3_0_has(
    tmp_path: Path, schema: Any, right: list[Any], wrong: list[Any]
) -> None:
    """Null, exclusive bounds, discriminators and read-only fields hold in the engine as the document means them."""
    pet = {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}], "discriminator": {
        "propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"}}}  # fmt: skip
    cat = {
        "type": "object",
        "required": ["kind", "lives"],
        "properties": {"kind": {"type": "string"}, "lives": {"type": "integer"}},
    }
    dog = {
        "type": "object",
        "required": ["kind", "barks"],
        "properties": {"kind": {"type": "string"}, "barks": {"type": "boolean"}},
    }
    engine = _engine_of(tmp_path, "3.0.3", [schema], {"Pet": pet, "Cat": cat, "Dog": dog})
    for value in right:
        assert _said(engine, 0, value) == [], value
    for value in wrong:
        assert _said(engine, 0, value) != [], value
