"""Decisions of people about segments of paths."""

from __future__ import annotations

import pytest

from starfort.catalogue.decisions import Decisions, pattern_at


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("/tags/red", "/tags/{slug}"),
        ("/tags/red/posts", "/tags/{slug}/posts"),
        ("/tags/{integer}", "/tags/{integer}"),
        ("/tags", "/tags"),
        ("/other/red", "/other/red"),
        ("/shops/one/items/red", "/shops/one/items/{slug}"),
    ],
)
def test_values_are_slugs(shape: str, expected: str) -> None:
    """A word at a place of values is one, and nothing else is."""
    assert Decisions(values=["/tags/*", "/shops/{shopId}/items/*"]).with_values(shape) == expected


def test_words_stay_fixed() -> None:
    """The path to a word at a place of words is fixed, as if a document had it."""
    decisions = Decisions(words=["/api/*"])
    assert list(decisions.fixed("/api/chat.postMessage/x")) == ["/api/chat.postMessage"]
    assert list(decisions.fixed("/web/chat.postMessage")) == []
    assert list(Decisions().fixed("/api/x")) == []


def test_the_pattern_of_a_place() -> None:
    """Parameters before the place are `*`, and what is below it does not matter."""
    assert pattern_at("/shops/{shopId}/tags/{tagId}/posts", 3) == "/shops/*/tags/*"
    assert pattern_at("/{id}", 0) == "/*"
