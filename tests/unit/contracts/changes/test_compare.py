"""Changes between two contracts. Codes and levels are those of oasdiff."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest

from starfort.contracts import (
    Body,
    Contract,
    Media,
    Operation,
    Parameter,
    Response,
    SecurityScheme,
)
from starfort.contracts.changes import Level, compare
from starfort.contracts.changes.compare import MAX_CHANGES

TODAY = date(2026, 6, 1)


def contract(operation: Operation | None = None, **fields: Any) -> Contract:
    """A contract with one operation."""
    operations = (operation,) if operation else ()
    return Contract("shop", **({"operations": operations} | fields))


def found(old: Contract, new: Contract) -> set[tuple[str, Level]]:
    """Codes and levels of what changed."""
    return {(one.code, one.level) for one in compare(old, new, TODAY)}


def request(schema: Any, **fields: Any) -> Contract:
    """A contract whose body of a request has a schema."""
    return contract(Operation("POST", "/a", body=Body(False, (Media("application/json", schema),))), **fields)


def response(schema: Any, **fields: Any) -> Contract:
    """A contract whose answer has a schema."""
    answer = Response("200", content=(Media("application/json", schema),))
    return contract(Operation("POST", "/a", responses=(answer,)), **fields)


def obj(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    """An object's schema."""
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


OP = Operation("GET", "/a/{id}")


@pytest.mark.parametrize(
    ("old", "new", "code", "level"),
    [
        (contract(OP), contract(OP, operations=()), "api-path-removed-without-deprecation", "error"),
        (
            contract(operations=(OP, Operation("PUT", "/a/{id}"))),
            contract(OP),
            "api-removed-without-deprecation",
            "error",
        ),
        (contract(), contract(OP), "endpoint-added", "info"),
        (contract(OP), contract(dataclasses.replace(OP, deprecated=True)), "endpoint-deprecated", "info"),
        (
            contract(dataclasses.replace(OP, deprecated=True)),
            contract(),
            "api-path-removed-with-deprecation",
            "info",
        ),
        (
            contract(dataclasses.replace(OP, deprecated=True, sunset="2027-01-01")),
            contract(),
            "api-path-removed-before-sunset",
            "error",
        ),
        (
            contract(dataclasses.replace(OP, deprecated=True, sunset="2026-01-01")),
            contract(),
            "api-path-removed-with-deprecation",
            "info",
        ),
        (
            contract(dataclasses.replace(OP, deprecated=True, sunset="2027-01-01")),
            contract(dataclasses.replace(OP, deprecated=True, sunset="2026-10-01")),
            "api-sunset-date-changed-earlier",
            "error",
        ),
        (
            contract(dataclasses.replace(OP, stability="beta")),
            contract(dataclasses.replace(OP, stability="alpha")),
            "api-stability-decreased",
            "error",
        ),
        (
            contract(OP),
            contract(dataclasses.replace(OP, security=({"k": ()},))),
            "api-security-anonymous-access-removed",
            "error",
        ),
        (
            contract(dataclasses.replace(OP, security=({"k": ()}, {"o": ()}))),
            contract(dataclasses.replace(OP, security=({"k": ()},))),
            "api-security-removed",
            "error",
        ),
        (
            contract(dataclasses.replace(OP, security=({"o": ("r",)},))),
            contract(dataclasses.replace(OP, security=({"o": ("r", "w")},))),
            "api-security-scope-added",
            "error",
        ),
        (
            contract(schemes={"k": SecurityScheme("apiKey", "header", "X")}),
            contract(schemes={"k": SecurityScheme("apiKey", "query", "X")}),
            "api-security-component-api-key-in-changed",
            "error",
        ),
    ],
)
def test_operations_are_compared(old: Contract, new: Contract, code: str, level: Level) -> None:
    """What comes, goes, is deprecated, or asks for other credentials."""
    assert (code, level) in found(old, new)
    assert not found(old, old)


@pytest.mark.parametrize(
    ("old", "new", "code", "level"),
    [
        (None, Parameter("q", "query"), "new-optional-request-parameter", "info"),
        (None, Parameter("q", "query", required=True), "new-required-request-parameter", "error"),
        (Parameter("q", "query"), None, "request-parameter-removed", "warning"),
        (
            Parameter("q", "query", deprecated=True),
            None,
            "request-parameter-removed-with-deprecation",
            "info",
        ),
        (
            Parameter("q", "query"),
            Parameter("q", "query", required=True),
            "request-parameter-became-required",
            "error",
        ),
        (
            Parameter("q", "query", schema={"type": "integer", "maximum": 9}),
            Parameter("q", "query", schema={"type": "integer", "maximum": 5}),
            "request-parameter-max-decreased",
            "error",
        ),
        (
            Parameter("q", "query", schema={"type": "integer"}),
            Parameter("q", "query", schema={"type": "string"}),
            "request-parameter-type-generalized",
            "info",
        ),
        (
            Parameter("q", "query", schema={"type": "string"}),
            Parameter("q", "query", schema={"type": "array", "items": {"type": "string"}}),
            "request-parameter-type-generalized",
            "info",
        ),
        (
            Parameter("q", "query", schema={"type": "array"}),
            Parameter("q", "query", schema={"type": "array"}, style="pipeDelimited", explode=False),
            "request-parameter-serialization-changed",
            "error",
        ),
        (
            Parameter("X-A", "header", schema={"enum": ["a", "b"]}),
            Parameter("x-a", "header", schema={"enum": ["a"]}),
            "request-parameter-enum-value-removed",
            "error",
        ),
    ],
)
def test_parameters_are_compared(
    old: Parameter | None, new: Parameter | None, code: str, level: Level
) -> None:
    """What comes, goes, is asked for, or is written in another way."""
    before, after = (
        contract(dataclasses.replace(OP, parameters=(one,) if one else ())) for one in (old, new)
    )
    assert found(before, after) == {(code, level)}


S = {"type": "string"}


@pytest.mark.parametrize(
    ("old", "new", "in_request", "in_response"),
    [
        (obj(a=S), obj(["b"], a=S, b=S), ("new-required-request-property", "error"), ("response-required-property-added", "info")),
        (obj(a=S), obj(a=S, b=S), ("new-optional-request-property", "info"), ("response-optional-property-added", "info")),
        (obj(["a"], a=S), obj(), ("request-property-removed", "warning"), ("response-required-property-removed", "error")),
        (obj(a=S), obj(), ("request-property-removed", "warning"), ("response-optional-property-removed", "info")),
        (obj(a=S), obj(["a"], a=S), ("request-property-became-required", "error"), ("response-property-became-required", "info")),
        (obj(["a"], a=S), obj(a=S), ("request-property-became-optional", "info"), ("response-property-became-optional", "error")),
        (obj(a=S), obj(a={"type": "integer"}), ("request-property-type-changed", "error"), ("response-property-type-changed", "error")),
        (obj(a={"type": "integer"}), obj(a={"type": "number"}), ("request-property-type-generalized", "info"), ("response-property-type-generalized", "error")),
        (obj(a={"type": "number"}), obj(a={"type": "integer"}), ("request-property-type-changed", "error"), ("response-property-type-specialized", "info")),
        (obj(a=S), obj(a=S | {"format": "uuid"}), ("request-property-type-changed", "error"), ("response-property-type-specialized", "info")),
        (obj(a=S), obj(a={"type": ["string", "null"]}), ("request-property-became-nullable", "info"), ("response-property-became-nullable", "error")),
        (obj(a={"type": ["string", "null"]}), obj(a=S), ("request-property-became-not-nullable", "error"), ("response-property-became-not-nullable", "info")),
        (obj(a=S), obj(a=S | {"enum": ["x"]}), ("request-property-became-enum", "error"), ("response-property-became-enum", "info")),
        (obj(a={"enum": ["x"]}), obj(a={"enum": ["x", "y"]}), ("request-property-enum-value-added", "info"), ("response-property-enum-value-added", "error")),
        (obj(a=S), obj(a=S | {"maxLength": 5}), ("request-property-max-length-set", "error"), ("response-property-max-length-set", "info")),
        (obj(a={"minLength": 5}), obj(a={"minLength": 3}), ("request-property-min-length-decreased", "info"), ("response-property-min-length-decreased", "error")),
        (obj(a=S), obj(a=S | {"pattern": "^a"}), ("request-property-pattern-added", "error"), ("response-property-pattern-added", "info")),
        (obj(a={"pattern": "b"}), obj(a={"pattern": "a"}), ("request-property-pattern-changed", "warning"), ("response-property-pattern-changed", "warning")),
        (obj(a={"items": S}), obj(a={"items": {"type": "null"}}), ("request-property-became-nullable", "info"), ("response-property-became-nullable", "error")),
        (obj(a={"anyOf": [S, {"type": "integer"}]}), obj(a={"anyOf": [S]}), ("request-property-any-of-removed", "error"), ("response-property-any-of-removed", "info")),
        (obj(a={"allOf": [S]}), obj(a={"allOf": [S, {"maxLength": 3}]}), ("request-property-all-of-added", "error"), ("response-property-all-of-added", "info")),
        (obj(), obj() | {"additionalProperties": False}, ("request-body-additional-properties-added", "error"), ("response-body-additional-properties-added", "info")),
        (obj(a=S), obj(a=S | {"default": "x"}), ("request-property-default-value-added", "info"), ("response-property-default-value-added", "info")),
        (obj(a=S), {"oneOf": [obj(a=S), {"type": "null", "title": "x"}, S]}, ("request-body-wrapped-in-one-of-original-preserved", "warning"), ("response-body-wrapped-in-one-of-original-preserved", "warning")),
    ],
)  # fmt: skip
def test_schemas_are_compared_by_side(
    old: Any, new: Any, in_request: tuple[str, Level], in_response: tuple[str, Level]
) -> None:
    """What narrows breaks requests, what widens breaks answers."""
    assert in_request in found(request(old), request(new))
    assert in_response in found(response(old), response(new))


def test_what_only_answers_have_breaks_no_request() -> None:
    """And the other way round."""
    old = obj(a=S | {"readOnly": True}, b=S | {"writeOnly": True})
    new = obj(["a", "b"], a=S | {"readOnly": True, "maxLength": 3}, b=S | {"writeOnly": True})
    assert {one for one in found(request(old), request(new)) if one[1] == "error"} == {
        ("request-property-became-required", "error")
    }
    wider = obj(a=S, b={"writeOnly": True})
    assert ("response-property-type-generalized", "info") in found(response(old), response(wider))


def test_the_same_in_other_words_is_no_change() -> None:
    """Names of path parameters and definitions, order, nullable in either form, references or none."""
    old = request(
        {"$ref": "#/$defs/A"},
        definitions={"A": obj(a={"type": ["string", "null"]}, n={"$ref": "#/$defs/A"})},
    )
    new = request(
        {"$ref": "#/$defs/B"},
        definitions={"B": obj(n={"$ref": "#/$defs/B"}, a={"anyOf": [{"type": "null"}, S]})},
    )
    assert found(old, new) == set()
    one = Operation("GET", "/a/{id}", parameters=(Parameter("id", "path", True, S),))
    other = Operation("GET", "/a/{key}", parameters=(Parameter("key", "path", True, S),))
    assert found(contract(one), contract(other)) == set()
    alternatives = {"oneOf": [S, {"type": "integer"}]}
    assert found(request(alternatives), request({"oneOf": alternatives["oneOf"][::-1]})) == set()


def test_changes_say_where() -> None:
    """Method, path, part and the way through the schema."""
    (change,) = compare(
        response(obj(items={"type": "array", "items": obj(["id"], id=S)})),
        response(obj(items={"type": "array", "items": obj(id=S)})),
    )
    assert (change.method, change.path) == ("POST", "/a")
    assert change.where == "response 200 application/json #/items/*/id"


def test_schemas_that_contain_themselves_end() -> None:
    """Also when the circle is as long as one likes, and changes are kept to a number."""
    definitions = {f"D{n}": obj(next={"$ref": f"#/$defs/D{(n + 1) % 500}"}) for n in range(500)}
    new = {name: obj(["x"], x=S, **one["properties"]) for name, one in definitions.items()}
    start = {"$ref": "#/$defs/D0"}
    assert found(request(start, definitions=definitions), request(start, definitions=new))
    many = {f"p{n}": S for n in range(MAX_CHANGES)}
    assert len(compare(request(obj()), request(obj(**many)))) <= MAX_CHANGES


@pytest.mark.parametrize(
    ("old", "new", "code", "level"),
    [
        (Response("200"), None, "response-success-status-removed", "error"),
        (Response("404"), None, "response-non-success-status-removed", "info"),
        (None, Response("201"), "response-success-status-added", "info"),
        (Response("200", content=(Media("a/b"),)), Response("200"), "response-media-type-removed", "error"),
        (Response("200"), Response("200", content=(Media("a/b"),)), "response-media-type-added", "info"),
        (
            Response("200", (Parameter("X-A", "header", True),)),
            Response("200"),
            "required-response-header-removed",
            "error",
        ),
        (
            Response("200", (Parameter("X-A", "header", True),)),
            Response("200", (Parameter("x-a", "header"),)),
            "response-header-became-optional",
            "error",
        ),
    ],
)
def test_answers_are_compared(old: Response | None, new: Response | None, code: str, level: Level) -> None:
    """Statuses, media types and headers."""
    before, after = (contract(dataclasses.replace(OP, responses=(one,) if one else ())) for one in (old, new))
    assert found(before, after) == {(code, level)}


def test_bodies_are_compared() -> None:
    """One that comes, goes, or is asked for."""
    none, optional = contract(OP), contract(dataclasses.replace(OP, body=Body()))
    required = contract(dataclasses.replace(OP, body=Body(True)))
    assert found(none, optional) == {("request-body-added-optional", "info")}
    assert found(none, required) == {("request-body-added-required", "error")}
    assert found(optional, required) == {("request-body-became-required", "error")}
    assert found(required, none) == {("request-body-removed", "error")}
