"""The endpoint of a shape, as the engine finds it."""

from __future__ import annotations

import pytest

from starfort.catalogue.matcher import Matcher


@pytest.fixture
def matcher() -> Matcher:
    """Templates that overlap."""
    templates = [
        "/users/{userId}", "/users/me", "/users/{userId}/posts", "/users/me/posts", "/files/{name}.json",
        "/files/{fileId}", "/{any}/x", "/",
    ]  # fmt: skip
    found = Matcher(("GET", template, template) for template in templates)
    found.add("*", "/any", "any")
    return found


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("/users/{integer}", "/users/{userId}"),
        ("/users/anna", "/users/{userId}"),
        ("/users/me", "/users/me"),
        ("/users/me/posts", "/users/me/posts"),
        ("/users/{integer}/posts", "/users/{userId}/posts"),
        ("/files/{hex}.json", "/files/{name}.json"),
        ("/files/{hex}", "/files/{fileId}"),
        ("/files/x", "/files/{fileId}"),
        ("/users/x", "/users/{userId}"),
        ("/other/x", "/{any}/x"),
        ("/", "/"),
        ("/any", "any"),
        ("/nothing/here/at/all", ""),
    ],
)
def test_the_most_specific_template_wins(matcher: Matcher, shape: str, expected: str) -> None:
    """Fixed words before parameters, from left to right, with ways back where a word leads nowhere."""
    assert matcher.find("GET", shape) == expected


def test_the_method_counts(matcher: Matcher) -> None:
    """An endpoint for every method stands in for each; another method does not."""
    assert matcher.find("DELETE", "/any") == "any"
    assert matcher.find("DELETE", "/users/me") == ""


def test_hostile_templates_cost_little() -> None:
    """Parameters beside words at each of twenty levels do not multiply."""
    templates = [
        "/" + "/".join("a" if number >> place & 1 else "{p}" for place in range(12)) for number in range(4096)
    ]
    found = Matcher(("GET", template, template) for template in templates)
    assert found.find("GET", "/a" * 12) == "/a" * 12
    assert found.find("GET", "/a" * 11 + "/b") == "/a" * 11 + "/{p}"
    assert found.find("GET", "/b" * 11) == ""
