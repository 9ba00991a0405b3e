"""What enforcing contracts would do, from the events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starfort.admin import models
from starfort.admin.contract import contract_state
from starfort.base.sql import load_sql
from starfort.store import Store
from tests.support.events import event, stream


def _state(store: Store, scope: Mapping[str, str]) -> models.Page[models.ContractState]:
    async def rows(bastion: str, name: str, parameters: Mapping[str, Any]) -> list[Any]:
        return store.query(load_sql(bastion, f"queries/{name}"), parameters)

    return asyncio.run(contract_state(rows, "1h", scope, 10, 0))


def test_who_would_have_been_refused(store: Store) -> None:
    """Counts, callers and examples by endpoint; calls that keep the contract are left out."""
    known = {"api": "contract-state", "endpoint_id": "c0", "method": "POST", "template": "/orders"}
    observed = {"contract": ["request:body/type:/price"], "observed": ["block:@contract"]}
    refused = {
        "contract": ["request:body/type:/price", "request:body/unknown:/is_admin"],
        "action": "block", "policy": "@contract", "status": 400, "upstream": "",
    }  # fmt: skip
    rows = [
        *[event(**known, **observed, address=f"192.0.2.{n}", subject_hash=f"s{n % 2}") for n in range(4)],
        event(**known, **observed, status=422, id="00000000-0000-4000-8000-00000000c001"),
        event(**known, **refused, weight=2),
        event(**known, contract=["response:status:"]),
        event(**known),
        event(api="contract-state", method="GET", contract=["request:endpoint:"]),
    ]  # fmt: skip
    store.insert_arrow(stream(rows), token="contract-state")
    page = _state(store, {"api": "contract-state"})
    assert page.total == 2
    (one,) = _state(store, {"endpoint_id": "c0"}).items
    assert (one.method, one.template, one.calls, one.requests, one.responses) == ("POST", "/orders", 8, 7, 1)
    assert (one.refused, one.would_refuse, one.succeeded, one.addresses, one.subjects) == (2, 5, 4, 4, 2)
    assert [(v.value, v.count) for v in one.violations] == [
        ("request:body/type:/price", 7), ("request:body/unknown:/is_admin", 2), ("response:status:", 1),
    ]  # fmt: skip
    assert len(one.events) == 5
    assert [item.template for item in page.items] == ["/orders", ""]
    assert _state(store, {"api": "another"}).items == []
