"""Checks of visibility: what changed."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from starfort.posture.finding import PostureFinding
from starfort.store import Store
from tests.support.checks import findings
from tests.support.events import START, event, stream

_numbers = itertools.count()


def _run(
    store: Store, name: str, before: list[dict[str, Any]], now: list[dict[str, Any]]
) -> list[PostureFinding]:
    api = f"changed-{next(_numbers)}"
    since = START - dt.timedelta(minutes=1)
    known = {"api": api, "endpoint_id": api, "template": "/orders"}
    rows = [event(**known, time=since - dt.timedelta(minutes=30), **fields) for fields in before]
    rows += [event(**known, time=START, **fields) for fields in now]
    store.insert_arrow(stream(rows), token=f"changed-{next(_numbers)}")
    return findings(store, name, api, around=(dt.timedelta(minutes=1), dt.timedelta(minutes=2)))


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


def test_a_contract_that_is_not_kept(store: Store) -> None:
    """Successful calls of several callers that break the contract; what the upstream refuses itself is none."""
    broken = {"contract": ["request:body/type:/price", "response:body/unknown:/internal"]}
    kept = _callers(50)
    (finding,) = _run(store, "broken_contract", [], [*kept, *_callers(6, **broken)])
    assert finding.title == "GET /orders breaks its contract: request:body/type, response:body/unknown"
    assert finding.severity == "medium"
    request_only = {"contract": ["request:query/unknown:/utm_source"]}
    (finding,) = _run(store, "broken_contract", [], [*kept, *_callers(6, **request_only)])
    assert finding.severity == "low"
    assert _run(store, "broken_contract", [], [*kept, *_callers(6, status=400, **broken)]) == []
    one = [{"address": "192.0.2.9", **broken}] * 6
    assert _run(store, "broken_contract", [], [*kept, *one]) == [], "one caller's fancy"
