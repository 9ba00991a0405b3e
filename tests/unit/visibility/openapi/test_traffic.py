"""Traffic validates against the document that is made from it."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy import Engine

from starfort.catalogue import Endpoint, endpoint_id
from starfort.catalogue.schemas.schemas import Schemas
from starfort.catalogue.schemas.support import Trust
from starfort.contracts import documents
from starfort.contracts.deviations import deviations
from starfort.state.database import open_state
from starfort.store import Store
from starfort.visibility.openapi import export_openapi, observed_contract
from tests.support import shapes
from tests.support.events import START, event, stream

_numbers = itertools.count()
CALLS = 120


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Engine]:
    """A state database of its own."""
    made = open_state(tmp_path / "state.db")
    yield made
    made.dispose()


def value(draw: random.Random, depth: int = 0) -> Any:
    """A JSON value as services send them: nested, with nulls, lists and members that come and go."""
    plain = [
        lambda: None, lambda: draw.random() < 0.5, lambda: draw.randrange(-1000, 10**9), lambda: draw.uniform(-9, 9),
        lambda: draw.choice(["open", "paid", "", "2026-01-02", "a@b.example", "Straße 7", "7", "true"]),
        lambda: "".join(draw.choices("abcXYZ09 -_.", k=draw.randrange(30))),
    ]  # fmt: skip
    if depth > 2 or draw.random() < 0.55:
        return draw.choice(plain)()
    if draw.random() < 0.4:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    names = draw.sample(["id", "name", "owner.email", "items", "a/b", "$ref", "type"], draw.randrange(1, 5))
    return {name: value(draw, depth + 1) for name in names}


def call(draw: random.Random) -> dict[str, Any]:
    """A call and its answer."""
    query = {
        name: draw.choice(["1", "true", "x y", "2.5", ""])
        for name in draw.sample(["page", "q", "verbose"], draw.randrange(4))
    }
    answer = {"state": draw.choice(["ok", "late"]), "rows": [value(draw) for _ in range(draw.randrange(3))]}
    return {
        "method": "POST",
        "url": "https://shop.example.com/orders/7" + (f"?{urlencode(query)}" if query else ""),
        "headers": [("content-type", "application/json"), ("x-api-key", "secret")],
        "body": json.dumps(value(draw)),
        "response": {
            "status": draw.choice([200, 200, 201, 404]),
            "headers": [("content-type", "application/json"), ("x-total", str(draw.randrange(9)))],
            "body": json.dumps(answer),
        },
    }


def store_calls(store: Store, calls: list[dict[str, Any]], api: str, key: str) -> None:
    """Store the events of calls, as the engine makes them."""
    kept = set(event())
    rows = []
    for number, one in enumerate(calls):
        found = {name: seen for name, seen in shapes.engine().explain(one)["event"].items() if name in kept}
        own = {
            "api": api,
            "endpoint_id": key,
            "time": START,
            "id": f"{next(_numbers)}",
            "upstream": "shop",
            "weight": 1,
            "address": f"192.0.2.{number % 9}",
            "status": one["response"]["status"],
            "credential_places": ["header:x-api-key"],
        }
        rows.append(event(**found | own))
    store.insert_arrow(stream(rows), token=f"traffic-{next(_numbers)}")


@pytest.mark.parametrize("seed", range(3))
def test_calls_and_answers_validate_against_the_export(
    store: Store, state: Engine, tmp_path: Path, seed: int
) -> None:
    """Bodies, answers, statuses and parameters of every call, read back from the document as Starfort reads documents."""
    draw, api = random.Random(seed), f"true-{next(_numbers)}"  # noqa: S311 (the same calls each time)
    key = endpoint_id(api, "POST", "/orders/{id}")
    known = Endpoint(
        key,
        api,
        "h",
        "POST",
        "/orders/{id}",
        "learned",
        first_seen=START,
        last_seen=START,
        hosts=("shop.example.com",),
        auth_seen=("api_key",),
    )
    catalogue = SimpleNamespace(endpoints=lambda: [known], find=lambda one: known if one == key else None)
    calls = [call(draw) for _ in range(CALLS)]
    store_calls(store, calls, api, key)
    schemas = Schemas(store, state, catalogue, Trust(callers=3, apart_s=60))
    assert schemas.refresh()
    document = export_openapi(catalogue, store, api, learned=schemas.operation)
    OpenAPIV31SpecValidator(document).validate()
    file = tmp_path / "api.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    read = documents.read(file)
    assert not read.problems
    assert not read.warnings
    (operation,) = read.contract.operations
    assert operation.body is not None
    request = Draft202012Validator(operation.body.content[0].schema)
    answers = {one.status: Draft202012Validator(one.content[0].schema) for one in operation.responses}
    queries = {one.name for one in operation.parameters if one.place == "query"}
    for one in calls:
        # A call that the API refused says nothing about what it takes.
        assert one["response"]["status"] == 404 or request.is_valid(json.loads(one["body"])), one["body"]
        assert answers[str(one["response"]["status"])].is_valid(json.loads(one["response"]["body"]))
    assert queries == {"page", "q", "verbose"}
    assert not any(one.required for one in operation.parameters if one.place == "query")
    assert document["components"]["securitySchemes"]["api_key_x-api-key"]["name"] == "x-api-key"
    assert document["servers"] == [{"url": "https://shop.example.com"}]
    seen = observed_contract(catalogue, store, api, learned=schemas.operation)
    assert deviations(read.contract, seen) == (), "traffic does not leave its own document"


def test_something_is_learned(store: Store, state: Engine) -> None:
    """The document is not true by saying nothing: it refuses bodies of another form."""
    api = f"true-{next(_numbers)}"
    key = endpoint_id(api, "POST", "/orders/{id}")
    known = Endpoint(key, api, "h", "POST", "/orders/{id}", "learned", first_seen=START, last_seen=START)
    catalogue = SimpleNamespace(endpoints=lambda: [known], find=lambda one: known if one == key else None)
    draw = random.Random(7)  # noqa: S311 (the same calls each time)
    calls = [call(draw) | {"body": json.dumps({"id": draw.randrange(99), "tags": ["a"]})} for _ in range(60)]
    store_calls(store, calls, api, key)
    schemas = Schemas(store, state, catalogue, Trust(callers=3, apart_s=60))
    schemas.refresh()
    document = export_openapi(catalogue, store, api, learned=schemas.operation)
    schema = document["paths"]["/orders/{id}"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert Draft202012Validator(schema).is_valid({"id": 5, "tags": ["a"]})
    for wrong in ([], {"id": "x", "tags": ["a"]}, {"id": 5, "tags": "a"}, {"id": {}, "tags": []}):
        assert not Draft202012Validator(schema).is_valid(wrong)
