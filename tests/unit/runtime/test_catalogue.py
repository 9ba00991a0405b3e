"""The catalogue as the runtime uses it: configurations in, alerts out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from starfort.bundle.learned import LearnedEndpoint
from starfort.catalogue import Endpoint, News
from starfort.config.action_settings import Action
from starfort.runtime.catalogue import MAX_ROWS, CatalogueFeed, alerts_of
from starfort.state.database import open_state
from starfort.store import Store
from tests.support.events import START, event, stream


def _built(*endpoints: tuple[str, str, bool], configured: tuple[str, ...] = ()) -> Any:
    """What a configuration of one API came to; the bundle holds learned endpoints as well."""
    rows = [
        SimpleNamespace(api=0, method=method, path=path, labels=(), documented=documented)
        for method, path, documented in endpoints
    ]
    api = SimpleNamespace(name="feed", hosts=("*",), labels=("public",), documented=True, jwt_providers=())
    bundle = SimpleNamespace(apis=(api,), endpoints=rows, identity=SimpleNamespace(jwt_providers=("a", "b")))
    settings = SimpleNamespace(name="feed", endpoints=[SimpleNamespace(match=match) for match in configured])
    mask = SimpleNamespace(name="hide", action=Action.model_validate({"mask": ["card_number"]}))
    every = SimpleNamespace(name="all", action=Action.model_validate("mask"))
    block = SimpleNamespace(name="stop", action=Action.model_validate("block"))
    sensitive = SimpleNamespace(classes=["email", "iban"])
    config = SimpleNamespace(apis=[settings], policies=[mask, every, block], sensitive=sensitive)
    return SimpleNamespace(bundle=bundle, config=config)


def test_a_new_version_goes_from_traffic_to_bundle_and_alerts(store: Store, tmp_path: Path) -> None:
    """The retailer's story without Envoy: `/v2` is learned, told once, and stays learned when the bundle has it."""
    engine = open_state(tmp_path / "state.db")
    feed = CatalogueFeed(store, engine, None)
    documented = [("GET", "/v1/products", True), ("GET", "/v1/products/{id}", True)]
    feed.declare(_built(*documented, ("POST", "/login", False), configured=("POST /login",)))
    rows = [
        event(
            api="feed",
            path=f"/v2/customers/{number:08d}-0000-4000-8000-000000000000",
            sensitive_response=["card_number"],
        )
        for number in range(3)
    ]
    store.insert_arrow(stream(rows), token="feed-1")
    alerts = {alert.kind: alert for alert in feed.refresh() if "feed" in alert.dedup_key}
    assert alerts["new_version"].title == "New version of feed is live: /v2"
    assert alerts["new_version"].severity == "high"
    assert alerts["new_version"].evidence[0]["known_versions"] == "v1"
    assert alerts["undocumented_endpoint"].severity == "high", "card numbers for everybody"
    learned = LearnedEndpoint("feed", "GET", "/v2/customers/{customerId}")
    assert feed.learned_endpoints() == [learned]
    origins = {endpoint.title: endpoint.origin for endpoint in feed.endpoints()}
    assert origins["POST /login"] == "configured"

    feed.declare(
        _built(
            *documented, ("POST", "/login", False), ("GET", learned.path, False), configured=("POST /login",)
        )
    )
    assert feed.learned_endpoints() == [learned], "what the bundle got from here is not configured"
    assert [alert for alert in feed.refresh() if alert.kind == "new_version"] == []
    assert feed.board.posture.any_jwt_apis == ("feed",)
    assert {finding.code for finding in feed.findings()} >= {"severe_data_unmasked", "undocumented_endpoint"}
    feed.close()
    engine.dispose()


def test_a_burst_is_one_alert() -> None:
    """5,000 new endpoints of one API are one alert with a part of them as evidence; APIs are told apart."""
    news = [
        News(
            "new_endpoint",
            api,
            f"GET /{number}",
            Endpoint(str(number), api, "h", "GET", f"/{number}", "learned"),
        )
        for api, count in (("one", 5_000), ("two", 1))
        for number in range(count)
    ]
    first, second = alerts_of(news)
    assert first.title == "5000 new endpoints of one"
    assert len(first.evidence) == MAX_ROWS
    assert second.title == "New endpoint of two: GET /0"
    assert first.key != second.key


def test_severity_follows_what_is_at_stake() -> None:
    """Card numbers for everybody are urgent, an endpoint of an API without a document is a note."""
    plain = Endpoint("a", "x", "h", "GET", "/a", "learned")
    open_one = Endpoint("b", "x", "h", "GET", "/b", "learned", open_since=START - dt.timedelta(1))
    cases = [
        (News("new_endpoint", "x", "GET /a", plain, {"api_documented": False}), "info"),
        (News("undocumented_endpoint", "x", "GET /a", plain, {"api_documented": True}), "medium"),
        (News("sensitive_class", "x", "GET /b", open_one, {"classes": ["card_number"]}), "high"),
        (News("sensitive_class", "x", "GET /a", plain, {"classes": ["email"]}), "low"),
        (News("answers_without_credentials", "x", "GET /b", open_one, {}), "high"),
        (News("answers_without_credentials", "x", "GET /b", open_one, {"sensitive": ["us_ssn"]}), "critical"),
        (News("new_host", "x", "other.example"), "medium"),
    ]
    assert [alerts_of([news])[0].severity for news, _ in cases] == [severity for _, severity in cases]


def test_checks_know_what_policies_mask(store: Store, tmp_path: Path) -> None:
    """A policy's classes, or every class where it names none."""
    feed = CatalogueFeed(store, open_state(tmp_path / "state.db"), None)
    feed.declare(_built(("GET", "/a", True)))
    assert feed.board.posture.masked == ("mask:hide card_number", "mask:all email", "mask:all iban")
