"""Calls that came before their endpoint was known, over a real store."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from starfort.base.sql import load_sql
from starfort.catalogue import ApiFacts, Catalogue
from starfort.state.database import open_state
from starfort.store import Store
from starfort.visibility.openapi import export_openapi
from tests.support.events import START, event, stream

_numbers = itertools.count()


class Scene:
    """A catalogue for one API of its own."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.api = f"attributed-{next(_numbers)}"
        self.engine = open_state(directory / "state.db")
        self.catalogue = Catalogue(store, self.engine)
        self.catalogue.declare([ApiFacts(self.api)], [])

    def see(self, *paths: str, **fields: Any) -> None:
        """Calls, then a refresh."""
        rows = [event(api=self.api, path=path, id=f"{next(_numbers)}", **fields) for path in paths]
        self.store.insert_arrow(stream(rows), token=f"attributed-{next(_numbers)}")
        self.catalogue.refresh()

    def requests(self) -> dict[str, int]:
        """Requests as pages show them, by endpoint's title."""
        rows = self.store.query(
            load_sql("visibility", "queries/traffic_by_endpoint"),
            {"table": "traffic_1m", "since": "2000-01-01 00:00:00", "limit": 10_000},
        )
        found = {row["endpoint_id"]: row["requests"] for row in rows}
        return {row.title: found.get(row.id, 0) for row in self.catalogue.endpoints()}

    def rolled(self) -> dict[str, int]:
        """The same from the rollup by hour."""
        self.store.upkeep()
        rows = self.store.query(
            "SELECT endpoint_id, sum(r.requests) AS n FROM traffic_endpoint_1h AS r WHERE api = {api:String}"
            " GROUP BY endpoint_id",
            {"api": self.api},
        )
        titles = {row.id: row.title for row in self.catalogue.endpoints()}
        return {titles.get(row["endpoint_id"], row["endpoint_id"]): row["n"] for row in rows}


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Iterator[Scene]:
    """An empty catalogue."""
    made = Scene(store, tmp_path)
    yield made
    made.engine.dispose()


def test_first_calls_count_in_figures_exports_and_values(scene: Scene) -> None:
    """What the first calls of an endpoint had is in its requests, rollups, values and OpenAPI document."""
    scene.see("/orders/1", "/orders/2", "/orders/3", "/carts", parameters=["query:page:integer"])
    assert scene.requests() == {"GET /orders/{orderId}": 3, "GET /carts": 1}
    assert scene.rolled() == {"GET /orders/{orderId}": 3, "GET /carts": 1}
    document: dict[str, Any] = export_openapi(scene.catalogue, scene.store, scene.api)
    operation = document["paths"]["/orders/{orderId}"]["get"]
    assert operation["x-starfort-calls"] == 3
    assert [row["name"] for row in operation["parameters"]] == ["orderId", "page"]
    endpoint = scene.catalogue.endpoints()[0]
    which = {"since": START - dt.timedelta(hours=1), "limit": 10, "endpoint_id": endpoint.id}
    values = scene.store.query(load_sql("visibility", "queries/endpoint_values"), which)
    assert {"kind": "all", "value": "", "seen": 1} in values


def test_a_call_is_attributed_once(scene: Scene) -> None:
    """Reading the same events again, as after a kill, copies none of them again."""
    scene.see("/orders/1")
    scene.catalogue = Catalogue(scene.store, scene.engine)
    scene.catalogue.declare([ApiFacts(scene.api)], [])
    scene.catalogue._observer.watermark = START - dt.timedelta(hours=1)
    scene.catalogue.refresh()
    assert scene.requests() == {"GET /orders/{orderId}": 1}


def test_calls_from_long_before_are_attributed_too(scene: Scene) -> None:
    """Nine refusals make no endpoint; with the tenth all ten are its calls."""
    scene.see("/admin")
    for number in range(3):
        scene.see(*["/admin/reports"] * 3, status=401, address=f"192.0.2.{number}")
    assert scene.requests() == {"GET /admin": 1}
    scene.see("/admin/reports", status=401)
    assert scene.requests() == {"GET /admin": 1, "GET /admin/reports": 10}


def test_what_has_no_endpoint_is_attributed_to_none(scene: Scene) -> None:
    """What found nothing, or was stopped, belongs to no endpoint, though its path does."""
    scene.see("/orders/1", "/orders/2")
    scene.see("/orders/3", status=404)
    scene.see("/orders/4", status=403, upstream="", action="block")
    assert scene.requests() == {"GET /orders/{orderId}": 2}


def test_calls_of_merged_endpoints_count_for_the_one_that_has_them_now(scene: Scene) -> None:
    """Events carry the old ids; figures, rollups and exports add them up under the new one."""
    scene.see("/tags/first", "/tags/first")
    first = scene.catalogue.endpoints()[0]
    scene.see("/tags/first", endpoint_id=first.id, template=first.template)
    letters = itertools.product("bcdfg", "aeiou", "lmnp", "aeo")
    words = ["".join(word) for word in letters][:120]
    for number in range(0, 120, 30):
        scene.see(*(f"/tags/{word}" for word in words[number : number + 30]))
    merged = {row.title: row for row in scene.catalogue.endpoints()}
    assert list(merged) == ["GET /tags/{tagId}"]
    assert scene.requests() == {"GET /tags/{tagId}": 123}
    assert scene.catalogue.find(first.id) == merged["GET /tags/{tagId}"]
    document: dict[str, Any] = export_openapi(scene.catalogue, scene.store, scene.api)
    assert document["paths"]["/tags/{tagId}"]["get"]["x-starfort-calls"] == 123
    ids = scene.catalogue.ids(merged["GET /tags/{tagId}"].id)
    assert first.id in ids


def test_tables_have_the_same_columns(store: Store) -> None:
    """A migration that adds a column to `events` adds it to its copy, in the same place, and to the views."""
    rows = store.inspect(
        "SELECT table, groupArray(name) AS names FROM (SELECT table, name FROM system.columns"
        " WHERE database = currentDatabase() AND table IN"
        " ('events', 'events_attributed', 'endpoint_events', 'calls') ORDER BY table, position) GROUP BY table"
    )
    columns = {row["table"]: list(row["names"]) for row in rows}
    assert columns["events_attributed"] == columns["events"]
    assert columns["endpoint_events"] == columns["events"]
    assert columns["calls"] == columns["events"]
