"""Where traffic leaves a document."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from starfort.contracts import Body, Contract, Media, Operation, Parameter, Response, SecurityScheme
from starfort.contracts.deviations import deviations

ORDER = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {"type": "integer"}, "at": {"type": "string"}},
}
KNOWN = Operation(
    "POST",
    "/orders/{id}",
    parameters=(
        Parameter("id", "path", True, {"type": "integer"}, "simple", False),
        Parameter("page", "query", False, {"type": "integer"}),
        Parameter("tenant", "query", True, {"type": "string"}),
        Parameter("old", "query", False, deprecated=True),
    ),
    body=Body(True, (Media("application/json", ORDER), Media("application/*+json"), Media("image/*"))),
    responses=(Response("200", content=(Media("application/json", ORDER),)), Response("4XX")),
    security=({"key": ()},),
)
DOCUMENT = Contract("shop", (KNOWN,), schemes={"key": SecurityScheme("apiKey", "query", "k")})
SEEN = Operation(
    "POST",
    "/orders/{orderId}",
    parameters=(
        Parameter("orderId", "path", True, {"type": "integer"}, "simple", False),
        Parameter("page", "query", False, {"type": "integer"}),
        Parameter("tenant", "query", True, {"type": "string"}),
    ),
    body=Body(True, (Media("application/json", ORDER),)),
    responses=(Response("200", content=(Media("application/json", ORDER),)), Response("404")),
    security=({"key": ()},),
)


def found(**fields: Any) -> set[tuple[str, str]]:
    """Codes and places, when calls were seen with these fields."""
    seen = Contract("shop", (dataclasses.replace(SEEN, **fields),), source="learned")
    return {(one.code, one.where) for one in deviations(DOCUMENT, seen)}


def body(schema: Any) -> Body:
    """A JSON body that was seen."""
    return Body(True, (Media("application/json", schema),))


def answer(schema: Any, status: str = "200", media: str = "application/json") -> tuple[Response, ...]:
    """An answer that was seen."""
    return (Response(status, content=(Media(media, schema),)),)


def obj(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object that was seen."""
    return {"type": "object", "required": required, "properties": properties}


ID, TENANT = {"type": "integer"}, Parameter("tenant", "query", True, {"type": "string"})


@pytest.mark.parametrize(
    ("fields", "code", "where"),
    [
        ({"method": "DELETE"}, "undocumented_method", ""),
        ({"path": "/invoices/{id}"}, "undocumented_operation", ""),
        ({"parameters": (TENANT, Parameter("debug", "query"))}, "undocumented_parameter", "query parameter debug"),
        ({"parameters": (TENANT, Parameter("X-Debug", "header"))}, "undocumented_parameter", "header parameter X-Debug"),
        ({"parameters": ()}, "missing_parameter", "query parameter tenant"),
        ({"parameters": (dataclasses.replace(TENANT, required=False),)}, "missing_parameter", "query parameter tenant"),
        ({"parameters": (TENANT, Parameter("page", "query", schema={"type": "string"}))}, "parameter_type", "query parameter page"),
        ({"parameters": (TENANT, Parameter("old", "query"))}, "deprecated_parameter", "query parameter old"),
        ({"body": Body(True, (Media("text/xml"),))}, "undocumented_request_type", "request body text/xml"),
        ({"body": body(obj(["id"], id=ID, admin={"type": "boolean"}))}, "undocumented_request_field", "request body application/json #/admin"),
        ({"body": body(obj([], id=ID))}, "missing_request_field", "request body application/json #/id"),
        ({"body": body(obj([]))}, "missing_request_field", "request body application/json #/id"),
        ({"body": body(obj(["id"], id={"type": "string"}))}, "request_field_type", "request body application/json #/id"),
        ({"responses": (Response("503"),)}, "undocumented_status", "response 503"),
        ({"responses": answer(True, media="text/html")}, "undocumented_response_type", "response 200 text/html"),
        ({"responses": answer(obj(["id"], id=ID, iban={"type": "string"}))}, "undocumented_response_field", "response 200 application/json #/iban"),
        ({"responses": answer(obj([], id=ID))}, "missing_response_field", "response 200 application/json #/id"),
        ({"responses": answer(obj(["id"], id={"type": ["integer", "null"]}))}, "response_field_type", "response 200 application/json #/id"),
        ({"security": ({"key": ()}, {})}, "unauthenticated", "security"),
    ],
)  # fmt: skip
def test_each_deviation_is_told(fields: dict[str, Any], code: str, where: str) -> None:
    """Alone, with the part that it is about."""
    assert found(**fields) == {(code, where)}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"path": "/orders/{x}"},
        {"path": "/orders/latest"},
        {"parameters": (TENANT, Parameter("User-Agent", "header"), Parameter("sec-fetch-mode", "header"))},
        {"parameters": (TENANT, Parameter("k", "query"), Parameter("_ga", "cookie"))},
        {"body": Body(True, (Media("application/problem+json"), Media("image/png")))},
        {"body": body(True)},
        {"body": body(obj(["id"], id=ID))},
        {"body": body(obj(["id", "at"], id={"type": "integer", "maximum": 9}, at={"type": "string", "format": "date"}))},
        {"responses": (Response("418"),)},
        {"responses": ()},
        {"security": None},
    ],
)  # fmt: skip
def test_what_a_document_allows_is_none(fields: dict[str, Any]) -> None:
    """Other names of parameters, what browsers send, keys, ranges of types, and less than is allowed."""
    assert found(**fields) == set()


def test_deprecated_operations_that_are_called_are_told() -> None:
    """Because somebody still needs them."""
    document = dataclasses.replace(DOCUMENT, operations=(dataclasses.replace(KNOWN, deprecated=True),))
    assert [one.code for one in deviations(document, Contract("shop", (SEEN,)))] == ["deprecated_operation"]


def test_what_was_not_called_is_none() -> None:
    """And a document that says nothing of answers or bodies is left by nothing."""
    assert deviations(DOCUMENT, Contract("shop")) == ()
    vague = Contract("shop", (Operation("POST", "/orders/{id}", body=Body()),))
    seen = dataclasses.replace(SEEN, parameters=())
    assert deviations(vague, Contract("shop", (seen,))) == ()
