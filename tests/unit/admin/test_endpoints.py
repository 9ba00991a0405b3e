"""The catalogue as lists and pages show it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

from starfort.admin.endpoints import EndpointView
from starfort.admin.filters import EndpointFilter
from tests.support.estate import Known, endpoint_id


async def _no_rows(*_: Any, **__: Any) -> list[dict[str, Any]]:
    return []


async def test_labels_that_traffic_suggests_are_told_until_they_are_set() -> None:
    """A suggestion stands beside the labels in force, and no longer when it is one of them."""

    def login(api: str, labels: list[str]) -> Known:
        return Known(
            id=endpoint_id(api, "POST", "/login"), api=api, host="shop.example", method="POST",
            template="/login", documented=True, labels=labels, first_seen=None, last_seen=None,
            suggested_labels=["login"],
        )  # fmt: skip

    endpoints = [login("a", ["public"]), login("b", ["public", "login"])]
    source = SimpleNamespace(catalogue=SimpleNamespace(endpoints=lambda: endpoints))
    view = EndpointView(source, _no_rows, AsyncMock(return_value=False))
    rows = {row.api: row for row in (await view.page(EndpointFilter(), 10, 0)).items}
    assert (rows["a"].labels, rows["a"].suggested_labels) == (["public"], ["login"])
    assert (rows["b"].labels, rows["b"].suggested_labels) == (["public", "login"], [])
