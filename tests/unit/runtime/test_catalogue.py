"""The catalogue as the runtime uses it: configurations in, alerts out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from starfort.bundle.learned import LearnedEndpoint
from starfort.config import LoadedConfig
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.toolchain import Toolchain
from starfort.state.database import open_state
from starfort.store import Store
from tests.support.events import START, event, stream

DOCUMENT = """openapi: 3.1.0
info: {title: Feed, version: "1"}
paths:
  /v1/products: {get: {responses: {"200": {description: ok}}}}
  /v1/products/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get: {responses: {"200": {description: ok}}}
"""

CONFIG = """version: 1
listeners: [{name: public, address: "127.0.0.1:8080"}]
upstreams: [{name: app, addresses: ["127.0.0.1:9001"]}]
apis:
  - name: feed
    upstream: app
    openapi: feed.yaml
    labels: [public]
    endpoints: [{match: POST /login}]
identity:
  jwt:
    - {name: a, issuer: a.example, jwks_file: keys.json}
    - {name: b, issuer: b.example, jwks_file: keys.json}
sensitive: {classes: [email, card_number]}
policies:
  - {name: hide, action: {mask: [card_number]}}
  - {name: all, action: mask}
  - {name: stop, action: block}
rules: {sets: [], api_rules: false}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedConfig:
    """A configuration of one documented API with one endpoint beside its document."""
    (tmp_path / "feed.yaml").write_text(DOCUMENT)
    (tmp_path / "keys.json").write_text('{"keys": [{"kty": "oct", "k": "AA"}]}')
    (tmp_path / "var").mkdir()
    path = tmp_path / "starfort.yaml"
    path.write_text(CONFIG)
    return Toolchain().load(path)


def test_a_new_version_goes_from_traffic_to_bundle_and_alerts(
    store: Store, tmp_path: Path, loaded: LoadedConfig
) -> None:
    """The retailer's story without Envoy: `/v2` is learned, told once, and stays learned when the bundle has it."""
    engine = open_state(tmp_path / "state.db")
    feed = CatalogueFeed(store, engine)
    feed.declare(Toolchain().build(loaded, ()))
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

    built = Toolchain().build(loaded, [learned])
    assert learned.path in [endpoint.path for endpoint in built.bundle.endpoints]
    feed.declare(built)
    assert feed.learned_endpoints() == [learned], "what the bundle got from here is not configured"
    assert [alert for alert in feed.refresh() if alert.kind == "new_version"] == []
    assert feed.board.configured.any_jwt_apis == ("feed",)
    feed.check()
    assert {finding.code for finding in feed.findings()} >= {"severe_data_unmasked", "undocumented_endpoint"}
    feed.close()
    engine.dispose()


def test_checks_know_what_policies_mask(store: Store, tmp_path: Path, loaded: LoadedConfig) -> None:
    """A policy's classes, or every class where it names none."""
    feed = CatalogueFeed(store, open_state(tmp_path / "state.db"))
    feed.declare(Toolchain().build(loaded, ()))
    assert feed.board.configured.masked == ("mask:hide card_number", "mask:all email", "mask:all card_number")


def test_learned_contracts_reach_the_bundle(store: Store, tmp_path: Path) -> None:
    """Shapes of several callers become a contract, which the engine gets, and which changes at most once a minute."""
    (tmp_path / "var").mkdir()
    path = tmp_path / "starfort.yaml"
    path.write_text(LEARNING)
    loaded = Toolchain().load(path)
    feed = CatalogueFeed(store, open_state(tmp_path / "state.db"))
    built = Toolchain().build(loaded, ())
    feed.declare(built)
    assert feed.learned_contracts(loaded.config)["taught"].operations == ()
    known = {"api": "taught", "method": "POST", "path": "/orders", "content_type": "application/json"}
    shape = '{"v":1,"b":[["o",{"state":[["s","",4,4,"a"]]},[]]],"f":"json"}'
    rows = [
        event(
            **known,
            endpoint_id=built.bundle.endpoints[0].id,
            time=START - dt.timedelta(seconds=900 - number * 20),
            address=f"192.0.2.{number % 5}",
            shape_request=shape,
        )
        for number in range(40)
    ]
    store.insert_arrow(stream(rows), token="taught-1")
    feed.refresh()
    assert feed.learned_contracts(loaded.config)["taught"].operations == (), "not before its time"
    feed._contracts_at = float("-inf")
    contracts = feed.learned_contracts(loaded.config)
    assert [one.path for one in contracts["taught"].operations] == ["/orders"]
    assert feed.learned_contracts(loaded.config) is contracts
    (compiled,) = Toolchain().build(loaded, (), contracts).bundle.contracts
    assert "state" in "".join(compiled.schemas)
    feed.close()


LEARNING = """
version: 1
listeners: [{name: web, address: "127.0.0.1:18080"}]
upstreams: [{name: taught, addresses: ["127.0.0.1:18081"]}]
rules: {sets: []}
apis:
  - name: taught
    upstream: taught
    contract: {source: learned, mode: enforce}
    endpoints: [{match: "POST /orders", labels: [order]}]
"""
