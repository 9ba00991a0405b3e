"""Versions in paths and in what calls ask for."""

from __future__ import annotations

import pytest

from starfort.catalogue.model import VersionPlaces
from starfort.catalogue.versions import Version, version_asked, version_of

EVERYWHERE = VersionPlaces()


@pytest.mark.parametrize(
    ("template", "base", "name", "rest"),
    [
        ("/v1/orders/{orderId}", "/", "v1", "/orders/{}"),
        ("/api/v2", "/api", "v2", "/api"),
        ("/2024-01/orders", "/", "2024-01", "/orders"),
        ("/api/3/orders", "/api", "3", "/api/orders"),
        ("/shop/emea/public/rest/v2/orders", "/shop/emea/public/rest", "v2", "/shop/emea/public/rest/orders"),
        ("/{tenant}/v2/orders", "/{tenant}", "v2", "/{}/orders"),
        ("/orders/v1beta2/open", "/orders", "v1beta2", "/orders/open"),
    ],
)
def test_a_version_is_found_at_any_depth(template: str, base: str, name: str, rest: str) -> None:
    """Where it stands, what it is, and the path without it."""
    assert version_of(template, EVERYWHERE) == (Version("path", base, name), rest)


@pytest.mark.parametrize("template", ["/orders", "/files/deep/down/report/v1", "/", "/orders/{orderId}/view"])
def test_other_paths_have_none(template: str) -> None:
    """A version deep below and at the end is more likely that of a file."""
    assert version_of(template, EVERYWHERE) is None


def test_configured_places_are_the_only_ones() -> None:
    """`{version}` says where any text is a version; a place that is left out has none."""
    places = VersionPlaces(paths=("/{tenant}/{version}",))
    assert version_of("/acme/beta/orders", places) == (Version("path", "/acme", "beta"), "/acme/orders")
    assert version_of("/acme/{id}/orders", places) is None
    assert version_of("/v1", places) is None
    assert version_of("/v1/orders", VersionPlaces(places=frozenset({"header"}))) is None


def test_versions_that_calls_ask_for() -> None:
    """By header, query, media type or host, if the API is versioned there."""
    assert version_asked("header:2024-01", EVERYWHERE) == Version("header", "", "2024-01")
    assert version_asked("media:v2", VersionPlaces(places=frozenset({"path"}))) is None
    for text in ("", "header:", "path:v2", "elsewhere:v2"):
        assert version_asked(text, EVERYWHERE) is None


def test_versions_are_sorted_as_people_count() -> None:
    """v2 before v10, a year before the next."""
    names = ["v10", "v2", "v1", "2024-01", "2023-12"]
    found = sorted((Version("path", "/", name) for name in names), key=lambda one: one.age)
    assert [one.name for one in found if one.name[0] == "v"] == ["v1", "v2", "v10"]
    assert [one.name for one in found if one.name[0] == "2"] == ["2023-12", "2024-01"]
    assert Version("path", "/api", "v2").title == "/api/v2"
    assert Version("header", "", "2024-01").title == "2024-01 (header)"
