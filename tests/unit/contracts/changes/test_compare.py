"""Changes between two contracts. Codes and levels are those of oasdiff."""

from __future__ import annotations

import dataclasses

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
from starfort.contracts.changes import Level
from tests.unit.contracts.changes.support import contract, found

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
