"""Changes of the keywords of schemas. Codes and levels are those of oasdiff."""

from __future__ import annotations

from typing import Any

import pytest

from starfort.contracts.changes import Level
from tests.unit.contracts.changes.support import found, obj, request, response

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
