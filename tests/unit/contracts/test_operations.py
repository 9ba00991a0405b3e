"""Operations that a document has twice."""

from __future__ import annotations

from pathlib import Path

from tests.unit.contracts.support import contract


def test_operations_that_differ_in_the_query_are_one(tmp_path: Path) -> None:
    """Calls of each of them fit, because a query is no part of a path."""
    found = contract(
        tmp_path,
        "openapi: 3.0.0\npaths:\n  /?do=a: {get: {parameters: [{name: x, in: query, required: true, schema: {type: integer}}]}}\n"
        "  /?do=b: {get: {parameters: [{name: y, in: query, required: true}]}}\n",
    )
    assert [(one.method, one.path) for one in found.operations] == [("GET", "/")]
    assert {one.name: one.required for one in found.operations[0].parameters} == {"x": False, "y": False}
