"""The catalogue as lists and pages show it."""

from __future__ import annotations

from collections.abc import Mapping

from starfort.admin.endpoints import EndpointView
from starfort.admin.filters import EndpointFilter
from starfort.admin.window import Window
from starfort.catalogue import Endpoint, endpoint_id
from starfort.store.parameters import Value
from starfort.store.rows import Row


async def _no_rows(bastion: str, name: str, parameters: Mapping[str, Value]) -> list[Row]:
    return []


async def _near(window: Window) -> bool:
    return False


async def test_labels_that_traffic_suggests_are_told_until_they_are_set() -> None:
    """A suggestion stands beside the labels in force, and no longer when it is one of them."""

    def login(api: str, *labels: str) -> Endpoint:
        return Endpoint(
            id=endpoint_id(api, "POST", "/login"), api=api, host="shop.example", method="POST",
            template="/login", origin="documented", labels=labels, suggested_labels=("login",),
        )  # fmt: skip

    endpoints = [login("a", "public"), login("b", "public", "login")]
    view = EndpointView(lambda: endpoints, _no_rows, _near, lambda _: {})
    rows = {row.api: row for row in (await view.page(EndpointFilter(), 10, 0)).items}
    assert (rows["a"].labels, rows["a"].suggested_labels) == (["public"], ["login"])
    assert (rows["b"].labels, rows["b"].suggested_labels) == (["public", "login"], [])
