"""What the catalogue shows by itself: new, undocumented and forgotten endpoints."""

from __future__ import annotations

import datetime as dt
from typing import Any

from starfort.catalogue.model import ApiFacts, Endpoint
from starfort.posture.catalogue_check import CatalogueView
from starfort.posture.finding import PostureFinding
from starfort.visibility.catalogue_checks import CATALOGUE_CHECKS

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def _find(endpoints: list[Endpoint], *apis: ApiFacts) -> list[PostureFinding]:
    view = CatalogueView(endpoints, apis, NOW)
    return [finding for check in CATALOGUE_CHECKS for finding in check.find(view)]


def _known(template: str, **fields: Any) -> Endpoint:
    known = {"first_seen": NOW - dt.timedelta(days=50), "last_seen": NOW, "origin": "documented"}
    return Endpoint(template, "shop", "h", "GET", template, **{**known, **fields})


def test_a_deprecated_endpoint_that_is_called() -> None:
    """It is a zombie while calls come; one that nobody calls any more is none."""
    endpoints = [
        _known("/old", deprecated=True),
        _known("/open", deprecated=True, open_since=NOW),
        _known("/dead", deprecated=True, last_seen=NOW - dt.timedelta(days=8)),
        _known("/usual"),
    ]
    found = {row.endpoint_id: row.severity for row in _find(endpoints) if row.code == "zombie_endpoint"}
    assert found == {"/old": "low", "/open": "medium"}


def _old(endpoints: list[Endpoint]) -> dict[str, str]:
    found = _find(endpoints, ApiFacts("shop"))
    return {str(row.evidence["subject"]): row.severity for row in found if row.code == "old_version_alive"}


def test_an_old_version_beside_a_newer_one() -> None:
    """Every version but the newest, while it is called, once the newer one has been live for a month."""
    versions = [_known(f"/v{number}/orders") for number in (1, 2, 10)]
    assert _old(versions) == {"/v1": "low", "/v2": "low"}
    quiet = _known("/v1/orders", last_seen=NOW - dt.timedelta(days=8))
    fresh = _known("/v2/orders", first_seen=NOW - dt.timedelta(days=29))
    open_data = _known("/v1/orders", open_since=NOW, sensitive=("email",))
    assert _old([quiet, _known("/v2/orders")]) == {}
    assert _old([_known("/v1/orders"), fresh]) == {}
    assert _old([_known("/v1/orders"), _known("/orders")]) == {}
    assert _old([open_data, _known("/v2/orders")]) == {"/v1": "medium"}


def test_new_undocumented_and_forgotten_endpoints() -> None:
    """Each by what the catalogue knows of it."""
    endpoints = [
        _known("/usual"),
        _known("/new", first_seen=NOW - dt.timedelta(hours=2)),
        _known("/wild", origin="learned", sensitive=("iban",)),
        _known("/configured", origin="configured"),
        _known("/quiet", last_seen=NOW - dt.timedelta(days=31)),
        _known("/never", first_seen=None, last_seen=None),
    ]
    found = _find(endpoints, ApiFacts("shop", documented=True))
    assert {(row.code, row.endpoint_id, row.severity) for row in found} == {
        ("new_endpoint", "/new", "info"),
        ("undocumented_endpoint", "/wild", "high"),
        ("forgotten_endpoint", "/quiet", "low"),
        ("forgotten_endpoint", "/never", "low"),
    }
    assert not [row for row in _find(endpoints, ApiFacts("shop")) if row.code.startswith("undoc")]
    fresh = [
        _known("/never", first_seen=None, last_seen=None),
        _known("/usual", first_seen=NOW - dt.timedelta(1)),
    ]
    assert not [row for row in _find(fresh) if row.code == "forgotten_endpoint"]
