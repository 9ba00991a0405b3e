"""What people are told of, over a real store."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from starfort.catalogue import ApiFacts, Catalogue, Declared, News
from starfort.catalogue.model import VersionPlaces
from starfort.state.database import open_state
from starfort.store import Store
from tests.support.events import START, event, stream

_numbers = itertools.count()


class Scene:
    """A catalogue for one API of its own."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self.api = f"told-{next(_numbers)}"
        self.engine = open_state(directory / "state.db")
        self.catalogue = Catalogue(store, self.engine)
        self.declare()

    def declare(self, *endpoints: Declared, versions: VersionPlaces | None = None) -> None:
        """A document with these endpoints."""
        facts = ApiFacts(self.api, documented=bool(endpoints), versions=versions or VersionPlaces())
        self.catalogue.declare([facts], [replace(one, api=self.api) for one in endpoints])

    def see(self, *paths: str, **fields: Any) -> list[News]:
        """Calls of endpoints as the engine would match them, then a refresh; the news."""
        known = {row.template: row for row in self.catalogue.endpoints()}
        rows = []
        for path in paths:
            row = known.get(path)
            matched = {"endpoint_id": row.id, "template": row.template} if row is not None else {}
            rows.append(event(api=self.api, path=path, id=f"{next(_numbers)}", **{**matched, **fields}))
        self.store.insert_arrow(stream(rows), token=f"told-{next(_numbers)}")
        return self.catalogue.refresh()

    def kinds(self, *paths: str, **fields: Any) -> list[str]:
        """Kinds of news that calls make."""
        return [item.kind for item in self.see(*paths, **fields)]


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Iterator[Scene]:
    """An empty catalogue."""
    made = Scene(store, tmp_path)
    yield made
    made.engine.dispose()


def test_a_zombie_is_told_once(scene: Scene) -> None:
    """The first call of a deprecated endpoint is news; other calls, and other endpoints, are not."""
    scene.declare(Declared("", "GET", "/old", deprecated=True), Declared("", "GET", "/new"))
    assert scene.kinds("/new") == []
    assert scene.kinds("/old") == ["zombie_endpoint"]
    assert scene.kinds("/old") == []
    scene.catalogue.save()
    scene.catalogue = Catalogue(scene.store, scene.engine)
    scene.declare(Declared("", "GET", "/old", deprecated=True), Declared("", "GET", "/new"))
    assert scene.kinds("/old") == []


def test_an_endpoint_that_becomes_deprecated_is_told(scene: Scene) -> None:
    """With the next call after the document says so; it is told anew when the document changes its mind twice."""
    for deprecated, expected in (
        (False, []),
        (True, ["zombie_endpoint"]),
        (False, []),
        (True, ["zombie_endpoint"]),
    ):
        scene.declare(Declared("", "GET", "/old", deprecated=deprecated))
        assert scene.kinds("/old") == expected


def test_an_orphan_is_told_once(scene: Scene) -> None:
    """A documented endpoint that nobody called for a month, counted from the first call of its API."""
    scene.declare(Declared("", "GET", "/used"), Declared("", "GET", "/unused"))
    scene.see("/used")
    book = scene.catalogue._book(scene.api)
    for key, endpoint in list(book.endpoints.items()):
        if endpoint.first_seen is not None:
            book.endpoints[key] = replace(endpoint, first_seen=START - dt.timedelta(days=40))
    scene.catalogue._reporter._looked_at = None
    found = scene.see("/used")
    assert [(item.kind, item.subject) for item in found] == [("orphan_endpoint", "GET /unused")]
    scene.catalogue._reporter._looked_at = None
    assert scene.kinds("/used") == []


def test_drift_is_told_when_it_is_proved(scene: Scene) -> None:
    """Three answers that differ are news once; what one caller sends wrong is none."""
    scene.declare(Declared("", "GET", "/prices"))
    differs = {"contract": ["response:body/type:/price"]}
    assert scene.kinds("/prices", "/prices", **differs) == []
    found = scene.see("/prices", **differs)
    assert [item.kind for item in found] == ["drifting_endpoint"]
    assert found[0].facts["differences"] == ["response:body/type:/price"]
    assert scene.kinds("/prices", **differs) == []
    assert scene.kinds(*["/prices"] * 20, contract=["request:query/unknown:/x"]) == []
    assert [row.drift for row in scene.catalogue.endpoints()] == [("response:body/type:/price",)]


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [
        (("/v1/orders", {}), ("/v2/orders", {}), "/v2"),
        (("/shop/emea/rest/v1/orders", {}), ("/shop/emea/rest/v2/orders", {}), "/shop/emea/rest/v2"),
        (("/orders", {}), ("/v2/orders", {}), "/v2"),
        (("/2023-10/orders", {}), ("/2024-01/orders", {}), "/2024-01"),
        (("/orders", {}), ("/orders", {"api_version": "header:2024-01"}), "2024-01 (header)"),
        (("/orders", {"api_version": "query:1"}), ("/orders", {"api_version": "query:2"}), "2 (query)"),
        (("/orders", {}), ("/orders", {"api_version": "media:v2"}), "v2 (media)"),
        (("/orders", {"host": "v1.shop.example"}), ("/orders", {"host": "v2.shop.example"}), "v2 (host)"),
    ],
)
def test_a_new_version_is_told_wherever_it_stands(
    scene: Scene, before: tuple[str, dict[str, Any]], after: tuple[str, dict[str, Any]], title: str
) -> None:
    """In the path at any depth, the host, a header, the query and the media type; once."""
    scene.see(before[0], **before[1])
    found = [item for item in scene.see(after[0], **after[1]) if item.kind == "new_version"]
    assert [item.subject for item in found] == [title]
    assert not [kind for kind in scene.kinds(after[0], **after[1]) if kind == "new_version"]


def test_what_the_configuration_takes_out_is_no_version(scene: Scene) -> None:
    """An API whose header means something else is not told of."""
    scene.declare(versions=VersionPlaces(places=frozenset({"path"})))
    scene.see("/orders")
    assert scene.kinds("/orders", api_version="header:2024-01") == []


def test_versions_are_compared(scene: Scene) -> None:
    """Endpoints, parameters, credentials, classes and callers that the new one has and the old one has not."""
    old = {"auth_seen": ["bearer"], "parameters": ["query:page:integer"]}
    scene.see("/v1/orders", "/v1/customers", **old)
    scene.see("/v1/orders", address="192.0.2.7", **old)
    found = scene.see(
        "/v2/orders",
        "/v2/export",
        parameters=["query:page:integer", "query:expand:string", "header:user-agent:string"],
        sensitive_response=["iban"],
    )
    facts = next(item.facts for item in found if item.kind == "new_version")
    assert facts["compared_with"] == "/v1"
    assert facts["endpoints"] == ["GET /v2/export", "GET /v2/orders"]
    assert facts["endpoints_gained"] == ["GET /v2/export"]
    assert facts["endpoints_lost"] == []
    assert facts["endpoints_not_called_yet"] == ["GET /v1/customers"]
    assert facts["parameters_gained"] == ["GET /v2/orders query:expand"]
    assert facts["opened"] == ["GET /v2/orders"]
    assert facts["sensitive_gained"] == ["iban"]
    assert (facts["callers"], facts["callers_before"]) == (1, 2)
    later = scene.catalogue.compare(scene.api, "/v2")
    assert later is not None
    assert later.facts["endpoints_lost"] == ["GET /v1/customers"]
    assert scene.catalogue.compare(scene.api, "/v3") is None
    assert scene.catalogue.version_titles(scene.api) == ["/v1", "/v2"]


def test_the_alert_is_brought_up_to_date(scene: Scene) -> None:
    """A minute later there is more of the new version, and the comparison is told again; then it rests."""
    scene.see("/v1/orders", "/v1/carts")
    scene.see("/v2/orders")
    pending = scene.catalogue._book(scene.api).versions.pending[0]
    assert "new_version" not in scene.kinds("/v2/carts")
    pending.began_us -= 61_000_000
    found = [item for item in scene.see("/v2/carts") if item.kind == "new_version"]
    assert [item.facts["endpoints_not_called_yet"] for item in found] == [[]]
    pending.began_us -= 300_000_000
    assert "new_version" not in scene.kinds("/v2/carts")


def test_versions_in_the_path_of_one_host_compare_with_calls_that_ask(scene: Scene) -> None:
    """What is asked for by header is compared by the calls themselves: the endpoints are the same."""
    scene.see("/orders", "/carts", auth_seen=["bearer"])
    found = scene.see("/orders", api_version="header:2", sensitive_response=["iban"])
    facts = next(item.facts for item in found if item.kind == "new_version")
    assert facts["compared_with"] == "calls without a version"
    assert facts["endpoints"] == ["GET /orders"]
    assert facts["endpoints_not_called_yet"] == ["GET /carts"]
    assert facts["opened"] == ["GET /orders"]
    assert facts["sensitive_gained"] == ["iban"]
