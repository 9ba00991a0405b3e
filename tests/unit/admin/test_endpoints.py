"""The catalogue as lists and pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

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


async def test_nothing_is_said_of_credentials_that_nobody_could_see() -> None:
    """An endpoint of a log without headers is neither open nor called with credentials."""
    now = datetime.now(UTC)

    def called(path: str, auth: tuple[str, ...], opened: datetime | None) -> Endpoint:
        return Endpoint(
            id=endpoint_id("a", "GET", path), api="a", host="h", method="GET", template=path, origin="learned",
            first_seen=now, last_seen=now, auth_seen=auth, open_since=opened,
        )  # fmt: skip

    endpoints = [called("/log", (), None), called("/open", (), now), called("/key", ("api_key",), None)]
    view = EndpointView(lambda: endpoints, _no_rows, _near, lambda _: {})
    rows = {row.path: row.authenticated for row in (await view.page(EndpointFilter(), 10, 0)).items}
    assert rows == {"/log": None, "/open": False, "/key": True}
    assert (await view.counts()).unauthenticated == 1
