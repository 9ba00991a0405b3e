"""Checks of visibility: what is new, undocumented, forgotten or changed."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from starfort.catalogue import ApiFacts, Endpoint
from starfort.catalogue.finding import Finding, Scope
from starfort.store import Store
from starfort.visibility.findings import CHECKS, of_catalogue
from tests.support.events import START, event, stream

_numbers = itertools.count()
_BY_CODE = {check.code: check for check in CHECKS}
NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def _known(template: str, **fields: Any) -> Endpoint:
    known = {"first_seen": NOW - dt.timedelta(days=50), "last_seen": NOW, "origin": "documented"}
    return Endpoint(template, "shop", "h", "GET", template, **{**known, **fields})


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
    found = of_catalogue(endpoints, [ApiFacts("shop", documented=True)], NOW)
    assert {(row.code, row.endpoint_id, row.severity) for row in found} == {
        ("new_endpoint", "/new", "info"),
        ("undocumented_endpoint", "/wild", "high"),
        ("forgotten_endpoint", "/quiet", "low"),
        ("forgotten_endpoint", "/never", "low"),
    }
    assert not [
        row for row in of_catalogue(endpoints, [ApiFacts("shop")], NOW) if row.code.startswith("undoc")
    ]
    fresh = [
        _known("/never", first_seen=None, last_seen=None),
        _known("/usual", first_seen=NOW - dt.timedelta(1)),
    ]
    assert not [row for row in of_catalogue(fresh, [], NOW) if row.code == "forgotten_endpoint"]


def _run(store: Store, code: str, before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[Finding]:
    api = f"changed-{next(_numbers)}"
    since = START - dt.timedelta(minutes=1)
    known = {"api": api, "endpoint_id": api, "template": "/orders"}
    rows = [event(**known, time=since - dt.timedelta(minutes=30), **fields) for fields in before]
    rows += [event(**known, time=START, **fields) for fields in now]
    store.insert_arrow(stream(rows), token=f"changed-{next(_numbers)}")
    scope = Scope(since, START + dt.timedelta(minutes=2))
    return [row for row in _BY_CODE[code].run(store, scope) if row.api == api]


def _callers(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"address": f"192.0.2.{number % 5}", **fields} for number in range(count)]


def test_a_new_parameter(store: Store) -> None:
    """Several callers that send what nobody sent in the day before; a new type of a known one is none."""
    before = _callers(120, parameters=["query:page:integer"])
    now = _callers(6, parameters=["query:page:string", "body:is_admin:boolean"])
    (finding,) = _run(store, "changed_parameters", before, now)
    assert finding.title == "GET /orders is sent parameters that nobody sent before: body:is_admin"
    assert _run(store, "changed_parameters", before, now[:1]) == [], "one caller's fancy"
    assert _run(store, "changed_parameters", before[:50], now) == [], "too little is known"
    assert (
        _run(store, "changed_parameters", before, _callers(6, parameters=["query:x:string"], status=400))
        == []
    )


def test_a_new_class_of_status(store: Store) -> None:
    """5xx of an endpoint that answered 2xx and 4xx so far."""
    before = [*_callers(110), *_callers(5, status=404)]
    (finding,) = _run(
        store, "changed_statuses", before, [*_callers(9), *_callers(4, status=502), *_callers(4, status=403)]
    )
    assert finding.title == "GET /orders answers 5xx since now"
    assert finding.severity == "medium"
    assert _run(store, "changed_statuses", before, _callers(2, status=502)) == []
