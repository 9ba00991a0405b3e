"""The catalogue over a real store: what becomes an endpoint, what is news, what survives a restart."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine

from starfort.catalogue import ApiFacts, Catalogue, CatalogueLimits, Declared, News, book
from starfort.catalogue.book import Book
from starfort.catalogue.evidence import Learned
from starfort.events.schema import EVENT_SCHEMA
from starfort.state.database import open_state
from starfort.store import Store
from tests.support.events import START, event

_numbers = itertools.count()


class Scene:
    """A catalogue for one API of its own."""

    def __init__(self, store: Store, engine: Engine, limits: CatalogueLimits | None = None) -> None:
        self.store, self.engine, self.limits = store, engine, limits
        self.api = f"learned-{next(_numbers)}"
        self.declared: list[Declared] = []
        self.catalogue = self.open()

    def open(self) -> Catalogue:
        """A catalogue as after a restart."""
        catalogue = Catalogue(self.store, self.engine, self.limits)
        catalogue.declare([ApiFacts(self.api, documented=bool(self.declared))], self.declared)
        return catalogue

    def declare(self, *endpoints: tuple[str, str]) -> None:
        """Documented endpoints."""
        self.declared = [Declared(self.api, method, path) for method, path in endpoints]
        self.catalogue.declare([ApiFacts(self.api, documented=True)], self.declared)

    def call(self, *paths: str, table: str = "events", **fields: Any) -> None:
        """One event for each path."""
        one = pa.RecordBatch.from_pylist([event(api=self.api, **fields)], schema=EVENT_SCHEMA)
        same = one.take(pa.array([0] * len(paths)))
        index = EVENT_SCHEMA.get_field_index("path")
        columns = [
            pa.array(paths, pa.utf8()) if n == index else same.column(n) for n in range(len(EVENT_SCHEMA))
        ]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, EVENT_SCHEMA) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=EVENT_SCHEMA))
        self.store.insert_arrow(
            sink.getvalue().to_pybytes(), table=table, token=f"catalogue-{next(_numbers)}"
        )

    def see(self, *paths: str, **fields: Any) -> list[News]:
        """Calls, then a refresh; news of this API."""
        self.call(*paths, **fields)
        return [news for news in self.catalogue.refresh() if news.api == self.api]

    @property
    def book(self) -> Book:
        """What is known of this API."""
        return self.catalogue._book(self.api)

    @property
    def titles(self) -> list[str]:
        """Endpoints as `GET /path`."""
        return [endpoint.title for endpoint in self.catalogue.endpoints()]


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Iterator[Scene]:
    """An empty catalogue."""
    engine = open_state(tmp_path / "state.db")
    yield Scene(store, engine)
    engine.dispose()


def test_values_become_parameters_at_once(scene: Scene) -> None:
    """One call with an id shows the template; versions and words stay."""
    scene.see(
        "/v2/orders/81723", "/v2/customers/2d0e8c2e-97b5-4a0c-8f0e-6d9c5a0f6a11", "/v2/orders/81723/items/7"
    )
    assert scene.titles == [
        "GET /v2/customers/{customerId}",
        "GET /v2/orders/{orderId}",
        "GET /v2/orders/{orderId}/items/{itemId}",
    ]
    assert [endpoint.path for endpoint in scene.catalogue.learned_endpoints()] == [
        "/v2/customers/{customerId}",
        "/v2/orders/{orderId}",
        "/v2/orders/{orderId}/items/{itemId}",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": 404},
        {"status": 405},
        {"status": 501},
        {"status": 0},
        {"status": 403, "upstream": "", "action": "block"},
        {"status": 401, "upstream": "", "action": "deceive"},
        {"action": "divert"},
        {"status": 403},
        {"status": 302},
        {"status": 500},
        {"method": "OPTIONS"},
        {"method": "BREW"},
    ],
)
def test_what_is_no_evidence_makes_no_endpoint(scene: Scene, fields: dict[str, Any]) -> None:
    """Nothing found, an answer of ours, one refusal, or a method that is answered everywhere."""
    assert scene.see("/wp-admin/setup", **fields) == []
    assert scene.titles == []


def test_an_endpoint_that_always_refuses_is_known_by_its_calls(scene: Scene) -> None:
    """Ten refusals of three callers, beside something that answers, are more than a scanner's look."""
    scene.see("/admin")
    for number in range(3):
        scene.see(*["/admin/reports"] * 3, status=401, address=f"192.0.2.{number}")
        assert scene.titles == ["GET /admin"]
    scene.see("/admin/reports", status=401)
    assert scene.titles == ["GET /admin", "GET /admin/reports"]


def test_refusals_alone_make_no_endpoint(scene: Scene) -> None:
    """Not those of one caller, however many, nor those of many where nothing answers."""
    scene.see("/admin")
    scene.see(*["/admin/setup"] * 50, status=403)
    for number in range(50):
        scene.see("/wp/login", status=301, address=f"192.0.2.{number}")
    assert scene.titles == ["GET /admin"]


def test_imported_calls_are_learned_and_are_no_news(scene: Scene) -> None:
    """Calls of any age make endpoints, and nobody is told of them; what follows is news again."""
    long_ago = START - dt.timedelta(days=400)
    scene.call("/v1/orders/81723", time=long_ago, table="imported_events")
    assert scene.catalogue.refresh() == []
    assert scene.titles == ["GET /v1/orders/{orderId}"]
    assert scene.catalogue.endpoints()[0].first_seen == long_ago
    assert [item.kind for item in scene.see("/v2/orders/81723")] == ["new_version", "new_endpoint"]


def test_attack_noise_leaves_nothing(scene: Scene) -> None:
    """100,000 random paths that answer 404 leave no endpoint and nothing in memory."""
    chance = random.Random(7)  # noqa: S311 (the same each time)
    words = ["".join(chance.choices("abcdefghijklmnop/.-_%0123456789", k=24)) for _ in range(100_000)]
    for start in range(0, len(words), 20_000):
        scene.call(*(f"/{word}" for word in words[start : start + 20_000]), status=404)
    assert scene.catalogue.refresh() == []
    assert scene.titles == []
    assert len(scene.book.shapes) == 0


def test_a_server_that_answers_everything_stays_bounded(store: Store, tmp_path: Path) -> None:
    """20,000 words under one parent, all answered 200, are one parameter; the API's own endpoints stay."""
    engine = open_state(tmp_path / "state.db")
    scene = Scene(store, engine, CatalogueLimits(shapes=2_000, endpoints=500))
    scene.see("/v1/products", "/v1/products/1", "/v1/login")
    letters = ["".join(word) for word in itertools.product("bcdfghjkl", repeat=5)][:20_000]
    for start in range(0, 20_000, 4_000):
        scene.see(*(f"/v1/{word}" for word in letters[start : start + 4_000]))
    assert len(scene.titles) <= 10
    assert {"GET /v1/products/{productId}", "GET /v1/login", "GET /v1/{id}"} <= set(scene.titles)
    assert len(scene.book.shapes) <= 2_000
    assert scene.catalogue.dropped["shapes"] > 0
    engine.dispose()


def test_words_become_a_parameter_by_evidence_and_keep_their_history(scene: Scene) -> None:
    """One account is an endpoint, ten more make it a parameter that was first seen with the first account."""
    early = START - dt.timedelta(hours=3)
    scene.see("/accounts/reports", time=early, auth_seen=["bearer"])
    scene.see("/accounts/sveta", time=early, auth_seen=["bearer"])
    first = next(one for one in scene.catalogue.endpoints() if one.template != "/accounts/reports")
    names = [
        "caroline",
        "hjordis",
        "travis",
        "lukasz",
        "yuki",
        "oskar",
        "bettina",
        "amara",
        "joaquin",
        "ngozi",
    ]
    news = scene.see(*(f"/accounts/{name}" for name in names), "/accounts/search")
    assert {"GET /accounts/search", "GET /accounts/{accountId}"} <= set(scene.titles)
    assert "GET /accounts/sveta" not in scene.titles
    merged = next(one for one in scene.catalogue.endpoints() if one.template == "/accounts/{accountId}")
    assert merged.first_seen == early
    assert merged.auth_seen == ("bearer",)
    assert scene.catalogue.find(first.id) == merged, "the old id still leads there"
    assert "GET /accounts/search" in [item.subject for item in news]
    before = len(scene.titles)
    scene.see("/accounts/dmitri")
    assert len(scene.titles) == before


def test_an_endpoint_hidden_under_a_parameter_is_found(scene: Scene) -> None:
    """The engine matches `/users/export` to `/users/{userId}`; the catalogue tells them apart."""
    scene.see("/users/48210")
    known = scene.catalogue.endpoints()[0]
    scene.see("/users/export", endpoint_id=known.id, template=known.template)
    assert scene.titles == ["GET /users/export", "GET /users/{userId}"]


def test_documents_give_names_and_words(scene: Scene) -> None:
    """An undocumented method of a documented path has the document's parameter names."""
    scene.declare(("GET", "/users/{name}"), ("GET", "/users/everyone"))
    assert [endpoint.first_seen for endpoint in scene.catalogue.endpoints()] == [None, None]
    news = scene.see("/users/4711/avatar", "/users/everyone")
    assert "GET /users/{name}/avatar" in scene.titles
    assert [(item.kind, item.subject) for item in news] == [
        ("undocumented_endpoint", "GET /users/{name}/avatar")
    ]
    news = scene.see("/users/4711", method="DELETE")
    assert [(item.kind, item.facts["known_methods"]) for item in news] == [("new_method", ["GET"])]


def test_a_declared_endpoint_takes_over_what_was_learned(scene: Scene) -> None:
    """Documenting a learned endpoint keeps when it was first seen, under the document's name."""
    scene.see("/orders/81723", time=START)
    scene.declare(("GET", "/orders/{number}"))
    scene.catalogue.refresh()
    assert scene.titles == ["GET /orders/{number}"]
    endpoint = scene.catalogue.endpoints()[0]
    assert endpoint.documented
    assert endpoint.first_seen == START
    assert scene.catalogue.learned_endpoints() == []


def test_an_endpoint_that_is_no_longer_declared_stays_when_it_was_called(scene: Scene) -> None:
    """One that was never called goes."""
    scene.declare(("GET", "/a"), ("GET", "/b"))
    called = next(endpoint for endpoint in scene.catalogue.endpoints() if endpoint.template == "/a")
    scene.see("/a", endpoint_id=called.id, template="/a")
    scene.declare()
    assert scene.titles == ["GET /a"]
    assert not scene.catalogue.endpoints()[0].documented


def test_a_new_version_is_news(scene: Scene) -> None:
    """`/v2` beside a documented `/v1` is one piece of news that says what is there."""
    scene.declare(("GET", "/v1/products"), ("GET", "/v1/products/{id}"))
    news = scene.see(
        "/v2/products/17", "/v2/customers/2d0e8c2e-97b5-4a0c-8f0e-6d9c5a0f6a11", sensitive_response=["email"]
    )
    versions = [item for item in news if item.kind == "new_version"]
    assert [item.subject for item in versions] == ["/v2"]
    assert versions[0].facts["known_versions"] == ["v1"]
    assert versions[0].facts["sensitive"] == ["email"]
    assert scene.catalogue.versions(scene.api) == {"/": ["v1", "v2"]}
    assert not [item for item in scene.see("/v2/orders/1") if item.kind == "new_version"]


def test_hosts_classes_and_missing_credentials_are_news(scene: Scene) -> None:
    """Each once: a further host, a further class, and an endpoint that no longer asks for credentials."""
    early = START - dt.timedelta(hours=4)
    scene.see("/invoices", time=early, auth_seen=["bearer"])
    assert [item.kind for item in scene.see("/invoices", host="other.example", auth_seen=["bearer"])] == [
        "new_host"
    ]
    found = scene.see("/invoices", sensitive_response=["iban"])
    assert {item.kind for item in found} == {"sensitive_class", "answers_without_credentials"}
    assert scene.see("/invoices", sensitive_response=["iban"]) == []


def test_calls_after_a_long_time_are_news(scene: Scene) -> None:
    """An endpoint that nobody called for more than 30 days."""
    scene.see("/legacy/export")
    endpoint = scene.catalogue.endpoints()[0]
    long_ago = dataclasses.replace(endpoint, last_seen=START - dt.timedelta(days=40))
    scene.book.endpoints[endpoint.id] = long_ago
    assert [item.kind for item in scene.see("/legacy/export")] == ["reappeared"]


def test_login_is_suggested(scene: Scene) -> None:
    """By the path's name, or because calls carry an account name; labels stay as configured."""
    scene.see("/session/token", method="POST")
    scene.see("/enter", method="POST", account_hash="abc")
    assert [endpoint.suggested_labels for endpoint in scene.catalogue.endpoints()] == [("login",), ("login",)]
    assert [endpoint.labels for endpoint in scene.catalogue.endpoints()] == [(), ()]


def test_a_restart_forgets_nothing(scene: Scene) -> None:
    """Times, ids, mergers and the place in the store survive, also when the events are gone."""
    scene.see(*(f"/tags/{chr(97 + number) * 4}" for number in range(14)), time=START)
    before = scene.catalogue.endpoints()
    scene.catalogue.save()
    scene.catalogue = scene.open()
    assert scene.catalogue.endpoints() == before
    assert scene.catalogue.refresh() == []
    assert scene.titles == ["GET /tags/{tagId}"]
    scene.see("/tags/zzzz", time=START + dt.timedelta(seconds=5))
    assert scene.titles == ["GET /tags/{tagId}"]
    assert scene.catalogue.endpoints()[0].first_seen == START
    assert scene.catalogue.endpoints()[0].calls == 15


def test_seeing_again_changes_nothing(scene: Scene) -> None:
    """Refreshing without new events gives no news and the same endpoints."""
    scene.see("/v1/orders/81723", "/v1/orders", "/v1/users/anna/orders")
    before = scene.catalogue.endpoints()
    assert scene.catalogue.refresh() == []
    assert scene.catalogue.endpoints() == before


def test_templates_that_clients_write_are_text(scene: Scene) -> None:
    """A path with braces cannot put a template of its own into the bundle."""
    scene.see("/{a}/{b}", "/x{y}z/q", "/%7Bc%7D")
    for title in scene.titles:
        assert title in ("GET /{id}/{id2}", "GET /{id}/q", "GET /{id}")


def test_batches_in_any_order_give_the_same_endpoints(store: Store, tmp_path: Path) -> None:
    """The same calls, mixed and in other batches, come to the same catalogue."""
    names = [f"{first}{second}" for first in "bcdfghjkl" for second in ("andy", "otto", "iris")]
    paths = [f"/v1/users/{name}/{what}" for name in names for what in ("posts", "likes")]
    paths += [f"/v1/orders/{number}" for number in range(1000, 1040)]
    paths += [
        "/v1/users/me",
        "/v1/orders",
        "/v1/reports/2026-01-02",
        "/static/a.js",
        "/static/b.js",
        "/static/c.js",
    ]
    found = []
    for seed in range(3):
        engine = open_state(tmp_path / f"{seed}.db")
        scene = Scene(store, engine)
        mixed = list(paths)
        random.Random(seed).shuffle(mixed)  # noqa: S311 (the same each time)
        for start in range(0, len(mixed), 25):
            scene.see(*mixed[start : start + 25])
        found.append(scene.titles)
        engine.dispose()
    assert found[0] == found[1] == found[2]
    assert "GET /v1/users/{userId}/posts" in found[0]
    assert len(found[0]) == 7


def test_a_burst_of_endpoints_is_learned_in_one_go(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thousand different resources at once: each is news once, and limits hold."""
    monkeypatch.setattr(
        book, "learn", lambda evidence, *_: {shape: Learned(shape, shape) for shape in evidence}
    )
    engine = open_state(tmp_path / "state.db")
    scene = Scene(store, engine, CatalogueLimits(endpoints=1_500))
    verbs = (
        "get",
        "list",
        "create",
        "update",
        "delete",
        "search",
        "export",
        "import",
        "enable",
        "disable",
        "verify",
        "cancel",
    )
    groups = (
        "users",
        "orders",
        "invoices",
        "products",
        "reports",
        "webhooks",
        "teams",
        "files",
        "events",
        "accounts",
        "payments",
        "messages",
        "tags",
        "jobs",
        "roles",
        "devices",
    )
    news = scene.see(
        *(
            f"/api/v1/{group}/{verb}-{noun}/{other}-all"
            for group in groups
            for verb in verbs
            for noun, other in zip(groups[:11], verbs, strict=False)
        )
    )
    assert len(scene.titles) == 1_500
    assert len([item for item in news if item.kind == "new_endpoint"]) == 1_500
    assert scene.catalogue.dropped["endpoints"] == len(groups) * 12 * 11 - 1_500
    engine.dispose()
