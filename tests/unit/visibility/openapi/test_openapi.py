"""The OpenAPI document of what was seen."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from starfort.catalogue import Endpoint, endpoint_id
from starfort.store import Store
from starfort.visibility.openapi import export_openapi
from tests.support.events import START, event, stream

_numbers = itertools.count()


def _endpoint(api: str, method: str, template: str, **fields: Any) -> Endpoint:
    known = {"first_seen": START, "last_seen": START, "hosts": ("shop.example.com",), "origin": "learned"}
    return Endpoint(endpoint_id(api, method, template), api, "h", method, template, **{**known, **fields})


def _export(store: Store, endpoints: list[Endpoint], rows: list[dict[str, Any]]) -> dict[str, Any]:
    store.insert_arrow(stream(rows), token=f"openapi-{next(_numbers)}")
    document = export_openapi(SimpleNamespace(endpoints=lambda: endpoints), store, endpoints[0].api)
    OpenAPIV31SpecValidator(document).validate()
    return document


def test_everything_seen_is_in_the_document(store: Store) -> None:
    """Paths, methods, parameters with types, statuses, bodies and credentials; the document is valid."""
    api = f"openapi-{next(_numbers)}"
    read = _endpoint(api, "GET", "/orders/{orderId}", auth_seen=("bearer",), sensitive=("email",))
    write = _endpoint(api, "PUT", "/orders/{number}", auth_seen=("api_key",))
    seen = {"api": api, "endpoint_id": read.id, "template": read.template, "auth_seen": ["bearer"]}
    rows = [
        event(
            **seen, parameters=["path:orderId:integer", "query:verbose:boolean"], sensitive_response=["email"]
        )
        for _ in range(20)
    ]
    rows += [event(**seen, parameters=["path:orderId:uuid"], status=404)]
    rows += [
        event(
            api=api,
            endpoint_id=write.id,
            method="PUT",
            content_type="application/json",
            parameters=[
                "body:total:number",
                "body:total:integer",
                "header:x-trace:string",
                "header:accept:string",
            ],
        )
    ]
    document = _export(store, [read, write], rows)
    assert list(document["paths"]) == ["/orders/{orderId}"], "two names of one place are one path"
    get, put = document["paths"]["/orders/{orderId}"]["get"], document["paths"]["/orders/{orderId}"]["put"]
    assert get["parameters"] == [
        {
            "name": "orderId",
            "in": "path",
            "required": True,
            "schema": {"anyOf": [{"type": "integer"}, {"type": "string", "format": "uuid"}]},
        },
        {"name": "verbose", "in": "query", "required": False, "schema": {"type": "boolean"}},
    ]
    assert set(get["responses"]) == {"200", "404"}
    assert get["x-starfort-sensitive"] == ["email"]
    assert get["security"] == [{"bearer": []}]
    assert [row["name"] for row in put["parameters"]] == ["orderId", "x-trace"]
    schema = put["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"properties": {"total": {}}}, "text says nothing about the type of a JSON value"
    assert put["security"] == [{"api_key": []}, {}], "it was answered without any as well"
    assert document["servers"] == [{"url": "https://shop.example.com"}]


def test_hostile_names_make_a_valid_document(store: Store) -> None:
    """Whatever clients send as names, types, media types and hosts, the document stays valid."""
    api = f"openapi-{next(_numbers)}"
    odd = _endpoint(api, "POST", "/{id}/x", hosts=("<script>", "a b"), auth_seen=("unknown",))
    lost = _endpoint(api, "GET", "/never", first_seen=None, last_seen=None, hosts=())
    other = _endpoint(api, "PROPFIND", "/dav", hosts=())
    names = [
        'query:"><:string',
        "query::string",
        "body:a:b:c:integer",
        "body:é\n:nonsense",
        "query:x",
        "nowhere:x:string",
    ]
    rows = [
        event(
            api=api,
            endpoint_id=odd.id,
            method="POST",
            parameters=names,
            content_type="text/<b>",
            response_content_type="no media type",
            status=799,
        )
    ]
    document = _export(store, [odd, lost, other], rows)
    assert list(document["paths"]) == ["/{id}/x"]
    assert "servers" not in document
    properties = document["paths"]["/{id}/x"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert properties["properties"] == {"a:b:c": {}, "é\n": {}}
