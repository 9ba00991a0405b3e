"""Versions, decisions and limits as API and commands ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from starfort.admin.errors import NotFoundError
from starfort.admin.versions import ApiView
from starfort.catalogue import ApiFacts, Catalogue
from starfort.catalogue.model import Endpoint
from starfort.state.database import open_state
from starfort.store import Store


@pytest.fixture
def catalogue(store: Store, tmp_path: Path) -> Iterator[Catalogue]:
    """Two versions of an API."""
    engine = open_state(tmp_path / "state.db")
    found = Catalogue(store, engine)
    found.declare([ApiFacts("viewed")], [])
    for key, template in (
        ("a", "/v1/orders"),
        ("b", "/v2/orders"),
        ("c", "/v2/users/{userId}/tags/{tagId}"),
        ("d", "/"),
    ):
        found._book("viewed")._put(Endpoint(key, "viewed", "*", "GET", template, "learned"))
    yield found
    engine.dispose()


@pytest.fixture
def view(catalogue: Catalogue) -> ApiView:
    """What is asked."""
    return ApiView(cast(Any, SimpleNamespace(catalogue=catalogue)))


def test_versions_are_listed_and_compared(view: ApiView) -> None:
    """Oldest first; a version is compared with the one before it, and an unknown one is refused with what there is."""
    assert view.versions("viewed") == ["/v1", "/v2"]
    assert view.versions("nothing") == []
    found = view.compare("viewed", "/v2", "")
    assert (found.version, found.compared_with) == ("/v2", "/v1")
    assert found.endpoints_gained == ["GET /v2/users/{userId}/tags/{tagId}"]
    with pytest.raises(NotFoundError, match="/v1, /v2"):
        view.compare("viewed", "/v3", "")


def test_decisions_are_noted_and_taken_back(view: ApiView) -> None:
    """The last parameter is meant, or the segment that is named; `None` takes the decision back."""
    assert view.decide("c", None, "words", "ann") == ("viewed", "/v2/users/*/tags/*")
    assert view.decide("c", 3, "values", "ann") == ("viewed", "/v2/users/*")
    assert view.decide("a", None, "values", "bob") == ("viewed", "/v1/*")
    assert [(row.place, row.segments, row.user) for row in view.decisions()] == [
        ("/v1/*", "values", "bob"),
        ("/v2/users/*", "values", "ann"),
        ("/v2/users/*/tags/*", "words", "ann"),
    ]
    view.decide("c", None, None, "ann")
    assert len(view.decisions()) == 2


def test_a_decision_needs_a_place(view: ApiView) -> None:
    """An endpoint that exists, and a segment that it has."""
    with pytest.raises(NotFoundError):
        view.decide("nothing", None, "words", "ann")
    with pytest.raises(NotFoundError, match="2 segments"):
        view.decide("a", 3, "words", "ann")
    with pytest.raises(NotFoundError, match="root"):
        view.decide("d", None, "words", "ann")


def test_decisions_survive_a_restart(catalogue: Catalogue, view: ApiView, store: Store) -> None:
    """And still count more than the configuration."""
    view.decide("c", None, "words", "ann")
    again = Catalogue(store, catalogue._records._engine)
    again.declare([ApiFacts("viewed", values=("/v2/users/*/tags/*",))], [])
    assert list(again._book("viewed")._decisions.fixed("/v2/users/x/tags/y")) == ["/v2/users/x/tags/y"]


def test_usage_has_the_limits(view: ApiView) -> None:
    """Of each API that is configured."""
    (usage,) = [row for row in view.usage() if row.api == "viewed"]
    assert (usage.endpoints, usage.endpoints_limit, usage.shapes_limit) == (4, 5_000, 10_000)
