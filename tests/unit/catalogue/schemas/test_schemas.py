"""Schemas over a real store: from events to contracts, over restarts, and against hostile rows."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from starfort.catalogue import Endpoint, endpoint_id
from starfort.catalogue.schemas.learn import Reading
from starfort.catalogue.schemas.schemas import Schemas
from starfort.catalogue.schemas.support import Trust
from starfort.state.database import open_state
from starfort.store import Store
from tests.support.events import START, event, stream

_numbers = itertools.count()

BODY = [["o", {"state": [["s", "", 4, 4, "a"]]}, []]]


class Known:
    """A catalogue of given endpoints."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self.all = list(endpoints)
        self.merged: dict[str, str] = {}

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint."""
        return self.all

    def find(self, key: str) -> Endpoint | None:
        """The endpoint of an id."""
        key = self.merged.get(key, key)
        return next((one for one in self.all if one.id == key), None)


class Scene:
    """Schemas of one API with one endpoint."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self.store, self.engine = store, engine
        self.api = f"shaped-{next(_numbers)}"
        self.endpoint = self.named("/orders/{id}")
        self.catalogue = Known(self.endpoint)
        self.schemas = self.open()

    def named(self, template: str) -> Endpoint:
        """An endpoint of the API."""
        key = endpoint_id(self.api, "POST", template)
        return Endpoint(key, self.api, "*", "POST", template, "learned", first_seen=START)

    def open(self) -> Schemas:
        """Schemas as after a restart."""
        return Schemas(self.store, self.engine, self.catalogue, Trust(callers=3, apart_s=60))

    def call(self, calls: int = 40, callers: int = 5, body: Any = BODY, **fields: Any) -> None:
        """Calls of so many addresses over four minutes."""
        shape = fields.pop("shape_request", json.dumps({"v": 1, "b": body, "f": "json"}))
        rows = [
            event(
                **{
                    "api": self.api,
                    "endpoint_id": self.endpoint.id,
                    "method": "POST",
                    "path": "/orders/7",
                    "content_type": "application/json",
                    "address": f"192.0.2.{number % callers}",
                    "time": START - dt.timedelta(seconds=240 - number * 240 // calls),
                    "shape_request": shape,
                    "shape_response": json.dumps({"v": 1, "b": BODY, "f": "json"}),
                    "id": f"{next(_numbers)}",
                    **fields,
                }
            )
            for number in range(calls)
        ]
        self.store.insert_arrow(stream(rows), token=f"shaped-{next(_numbers)}")

    def properties(self, reading: Reading = Reading.TRUSTED) -> set[str]:
        """Properties of the request's body in the contract."""
        for made in self.schemas.contract(self.api, reading).operations:
            if made.path == self.endpoint.template and made.body is not None:
                schema = made.body.content[0].schema
                return set() if isinstance(schema, bool) else set(schema["properties"])
        return set()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A state database of its own."""
    made = open_state(tmp_path / "state.db")
    yield made
    made.dispose()


@pytest.fixture
def scene(store: Store, engine: Engine) -> Scene:
    """An API with one endpoint."""
    return Scene(store, engine)


def test_calls_become_a_contract(scene: Scene) -> None:
    """Shapes of several callers over time are an operation with body and answer; it survives a restart."""
    scene.call()
    scene.schemas.refresh()
    contract = scene.schemas.contract(scene.api)
    (made,) = contract.operations
    assert (made.method, made.path, contract.source) == ("POST", "/orders/{id}", "learned")
    assert 0.9 < made.confidence == contract.confidence < 1
    assert [one.status for one in made.responses] == ["200", "default"]
    assert scene.properties() == {"state"}
    scene.schemas.save()
    scene.schemas = scene.open()
    assert scene.schemas.contract(scene.api) == contract


def test_rows_are_read_once(scene: Scene) -> None:
    """A refresh reads what came since the last one, and what overlaps is not counted twice."""
    scene.call(calls=12)
    assert scene.schemas.refresh() >= 12
    assert scene.schemas.refresh() == 0
    scene.call(calls=5)
    assert scene.schemas.refresh() == 5


def test_what_one_caller_sends_is_in_no_contract(scene: Scene) -> None:
    """One address adds nothing to the contract, and the reading of all that was seen shows it."""
    scene.call()
    scene.call(callers=1, body=[["o", {"state": BODY[0][1]["state"], "admin": ["b"]}, []]])
    scene.schemas.refresh()
    assert scene.properties() == {"state"}
    assert scene.properties(Reading.SEEN) == {"state", "admin"}


def test_tokens_that_nobody_verified_make_no_callers(scene: Scene) -> None:
    """Any number of credentials from one address is one caller; verified subjects are several."""
    for number in range(6):
        scene.call(calls=10, callers=1, credential_hash=f"{number:016x}", session_hash=f"{number:016x}")
    scene.schemas.refresh()
    assert [one.is_open for one in scene.schemas.contract(scene.api).operations] == [True]
    for number in range(6):
        scene.call(calls=10, callers=1, subject_hash=f"{number:016x}", identity_verified=True)
    scene.schemas.refresh()
    assert scene.properties() == {"state"}


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"v":9}', '{"v":1,"b":5}', '{"v":1,"b":[[]]}', '{"v":1,"b":[["s"]]}', '{"v":1,"b":[["o",1,2]]}',
     '{"v":1,"q":[["a",0,1]]}', '{"v":1,"b":[["i","x","y"]]}', "[" * 9999, '{"v":1,"b":[["s",{},1,2,"a"]]}'],
)  # fmt: skip
def test_texts_that_are_no_shapes_change_nothing(scene: Scene, text: str) -> None:
    """Rows that no engine wrote are counted, and everything else goes on."""
    scene.call()
    scene.call(calls=3, shape_request=text, shape_response="")
    scene.call(calls=3)
    scene.schemas.refresh()
    scene.schemas.save()
    assert scene.properties() == {"state"}
    assert scene.schemas.dropped["schemas_unreadable"] == 3


def test_calls_before_their_endpoint_was_known_count(scene: Scene) -> None:
    """A call that matched nothing waits until the catalogue has its endpoint."""
    scene.catalogue.all = []
    scene.call(endpoint_id="")
    assert scene.schemas.refresh() == 0
    scene.catalogue.all = [scene.named("/orders/export"), scene.endpoint]
    assert scene.schemas.refresh() == 40
    assert scene.properties() == {"state"}


def test_records_follow_endpoints_that_are_merged(scene: Scene) -> None:
    """What was known of two endpoints is known of the one that they became."""
    other = scene.named("/orders/{slug}")
    scene.catalogue.all.append(other)
    scene.call()
    more = [["o", {"note": [["s", "", 9, 9, "a"]]}, []]]
    scene.call(endpoint_id=other.id, body=more)
    scene.schemas.refresh()
    scene.schemas.save()
    scene.catalogue.all.remove(other)
    scene.catalogue.merged[other.id] = scene.endpoint.id
    scene.schemas.save()
    assert scene.properties() == {"state", "note"}
    assert scene.schemas.operation(other.id) == scene.schemas.operation(scene.endpoint.id)


def test_unknown_endpoints_have_no_schema(scene: Scene) -> None:
    """An id that nobody knows has none, and a new endpoint has none yet."""
    assert scene.schemas.operation("0" * 16) is None
    assert scene.schemas.operation(scene.endpoint.id) is None
